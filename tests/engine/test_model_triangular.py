"""Cycles of docs/model.md, worked out by hand, on both engines: which there are, what they gain, and how large they are sent."""

import pytest

from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.small import Book, after, books, coins, cyclic, small, thick
from tests.strategies import World

pytestmark = pytest.mark.parametrize("engine", ENGINES)

BTC, CROSS, ETH = (SeriesKey("alfa", name) for name in ("BTC/USD", "ETH/BTC", "ETH/USD"))
FORTH = ((BTC, "buy"), (CROSS, "buy"), (ETH, "sell"))
BACK = ((ETH, "buy"), (CROSS, "sell"), (BTC, "sell"))


def dear(size: float = 1_000.0, at: float = 5, **changes: object) -> World:
    """Return the world in which alfa bids 5.1 for so many ETH at 5 s: 1 / 100 / 0.05 × 5.1 is 200 bps more than 1."""
    return cyclic(eth={at: Book(5.1, 5.2, size, size)}, **changes)


def planned(found: Outcome) -> list[float]:
    """Return what each order planned."""
    return [o.planned / 1e8 for o in found.orders]


def outcomes(found: Outcome) -> list[str]:
    """Return what became of each opportunity."""
    return [o.outcome for o in found.opportunities]


# ---- which cycles, and what they gain ----


def test_a_cycle_gains_what_its_steps_bring_in_turn(engine: Engine) -> None:
    # a dollar buys 0.01 BTC, these 0.2 ETH, these bring 1.02: 200 bps
    found = engine(dear())
    (chance,) = found.opportunities
    assert (chance.t, chance.steps, chance.outcome, chance.package) == (after(5), FORTH, "sent", 0)
    assert chance.edge_bps == pytest.approx(200.0, rel=1e-12)
    assert [o.edge_bps for o in found.orders] == [chance.edge_bps] * 3
    assert engine(dear(strategy={"threshold_bps": 200.1})).opportunities == []


def test_the_other_way_round_is_another_cycle(engine: Engine) -> None:
    # a dollar buys 0.2 ETH, these bring 0.01 BTC, these 1.03
    (chance,) = engine(cyclic(btc={5: thick(103.0, 104.0)})).opportunities
    assert (chance.steps, chance.edge_bps) == (BACK, pytest.approx(300.0, rel=1e-12))


@pytest.mark.parametrize(
    ("fee_currency", "edge_bps"),
    [
        ("quote", 1e4 * (1 / (100 * 1.001) * (1 / (0.05 * 1.001)) * (5.1 * 0.999) - 1)),
        ("received", 1e4 * (1 / (100 / 0.999) * (1 / (0.05 / 0.999)) * (5.1 * 0.999) - 1)),
    ],
)
def test_every_step_pays_its_fee(engine: Engine, fee_currency: str, edge_bps: float) -> None:
    found = engine(dear(venues={"alfa": {"fee_bps": 10.0, "fee_currency": fee_currency}}))
    assert found.opportunities[0].edge_bps == pytest.approx(edge_bps, rel=1e-12)


def test_the_gross_edge_is_before_fees_and_an_alarm_is_not_traded(engine: Engine) -> None:
    # 200 bps gross, 170 bps after three fees of 10 bps
    ten = {"alfa": {"fee_bps": 10.0}}
    assert outcomes(engine(dear(venues=ten, risk={"max_gross_edge_bps": 199.0}))) == ["alarm"]
    assert outcomes(engine(dear(venues=ten, risk={"max_gross_edge_bps": 201.0}))) == ["sent"]


def test_cycles_of_one_instant_go_by_edge_and_then_by_their_order(engine: Engine) -> None:
    # at prices that binary fractions hold both gain exactly nothing: legs are BTC/USD, ETH/BTC and ETH/USD, so that buying BTC comes first
    exact = {"btc": {5: thick(128.0)}, "cross": {5: thick(0.03125)}, "eth": {5: thick(4.0)}}
    found = engine(cyclic(**exact, strategy={"threshold_bps": 0.0}))
    assert [(o.steps, o.edge_bps) for o in found.opportunities if o.t == after(5)] == [(FORTH, 0.0), (BACK, 0.0)]
    tilted = engine(cyclic(**{**exact, "btc": {5: thick(129.0)}}, strategy={"threshold_bps": -100.0}))
    assert [o.steps for o in tilted.opportunities if o.t == after(5)] == [BACK, FORTH]


def test_a_cycle_has_news_of_its_own_legs_only(engine: Engine) -> None:
    # USDC/USD is traded, but in no cycle of three
    found = engine(dear(more={"alfa USDC/USD": books({6: thick(1.01)}, first=thick(1.0))}, strategy={"cool_down": "1h"}))
    assert [o.t for o in found.opportunities] == [after(5)]
    again = engine(cyclic(eth={5: thick(5.1, 5.2)}, cross={6: thick(0.05)}, strategy={"cool_down": "1h"}))
    assert [(o.t, o.outcome, o.episode) for o in again.opportunities] == [(after(5), "sent", 0), (after(6), "cool_down", 0)]


def test_a_cycle_stands_while_all_its_legs_are_present(engine: Engine) -> None:
    crossed = engine(cyclic(eth={5: thick(5.1, 5.2)}, cross={4: Book(0.06, 0.05), 8: thick(0.05), 9: Book(0.06, 0.05), 10: thick(0.05)}))
    assert [(o.t, o.episode) for o in crossed.opportunities] == [(after(8), 0), (after(10), 1)]


def test_the_cool_down_is_of_one_cycle(engine: Engine) -> None:
    # both gain 200 bps or more in turn: at 6 s ETH/BTC at 0.0515 makes the other way 1 / 5 × 0.0515 × 100
    world = cyclic(eth={5: thick(5.1), 6: thick(5.0), 7: thick(5.1)}, cross={6: thick(0.0515), 7: thick(0.05)}, strategy={"cool_down": "10s"})
    found = engine(world)
    assert [(o.t, o.steps, o.outcome) for o in found.opportunities] == [
        (after(5), FORTH, "sent"),
        (after(6), BACK, "sent"),
        (after(7), FORTH, "cool_down"),
    ]


def test_listed_cycles_are_the_only_ones_and_may_go_over_venues_in_two_steps(engine: Engine) -> None:
    # BTC is bought at alfa for 100 and sold at bravo for 101
    away = {"bravo BTC/USD": books({5: Book(101.0, 102.0)})}
    world = cyclic(eth={5: thick(5.1)}, more=away, strategy={"cycles": [["alfa BTC/USD", "bravo BTC/USD"]]})
    found = engine(world)
    (chance,) = found.opportunities
    assert chance.steps == ((BTC, "buy"), (SeriesKey("bravo", "BTC/USD"), "sell"))
    assert chance.edge_bps == pytest.approx(100.0, rel=1e-12)
    assert planned(found) == [10.0, 10.0]


def test_a_cycle_of_four_steps(engine: Engine) -> None:
    # USD to USDC at 1, to BTC at 100, to ETH at 0.05, which brings 5.1. 20 ETH come from 1 BTC; 101 USDC would buy 1.01
    more = {"alfa BTC/USDC": books(first=thick(100.0)), "alfa USDC/USD": books(first=thick(1.0))}
    names = ["alfa USDC/USD", "alfa BTC/USDC", "alfa ETH/BTC", "alfa ETH/USD"]
    found = engine(dear(size=20.0, more=more, strategy={"cycles": [names]}))
    assert [(o.key.instrument, o.side, o.planned / 1e8) for o in found.orders] == [
        ("USDC/USD", "buy", 100.99),
        ("BTC/USDC", "buy", 1.0),
        ("ETH/BTC", "buy", 20.0),
        ("ETH/USD", "sell", 20.0),
    ]


# ---- how large ----


def test_a_package_is_as_large_as_the_books_allow(engine: Engine) -> None:
    # 51 ETH are bought. A lot of BTC is 1 USD and brings 0.2 ETH: 2.55 BTC bring 51 ETH, and 2.56 would bring more
    found = engine(dear(51.0))
    assert [(o.key, o.side, o.planned, o.flow) for o in found.orders] == [
        (BTC, "buy", coins(2.55), coins(255)),
        (CROSS, "buy", coins(51), coins(2.55)),
        (ETH, "sell", coins(51), coins(260.1)),
    ]
    # what is left of 1 BTC costs 100 USD, and no more is spent
    assert planned(engine(cyclic(btc={4: Book(99.0, 100.0, 1.0, 1.0)}, eth={5: thick(5.1, 5.2)}))) == [1.0, 20.0, 20.0]
    # ETH costs 0.05 BTC each: 5 of them 0.25 BTC, and no more is bought
    assert planned(engine(cyclic(cross={4: Book(0.049, 0.05, 5.0, 5.0)}, eth={5: thick(5.1, 5.2)}))) == [0.25, 5.0, 5.0]


def test_a_step_spends_what_the_one_before_brings_after_its_fee(engine: Engine) -> None:
    # fixed: 100 USD. At 10 bps of quote 0.99 BTC cost 99.099; 0.99 BTC buy 19.78 ETH for 0.989 + 0.000989, and 19.79 would cost 0.9904895
    hundred = {"size": "fixed", "fixed_notional": "100"}
    found = engine(dear(strategy=hundred, venues={"alfa": {"fee_bps": 10.0}}))
    assert planned(found) == [0.99, 19.78, 19.78]
    assert [o.fee for o in found.orders] == [coins(0.099), coins(0.000989), coins(0.100878)]
    # of what is received: 1 BTC for 100 brings 0.999, which buys 19.98 ETH; of these 0.01998 are kept, and 19.96 are sold
    taken = engine(dear(strategy=hundred, venues={"alfa": {"fee_bps": 10.0, "fee_currency": "received"}}))
    assert planned(taken) == [1.0, 19.98, 19.96]
    assert [(o.fee, o.fee_currency) for o in taken.orders] == [(coins(0.001), "BTC"), (coins(0.01998), "ETH"), (coins(0.101796), "USD")]


def test_a_sell_on_the_way_brings_its_flow_less_its_fee(engine: Engine) -> None:
    # at 10 bps 100 USD buy 19.98 ETH for 99.9 + 0.0999; these bring 0.999 BTC less 0.000999, of which 0.998 are sold for 103
    lots = {"alfa BTC/USD": {"lot": "0.001"}}
    strategy = {"size": "fixed", "fixed_notional": "100"}
    found = engine(cyclic(btc={5: thick(103.0, 104.0)}, instruments=lots, strategy=strategy, venues={"alfa": {"fee_bps": 10.0}}))
    assert planned(found) == [19.98, 19.98, 0.998]


def test_the_levels_that_the_last_units_come_from_reach_the_threshold(engine: Engine) -> None:
    # 5.1 for 10, 5.02 for 20, 5.0 for 30: 200, 40 and 0 bps. 30 ETH come from 1.5 BTC; the average of the bids is 5.1 - 0.08 × 20 / 30
    deep = Book(5.1, 5.2, 10.0, 10.0, ((5.02, 20.0, 5.3, 1.0), (5.0, 30.0, 5.4, 1.0)))
    found = engine(cyclic(eth={5: deep}, execution={"tolerance_bps": 10.0}))
    assert planned(found) == [1.5, 30.0, 30.0]
    *_, sell = found.orders
    assert sell.decision_price == pytest.approx(5.1 - 0.08 * 20 / 30, rel=1e-12)
    # 5.02 × 0.999 = 5.01498, up to 5.02; 100 × 1.001 = 100.1; 0.05 × 1.001 = 0.05005, down to 0.0500
    assert [o.limit_price for o in found.orders] == [pytest.approx(100.1, abs=1e-9), pytest.approx(0.05, abs=1e-9), pytest.approx(5.02, abs=1e-9)]
    assert [o.reserve for o in found.orders] == [coins(150.15), coins(1.5), coins(30)]
    assert planned(engine(cyclic(eth={5: deep}, strategy={"threshold_bps": 50.0}))) == [0.5, 10.0, 10.0]


def test_together_every_wallet_pays_for_its_own_step(engine: Engine) -> None:
    # 0.5 BTC pay for 10 ETH; 7.3 ETH are sold, for which 0.36 BTC bring 7.2, and 0.37 would bring 7.4
    assert planned(engine(dear(venues={"alfa": {"balances": {"USD": "10000", "ETH": "10000", "BTC": "0.5"}}}))) == [0.5, 10.0, 10.0]
    assert planned(engine(dear(venues={"alfa": {"balances": {"USD": "10000", "ETH": "7.3", "BTC": "10"}}}))) == [0.36, 7.2, 7.2]
    # 123.45 USD buy 1.23 BTC
    assert planned(engine(dear(venues={"alfa": {"balances": {"USD": "123.45", "ETH": "10000", "BTC": "10"}}}))) == [1.23, 24.6, 24.6]
    assert outcomes(engine(dear(venues={"alfa": {"balances": {"USD": "10000", "ETH": "10000"}}}))) == ["no_funds"]


def test_in_sequence_the_first_wallet_pays(engine: Engine) -> None:
    found = engine(dear(strategy={"send": "sequence"}, venues={"alfa": {"balances": {"USD": "123.45"}}}))
    assert planned(found) == [1.23, 24.6, 24.6]
    assert outcomes(engine(dear(strategy={"send": "sequence"}, venues={"alfa": {"balances": {"BTC": "10", "ETH": "100"}}}))) == ["no_funds"]


def test_the_most_that_a_package_spends(engine: Engine) -> None:
    assert planned(engine(dear(strategy={"max_notional": "123.45"}))) == [1.23, 24.6, 24.6]
    assert outcomes(engine(dear(strategy={"max_notional": "0.99"}))) == ["below_minimum"]


def test_a_fixed_size_is_sent_whole_or_not_at_all(engine: Engine) -> None:
    def fixed(amount: str, **changes: object) -> Outcome:
        return engine(dear(51.0, strategy={"size": "fixed", "fixed_notional": amount}, **changes))

    assert planned(fixed("255.99")) == [2.55, 51.0, 51.0]
    assert outcomes(fixed("256")) == ["no_volume"]
    assert outcomes(fixed("0.99")) == ["no_volume"]
    assert outcomes(fixed("200", venues={"alfa": {"balances": {"USD": "199", "BTC": "10", "ETH": "99"}}})) == ["no_funds"]
    assert outcomes(fixed("200", risk={"max_venue_open": "600"})) == ["venue_limit"]


def test_every_step_reaches_the_minimum_of_its_instrument(engine: Engine) -> None:
    # 51 ETH: flows of 255 USD, 2.55 BTC and 260.1 USD
    for name, least in (("alfa BTC/USD", "255"), ("alfa ETH/BTC", "2.55"), ("alfa ETH/USD", "260.1")):
        assert outcomes(engine(dear(51.0, instruments={name: {"min_notional": least}}))) == ["sent"]
        assert outcomes(engine(dear(51.0, instruments={name: {"min_notional": f"{float(least) + 0.01:.2f}"}}))) == ["below_minimum"]


def test_the_value_open_at_a_venue_counts_all_steps_that_are_sent(engine: Engine) -> None:
    # 1 BTC: 100 USD, 1 BTC at its mark of 100, and 102 USD
    assert planned(engine(dear(risk={"max_venue_open": "302"}))) == [1.0, 20.0, 20.0]
    assert planned(engine(dear(risk={"max_venue_open": "301.99"}))) == [0.99, 19.8, 19.8]
    assert planned(engine(dear(risk={"max_venue_open": "100"}, strategy={"send": "sequence"}))) == [1.0, 20.0, 20.0]
    # a second package while the first, of 302, is under way
    slow = {"alfa": {"order_latency": "10s"}}
    world = cyclic(eth={5: Book(5.1, 5.2, 20.0, 20.0), 6: Book(5.1, 5.2, 40.0, 40.0)}, venues=slow, risk={"max_venue_open": "302"})
    assert outcomes(engine(world)) == ["sent", "venue_limit"]


def test_what_is_held_of_a_currency_on_the_way_is_limited(engine: Engine) -> None:
    # 10 BTC at 100 each are held, and may be 11; 100 ETH at 5 each, and may be 105
    held = {"alfa": {"balances": {"USD": "10000", "BTC": "10", "ETH": "100"}}}
    assert planned(engine(dear(venues=held, risk={"max_asset": {"BTC": "1100"}}))) == [1.0, 20.0, 20.0]
    assert planned(engine(dear(venues=held, risk={"max_asset": {"ETH": "525"}}))) == [0.25, 5.0, 5.0]
    assert outcomes(engine(dear(venues=held, risk={"max_asset": {"BTC": "1000"}}))) == ["asset_limit"]


def test_what_orders_under_way_will_bring_counts_as_held(engine: Engine) -> None:
    # 10 BTC are held and 1 is bought, of 11; what is sold meanwhile is known at its notice
    world = cyclic(
        eth={5: Book(5.1, 5.2, 20.0, 20.0), 6: Book(5.1, 5.2, 40.0, 40.0), 9: Book(5.1, 5.2, 60.0, 60.0)},
        venues={"alfa": {"order_latency": "2s"}},
        risk={"max_asset": {"BTC": "1100"}},
    )
    found = engine(world)
    assert [(o.t, o.outcome) for o in found.opportunities] == [(after(5), "sent"), (after(6), "asset_limit"), (after(9), "sent")]


def test_what_was_taken_comes_off_the_levels(engine: Engine) -> None:
    # 20 of the 51 are sold at 5 s and known to be; at 6 s the same bid shows 51 again, so that 31 are left
    world = cyclic(eth={5: Book(5.1, 5.2, 51.0, 51.0), 6: Book(5.1, 5.3, 51.0, 51.0)}, strategy={"max_notional": "100"})
    found = engine(world)
    assert planned(found)[:3] == [1.0, 20.0, 20.0]
    more = engine(cyclic(eth={5: Book(5.1, 5.2, 20.0, 51.0), 6: Book(5.1, 5.3, 51.0, 51.0)}))
    assert planned(more) == [1.0, 20.0, 20.0, 1.55, 31.0, 31.0]


def test_a_conversion_can_be_a_leg_of_its_own(engine: Engine) -> None:
    # alfa pays 102 USDC of 0.99 USD for what costs 100 USD at bravo: 98 bps, kept in USDC by `spatial`, brought home by the cycle
    series = {
        "alfa BTC/USDC": books(first=Book(102.0, 103.0)),
        "alfa USDC/USD": books({5: Book(0.99, 1.0, 5_000.0, 5_000.0)}, first=Book(0.9, 1.0, 5_000.0, 5_000.0)),
        "bravo BTC/USD": books(first=Book(99.0, 100.0)),
    }
    cycle = {"kind": "triangular", "start": "USD", "cycles": [["bravo BTC/USD", "alfa BTC/USDC", "alfa USDC/USD"]]}
    kept, home = (
        engine(small(series, minutes=1, strategy={**kind, "max_notional": "1000"}, instruments={"alfa USDC/USD": {"use": use}}))
        for kind, use in (({}, "convert"), (cycle, "trade"))
    )
    assert [o.edge_bps for o in (*kept.opportunities, *home.opportunities)] == [pytest.approx(98.0)] * 2
    assert [(o.key.instrument, o.side, o.flow) for o in kept.orders] == [("BTC/USDC", "sell", coins(1020)), ("BTC/USD", "buy", coins(1000))]
    assert [(o.key.instrument, o.side, o.flow) for o in home.orders] == [
        ("BTC/USD", "buy", coins(1000)),
        ("BTC/USDC", "sell", coins(1020)),
        ("USDC/USD", "sell", coins(1009.8)),
    ]
    usdc, dollars = ("alfa", "USDC"), [("alfa", "USD"), ("bravo", "USD")]
    assert [sum(found.balances[usdc]) - coins(10_000) for found in (kept, home)] == [coins(1020), 0]
    assert sum(sum(home.balances[wallet]) for wallet in dollars) - coins(20_000) == coins(9.8)
