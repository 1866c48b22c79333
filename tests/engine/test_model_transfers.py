"""Transfers of docs/model.md, worked out by hand, on both engines: who gets how much over which route, and when it is there."""

from typing import Any

import pytest

from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.small import START, Book, after, books, coins, level, small
from tests.strategies import DAY, MINUTE, World, iso

pytestmark = pytest.mark.parametrize("engine", ENGINES)

OVER = {"name": "over", "currency": "USD", "source": "alfa", "destination": "bravo", "delay": "90s"}
BACK = {**OVER, "name": "back", "source": "bravo", "destination": "alfa"}


def rule(**wallets: tuple[str, str]) -> dict[str, Any]:
    """Return the threshold policy for dollars: floor and target by venue."""
    listed = [{"venue": v, "currency": "USD", "floor": floor, "target": target} for v, (floor, target) in wallets.items()]
    return {"policy": "threshold", "wallets": listed}


ALL, SAME = ("0", "0"), ("100", "400")
LACKING = rule(alfa=ALL, bravo=SAME)


def moving(
    *routes: dict[str, object], rebalance: dict[str, Any] = LACKING, alfa: str = "1000", bravo: str = "50", charlie: str | None = None, **changes: Any
) -> World:
    """Return a world that never trades, of venues that have so much money, and these routes between them."""
    series = {"alfa BTC/USD": level(100.0), "bravo BTC/USD": level(100.0)} | ({} if charlie is None else {"charlie BTC/USD": level(100.0)})
    held = {"alfa": alfa, "bravo": bravo} | ({} if charlie is None else {"charlie": charlie})
    venues = {name: {"balances": {"USD": money}} for name, money in held.items()}
    form: dict[str, Any] = {"strategy": {"threshold_bps": 9_000.0}, "routes": list(routes), "rebalance": rebalance, "venues": venues}
    return small(series, **{**form, **changes})


def sent(found: Outcome) -> list[tuple[str, float, float | None, float]]:
    """Return route, request [s after the start], credit and amount of each transfer."""
    return [
        (t.route, (t.requested - START) / 1e6, None if t.credited is None else (t.credited - START) / 1e6, t.amount / 1e8) for t in found.transfers
    ]


# ---- a transfer ----


def test_a_wallet_below_its_floor_gets_what_brings_it_to_its_target(engine: Engine) -> None:
    # 350 are lacking; the fee of 5 comes on top, and is taken out on the way. Alfa needs nothing, and keeps nothing back.
    found = engine(moving({**OVER, "fee": "5"}, rebalance=rule(alfa=SAME, bravo=SAME)))
    assert sent(found) == [("over", 0, 90, 355)]
    assert found.transfers[0].fee == coins(5)
    assert {k: v for k, v in found.balances.items() if k[1] == "USD"} == {("alfa", "USD"): (coins(645), 0, 0), ("bravo", "USD"): (coins(400), 0, 0)}


def test_a_wallet_at_its_floor_lacks_nothing(engine: Engine) -> None:
    assert sent(engine(moving(OVER, bravo="100"))) == []
    assert sent(engine(moving(OVER, bravo="99.99999999"))) == [("over", 0, 90, 300.00000001)]


def test_money_on_its_way_counts_for_its_destination(engine: Engine) -> None:
    # a delay of ten minutes: the next ticks see that bravo has 400
    assert sent(engine(moving({**OVER, "delay": "10m"}))) == [("over", 0, None, 350)]


def test_money_in_flight_is_in_equity_and_its_fee_is_not(engine: Engine) -> None:
    found = engine(moving({**OVER, "fee": "5"}))
    assert [equity for _, equity, _ in found.equity] == pytest.approx([1045] * 7)
    assert found.attribution["transfers"] == pytest.approx(-5)
    assert sum(found.attribution.values()) == pytest.approx(-5)


def test_the_fee_counts_at_the_mark_of_its_request(engine: Engine) -> None:
    # 10 coins are at alfa, none at bravo: 2.001 go at 100, of which 0.001 is the fee, although the mark is 200 when they arrive
    route = {**OVER, "currency": "BTC", "fee": "0.001"}
    wallets = [{"venue": v, "currency": "BTC", "floor": f, "target": t} for v, f, t in (("alfa", "0", "0"), ("bravo", "1", "2"))]
    quotes = books({50: Book(200.0, 200.0)})
    world = small(
        {"alfa BTC/USD": quotes, "bravo BTC/USD": quotes},
        venues={"bravo": {"balances": {}}},
        routes=[route],
        rebalance={"policy": "threshold", "wallets": wallets},
        strategy={"threshold_bps": 9_000.0},
    )
    found = engine(world)
    assert found.transfers[0].amount == coins(2.001)
    lines = {line: amount for line, amount in found.attribution.items() if abs(amount) > 1e-9}
    # the fee of 0.1; what is held is 0.001 coins less than at the start when the mark goes up by 100
    assert lines == pytest.approx({"transfers": -0.1, "inventory": -0.1, "hold": 1000})


def test_money_is_there_for_the_decisions_of_its_microsecond_and_not_before(engine: Engine) -> None:
    for at, sizes in ((90, [3.5]), (89.999999, [])):
        world = moving(OVER, bravo="0", strategy={"max_notional": "350"}, minutes=2)
        dear = books({at: Book(101.0, 102.0)})
        held = {**world.form["venues"], "alfa": {**world.form["venues"]["alfa"], "balances": {"USD": "1000", "BTC": "10"}}}
        with_coins = world.but(venues=held).on({**world.data, world.spec.legs[0].key: dear, world.spec.legs[1].key: books()})
        assert [o.planned / 1e8 for o in engine(with_coins).orders[::2]] == sizes


def test_a_transfer_is_asked_for_before_the_decisions_of_its_tick(engine: Engine) -> None:
    # at 60 s alfa's 1000 go to bravo before they could buy at alfa
    world = moving(
        OVER, rebalance=rule(alfa=ALL, bravo=("900", "900")), alfa="1000", bravo="0", start=iso(START), strategy={"max_notional": "1000"}, minutes=1
    )
    held = {"alfa": {**world.form["venues"]["alfa"]}, "bravo": {**world.form["venues"]["bravo"], "balances": {"BTC": "10", "USD": "0"}}}
    dear = {world.spec.legs[0].key: books(), world.spec.legs[1].key: books({0: Book(101.0, 102.0)})}
    found = engine(world.but(venues=held).on(dear))
    assert sent(found)[0] == ("over", 0, None, 900)
    assert found.orders[1].planned == coins(1)


# ---- when it looks ----


def test_it_looks_at_every_tick_or_at_multiples_of_its_distance(engine: Engine) -> None:
    # the route opens at 61 s: the tick of 120 s finds it, every three minutes that of 180 s
    closed = [{"venue": "alfa", "currency": "USD", "what": "withdrawals", "start": iso(START - MINUTE), "end": iso(START + 61_000_000)}]
    assert sent(engine(moving(OVER, suspensions=closed))) == [("over", 120, 210, 350)]
    assert sent(engine(moving(OVER, suspensions=closed, rebalance={**LACKING, "every": "3m"}))) == [("over", 180, 270, 350)]


def test_multiples_count_from_midnight_and_not_from_the_start(engine: Engine) -> None:
    # a start at 01:02:00: the tick of 01:03:00
    world = moving(OVER, rebalance={**LACKING, "every": "3m"}, start=iso(START + 2 * MINUTE), end=iso(START + 6 * MINUTE))
    assert sent(engine(world)) == [("over", 180, 270, 350)]


# ---- which route, how much ----


def test_of_open_routes_the_cheapest_goes_then_the_fastest_then_the_first_by_name(engine: Engine) -> None:
    cheap, fast, last = {**OVER, "name": "c"}, {**OVER, "name": "b", "delay": "10s"}, {**OVER, "name": "a", "fee": "0.00000001", "delay": "0s"}
    assert sent(engine(moving(cheap, fast, last)))[0][0] == "b"
    assert sent(engine(moving(cheap, {**fast, "delay": "90s"}, last)))[0][0] == "b"
    assert sent(engine(moving(cheap, {**fast, "fee": "0.01"}, last)))[0][0] == "c"


def test_the_largest_surplus_gives_first_and_then_the_next(engine: Engine) -> None:
    # alfa can spare 150, charlie 250 (of 300 with a target of 50): bravo lacks 350, and gets 250, then 100
    routes = OVER, {**OVER, "name": "from charlie", "source": "charlie"}
    found = engine(moving(*routes, rebalance=rule(alfa=ALL, bravo=("400", "400"), charlie=("10", "50")), alfa="150", charlie="300"))
    assert sent(found) == [("from charlie", 0, 90, 250), ("over", 0, 90, 100)]


def test_equal_surpluses_give_by_venue(engine: Engine) -> None:
    routes = OVER, {**OVER, "name": "from charlie", "source": "charlie"}
    found = engine(moving(*routes, alfa="1000", charlie="1000", rebalance=rule(alfa=SAME, bravo=SAME, charlie=SAME)))
    assert sent(found) == [("over", 0, 90, 350)]


def test_the_wallet_that_lacks_most_gets_first(engine: Engine) -> None:
    # bravo lacks 350, charlie 380; alfa can spare 500 of 900
    routes = OVER, {**OVER, "name": "to charlie", "destination": "charlie"}
    found = engine(moving(*routes, alfa="900", charlie="20", rebalance=rule(alfa=SAME, bravo=SAME, charlie=SAME)))
    assert sent(found) == [("to charlie", 0, 90, 380), ("over", 0, 90, 120)]


def test_equal_needs_are_met_by_venue(engine: Engine) -> None:
    routes = OVER, {**OVER, "name": "to charlie", "destination": "charlie"}
    found = engine(moving(*routes, alfa="500", charlie="50", rebalance=rule(alfa=SAME, bravo=SAME, charlie=SAME)))
    assert sent(found) == [("over", 0, 90, 100)]


def test_a_wallet_filled_above_its_floor_lacks_nothing_more(engine: Engine) -> None:
    # alfa spares 60 to bravo's 50: 110 are more than the floor of 100, and charlie keeps the 10 that it could spare
    routes = OVER, {**OVER, "name": "from charlie", "source": "charlie"}
    found = engine(moving(*routes, rebalance=rule(alfa=("0", "40"), bravo=SAME, charlie=("0", "990")), alfa="100", charlie="1000"))
    assert sent(found) == [("over", 0, 90, 60)]


def test_only_free_money_is_a_surplus_and_all_money_is_had(engine: Engine) -> None:
    # alfa buys for 1000 from 5 s on: of 1500 only 500 are free at 60 s; of those 400 can go, as alfa has 1500
    slow = {"alfa": {"order_latency": "2m", "balances": {"USD": "1500"}}, "bravo": {"balances": {"USD": "0", "BTC": "10"}}}
    world = moving(
        OVER,
        rebalance=rule(alfa=("1100", "1100"), bravo=("1100", "1100")),
        venues=slow,
        strategy={"cool_down": "1h", "max_notional": "1000"},
        suspensions=[{"venue": "alfa", "currency": "USD", "what": "both", "start": iso(START), "end": iso(START + 30_000_000)}],
        minutes=2,
    )
    found = engine(world.on({world.spec.legs[0].key: books(), world.spec.legs[1].key: books({5: Book(101.0, 102.0)})}))
    assert [(o.side, o.planned) for o in found.orders] == [("sell", coins(10)), ("buy", coins(10))]
    # bravo has 1010 from its sale, and lacks 90
    assert sent(found) == [("over", 60, None, 90)]


def test_a_transfer_is_never_below_its_minimum_and_brings_more_than_its_fee(engine: Engine) -> None:
    assert sent(engine(moving({**OVER, "minimum": "350"}))) == [("over", 0, 90, 350)]
    assert sent(engine(moving({**OVER, "minimum": "350.00000001"}))) == []
    slow = {**OVER, "name": "slow", "minimum": "1", "delay": "3m"}
    assert sent(engine(moving({**OVER, "minimum": "351"}, slow))) == [("slow", 0, 180, 350)]
    for fee, found in (("39.99999999", [("over", 0, 90, 40)]), ("40", [])):
        assert sent(engine(moving({**OVER, "fee": fee}, alfa="40", minutes=1, rebalance=rule(alfa=ALL, bravo=("60", "400")))))[:1] == [
            (*row[:2], None, row[3]) for row in found
        ]


def test_a_route_moves_its_limit_on_a_day_and_another_moves_the_rest(engine: Engine) -> None:
    limited, dear = {**OVER, "daily_limit": "200"}, {**OVER, "name": "dear", "fee": "10"}
    assert sent(engine(moving(limited))) == [("over", 0, 90, 200)]
    assert sent(engine(moving(limited, rebalance=rule(alfa=ALL, bravo=("300", "400"))))) == [("over", 0, 90, 200)]
    # 150 are lacking after 200 of 350: they go over the dear one with its fee
    assert sent(engine(moving(limited, dear, rebalance=rule(alfa=ALL, bravo=("300", "400"))))) == [("over", 0, 90, 200), ("dear", 0, 90, 160)]


def test_the_limit_of_a_day_is_there_again_at_midnight(engine: Engine) -> None:
    start = START + 23 * 60 * MINUTE - 2 * MINUTE
    limited = {**OVER, "daily_limit": "200", "delay": "0s"}
    form = {"start": iso(start), "end": iso(start + 4 * MINUTE)}
    quotes = books({(start - START) / 1e6 - 10: Book(100.0, 100.0)})
    world = moving(limited, rebalance=rule(alfa=ALL, bravo=("300", "600")), **form)
    found = engine(world.on(dict.fromkeys(world.data, quotes)))
    # 250 of 300 on the first day, 400 and then enough on the second
    assert [(t.requested - start, t.amount) for t in found.transfers] == [(0, coins(200)), (2 * MINUTE, coins(200))]
    assert found.transfers[1].requested % DAY == 0


def test_what_is_in_flight_is_limited_in_the_numeraire(engine: Engine) -> None:
    # 350 are lacking, 200 may be in flight: 200, then, from 90 s on, at 120 s the rest
    assert sent(engine(moving(OVER, rebalance=rule(alfa=ALL, bravo=("300", "400")), risk={"max_in_flight": "200"}))) == [
        ("over", 0, 90, 200),
        ("over", 120, 210, 150),
    ]
    # a coin in flight counts 100, and its fee does not: 100 are left
    needs = (("alfa", "BTC", "0"), ("alfa", "USD", "0"), ("bravo", "BTC", "1"), ("bravo", "USD", "400"))
    wallets = [{"venue": v, "currency": c, "floor": f, "target": f} for v, c, f in needs]
    routes = OVER, {**OVER, "name": "coins", "currency": "BTC", "fee": "0.5", "delay": "1d"}
    venues = {"alfa": {"balances": {"USD": "1000", "BTC": "10"}}, "bravo": {"balances": {"USD": "50"}}}
    world = moving(*routes, rebalance={"policy": "threshold", "wallets": wallets}, venues=venues, risk={"max_in_flight": "200"}, minutes=1)
    assert sent(engine(world)) == [("coins", 0, None, 1.5), ("over", 0, None, 100)]


def test_what_no_list_names_takes_no_part(engine: Engine) -> None:
    # charlie is not listed: it neither gives nor gets
    routes = {**OVER, "name": "from charlie", "source": "charlie"}, {**BACK, "name": "to charlie", "source": "alfa", "destination": "charlie"}
    assert sent(engine(moving(*routes, charlie="100000", rebalance=rule(alfa=SAME, bravo=SAME)))) == []


def test_a_route_leads_one_way(engine: Engine) -> None:
    assert sent(engine(moving(BACK))) == []


# ---- hours and suspensions ----


def test_a_request_waits_for_the_opening(engine: Engine) -> None:
    # asked for at 01:00:00, opened at 01:02:00
    hours = {"days": ["mon"], "opens": "01:02", "closes": "01:30"}
    assert sent(engine(moving({**OVER, "hours": hours}))) == [("over", 0, 210, 350)]
    already = {**hours, "opens": "00:30"}
    assert sent(engine(moving({**OVER, "hours": already}))) == [("over", 0, 90, 350)]
    over_night = {**hours, "opens": "00:30", "closes": "01:00"}
    assert sent(engine(moving({**OVER, "hours": over_night}))) == [("over", 0, None, 350)]


def test_hours_are_of_their_zone_and_shut_on_holidays(engine: Engine) -> None:
    # Monday 01:00 in London is 10:00 in Tokyo and Sunday 20:00 in New York
    hours = {"days": ["mon"], "opens": "10:03", "closes": "11:00", "zone": "Asia/Tokyo"}
    assert sent(engine(moving({**OVER, "hours": hours}))) == [("over", 0, 270, 350)]
    assert sent(engine(moving({**OVER, "hours": {**hours, "holidays": ["2024-01-01"]}}))) == [("over", 0, None, 350)]
    york = {"days": ["sun"], "opens": "19:00", "closes": "20:30", "zone": "America/New_York"}
    assert sent(engine(moving({**OVER, "hours": york}))) == [("over", 0, 90, 350)]


def suspended(what: str, begin: float, end: float, venue: str = "bravo", currency: str = "USD") -> dict[str, Any]:
    """Return a suspension between two times [s after the start]."""
    return {"venue": venue, "currency": currency, "what": what, "start": iso(after(begin)), "end": iso(after(end))}


@pytest.mark.parametrize(
    ("suspension", "expected"),
    [
        (suspended("withdrawals", -1, 60, "alfa"), (60, 150)),  # its end is not in it
        (suspended("withdrawals", -1, 61, "alfa"), (120, 210)),
        (suspended("both", -1, 61, "alfa"), (120, 210)),
        (suspended("withdrawals", 30, 300, "alfa"), (0, 90)),  # on its way
        (suspended("deposits", -1, 61, "alfa"), (0, 90)),
        (suspended("withdrawals", -1, 61, "bravo"), (0, 90)),
        (suspended("withdrawals", -1, 61, "alfa", "BTC"), (0, 90)),
        (suspended("deposits", 80, 100), (0, 100)),  # waits for its end
        (suspended("both", 80, 100), (0, 100)),
        (suspended("deposits", 90, 91), (0, 91)),
        (suspended("deposits", 80, 90), (0, 90)),
        (suspended("deposits", 91, 200), (0, 90)),
        (suspended("deposits", 80, 1000), (0, None)),
    ],
)
def test_a_suspension_refuses_at_the_source_and_delays_at_the_destination(
    engine: Engine, suspension: dict[str, Any], expected: tuple[float, float | None]
) -> None:
    assert sent(engine(moving(OVER, suspensions=[suspension]))) == [("over", *expected, 350)]


def test_suspensions_one_after_the_other_delay_until_the_last(engine: Engine) -> None:
    closed = [suspended("deposits", 80, 100), suspended("both", 100, 110), suspended("deposits", 105, 120)]
    assert sent(engine(moving(OVER, suspensions=closed))) == [("over", 0, 120, 350)]


# ---- weights ----


def weighted(band: float = 0.0, **weights: float) -> dict[str, Any]:
    """Return the policy of weights for dollars."""
    wallets = [{"venue": v, "currency": "USD", "weight": w} for v, w in weights.items()]
    return {"policy": "weights", "band": band, "wallets": wallets}


def test_weights_share_out_what_all_listed_wallets_have(engine: Engine) -> None:
    # 1050 in all, a quarter of it is 262.5: bravo lacks 212.5
    assert sent(engine(moving(OVER, BACK, rebalance=weighted(alfa=0.75, bravo=0.25)))) == [("over", 0, 90, 212.5)]
    # a third is 350, whole atoms of it 349.99999999
    third = weighted(alfa=2 / 3, bravo=1 / 3)
    assert sent(engine(moving(OVER, BACK, rebalance=third, bravo="50.00000001"))) == [("over", 0, 90, 299.99999999)]


@pytest.mark.parametrize(("bravo", "lacks"), [("90", []), ("89.99999999", [160.00000001])])
def test_within_its_band_a_wallet_lacks_nothing(engine: Engine, bravo: str, lacks: list[float]) -> None:
    # of 1000 a quarter is 250; 64 % below it is 90
    alfa = "910" if bravo == "90" else "910.00000001"
    found = engine(moving(OVER, BACK, rebalance=weighted(0.64, alfa=0.75, bravo=0.25), alfa=alfa, bravo=bravo))
    assert [amount for *_, amount in sent(found)] == lacks


def test_with_weights_money_goes_both_ways_over_time(engine: Engine) -> None:
    # 525 each at first; alfa buys for 500 and bravo sells for 505: 25 and 1030 of 1055, whose half is 527.5
    venues = {"alfa": {"balances": {"USD": "1000"}}, "bravo": {"balances": {"USD": "50", "BTC": "10"}}}
    routes = {**OVER, "delay": "0s"}, {**BACK, "delay": "0s"}
    strategy = {"max_notional": "500", "cool_down": "1h"}
    world = moving(*routes, rebalance=weighted(alfa=0.5, bravo=0.5), venues=venues, minutes=1, strategy=strategy)
    found = engine(world.on({world.spec.legs[0].key: books(), world.spec.legs[1].key: books({5: Book(101.0, 102.0)})}))
    assert sent(found) == [("over", 0, 0, 475), ("back", 60, 60, 502.5)]


# ---- desks ----


def test_money_can_lie_at_a_desk_that_trades_nothing(engine: Engine) -> None:
    route = {**OVER, "source": "desk"}
    venues = {"alfa": {"balances": {"USD": "1000"}}, "bravo": {"balances": {"USD": "50"}}, "desk": {"balances": {"USD": "200"}}}
    found = engine(moving(route, rebalance=rule(desk=ALL, bravo=SAME), venues=venues))
    assert sent(found) == [("over", 0, 90, 200)]
    assert [equity for _, equity, _ in found.equity] == pytest.approx([1250] * 7)
