"""Worlds that are small enough to be worked out by hand: minute bars, flat at 100 but where a test says otherwise."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from engine.config import parse_spec
from engine.schema import SeriesKey
from tests.strategies import EPOCH_US, MINUTE, World, frame, iso

START = EPOCH_US + 60 * MINUTE
LAST_BAR = 9


class Bar(NamedTuple):
    """A bar that opens where it closes, unless told otherwise."""

    close: float
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float = 10.0


Table = Mapping[str, object]
NONE: Table = {}


def after(seconds: float) -> int:
    """Return the time so many seconds after the start [µs]."""
    return START + round(seconds * 1e6)


def bars(changes: Mapping[int, Bar | None] | None = None, *, level: float = 100.0, first: int = -2, last: int = LAST_BAR) -> pl.DataFrame:
    """Return minute bars; bar n opens n minutes after the start; None leaves one out."""
    found = {n: Bar(level) for n in range(first, last + 1)} | dict(changes or {})
    return frame([_row(n, bar) for n, bar in sorted(found.items()) if bar is not None])


def _row(n: int, bar: Bar) -> tuple[int, float, float, float, float, float]:
    opened = bar.close if bar.open is None else bar.open
    high = max(opened, bar.close) if bar.high is None else bar.high
    low = min(opened, bar.close) if bar.low is None else bar.low
    return START + n * MINUTE, opened, high, low, bar.close, bar.volume


def small(
    series: Mapping[str, pl.DataFrame],
    *,
    minutes: int = 6,
    strategy: Table = NONE,
    execution: Table = NONE,
    venues: Mapping[str, Table] = NONE,  # type: ignore[assignment]
    instruments: Mapping[str, Table] = NONE,  # type: ignore[assignment]
    **top: object,
) -> World:
    """Return a world of the series, named "venue BASE/QUOTE": no fees, latencies or spread, 10 BTC and 10,000 of each money everywhere."""
    names = [key.split(" ") for key in series]
    form: dict[str, Any] = {
        "name": "small",
        "start": iso(START),
        "end": iso(START + minutes * MINUTE),
        "interval": "1m",
        "strategy": {"kind": "spatial", "threshold_bps": 1.0, **strategy},
        "execution": {"volume_share": 1.0, **execution},
        "venues": {venue: {**_venue(venue, names), **venues.get(venue, {})} for venue, _ in names},
        "instruments": [{**_instrument(*name), **instruments.get(" ".join(name), {})} for name in names],
        **top,
    }
    return World(form=form, spec=parse_spec(form), bars={SeriesKey(*name): series[" ".join(name)] for name in names})


def _venue(venue: str, names: list[list[str]]) -> dict[str, object]:
    held = {currency for where, name in names if where == venue for currency in name.split("/")}
    balances = {currency: "10" if currency == "BTC" else "10000" for currency in sorted(held)}
    return {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s", "balances": balances}


def _instrument(venue: str, name: str) -> dict[str, object]:
    use = "trade" if name.startswith("BTC/") else "convert"
    return {"venue": venue, "name": name, "use": use, "half_spread_bps": 0.0, "tick": "0.01", "lot": "0.01", "min_notional": "0"}


def dear_alfa(n: int = 0, **changes: object) -> World:
    """Return the world in which bar n closes at 101 at alfa and at 100 at bravo, and nothing else happens."""
    return small({"alfa BTC/USD": bars({n: Bar(101.0, open=100.0)}), "bravo BTC/USD": bars()}, **changes)  # type: ignore[arg-type]
