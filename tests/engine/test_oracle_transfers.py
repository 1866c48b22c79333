"""The oracle moves money between venues, by routes, hours, suspensions and the rule of rebalancing."""

from collections.abc import Mapping
from typing import Any

from engine.oracle import OracleResult, OracleTransfer, replay
from tests.engine.small import START, Book, Table, after, books, coins, small
from tests.strategies import World, iso

ROUTE: Table = {"name": "wire", "currency": "USD", "source": "alfa", "destination": "bravo", "fee": "5", "delay": "30s"}
POOR: dict[str, Table] = {"alfa": {"balances": {"USD": "10000", "BTC": "1"}}, "bravo": {"balances": {"USD": "100", "BTC": "1"}}}


def wallet(venue: str, floor: str, target: str, currency: str = "USD") -> dict[str, str]:
    return {"venue": venue, "currency": currency, "floor": floor, "target": target}


THRESHOLD: Table = {"policy": "threshold", "wallets": [wallet("alfa", "0", "5000"), wallet("bravo", "500", "1000")]}


def still(*routes: Table, venues: Mapping[str, Table] = POOR, minutes: float = 6, rebalance: Table = THRESHOLD, **changes: object) -> World:
    """Return a world in which nothing is traded, alfa has 10,000 USD, and bravo 100 of the 500 to 1,000 that it should have."""
    series = {f"{name} BTC/USD": books() for name in venues if name != "desk"}
    return small(series, venues=venues, minutes=minutes, routes=routes or (ROUTE,), rebalance=rebalance, **changes)  # type: ignore[arg-type]


def run(world: World) -> OracleResult:
    return replay(world.spec, world.data)


def sent(*routes: Table, **changes: Any) -> list[tuple[str, float, int]]:
    """Return (route, seconds after the start, atoms) of every transfer."""
    return [(x.route, (x.requested_us - START) / 1e6, x.amount) for x in run(still(*routes, **changes)).transfers]


def test_a_wallet_below_its_floor_is_filled_up_to_its_target() -> None:
    # it lacks 900, and 5 are the fee: debited wholly at the start, credited 30 s later, in no wallet between
    found = run(still())
    assert found.transfers == [
        OracleTransfer(route="wire", requested_us=after(0), credited_us=after(30), amount=coins(905), fee=coins(5), paid_us=None, paid=0)
    ]
    first, asked, got = found.journal
    assert first.balances["alfa", "USD"] == (coins(10_000), 0, 0)
    assert (asked.balances["alfa", "USD"], asked.in_flight["USD"]) == ((coins(9_095), 0, 0), coins(900))
    assert (got.balances["bravo", "USD"], got.in_flight["USD"]) == ((coins(1_000), 0, 0), 0)


def test_equity_has_what_is_in_flight_and_the_fee_is_a_line_of_its_own() -> None:
    found = run(still())
    assert [(equity, hold) for _, equity, hold in found.equity] == [(10_295.0, 10_300.0)] * 7
    assert found.attribution == dict.fromkeys(found.attribution, 0.0) | {"transfers": -5.0}


def test_what_is_in_flight_counts_for_its_destination() -> None:
    assert sent({**ROUTE, "delay": "2m"}) == [("wire", 0, coins(905))]


def test_a_request_waits_for_the_opening() -> None:
    # it is 01:00 on a Monday; Tokyo is nine hours ahead and opens at 10:05
    hours = {"days": ["mon"], "opens": "10:05", "closes": "11:00", "zone": "Asia/Tokyo"}
    (moved,) = run(still({**ROUTE, "hours": hours})).transfers
    assert (moved.requested_us, moved.credited_us) == (after(0), after(5 * 60 + 30))
    (late,) = run(still({**ROUTE, "hours": {**hours, "days": ["tue"]}})).transfers
    assert late.credited_us is None


def test_a_request_inside_the_hours_starts_at_once() -> None:
    (moved,) = run(still({**ROUTE, "hours": {"days": ["mon"], "opens": "01:00", "closes": "01:01"}})).transfers
    assert moved.credited_us == after(30)


def suspended(venue: str, what: str, start: float, end: float) -> dict[str, str]:
    return {"venue": venue, "currency": "USD", "what": what, "start": iso(after(start)), "end": iso(after(end))}


def test_deposits_that_are_suspended_are_credited_when_that_ends() -> None:
    closed = [suspended("bravo", "deposits", 20, 60), suspended("bravo", "both", 60, 95), suspended("bravo", "withdrawals", 0, 200)]
    (moved,) = run(still(suspensions=closed)).transfers
    assert (moved.requested_us, moved.credited_us) == (after(0), after(95))
    (open_again,) = run(still(suspensions=[suspended("bravo", "deposits", 20, 30)])).transfers
    assert open_again.credited_us == after(30)


def test_withdrawals_that_are_suspended_are_refused() -> None:
    assert sent(suspensions=[suspended("alfa", "withdrawals", -60, 120)]) == [("wire", 120, coins(905))]
    assert sent(suspensions=[suspended("alfa", "deposits", -60, 120)]) == [("wire", 0, coins(905))]


def test_rebalancing_looks_only_at_its_own_ticks() -> None:
    # the wire is open from minute 1 on; of the ticks, those of even minutes count
    closed = [suspended("alfa", "withdrawals", -60, 60)]
    assert sent(suspensions=closed, rebalance={**THRESHOLD, "every": "2m"}) == [("wire", 120, coins(905))]


def test_the_cheapest_route_goes_first_then_the_fastest_then_by_name() -> None:
    cheap, fast, early = ({**ROUTE, "name": name, "fee": "4", "delay": delay} for name, delay in (("c", "30s"), ("d", "20s"), ("b", "20s")))
    assert sent(ROUTE, cheap, fast, early)[0][0] == "b"
    assert sent(ROUTE, cheap, fast)[0][0] == "d"
    assert sent(ROUTE, cheap)[0][0] == "c"


def test_a_route_below_its_minimum_takes_no_part() -> None:
    cheap = {**ROUTE, "name": "cheap", "fee": "1", "minimum": "901.00000001"}
    assert sent(ROUTE, cheap) == [("wire", 0, coins(905))]
    assert sent(ROUTE, {**cheap, "minimum": "901"}) == [("cheap", 0, coins(901))]


def test_the_daily_limit_is_of_what_was_asked_for_since_midnight() -> None:
    # the day's first 600 bring 595, which leaves bravo above its floor; it needs no more
    assert sent({**ROUTE, "daily_limit": "600"}) == [("wire", 0, coins(600))]
    # 300 leave it below, and nothing is left of that route's day; the other one brings the rest
    other = {**ROUTE, "name": "other", "fee": "6"}
    assert sent({**ROUTE, "daily_limit": "300"}, other) == [("wire", 0, coins(300)), ("other", 0, coins(611))]


def test_the_limit_is_new_at_midnight() -> None:
    found = sent({**ROUTE, "daily_limit": "50"}, minutes=24 * 60, clock="1h")
    assert found == [("wire", 0, coins(50)), ("wire", 23 * 3_600, coins(50))]


def test_what_may_be_in_flight_is_a_limit_in_the_numeraire() -> None:
    # 300.5 may go, of which 295.5 are in flight; the 5 that are left would be all fee; it is there before the next tick; so again
    assert sent(risk={"max_in_flight": "300.5"}) == [("wire", 0, coins(300.5)), ("wire", 60, coins(300.5))]


def test_a_wallet_gives_what_is_free_and_above_its_own_target() -> None:
    rich = {"policy": "threshold", "wallets": [wallet("alfa", "0", "9500"), wallet("bravo", "500", "1000")]}
    assert sent(rebalance=rich)[0] == ("wire", 0, coins(500))
    assert sent(rebalance={"policy": "threshold", "wallets": [wallet("bravo", "500", "1000")]}) == []


THREE: dict[str, Table] = {
    "alfa": {"balances": {"USD": "2000", "BTC": "1"}},
    "bravo": {"balances": {"USD": "3000", "BTC": "1"}},
    "charlie": {"balances": {"USD": "0", "BTC": "1"}},
    "delta": {"balances": {"USD": "100", "BTC": "1"}},
}
ALL_WAYS = [
    {**ROUTE, "name": f"{source}-{destination}", "source": source, "destination": destination, "fee": "0"}
    for source in ("alfa", "bravo")
    for destination in ("charlie", "delta")
]


def test_who_lacks_most_gets_first_and_from_the_largest_surplus() -> None:
    # charlie lacks 1,500 and delta 1,400; bravo has 2,000 too many and alfa 1,000
    wallets = [wallet("alfa", "0", "1000"), wallet("bravo", "0", "1000"), wallet("charlie", "1500", "1500"), wallet("delta", "1500", "1500")]
    found = sent(*ALL_WAYS, venues=THREE, rebalance={"policy": "threshold", "wallets": wallets})
    assert found == [("bravo-charlie", 0, coins(1_500)), ("alfa-delta", 0, coins(1_000)), ("bravo-delta", 0, coins(400))]


def test_ties_go_by_venue() -> None:
    even = {name: {"balances": {"USD": usd, "BTC": "1"}} for name, usd in (("alfa", "2000"), ("bravo", "2000"), ("charlie", "0"), ("delta", "0"))}
    wallets = [wallet("alfa", "0", "1000"), wallet("bravo", "0", "1000"), wallet("charlie", "600", "600"), wallet("delta", "600", "600")]
    found = sent(*ALL_WAYS, venues=even, rebalance={"policy": "threshold", "wallets": wallets})
    assert found == [("alfa-charlie", 0, coins(600)), ("bravo-delta", 0, coins(600))]


def test_weights_share_out_what_the_listed_wallets_have() -> None:
    # of 10,100 bravo should have a quarter, 2,525; with a band of a half its floor is 1,262.5; alfa has 10,000 - 7,575 too many
    wallets = [{"venue": "alfa", "currency": "USD", "weight": 0.75}, {"venue": "bravo", "currency": "USD", "weight": 0.25}]
    weights = {"policy": "weights", "wallets": wallets, "band": 0.5}
    assert sent(rebalance=weights) == [("wire", 0, coins(2_425))]
    enough = {"alfa": POOR["alfa"], "bravo": {"balances": {"USD": "3400", "BTC": "1"}}}
    assert sent(rebalance={**weights, "band": 0.0}, venues=enough) == []
    even = [{**w, "weight": 0.5} for w in wallets]
    assert sent(rebalance={**weights, "wallets": even, "band": 0.0}, venues=enough) == [("wire", 0, coins(3_300))]


def test_currencies_go_by_name() -> None:
    coin = {"name": "chain", "currency": "BTC", "source": "alfa", "destination": "bravo", "fee": "0.001", "delay": "10m"}
    both = {"policy": "threshold", "wallets": [wallet("alfa", "0", "0", "BTC"), wallet("bravo", "2", "2", "BTC"), *THRESHOLD["wallets"]]}  # type: ignore[misc]
    assert sent(ROUTE, coin, rebalance=both) == [("chain", 0, coins(1)), ("wire", 0, coins(905))]


def test_a_desk_without_instruments_can_take_part() -> None:
    desk = {**POOR, "desk": {"balances": {"USD": "500"}}}
    route = {**ROUTE, "name": "desk", "source": "desk", "fee": "0"}
    wallets = [wallet("desk", "0", "0"), wallet("bravo", "500", "1000")]
    assert sent(route, venues=desk, rebalance={"policy": "threshold", "wallets": wallets}) == [("desk", 0, coins(500))]


def test_what_arrives_in_a_microsecond_can_be_spent_in_it() -> None:
    # bravo has no money until 30 s, when alfa is dear
    venues: dict[str, Table] = {"alfa": {"balances": {"USD": "2000", "BTC": "10"}}, "bravo": {"balances": {"USD": "0", "BTC": "0"}}}
    world = small(
        {"alfa BTC/USD": books({30: Book(101.0, 103.0)}), "bravo BTC/USD": books(first=Book(99.0, 100.0))},
        venues=venues,
        routes=[ROUTE],
        rebalance={"policy": "threshold", "wallets": [wallet("alfa", "0", "0"), wallet("bravo", "1", "300")]},
        strategy={"threshold_bps": 50.0},
    )
    found = run(world)
    assert [(o.decided_us, o.planned) for o in found.orders] == [(after(30), coins(3))] * 2


def test_a_wallet_at_its_floor_lacks_nothing() -> None:
    assert sent(venues={**POOR, "bravo": {"balances": {"USD": "500", "BTC": "1"}}}) == []
    assert sent(venues={**POOR, "bravo": {"balances": {"USD": "499.99999999", "BTC": "1"}}}) == [("wire", 0, coins(505.00000001))]
