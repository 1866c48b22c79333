"""How a world trades: strategy, execution, and what risk and quality stop."""

from collections.abc import Sequence
from typing import Any

from tests.strategies.markets import COIN_PRICES, Window
from tests.strategies.tape import Tape
from tests.strategies.world import scaled

RESIDUALS = ("unwind", "unwind", "hedge", "hedge", "carry")
SIZES: tuple[dict[str, str], ...] = (
    {"size": "max"},
    {"max_notional": "60"},
    {"max_notional": "10000000000"},
    {"max_notional": "400"},
    {"max_notional": "0.62"},
    {"size": "fixed", "fixed_notional": "0.61"},
    {"size": "fixed", "fixed_notional": "20"},
    {"size": "fixed", "fixed_notional": "33.33"},
)


CYCLE_SIZES: tuple[dict[str, str], ...] = (
    {"size": "max"},
    {"max_notional": "400"},
    {"size": "max"},
    {"max_notional": "60"},
    {"max_notional": "10000000000"},
    {"max_notional": "6.2"},
    {"size": "fixed", "fixed_notional": "20"},
    {"size": "fixed", "fixed_notional": "33.33"},
)


def spatial(tape: Tape) -> dict[str, object]:
    """Draw the strategy: mostly all that there is, at low thresholds."""
    return {"kind": "spatial", "threshold_bps": tape.pick((0.0, 0.5, 5.0, 20.0, -15.0)), "cool_down": cool_down(tape), **tape.pick(SIZES)}


def triangular(tape: Tape, start: str) -> dict[str, object]:
    """Draw the same of cycles that begin with a currency."""
    price = COIN_PRICES.get(start, 1.0)
    size = {key: value if key == "size" or value == "10000000000" else scaled(value, 1 / price) for key, value in tape.pick(CYCLE_SIZES).items()}
    send = tape.pick(("together", "sequence", "together"))
    least = {"threshold_bps": tape.pick((0.0, -15.0, -60.0, 5.0, -200.0)), "cool_down": cool_down(tape)}
    return {"kind": "triangular", "start": start, "send": send, **least, **size}


def pegs(tape: Tape, window: Window) -> dict[str, object]:
    """Draw a bet on a peg: bands or a z-score, mostly with little to gain, and when it is given up."""
    form: dict[str, object] = {"kind": "peg", "threshold_bps": tape.pick((5.0, 1.0, 20.0, 40.0)), "cool_down": cool_down(tape), **tape.pick(SIZES)}
    ticks = min(tape.pick((5, 2, 9)), (window.end - window.start) // window.clock)
    if tape.once_in(2) and ticks >= 2:
        levels = {"entry_z": tape.pick((0.5, 0.2, 1.0)), "exit_z": tape.pick((0.0, -0.5, 0.1)), "window": f"{ticks * window.clock}us"}
        form |= {"signal": "zscore", "threshold_bps": tape.pick((-20.0, 0.0, -100.0, 1.0)), **levels}
    else:
        form["exit_bps"] = tape.pick((0.0, -10.0, 0.5, -2.0))
    often = {"stop_bps": (20.0, 5.0, 60.0), "hold_at_most": (f"{2 * window.clock}us", "90s", f"{5 * window.clock}us")}
    form |= {name: tape.pick(values) for name, values in often.items() if tape.once_in(2)}
    return form if tape.once_in(3) else {**form, "pause": tape.pick(("0s", "1m", f"{3 * window.clock}us"))}


def cool_down(tape: Tape) -> str:
    """Draw how long a combination rests."""
    return tape.pick(("0s", "0s", "0s", "2s", "1m", "90s", "5m"))


def executions(tape: Tape, window: Window, *, residuals: Sequence[str] = RESIDUALS) -> dict[str, object]:
    """Draw how orders are sent and what becomes of a residual."""
    form: dict[str, Any] = {
        "take_share": tape.pick((1.0, 1.0, 0.33)),
        "tolerance_bps": tape.pick((10.0, 0.0, 0.0, 1.0, 100.0)),
        "residual": tape.pick(residuals),
        "residual_bps": tape.pick((50.0, 0.0, 200.0)),
    }
    if window.data != "bars":
        return form
    waits = tape.pick((None, None, 2, 3))
    form |= {"volume_share": tape.pick((0.1, 1.0, 0.33, 0.5, 0.01)), "fill_price": tape.pick(("open", "open", "worst"))}
    return form if waits is None else {**form, "max_wait": f"{waits * window.interval}us"}


def risks(tape: Tape, limited: Sequence[str]) -> dict[str, object]:
    """Draw limits, none of them in most worlds; some on what is held of these currencies."""
    often = {
        "max_gross_edge_bps": (60.0, 160.0),
        "max_residual": ("0.00000001", "1", "30"),
        "max_venue_open": ("5", "100", "1"),
        "max_in_flight": ("2", "1000"),
        "max_drawdown": ("0.01", "0.5", "5"),
        "max_misses": (1, 2, 4),
    }
    form: dict[str, object] = {name: tape.pick(values) for name, values in often.items() if tape.once_in(6)}
    if limited and tape.once_in(2):
        form["max_asset"] = {c: tape.pick(("40", "400", "3100", "100000")) for c in limited if tape.once_in(2)}
    return form | ({"depeg_guard": _guards(tape)} if tape.once_in(4) else {})


def _guards(tape: Tape) -> dict[str, object]:
    form: dict[str, object] = {"off_par_bps": tape.pick((5.0, 5.0, 25.0, 100.0)), "ticks": tape.pick((1, 2, 5))}
    return {**form, "action": "go_on"} if tape.once_in(4) else form


def qualities(tape: Tape) -> dict[str, object]:
    """Draw how far a bar may go."""
    return tape.pick(({}, {"wick_bps": 250.0}, {}, {"wick_bps": 90.0}))
