"""Fee schedules: the rows of a venue as the spans of one instrument."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import FOREVER_US, FeeRow, FeeSpan, Tier
from engine.schema import instant, micros
from engine.spec.fees import by_start, spans
from tests.engine.spec.forms import GONE, spec

HOUR = 3_600_000_000
START = micros(datetime(2023, 3, 11, tzinfo=UTC))
END = START + 48 * HOUR


def hour(n: int) -> datetime:
    """Return the time so many hours after the start."""
    return instant(START + n * HOUR)


def row(bps: float, start: int | None = None, end: int | None = None, *instruments: str) -> FeeRow:
    """Return a row that holds from one hour of the run to another."""
    first, last = (None if n is None else hour(n) for n in (start, end))
    return FeeRow(taker_bps=bps, start=first, end=last, instruments=instruments)


def rates(*rows: FeeRow, instrument: str = "BTC/USD", last_us: int = END) -> list[tuple[int, int, float]]:
    """Return (first hour, last hour, bps) of the spans; -1 for what has no end."""
    found = spans(rows, instrument, start_us=START, last_us=last_us)
    return [
        ((s.start_us - START) // HOUR, -1 if s.end_us == FOREVER_US else (s.end_us - START) // HOUR, round(s.tiers[0][1] * 1e4, 9)) for s in found
    ]


def test_one_row_holds_for_all_time() -> None:
    assert spans([row(10)], "BTC/USD", start_us=START, last_us=END) == (
        FeeSpan(start_us=START, end_us=FOREVER_US, tiers=((0, 10 * 1e-4),), charged_in="quote"),
    )


def test_rows_follow_each_other_whatever_order_they_are_written_in() -> None:
    rows = [row(3, 12), row(1, None, 6), row(2, 6, 12)]
    assert rates(*rows) == rates(*rows[::-1]) == [(0, 6, 1), (6, 12, 2), (12, -1, 3)]


def test_a_row_that_names_the_instrument_goes_before_one_that_names_none_while_it_holds() -> None:
    rows = (row(10), row(4, 6, 12, "BTC/USD"), row(7, None, None, "ETH/USD"))
    assert rates(*rows) == [(0, 6, 10), (6, 12, 4), (12, -1, 10)]
    assert rates(*rows, instrument="ETH/USD") == [(0, -1, 7)]
    assert rates(*rows, instrument="SOL/USD") == [(0, -1, 10)]


def test_what_others_are_charged_cuts_no_span() -> None:
    assert rates(row(10), row(4, 6, 12, "ETH/USD")) == [(0, -1, 10)]


def test_rows_have_one_order_however_they_are_written() -> None:
    rows = [row(1), row(2), row(1, 0), row(1, 6), row(1, None, 6), row(1, None, None, "BTC/USD"), FeeRow(taker_bps=1, charged_in="received")]
    assert {by_start(order) for order in itertools.permutations(rows)} == {by_start(rows)}
    assert [found.start for found in by_start(rows)] == [None] * 5 + [hour(0), hour(6)]


def test_a_row_that_begins_before_the_start_holds_from_the_start() -> None:
    assert rates(row(9, -100, -50), row(1, -50, 6), row(2, 6)) == [(0, 6, 1), (6, -1, 2)]


def test_the_last_span_that_begins_in_time_has_no_end() -> None:
    rows = (row(1, None, 50), row(2, 50, 60), row(3, 60))
    assert rates(*rows, last_us=START + 50 * HOUR - 1) == [(0, -1, 1)]
    assert rates(*rows, last_us=START + 50 * HOUR) == [(0, 50, 1), (50, -1, 2)]
    assert rates(row(1, None, 49)) == [(0, -1, 1)]


def test_an_order_that_arrives_after_the_end_meets_the_row_of_then() -> None:
    after = "2023-03-13T00:00:00.060Z"  # alfa is 60 ms away
    rows = [{"end": after, "taker_bps": 1}, {"start": after, "taker_bps": 2}]
    fees = [("venues.alfa.fee_bps", GONE), ("venues.alfa.fees", rows)]
    found = spec(*fees)
    assert [s.tiers for s in found.fee_rows(found.legs[0])] == [((0, 1e-4),), ((0, 2e-4),)]
    near = spec(*fees, ("venues.alfa.order_latency", "59ms"))
    assert [s.tiers for s in near.fee_rows(near.legs[0])] == [((0, 1e-4),)]


def test_a_fee_in_short_is_a_schedule_of_one_row() -> None:
    found = spec(("venues.alfa.fee_bps", 26), ("venues.alfa.fee_currency", "received"))
    assert found.venues["alfa"].schedule == (FeeRow(taker_bps=26, charged_in="received"),)
    assert found.fee_rows(found.legs[0]) == (FeeSpan(start_us=START, end_us=FOREVER_US, tiers=((0, 26 * 1e-4),), charged_in="received"),)


def test_tiers_are_volumes_in_atoms_and_rates_in_fractions() -> None:
    tiers = (Tier(volume="0", taker_bps=40), Tier(volume="10000.5", taker_bps=26))
    assert FeeRow(tiers=tiers).rates == ((0, 40 * 1e-4), (1_000_050_000_000, 26 * 1e-4))


@pytest.mark.parametrize(("charged_in", "asset"), [("quote", None), ("received", None), ("BNB", "BNB")])
def test_a_fee_is_charged_in_a_side_of_the_trade_or_in_an_asset(charged_in: str, asset: str | None) -> None:
    assert FeeRow(taker_bps=1, charged_in=charged_in).asset == asset


@given(st.lists(st.integers(-10, 60), min_size=1, max_size=6, unique=True), st.sets(st.integers(0, 5)), st.randoms(use_true_random=False))
def test_spans_say_what_the_row_of_every_hour_says(cuts: list[int], named: set[int], chance: object) -> None:
    bounds = [None, *sorted(cuts), None]
    general = [row(float(n), first, last) for n, (first, last) in enumerate(itertools.pairwise(bounds))]
    own = [row(100.0 + n, first, last, "BTC/USD") for n, (first, last) in enumerate(itertools.pairwise(bounds)) if n in named]
    rows = [*general, *own]
    chance.shuffle(rows)  # type: ignore[attr-defined]
    found = spans(by_start(rows), "BTC/USD", start_us=START, last_us=END)
    assert found == spans(rows, "BTC/USD", start_us=START, last_us=END)
    assert found[0].start_us == START
    assert all(a.end_us == b.start_us for a, b in itertools.pairwise(found))
    for n in range(49):
        at = sum(cut <= n for cut in cuts)  # how many bounds have been passed
        expected = 100.0 + at if at in named else float(at)
        span = next(s for s in found if s.start_us <= START + n * HOUR < s.end_us)
        assert span.tiers == ((0, expected * 1e-4),)
