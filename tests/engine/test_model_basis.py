"""Strategy `basis` of docs/model.md, worked out by hand, on both engines: entries, exits, sizes, and what is closed at ticks."""

from typing import Any

import pytest

from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.futures import FAR, PERPETUAL, SPOT, basis, payments
from tests.engine.small import Book, after, books, coins
from tests.strategies import World

pytestmark = pytest.mark.parametrize("engine", ENGINES)

SHORT = ((PERPETUAL, "sell"), (SPOT, "buy"))
LONG = ((SPOT, "sell"), (PERPETUAL, "buy"))
BACK, DEAR, CHEAP = Book(100.0, 100.0), Book(102.0, 102.0), Book(98.0, 98.0)


def dear(perpetual: dict[float, Book] | None = None, **changes: Any) -> World:
    """Return the world in which the perpetual stands at 102 from 5 s on."""
    return basis(perpetual={5: DEAR, **(perpetual or {})}, **changes)


def chances(found: Outcome) -> list[tuple[float, object, str]]:
    """Return when each opportunity was, what it trades and what became of it."""
    return [((o.t - after(0)) / 1e6, o.steps, o.outcome) for o in found.opportunities]


def sent(found: Outcome) -> list[tuple[float, object]]:
    """Return when each package was sent, and what it trades."""
    return [(at, steps) for at, steps, outcome in chances(found) if outcome == "sent"]


def test_it_enters_at_the_threshold_after_the_fees_of_both_legs_and_exits_at_its_own(engine: Engine) -> None:
    fees = {"alfa": {"fee_bps": 10.0}, "bravo": {"fee_bps": 5.0}}
    edge = 1e4 * (102 * (1 - 5e-4) / (100 * (1 + 1e-3)) - 1)
    entry = {"threshold_bps": edge, "exit_bps": 10.0}
    found = engine(dear({60: Book(99.8, 99.8), 70: Book(99.7, 99.7)}, venues=fees, strategy=entry))
    assert sent(found) == [(5, SHORT), (70, LONG)]
    assert found.opportunities[0].edge_bps == pytest.approx(edge, rel=1e-12)
    assert found.opportunities[1].edge_bps == pytest.approx(1e4 * (100 * (1 - 1e-3) / (99.7 * (1 + 5e-4)) - 1), rel=1e-12)
    assert engine(dear(venues=fees, strategy={**entry, "threshold_bps": edge + 1e-6})).opportunities == []


def test_without_a_position_the_other_pair_is_an_entry_only_both_ways(engine: Engine) -> None:
    assert engine(basis(perpetual={5: CHEAP})).opportunities == []
    both = engine(basis(perpetual={5: CHEAP, 60: BACK}, strategy={"directions": "both"}))
    assert sent(both) == [(5, LONG), (60, SHORT)]
    assert [o.filled for o in both.orders] == [coins(10)] * 4


def test_a_long_entry_sells_what_lies_in_the_wallet_and_no_more(engine: Engine) -> None:
    found = engine(basis(perpetual={5: CHEAP}, strategy={"directions": "both"}, venues={"alfa": {"balances": {"BTC": "3", "USD": "0"}}}))
    assert [(o.key, o.side, o.filled, o.reserve) for o in found.orders] == [
        (SPOT, "sell", coins(3), coins(3)),
        (PERPETUAL, "buy", coins(3), coins(29.4)),
    ]


def test_the_rate_published_last_counts_towards_an_entry_for_as_many_payments_as_are_told(engine: Engine) -> None:
    funding = payments((-60, None, 0.001), (200, 50, 0.004), (FAR, None, 0.5))
    half = {5: Book(100.5, 100.5), 40: Book(100.5, 100.51), 60: Book(100.5, 100.5)}
    found = engine(basis(perpetual=half, funding=funding, strategy={"funding_payments": 2}))
    assert (sent(found), found.opportunities[0].edge_bps) == ([(60, SHORT)], pytest.approx(50 + 80))
    against = payments((-60, None, -0.001), (FAR, None, 0.5))
    assert sent(engine(dear(funding=against, strategy={"funding_payments": 20}))) == []
    cheap = basis(perpetual={5: Book(99.5, 99.5)}, funding=against, strategy={"funding_payments": 10, "directions": "both"})
    (chance,) = engine(cheap).opportunities[:1]
    assert (chance.steps, chance.edge_bps) == (LONG, pytest.approx(1e4 * (100 / 99.5 - 1) + 100))


def test_funding_does_not_count_towards_an_exit(engine: Engine) -> None:
    found = engine(dear({60: BACK}, funding=payments((-60, None, 0.01), (400, None, 0.0), (FAR, None, 0.0)), strategy={"funding_payments": 3}))
    assert sent(found) == [(5, SHORT), (60, LONG)]
    assert [o.edge_bps for o in found.opportunities if o.steps == LONG] == [0.0]


def test_an_exit_closes_no_more_than_is_open_and_under_way(engine: Engine) -> None:
    first = engine(dear({20: BACK, 21: Book(99.8, 99.9), 22: BACK}, strategy={"max_notional": "600"}))
    assert [(o.key, o.side, o.filled) for o in first.orders] == [
        (PERPETUAL, "sell", coins(6)),
        (SPOT, "buy", coins(6)),
        (SPOT, "sell", coins(6)),
        (PERPETUAL, "buy", coins(6)),
    ]
    slow = {"alfa": {"order_latency": "4s"}, "bravo": {"order_latency": "4s"}}
    waiting = engine(dear({20: BACK, 22: Book(99.9, 99.99, 30.0, 30.0), 30: BACK}, venues=slow, first=(Book(100.0, 100.0, 30.0, 30.0), BACK)))
    assert [(at, outcome) for at, steps, outcome in chances(waiting) if steps == LONG][:2] == [(20, "sent"), (22, "no_funds")]


def test_each_unit_of_the_books_must_be_worth_it(engine: Engine) -> None:
    deep = Book(102.0, 102.1, 2.0, 10.0, more=((101.0, 3.0, 102.2, 1.0), (100.9, 5.0, 102.3, 1.0)))
    found = engine(basis(perpetual={5: deep}))
    assert (found.orders[0].filled, found.orders[0].limit_price) == (coins(5), 101.0)
    assert found.orders[0].decision_price == pytest.approx((2 * 102 + 3 * 101) / 5)


def test_exits_go_on_where_entries_are_stopped_and_halted_but_not_within_the_cool_down(engine: Engine) -> None:
    stopped = engine(
        dear({15: Book(104.0, 104.0), 90: Book(104.0, 104.01), 200: BACK}, risk={"max_drawdown": "20"}, strategy={"max_notional": "1000"})
    )
    assert stopped.stops == [(after(60), "drawdown")]
    assert [(at, outcome) for at, steps, outcome in chances(stopped) if steps == SHORT and at > 60][:1] == [(90, "stopped")]
    assert sent(stopped)[-1] == (200, LONG)
    rested = dear({10: BACK, 20: DEAR, 30: BACK}, strategy={"cool_down": "30s"})
    assert [(at, outcome) for at, steps, outcome in chances(engine(rested)) if steps == SHORT] == [(5, "sent"), (20, "cool_down")]


def test_a_position_is_closed_at_the_first_tick_after_it_was_held_for_so_long(engine: Engine) -> None:
    found = engine(dear({65: Book(102.0, 102.01)}, strategy={"max_hold": "2m", "max_notional": "400"}))
    late = [(at, steps) for at, steps in sent(found) if steps == LONG]
    assert late[0] == (180, LONG)
    closing = [o for o in found.orders if o.decided == after(180)]
    assert [(o.key, o.side, o.filled) for o in closing] == [(SPOT, "sell", coins(8)), (PERPETUAL, "buy", coins(8))]
    assert found.opportunities[[at for at, *_ in chances(found)].index(180)].edge_bps == pytest.approx(1e4 * (100 / 102.01 - 1))


def test_a_position_is_closed_at_a_tick_at_which_an_exit_costs_what_it_may_at_most(engine: Engine) -> None:
    cost = -1e4 * (100 / 104 - 1)
    at_stop, above = ({"stop_bps": bps} for bps in (cost, cost + 1e-6))
    assert sent(engine(dear({65: Book(104.0, 104.0)}, strategy=at_stop))) == [(5, SHORT), (120, LONG)]
    assert sent(engine(dear({65: Book(104.0, 104.0)}, strategy=above))) == [(5, SHORT)]


def test_what_cannot_be_closed_at_once_goes_on_being_closed_and_nothing_enters_meanwhile(engine: Engine) -> None:
    thin = Book(104.0, 104.0, 10.0, 4.0)
    fresh = {150: Book(103.0, 103.0, 10.0, 10.0)}
    found = engine(dear({65: thin, **fresh}, strategy={"stop_bps": 300.0}, venues={"bravo": {"balances": {"USD": "3000"}}}))
    assert [(o.decided, o.filled) for o in found.orders if o.side == "buy" and o.key == PERPETUAL] == [(after(120), coins(4)), (after(180), coins(6))]
    meanwhile = [outcome for at, steps, outcome in chances(found) if steps == SHORT and 120 < at <= 180]
    assert set(meanwhile) == {"stopped"}


def test_nothing_is_closed_while_a_leg_is_absent(engine: Engine) -> None:
    gone = {"bravo": {"outages": [{"start": "2024-01-01T01:02:50Z", "end": "2024-01-01T01:03:10Z"}]}}
    found = engine(dear({200: DEAR}, strategy={"max_hold": "2m"}, venues=gone))
    assert [at for at, steps in sent(found) if steps == LONG] == [240]


def test_unequal_legs_are_unwound_on_either_leg(engine: Engine) -> None:
    # the perpetual has 4 left when the order arrives: of the spot that was bought 6 are sold again; then the other way round
    late = {"alfa": {"order_latency": "1s"}, "bravo": {"order_latency": "1s"}}
    policy = {"residual": "unwind"}
    thin = engine(dear({5.5: Book(102.0, 102.0, 4.0, 10.0)}, venues=late, execution=policy))
    assert [(o.key, o.role, o.side, o.filled) for o in thin.orders[2:3]] == [(SPOT, "residual", "sell", coins(6))]
    other = engine(basis(spot={5.5: Book(100.0, 100.0, 10.0, 4.0)}, perpetual={5: DEAR}, venues=late, execution=policy))
    last = other.orders[2]
    assert (last.key, last.role, last.side, last.filled, last.reserve) == (PERPETUAL, "residual", "buy", coins(6), 0)


def test_hedging_opens_the_perpetual_where_that_is_best_and_margin_allows_it(engine: Engine) -> None:
    late = {"alfa": {"order_latency": "1s"}, "bravo": {"order_latency": "1s", "balances": {"USD": "142.8"}}}
    world = dear({5.5: Book(102.0, 102.0, 4.0, 10.0), 6.5: Book(102.0, 102.0, 30.0, 10.0)}, venues=late, execution={"residual": "hedge"})
    last = engine(world).orders[2]
    # what is free beside the margin of the 4 that were sold is 102
    assert (last.key, last.side, last.filled, last.reserve) == (PERPETUAL, "sell", coins(6), coins(61.2))


def test_once_it_is_closed_it_may_enter_again(engine: Engine) -> None:
    found = engine(dear({190: Book(102.5, 102.5)}, strategy={"max_hold": "2m"}, first=(Book(100.0, 100.0, 30.0, 30.0), BACK)))
    assert sent(found)[:3] == [(5, SHORT), (180, LONG), (190, SHORT)]


def test_an_edge_that_cannot_be_is_an_alarm_for_entries_and_for_exits(engine: Engine) -> None:
    found = engine(dear({20: Book(80.0, 80.0), 40: Book(120.0, 120.0)}, risk={"max_gross_edge_bps": 1_500.0}))
    assert [(at, outcome) for at, _, outcome in chances(found)][:3] == [(5, "sent"), (20, "alarm"), (40, "alarm")]
    # 1,600 bps before fees, and less than 1,500 after them
    dear_fees = {"bravo": {"fee_bps": 200.0}}
    assert engine(basis(perpetual={5: Book(116.0, 116.0)}, venues=dear_fees, risk={"max_gross_edge_bps": 1_500.0})).decisions["alarm"] > 0


def test_what_is_under_way_decides_what_a_pair_does(engine: Engine) -> None:
    # the short is not known before 45 s: until then the other pair is its exit, and there is nothing to exit
    slow = {"alfa": {"order_latency": "40s"}, "bravo": {"order_latency": "40s"}}
    found = engine(dear({20: Book(98.0, 98.0)}, venues=slow, strategy={"directions": "both"}))
    assert [(at, steps, outcome) for at, steps, outcome in chances(found)][:2] == [(5, SHORT, "sent"), (20, LONG, "no_funds")]


def test_a_pair_that_stands_without_news_is_no_opportunity(engine: Engine) -> None:
    rate = books({30: Book(1.0, 1.0), 40: Book(0.99, 1.0)}, first=Book(1.0, 1.0))
    assert [at for at, *_ in chances(engine(dear(rate=rate)))] == [5, 200]


def test_an_exit_rests_as_an_entry_does(engine: Engine) -> None:
    thin = {20: Book(99.9, 100.0, 10.0, 2.0), 25: Book(99.9, 99.99, 10.0, 2.0), 35: Book(99.9, 99.98, 10.0, 2.0)}
    found = engine(dear(thin, strategy={"cool_down": "15s"}))
    assert [(at, outcome) for at, steps, outcome in chances(found) if steps == LONG][:3] == [(20, "sent"), (25, "cool_down"), (35, "sent")]


def test_open_orders_of_an_entry_keep_to_the_limit_of_a_venue(engine: Engine) -> None:
    found = engine(dear(risk={"max_venue_open": "306"}))
    assert found.orders[0].planned == coins(3)  # of 102 each on the perpetual


def test_what_is_below_the_minimum_of_a_leg_is_dropped(engine: Engine) -> None:
    small = {"max_notional": "500"}
    assert engine(dear(strategy=small, instruments={"bravo": {"min_notional": "511"}})).decisions.keys() == {"below_minimum"}
    assert engine(dear(strategy=small, instruments={"bravo": {"min_notional": "510"}})).decisions["sent"] > 0


def test_a_late_close_is_an_episode_of_its_own(engine: Engine) -> None:
    found = engine(dear({190: Book(102.5, 102.5)}, strategy={"max_hold": "2m"}, first=(Book(100.0, 100.0, 30.0, 30.0), BACK)))
    assert [o.episode for o in found.opportunities if o.outcome == "sent"] == [0, 1, 0, 2]  # the short pair stands all the while
