"""Observations as columns, on the instants of the run."""

from datetime import UTC

import numpy as np
import polars as pl
import pytest

from engine import panel
from engine.config import MARK_MAX_AGE_US, Instrument, parse_spec
from engine.errors import DataError
from engine.schema import SeriesKey, micros
from tests.engine.small import START, Bar, after, bars, small
from tests.strategies import MINUTE, World

ALFA, BRAVO, LINK = SeriesKey("alfa", "BTC/USD"), SeriesKey("bravo", "BTC/USDC"), SeriesKey("alfa", "USDC/USD")


def world(*, link: str = "convert", latency: str = "0s") -> World:
    return small(
        {"alfa BTC/USD": bars(), "bravo BTC/USDC": bars({3: None, 4: Bar(100.0, volume=0.0)}), "alfa USDC/USD": bars({0: None}, level=1.0)},
        instruments={"alfa USDC/USD": {"use": link}},
        venues={"bravo": {"feed_latency": latency}},
        **({"assume_par": ["USDC"]} if link == "mark" else {}),
    )


def refused(world: World) -> str:
    with pytest.raises(DataError) as error:
        panel.build(world.spec, world.bars)
    return str(error.value)


def test_a_series_holds_the_bars_with_volume_of_the_window_and_when_each_is_known() -> None:
    # six minutes: bars that end from five minutes before the start to the end; bars begin two minutes before; 3 is missing, 4 is silent
    found, _ = panel.build(world(latency="5s").spec, world().bars).of(BRAVO)
    opens = [START + n * MINUTE for n in (-2, -1, 0, 1, 2, 5)]
    assert found.open_us.tolist() == opens
    assert found.event_us.tolist() == [at + MINUTE for at in opens]
    assert found.available_us.tolist() == [at + MINUTE + 5_000_000 for at in opens]


def test_the_largest_feed_latency_holds_for_every_series() -> None:
    found = panel.build(world(latency="5s").spec, world().bars)
    assert {int(lag) for series in found.series for lag in series.available_us - series.event_us} == {5_000_000}


def test_the_window_reaches_from_five_minutes_before_the_start_to_the_end() -> None:
    spec = world().spec
    kept = panel.window(spec, bars(first=-30, last=30))["ts"]
    # a bar is read by its end: that of -6 ends at -5 min, that of 5 at the end, minute 6
    assert (kept[0] - spec.start.astimezone(UTC)).total_seconds() == -6 * 60
    assert micros(kept[0]) + MINUTE == START - MARK_MAX_AGE_US
    assert micros(kept[-1]) + MINUTE == micros(spec.end)
    assert len(kept) == 12


def test_instants_are_the_available_times_of_traded_and_converting_series_from_start_to_end() -> None:
    found = panel.build(world().spec, world().bars)
    assert found.instants_us.tolist() == [after(60 * n) for n in range(7)]
    late = panel.build(world(latency="5s").spec, world().bars)
    assert late.instants_us.tolist() == [after(60 * n + 5) for n in range(6)]


def test_a_series_for_marks_alone_makes_no_instant_and_is_not_aligned() -> None:
    market = world(link="mark")
    sparse = {key: frame if key == LINK else frame.filter(pl.col("ts").dt.minute() % 2 == 0) for key, frame in market.bars.items()}
    found = panel.build(market.spec, sparse)
    # bravo's bar 4 is silent, but alfa's is there
    assert found.instants_us.tolist() == [after(60 * n) for n in (1, 3, 5)]
    assert found.of(LINK)[1].size == 0


def test_an_instant_sees_only_the_bar_that_became_available_at_it() -> None:
    found = panel.build(world().spec, world().bars)
    # rows of bars -2, -1, 0, 1, 2, 5: the instant n sees the bar that opened at n - 1
    assert found.of(BRAVO)[1].tolist() == [1, 2, 3, 4, -1, -1, 5]
    assert found.of(LINK)[1].tolist() == [1, -1, 2, 3, 4, 5, 6]


def test_our_share_of_a_volume_is_rounded_down_to_atoms() -> None:
    market = small({"alfa BTC/USD": bars({0: Bar(100.0, volume=0.00000031)}), "bravo BTC/USD": bars()}, execution={"volume_share": 0.1})
    found, _ = panel.build(market.spec, market.bars).of(ALFA)
    # 31 atoms × 0.1 = 3.1
    assert found.volume_cap.tolist()[:4] == [10**8, 10**8, 3, 10**8]


def test_our_share_is_taken_before_atoms_are_counted() -> None:
    # 0.1 × 21.95 is 2.1949999999999998; 0.1 × 2,195,000,000 would be 219,500,000
    market = small({"alfa BTC/USD": bars({0: Bar(100.0, volume=21.95)}), "bravo BTC/USD": bars()}, execution={"volume_share": 0.1})
    found, _ = panel.build(market.spec, market.bars).of(ALFA)
    assert found.volume_cap.tolist()[2] == 219_499_999


def instrument(tick: str, half_spread_bps: float = 0.0) -> Instrument:
    return (
        parse_spec(small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars()}).form)
        .instruments[0]
        .model_copy(update={"tick": tick, "half_spread_bps": half_spread_bps})
    )


@pytest.mark.parametrize(
    ("tick", "half_spread_bps", "price", "bid", "ask"),
    [
        ("0.01", 0.0, 100.0, 100.0, 100.0),
        ("0.01", 1.0, 100.0, 99.99, 100.01),
        ("0.01", 1.5, 100.0, 99.98, 100.02),  # 99.985, 100.015
        ("0.05", 0.0, 100.01, 100.0, 100.05),
        ("0.1", 0.0, 0.3, 0.3, 0.3),  # 0.3 / 0.1 is 2.9999999999999996
        ("0.1", 0.0, 0.7, 0.7, 0.7),  # 0.7 / 0.1 is 6.999999999999999
        ("1", 0.0, 99.999999, 100.0, 100.0),  # within a millionth of a tick
        ("1", 0.0, 100.000001, 100.0, 100.0),
        ("1", 0.0, 99.9999, 99.0, 100.0),
        ("1", 0.0, 100.0001, 100.0, 101.0),
        ("1", 0.0, 0.4, 0.0, 1.0),
    ],
)
def test_a_bid_is_rounded_down_and_an_ask_up_to_the_tick(tick: str, half_spread_bps: float, price: float, bid: float, ask: float) -> None:
    market = instrument(tick, half_spread_bps)
    found = [float(side(np.array([price]), market)[0]) for side in (panel.implied_bid, panel.implied_ask)]
    assert found == pytest.approx([bid, ask], rel=1e-12)


def test_times_within_bounds_include_both_bounds() -> None:
    times = np.array([1, 2, 3, 4, 5], dtype=np.int64)
    assert panel.within(times, 2, 4).tolist() == [2, 3, 4]
    assert panel.within(times, 6, 9).tolist() == []


def test_a_series_that_is_not_given_is_named_beside_those_that_are() -> None:
    market = world()
    lacking = {key: frame for key, frame in market.bars.items() if key != BRAVO}
    assert refused(market.on(lacking)) == "bravo BTC/USDC: expected its bars, found none; there are alfa BTC/USD, alfa USDC/USD"
    assert refused(market.on({})) == "alfa BTC/USD: expected its bars, found none; there are no series at all"


def test_a_series_without_volume_in_the_window_is_refused_with_what_it_has() -> None:
    market = world()
    silent = bars(dict.fromkeys(range(-2, 10), Bar(100.0, volume=0.0)))
    message = refused(market.on({**market.bars, BRAVO: silent}))
    assert message.startswith(
        "bravo BTC/USDC: expected bars with volume between 2024-01-01 01:00:00+00:00 and 2024-01-01 01:06:00+00:00, found none; "
    )
    assert message.endswith("it has 12 bars from 2024-01-01 00:58:00+00:00 to 2024-01-01 01:09:00+00:00")
    assert refused(market.on({**market.bars, BRAVO: silent.clear()})).endswith("found none; the series is empty")


@pytest.mark.parametrize("change", [{"ts": pl.String}, {"ts": pl.Int64}, {"close": pl.Float32}])
def test_bars_of_other_types_are_refused_by_the_contract(change: dict[str, type[pl.DataType]]) -> None:
    market = world()
    wrong = market.bars[BRAVO].with_columns(pl.lit(1).cast(kind).alias(name) for name, kind in change.items())
    assert refused(market.on({**market.bars, BRAVO: wrong})).startswith("bravo BTC/USDC: expected columns {'ts': Datetime")
    assert refused(market.on({**market.bars, BRAVO: wrong.drop(list(change))})).startswith("bravo BTC/USDC: expected columns {'ts': Datetime")


def test_only_bars_of_the_window_must_keep_the_contract() -> None:
    market = world()
    broken = bars({9: Bar(100.0, high=50.0)})
    panel.build(market.spec, {**market.bars, ALFA: broken})
    assert "expected a high that is the highest price" in refused(market.on({**market.bars, ALFA: bars({5: Bar(100.0, high=50.0)})}))


def test_volumes_and_prices_whose_product_leaves_int64_are_refused() -> None:
    market = world()
    flood = bars({0: Bar(100.0, volume=5e8)})
    assert refused(market.on({**market.bars, ALFA: flood})) == "alfa BTC/USD: expected volumes × prices below 4.6e10, found 5e+08 × 100"
