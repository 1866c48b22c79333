"""Perpetuals of docs/model.md, worked out by hand, on both engines: margin, settlement, funding and liquidation."""

from typing import Any

import pytest

from tests.engine.engines import ENGINES, Engine, Outcome, Payment, Settlement
from tests.engine.futures import PERPETUAL, SPOT, basis, payments
from tests.engine.small import Book, after, coins
from tests.strategies import World

pytestmark = pytest.mark.parametrize("engine", ENGINES)

DEAR, BACK = Book(102.0, 102.0), Book(100.0, 100.0)


def dear(perpetual: dict[float, Book] | None = None, **changes: Any) -> World:
    """Return the world in which the perpetual stands at 102 from 5 s on: 10 of it are sold, and 10 coins bought at 100."""
    return basis(perpetual={5: DEAR, **(perpetual or {})}, **changes)


def settled(found: Outcome) -> list[tuple[float, float, float, float]]:
    """Return settlements in seconds after the start and in coins."""
    return [((s.at - after(0)) / 1e6, s.variation / 1e8, s.funding / 1e8, s.lacking / 1e8) for s in found.settled]


def margin_wallet(found: Outcome) -> tuple[float, ...]:
    """Return what is free, reserved and pending at bravo."""
    return tuple(amount / 1e8 for amount in found.balances["bravo", "USD"])


def test_opening_reserves_the_initial_margin_and_the_position_goes_on_holding_it(engine: Engine) -> None:
    found = engine(dear())
    sold, bought = found.orders
    assert (sold.key, sold.side, sold.reserve, sold.flow) == (PERPETUAL, "sell", coins(102), coins(1_020))
    assert (bought.key, bought.side, bought.reserve, bought.flow) == (SPOT, "buy", coins(1_000), coins(1_000))
    assert margin_wallet(found) == (898.0, 102.0, 0.0)
    assert found.balances["alfa", "BTC"] == (coins(20), 0, 0)


def test_margin_and_fee_of_what_is_opened_must_be_free(engine: Engine) -> None:
    # 5 × 102 × (10 % + 10 bps) = 51.51
    fee = {"fee_bps": 10.0}
    enough = engine(dear(venues={"bravo": {**fee, "balances": {"USD": "51.51"}}}))
    assert (enough.orders[0].planned, enough.orders[0].reserve) == (coins(5), coins(51.51))
    less = engine(dear(venues={"bravo": {**fee, "balances": {"USD": "51.5"}}}))
    assert less.orders[0].planned == coins(4.999)
    assert set(engine(dear(venues={"bravo": {"balances": {"USD": "0.001"}}})).decisions) == {"no_funds"}


def test_a_fill_is_settled_to_the_mid_and_its_fee_is_part_of_its_cost(engine: Engine) -> None:
    # sold at the bid of 102, the mid is 102.1: 10 × 0.1 and a fee of 1.02 are lost at once
    found = engine(basis(perpetual={5: Book(102.0, 102.2)}, venues={"bravo": {"fee_bps": 10.0}}))
    assert settled(found) == [(5, -2.02, 0, 0)]
    assert margin_wallet(found) == (1_000 - 2.02 - 102.1, 102.1, 0.0)
    assert found.equity[-1][1] - found.equity[-1][2] == pytest.approx(-2.02)


def test_what_comes_back_is_variation_and_frees_the_margin(engine: Engine) -> None:
    found = engine(dear({60: BACK}))
    assert settled(found) == [(5, 0, 0, 0), (60, 20, 0, 0)]
    assert margin_wallet(found) == (1_020.0, 0.0, 0.0)
    assert found.attribution["gross"] == pytest.approx(20)  # the basis as it was entered, less none as it was left
    assert found.attribution["variation"] == pytest.approx(0)


def test_until_its_notice_a_fill_is_the_venues_and_its_reserve_pending(engine: Engine) -> None:
    late = engine(dear(venues={"bravo": {"feed_latency": "200s"}}))
    assert late.orders[0].notice is None
    assert margin_wallet(late) == (898.0, 0.0, 102.0)
    assert late.settled == []
    assert late.equity[-1][1] == pytest.approx(late.equity[-1][2])  # sold at the mid that is in view: equity has the position


def test_closing_reserves_nothing_and_is_not_limited_by_the_margin_wallet(engine: Engine) -> None:
    found = engine(dear({60: BACK}, venues={"bravo": {"balances": {"USD": "102"}}}))
    closing = found.orders[2:]
    assert [(o.key, o.side, o.reserve, o.filled) for o in closing] == [(SPOT, "sell", coins(10), coins(10)), (PERPETUAL, "buy", 0, coins(10))]


def test_funding_is_paid_on_the_position_before_at_the_mid_once_the_venue_tells(engine: Engine) -> None:
    found = engine(
        dear(
            {20: Book(103.0, 103.2)}, funding=payments((-60, None, 0.5), (30, None, 0.001), (120, None, -0.002), (210, None, 0.0), (500, None, 1e-4))
        )
    )
    # shorts are paid 10 × 103.1 × 0.001, pay twice that later, and nothing at a rate of nothing
    assert found.payments == [
        Payment(after(30), after(30), 0.001, coins(-10), coins(1.031)),
        Payment(after(120), after(120), -0.002, coins(-10), coins(-2.062)),
        Payment(after(210), after(210), 0.0, coins(-10), 0),
    ]
    assert found.settled[1] == Settlement(after(30), coins(-11), coins(1.031), 0)
    assert found.attribution["funding"] == pytest.approx(-1.031)
    assert sum(margin_wallet(found)) == pytest.approx(1_000 - 11 - 1.031)
    late = engine(
        dear(venues={"bravo": {"feed_latency": "2s"}}, funding=payments((-60, None, 0.5), (30, None, 0.001), (359, None, 0.5), (500, None, 1e-4)))
    )
    assert [(p.due, p.paid) for p in late.payments] == [(after(30), after(32))]  # the news of the last comes after the end


def test_an_order_that_arrives_as_funding_falls_due_pays_none(engine: Engine) -> None:
    slow = {"order_latency": "25s"}
    world = dear(venues={"alfa": slow, "bravo": slow}, funding=payments((-60, None, 0.5), (30, None, 0.001), (90, None, 0.001), (500, None, 1e-4)))
    found = engine(world)
    assert [o.arrival for o in found.orders[:2]] == [after(30)] * 2
    assert [p.due for p in found.payments] == [after(90)]


def test_below_maintenance_the_venue_closes_at_the_quote_and_it_is_counted(engine: Engine) -> None:
    # 102 - 10 × (M - 102) < 5 % of 10 × M from M = 106.858 on; looked at once a tick
    poor = {"bravo": {"balances": {"USD": "102"}, "fee_bps": 0.0}}
    held = engine(dear({65: Book(106.85, 106.85)}, venues=poor))
    assert [o.role for o in held.orders] == ["leg", "leg"]
    found = engine(dear({65: Book(106.86, 106.86)}, venues=poor))
    last = found.orders[-1]
    assert (last.role, last.side, last.key, last.decided, last.arrival) == ("liquidation", "buy", PERPETUAL, after(120), after(120))
    assert (last.filled, last.price, last.limit_price, last.reserve) == (coins(10), 106.86, 213.72, 0)
    assert settled(found)[-1] == (120, -48.6, 0, 0)
    assert margin_wallet(found) == (pytest.approx(53.4), 0.0, 0.0)
    assert found.attribution["leg_misses"] == pytest.approx(-68.6)  # what closing at 106.86 gave of a coin that is worth 100


def test_what_the_margin_wallet_lacks_is_the_venues_loss(engine: Engine) -> None:
    found = engine(dear({65: Book(115.0, 115.0)}, venues={"bravo": {"balances": {"USD": "102"}}}))
    assert settled(found)[-1] == (120, -130, 0, 28)
    assert margin_wallet(found) == (0.0, 0.0, 0.0)
    assert found.equity[-1][1] - found.equity[-1][2] == pytest.approx(-102)
    assert sum(found.attribution.values()) == pytest.approx(found.equity[-1][1] - found.equity[0][2])


def test_a_liquidation_fills_what_there_is_and_goes_on_at_the_next_tick(engine: Engine) -> None:
    thin = Book(108.0, 108.0, 10.0, 4.0)
    found = engine(dear({65: thin, 150: Book(110.0, 110.0)}, venues={"bravo": {"balances": {"USD": "102"}}}))
    closing = [o for o in found.orders if o.role == "liquidation"]
    assert [(o.decided, o.planned, o.filled, o.outcome) for o in closing] == [
        (after(120), coins(10), coins(4), "partial"),
        (after(180), coins(6), coins(6), "filled"),
    ]


@pytest.mark.parametrize("policy", ["unwind", "hedge", "carry"])
def test_after_a_liquidation_as_much_spot_is_traded_back_unless_it_is_carried(engine: Engine, policy: str) -> None:
    found = engine(dear({65: Book(108.0, 108.0)}, venues={"bravo": {"balances": {"USD": "102"}}}, execution={"residual": policy}))
    after_it = [(o.key, o.role, o.side, o.filled) for o in found.orders[3:]]
    assert after_it == ([] if policy == "carry" else [(SPOT, "residual", "sell", coins(10))])


def test_an_order_that_closes_fills_no_more_than_the_venue_still_holds(engine: Engine) -> None:
    # entered at 5 s with orders of a second; the exit of 110 s arrives at 130 s, after the liquidation of 120 s
    slow = {"order_latency": "20s"}
    world = dear({110: BACK, 111: Book(108.0, 108.0), 125: BACK}, venues={"bravo": {"balances": {"USD": "102"}, **slow}, "alfa": slow})
    found = engine(world)
    closing = [(o.role, o.arrival, o.outcome, o.filled) for o in found.orders if o.side == "buy" and o.key == PERPETUAL]
    assert closing == [("leg", after(130), "volume", 0), ("liquidation", after(120), "filled", coins(10))]  # as they were sent


def test_the_drawdown_stop_sees_the_position_as_far_as_it_is_known(engine: Engine) -> None:
    risk = {"max_drawdown": "20"}
    assert engine(dear({15: Book(104.0, 104.0)}, risk=risk)).stops == [(after(60), "drawdown")]
    assert engine(dear({15: Book(103.99, 103.99)}, risk=risk)).stops == []
    assert engine(dear({56: Book(104.0, 104.0)}, risk=risk, venues={"bravo": {"feed_latency": "50s"}})).stops == [(after(120), "drawdown")]


def test_a_flagged_quote_moves_no_position(engine: Engine) -> None:
    crossed = Book(200.0, 150.0)
    found = engine(dear({50: crossed}, minutes=1))
    assert found.equity[-1][1] == pytest.approx(found.equity[-1][2])
    paid = engine(dear({20: crossed}, funding=payments((-60, None, 0.5), (30, None, 0.001), (500, None, 1e-4))))
    assert [p.amount for p in paid.payments] == [coins(1.02)]


def test_funding_is_on_what_the_venue_holds_whether_or_not_that_is_known(engine: Engine) -> None:
    # sold at 15 s, known at 25 s, and funding falls due between
    slow = {"bravo": {"feed_latency": "10s"}}
    found = engine(dear(venues=slow, funding=payments((-60, None, 0.5), (20, None, 0.001), (500, None, 1e-4))))
    assert [(p.due, p.paid, p.on) for p in found.payments] == [(after(20), after(30), coins(-10))]


def test_one_liquidation_goes_at_a_time(engine: Engine) -> None:
    # its notice takes more than a tick
    slow = {"bravo": {"balances": {"USD": "102"}, "feed_latency": "70s"}}
    found = engine(dear({80: Book(108.0, 108.0, 10.0, 4.0), 205: Book(115.0, 115.0)}, venues=slow))
    closing = [(o.decided, o.notice) for o in found.orders if o.role == "liquidation"]
    assert closing == [(after(180), after(250)), (after(300), None)]


def test_a_liquidation_counts_as_what_was_left_over(engine: Engine) -> None:
    poor = {"bravo": {"balances": {"USD": "102"}}}
    found = engine(dear({65: Book(108.0, 108.0), 150: DEAR}, venues=poor, risk={"max_residual": "999"}, strategy={"max_notional": "10000"}))
    assert found.opportunities[-1].outcome == "residual"  # 10 coins of 100 each
