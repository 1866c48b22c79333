"""The oracle charges what the schedule says, from the wallet that it names."""

import pytest

from engine.oracle import OracleResult, replay
from tests.engine.small import FLAT, Book, after, books, coins, level, small
from tests.strategies import World, iso

DEAR = Book(101.0, 101.0)
ONCE: dict[float, Book] = {5: DEAR, 6: FLAT}
DAY = 86_400


def dear_once(**changes: object) -> World:
    """Return the world in which alfa has 10 at 101 five seconds after the start, for a second, and bravo always 10 at 100."""
    return small({"alfa BTC/USD": books(ONCE), "bravo BTC/USD": books()}, **changes)  # type: ignore[arg-type]


def run(world: World) -> OracleResult:
    return replay(world.spec, world.data)


def total(result: OracleResult, venue: str, currency: str) -> int:
    return sum(result.balances[venue, currency])


def fees(result: OracleResult) -> list[tuple[str, int, str | None]]:
    return [(o.venue, o.fee, o.fee_currency) for o in result.orders]


def test_a_fee_in_quote_is_taken_of_the_flow_on_both_sides() -> None:
    found = run(dear_once(venues={"alfa": {"fee_bps": 10.0}, "bravo": {"fee_bps": 20.0}}))
    assert fees(found) == [("alfa", coins(1.01), "USD"), ("bravo", coins(2), "USD")]
    assert total(found, "alfa", "USD") == coins(10_000 + 1_010 - 1.01)
    assert total(found, "bravo", "USD") == coins(10_000 - 1_000 - 2)
    assert found.orders[0].edge_bps == 1e4 * (101.0 * (1 - 0.001) / (100.0 * (1 + 0.002)) - 1)


def test_a_fee_of_what_is_received_is_taken_in_base_where_it_buys_and_reserves_nothing() -> None:
    venue = {"fee_bps": 10.0, "fee_currency": "received"}
    found = run(dear_once(venues={"alfa": venue, "bravo": venue}))
    assert fees(found) == [("alfa", coins(1.01), "USD"), ("bravo", coins(0.01), "BTC")]
    assert found.orders[1].reserve == coins(1_000)
    assert total(found, "bravo", "BTC") == coins(10 + 10 - 0.01)
    assert found.orders[0].edge_bps == 1e4 * (101.0 * (1 - 0.001) / (100.0 / (1 - 0.001)) - 1)


def test_a_fee_in_an_asset_goes_by_marks_and_leaves_free_and_who_is_short_of_it_pays_in_quote() -> None:
    # 1 BNB is 200 USD: 10 bps of 1,010 are 0.00505 BNB, and of 1,000 they are 0.005
    asset = {"fee_bps": 10.0, "fee_currency": "BNB"}
    found = run(
        small(
            {"alfa BTC/USD": books(ONCE), "bravo BTC/USD": books(), "bravo BNB/USD": level(200.0)},
            venues={
                "alfa": {**asset, "balances": {"BTC": "10", "BNB": "0.00505"}},
                "bravo": {**asset, "balances": {"USD": "2000", "BNB": "0.00499999"}},
            },
            instruments={"bravo BNB/USD": {"use": "mark"}},
        )
    )
    assert fees(found) == [("alfa", 505_000, "BNB"), ("bravo", coins(1), "USD")]
    assert found.balances["alfa", "BNB"] == (0, 0, 0)
    assert found.balances["alfa", "USD"] == (coins(1_010), 0, 0)
    assert found.balances["bravo", "BNB"] == (499_999, 0, 0)


def test_a_tier_follows_the_notional_of_earlier_days_and_is_set_at_midnight() -> None:
    # 1,010 USD sold at alfa on each occasion; the second is on the first day, too, the third after midnight
    times = (5, 3_605, 83_005)
    alfa: dict[float, Book] = {at + wait: book for at in times for wait, book in ((0, DEAR), (1, FLAT))}
    bravo: dict[float, Book] = {at - 1: Book(99.0, 100.0 - n / 100) for n, at in enumerate(times)}
    tiers = [{"volume": "0", "taker_bps": 10.0}, {"volume": "2020", "taker_bps": 4.0}, {"volume": "2020.00000001", "taker_bps": 1.0}]
    found = run(
        small(
            {"alfa BTC/USD": books(alfa), "bravo BTC/USD": books(bravo)},
            minutes=DAY / 60,
            clock="1h",
            venues={"alfa": {"fees": [{"tiers": tiers}], "balances": {"BTC": "100"}}},
            strategy={"threshold_bps": 50.0},
        )
    )
    assert [o.fee for o in found.orders if o.venue == "alfa"] == [coins(1.01), coins(1.01), coins(0.404)]


def test_the_stated_volume_counts_before_our_own() -> None:
    tiers = [{"volume": "0", "taker_bps": 10.0}, {"volume": "500", "taker_bps": 4.0}]
    found = run(dear_once(venues={"alfa": {"fees": [{"tiers": tiers}], "volume_30d": "500"}}))
    assert found.orders[0].fee == coins(0.404)


def test_a_fill_pays_what_holds_at_its_arrival_and_a_buy_reserves_for_the_dearer_of_two_rows() -> None:
    change = iso(after(7))
    rows = [{"taker_bps": 10.0, "end": change}, {"taker_bps": 20.0, "start": change}]
    found = run(dear_once(venues={"bravo": {"fees": rows, "order_latency": "2s"}}))
    sell, buy = found.orders
    assert sell.edge_bps == 1e4 * (101.0 / (100.0 * (1 + 10.0 * 1e-4)) - 1)
    assert buy.reserve == coins(1_002)
    assert buy.fee == coins(2)


def test_a_fill_a_microsecond_before_the_change_pays_the_old_rate_and_reserves_for_it() -> None:
    change = iso(after(7))
    rows = [{"taker_bps": 10.0, "end": change}, {"taker_bps": 20.0, "start": change}]
    buy = run(dear_once(venues={"bravo": {"fees": rows, "order_latency": "1999999us"}})).orders[1]
    assert (buy.reserve, buy.fee) == (coins(1_001), coins(1))


def test_a_row_that_names_an_instrument_goes_before_one_that_names_none() -> None:
    rows = [{"taker_bps": 10.0}, {"taker_bps": 30.0, "instruments": ["BTC/USD"]}]
    assert run(dear_once(venues={"alfa": {"fees": rows}})).orders[0].fee == coins(3.03)


@pytest.mark.parametrize(("fee", "sent"), [(49.0, 1), (50.0, 0)])
def test_a_pair_stands_from_the_threshold_on(fee: float, sent: int) -> None:
    # 101 (1 - f) / (100 (1 + f)) - 1 is 1.02 bps at 49 bps a side, and -0.99 at 50
    found = run(dear_once(venues={"alfa": {"fee_bps": fee}, "bravo": {"fee_bps": fee}}))
    assert found.decisions["sent"] == sent
    assert len(found.opportunities) == sent


@pytest.mark.parametrize(("later", "bps"), [(1, 4), (30, 4), (31, 10)])
def test_a_notional_counts_for_thirty_days_at_what_its_currency_was_worth(later: int, bps: int) -> None:
    """1 USDC is 0.5 USD, so 2,020 USDC on the first day are 1,010 USD; they count on the next day and on the thirty-first, and no longer."""
    tiers = [{"volume": "0", "taker_bps": 10.0}, {"volume": "1010", "taker_bps": 4.0}, {"volume": "1010.00000001", "taker_bps": 1.0}]
    days = (0, later)
    sold: dict[float, Book] = {n * DAY + wait: book for n in days for wait, book in ((5, Book(202.0, 206.0)), (6, Book(150.0, 200.0)))}
    asked: dict[float, Book] = {n * DAY + 4: Book(99.0, 100.0 - n / 100) for n in days}
    worth: dict[float, Book] = {n * DAY + 4: Book(0.5, 0.5) for n in days}
    world = small(
        {"alfa BTC/USDC": books(sold), "bravo BTC/USD": books(asked), "bravo USDC/USD": books(worth, first=Book(0.5, 0.5))},
        minutes=32 * DAY / 60,
        clock="1h",
        strategy={"threshold_bps": 50.0},
        venues={"alfa": {"fees": [{"tiers": tiers}], "balances": {"BTC": "100"}}},
    )
    sells = [o for o in run(world).orders if o.venue == "alfa"]
    assert [o.filled for o in sells] == [coins(10)] * 2
    assert [round(1e4 * o.fee / o.flow) for o in sells] == [10, bps]
