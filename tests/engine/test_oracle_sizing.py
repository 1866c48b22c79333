"""The oracle makes a package as large as levels, funds and limits allow."""

from engine.oracle import OracleOrder, OracleResult, replay
from tests.engine.small import FLAT, Bar, Book, Table, bars, books, coins, level, small
from tests.strategies import World

DEEP_BIDS = Book(102.0, 103.0, 1.0, 9.0, more=((101.0, 2.0, None, None), (100.5, 5.0, None, None)))
DEEP_ASKS = Book(99.0, 100.0, 9.0, 2.0, more=((None, None, 100.4, 2.0), (None, None, 101.0, 10.0)))
MONEY = "10000"


def deep(**changes: object) -> World:
    """Return the world in which alfa bids 1 at 102, 2 at 101 and 5 at 100.5, and bravo asks 2 at 100, 2 at 100.4 and 10 at 101, for a second."""
    strategy = {"threshold_bps": 50.0, **changes.pop("strategy", {})}  # type: ignore[dict-item]
    return small({"alfa BTC/USD": books({5: DEEP_BIDS, 6: FLAT}), "bravo BTC/USD": books({4: DEEP_ASKS})}, strategy=strategy, **changes)  # type: ignore[arg-type]


def run(world: World) -> OracleResult:
    return replay(world.spec, world.data)


def package(world: World) -> tuple[OracleOrder, OracleOrder]:
    sell, buy = run(world).orders
    return sell, buy


def outcomes(world: World) -> list[str]:
    return [o.outcome for o in run(world).opportunities]


def test_units_are_matched_level_by_level_while_their_own_edge_reaches_the_threshold() -> None:
    # 102 - 100, 101 - 100 and 101 - 100.4 (59.8 bps) do; 100.5 - 100.4 is 10 bps: 3 in all
    sell, buy = package(deep())
    assert (sell.planned, buy.planned) == (coins(3), coins(3))
    assert (sell.limit_price, buy.limit_price) == (101.0, 100.4)
    assert sell.decision_price == 102.0 + (101.0 - 102.0) * coins(2) / coins(3)
    assert buy.decision_price == 100.0 + (100.4 - 100.0) * coins(1) / coins(3)
    assert (sell.flow, buy.flow) == (coins(102 + 202), coins(200 + 100.4))
    assert (sell.price, buy.price) == (sell.decision_price, buy.decision_price)


def test_a_share_of_what_is_displayed_is_taken() -> None:
    sell, _ = package(deep(execution={"take_share": 0.5}))
    assert (sell.planned, sell.flow) == (coins(1.5), coins(51 + 101))


def test_the_size_is_a_multiple_of_both_lots() -> None:
    sell, _ = package(deep(instruments={"alfa BTC/USD": {"lot": "0.4"}, "bravo BTC/USD": {"lot": "0.7"}}))
    assert sell.planned == coins(2.8)


def test_the_money_of_the_buy_covers_its_reserve_at_the_limit_of_the_last_unit() -> None:
    # 2 would cost 200; 2.03 are reserved at 100.4: 203.812; 2.04 would need 204.816
    _, buy = package(deep(venues={"bravo": {"balances": {"USD": "204", "BTC": "0"}}}))
    assert (buy.planned, buy.reserve) == (coins(2.03), coins(203.812))


def test_where_the_next_level_costs_more_than_there_is_only_the_first_is_taken() -> None:
    # 200.5 pay for 2 at 100, but not for 2.01 at 100.4
    _, buy = package(deep(venues={"bravo": {"balances": {"USD": "200.5", "BTC": "0"}}}))
    assert (buy.planned, buy.limit_price) == (coins(2), 100.0)


def test_the_coins_of_the_sell_are_a_limit() -> None:
    sell, _ = package(deep(venues={"alfa": {"balances": {"USD": "0", "BTC": "1.239"}}}))
    assert (sell.planned, sell.reserve) == (coins(1.23), coins(1.23))


def test_the_greatest_notional_goes_by_the_price_of_the_last_unit() -> None:
    # 250 / 100.4 is 2.4900
    sell, _ = package(deep(strategy={"max_notional": "250"}))
    assert sell.planned == coins(2.49)


def test_a_fixed_notional_goes_by_the_best_ask_and_is_sent_whole_or_not_at_all() -> None:
    fixed = {"size": "fixed", "fixed_notional": "299"}
    assert package(deep(strategy=fixed))[0].planned == coins(2.99)
    assert outcomes(deep(strategy={**fixed, "fixed_notional": "301"})) == ["no_volume"]
    assert outcomes(deep(strategy=fixed, venues={"alfa": {"balances": {"USD": "0", "BTC": "2.98"}}})) == ["no_funds"]
    assert outcomes(deep(strategy={**fixed, "fixed_notional": "0.99"})) == ["below_minimum"]


def test_the_tolerance_moves_the_limit_and_the_reserve_and_is_rounded_so_as_to_fill_less() -> None:
    sell, buy = package(deep(execution={"tolerance_bps": 1.0}))
    assert (sell.limit_price, buy.limit_price) == (100.99, 100.41)
    assert buy.reserve == coins(3 * 100.41)


def test_a_minimum_notional_is_of_the_flow_over_the_levels() -> None:
    assert outcomes(deep(instruments={"alfa BTC/USD": {"min_notional": "304"}})) == ["sent"]
    assert outcomes(deep(instruments={"alfa BTC/USD": {"min_notional": "304.00000001"}})) == ["below_minimum"]
    assert outcomes(deep(instruments={"bravo BTC/USD": {"min_notional": "300.5"}})) == ["below_minimum"]


def test_the_open_value_of_a_venue_is_a_limit_until_notices_come() -> None:
    # at alfa 150 / 102 are 1.4705; they are open when bravo's next message comes: 150 - 149.94 leave nothing
    late = {"alfa": {"order_latency": "3s"}}
    bravo = books({4: DEEP_ASKS, 5.5: DEEP_ASKS._replace(ask_size=3.0)})
    alfa = books({5: DEEP_BIDS, 6: FLAT})
    found = run(small({"alfa BTC/USD": alfa, "bravo BTC/USD": bravo}, strategy={"threshold_bps": 50.0}, venues=late, risk={"max_venue_open": "150"}))
    assert [o.outcome for o in found.opportunities] == ["sent", "venue_limit"]
    assert found.orders[0].planned == coins(1.47)


def test_what_is_held_and_expected_of_a_foreign_quote_is_a_limit() -> None:
    # 1 USDC is 1 USD; 50 USDC are there, so 250 may come in: 250 / 102 is 2.4509; they are expected from then on
    alfa = books({5: DEEP_BIDS, 5.5: DEEP_BIDS._replace(bid_size=1.5), 6: FLAT})
    found = run(
        small(
            {"alfa BTC/USDC": alfa, "bravo BTC/USD": books({4: DEEP_ASKS}), "bravo USDC/USD": level(1.0)},
            strategy={"threshold_bps": 50.0},
            venues={"alfa": {"balances": {"BTC": "10", "USDC": "50"}, "order_latency": "2s"}, "bravo": {"balances": {"USD": MONEY}}},
            risk={"max_asset": {"USDC": "300"}},
        )
    )
    assert [o.outcome for o in found.opportunities] == ["sent", "asset_limit"]
    assert found.orders[0].planned == coins(2.45)


def test_what_we_have_under_way_comes_off_the_best_levels() -> None:
    # half a second later alfa's best has 1.5, of which the 3 that are under way take all, and 1.5 of the 2 at 101; bravo has 1 at 100.4 left
    late: dict[str, Table] = {"alfa": {"order_latency": "2s"}, "bravo": {"order_latency": "2s"}}
    alfa = books({5: DEEP_BIDS, 5.5: DEEP_BIDS._replace(bid_size=1.5), 6: FLAT})
    found = run(small({"alfa BTC/USD": alfa, "bravo BTC/USD": books({4: DEEP_ASKS})}, strategy={"threshold_bps": 50.0}, venues=late))
    again = found.orders[2]
    assert (again.planned, again.decision_price) == (coins(0.5), 101.0)
    assert found.orders[3].decision_price == 100.4


def test_what_a_notice_told_us_that_we_took_comes_off_until_the_price_changes() -> None:
    # each time bravo has plenty; alfa's ten at 101 are gone at 5 s; of fifteen, five are left; at 101.5 it is a new epoch
    alfa: dict[float, float] = {5: 10.0, 6: 10.0, 7: 15.0}
    dear = {at: Book(101.0, 103.0, size) for at, size in alfa.items()}
    changes = dear | {8: Book(101.5, 103.0, 4.0), 9: FLAT}
    found = run(
        small(
            {"alfa BTC/USD": books(changes), "bravo BTC/USD": books(first=Book(99.0, 100.0, 10.0, 1000.0))},
            strategy={"threshold_bps": 50.0},
            venues={"alfa": {"balances": {"BTC": "100"}}, "bravo": {"balances": {"USD": "100000"}}},
        )
    )
    assert [o.outcome for o in found.opportunities] == ["sent", "no_volume", "sent", "sent"]
    assert [o.filled for o in found.orders if o.side == "sell"] == [coins(10), coins(5), coins(4)]
    assert [o.episode for o in found.opportunities] == [0, 0, 0, 0]


def test_quotes_count_what_is_under_way_on_the_same_side_only() -> None:
    # alfa is dear at 5 s and cheap at 5.5 s, when its own sell of 3 is still on the way: all 9 that it asks are there
    alfa = books({5: Book(102.0, 103.0, 3.0), 5.5: Book(97.0, 98.0, 9.0, 9.0), 6: FLAT})
    late: dict[str, Table] = {"alfa": {"order_latency": "2s"}, "bravo": {"order_latency": "2s"}}
    found = run(small({"alfa BTC/USD": alfa, "bravo BTC/USD": books(first=Book(99.0, 100.0, 100.0, 100.0))}, venues=late))
    assert [(o.venue, o.side, o.planned) for o in found.orders[:4]] == [
        ("alfa", "sell", coins(3)),
        ("bravo", "buy", coins(3)),
        ("bravo", "sell", coins(9)),
        ("alfa", "buy", coins(9)),
    ]


def test_bars_count_what_is_under_way_on_both_sides() -> None:
    # the same with bars: of 15 at alfa in bar 1, 10 are under way as a sell, so 5 can be bought
    alfa = bars({0: Bar(101.0, open=100.0), 1: Bar(99.0, open=100.0, volume=15.0)})
    late: dict[str, Table] = {"alfa": {"order_latency": "150s"}, "bravo": {"order_latency": "150s", "balances": {"USD": "10000", "BTC": "100"}}}
    found = run(small({"alfa BTC/USD": alfa, "bravo BTC/USD": bars({n: Bar(100.0, volume=100.0) for n in range(9)})}, venues=late))
    assert [(o.venue, o.side, o.planned) for o in found.orders] == [
        ("alfa", "sell", coins(10)),
        ("bravo", "buy", coins(10)),
        ("bravo", "sell", coins(5)),
        ("alfa", "buy", coins(5)),
    ]


def test_units_are_atoms_and_an_edge_at_the_threshold_is_enough() -> None:
    # 200 / 100 is 10,000 bps and 150 / 100 is 5,000, both exact; 149 is not enough
    steep = Book(200.0, 201.0, 0.00000001, 9.0, more=((150.0, 0.00000002, None, None), (149.0, 5.0, None, None)))
    world = small(
        {"alfa BTC/USD": books({5: steep}), "bravo BTC/USD": books(first=Book(99.0, 100.0))},
        strategy={"threshold_bps": 5_000.0},
        risk={"max_gross_edge_bps": 20_000.0},
        instruments={name: {"lot": "0.00000001"} for name in ("alfa BTC/USD", "bravo BTC/USD")},
    )
    sell, _ = package(world)
    assert (sell.planned, sell.flow, sell.limit_price) == (3, 500, 150.0)


def test_open_value_is_in_the_numeraire_and_of_the_side_that_was_taken() -> None:
    # 1 USDC is 0.5 USD: at alfa 125 / (204 x 0.5) are 1.2254; they are told of at once; bravo has 122 of its 125 open, so 0.03 are left
    alfa = books({5: Book(204.0, 206.0, 9.0), 5.5: Book(204.0, 206.0, 9.0), 6: Book(150.0, 200.0)}, first=Book(150.0, 200.0))
    found = run(
        small(
            {"alfa BTC/USDC": alfa, "bravo BTC/USD": books(first=Book(99.0, 100.0)), "charlie USDC/USD": level(0.5)},
            strategy={"threshold_bps": 100.0},
            venues={"bravo": {"order_latency": "2s"}},
            risk={"max_venue_open": "125"},
        )
    )
    assert [o.planned for o in found.orders] == [coins(1.22), coins(1.22), coins(0.03), coins(0.03)]


def test_limits_of_money_go_by_what_it_is_worth() -> None:
    """1 USDC is 0.5 USD, and converts at 0.5 as well."""
    half = level(0.5)
    dear, cheap = books({5: Book(102.0, 103.0), 6: FLAT}), books(first=Book(99.0, 100.0))
    # bought with USDC at 200, which is 100 USD: 51 / (200 x 0.5)
    foreign_buy = {"alfa BTC/USD": dear, "bravo BTC/USDC": books(first=Book(199.0, 200.0)), "charlie USDC/USD": half}
    assert package(small(foreign_buy, strategy={"max_notional": "51"}))[1].planned == coins(0.51)
    assert package(small(foreign_buy, strategy={"size": "fixed", "fixed_notional": "51"}))[1].planned == coins(0.51)
    # sold for USDC at 204: 300 USD are 600 USDC, of which 192 are there: 408 / 204 is two whole coins
    foreign_sell = {"alfa BTC/USDC": books({5: Book(204.0, 206.0)}, first=Book(150.0, 200.0)), "bravo BTC/USD": cheap, "charlie USDC/USD": half}
    held: dict[str, Table] = {"alfa": {"balances": {"BTC": "10", "USDC": "92"}}, "charlie": {"balances": {"USDC": "100"}}}
    assert package(small(foreign_sell, venues=held, risk={"max_asset": {"USDC": "300"}}))[0].planned == coins(2)


def test_an_open_value_may_be_used_up_to_the_last_lot() -> None:
    # 204 / 102 is two whole coins
    assert package(deep(risk={"max_venue_open": "204"}))[0].planned == coins(2)
