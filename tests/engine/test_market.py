"""From specs to what the kernels are given, field by field."""

from collections.abc import Mapping

import numpy as np
import pytest

from engine import guard, market, panel
from engine.kernels import market as kernel
from engine.kernels.market import World
from tests import strategies
from tests.engine.small import DESK, FLAT, START, Bar, Book, Table, after, bars, books, coins, cyclic, level, small

SECOND = 1_000_000
MINUTE = 60 * SECOND


def built(world: strategies.World) -> World:
    """Return what the kernels get of a world."""
    seen = panel.build(world.spec, world.data)
    return market.world(world.spec, seen, guard.build(world.spec, seen.marks))


def two(first: Mapping[float, Book] | None = None, **changes: object) -> strategies.World:
    """Return two markets of quotes at one price, but where and when the first has others."""
    return small({"alfa BTC/USD": books(first), "bravo BTC/USD": books()}, minutes=1, **changes)  # type: ignore[arg-type]


def test_series_lie_one_after_the_other_legs_first_and_then_what_converts() -> None:
    series = {
        "alfa BTC/USD": books({5: Book(101.0, 102.0)}),
        "bravo BTC/USDC": books(),
        "alfa USDC/USD": books(first=Book(0.9, 1.1, more=((0.8, 2.0, 1.2, 3.0),))),
        "bravo USD/USDC": books(first=Book(0.99, 1.01)),
    }
    ages = {"bravo BTC/USDC": {"max_age": None}}
    found = built(small(series, minutes=1, instruments=ages))
    assert found.market.series["first"].tolist() == [0, 2, 3, 4, 5]
    assert found.market.series["max_age_us"][:4].tolist() == [3600 * SECOND, 5 * SECOND, 3600 * SECOND, 3600 * SECOND]
    assert found.market.event_us.tolist() == found.market.available_us.tolist() == [after(-10), after(5), after(-10), after(-10), after(-10)]
    assert found.market.price[kernel.SELL, :, 0].tolist() == [100.0, 101.0, 100.0, 0.9, 0.99]
    assert found.market.price[kernel.BUY, :, 0].tolist() == [100.0, 102.0, 100.0, 1.1, 1.01]
    # only the third series has a second level
    np.testing.assert_array_equal(found.market.price[:, :, 1], [[np.nan] * 3 + [0.8, np.nan], [np.nan] * 3 + [1.2, np.nan]])
    assert found.market.size[:, :, 1].tolist() == [[0, 0, 0, coins(2), 0], [0, 0, 0, coins(3), 0]]
    # bravo's money converts by both: USDC/USD as it is, USD/USDC inverted
    assert found.legs["converts"].tolist() == [False, True, False]
    assert found.legs["first_conversion"].tolist() == [0, 0, 2]
    assert [(int(c.series), bool(c.inverted)) for c in found.market.conversions] == [(2, False), (3, True)]


def test_observations_have_both_their_times_and_their_flags() -> None:
    found = built(two(venues={"alfa": {"feed_latency": "2s"}}, first={5: Book(103.0, 102.0)})).market
    assert found.event_us.tolist() == [after(-10), after(5), after(-10)]
    assert found.available_us.tolist() == [after(-8), after(7), after(-10)]
    assert found.good.tolist() == [True, False, True]


def test_what_only_marks_converts_nothing() -> None:
    series = {"alfa BTC/USD": books(), "bravo BTC/USDC": books(), "alfa USDC/USD": level(1.0), "bravo USDC/USD": level(1.0)}
    found = built(small(series, minutes=1, instruments={"alfa USDC/USD": {"use": "mark"}}))
    assert [int(c.series) for c in found.market.conversions] == [2]
    assert found.market.series.size == 4


def test_bars_of_an_outage_are_blocked() -> None:
    down = {"alfa": {"outages": [{"start": "2024-01-01T01:01:30Z", "end": "2024-01-01T01:01:40Z"}]}}
    found = built(small({"alfa BTC/USD": bars(last=2), "bravo BTC/USD": bars(last=2)}, minutes=3, venues=down)).market
    assert found.blocked.tolist() == [n == 1 for n in (-2, -1, 0, 1, 2)] + [False] * 5


def test_money_assumed_at_par_is_not_converted() -> None:
    series = {"alfa BTC/USD": books(), "bravo BTC/USDC": books(), "alfa USDC/USD": level(1.0)}
    found = built(small(series, minutes=1, assume_par=["USDC"]))
    assert (found.legs["converts"].tolist(), found.legs["first_conversion"].tolist()) == ([False] * 3, [0, 0, 0])


def test_what_does_not_join_the_two_currencies_converts_nothing() -> None:
    series = {
        "alfa BTC/USD": books(),
        "bravo BTC/USDC": books(),
        "alfa USDC/USD": level(1.0),
        "alfa USDC/EUR": level(1.0),
        "alfa EUR/USD": level(1.0),
    }
    found = built(small(series, minutes=1))
    # series: two legs, and by name EUR/USD, USDC/EUR, USDC/USD
    assert [(int(c.series), bool(c.inverted)) for c in found.market.conversions] == [(4, False)]


def test_a_leg_has_its_units_wallets_and_latencies() -> None:
    venues: dict[str, Table] = {"alfa": {"order_latency": "7ms", "feed_latency": "3ms"}, "bravo": {"feed_latency": "5ms"}}
    found = built(two(venues=venues, instruments={"alfa BTC/USD": {"tick": "0.5", "lot": "0.25", "min_notional": "10"}}))
    alfa, bravo, _ = found.legs
    assert (alfa.tick, alfa.lot, alfa.min_notional) == (coins(0.5), coins(0.25), coins(10))
    assert (alfa.order_latency_us, alfa.notice_latency_us, bravo.order_latency_us, bravo.notice_latency_us) == (7_000, 3_000, 0, 5_000)
    # wallets: alfa BTC, alfa USD, bravo BTC, bravo USD; currencies: BTC, USD
    assert (alfa.venue, alfa.base_wallet, alfa.quote_wallet, alfa.quote_currency) == (0, 0, 1, 1)
    assert (bravo.venue, bravo.base_wallet, bravo.quote_wallet, bravo.quote_currency) == (1, 2, 3, 1)
    assert (found.wallet_currency.tolist(), found.start.tolist()) == ([0, 1, 0, 1], [coins(20), coins(20_000)])


def test_notices_of_bars_wait_for_the_slowest_feed_of_all_venues() -> None:
    series = {"alfa BTC/USD": bars(), "bravo BTC/USD": bars()}
    found = built(small(series, venues={"alfa": {"feed_latency": "3s"}, "bravo": {"feed_latency": "5s"}}))
    assert found.legs["notice_latency_us"][:2].tolist() == [5 * SECOND, 5 * SECOND]


def test_bars_have_their_fills_beside_their_quotes() -> None:
    series = {"alfa BTC/USD": bars({0: Bar(101.0, open=99.0, volume=3.0)}, last=1), "bravo BTC/USD": bars(last=0)}
    found = built(small(series, minutes=2, instruments={"alfa BTC/USD": {"half_spread_bps": 100.0}}))
    assert found.legs["first_bar"].tolist() == [0, 4, 7]
    assert found.market.open_us.tolist() == [START + n * MINUTE for n in (-2, -1, 0, 1, -2, -1, 0)]
    # 99 less and more 1 %, and 101 less 1 %
    assert (found.market.fill_price[kernel.SELL, 2], found.market.fill_price[kernel.BUY, 2]) == (98.01, 99.99)
    assert found.market.price[kernel.SELL, 2, 0] == 99.99
    assert found.market.volume_cap[2] == found.market.size[0, 2, 0] == found.market.size[1, 2, 0] == coins(3)
    assert not found.market.blocked.any()


def test_fees_stand_leg_by_leg_and_an_asset_has_its_wallet() -> None:
    fees: Table = {
        "fees": [
            {"end": "2024-01-01T01:00:30Z", "charged_in": "BNB", "taker_bps": 9},
            {"start": "2024-01-01T01:00:30Z", "charged_in": "received", "tiers": [{"volume": "0", "taker_bps": 8}, {"volume": "50", "taker_bps": 5}]},
        ],
        "volume_30d": "40",
    }
    series = {"alfa BTC/USD": books(), "bravo BTC/USD": books(), "bravo BNB/USD": level(10.0)}
    found = built(small(series, minutes=1, venues={"bravo": fees}, instruments={"bravo BNB/USD": {"use": "mark"}}))
    assert found.legs["first_span"].tolist() == [0, 1, 3]
    assert found.spans["start_us"][1:3].tolist() == [START, after(30)]
    assert found.spans["charged"][:3].tolist() == [kernel.CHARGED_QUOTE, kernel.CHARGED_ASSET, kernel.CHARGED_RECEIVED]
    # wallets: alfa BTC and USD, bravo BNB, BTC and USD
    assert found.spans["asset_wallet"][:3].tolist() == [-1, 2, -1]
    assert found.spans["first_tier"].tolist() == [0, 1, 2, 4]
    assert [(int(t.volume), float(t.rate)) for t in found.tiers] == [(0, 0.0), (0, 9 * 1e-4), (0, 8 * 1e-4), (coins(50), 5 * 1e-4)]
    assert found.stated_volume.tolist() == [0, coins(40)]
    assert (found.legs["loosest_rate"][:2].tolist(), found.legs["in_base"][:2].tolist()) == ([0.0, 5 * 1e-4], [False, True])


@pytest.mark.parametrize(("start", "loosest"), [("2024-01-01T01:01:00Z", 1e-4), ("2024-01-01T01:01:00.000001Z", 9e-4)])
def test_the_lowest_rate_is_that_of_the_rows_of_the_run(start: str, loosest: float) -> None:
    fees = [{"end": start, "charged_in": "quote", "taker_bps": 9}, {"start": start, "charged_in": "quote", "taker_bps": 1}]
    assert built(two(venues={"alfa": {"fees": fees}})).legs["loosest_rate"][0] == pytest.approx(loosest)


def test_an_epoch_begins_with_the_best_price_or_after_what_is_not_good() -> None:
    rows = {
        1: Book(99.0, 101.0, bid_size=5.0),  # another bid
        2: Book(99.0, 101.0, bid_size=7.0),
        3: Book(99.0, 102.0),  # another ask
        4: Book(103.0, 102.0),  # crossed
        5: Book(99.0, 102.0),
        6: Book(99.0, 102.0),
    }
    found = built(small({"alfa BTC/USD": books(first=FLAT), "bravo BTC/USD": books(rows, first=Book(99.5, 101.0))}, minutes=1)).market.epoch
    # alfa has one row
    assert found[kernel.SELL].tolist() == [0, 1, 2, 2, 2, 5, 6, 6]
    assert found[kernel.BUY].tolist() == [0, 1, 1, 1, 4, 5, 6, 6]


def test_rules_are_in_atoms_fractions_and_microseconds() -> None:
    risk: Table = {
        "max_gross_edge_bps": 300.0,
        "max_residual": "5",
        "max_drawdown": "6",
        "max_venue_open": "7",
        "max_in_flight": "8",
        "max_misses": 9,
        "max_asset": {"USD": "10"},
    }
    world = small(
        {"alfa BTC/USD": bars(), "bravo BTC/USD": bars()},
        clock="30s",
        strategy={"threshold_bps": 2.5, "cool_down": "7s", "max_notional": "50"},
        execution={"tolerance_bps": 20.0, "max_wait": "3m", "residual": "hedge", "residual_bps": 30.0},
        risk=risk,
    )
    one, found = built(world).rules[0], built(world)
    assert (one.start_us, one.end_us, one.clock_us) == (START, START + 6 * MINUTE, 30 * SECOND)
    assert (one.threshold_bps, one.cool_down_us, one.fixed_notional, one.max_notional) == (2.5, 7 * SECOND, 0.0, 50e8)
    assert (one.tolerance, one.interval_us, one.max_wait_us) == (pytest.approx(2e-3), MINUTE, 3 * MINUTE)
    assert (one.residual, one.residual_tolerance) == (kernel.HEDGE, pytest.approx(3e-3))
    assert (one.max_gross_edge_bps, one.max_residual, one.max_drawdown) == (300.0, 5.0, 6.0)
    assert (one.max_venue_open, one.max_in_flight, one.max_misses) == (7e8, 8e8, 9)
    assert (one.works_at_ticks, one.rebalance_every_us, one.base_currency) == (True, 0, 0)
    assert found.max_asset.tolist() == [np.inf, 10e8]
    assert (found.mark.shape, found.halted.shape) == ((13, 2), (13,))
    assert found.mark[0].tolist() == [100.0, 1.0]


def test_limits_that_are_not_set_are_infinite_and_ticks_have_no_work() -> None:
    one = built(two(strategy={"size": "fixed", "fixed_notional": "20"})).rules[0]
    assert (one.max_notional, one.max_residual, one.max_drawdown, one.max_venue_open, one.max_in_flight) == (np.inf,) * 5
    assert (one.max_misses, one.works_at_ticks, one.rebalance_every_us, one.residual, one.fixed_notional) == (0, False, 0, kernel.CARRY, 20e8)
    assert built(two()).max_asset.tolist() == [np.inf, np.inf]


@pytest.mark.parametrize(("every", "us"), [(None, MINUTE), ("2m", 2 * MINUTE)])
def test_rebalancing_works_at_ticks_at_its_own_time_or_the_clocks(every: str | None, us: int) -> None:
    policy = {
        "policy": "weights",
        "band": 0.25,
        "wallets": [{"venue": v, "currency": "BTC", "weight": w} for v, w in (("alfa", 0.25), ("bravo", 0.75))],
    }
    world = two(rebalance=policy if every is None else policy | {"every": every})
    assert (built(world).rules[0].works_at_ticks, built(world).rules[0].rebalance_every_us) == (True, us)
    ways, _ = market.funding(world.spec)
    assert ways.band == 0.25
    assert ways.targets["listed"].tolist() == [True, False, True, False, False]
    np.testing.assert_array_equal(ways.targets["weight"][:4], [0.25, np.nan, 0.75, np.nan])


def route(name: str, **changes: object) -> dict[str, object]:
    """Return a route of coins from alfa to bravo."""
    return {"name": name, "currency": "BTC", "source": "alfa", "destination": "bravo", "delay": "10s", **changes}


def test_routes_are_tried_cheapest_fastest_and_then_first_by_name() -> None:
    routes = [
        route("e", fee="0.2", delay="1s"),
        route("d", fee="0.1", delay="2s", minimum="0.5", daily_limit="4"),
        route("c", fee="0.1", delay="1s"),
        route("b", fee="0.1", delay="1s"),
        route("a", fee="0.3", delay="1s", source="bravo", destination="alfa"),
    ]
    ways, order = market.funding(two(routes=routes).spec)
    # the spec has them by name
    assert order.tolist() == [1, 2, 3, 4, 0]
    fees, delays = [coins(fee) for fee in (0.1, 0.1, 0.1, 0.2, 0.3)], [seconds * SECOND for seconds in (1, 1, 2, 1, 1)]
    assert (ways.routes["fee"][:5].tolist(), ways.routes["delay_us"][:5].tolist()) == (fees, delays)
    # wallets: alfa BTC, alfa USD, bravo BTC, bravo USD
    assert [(int(w.source), int(w.destination)) for w in ways.routes[:5]] == [(0, 2)] * 4 + [(2, 0)]
    assert (ways.routes["minimum"][:3].tolist(), ways.routes["daily_limit"][:3].tolist()) == ([0, 0, coins(0.5)], [2**62, 2**62, coins(4)])
    assert not ways.openings.size


def test_the_faster_of_equally_cheap_routes_is_tried_first_whatever_its_name() -> None:
    _, order = market.funding(two(routes=[route("a", delay="2s"), route("b", delay="1s")]).spec)
    assert order.tolist() == [1, 0]


def test_routes_have_their_openings_from_the_start_to_long_after_the_end() -> None:
    hours = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "09:00", "closes": "17:00"}
    ways, _ = market.funding(two(routes=[route("always"), route("office", fee="1", hours=hours)]).spec)
    # from 1 o'clock on the first day, and to 1 o'clock of the sixtieth after it
    assert ways.routes["first_opening"].tolist() == [0, 0, 60]
    hour = 3600 * SECOND
    assert ways.openings[:2].tolist() == [[START + n * 24 * hour + 8 * hour, START + n * 24 * hour + 16 * hour] for n in (0, 1)]
    assert len(ways.openings) == 60


def test_suspensions_stand_with_their_wallet_by_what_they_suspend() -> None:
    def of(venue: str, currency: str, what: str, first: int, last: int) -> dict[str, object]:
        return {"venue": venue, "currency": currency, "what": what, "start": f"2024-01-01T0{first}:00:00Z", "end": f"2024-01-01T0{last}:00:00Z"}

    suspended = [of("bravo", "BTC", "both", 4, 5), of("bravo", "BTC", "deposits", 2, 3), of("alfa", "USD", "withdrawals", 1, 2)]
    ways, _ = market.funding(two(routes=[route("way")], suspensions=suspended).spec)
    midnight = START - 3600 * SECOND

    def hours(*spans: tuple[int, int]) -> list[list[int]]:
        return [[midnight + hour * 3600 * SECOND for hour in span] for span in spans]

    assert ways.targets["first_withdrawal"].tolist() == [0, 0, 1, 2, 2]
    assert ways.targets["first_deposit"].tolist() == [0, 0, 0, 2, 2]
    assert ways.withdrawals.tolist() == hours((1, 2), (4, 5))
    assert ways.deposits.tolist() == hours((2, 3), (4, 5))


def test_thresholds_are_in_atoms() -> None:
    policy = {"policy": "threshold", "wallets": [{"venue": "bravo", "currency": "BTC", "floor": "1", "target": "2"}]}
    ways, _ = market.funding(two(rebalance=policy).spec)
    found = ways.targets[:4]
    assert found["listed"].tolist() == [False, False, True, False]
    assert (found["floor"].tolist(), found["target"].tolist()) == ([0, 0, coins(1), 0], [0, 0, coins(2), 0])
    assert np.isnan(found["weight"]).all()


def test_what_is_held_at_a_desk_counts_at_the_start() -> None:
    venues: dict[str, Table] = {"desk": {**DESK, "balances": {"USD": "7"}}}
    found = built(two(venues=venues, routes=[route("r", currency="USD", source="desk", destination="alfa")]))
    assert found.start.tolist() == [coins(20), coins(20_007)]
    # wallets: alfa BTC and USD, bravo BTC and USD, desk USD; venues: alfa, bravo, desk
    assert (found.wallet_currency.tolist(), found.stated_volume.tolist()) == ([0, 1, 0, 1, 1], [0, 0, 0])


def test_cycles_are_given_step_by_step_with_what_they_start_from_and_how_they_are_sent() -> None:
    found = built(cyclic())
    # forth over BTC/USD and ETH/BTC, and back
    assert found.cycles["first_step"].tolist() == [0, 3, 6]
    assert [(int(step.leg), int(step.side)) for step in found.steps] == [
        *((0, kernel.BUY), (1, kernel.BUY), (2, kernel.SELL)),
        *((2, kernel.BUY), (1, kernel.SELL), (0, kernel.SELL)),
    ]
    rules, currencies = found.rules[0], cyclic().spec.currencies
    assert (rules.sends, rules.base_currency, rules.start_currency) == (kernel.TOGETHER, -1, currencies.index("USD"))
    assert not found.legs.converts.any()
    assert [currencies[k] for k in found.legs.base_currency[:3]] == ["BTC", "ETH", "ETH"]
    assert built(cyclic(strategy={"send": "sequence"}, execution={"residual": "carry"})).rules[0].sends == kernel.SEQUENCE
    pairs = built(two())
    assert (pairs.steps.size, pairs.cycles["first_step"].tolist(), pairs.rules[0].sends) == (0, [0], kernel.PAIRS)
    assert (pairs.rules[0].base_currency, pairs.rules[0].start_currency) == (0, -1)
