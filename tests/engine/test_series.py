"""One instrument's part of the columns, looked up by time."""

import numpy as np

from tests.engine.small import Book, after, alone, books, small

LOCKED = Book(100.0, 100.0)
CROSSED = Book(101.0, 100.0)


def looked_up(rows: dict[float, Book], times: list[float], *, known: bool = False) -> list[int]:
    """Return the last good rows at some times [s] of a venue whose feed takes 2 s, the first of whose rows is of -10 s."""
    market = small({"alfa BTC/USD": books(rows, first=CROSSED), "bravo BTC/USD": books()}, venues={"alfa": {"feed_latency": "2s"}})
    found = alone(market.spec, market.spec.instruments[0], market.data[market.spec.instruments[0].key]).series
    return found.last_good(found.available_us if known else found.event_us, np.array([after(at) for at in times])).tolist()


def test_the_last_good_row_passes_over_those_that_are_not() -> None:
    rows = {0.0: LOCKED, 1.0: CROSSED, 2.0: CROSSED, 3.0: LOCKED}
    assert looked_up(rows, [0, 0.5, 1, 2.5, 3, 9]) == [1, 1, 1, 1, 4, 4]
    assert looked_up(rows, [2, 3, 4.999999, 5], known=True) == [1, 1, 1, 4]


def test_before_the_first_good_row_there_is_none() -> None:
    assert looked_up({0.0: LOCKED}, [-20, -10, -1, 0]) == [-1, -1, -1, 1]


def test_where_all_rows_are_good_nothing_is_passed_over() -> None:
    market = small({"alfa BTC/USD": books({0: LOCKED, 1: LOCKED}), "bravo BTC/USD": books()})
    found = alone(market.spec, market.spec.instruments[0], market.data[market.spec.instruments[0].key]).series
    assert found.good_rows is None
    assert found.last_good(found.event_us, np.array([after(at) for at in (-11, -10, 0, 5)])).tolist() == [-1, 0, 1, 2]
