"""Worlds of spot against a perpetual that are small enough to be worked out by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from engine.config import parse_spec
from engine.schema import FUNDING, SeriesKey, funding_key
from tests.engine.small import FLAT, NONE, START, Book, Table, after, books
from tests.strategies import MINUTE, World, iso

SPOT, PERPETUAL = SeriesKey("alfa", "BTC/USD"), SeriesKey("bravo", "BTC/USD")
FREE: Table = {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s"}
FAR = 3_600.0


def payments(*rows: tuple[float, float | None, float]) -> pl.DataFrame:
    """Return funding: when it is paid and when it was published [s after the start], and its rate."""
    plain = [(after(due), None if known is None else after(known), rate) for due, known, rate in rows]
    return pl.DataFrame(plain, schema={"ts": pl.Int64(), "published": pl.Int64(), "rate": pl.Float64()}, orient="row").cast(dict(FUNDING))  # type: ignore[arg-type]


NO_FUNDING = payments((-FAR, None, 0.0), (FAR, None, 0.0), (3 * FAR, None, 0.0))
"""None that falls into a run of some minutes."""


def basis(
    spot: Mapping[float, Book] | None = None,
    perpetual: Mapping[float, Book] | None = None,
    *,
    funding: pl.DataFrame = NO_FUNDING,
    first: Sequence[Book] = (FLAT, FLAT),
    minutes: float = 6,
    strategy: Table = NONE,
    margins: tuple[float, float] = (1_000.0, 500.0),
    venues: Mapping[str, Table] = NONE,  # type: ignore[assignment]
    execution: Table = NONE,
    instruments: Mapping[str, Table] = NONE,  # type: ignore[assignment]
    rate: pl.DataFrame | None = None,
    **top: object,
) -> World:
    """Return a world of spot at alfa and a perpetual at bravo, both at 100 but where and when a test says otherwise.

    No fees, latencies or spread; 10 BTC and 10,000 USD at alfa, 1,000 USD at bravo, whose perpetual takes a tenth as initial margin; an
    entry needs 100 bps, an exit none; residuals are carried; a quote counts for an hour. `rate`: of USDC/USD at alfa, which converts.
    """
    terms = {"data": "quotes", "tick": "0.01", "lot": "0.001", "min_notional": "0", "max_age": "1h"}
    held = {"alfa": {"BTC": "10", "USD": "10000"}, "bravo": {"USD": "1000"}}
    initial, maintenance = margins
    form: dict[str, Any] = {
        "version": 2,
        "name": "basis",
        "start": iso(START),
        "end": iso(START + round(minutes * MINUTE)),
        "strategy": {"kind": "basis", "threshold_bps": 100.0, "exit_bps": 0.0, **strategy},
        "execution": {"residual": "carry", **execution},
        "venues": {name: {**FREE, "balances": held[name], **venues.get(name, {})} for name in ("alfa", "bravo")},
        "instruments": [
            {"venue": "alfa", "name": "BTC/USD", **terms, **instruments.get("alfa", {})},
            {
                "venue": "bravo",
                "name": "BTC/USD",
                **terms,
                "perpetual": {"initial_margin_bps": initial, "maintenance_margin_bps": maintenance},
                **instruments.get("bravo", {}),
            },
        ],
        **top,
    }
    refreshed = {float(n): None for n in range(0, int(60 * minutes), 200) if n}
    data = {
        SPOT: books(_renewed(spot or {}, first[0], refreshed), first=first[0]),
        PERPETUAL: books(perpetual, first=first[1]),
        funding_key(PERPETUAL): funding,
    }
    if rate is not None:
        form["instruments"].append({"venue": "alfa", "name": "USDC/USD", **terms, "use": "convert"})
        data[SeriesKey("alfa", "USDC/USD")] = rate
    return World(form=form, spec=parse_spec(form), data=data)


def _renewed(changes: Mapping[float, Book], first: Book, times: Mapping[float, None]) -> dict[float, Book]:
    # spot marks for five minutes: what stands is said again
    found: dict[float, Book] = {float(at): book for at, book in changes.items()}
    for at in times:
        before = [when for when in found if when <= at]
        found.setdefault(at, found[max(before)] if before else first)
    return dict(sorted(found.items()))
