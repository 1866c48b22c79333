"""A book follows Binance's rules for keeping one, and knows when it cannot."""

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.capture.book import WAITING, Book, Effect, Update

BIDS = [("99", "1"), ("98", "2"), ("97", "3")]
ASKS = [("101", "1"), ("102", "2")]


def spot(first: int, last: int, bids: list[tuple[str, str]] | None = None, asks: list[tuple[str, str]] | None = None) -> Update:
    """Return an update of the spot market."""
    return Update(first, last, None, bids or [], asks or [])


def futures(before: int, first: int, last: int) -> Update:
    """Return an update of the futures market."""
    return Update(first, last, before, [], [])


def begun(number: int = 100) -> Book:
    """Return a book that a snapshot began."""
    book = Book()
    assert book.snapshot(number, BIDS, ASKS) is Effect.APPLIED
    return book


def test_sizes_replace_those_at_their_prices_and_zero_takes_a_level_out() -> None:
    book = begun()
    assert book.best(3)[:8] == [99.0, 1.0, 101.0, 1.0, 98.0, 2.0, 102.0, 2.0]
    assert book.best(3)[8:10] == [97.0, 3.0]
    assert all(isnan(number) for number in book.best(3)[10:])
    assert book.update(spot(101, 104, [("98", "5"), ("99", "0"), ("90", "0"), ("98.5", "7")], [("100.5", "9")])) is Effect.APPLIED
    assert book.best(2) == [98.5, 7.0, 100.5, 9.0, 98.0, 5.0, 101.0, 1.0]


@pytest.mark.parametrize(
    ("update", "effect"),
    [
        (spot(90, 100), Effect.OLD),
        (spot(95, 101), Effect.APPLIED),
        (spot(101, 101), Effect.APPLIED),
        (spot(102, 110), Effect.GAP),
        (futures(80, 90, 99), Effect.OLD),
        (futures(90, 95, 100), Effect.APPLIED),
        (futures(90, 100, 120), Effect.APPLIED),
        (futures(99, 103, 120), Effect.APPLIED),
        (futures(101, 103, 120), Effect.GAP),
    ],
)
def test_the_first_update_after_a_snapshot_must_reach_back_to_it(update: Update, effect: Effect) -> None:
    assert begun(100).update(update) is effect


@pytest.mark.parametrize(
    ("updates", "effects"),
    [
        ([spot(101, 105), spot(106, 109), spot(106, 109)], [Effect.APPLIED, Effect.APPLIED, Effect.OLD]),
        ([spot(101, 105), spot(107, 109)], [Effect.APPLIED, Effect.GAP]),
        ([futures(98, 99, 105), futures(105, 130, 131)], [Effect.APPLIED, Effect.APPLIED]),
        ([futures(98, 99, 105), futures(104, 130, 131)], [Effect.APPLIED, Effect.GAP]),
        ([futures(98, 99, 105), futures(106, 130, 131)], [Effect.APPLIED, Effect.GAP]),
    ],
)
def test_each_later_update_must_follow_the_one_before(updates: list[Update], effects: list[Effect]) -> None:
    book = begun(100)
    assert [book.update(update) for update in updates] == effects


def test_after_a_gap_the_book_is_unknown_until_a_snapshot_that_fits() -> None:
    book = begun(100)
    assert book.update(spot(103, 104, [("99.5", "4")])) is Effect.GAP
    assert all(isnan(number) for number in book.best(2))
    assert book.update(spot(105, 106, [("99.6", "5")])) is Effect.WAITING
    assert book.snapshot(101, BIDS, ASKS) is Effect.UNFIT
    assert book.snapshot(105, BIDS, ASKS) is Effect.APPLIED
    assert book.number == 106
    assert book.best(1) == [99.6, 5.0, 101.0, 1.0]


def test_updates_that_came_before_the_snapshot_are_made_up_for() -> None:
    book = Book()
    assert [book.update(spot(90, 95, [("99.9", "1")])), book.update(spot(96, 103, [("99.5", "4")]))] == [Effect.WAITING] * 2
    assert book.snapshot(100, BIDS, ASKS) is Effect.APPLIED
    assert book.number == 103
    assert book.best(1)[:2] == [99.5, 4.0]


def test_a_snapshot_that_the_book_has_gone_beyond_changes_nothing_and_a_newer_one_replaces_it() -> None:
    book = begun(100)
    book.update(spot(101, 110))
    assert book.snapshot(110, [("1", "1")], [("2", "1")]) is Effect.UNFIT
    assert book.best(1)[0] == 99.0
    assert book.snapshot(120, [("1", "1")], [("2", "1")]) is Effect.APPLIED
    assert book.best(2) == pytest.approx([1.0, 1.0, 2.0, 1.0, nan, nan, nan, nan], nan_ok=True)
    assert book.update(spot(111, 119)) is Effect.OLD


def test_only_so_many_updates_wait_for_a_snapshot() -> None:
    book = Book()
    for number in range(1, WAITING + 11):
        book.update(spot(number, number, [("50", str(number))]))
    assert book.snapshot(9, BIDS, ASKS) is Effect.UNFIT, "update 10 was not kept"
    assert book.snapshot(10, BIDS, ASKS) is Effect.APPLIED
    assert book.bids.sizes[50.0] == WAITING + 10


@pytest.mark.parametrize("level", [("x", "1"), ("1", "x"), ("-1", "1"), ("nan", "1"), ("inf", "1"), ("1", "-1"), ("1", "nan"), ("0", "1")])
def test_a_level_that_is_none_is_refused(level: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        begun().update(spot(101, 101, [level]))


sides = st.lists(st.tuples(st.integers(1, 30).map(str), st.sampled_from(["0", "0.5", "1", "7"])), max_size=15)


@given(st.lists(st.tuples(sides, sides), max_size=20), st.integers(1, 12))
def test_the_best_levels_are_those_of_a_sorted_table(changes: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]], levels: int) -> None:
    book = Book()
    book.snapshot(0, [], [])
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    for number, change in enumerate(changes, 1):
        book.update(spot(number, number, *change))
        for side, news in zip((bids, asks), change, strict=True):
            side.update((float(price), float(size)) for price, size in news)
    found = book.best(levels)
    for side, first, down in ((bids, 0, True), (asks, 2, False)):
        table = sorted(((price, size) for price, size in side.items() if size), reverse=down)[:levels]
        expected = [number for pair in table for number in pair] + [nan] * (2 * (levels - len(table)))
        ours = [number for at in range(first, 4 * levels, 4) for number in found[at : at + 2]]
        assert ours == pytest.approx(expected, nan_ok=True)
