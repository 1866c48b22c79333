"""What a unit is worth at each leg after fees and conversion, worked out by hand."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import edges, panel
from engine.arrays import Floats
from tests.engine.small import Bar, after, bars, small
from tests.strategies import World

NAN = float("nan")


def quoted(world: World) -> edges.Quotes:
    return edges.quotes(world.spec, panel.build(world.spec, world.bars))


def at_first(values: Floats) -> list[float]:
    """Return the values of all legs at the second instant, when bar 0 is known."""
    return [float(x) for x in values[1]]


def three_monies(**changes: object) -> World:
    """Return legs in USD, USDC and USDT, bar 0 at 100, 102 and 103; USDC at 0.98 and, inverted, 1 / 1.03; USDT at 0.97 inverted only."""
    return small(
        {
            "alfa BTC/USD": bars(),
            "bravo BTC/USDC": bars({0: Bar(102.0)}),
            "charlie BTC/USDT": bars({0: Bar(103.0)}),
            "alfa USDC/USD": bars({0: Bar(0.98)}, level=1.0),
            "bravo USD/USDC": bars({0: Bar(1.03)}, level=1.0),
            "charlie USD/USDT": bars({0: Bar(1.25)}, level=1.0),
        },
        venues={"alfa": {"fee_bps": 10}, "bravo": {"fee_bps": 20}, "charlie": {"fee_bps": 0}},
        instruments={"alfa USDC/USD": {"tick": "0.0001", "half_spread_bps": 100}},
        **changes,
    )


def test_what_is_received_and_spent_counts_fees_and_the_worst_conversion() -> None:
    found = quoted(three_monies())
    assert found.at_us.tolist() == [after(60 * n) for n in range(7)]
    assert at_first(found.bid) == at_first(found.ask) == [100.0, 102.0, 103.0]
    # USDC: alfa's bid 0.98 × 0.99 = 0.9702 and ask 0.98 × 1.01 = 0.9898; bravo's inverted 1 / 1.03 = 0.97087 of both: worst 0.9702 and 0.9898
    received = [100 * 0.999, 102 * 0.998 * 0.9702, 103 / 1.25]
    spent = [100 * 1.001, 102 * 1.002 * 0.9898, 103 / 1.25]
    assert at_first(found.received) == pytest.approx(received, rel=1e-12)
    assert at_first(found.spent) == pytest.approx(spent, rel=1e-12)
    assert at_first(found.ask_value) == pytest.approx([100.0, 102 * 0.9898, 103 / 1.25], rel=1e-12)


def test_the_conversion_that_is_worst_may_be_the_inverted_one() -> None:
    market = three_monies(numeraire="USD").on({**three_monies().bars, three_monies().spec.series[1]: bars({0: Bar(0.99)}, level=1.0)})
    found = quoted(market)
    # alfa's bid 0.99 × 0.99 = 0.9801; bravo's 1 / 1.03 = 0.970873…
    assert at_first(found.received)[1] == pytest.approx(102 * 0.998 / 1.03, rel=1e-12)
    assert at_first(found.spent)[1] == pytest.approx(102 * 1.002 * 0.9999, rel=1e-12)


def test_an_inverted_conversion_is_received_at_one_over_its_ask_and_spent_at_one_over_its_bid() -> None:
    market = small(
        {"alfa BTC/USDC": bars(), "bravo BTC/USD": bars(), "bravo USD/USDC": bars(level=1.0)},
        instruments={"bravo USD/USDC": {"half_spread_bps": 500}},
    )
    found = quoted(market)
    # a USD is sold for 0.95 and bought for 1.05 USDC
    assert [found.received[1, 0], found.spent[1, 0]] == pytest.approx([100 / 1.05, 100 / 0.95], rel=1e-12)


def test_only_instruments_that_are_to_convert_do() -> None:
    market = small(
        {"alfa BTC/USDC": bars(), "bravo BTC/USD": bars(), "alfa USDC/USD": bars(level=0.99), "bravo USDC/USD": bars(level=0.5)},
        instruments={"bravo USDC/USD": {"use": "mark"}},
    )
    assert quoted(market).received[:, 0].tolist() == pytest.approx([99.0] * 7)


def test_the_first_bar_of_the_data_has_its_volume() -> None:
    market = small({"alfa BTC/USD": bars(first=-1), "bravo BTC/USD": bars({-1: None})})
    # at the start bar -1 of alfa is known, the first of its rows, and none of bravo
    assert quoted(market).volume_cap[:2].tolist() == [[10**9, 0], [10**9, 10**9]]


def test_quotes_are_of_the_close_and_of_nothing_else_of_a_bar() -> None:
    bar = Bar(101.0, open=99.0, high=110.0, low=90.0)
    market = small(
        {"alfa BTC/USDC": bars({0: bar}), "bravo BTC/USD": bars(), "alfa USDC/USD": bars({0: Bar(0.95, open=0.9, high=1.1, low=0.8)}, level=1.0)},
        instruments={"alfa BTC/USDC": {"half_spread_bps": 100}},
    )
    found = quoted(market)
    assert [found.bid[1, 0], found.ask[1, 0]] == pytest.approx([99.99, 102.01], rel=1e-12)
    assert found.ask_value[1, 0] == pytest.approx(102.01 * 0.95, rel=1e-12)


def test_a_currency_at_par_counts_one() -> None:
    found = quoted(three_monies(assume_par=["USDC"]))
    assert at_first(found.received)[:2] == pytest.approx([99.9, 102 * 0.998], rel=1e-12)
    assert at_first(found.ask_value)[:2] == [100.0, 102.0]


def test_a_leg_without_a_bar_or_without_a_conversion_is_absent() -> None:
    market = small(
        {"alfa BTC/USD": bars({0: None}), "bravo BTC/USDC": bars(), "alfa USDC/USD": bars({1: Bar(1.0, volume=0.0)}, level=1.0)},
    )
    found = quoted(market)
    assert np.isnan(found.bid[:4]).tolist() == [[False, False], [True, False], [False, False], [False, False]]
    # the conversion has no observation at the third instant: bravo has a bid, and no value
    assert np.isnan(found.received[:4]).tolist() == [[False, False], [True, False], [False, True], [False, False]]
    assert np.isnan(found.spent[:4]).tolist() == [[False, False], [True, False], [False, True], [False, False]]
    assert found.volume_cap[:3].tolist() == [[10**9, 10**9], [0, 10**9], [10**9, 10**9]]


def test_a_bid_of_nothing_makes_the_leg_absent() -> None:
    market = small({"alfa BTC/USD": bars({0: Bar(0.004)}), "bravo BTC/USD": bars()})
    assert np.isnan(quoted(market).ask[1]).tolist() == [True, False]


def test_the_edge_is_exact() -> None:
    # 50 bps a side: 1e4 × (101 × 0.995 / (100 × 1.005) − 1) = −0.4975…, where 100 − 50 − 50 would be 0
    found = edges.net_edge_bps(np.array([101 * 0.995, NAN, 1.0]), np.array([100 * 1.005, 1.0, NAN]))
    assert found[0] == pytest.approx(-0.4975124378, abs=1e-9)
    assert np.isnan(found[1:]).all()


values = st.sampled_from((NAN, 99.0, 99.9, 100.0, 100.1, 101.0)) | st.floats(90, 110)
rows = st.lists(st.tuples(values, values, values, values, values, values), min_size=1, max_size=20)


@given(rows, st.sampled_from((-50.0, 0.0, 10.0)))
def test_no_instant_with_an_opportunity_between_two_legs_is_left_out(table: list[tuple[float, ...]], threshold: float) -> None:
    received, spent = np.array(table)[:, :3], np.array(table)[:, 3:]
    blank = np.zeros_like(received)
    kept = edges.candidates(
        edges.Quotes(
            at_us=np.arange(len(table)),
            instant=np.arange(len(table)),
            bid=blank,
            ask=blank,
            received=received,
            spent=spent,
            ask_value=blank,
            volume_cap=blank.astype(np.int64),
        ),
        threshold,
    )
    for n, row in enumerate(table):
        best = max((1e4 * (row[s] / row[3 + b] - 1) for s in range(3) for b in range(3) if not math.isnan(row[s] / row[3 + b])), default=-math.inf)
        apart = any(1e4 * (row[s] / row[3 + b] - 1) >= threshold for s in range(3) for b in range(3) if s != b)
        assert bool(kept[n]) == (best >= threshold)
        assert kept[n] or not apart


def test_taking_instants_takes_them_of_every_column() -> None:
    found = quoted(three_monies())
    taken = found.take(np.array([False, True, False, False, False, False, True]))
    assert taken.instant.tolist() == [1, 6]
    assert taken.at_us.tolist() == [after(60), after(360)]
    for name in ("bid", "ask", "received", "spent", "ask_value", "volume_cap"):
        assert getattr(taken, name).tolist() == getattr(found, name)[[1, 6]].tolist()


def test_quotes_do_not_depend_on_bars_outside_the_window() -> None:
    market = three_monies()
    cut = {key: frame.filter(pl.col("ts") < market.spec.end) for key, frame in market.bars.items()}
    assert quoted(market).received.tolist() == quoted(market.on(cut)).received.tolist()
