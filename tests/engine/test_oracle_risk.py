"""The oracle stops where risk says so."""

import polars as pl

from engine.oracle import OracleResult, replay
from tests.engine.small import FLAT, Book, Table, after, books, coins, small
from tests.strategies import World

WIDE = Book(99.0, 100.0, 10.0, 1000.0)
DEAR = Book(101.0, 103.0)
AGAIN = {5 + 60 * n: Book(bid, 103.0, 1.0) for n, bid in enumerate((101.0, 101.01, 101.02, 101.03, 101.04))}


def run(world: World) -> OracleResult:
    return replay(world.spec, world.data)


def outcomes(result: OracleResult) -> list[tuple[float, str]]:
    return [((o.at_us - after(0)) / 1e6, o.outcome) for o in result.opportunities]


def alternating(flat: dict[float, Book] | None = None) -> pl.DataFrame:
    """Return alfa's quotes: dear at five seconds past each minute, and flat at the times given, else a second later."""
    found = AGAIN | (dict.fromkeys((at + 1 for at in AGAIN), FLAT) if flat is None else flat)
    return books(dict(sorted(found.items())))


def every_minute(**changes: object) -> World:
    """Return the world in which alfa bids 1 at 101 and a cent more each time, five seconds into each of five minutes, and bravo always asks 100."""
    strategy = {"threshold_bps": 50.0, **changes.pop("strategy", {})}  # type: ignore[dict-item]
    return small({"alfa BTC/USD": alternating(), "bravo BTC/USD": books(first=WIDE)}, strategy=strategy, **changes)  # type: ignore[arg-type]


def test_an_edge_that_is_too_good_is_an_alarm_and_costs_no_cool_down() -> None:
    # 101, 102 and so on bps before fees, beyond the 100 of the first
    found = run(every_minute(risk={"max_gross_edge_bps": 101.5}, strategy={"cool_down": "10m"}))
    assert outcomes(found) == [(5, "sent"), (65, "cool_down"), (125, "alarm"), (185, "alarm"), (245, "alarm")]
    assert found.decisions["alarm"] == 3


def test_the_gross_edge_is_before_fees() -> None:
    venues: dict[str, Table] = {"alfa": {"fee_bps": 20.0}}
    assert outcomes(run(every_minute(risk={"max_gross_edge_bps": 99.9}, venues=venues)))[0] == (5, "alarm")


def test_a_cool_down_is_over_when_it_has_passed() -> None:
    assert [o for _, o in outcomes(run(every_minute(strategy={"cool_down": "60s"})))] == ["sent"] * 5
    assert [o for _, o in outcomes(run(every_minute(strategy={"cool_down": "60000001us"})))] == ["sent", "cool_down"] * 2 + ["sent"]


def test_the_excess_is_measured_at_marks_and_the_high_begins_at_zero() -> None:
    # 2 BTC sold for 101 each at alfa, none bought: at minute 1 BTC is 100, the excess is 2; at minute 2 it is 105: -8, 10 below the high
    alfa: dict[float, Book] = {5: Book(101.0, 103.0, 2.0), 6: FLAT, 90: Book(105.0, 105.0), 150: Book(106.0, 106.0, 1.0), 151: Book(105.0, 105.0)}
    bravo = {5.5: Book(100.0, 100.0, 10.0, 0.001), 90: Book(105.0, 105.0)}
    late: dict[str, Table] = {"bravo": {"order_latency": "1s"}}
    pair = {"alfa BTC/USD": books(alfa), "bravo BTC/USD": books(bravo, first=Book(99.0, 100.0))}
    stopped = run(small(pair, strategy={"threshold_bps": 50.0}, venues=late, risk={"max_drawdown": "10"}))
    assert stopped.stops == [(after(120), "drawdown")]
    assert outcomes(stopped) == [(5, "sent"), (5.5, "no_volume"), (150, "stopped")]
    assert [equity - hold for _, equity, hold in stopped.equity[:3]] == [0.0, 2.0, -8.0]
    free = run(small(pair, strategy={"threshold_bps": 50.0}, venues=late, risk={"max_drawdown": "10.00000001"}))
    assert free.stops == []
    assert outcomes(free) == [(5, "sent"), (5.5, "no_volume"), (150, "sent")]


def test_so_many_misses_in_a_row_stop_at_the_later_notice() -> None:
    # alfa's bid is gone when an order is there, but for the third
    alfa = {5.5: FLAT, 65.5: FLAT, 126: FLAT, 185.5: FLAT, 245.5: FLAT}
    late: dict[str, Table] = {"alfa": {"order_latency": "1s"}, "bravo": {"feed_latency": "3s"}}
    world = small(
        {"alfa BTC/USD": alternating(alfa), "bravo BTC/USD": books(first=WIDE)},
        strategy={"threshold_bps": 50.0},
        venues={**late, "alfa": {"order_latency": "900ms"}},
        risk={"max_misses": 2},
    )
    found = run(world)
    assert [o.outcome for o in found.orders if o.venue == "alfa"] == ["limit", "limit"]
    assert found.stops == [(after(68), "misses")]
    assert outcomes(found) == [(5, "sent"), (65, "sent"), (125, "stopped"), (185, "stopped"), (245, "stopped")]


def test_a_whole_package_ends_a_row_of_misses() -> None:
    alfa = {5.5: FLAT, 66: FLAT, 125.5: FLAT, 185.5: FLAT, 246: FLAT}
    world = small(
        {"alfa BTC/USD": alternating(alfa), "bravo BTC/USD": books(first=WIDE)},
        strategy={"threshold_bps": 50.0},
        venues={"alfa": {"order_latency": "900ms"}},
        risk={"max_misses": 2},
    )
    found = run(world)
    assert found.stops == [(after(185.9), "misses")]
    assert [o for _, o in outcomes(found)] == ["sent"] * 4 + ["stopped"]


def guarded(prices: list[float], guard: Table) -> World:
    """Return the world of `every_minute` with a USDC that has a price from each minute on, a second before the tick."""
    steps: dict[float, Book] = {60 * n - 1: Book(price, price) for n, price in enumerate(prices)}
    return small(
        {"alfa BTC/USD": alternating(), "bravo BTC/USD": books(first=WIDE), "bravo USDC/USD": books(steps)},
        instruments={"bravo USDC/USD": {"use": "mark", "tick": "0.0001"}},
        strategy={"threshold_bps": 50.0},
        risk={"depeg_guard": guard},
    )


def test_the_depeg_guard_halts_after_so_many_ticks_and_is_back_after_as_many_within_half() -> None:
    # off at minutes 1 and 2 (half a percent is not enough at minute 0), near at 3, within half at 4 and 5
    world = guarded([1.005, 0.99, 1.011, 1.006, 0.9951, 1.0049], {"ticks": 2})
    found = run(world)
    assert found.guard_events == [(after(120), "USDC", "off"), (after(300), "USDC", "back")]
    assert outcomes(found) == [(5, "sent"), (65, "sent"), (125, "halted"), (185, "halted"), (245, "halted")]


def test_a_guard_that_goes_on_only_lists() -> None:
    found = run(guarded([1.005, 0.99, 1.011, 1.006, 0.9951, 1.0049], {"ticks": 2, "action": "go_on"}))
    assert found.guard_events == [(after(120), "USDC", "off"), (after(300), "USDC", "back")]
    assert [o for _, o in outcomes(found)] == ["sent"] * 5


def test_what_is_under_way_goes_on_after_a_stop() -> None:
    # the miss at alfa stops at 6.1 s; what bravo bought is sold there all the same
    alfa: dict[float, Book] = {5: DEAR, 6: FLAT}
    world = small(
        {"alfa BTC/USD": books(alfa), "bravo BTC/USD": books(first=WIDE)},
        strategy={"threshold_bps": 50.0},
        execution={"residual": "unwind"},
        venues={"alfa": {"order_latency": "1100ms"}},
        risk={"max_misses": 1},
    )
    found = run(world)
    assert found.stops == [(after(6.1), "misses")]
    assert [(o.role, o.side, o.filled) for o in found.orders[2:]] == [("residual", "sell", coins(10))]


def test_a_foreign_quote_is_valued_at_the_worst_rate_of_those_that_convert_it() -> None:
    # a sell for USDC counts at the lowest bid, 0.99, of USDC/USD and (1 / 1.0101 = 0.99) of USD/USDC; a buy with USDC at the highest ask
    rates = {"bravo USDC/USD": books(first=Book(0.995, 1.0)), "charlie USD/USDC": books(first=Book(0.99, 1.0101))}
    legs = {"alfa BTC/USDC": books({5: Book(102.0, 102.0), 6: FLAT}), "bravo BTC/USD": books(first=Book(99.0, 100.0))}
    found = run(small({**legs, **rates}, instruments={name: {"tick": "0.0001"} for name in rates}))
    assert found.opportunities[0].edge_bps == 1e4 * (102.0 * (1 - 0.0) * (1 / 1.0101) / (100.0 * (1 + 0.0) * 1.0) - 1)
    par = run(small({**legs, **rates}, instruments={name: {"tick": "0.0001"} for name in rates}, assume_par=["USDC"]))
    assert par.opportunities[0].edge_bps == 1e4 * (102.0 / 100.0 - 1)


def test_news_of_what_converts_makes_an_opportunity_and_a_bystanders_does_not() -> None:
    legs = {"alfa BTC/USDC": books({5: Book(102.0, 102.0)}), "bravo BTC/USD": books(first=Book(99.0, 100.0))}
    rates = {
        "bravo USDC/USD": books({7: Book(1.0, 1.0)}, first=Book(1.0, 1.0)),
        "charlie BTC/USD": books({6: Book(99.0, 103.0)}, first=Book(99.0, 103.0)),
    }
    found = run(small({**legs, **rates}, strategy={"threshold_bps": 150.0, "cool_down": "1h"}))
    # pairs of (alfa, bravo, charlie), by the sell, then the buy: alfa to bravo is the first
    assert [(o.at_us, o.combination, o.episode) for o in found.opportunities] == [(after(5), 0, 0), (after(7), 0, 0)]
