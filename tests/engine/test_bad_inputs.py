"""Bad input, from what a user hands over to the sentence that says so: refused where a run would mean nothing, counted and warned of elsewhere."""

from typing import Any

import pytest

from engine import backtest
from engine.config import parse_spec
from engine.errors import DataError, SpecError
from engine.result import Result
from engine.schema import SeriesKey
from tests.engine.small import FLAT, NONE, Bar, Book, Table, after, bars, books, dear_alfa, small
from tests.strategies import World, quote_frame

ALFA = SeriesKey("alfa", "BTC/USD")
DEAR = Book(101.0, 101.5)
KEPT: Table = {"max_notional": "100"}


def ran(world: World) -> Result:
    """Return the result of a world."""
    return backtest.run(world.spec, world.data, stress=False)


def warnings(result: Result) -> list[str]:
    """Return the sentences of a result about its data."""
    found: Any = result.summary["warnings"]
    return list(found)


def counted(result: Result, check: str) -> list[int]:
    """Return what a check counted, by series."""
    rows: Any = result.summary["quality"]
    return [row[check] for row in rows]


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        (Book(102.0, 101.0), "crossed"),
        (Book(0.0, 101.0), "zero_or_negative"),
        (Book(101.0, 102.0, ask_size=-1.0), "zero_or_negative"),
        (Book(float("nan"), 101.0), "nan"),
        (Book(101.0, 102.0, bid_size=float("nan")), "nan"),
    ],
)
def test_a_quote_that_is_none_is_counted_warned_of_and_traded_by_nobody(bad: Book, check: str) -> None:
    # seen at 5 s, away until 8 s, when alfa's 101 is there; bravo's news of 6 s meets nothing
    series = {"alfa BTC/USD": books({5: bad, 8: DEAR}), "bravo BTC/USD": books({6: FLAT})}
    result = ran(small(series, minutes=1, strategy=KEPT))
    assert warnings(result) == ["data: alfa BTC/USD has 1 of 3 rows that are no quotes; it was away from each until the next good one"]
    assert (counted(result, check), counted(result, "flagged")) == ([1, 0], [1, 0])
    assert result.fills["decided"].dt.epoch("us").to_list() == [after(8)] * 2


def test_a_locked_quote_is_counted_and_trades_without_a_warning() -> None:
    open_at_first = books({5: Book(101.0, 101.0)}, first=Book(99.0, 100.0))
    result = ran(small({"alfa BTC/USD": open_at_first, "bravo BTC/USD": books()}, minutes=1, strategy=KEPT))
    assert (warnings(result), counted(result, "locked"), counted(result, "flagged")) == ([], [1, 1], [0, 0])
    assert result.fills["decided"].dt.epoch("us").to_list() == [after(5)] * 2


def test_quotes_that_came_before_they_happened_are_refused_with_the_offset_that_is_missing() -> None:
    behind = quote_frame([(after(n), after(n - 1.25), 100.0, 1.0, 101.0, 1.0) for n in range(-10, 50)])
    world = small({"alfa BTC/USD": behind, "bravo BTC/USD": books()}, minutes=1)
    with pytest.raises(DataError) as error:
        ran(world)
    assert str(error.value) == (
        "alfa BTC/USD: expected quotes that were received after they happened, found 60 of 60 received before, by 1250 ms at the median: the "
        "recorder's clock was behind; venues.alfa.clock_offset (0 ms) must be larger by that and by the feed's true latency"
    )
    right = world.but(venues={**world.form["venues"], "alfa": {**world.form["venues"]["alfa"], "clock_offset": "1300ms"}})
    assert counted(ran(right), "negative_latency") == [0, 0]


def test_a_feed_that_ends_early_is_named_with_its_end_and_trades_no_more() -> None:
    going, ended = books(dict.fromkeys(range(0, 61, 2), DEAR)), books(dict.fromkeys(range(0, 31, 2), FLAT))
    short = {f"{venue} BTC/USD": {"max_age": None} for venue in ("alfa", "bravo")}
    result = ran(small({"alfa BTC/USD": going, "bravo BTC/USD": ended}, minutes=1, strategy=KEPT, instruments=short))
    assert warnings(result) == ["data: bravo BTC/USD ends at 2024-01-01T01:00:30Z, before the run does"]
    assert counted(result, "truncated") == [0, 1]
    # a quote counts for five seconds after its event
    assert result.opportunities["ts"].dt.epoch("us").max() == after(34)


def test_bars_that_end_early_are_told_by_how_many_are_missing() -> None:
    result = ran(small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars(last=2)}))
    assert warnings(result) == ["data: bravo BTC/USD traded in only 50 % of its intervals"]
    assert counted(result, "missing") == [0, 3]


def test_funds_on_a_route_whose_destination_is_suspended_stay_in_flight_and_count() -> None:
    # 1,000 USD leave alfa at the start, and would be there a minute later, but bravo takes none until after the end
    world = dear_alfa().but(
        strategy={"kind": "spatial", "threshold_bps": 9_000.0},
        routes=[{"name": "wire", "currency": "USD", "source": "alfa", "destination": "bravo", "fee": "3", "delay": "1m"}],
        suspensions=[{"venue": "bravo", "currency": "USD", "what": "deposits", "start": "2024-01-01T01:00:30Z", "end": "2024-01-02T00:00:00Z"}],
        rebalance={
            "policy": "threshold",
            "wallets": [{"venue": v, "currency": "USD", "floor": f, "target": f} for v, f in (("alfa", "0"), ("bravo", "11000"))],
        },
    )
    result = ran(world)
    balances: Any = result.summary["balances"]
    flying = {row["venue"]: (row["free"], row["in_flight"]) for row in balances if row["currency"] == "USD"}
    assert flying == {"alfa": (8_997.0, 0.0), "bravo": (10_000.0, 1_000.0)}
    assert result.transfers.select("credited", "amount").rows() == [(None, 1_003.0)]
    assert result.summary["excess"] == pytest.approx(-3.0)
    assert warnings(result) == ["transfers: 1,000 USD are in flight until 2024-01-02T00:00:00Z, when bravo takes deposits of it again"]
    # while withdrawals alone are suspended there, or what is late is late by its route
    sent = world.but(suspensions=[{**world.form["suspensions"][0], "what": "withdrawals"}])
    assert warnings(ran(sent)) == []
    slow = world.but(routes=[{**world.form["routes"][0], "delay": "1d"}])
    assert warnings(ran(slow)) == []


def refused(form: dict[str, Any]) -> str:
    """Return the sentences with which a spec is refused."""
    with pytest.raises(SpecError) as error:
        parse_spec(form)
    return str(error.value)


def with_alfa(**changes: object) -> dict[str, Any]:
    """Return a spec with other terms at alfa; None takes one away."""
    form = dear_alfa().form
    alfa = {key: value for key, value in {**form["venues"]["alfa"], **changes}.items() if value is not None}
    return {**form, "venues": {**form["venues"], "alfa": alfa}}


def test_a_balance_in_a_currency_that_nothing_prices_is_refused() -> None:
    assert refused(with_alfa(balances={"BTC": "1", "EUR": "5"})) == (
        'instruments: nothing marks EUR, which lies at alfa; add an instrument EUR/USD with use = "mark", or one against a currency that has such '
        "an instrument"
    )


def test_a_balance_in_a_currency_that_no_venue_trades_is_marked_and_held() -> None:
    # 5 EUR at 1.1, later at 1.2
    series = {"alfa BTC/USD": bars(), "bravo BTC/USD": bars(), "bravo EUR/USD": bars({4: Bar(1.2)}, level=1.1)}
    lying = {"alfa": {"balances": {"EUR": "5"}}, "bravo": {"balances": {}}}
    result = ran(small(series, minutes=5, instruments={"bravo EUR/USD": {"use": "mark"}}, venues=lying, strategy=dict(NONE)))
    assert (result.summary["equity_start"], result.summary["equity_end"]) == (pytest.approx(5.5), pytest.approx(6.0))
    assert result.summary["excess"] == 0


def test_a_fee_schedule_with_a_gap_is_refused_with_leg_and_time() -> None:
    rows = [{"end": "2024-01-01T01:02:00Z", "taker_bps": 1}, {"start": "2024-01-01T01:03:00Z", "taker_bps": 2}]
    assert refused(with_alfa(fee_bps=None, fees=rows)) == (
        "venues.alfa.fees: no row holds for BTC/USD from 2024-01-01T01:02:00Z to 2024-01-01T01:03:00Z: every time of the run needs one"
    )


def test_a_spec_of_yesterday_is_migrated_and_says_how_and_one_of_tomorrow_is_refused() -> None:
    form = dear_alfa().form
    old = {key: value for key, value in form.items() if key != "version"} | {"execution": {"volume_share": 1.0}}
    spec = parse_spec(old)
    assert (spec.version, spec.execution.residual, spec.risk.max_gross_edge_bps, spec.quality.wick_bps) == (2, "carry", 1e6, 1e6)
    assert [sentence.partition(" was set, as in version 1: ")[0] for sentence in spec.warnings()] == [
        'execution.residual = "carry"',
        "risk.max_gross_edge_bps = 1000000",
        "quality.wick_bps = 1000000",
    ]
    assert refused({**form, "version": 3}) == "version: expected 1 or 2, found 3; this engine knows no other"
