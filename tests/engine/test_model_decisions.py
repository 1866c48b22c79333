"""Decisions of docs/model.md, worked out by hand, on both engines: what is an opportunity, and how large its package is."""

import math

import polars as pl
import pytest

from engine.schema import SeriesKey, instant
from tests.engine.engines import ENGINES, Engine
from tests.engine.small import Bar, Book, after, bars, books, dear_alfa, small

pytestmark = pytest.mark.parametrize("engine", ENGINES)

ALFA, BRAVO, CHARLIE = (SeriesKey(venue, "BTC/USD") for venue in ("alfa", "bravo", "charlie"))


def test_an_edge_at_the_threshold_is_an_opportunity_and_one_below_is_not(engine: Engine) -> None:
    edge = 1e4 * (101.0 / 100.0 - 1)
    at = engine(dear_alfa(strategy={"threshold_bps": edge}))
    below = engine(dear_alfa(strategy={"threshold_bps": math.nextafter(edge, 1e9)}))
    assert at.edges == [(after(60), ALFA, BRAVO, edge)]
    assert below.opportunities == []


def test_the_edge_is_what_comes_in_over_what_goes_out_after_both_fees(engine: Engine) -> None:
    # 101 × (1 - 0.001) = 100.899 received, 100 × (1 + 0.002) = 100.2 spent: 100.899 / 100.2 = 1.006976...
    found = engine(dear_alfa(venues={"alfa": {"fee_bps": 10.0}, "bravo": {"fee_bps": 20.0}}))
    assert found.opportunities[0].edge_bps == pytest.approx(69.76047904191617, rel=1e-12)


def test_bids_are_rounded_down_and_asks_up_to_the_tick(engine: Engine) -> None:
    # bid: 101.03 × 0.9999 = 101.019897, down to 101.00; ask: 100.02 × 1.0001 = 100.030002, up to 100.05
    coarse = {"tick": "0.05", "half_spread_bps": 1.0}
    world = small(
        {"alfa BTC/USD": bars({0: Bar(101.03)}), "bravo BTC/USD": bars({0: Bar(100.02)})},
        instruments={"alfa BTC/USD": coarse, "bravo BTC/USD": coarse},
    )
    sell, buy = engine(world).orders
    assert (sell.decision_price, buy.decision_price) == pytest.approx((101.0, 100.05), abs=1e-9)


def test_a_price_on_the_tick_stays_there_whatever_its_float_says(engine: Engine) -> None:
    # 100.35 / 0.05 = 2006.9999999999998 and 100.15 / 0.05 = 2003.0000000000002 in floats
    coarse = {"tick": "0.05"}
    world = small(
        {"alfa BTC/USD": bars({0: Bar(100.35)}), "bravo BTC/USD": bars({0: Bar(100.15)})},
        instruments={"alfa BTC/USD": coarse, "bravo BTC/USD": coarse},
    )
    sell, buy = engine(world).orders
    assert (sell.decision_price, buy.decision_price) == pytest.approx((100.35, 100.15), abs=1e-9)


def test_an_instrument_whose_bid_rounds_to_nothing_is_absent(engine: Engine) -> None:
    # a tick of 200 leaves nothing of a bid of 101, but an ask of 200, at which bravo's 100 would be an edge of -5000 bps
    worlds = [dear_alfa(instruments={"alfa BTC/USD": {"tick": tick}}, strategy={"threshold_bps": -6000.0}) for tick in ("200", "100")]
    assert [engine(world).opportunities == [] for world in worlds] == [True, False]


def test_an_instrument_without_a_bar_or_without_volume_at_the_instant_is_absent(engine: Engine) -> None:
    for quiet in (None, Bar(100.0, volume=0.0)):
        world = small({"alfa BTC/USD": bars({0: Bar(101.0)}), "bravo BTC/USD": bars({0: quiet})})
        assert engine(world).opportunities == []


def test_quantities_are_multiples_of_both_lots(engine: Engine) -> None:
    # lots 0.02 and 0.03: steps of 0.06; 10 BTC hold 166 of them
    world = dear_alfa(instruments={"alfa BTC/USD": {"lot": "0.02"}, "bravo BTC/USD": {"lot": "0.03"}})
    assert [o.planned for o in engine(world).orders] == [996_000_000, 996_000_000]


def test_a_package_takes_a_share_of_the_smaller_bar(engine: Engine) -> None:
    # a tenth of 3.456 is 0.3456, in lots of 0.01: 0.34
    world = small(
        {"alfa BTC/USD": bars({0: Bar(101.0, volume=3.456)}), "bravo BTC/USD": bars()},
        execution={"volume_share": 0.1},
    )
    assert [o.planned for o in engine(world).orders] == [34_000_000, 34_000_000]


def test_a_sell_needs_the_coins(engine: Engine) -> None:
    assert engine(dear_alfa(venues={"alfa": {"balances": {"BTC": "0.517"}}})).orders[0].planned == 51_000_000


def test_a_buy_needs_the_money_for_its_limit_and_fee(engine: Engine) -> None:
    # limit 100 × 1.01 = 101; with 25 bps a BTC takes 101.2525: 50 USD reserve 0.4938 BTC, 0.49 in lots
    world = dear_alfa(venues={"bravo": {"fee_bps": 25.0, "balances": {"USD": "50"}}}, execution={"tolerance_bps": 100.0})
    assert engine(world).orders[1].planned == 49_000_000


def test_the_reserve_may_take_the_last_atom(engine: Engine) -> None:
    # 0.49 × 101 = 49.49, fee 0.25 % of it: 0.123725, together 49.613725
    enough, short = (
        dear_alfa(venues={"bravo": {"fee_bps": 25.0, "balances": {"USD": usd}}}, execution={"tolerance_bps": 100.0})
        for usd in ("49.613725", "49.61372499")
    )
    assert engine(enough).orders[1].planned == 49_000_000
    assert engine(short).orders[1].planned == 48_000_000


def test_a_largest_notional_counts_at_the_ask(engine: Engine) -> None:
    # 250 / 100 = 2.5 BTC; 0.999 is less than a lot
    assert engine(dear_alfa(strategy={"max_notional": "250"})).orders[0].planned == 250_000_000
    small_one = engine(dear_alfa(strategy={"max_notional": "0.999"}))
    assert (small_one.orders, small_one.decisions["below_minimum"]) == ([], 1)


def test_a_notional_is_in_the_comparison_currency(engine: Engine) -> None:
    # at bravo a BTC costs 80 USDC of 1.25 USD: 250 USD are 2.5 BTC, and 250 USDC would be 3.125
    series = {"alfa BTC/USD": bars({0: Bar(104.0)}), "bravo BTC/USDC": bars(level=80.0), "alfa USDC/USD": bars(level=1.25)}
    for strategy in ({"max_notional": "250"}, {"size": "fixed", "fixed_notional": "250"}):
        found = engine(small(series, strategy={"threshold_bps": 390.0, **strategy}))
        assert [o.planned for o in found.orders] == [250_000_000, 250_000_000]


def test_a_notional_that_buys_more_atoms_than_an_integer_holds_limits_nothing(engine: Engine) -> None:
    # 10,000,000 / 0.00001 are 1e12 coins, 1e20 atoms; the bars have 10 coins
    series = {"alfa BTC/USD": bars({0: Bar(1.01e-5)}, level=1e-5), "bravo BTC/USD": bars(level=1e-5)}
    atom_steps = {key: {"tick": "0.00000001", "lot": "0.00000001"} for key in series}
    most = engine(small(series, instruments=atom_steps, strategy={"max_notional": "10000000"}))
    fixed = engine(small(series, instruments=atom_steps, strategy={"size": "fixed", "fixed_notional": "10000000"}))
    assert [o.planned for o in most.orders] == [1_000_000_000, 1_000_000_000]
    assert (fixed.orders, fixed.decisions["no_volume"]) == ([], 1)


def test_a_fixed_notional_is_sent_whole_or_not_at_all(engine: Engine) -> None:
    fixed = {"size": "fixed", "fixed_notional": "250"}
    thin, thick = (small({"alfa BTC/USD": bars({0: Bar(101.0, volume=v)}), "bravo BTC/USD": bars()}, strategy=fixed) for v in (2.49, 2.5))
    poor = dear_alfa(strategy=fixed, venues={"bravo": {"balances": {"USD": "249.99"}}})
    tiny = dear_alfa(strategy={"size": "fixed", "fixed_notional": "0.999"})
    assert engine(thick).orders[0].planned == 250_000_000
    for world, reason in ((thin, "no_volume"), (poor, "no_funds"), (tiny, "below_minimum")):
        found = engine(world)
        assert found.orders == []
        assert found.decisions == {reason: 1}


def test_volume_is_asked_before_funds_and_funds_before_minima(engine: Engine) -> None:
    nothing = {"balances": {"BTC": "0", "USD": "0"}}
    thin = bars({0: Bar(101.0, volume=0.005)})
    neither = small({"alfa BTC/USD": thin, "bravo BTC/USD": bars()}, venues={"alfa": nothing}, strategy={"max_notional": "0.1"})
    no_funds = dear_alfa(venues={"alfa": nothing}, strategy={"max_notional": "0.1"})
    assert engine(neither).decisions["no_volume"] == 1
    assert engine(no_funds).decisions["no_funds"] == 1


def test_an_order_below_the_least_notional_of_either_venue_is_dropped(engine: Engine) -> None:
    # 0.5 BTC are worth 50.5 at alfa's bid and 50 at bravo's ask
    half = {"alfa": {"balances": {"BTC": "0.5"}}}
    for place, least, sent in (("bravo", "50", 2), ("bravo", "50.01", 0), ("alfa", "50.5", 2), ("alfa", "50.51", 0)):
        found = engine(dear_alfa(venues=half, instruments={f"{place} BTC/USD": {"min_notional": least}}))
        assert (len(found.orders), found.decisions["below_minimum"]) == (sent, 0 if sent else 1)


def test_a_pair_rests_for_the_cool_down_and_is_free_again_when_it_ends(engine: Engine) -> None:
    dear = bars({n: Bar(101.0) for n in range(4)})
    world = small({"alfa BTC/USD": dear, "bravo BTC/USD": bars()}, strategy={"cool_down": "2m", "max_notional": "100"})
    found = engine(world)
    assert [o.decided for o in found.orders[::2]] == [after(60), after(180)]
    assert found.decisions["cool_down"] == 2


def test_the_other_direction_of_a_resting_pair_is_free(engine: Engine) -> None:
    world = small(
        {"alfa BTC/USD": bars({0: Bar(101.0)}), "bravo BTC/USD": bars({1: Bar(101.0)})},
        strategy={"cool_down": "1h", "max_notional": "100"},
    )
    assert [(o.decided, o.venue) for o in engine(world).orders[::2]] == [(after(60), "alfa"), (after(120), "bravo")]


def test_what_is_under_way_counts_against_the_bars_volume_until_the_notice(engine: Engine) -> None:
    # decided at 60 s and 6 BTC; a second of latency makes it fill in the bar of 120 s, noticed at 180 s: at 120 s 10 - 6 are left
    dear = bars({n: Bar(101.0) for n in range(3)})
    late = {"order_latency": "1s"}
    world = small({"alfa BTC/USD": dear, "bravo BTC/USD": bars()}, venues={"alfa": late, "bravo": late}, strategy={"max_notional": "600"}, minutes=2)
    assert [o.planned for o in engine(world).orders] == [600_000_000, 600_000_000, 400_000_000, 400_000_000]


def test_packages_of_an_instant_go_best_edge_first_and_share_what_there_is(engine: Engine) -> None:
    # alfa 102, bravo 101, charlie 100: edges 200, 100 and 99.0 bps. Charlie's bar has 10: 6 for alfa's coins, 4 for bravo's.
    world = small(
        {"bravo BTC/USD": bars({0: Bar(101.0)}), "charlie BTC/USD": bars(), "alfa BTC/USD": bars({0: Bar(102.0)})},
        venues={"alfa": {"balances": {"BTC": "6"}}},
    )
    found = engine(world)
    assert [(s, b) for _, s, b, _ in found.edges] == [(ALFA, CHARLIE), (BRAVO, CHARLIE), (ALFA, BRAVO)]
    assert [(o.venue, o.planned) for o in found.orders] == [
        ("alfa", 600_000_000),
        ("charlie", 600_000_000),
        ("bravo", 400_000_000),
        ("charlie", 400_000_000),
    ]
    assert found.decisions["no_funds"] == 1


def test_equal_edges_go_by_the_sellers_name_then_the_buyers(engine: Engine) -> None:
    world = small(
        {name: bars({0: Bar(close)}) for name, close in (("delta BTC/USD", 101.0), ("bravo BTC/USD", 100.0), ("alfa BTC/USD", 101.0))}
        | {"charlie BTC/USD": bars()}
    )
    assert [(s.venue, b.venue) for _, s, b, _ in engine(world).edges] == [
        ("alfa", "bravo"),
        ("alfa", "charlie"),
        ("delta", "bravo"),
        ("delta", "charlie"),
    ]


def test_two_markets_of_one_venue_make_a_pair(engine: Engine) -> None:
    world = small({"alfa BTC/USD": bars({0: Bar(101.0)}), "alfa BTC/USDC": bars(), "alfa USDC/USD": bars(level=1.0)})
    assert [(s.instrument, b.instrument) for _, s, b, _ in engine(world).edges] == [("BTC/USD", "BTC/USDC")]


def test_a_start_decides_and_an_end_decides(engine: Engine) -> None:
    dear = bars({n: Bar(101.0) for n in (-1, 0, 1)})
    found = engine(small({"alfa BTC/USD": dear, "bravo BTC/USD": bars()}, minutes=1))
    assert [o.t for o in found.opportunities] == [after(0), after(60)]


def test_an_episode_ends_where_an_instant_is_none_and_not_where_no_bar_is(engine: Engine) -> None:
    dear = {n: Bar(101.0) for n in (0, 1, 3)}
    interrupted = small({"alfa BTC/USD": bars(dear), "bravo BTC/USD": bars()})
    silent = small({"alfa BTC/USD": bars({**dear, 2: None}), "bravo BTC/USD": bars({2: None})})
    one_silent = small({"alfa BTC/USD": bars({**dear, 2: None}), "bravo BTC/USD": bars()})
    assert [engine(world).episodes for world in (interrupted, silent, one_silent)] == [2, 1, 2]


def test_an_instant_of_a_conversion_alone_ends_an_episode(engine: Engine) -> None:
    silent = {0: Bar(101.0), 1: Bar(101.0), 2: None, 3: Bar(101.0)}
    series = {"alfa BTC/USD": bars(silent), "bravo BTC/USD": bars({2: None}), "bravo USDC/USD": bars(level=1.0)}
    assert engine(small(series)).episodes == 2
    assert engine(small(series, instruments={"bravo USDC/USD": {"use": "mark"}})).episodes == 1


def test_foreign_money_counts_at_the_lowest_bid_when_received(engine: Engine) -> None:
    # 103 USDC × 0.99, the lower of two rates: 101.97 USD for 100
    pegs = {"alfa USDC/USD": bars(level=0.99), "bravo USDC/USD": bars(level=1.01)}
    world = small({"alfa BTC/USD": bars(), "bravo BTC/USDC": bars({0: Bar(103.0)}), **pegs}, strategy={"threshold_bps": 100.0})
    (found,) = engine(world).opportunities
    assert found.sell.venue == "bravo"
    assert found.edge_bps == pytest.approx(197.0)


def test_foreign_money_counts_at_the_highest_ask_when_spent(engine: Engine) -> None:
    # 100 USDC × 1.01, the higher of two rates: 101 USD for 103
    pegs = {"alfa USDC/USD": bars(level=0.99), "bravo USDC/USD": bars(level=1.01)}
    world = small({"alfa BTC/USD": bars({0: Bar(103.0)}), "bravo BTC/USDC": bars(), **pegs}, strategy={"threshold_bps": 101.0})
    (found,) = engine(world).opportunities
    assert found.sell.venue == "alfa"
    assert found.edge_bps == pytest.approx(1e4 * (103 / 101 - 1))


def test_an_inverted_conversion_sells_at_one_over_the_ask(engine: Engine) -> None:
    # USD/USDC at 1 ± 100 bps: a USDC brings 1 / 1.01 USD and costs 1 / 0.99
    wide = {"alfa USD/USDC": {"half_spread_bps": 100.0}}
    world = small({"alfa BTC/USD": bars(), "bravo BTC/USDC": bars({0: Bar(103.0)}), "alfa USD/USDC": bars(level=1.0)}, instruments=wide)
    (found,) = engine(world).opportunities
    assert found.edge_bps == pytest.approx(1e4 * (103 / 1.01 / 100 - 1))
    (found,) = engine(world.on({**world.data, BRAVO_USDC: bars(), ALFA: bars({0: Bar(103.0)})})).opportunities
    assert found.edge_bps == pytest.approx(1e4 * (103 / (100 / 0.99) - 1))


BRAVO_USDC = SeriesKey("bravo", "BTC/USDC")


def test_a_leg_in_foreign_money_is_absent_while_nothing_converts_it(engine: Engine) -> None:
    world = small({"alfa BTC/USD": bars(), "bravo BTC/USDC": bars({0: Bar(103.0)}), "alfa USDC/USD": bars({0: None}, level=1.0)})
    assert engine(world).opportunities == []


def test_money_assumed_at_par_counts_one_whatever_the_market_says(engine: Engine) -> None:
    world = small(
        {"alfa BTC/USD": bars(), "bravo BTC/USDC": bars({0: Bar(103.0)}), "alfa USDC/USD": bars({0: None}, level=0.9)},
        assume_par=["USDC"],
    )
    assert [o.edge_bps for o in engine(world).opportunities] == [pytest.approx(300.0)]


def test_legs_with_one_quote_currency_are_compared_in_it(engine: Engine) -> None:
    world = small({"alfa BTC/USDC": bars({0: Bar(101.0)}), "bravo BTC/USDC": bars(), "alfa USDC/USD": bars({0: None}, level=0.5)})
    assert [o.edge_bps for o in engine(world).opportunities] == [pytest.approx(100.0)]


def test_a_quote_of_five_minutes_before_the_start_is_read_and_an_older_one_is_not(engine: Engine) -> None:
    # both count for an hour; alfa has a better one from 30 s on, which meets bravo's if that was read
    for before, seen in ((-300, [after(30)]), (-300.000001, [])):
        bravo = books({before: Book(100.0, 100.0), 40: Book(99.0, 110.0)})
        alfa = books({30: Book(101.0, 102.0)})
        world = small({"alfa BTC/USD": alfa, "bravo BTC/USD": bravo.filter(pl.col("ts") != instant(after(-10)))}, minutes=1)
        assert [o.t for o in engine(world).opportunities] == seen


def test_what_would_arrive_after_the_end_stays_open_on_quotes(engine: Engine) -> None:
    venues = {"alfa": {"order_latency": "10s"}, "bravo": {"order_latency": "10001ms"}}
    found = engine(small({"alfa BTC/USD": books({50: Book(101.0, 102.0)}), "bravo BTC/USD": books()}, minutes=1, venues=venues))
    assert [(o.outcome, o.recorded) for o in found.orders] == [("filled", after(60)), ("open", None)]
    assert found.balances["bravo", "USD"] == (900_000_000_000, 100_000_000_000, 0)
