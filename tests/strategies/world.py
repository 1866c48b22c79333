"""A world: a spec as a user writes it, and the data that it runs on; and the small grammar that both are written in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from engine.config import Spec, parse_spec
from engine.schema import BARS, TIMESTAMP, US_PER_SECOND, SeriesKey, instant

SECOND = US_PER_SECOND
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
EPOCH_US = 1_704_067_200 * SECOND
"""2024-01-01T00:00:00Z, a Monday, on which bars of every interval here begin."""

ATOM = Decimal("1e-8")
PRICES = ("open", "high", "low", "close")
LEVEL_COLUMNS = ("bid", "bid_size", "ask", "ask_size")
QuoteRow = tuple[int | None, int | None, *tuple[float | None, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A spec as a user writes it, the same parsed, and bars or quotes for every series of it."""

    form: dict[str, Any]
    spec: Spec
    data: dict[SeriesKey, pl.DataFrame]

    def __repr__(self) -> str:
        return f"<{self.spec.name}: {', '.join(f'{key} ({table.height} rows)' for key, table in self.data.items())}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text("<a world>" if cycle else repr(self))  # Hypothesis would print every field

    def but(self, **parts: object) -> "World":
        """Return the world with parts of the form replaced."""
        form = {**self.form, **parts}
        return World(form=form, spec=parse_spec(form), data=self.data)

    def on(self, data: Mapping[SeriesKey, pl.DataFrame]) -> "World":
        """Return the world with other data."""
        return World(form=self.form, spec=self.spec, data=dict(data))


def frame(rows: Sequence[tuple[int, float, float, float, float, float]]) -> pl.DataFrame:
    """Return (open time [µs], open, high, low, close, volume) rows as bars."""
    return pl.DataFrame(rows, schema=BARS, orient="row")


def quote_frame(rows: Sequence[QuoteRow]) -> pl.DataFrame:
    """Return (event time, receive time [µs], then bid, bid size, ask, ask size of each level) rows as quotes; None is a null."""
    levels = max(((len(row) - 2) // 4 for row in rows), default=1)
    names = [name if n == 1 else f"{name}_{n}" for n in range(1, levels + 1) for name in LEVEL_COLUMNS]
    schema = {"ts": pl.Int64(), "received": pl.Int64()} | dict.fromkeys(names, pl.Float64())
    whole = [(*row, *(None for _ in range(2 + 4 * levels - len(row)))) for row in rows]
    return pl.DataFrame(whole, schema=schema, orient="row").with_columns(pl.col("ts", "received").cast(TIMESTAMP))


def iso(us: int) -> str:
    """Return µs since the epoch as specs write times."""
    return f"{instant(us):%Y-%m-%dT%H:%M:%SZ}"


def scaled(amount: str, factor: float) -> str:
    """Return an amount times a factor in whole atoms, at least one if it is not zero."""
    exact = (Decimal(amount) * Decimal(repr(factor))).quantize(ATOM)
    return f"{max(exact, ATOM) if Decimal(amount) else exact:f}"
