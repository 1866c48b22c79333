"""Marks, equity and attribution of docs/model.md, worked out by hand, on both engines."""

import pytest

from engine.config import parse_spec
from engine.errors import DataError
from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Engine
from tests.engine.small import Bar, Book, after, bars, books, small
from tests.strategies import World

pytestmark = pytest.mark.parametrize("engine", ENGINES)

MARK = {"use": "mark"}
NOTHING_TRADES = {"threshold_bps": 9000.0}


def hold(engine: Engine, world: World) -> list[float]:
    """Return the value of the starting balances on every tick."""
    return [value for _, _, value in engine(world).equity]


def one_coin(*others: str) -> dict[str, dict[str, object]]:
    """Return balances of one BTC at alfa and of nothing at the others."""
    return {"alfa": {"balances": {"BTC": "1"}}, **{venue: {"balances": {}} for venue in others}}


def test_a_mark_is_the_middle_close_of_three_and_the_mean_of_two(engine: Engine) -> None:
    two = {"alfa BTC/USD": bars(level=100.0), "bravo BTC/USD": bars(level=101.0)}
    three = {**two, "charlie BTC/USD": bars(level=105.0)}
    assert hold(engine, small(two, venues=one_coin("bravo"), strategy=NOTHING_TRADES)) == pytest.approx([100.5] * 7)
    of_three = small(three, venues=one_coin("bravo", "charlie"), strategy=NOTHING_TRADES, instruments={"charlie BTC/USD": MARK})
    assert hold(engine, of_three) == pytest.approx([101.0] * 7)


def test_a_mark_sees_what_is_available_and_not_what_has_happened(engine: Engine) -> None:
    # 1 s late: the bar that ends at 60 s is seen on the tick of 120 s
    series = {"alfa BTC/USD": bars({n: Bar(100.0 + n) for n in range(-2, 10)}), "bravo BTC/USD": bars({n: Bar(100.0 + n) for n in range(-2, 10)})}
    world = small(series, venues={"alfa": {"feed_latency": "1s", "balances": {"BTC": "1"}}, "bravo": {"balances": {}}}, minutes=3)
    assert hold(engine, world) == pytest.approx([98.0, 99.0, 100.0, 101.0])
    assert hold(engine, small(series, venues=one_coin("bravo"), minutes=3)) == pytest.approx([99.0, 100.0, 101.0, 102.0])


def test_an_inverted_instrument_marks_by_one_over_its_close(engine: Engine) -> None:
    series = {"alfa BTC/USDC": bars(), "bravo BTC/USDC": bars(), "bravo USD/USDC": bars(level=1.25)}
    world = small(series, venues={"alfa": {"balances": {"USDC": "1"}}, "bravo": {"balances": {}}})
    assert hold(engine, world) == pytest.approx([0.8] * 7)


def test_a_currency_without_a_direct_price_is_marked_over_one_other(engine: Engine) -> None:
    # 100 and 104 USDC at 0.9 USD: the mean of 90 and 93.6
    series = {"alfa BTC/USDC": bars(), "bravo BTC/USDC": bars(level=104.0), "alfa USDC/USD": bars(level=0.9)}
    over = small(series, venues=one_coin("bravo"), strategy=NOTHING_TRADES)
    assert hold(engine, over) == pytest.approx([91.8] * 7)
    direct = small({**series, "bravo BTC/USD": bars(level=70.0)}, venues=one_coin("bravo"), strategy=NOTHING_TRADES)
    assert hold(engine, direct) == pytest.approx([70.0] * 7)


def test_a_quote_marks_by_its_middle_and_a_bad_one_leaves_the_mark_as_it_was(engine: Engine) -> None:
    # 100 and 102 by the tick of 60 s; crossed by that of 120 s; 104 and 108 by that of 180 s
    quotes = books({50: Book(100.0, 102.0), 110: Book(103.0, 101.0), 170: Book(104.0, 108.0)})
    world = small({"alfa BTC/USD": quotes, "bravo BTC/USD": quotes}, venues=one_coin("bravo"), strategy=NOTHING_TRADES, minutes=3)
    assert hold(engine, world) == pytest.approx([100.0, 101.0, 101.0, 106.0])


def test_a_close_marks_for_five_minutes_after_its_event(engine: Engine) -> None:
    # bravo's last bar ends at 60 s: it counts up to and at 360 s
    gone: dict[int, Bar | None] = dict.fromkeys(range(1, 10))
    world = small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars(gone, level=102.0)}, venues=one_coin("bravo"), strategy=NOTHING_TRADES, minutes=8)
    assert hold(engine, world) == pytest.approx([101.0] * 7 + [100.0] * 2)


def test_the_last_mark_stands_where_no_price_is_fresh(engine: Engine) -> None:
    gone: dict[int, Bar | None] = dict.fromkeys(range(1, 10))
    world = small({"alfa BTC/USD": bars({0: Bar(90.0), **gone}), "bravo BTC/USD": bars({0: Bar(90.0), **gone})}, venues=one_coin("bravo"), minutes=9)
    assert hold(engine, world) == pytest.approx([100.0] + [90.0] * 9)


def test_a_bar_without_volume_marks_nothing(engine: Engine) -> None:
    carried = {n: Bar(50.0, volume=0.0) for n in range(2, 10)}
    world = small({"alfa BTC/USD": bars(carried), "bravo BTC/USD": bars(carried)}, venues=one_coin("bravo"))
    assert hold(engine, world) == pytest.approx([100.0] * 7)


def test_bars_that_end_five_minutes_before_the_start_are_still_read(engine: Engine) -> None:
    # bar -6 ends at -300 s
    early: dict[int, Bar | None] = dict.fromkeys(range(-5, 3))
    world = small({"alfa BTC/USD": bars(early, first=-6), "bravo BTC/USD": bars(early, first=-6)}, venues=one_coin("bravo"))
    assert hold(engine, world) == pytest.approx([100.0] * 7)
    later = parse_spec({**world.form, "clock": "30s", "start": "2024-01-01T01:00:30Z"})
    with pytest.raises(DataError, match="start that works is 2024-01-01T01:04:00Z"):
        engine(World(form=world.form, spec=later, data=world.data))


def test_bars_of_ten_minutes_can_mark_a_start(engine: Engine) -> None:
    ten = {"interval": "10m", "minutes": 20}
    table = bars(dict.fromkeys(n for n in range(-20, 20) if n % 10), first=-20, last=19)
    world = small({"alfa BTC/USD": table, "bravo BTC/USD": table}, venues=one_coin("bravo"), **ten)  # type: ignore[arg-type]
    assert hold(engine, world) == pytest.approx([100.0] * 21)


def test_a_start_without_a_mark_is_refused_and_one_that_works_is_named(engine: Engine) -> None:
    # both series begin with the bar that ends at 180 s; USDC is held and has a price from 240 s
    series = {name: bars(first=2) for name in ("alfa BTC/USD", "bravo BTC/USD")} | {"alfa USDC/USD": bars(first=3, level=1.0)}
    with pytest.raises(DataError, match="BTC, USDC"):
        engine(small(series))
    with pytest.raises(DataError, match="start that works is 2024-01-01T01:04:00Z"):
        engine(small(series))


def test_the_first_tick_after_the_start_can_be_the_one_that_works(engine: Engine) -> None:
    with pytest.raises(DataError, match="start that works is 2024-01-01T01:01:00Z"):
        engine(small({name: bars(first=0) for name in ("alfa BTC/USD", "bravo BTC/USD")}))


def test_a_series_without_an_observation_is_refused(engine: Engine) -> None:
    with pytest.raises(DataError, match="bravo BTC/USD"):
        engine(small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars({n: Bar(100.0, volume=0.0) for n in range(-2, 10)})}))


# One package: a BTC is sold at 100.9 (decided at 101, marked 100.5) and one is bought at 100.2 (decided at 100), both at 10 bps.
# Decided at 60 s, filled by the bars that end at 120 s, when the mark is 102; then 100, from 240 s on 103.
def traded(*, bought: float = 10.0, **changes: object) -> World:
    """Return the world above, in which the bar that the buy meets has this volume."""
    alfa = {0: Bar(101.0), 1: Bar(102.0, open=100.9), **{n: Bar(103.0) for n in range(3, 10)}}
    bravo = {1: Bar(102.0, open=100.2, volume=bought), **{n: Bar(103.0) for n in range(3, 10)}}
    fee = {"fee_bps": 10.0}
    form = {"venues": {"alfa": fee, "bravo": fee}, "strategy": {"threshold_bps": 50.0, "max_notional": "100"}, "execution": {"tolerance_bps": 100.0}}
    return small({"alfa BTC/USD": bars(alfa), "bravo BTC/USD": bars(bravo)}, **{**form, **changes})  # type: ignore[arg-type]


def test_equity_counts_fills_recorded_at_or_before_the_tick(engine: Engine) -> None:
    # 20 BTC and 20,000 USD; the package brings 100.9 - 0.1009 - 100.2 - 0.1002 = 0.4989 at 120 s
    found = engine(traded(minutes=4)).equity
    marks = [100.0, 100.5, 102.0, 100.0, 103.0]
    assert [t for t, _, _ in found] == [after(60 * n) for n in range(5)]
    assert [value for _, _, value in found] == pytest.approx([20_000 + 20 * mark for mark in marks])
    assert [equity - value for _, equity, value in found] == pytest.approx([0, 0, 0.4989, 0.4989, 0.4989], abs=1e-9)


def test_equity_counts_what_is_reserved_and_what_waits_for_its_notice(engine: Engine) -> None:
    # all bars 10 s late: decided at 70 s, reserved on the tick of 120 s, filled by the bars of 120 s at 180 s, noticed after it
    slow = {"feed_latency": "10s"}
    series = {"alfa BTC/USD": bars({0: Bar(101.0), 2: Bar(100.0, open=101.0)}), "bravo BTC/USD": bars()}
    found = engine(small(series, venues={"alfa": slow, "bravo": slow}, strategy={"max_notional": "100"}, minutes=3)).equity
    assert [equity - value for _, equity, value in found] == pytest.approx([0, 0, 0, 1.0], abs=1e-9)


def test_a_package_with_equal_legs_is_gross_slippage_fees_and_hold(engine: Engine) -> None:
    # gross: (101 - 100.5) + (100.5 - 100); slippage: -0.1 - 0.2; drifts of the legs cancel; hold: 20 × (103 - 100)
    expected = {"gross": 1.0, "slippage": -0.3, "leg_misses": 0, "fees": -0.2011, "gas": 0, "transfers": 0, "peg": 0, "inventory": 0, "hold": 60}
    assert engine(traded()).attribution == pytest.approx(expected, abs=1e-9)


def test_what_one_leg_did_more_than_the_other_is_leg_misses_and_inventory(engine: Engine) -> None:
    # The buy gets 0.4. The sell keeps 0.4 of its gross (0.5) and slippage (-0.1), the buy all of its own 0.4 × 0.5 and 0.4 × -0.2.
    # Drift: (-1 + 0.4) × 1.5; then 0.6 BTC short of the start, × (100 - 102) and × (103 - 100). Fees: 0.1009 + 0.04008.
    expected = {
        "gross": 0.4 * 0.5 + 0.4 * 0.5,
        "slippage": 0.4 * -0.1 + 0.4 * -0.2,
        "leg_misses": 0.6 * (0.5 - 0.1),
        "fees": -0.14098,
        "gas": 0,
        "transfers": 0,
        "peg": 0,
        "inventory": -0.6 * 1.5 + -0.6 * -2 + -0.6 * 3,
        "hold": 60,
    }
    found = engine(traded(bought=0.4))
    assert found.attribution == pytest.approx(expected, abs=1e-9)
    assert sum(expected.values()) == pytest.approx(found.equity[-1][1] - found.equity[0][1], abs=1e-9)


def test_all_of_a_leg_is_a_leg_miss_while_the_other_is_open(engine: Engine) -> None:
    # bravo's order arrives after 120 s, the end: only alfa's fill counts
    world = traded(minutes=2)
    late = {"alfa": {"fee_bps": 10.0}, "bravo": {"fee_bps": 10.0, "order_latency": "1s"}}
    found = engine(traded(minutes=2, venues=late))
    assert [o.outcome for o in found.orders] == ["filled", "open"]
    expected = {"gross": 0, "slippage": 0, "leg_misses": 0.4, "fees": -0.1009, "gas": 0, "transfers": 0, "peg": 0, "inventory": -1.5, "hold": 40}
    assert found.attribution == pytest.approx(expected, abs=1e-9)
    assert engine(world).attribution["leg_misses"] == 0


def test_stablecoins_revalue_as_peg(engine: Engine) -> None:
    # A BTC is decided to be sold for 103 USDC at 0.99, is sold for 102.5 and bought for 100 USD. USDC: 0.98 at the fill, then 0.95.
    # gross: 103 × 0.99 - 100; slippage: -0.5 × 0.98; peg: 103 × (0.98 - 0.99), drift of the sell's quote, and 102.5 × (0.95 - 0.98)
    series = {
        "alfa BTC/USD": bars(),
        "bravo BTC/USDC": bars({0: Bar(103.0), 1: Bar(103.0, open=102.5), **dict.fromkeys(range(2, 10))}),
        "alfa USDC/USD": bars({1: Bar(0.98), **{n: Bar(0.95) for n in range(2, 10)}}, level=0.99),
    }
    strategy = {"cool_down": "1h", "max_notional": "100", "threshold_bps": 150.0}
    venues = {"bravo": {"balances": {"BTC": "1"}}, "alfa": {"balances": {"USD": "101"}}}
    found = engine(small(series, strategy=strategy, venues=venues, execution={"tolerance_bps": 100.0}))
    expected = {
        "gross": 1.97,
        "slippage": -0.49,
        "leg_misses": 0,
        "fees": 0,
        "gas": 0,
        "transfers": 0,
        "peg": -1.03 - 3.075,
        "inventory": 0,
        "hold": 0,
    }
    assert found.attribution == pytest.approx(expected, abs=1e-9)
    assert found.equity[-1][1] - found.equity[0][1] == pytest.approx(102.5 * 0.95 - 100, abs=1e-9)


def test_fees_count_at_the_mark_of_the_money_they_are_paid_in(engine: Engine) -> None:
    # 103 USDC × 100 bps = 1.03, at 0.98 when filled; alfa is free
    series = {
        "alfa BTC/USD": bars(),
        "bravo BTC/USDC": bars({0: Bar(103.0), 1: Bar(103.0), **dict.fromkeys(range(2, 10))}),
        "alfa USDC/USD": bars({1: Bar(0.98)}, level=0.99),
    }
    strategy = {"cool_down": "1h", "max_notional": "100", "threshold_bps": 90.0}
    found = engine(small(series, strategy=strategy, venues={"bravo": {"fee_bps": 100.0}}))
    assert [o.key for o in found.orders] == [SeriesKey("bravo", "BTC/USDC"), SeriesKey("alfa", "BTC/USD")]
    assert found.attribution["fees"] == pytest.approx(-1.03 * 0.98)
