"""Worlds of spot against a perpetual: prices that part and meet again, funding, margins that are tight, and positions that are closed for us."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from hypothesis import strategies as st

from engine.config import parse_spec
from engine.schema import FUNDING, funding_key
from tests.strategies.markets import Data, Market, Window, instruments, links, windows
from tests.strategies.policies import RESIDUALS, cool_down, executions, qualities, risks
from tests.strategies.special import price_columns
from tests.strategies.tape import Tape
from tests.strategies.transfers import DESK, transfers
from tests.strategies.venues import venues
from tests.strategies.world import SECOND, World, iso
from tests.strategies.worlds import KEPT, KINDS, tables, tapes

MARGINS = ((1_000.0, 500.0), (100.0, 50.0), (10_000.0, 9_990.0), (100.0, 90.0), (2_000.0, 1_990.0), (50.0, 10.0))
THRESHOLDS = ((0.0, 5.0), (-15.0, 20.0), (20.0, -15.0), (-40.0, 45.0), (5.0, 0.5))
STEPS_BPS = (0, 0, 0, 4, -4, 10, -10, 40, -40, 100, -100, 300, -300)
RATES = (0.0001, 0.0, -0.0001, 0.003, -0.003, 0.00033333, 0.01, -0.01)


def basis_worlds(*, most: int = 40, data: Data | None = None) -> st.SearchStrategy[World]:
    """Draw worlds in which most runs open a position, and many close it, pay funding or are liquidated."""
    return st.builds(basis_of, st.integers(0, 2**32 - 1), st.sampled_from(KEPT), most=st.just(most), data=st.just(data))


def basis_of(seed: int, kept: tuple[float, float] = (1.0, 1.0), *, most: int = 40, data: Data | None = None) -> World:
    """Return the world of a perpetual of a seed."""
    tape, for_data = tapes(seed, kept)
    kind = tape.pick(KINDS) if data is None else data
    market = _market(tape, kind)
    window = windows(tape, kind, most=most, midnight=tape.once_in(3))
    form = _form(tape, market, window, name=f"basis {seed} {kept}")
    spec = parse_spec(form)
    frames = tables(for_data, spec, form, window)
    key = next(i.key for i in spec.instruments if i.perpetual is not None)
    frames[key] = parted(for_data, frames[key])
    frames[funding_key(key)] = _funding(for_data, window)
    return World(form=form, spec=spec, data=frames)


def _market(tape: Tape, data: Data) -> Market:
    # spot and perpetual at two venues, or at one that calls them differently
    numeraire, home, foreign = tape.pick(
        (("USD", "USD", "USD"), ("USD", "USDC", "USDC"), ("USD", "USD", "USDC"), ("USD", "USDC", "USD"), ("USDC", "USDC", "USD"))
    )
    base = tape.pick(("BTC", "BTC", "SHIB", "GOLD"))
    venue = "alfa" if home != foreign and tape.once_in(2) else "bravo"
    initial, maintenance = tape.pick(MARGINS)
    margins = {"initial_margin_bps": initial, "maintenance_margin_bps": maintenance}
    found = [
        _lasting(tape, instruments(tape, "alfa", f"{base}/{home}", "trade", data)),
        _lasting(tape, {**instruments(tape, venue, f"{base}/{foreign}", "trade", data), "perpetual": margins}),
    ]
    others = sorted({home, foreign} - {numeraire})
    for currency in others:
        found += links(tape, currency, numeraire, ("convert",) if home != foreign else ("mark", "convert"), data)
    if base != "BTC" or tape.once_in(4):
        found.append(instruments(tape, "charlie", f"{base}/{numeraire}", "mark", data))
    if tape.once_in(3):
        found.append(instruments(tape, "charlie", f"BNB/{numeraire}", "mark", data))
    return Market(numeraire=numeraire, base=base, par=[], instruments=found)


def _lasting(tape: Tape, terms: dict[str, object]) -> dict[str, object]:
    return {**terms, "max_age": "30s"} if terms["data"] == "quotes" and not tape.once_in(3) else terms


def _form(tape: Tape, market: Market, window: Window, *, name: str) -> dict[str, Any]:
    perpetual = next(i for i in market.instruments if "perpetual" in i)
    places = {name: _charged(perpetual, name, venues(tape, name, market, window)) for name in market.venues}
    spot = market.instruments[0]
    if perpetual["venue"] != "alfa" and not tape.once_in(3):  # little that many packages take all of
        held = places[str(perpetual["venue"])]["balances"]
        held[str(perpetual["name"]).partition("/")[2]] = tape.pick(("3", "10", "0.5", "30"))
    moving = transfers(tape, Market(numeraire=market.numeraire, base="", par=[], instruments=_moved(market)), window)
    ends = {str(route[end]) for route in moving.get("routes", []) for end in ("source", "destination")}
    desk = {DESK: {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s"}} if DESK in ends else {}
    strategy = _strategy(tape, window, can_sell=float(places[str(spot["venue"])]["balances"].get(market.base, 0)) > 0)
    risk = {key: value for key, value in risks(tape, []).items() if key != "max_asset"}
    return {
        "version": 2,
        "name": name,
        "numeraire": market.numeraire,
        "start": iso(window.start),
        "end": iso(window.end),
        **({"interval": f"{window.interval // SECOND}s"} if window.data != "quotes" else {}),
        "clock": f"{window.clock // SECOND}s",
        "strategy": strategy,
        "execution": executions(tape, window, residuals=RESIDUALS),
        "risk": risk,
        "quality": qualities(tape),
        "venues": places | desk,
        "instruments": market.instruments,
        **moving,
    }


def _moved(market: Market) -> list[dict[str, object]]:
    # money alone: of the base there is only one wallet
    quotes = [(str(i["venue"]), str(i["name"]).partition("/")[2]) for i in market.instruments if i["use"] == "trade"]
    return [{"venue": venue, "name": f"{quote}/{quote}", "use": "trade"} for venue, quote in quotes]


def _charged(perpetual: Mapping[str, object], name: str, venue: dict[str, Any]) -> dict[str, Any]:
    # nothing is taken of what a perpetual brings
    if name != perpetual["venue"]:
        return venue
    base = str(perpetual["name"]).partition("/")[0]
    fees = [{**row, "charged_in": "quote" if row["charged_in"] == "received" else row["charged_in"]} for row in venue.get("fees", [])]
    found = {**venue, **({"fees": fees} if fees else {})}
    if found.get("fee_currency") == "received":
        del found["fee_currency"]
    if name != "alfa":
        found["balances"] = {c: amount for c, amount in found["balances"].items() if c != base}
    return found


def _strategy(tape: Tape, window: Window, *, can_sell: bool) -> dict[str, object]:
    entry, exit_ = tape.pick(THRESHOLDS)
    form: dict[str, object] = {"kind": "basis", "threshold_bps": entry, "exit_bps": exit_, "cool_down": cool_down(tape)}
    form |= tape.pick(({}, {"max_notional": "60"}, {"max_notional": "400"}, {}, {"max_notional": "6.2"}))
    form |= {"funding_payments": tape.pick((1, 3))} if tape.once_in(3) else {}
    form |= {"directions": "both"} if can_sell and tape.once_in(2) else {}
    form |= {"max_hold": f"{tape.pick((1, 2, 5)) * window.clock}us"} if tape.once_in(4) else {}
    return form | ({"stop_bps": entry + tape.pick((1.0, 20.0, 60.0)) if entry > 0 else tape.pick((5.0, 30.0))} if tape.once_in(4) else {})


def parted(tape: Tape, table: pl.DataFrame) -> pl.DataFrame:
    """Return prices that part from what they were, step by step."""
    if not table.height:
        return table
    code = tape.take(table.height)
    away, factors = 0, []
    for byte in code:
        away = away + STEPS_BPS[byte % len(STEPS_BPS)] if byte % 3 == 0 else away
        factors.append(1 + max(min(away, 2_000), -2_000) * 1e-4)
    columns = price_columns(table)
    digits = 6 if "bid" in table.columns else 7
    return table.with_columns(((pl.col(c) * pl.Series(factors)).round_sig_figs(digits)).alias(c) for c in columns)


def _funding(tape: Tape, window: Window) -> pl.DataFrame:
    # payments every few ticks, published as they are paid or before that
    step = tape.pick((3, 5, 2, 10)) * window.clock
    first = window.start - step + tape.pick((0, SECOND, 7 * SECOND))
    due = range(first, window.end + 2 * step, step)
    rows = [(at, at - tape.pick((0, SECOND, step, 3 * step)) if tape.once_in(2) else None, tape.pick(RATES)) for at in due]
    plain = pl.DataFrame(rows, schema={"ts": pl.Int64(), "published": pl.Int64(), "rate": pl.Float64()}, orient="row")
    return plain.cast(dict(FUNDING))  # type: ignore[arg-type]
