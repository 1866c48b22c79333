"""What a series holds is counted the same however it is cut into batches."""

import itertools
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from app.services.tally import Tally
from engine.schema import BARS

START = datetime(2023, 3, 8, tzinfo=UTC)
MINUTE_US = 60_000_000
ROWS = [(START + timedelta(minutes=minute), 1.0, 1.0, 1.0, 1.0, volume) for minute, volume in ((0, 1.0), (1, 0.0), (2, 2.0), (9, 0.0), (10, 1.0))]


@given(st.lists(st.integers(0, 5)))
def test_batches_add_up(cuts: list[int]) -> None:
    tally = Tally(interval_us=MINUTE_US)
    edges = [0, *sorted(cuts), len(ROWS)]
    for start, end in itertools.pairwise(edges):
        tally.add(pl.DataFrame(ROWS[start:end], schema=BARS, orient="row"), 1)
    assert (tally.rows, tally.no_trade, tally.longest_gap_us, tally.repeated) == (5, 2, 7 * MINUTE_US, len(edges) - 1)
    assert (tally.first, tally.last) == (ROWS[0][0], ROWS[-1][0])


def test_without_a_gap_the_longest_is_none() -> None:
    tally = Tally(interval_us=MINUTE_US)
    tally.add(pl.DataFrame(ROWS[:3], schema=BARS, orient="row"), 0)
    assert tally.longest_gap_us == 0
