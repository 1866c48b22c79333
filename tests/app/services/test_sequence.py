"""Places keep the order of a file, are the same when it is read again, and tell what is missing from what differs."""

from datetime import UTC, datetime, timedelta
from math import nan

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from app.services.sequence import Clash, Place, first_number, last_place, missing, padded, placed
from engine.schema import QUOTES, quotes_schema

START = datetime(2024, 8, 9, tzinfo=UTC)


def at(us: int) -> datetime:
    """Return a time."""
    return START + timedelta(microseconds=us)


def quotes(*rows: tuple[int, float], received: bool = True) -> pl.DataFrame:
    """Return quotes that arrived at these µs with these bids."""
    times = [(None, at(us)) if received else (at(us), None) for us, _ in rows]
    return pl.DataFrame([(*time, bid, 1.0, bid + 1, 2.0) for time, (_, bid) in zip(times, rows, strict=True)], schema=QUOTES, orient="row")


def places(frame: pl.DataFrame) -> list[tuple[int, int]]:
    """Return µs and number of rows."""
    return [(round((row[0] - START) / timedelta(microseconds=1)), row[1]) for row in frame.select("at", "seq").rows()]


def bids(frame: pl.DataFrame | Clash) -> list[float]:
    """Return the bids of rows that do not clash."""
    assert isinstance(frame, pl.DataFrame)
    return frame["bid"].to_list()


def test_places_increase_in_the_order_of_the_file_whatever_its_times() -> None:
    frame = quotes((5, 1), (5, 2), (3, 3), (7, 4), (7, 5), (6, 6))
    assert places(placed(frame, None)) == [(5, 0), (5, 1), (5, 2), (7, 0), (7, 1), (7, 2)]
    assert placed(frame, None).drop("at", "seq").equals(frame)
    assert places(placed(quotes((5, 1), (4, 2), received=False), None)) == [(5, 0), (5, 1)]


def test_receive_times_go_before_event_times() -> None:
    both = pl.DataFrame([(at(9), at(5), 1.0, 1.0, 2.0, 1.0), (at(8), at(6), 1.0, 1.0, 2.0, 1.0)], schema=QUOTES, orient="row")
    assert places(placed(both, None)) == [(5, 0), (6, 0)]


def test_places_go_on_behind_the_rows_before() -> None:
    first = placed(quotes((5, 1), (7, 2), (7, 3)), None)
    assert last_place(first) == Place(at(7), 1)
    assert places(placed(quotes((7, 4), (3, 5), (8, 6)), last_place(first))) == [(7, 2), (7, 3), (8, 0)]
    assert places(placed(quotes((8, 6), (8, 7)), last_place(first))) == [(8, 0), (8, 1)]
    assert places(placed(quotes((3, 8), (5, 9)), last_place(first))) == [(7, 2), (7, 3)]


def test_a_file_that_goes_on_in_the_same_microsecond_is_told_from_one_that_is_read_again() -> None:
    there = placed(quotes((7, 1), (7, 2)), None)
    assert first_number(there, quotes((7, 3), (9, 4))) == 2
    assert first_number(there, quotes((7, 2), (9, 4))) == 1
    assert first_number(there, quotes((7, 2), (7, 3))) == 1
    assert first_number(there, quotes((7, 1), (7, 2), (9, 4))) == 0
    assert first_number(there.clear(), quotes((7, 1))) == 0
    empty = placed(quotes((7, nan)), None)
    assert first_number(empty, quotes((7, nan))) == 0, "what is no number is known again, too"


def test_rows_that_are_missing_are_those_that_the_other_does_not_have() -> None:
    there = placed(quotes((1, 1), (2, 2), (3, nan)), None)
    assert bids(missing(there, placed(quotes((2, 2), (3, nan), (4, 4)), None))) == [4]
    assert bids(missing(there, placed(quotes((2, 2), (3, nan)), None))) == []
    assert bids(missing(there.clear(), placed(quotes((2, 2)), None))) == [2]
    assert bids(missing(there, placed(quotes((7, 2)), None))) == [2]
    assert bids(missing(there, placed(quotes((1, 1), (3, nan)), None))) == [], "a part of what is there"
    assert bids(missing(placed(quotes((1, 1), (4, 4)), None), placed(quotes((1, 1), (2, 2), (3, 3), (4, 4)), None))) == [2, 3], "more than is there"


def test_rows_that_differ_are_no_one_series() -> None:
    there = placed(quotes((1, 1), (2, 2), (3, 3)), None)
    other = missing(there, placed(quotes((1, 1), (2, 9), (3, 3)), None))
    assert other == Clash(at(2), (2.0, 1.0, 3.0, 2.0), (9.0, 1.0, 10.0, 2.0))
    between = missing(there, placed(quotes((1, 1), (2, 2), (2, 8)), None))
    assert isinstance(between, pl.DataFrame)
    interleaved = missing(placed(quotes((1, 1), (3, 3), (5, 5)), None), placed(quotes((2, 1), (4, 3)), None))
    assert isinstance(interleaved, Clash)
    assert (interleaved.at, interleaved.ours, interleaved.theirs) == (at(2), None, (1.0, 1.0, 2.0, 2.0))
    assert interleaved.said == "no row and (1.0, 1.0, 2.0, 2.0)"


def test_frames_of_other_depths_are_brought_to_the_deepest() -> None:
    deep = pl.DataFrame([(None, at(1), 1.0, 1.0, 2.0, 1.0, 0.5, 1.0, 3.0, 1.0)], schema=quotes_schema(2), orient="row")
    flat, same = padded([quotes((1, 1)), deep])
    assert flat.schema == same.schema == quotes_schema(2)
    assert flat.select(pl.col("bid_2").is_nan()).item()


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1.0, 2.0, nan])), min_size=2, max_size=30), st.data())
def test_a_recording_in_two_overlapping_pieces_is_the_recording(rows: list[tuple[int, float]], data: st.DataObject) -> None:
    arrived = sorted(rows, key=lambda row: row[0])
    whole = placed(quotes(*arrived), None)
    cut = data.draw(st.integers(1, len(arrived) - 1))
    first = placed(quotes(*arrived[:cut]), None)
    rest = quotes(*arrived[cut:])
    opening = first.filter(pl.col("at") == rest["received"][0])
    known_again = any(str(row) == str(other) for row in opening.drop("at", "seq").rows() for other in rest.rows()[:1])
    news = missing(first, placed(rest, None, first=first_number(opening, rest)))
    assert isinstance(news, pl.DataFrame)
    together = pl.concat([first, news]).sort("at", "seq")
    assert together.equals(whole) or known_again, "only like rows of one microsecond at the cut are taken for one"
    again = missing(together, whole if together.equals(whole) else together)
    assert isinstance(again, pl.DataFrame)
    assert again.is_empty()
