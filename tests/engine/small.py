"""Worlds that are small enough to be worked out by hand: flat at 100, but where and when a test says otherwise."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from engine import bar_series, quote_series
from engine.config import Instrument, Spec, parse_spec
from engine.observations import Observed
from engine.schema import ATOMS_PER_UNIT, SeriesKey
from engine.series import room
from tests.strategies import EPOCH_US, MINUTE, World, frame, iso, quote_frame

START = EPOCH_US + 60 * MINUTE
LAST_BAR = 9


class Bar(NamedTuple):
    """A bar that opens where it closes, unless told otherwise."""

    close: float
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float = 10.0


class Book(NamedTuple):
    """A bid and an ask of 10 each, unless told otherwise, and (bid, size, ask, size) of further levels."""

    bid: float
    ask: float
    bid_size: float = 10.0
    ask_size: float = 10.0
    more: tuple[tuple[float | None, float | None, float | None, float | None], ...] = ()


FLAT = Book(100.0, 100.0)
Table = Mapping[str, object]
NONE: Table = {}


def after(seconds: float) -> int:
    """Return the time so many seconds after the start [µs]."""
    return START + round(seconds * 1e6)


def coins(amount: float) -> int:
    """Return an amount in atoms."""
    return round(amount * ATOMS_PER_UNIT)


def bars(changes: Mapping[int, Bar | None] | None = None, *, level: float = 100.0, first: int = -2, last: int = LAST_BAR) -> pl.DataFrame:
    """Return minute bars; bar n opens n minutes after the start; None leaves one out."""
    found = {n: Bar(level) for n in range(first, last + 1)} | dict(changes or {})
    return frame([_row(n, bar) for n, bar in sorted(found.items()) if bar is not None])


def _row(n: int, bar: Bar) -> tuple[int, float, float, float, float, float]:
    opened = bar.close if bar.open is None else bar.open
    high = max(opened, bar.close) if bar.high is None else bar.high
    low = min(opened, bar.close) if bar.low is None else bar.low
    return START + n * MINUTE, opened, high, low, bar.close, bar.volume


def books(changes: Mapping[float, Book] | None = None, *, first: Book = FLAT) -> pl.DataFrame:
    """Return quotes with event times only: one 10 s before the start, then those of so many seconds after it."""
    found = {-10.0: first} | {float(at): book for at, book in (changes or {}).items()}
    return quote_frame([(after(at), None, *_levels(book)) for at, book in found.items()])


def level(price: float) -> pl.DataFrame:
    """Return quotes that stay at one price, renewed after four minutes, so that they mark."""
    return books({240 * n - 20: Book(price, price) for n in range(1, 5)}, first=Book(price, price))


def _levels(book: Book) -> tuple[float | None, ...]:
    return (book.bid, book.bid_size, book.ask, book.ask_size, *(x for further in book.more for x in further))


def alone(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Observed:
    """Return what becomes of one instrument's frame, in columns of its own."""
    reader = bar_series if instrument.data == "bars" else quote_series
    found = reader.read(spec, instrument, frame)
    return reader.fill(spec, found, room(found.rows, found.bars, found.levels))


def small(
    series: Mapping[str, pl.DataFrame],
    *,
    minutes: float = 6,
    strategy: Table = NONE,
    execution: Table = NONE,
    venues: Mapping[str, Table] = NONE,  # type: ignore[assignment]
    instruments: Mapping[str, Table] = NONE,  # type: ignore[assignment]
    **top: object,
) -> World:
    """Return a world of the series, named "venue BASE/QUOTE".

    No fees, latencies or spread; 10 BTC and 10,000 of each money everywhere; residuals are carried; a quote counts for an hour.
    """
    names = [key.split(" ") for key in series]
    places = {venue: _venue(venue, names) for venue, _ in names} | {venue: dict(DESK) for venue in venues if venue not in {v for v, _ in names}}
    form: dict[str, Any] = {
        "version": 2,
        "name": "small",
        "start": iso(START),
        "end": iso(START + round(minutes * MINUTE)),
        "interval": "1m",
        "strategy": {"kind": "spatial", "threshold_bps": 1.0, **strategy},
        "execution": {"volume_share": 1.0, "residual": "carry", **execution},
        "venues": {venue: _changed(place, venues.get(venue, {})) for venue, place in places.items()},
        "instruments": [_changed(_instrument(*name, series[" ".join(name)]), instruments.get(" ".join(name), {})) for name in names],
        **top,
    }
    return World(form=form, spec=parse_spec(form), data={SeriesKey(*name): series[" ".join(name)] for name in names})


DESK: Table = {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s"}


def _venue(venue: str, names: list[list[str]]) -> dict[str, object]:
    held = {currency for where, name in names if where == venue for currency in name.split("/")}
    balances = {currency: "10" if currency == "BTC" else "10000" for currency in sorted(held)}
    return {**DESK, "balances": balances}


def _instrument(venue: str, name: str, table: pl.DataFrame) -> dict[str, object]:
    use = "trade" if name.startswith("BTC/") else "convert"
    kind = {"data": "bars", "half_spread_bps": 0.0} if "open" in table.columns else {"data": "quotes", "max_age": "1h"}
    return {"venue": venue, "name": name, "use": use, "tick": "0.01", "lot": "0.01", "min_notional": "0", **kind}


def _changed(table: Table, changes: Table) -> dict[str, object]:
    # a schedule stands instead of the one fee, and None takes a key away
    merged = {**table, **({"fee_bps": None} if "fees" in changes else {}), **changes}
    return {key: value for key, value in merged.items() if value is not None}


def dear_alfa(n: int = 0, **changes: object) -> World:
    """Return the world in which bar n closes at 101 at alfa and at 100 at bravo, and nothing else happens."""
    return small({"alfa BTC/USD": bars({n: Bar(101.0, open=100.0)}), "bravo BTC/USD": bars()}, **changes)  # type: ignore[arg-type]


def cyclic(
    btc: Mapping[float, Book] | None = None,
    cross: Mapping[float, Book] | None = None,
    eth: Mapping[float, Book] | None = None,
    *,
    more: Mapping[str, pl.DataFrame] = NONE,  # type: ignore[assignment]
    **changes: Any,
) -> World:
    """Return a world of cycles of USD at alfa: BTC/USD at 100, ETH/BTC at 0.05 and ETH/USD at 5, but when they are said to change.

    Its two cycles: buy BTC, buy ETH for it, sell that; or buy ETH, sell it for BTC, sell that. 10 BTC, 10,000 USD and ETH; sizes of 1,000.
    """
    series = {
        "alfa BTC/USD": books(btc, first=thick(100.0)),
        "alfa ETH/BTC": books(cross, first=thick(0.05)),
        "alfa ETH/USD": books(eth, first=thick(5.0)),
        **more,
    }
    terms: dict[str, Table] = {name: {"use": "trade"} for name in series} | {"alfa ETH/BTC": {"use": "trade", "tick": "0.0001"}}
    for name, extra in changes.pop("instruments", {}).items():
        terms[name] = {**terms[name], **extra}
    strategy = {"kind": "triangular", "start": "USD", **changes.pop("strategy", {})}
    return small(series, strategy=strategy, instruments=terms, **{"minutes": 1, **changes})


def thick(bid: float, ask: float | None = None) -> Book:
    """Return a book of 1,000 on either side."""
    return Book(bid, bid if ask is None else ask, 1_000.0, 1_000.0)
