"""What a series holds is counted the same however it is cut into batches."""

import itertools
from datetime import UTC, datetime, timedelta
from math import nan

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.tally import QuoteTally, Tally, clock_advice
from engine.schema import BARS, TIMESTAMP
from engine.units import parse_duration

START = datetime(2023, 3, 8, tzinfo=UTC)
MINUTE_US = 60_000_000
ROWS = [(START + timedelta(minutes=minute), 1.0, 1.0, 1.0, 1.0, volume) for minute, volume in ((0, 1.0), (1, 0.0), (2, 2.0), (9, 0.0), (10, 1.0))]


@given(st.lists(st.integers(0, 5)), st.booleans())
def test_batches_add_up(cuts: list[int], newest_first: bool) -> None:
    tally = Tally(interval_us=MINUTE_US)
    edges = [0, *sorted(cuts), len(ROWS)]
    batches = list(itertools.pairwise(edges))
    for start, end in batches[::-1] if newest_first else batches:
        tally.add(pl.DataFrame(ROWS[start:end], schema=BARS, orient="row"), 1, {})
    assert (tally.rows, tally.no_trade, tally.longest_gap_us, tally.repeated) == (5, 2, 7 * MINUTE_US, len(edges) - 1)
    assert (tally.first, tally.last) == (ROWS[0][0], ROWS[-1][0])


def test_without_a_gap_the_longest_is_none() -> None:
    tally = Tally(interval_us=MINUTE_US)
    tally.add(pl.DataFrame(ROWS[:3], schema=BARS, orient="row"), 0, {})
    assert tally.longest_gap_us == 0


def placed(*rows: tuple[int, int | None, float, float]) -> pl.DataFrame:
    """Return placed quotes: ms of receipt, of the event, bid and ask."""
    times = [(START + timedelta(milliseconds=at), None if event is None else START + timedelta(milliseconds=event)) for at, event, _, _ in rows]
    schema = {"at": TIMESTAMP, "received": TIMESTAMP, "ts": TIMESTAMP, "bid": pl.Float64, "ask": pl.Float64}
    values = [(at, at, event, bid, ask) for (at, event), (_, _, bid, ask) in zip(times, rows, strict=True)]
    return pl.DataFrame(values, schema=schema, orient="row")


def test_quotes_are_counted_across_batches() -> None:
    tally = QuoteTally()
    tally.add(placed((0, 5, 1, 2), (10, 25, 2, 1)), {"trade": 2})
    tally.add(placed(), {"trade": 1, "bookTicker": 4})
    tally.add(placed((310, 300, nan, 1), (310, 309, 1, nan), (311, 309, 1, 1)), {})
    assert (tally.rows, tally.crossed, tally.no_price, tally.longest_gap_us) == (5, 1, 2, 300_000)
    assert tally.least_delay_us == -15_000
    assert (tally.first, tally.last) == (START, START + timedelta(milliseconds=311))
    assert tally.aside == {"trade": 3, "bookTicker": 4}


def test_without_event_times_nothing_is_said_of_the_clock() -> None:
    tally = QuoteTally()
    tally.add(placed((0, None, 1, 2)), {})
    assert tally.least_delay_us is None
    assert clock_advice(tally.least_delay_us) is None
    assert clock_advice(0) is None


@pytest.mark.parametrize(("least_us", "offset"), [(-1_276_160, "1277ms"), (-1_276_000, "1276ms"), (-1, "1ms")])
def test_the_offset_that_is_advised_lets_no_quote_arrive_before_it_happened(least_us: int, offset: str) -> None:
    said = clock_advice(least_us)
    assert said is not None
    assert f'clock_offset of "{offset}" or more' in said
    assert parse_duration(offset) + least_us >= 0
