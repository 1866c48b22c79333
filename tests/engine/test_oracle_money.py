"""The oracle loses no money, tells where all of it went, and lets things happen in order."""

from collections import Counter

import pytest
from hypothesis import given

from engine.config import Spec
from engine.oracle import OracleOrder, OracleResult, replay
from engine.schema import ATOMS_PER_UNIT
from engine.units import atoms
from tests.engine.small import FLAT, Book, Table, after, books, coins, level, small
from tests.profiles import examples
from tests.strategies import World, worlds

DEAR = Book(101.0, 103.0)


def run(world: World) -> OracleResult:
    return replay(world.spec, world.data)


def flows(order: OracleOrder) -> Counter[str]:
    """Return what an order's fill did to each currency."""
    base, quote = order.instrument.split("/")
    sign = 1 if order.side == "buy" else -1
    found = Counter({base: sign * order.filled, quote: -sign * order.flow})
    if order.fee_currency is not None:
        found[order.fee_currency] -= order.fee
    return found


def starting(spec: Spec, currency: str) -> int:
    return sum(atoms(venue.balances[currency]) for venue in spec.venues.values() if currency in venue.balances)


@examples(25)
@given(worlds())
def test_after_every_event_there_is_what_there_was_and_what_was_traded_less_fees(world: World) -> None:
    found = run(world)
    due = Counter({currency: starting(world.spec, currency) for currency in world.spec.currencies})
    for entry in found.journal:
        if entry.event == "resolved":
            due.update(flows(found.orders[entry.number]))
        if entry.event == "requested":
            moved = found.transfers[entry.number]
            due[next(r.currency for r in world.spec.routes if r.name == moved.route)] -= moved.fee
        assert {currency: entry.held(currency) for currency in world.spec.currencies} == dict(due)
        assert all(part >= 0 for parts in entry.balances.values() for part in parts)
    assert [e.at for e in found.journal] == sorted(e.at for e in found.journal)


@examples(20)
@given(worlds())
def test_the_lines_add_up_to_what_equity_gained_on_the_starting_balances(world: World) -> None:
    found = run(world)
    turnover = sum(o.flow for o in found.orders) / ATOMS_PER_UNIT
    gained = found.equity[-1][1] - found.equity[0][2]
    assert sum(found.attribution.values()) == pytest.approx(gained, rel=0, abs=1e-9 * (turnover + found.equity[0][2]) + 1e-12)


@examples(12)
@given(worlds())
def test_what_is_reserved_is_what_orders_without_a_fill_or_a_miss_hold(world: World) -> None:
    found = run(world)
    reserved: Counter[tuple[str, str]] = Counter()
    for order in found.orders:
        if order.outcome == "open":
            base, quote = order.instrument.split("/")
            reserved[order.venue, base if order.side == "sell" else quote] += order.reserve
    assert {key: parts[1] for key, parts in found.balances.items() if parts[1]} == dict(+reserved)


def test_every_line_by_hand() -> None:
    """USDC goes from 1 to 0.9 at 30 s and to 0.8 at 90 s; BTC is 100 USD but for the legs' quotes.

    At 5 s 2 BTC are sold at alfa for USDC, decided at 104, and bought at bravo at 100. The sell arrives at 31 s and finds 1 at 103.5
    within its limit; the buy fills whole, at once. The BTC left over is carried. Both pay 10 bps.
    """
    alfa = books({5: Book(104.0, 110.0, 2.0), 30: Book(103.5, 110.0, 1.0)}, first=Book(90.0, 110.0))
    usdc = books({30: Book(0.9, 0.9), 90: Book(0.8, 0.8)}, first=Book(1.0, 1.0))
    world = small(
        {
            "alfa BTC/USDC": alfa,
            "bravo BTC/USD": books({5: Book(99.0, 100.0, 1.0, 2.0), 6: FLAT}),
            "bravo USDC/USD": usdc,
            "charlie BTC/USD": level(100.0),
        },
        venues={
            "alfa": {"fee_bps": 10.0, "order_latency": "26s", "balances": {"BTC": "2", "USDC": "50"}},
            "bravo": {"fee_bps": 10.0, "balances": {"USD": "300"}},
            "charlie": {"balances": {}},
        },
        instruments={"charlie BTC/USD": {"use": "mark"}, "bravo USDC/USD": {"tick": "0.0001"}},
        execution={"tolerance_bps": 50.0},
        strategy={"threshold_bps": 100.0},
        minutes=2,
    )
    found = run(world)
    assert [(o.side, o.filled, o.decision_price, o.price) for o in found.orders] == [
        ("sell", coins(1), 104.0, 103.5),
        ("buy", coins(2), 100.0, 100.0),
    ]
    # marks of BTC: the median of bravo's and charlie's mids; 99.75 at 5 s ((99.5 + 100) / 2), 100 from 6 s on
    sell = {"gross": -1 * (99.75 - 104 * 1.0), "slippage": 1 * (103.5 - 104) * 0.9}
    buy = {"gross": 2 * (99.75 - 100 * 1.0), "slippage": 0.0}
    drift = {"BTC": -1 * (100 - 99.75) + 2 * 0.0, "USDC": 1 * 104 * (0.9 - 1.0)}
    revalued = {"BTC": 2 * (100 - 99.75), "USDC": (103.5 - 0.1035) * (0.8 - 0.9)}
    # the sell filled half, so the buy keeps half of its gross
    assert found.attribution == pytest.approx(
        {
            "gross": sell["gross"] + buy["gross"] / 2,
            "slippage": sell["slippage"],
            "leg_misses": buy["gross"] / 2,
            "fees": -0.1035 * 0.9 - 0.2,
            "gas": 0.0,
            "transfers": 0.0,
            "peg": drift["USDC"] + revalued["USDC"],
            "inventory": drift["BTC"] + revalued["BTC"],
            "hold": 50 * (0.8 - 1.0),
        }
    )
    end = 3 * 100 + (50 + 103.5 - 0.1035) * 0.8 + (300 - 200 - 0.2)
    assert found.equity[-1][0] == after(120)
    assert found.equity[-1][1:] == pytest.approx((end, 2 * 100 + 50 * 0.8 + 300))


def test_trading_back_sells_what_is_too_much_and_buys_what_lacks_after_fees() -> None:
    # 2 BTC sold at 101 at alfa and none bought: they lack, at 103 x 1.001 there, or 105 at bravo; BTC is worth 103 at the end
    alfa = books({5: Book(101.0, 103.0, 2.0), 6: Book(102.0, 103.0)})
    bravo = books({5.5: Book(99.0, 105.0)}, first=Book(99.0, 100.0))
    venues: dict[str, Table] = {"alfa": {"fee_bps": 10.0}, "bravo": {"order_latency": "1s"}}
    found = run(small({"alfa BTC/USD": alfa, "bravo BTC/USD": bravo}, venues=venues, strategy={"threshold_bps": 50.0}, minutes=1))
    mark = (102.5 + 102.0) / 2
    assert found.trade_back == pytest.approx(-2 * (103 * 1.001 - mark))
    assert found.trade_back_at_marks == ()


def test_what_has_no_price_in_view_counts_at_its_mark_when_it_is_traded_back() -> None:
    alfa = books({5: Book(101.0, 103.0, 2.0), 6: Book(102.0, 103.0)})
    bravo = books({5.5: Book(99.0, 105.0)}, first=Book(99.0, 100.0))
    late: dict[str, Table] = {"bravo": {"order_latency": "1s"}}
    found = run(small({"alfa BTC/USD": alfa, "bravo BTC/USD": bravo}, venues=late, strategy={"threshold_bps": 50.0}, minutes=6))
    assert (found.trade_back, found.trade_back_at_marks) == (0.0, ("BTC",))


def test_what_the_base_brings_back_in_a_foreign_currency_is_traded_back_in_turn() -> None:
    """2 BTC are bought at bravo at 100 and not sold at alfa: they are too many, and 200 USD are gone.

    At the end charlie would pay most for them, 210 USDC, which are worth 199.5 USD at a mark of 0.95, and are sold for 0.94.
    """
    alfa = books({5: Book(101.0, 103.0, 2.0), 5.5: Book(98.0, 103.0)})
    charlie = books({6: Book(105.0, 130.0)}, first=Book(90.0, 130.0))
    world = small(
        {
            "alfa BTC/USD": alfa,
            "bravo BTC/USD": books({6: Book(97.0, 103.0)}, first=Book(97.0, 100.0, 10.0, 2.0)),
            "charlie BTC/USDC": charlie,
            "charlie USDC/USD": books(first=Book(0.94, 0.96)),
        },
        venues={"alfa": {"order_latency": "1s"}},
        instruments={"charlie USDC/USD": {"tick": "0.0001"}},
        strategy={"threshold_bps": 50.0},
        minutes=1,
    )
    found = run(world)
    assert [o.filled for o in found.orders] == [0, coins(2)]
    mark = found.marks[-1][1]["BTC"]
    assert found.trade_back == pytest.approx(2 * (105 * 0.95 - mark) + 210 * (0.94 - 0.95))


def test_of_one_microsecond_credits_go_before_fills_and_those_before_notices() -> None:
    """At 30 s a transfer is credited, one order resolves and the notice of another comes; then comes the decision, which spends it all."""
    alfa = books({10: Book(101.0, 103.0, 1.0), 11: FLAT, 20: Book(101.0, 103.0, 2.0), 21: FLAT, 30: Book(101.0, 103.0, 10.0)})
    bravo = books(first=Book(99.0, 100.0, 10.0, 1000.0))
    world = small(
        {"alfa BTC/USD": alfa, "bravo BTC/USD": bravo},
        venues={"alfa": {"order_latency": "10s"}, "bravo": {"order_latency": "20s", "balances": {"USD": "200"}}},
        routes=[{"name": "wire", "currency": "USD", "source": "alfa", "destination": "bravo", "delay": "30s"}],
        rebalance={
            "policy": "threshold",
            "wallets": [
                {"venue": "alfa", "currency": "USD", "floor": "0", "target": "0"},
                {"venue": "bravo", "currency": "USD", "floor": "300", "target": "500"},
            ],
        },
        strategy={"threshold_bps": 50.0},
    )
    found = run(world)
    assert [(e.event, e.number) for e in found.journal if e.at == after(30)] == [
        ("credited", 0),
        ("resolved", 1),
        ("resolved", 2),
        ("noticed", 1),
        ("noticed", 2),
        ("sent", 4),
        ("sent", 5),
    ]
    assert found.orders[4].planned == coins(3)
