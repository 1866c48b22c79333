"""Risk of docs/model.md, worked out by hand, on both engines: what stops packages, and when they start again."""

import math
from typing import Any

import pytest

from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.small import START, Bar, Book, after, bars, books, coins, level, small
from tests.strategies import World, iso

pytestmark = pytest.mark.parametrize("engine", ENGINES)

DEAR, FLAT = Book(101.0, 101.5), Book(100.0, 100.0)
ONE = {"max_notional": "100"}
BIG = Book(99.0, 100.0, 100.0, 100.0)


def often(*seconds: float, bid: float = 101.0, **changes: object) -> World:
    """Return the world in which alfa bids 101 and more at these times, each time a cent more, and bravo asks 100 for all that is wanted."""
    alfa = books({at: Book(bid + n / 100, bid + 2) for n, at in enumerate(seconds)})
    form = {"minutes": 6, "strategy": ONE}
    return small({"alfa BTC/USD": alfa, "bravo BTC/USD": books(first=BIG)}, **{**form, **changes})  # type: ignore[arg-type]


def became(found: Outcome) -> list[str]:
    """Return what became of each opportunity."""
    return [o.outcome for o in found.opportunities]


# ---- alarms ----


def test_a_gross_edge_beyond_the_limit_is_an_alarm(engine: Engine) -> None:
    # 101 over 100, before a fee of 50 bps
    edge = 1e4 * (101.0 / 100.0 - 1)
    fee = {"alfa": {"fee_bps": 50.0}}
    at = engine(often(5, venues=fee, risk={"max_gross_edge_bps": edge}))
    beyond = engine(often(5, venues=fee, risk={"max_gross_edge_bps": math.nextafter(edge, 0)}))
    assert (became(at), became(beyond), beyond.orders) == (["sent"], ["alarm"], [])
    assert beyond.opportunities[0].edge_bps == pytest.approx(1e4 * (101 * 0.995 / 100 - 1))


def test_an_alarm_is_raised_from_a_thousand_bps_on(engine: Engine) -> None:
    assert became(engine(often(5, bid=109.99))) == ["sent"]
    assert became(engine(often(5, bid=110.01))) == ["alarm"]


def test_an_alarm_rests_no_pair_and_comes_before_all_else(engine: Engine) -> None:
    rests = {"cool_down": "1h", **ONE}
    assert became(engine(often(5, 6, strategy=rests, risk={"max_gross_edge_bps": 100.5}))) == ["sent", "alarm"]


def test_a_gross_edge_counts_conversion(engine: Engine) -> None:
    # 103 USDC at a bid of 0.98 are 100.94 USD
    series = {"alfa BTC/USDC": books({5: Book(103.0, 105.0)}, first=Book(100.0, 105.0)), "bravo BTC/USD": books(), "alfa USDC/USD": level(0.98)}
    found = {most: engine(small(series, minutes=1, risk={"max_gross_edge_bps": most})) for most in (93.9, 94.1)}
    assert {most: became(outcome) for most, outcome in found.items()} == {93.9: ["alarm"], 94.1: ["sent"]}


# ---- stops ----


def test_losses_down_from_the_high_stop_packages_for_good(engine: Engine) -> None:
    # Each package of 1 loses 1.01 at 200 bps a side: 101 × 0.98 - 100 × 1.02 = -3.02, then -3.0102, -3.0004. At 60 s 6.0302 are lost
    dear = {"alfa": {"fee_bps": 200.0}, "bravo": {"fee_bps": 200.0}}
    losing = {"threshold_bps": -500.0, **ONE}
    world = often(5, 10, 70, 80, 130, venues=dear, strategy=losing, risk={"max_drawdown": "6.0302"})
    assert engine(world).stops == [(after(60), "drawdown")]
    late = engine(world.but(risk={"max_drawdown": "6.03020001"}))
    assert late.stops == [(after(120), "drawdown")]
    sent = [(o.t, o.outcome) for o in late.opportunities if o.sell.venue == "alfa"]
    assert sent == [(after(5), "sent"), (after(10), "sent"), (after(70), "sent"), (after(80), "sent"), (after(130), "stopped")]


def test_the_high_counts_and_begins_at_nothing(engine: Engine) -> None:
    # a coin sold at 101 and bought at 100 makes 1 by the tick of 60 s; one sold at 100 and bought at 103 loses 3 by that of 120 s
    wide = Book(90.0, 120.0)
    alfa = books({5: Book(101.0, 110.0), 6: wide, 65: Book(99.0, 103.0), 66: wide}, first=FLAT)
    bravo = books({6: wide, 65: Book(100.0, 120.0), 66: wide}, first=FLAT)
    form: dict[str, Any] = {
        "minutes": 4,
        "strategy": {"threshold_bps": -300.0, "cool_down": "1h", "max_notional": "103"},
        "instruments": {f"{venue} BTC/USD": {"lot": "1"} for venue in ("alfa", "bravo")},
    }
    world = small({"alfa BTC/USD": alfa, "bravo BTC/USD": bravo}, **form)
    assert [equity - hold for _, equity, hold in engine(world).equity] == pytest.approx([0, 1, -2, -2, -2])
    stops = {most: engine(world.but(risk={"max_drawdown": most})).stops for most in ("2.99", "3.01")}
    assert stops == {"2.99": [(after(120), "drawdown")], "3.01": []}
    lost = small({"alfa BTC/USD": books({5: Book(99.0, 103.0), 6: wide}), "bravo BTC/USD": books({6: wide})}, **form)
    assert engine(lost.but(risk={"max_drawdown": "2.99"})).stops == [(after(60), "drawdown")]


def test_a_drawdown_is_of_excess_and_not_of_what_the_market_does_to_balances(engine: Engine) -> None:
    # 20 coins lose half their value; nothing traded
    half = {70: Book(50.0, 50.0)}
    world = small({"alfa BTC/USD": books(half), "bravo BTC/USD": books(half)}, risk={"max_drawdown": "0.01"})
    assert engine(world).stops == []


def test_missed_packages_in_a_row_stop_packages_for_good(engine: Engine) -> None:
    # alfa's price is gone when the sells of 5 s and 15 s arrive; the one of 25 s fills, those of 35 s and 45 s miss
    alfa: dict[float, Book] = {}
    for n, at in enumerate((5, 15, 25, 35, 45)):
        alfa[at] = Book(101.0 + n / 100, 103.0)
        if at != 25:
            alfa[at + 1] = FLAT
    slow = {"alfa": {"order_latency": "1s"}, "bravo": {"balances": {"USD": "100000"}}}
    world = small({"alfa BTC/USD": books(alfa), "bravo BTC/USD": books(first=BIG)}, minutes=2, venues=slow, strategy={**ONE, "threshold_bps": 50.0})
    found = {most: engine(world.but(risk={"max_misses": most})) for most in (1, 2, 3)}
    assert {most: outcome.stops for most, outcome in found.items()} == {1: [(after(6), "misses")], 2: [(after(16), "misses")], 3: []}
    assert became(found[2]) == ["sent", "sent", "stopped", "stopped", "stopped"]
    assert became(found[3]) == ["sent"] * 5


def test_a_package_filled_in_part_is_a_miss_and_one_filled_whole_ends_the_row(engine: Engine) -> None:
    # the buy of 5 s gets half, at 15 s both legs fill, at 25 s the buy gets half again, and at 35 s
    bravo: dict[float, Book] = {0: BIG}
    for n, at in enumerate((5, 15, 25, 35)):
        whole = Book(99.0, 100.0 - n / 100, 100.0, 100.0)
        bravo[at] = whole
        bravo[at + 1] = whole if at == 15 else Book(99.0, whole.ask, 10.0, 0.5)
    alfa = books({at: Book(101.0, 103.0, 100.0) for at in (5, 15, 25, 35)})
    venues = {"bravo": {"order_latency": "1s"}}
    world = small(
        {"alfa BTC/USD": alfa, "bravo BTC/USD": books(bravo)}, minutes=1, venues=venues, strategy={**ONE, "cool_down": "5s", "threshold_bps": 50.0}
    )
    assert engine(world.but(risk={"max_misses": 2})).stops == [(after(36), "misses")]


def test_a_miss_counts_at_the_later_notice(engine: Engine) -> None:
    # the sell misses at 6 s; the buy of 5 s is noticed at 9 s; at 8 s another package goes
    venues = {"alfa": {"order_latency": "1s"}, "bravo": {"order_latency": "4s"}}
    alfa = books({5: DEAR, 6: FLAT, 8: Book(101.1, 103.0), 10: Book(101.2, 103.0)})
    world = small({"alfa BTC/USD": alfa, "bravo BTC/USD": books(first=BIG)}, minutes=1, venues=venues, strategy={**ONE, "threshold_bps": 50.0})
    found = engine(world.but(risk={"max_misses": 1}))
    assert found.stops == [(after(9), "misses")]
    assert became(found) == ["sent", "sent", "stopped"]


def test_what_is_under_way_goes_on_after_a_stop_and_residuals_too(engine: Engine) -> None:
    # stopped at 9 s by the package of 5 s, whose coin is sold at bravo, and so is that of the package of 8 s, which misses as well
    venues = {"alfa": {"order_latency": "1s"}, "bravo": {"order_latency": "4s"}}
    alfa = books({5: DEAR, 6: FLAT, 8: Book(101.1, 103.0), 9: FLAT})
    world = small(
        {"alfa BTC/USD": alfa, "bravo BTC/USD": books(first=BIG)},
        minutes=1,
        venues=venues,
        strategy={**ONE, "threshold_bps": 50.0},
        execution={"residual": "unwind", "residual_bps": 200.0},
        risk={"max_misses": 1},
    )
    found = engine(world)
    assert found.stops == [(after(9), "misses")]
    assert [(o.decided, o.recorded, o.side, o.outcome) for o in found.residuals] == [
        (after(9), after(13), "sell", "filled"),
        (after(12), after(16), "sell", "filled"),
    ]


# ---- the depeg guard ----


def pegged(path: dict[int, float], **changes: object) -> World:
    """Return a world that trades on every minute, while a USDC is worth so much from these minutes on."""
    usdc = {60 * n - 1: Book(price, price) for n, price in path.items()}
    series = {
        "alfa BTC/USD": books({60 * n + 5: Book(101.0 + n / 100, 103.0) for n in range(12)}),
        "bravo BTC/USD": books(first=BIG),
        "bravo BTC/USDC": books({60 * n: Book(1.0, 1000.0) for n in range(13)}, first=Book(1.0, 1000.0)),
        "bravo USDC/USD": books(usdc, first=Book(1.0, 1.0)),
    }
    marks = {"bravo BTC/USDC": {"use": "mark"}, "bravo USDC/USD": {"use": "mark"}}
    venues = {"bravo": {"balances": {"USD": "10000", "USDC": "100"}}}
    form = {"minutes": 12, "strategy": ONE, "instruments": marks, "venues": venues}
    return small(series, **{**form, **changes})  # type: ignore[arg-type]


DEPEG = {1: 0.9895, **dict.fromkeys(range(2, 6), 0.9895), **dict.fromkeys(range(6, 13), 0.996)}


def test_the_guard_halts_after_so_many_ticks_off_par_and_goes_on_after_as_many_near_it(engine: Engine) -> None:
    # off par on the ticks 1 to 5, within 50 bps from 6 on: with three ticks in a row off at 3, back at 8
    found = engine(pegged(DEPEG, risk={"depeg_guard": {"ticks": 3}}))
    assert found.guard == [(after(180), "USDC", "off"), (after(480), "USDC", "back")]
    halted = [(o.t - START) // 60_000_000 for o in found.opportunities if o.outcome == "halted"]
    assert halted == [3, 4, 5, 6, 7]
    assert found.decisions == {"sent": 7, "halted": 5}


def test_a_guard_that_goes_on_only_tells(engine: Engine) -> None:
    found = engine(pegged(DEPEG, risk={"depeg_guard": {"ticks": 3, "action": "go_on"}}))
    assert found.guard == [(after(180), "USDC", "off"), (after(480), "USDC", "back")]
    assert found.decisions["halted"] == 0


@pytest.mark.parametrize(
    ("path", "events"),
    [
        ({1: 0.99, 2: 0.99}, [2]),  # a hundred bps are off
        ({1: 0.9901, 2: 0.99}, []),
        ({1: 1.011, 2: 1.011}, [2]),  # above par as well
        ({1: 0.98, 2: 1.0, 3: 0.98, 4: 0.98}, [4]),  # in a row
        ({1: 0.98, 2: 0.98, 3: 0.9949, 4: 0.9951, 5: 0.9949, 6: 0.9951, 7: 0.9951}, [2, 7]),  # near par: within half of it
        ({1: 0.98, 2: 0.98, 3: 0.996, 4: 0.98, 5: 0.996, 6: 0.996, 7: 0.98, 8: 0.98}, [2, 6, 8]),
    ],
)
def test_the_guard_counts_ticks_in_a_row(engine: Engine, path: dict[int, float], events: list[int]) -> None:
    whole = {n: path[max(k for k in path if k <= n)] for n in range(1, 13)}
    calm = {**whole, **dict.fromkeys(range(max(path) + 1, 13), path[max(path)])}
    found = engine(pegged(calm, risk={"depeg_guard": {"ticks": 2}}))
    seen = [(t - START) // 60_000_000 for t, _, _ in found.guard]
    assert seen[: len(events)] == events
    assert [kind for *_, kind in found.guard] == ["off", "back", "off"][: len(found.guard)]


def test_the_guard_watches_stablecoins_that_are_held_or_what_it_is_told(engine: Engine) -> None:
    nobody = {"bravo": {"balances": {"USD": "10000"}}}
    assert engine(pegged(DEPEG, venues=nobody, risk={"depeg_guard": {"ticks": 3}})).guard == []
    told = engine(pegged(DEPEG, risk={"depeg_guard": {"ticks": 3, "currencies": ["USDC"]}}))
    assert len(told.guard) == 2


def test_what_is_under_way_goes_on_while_halted(engine: Engine) -> None:
    # sent at 119 s, halted from 120 s on, filled at 125 s
    slow = {"alfa": {"order_latency": "6s"}, "bravo": {"balances": {"USD": "10000", "USDC": "100"}}}
    world = pegged(DEPEG, venues=slow, risk={"depeg_guard": {"ticks": 2}})
    alfa = world.spec.legs[0].key
    found = engine(world.on({**world.data, alfa: books({119: DEAR, 121: DEAR})}))
    assert became(found) == ["sent", "halted"]
    assert [(o.recorded, o.outcome) for o in found.legs if o.venue == "alfa"] == [(after(125), "filled")]


# ---- limits ----


def test_what_is_open_at_a_venue_is_limited_in_the_numeraire(engine: Engine) -> None:
    # bravo may have 250 open at 100 each: 2.5; what alfa has open counts at its own price: 250 / 101 = 2.475, and lots make 2.47
    found = engine(often(5, strategy={}, risk={"max_venue_open": "250"}))
    assert [o.planned for o in found.orders] == [coins(2.47), coins(2.47)]


def test_open_value_falls_at_the_notice(engine: Engine) -> None:
    # 101 and 101.01 of 250 are open at alfa until 9 s and 10 s; at 7 s 47.99 are left; at 9.5 s, after the notice of 9 s, there is room again
    slow = {"alfa": {"order_latency": "1s", "feed_latency": "0s"}, "bravo": {"order_latency": "4s"}}
    found = engine(often(5, 6, 7, 9.5, venues=slow, risk={"max_venue_open": "250"}))
    at_bravo = [(o.decided, o.planned) for o in found.orders if o.venue == "bravo"]
    # bravo: 100 and 100 of 250 open: half a coin at 7 s; at 9.5 s the first is noticed
    assert at_bravo == [(after(5), coins(1)), (after(6), coins(1)), (after(7), coins(0.5)), (after(9.5), coins(1))]


def test_a_venue_without_room_for_a_lot_takes_none(engine: Engine) -> None:
    slow = {"bravo": {"order_latency": "4s"}}
    found = engine(often(5, 6, venues=slow, risk={"max_venue_open": "101"}))
    # a coin is 101 at alfa's own price; bravo has 1 left for the second
    assert became(found) == ["sent", "sent"]
    assert found.orders[2].planned == coins(0.01)
    none = engine(often(5, 6, venues=slow, risk={"max_venue_open": "100.99"}))
    assert none.orders[0].planned == coins(0.99)
    assert became(engine(often(5, 6, venues=slow, strategy={"size": "fixed", "fixed_notional": "100"}, risk={"max_venue_open": "150"}))) == [
        "sent",
        "venue_limit",
    ]


def foreign(limit: dict[str, str], **changes: object) -> World:
    """Return the world in which a coin brings 103 USDC of 0.98 USD at alfa and costs 100 USD at bravo; alfa has 100 USDC."""
    series = {
        "alfa BTC/USDC": books({5: Book(103.0, 105.0), 20: Book(103.01, 105.0)}, first=Book(100.0, 105.0)),
        "bravo BTC/USD": books(first=BIG),
        "alfa USDC/USD": level(0.98),
    }
    venues = {"alfa": {"balances": {"BTC": "10", "USDC": "100"}}}
    form = {"minutes": 1, "venues": venues, "risk": {"max_asset": limit}}
    return small(series, **{**form, **changes})  # type: ignore[arg-type]


def test_a_foreign_currency_is_bought_up_to_its_limit(engine: Engine) -> None:
    # 490 / 0.98 = 500 USDC may be held, 100 are: 400 / 103 = 3.883 coins; at 20 s there is no room: 0.11 USDC
    found = engine(foreign({"USDC": "490"}))
    assert [o.planned for o in found.orders] == [coins(3.88), coins(3.88)]
    assert became(found) == ["sent", "asset_limit"]
    # what buys pay with is limited for nobody
    assert became(engine(foreign({"USD": "1"}))) == ["sent", "no_funds"]


def test_what_sells_under_way_will_bring_counts_against_the_limit(engine: Engine) -> None:
    # until its sale of 3.88 at 103 = 399.64 is noticed at 30 s; a partial fill gives room back
    slow = {"alfa": {"order_latency": "25s", "balances": {"BTC": "10", "USDC": "100"}}}
    thin = foreign({"USDC": "490"}, venues=slow)
    alfa = thin.spec.legs[0].key
    table = books({5: Book(103.0, 105.0), 20: Book(103.0, 105.0), 29: Book(103.0, 105.0, 1.0), 40: Book(103.01, 105.0)}, first=Book(100.0, 105.0))
    found = engine(thin.on({**thin.data, alfa: table}))
    # 1 of 3.88 was sold: 203 USDC held, 297 / 103.01 = 2.883
    assert became(found) == ["sent", "asset_limit", "no_volume", "sent"]
    assert [o.planned for o in found.orders[::2]] == [coins(3.88), coins(2.88)]


def test_no_limit_on_a_currency_that_the_buy_pays_with_as_well(engine: Engine) -> None:
    series = {"alfa BTC/USDC": books({5: DEAR}), "bravo BTC/USDC": books(), "alfa USDC/USD": level(0.98)}
    marks = {"alfa USDC/USD": {"use": "mark"}}
    found = engine(small(series, minutes=1, instruments=marks, risk={"max_asset": {"USDC": "1"}}, strategy=ONE))
    assert [o.planned for o in found.orders] == [coins(1), coins(1)]


# ---- which reason counts ----


def test_the_first_reason_counts(engine: Engine) -> None:
    # A USDC is off par from the start on. The alarm stands before the halt, the halt before the cool-down and the residual.
    world = pegged(dict.fromkeys(range(13), 0.98), risk={"depeg_guard": {"ticks": 1}, "max_gross_edge_bps": 105.5})
    assert became(engine(world)) == ["halted"] * 6 + ["alarm"] * 6
    # a package misses at 6 s and leaves a coin: stopped stands before halted (from 60 s on), and halted before the residual
    slow = {"alfa": {"order_latency": "1s"}, "bravo": {"balances": {"USD": "10000", "USDC": "100"}}}
    missing = pegged({1: 0.98}, venues=slow, strategy={"cool_down": "1h", **ONE})
    alfa = missing.spec.legs[0].key
    again = missing.on({**missing.data, alfa: books({5: DEAR, 6: FLAT, 30: DEAR, 70: DEAR})})
    guard, misses, residual = {"depeg_guard": {"ticks": 1}}, {"max_misses": 1}, {"max_residual": "1"}
    for risk, outcomes in (
        ({**guard, **misses, **residual}, ["sent", "stopped", "stopped"]),
        ({**guard, **residual}, ["sent", "residual", "halted"]),
        ({**residual}, ["sent", "residual", "residual"]),
        ({}, ["sent", "cool_down", "cool_down"]),
    ):
        assert became(engine(again.but(risk=risk))) == outcomes


def test_funds_stand_before_the_venue_and_the_venue_before_the_asset(engine: Engine) -> None:
    poor = {"alfa": {"balances": {"BTC": "10", "USDC": "600"}}, "bravo": {"balances": {"USD": "0"}}}
    assert became(engine(foreign({"USDC": "490"}, venues=poor)))[0] == "no_funds"
    full = {"alfa": {"balances": {"BTC": "10", "USDC": "600"}}}
    both = foreign({}, venues=full, risk={"max_asset": {"USDC": "490"}, "max_venue_open": "0.5"})
    assert became(engine(both))[0] == "venue_limit"
    assert became(engine(foreign({"USDC": "490"}, venues=full)))[0] == "asset_limit"


# ---- on bars ----


def test_blocked_bars_fill_nothing(engine: Engine) -> None:
    # three venues; alfa's bar of 60 s goes down to 90, more than 500 bps below the median close of 100
    series = {
        "alfa BTC/USD": bars({0: Bar(101.0), 1: Bar(100.0, open=101.0, low=90.0)}),
        "bravo BTC/USD": bars(),
        "charlie BTC/USD": bars(level=100.5),
    }
    found = engine(small(series, strategy={"threshold_bps": 90.0, "cool_down": "1h"}))
    assert [(o.venue, o.outcome, o.recorded) for o in found.orders] == [("alfa", "absent", after(120)), ("bravo", "filled", after(120))]
    # with two series a wick is counted only; and its close marks and is decided on in any case
    two = {name: table for name, table in series.items() if "charlie" not in name}
    assert engine(small(two, strategy={"threshold_bps": 90.0, "cool_down": "1h"})).orders[0].outcome == "filled"


@pytest.mark.parametrize(("low", "outcome"), [(95.0, "filled"), (94.99, "absent")])
def test_a_wick_is_further_than_the_limit_from_the_median_close(engine: Engine, low: float, outcome: str) -> None:
    series = {
        "alfa BTC/USD": bars({0: Bar(101.0), 1: Bar(101.0, open=101.0, low=low)}),
        "bravo BTC/USD": bars(),
        "charlie BTC/USD": bars(),
    }
    assert engine(small(series, strategy={"threshold_bps": 90.0, "cool_down": "1h"})).orders[0].outcome == outcome


def test_bars_of_an_outage_are_neither_decided_on_nor_filled_in(engine: Engine) -> None:
    # alfa is down from 61 s to 62 s: the bar of 60 s is blocked for the package of 60 s, and at 120 s it is no observation
    dear = {n: Bar(101.0) for n in range(5)}
    down = {"alfa": {"outages": [{"start": iso(START + 61_000_000), "end": iso(START + 62_000_000)}]}}
    found = engine(small({"alfa BTC/USD": bars(dear), "bravo BTC/USD": bars()}, venues=down, strategy=ONE))
    assert [o.t for o in found.opportunities] == [after(60), after(180), after(240), after(300)]
    assert found.orders[0].outcome == "absent"
    assert [o.outcome for o in found.orders if o.venue == "alfa" and o.package > 0] == ["filled", "filled", "limit"]


def test_what_filled_before_an_outage_stays_filled_though_it_is_told_of_in_it(engine: Engine) -> None:
    # the package of 70 s fills in the bars of 2 minutes, which end at 180 s and are told of at 190 s, in alfa's outage of 185 to 200 s
    series = {"alfa BTC/USD": bars({0: Bar(101.0, open=100.0), 2: Bar(101.0)}), "bravo BTC/USD": bars()}
    down = {"start": iso(START + 185_000_000), "end": iso(START + 200_000_000)}
    found = engine(small(series, venues={"alfa": {"feed_latency": "10s", "outages": [down]}}, strategy={**ONE, "cool_down": "1h"}))
    assert [(o.outcome, o.recorded, o.notice) for o in found.orders] == [("filled", after(180), after(190))] * 2
    # nothing is decided on what comes in the outage
    assert [o.t for o in found.opportunities] == [after(70)]
