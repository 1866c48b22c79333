"""The charts of a run: what they are drawn from."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from engine.opportunities import episodes_table
from engine.report.figures import capacity_chart, drawdown, episode_chart, equity_chart, spread_chart, spread_marks, waterfall_chart
from engine.schema import TIMESTAMP
from tests.engine.charts.drawings import parsed, styled, words
from tests.engine.paper import OPPORTUNITIES, SPEC

START = datetime(2023, 3, 10, tzinfo=UTC)
FOUND = episodes_table(SPEC, OPPORTUNITIES)


def times(*seconds: float) -> pl.Series:
    """Return times so many seconds after a start."""
    return pl.Series([START + timedelta(seconds=s) for s in seconds], dtype=TIMESTAMP)


def told(drawing: str) -> str:
    """Return the description of a chart."""
    return "".join(parsed(drawing).find("desc").itertext())  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("length_s", "name"),
    [
        (0.0, "one instant"),
        (0.5, "under 1 s"),
        (1.0, "1 to 5 s"),
        (59.9, "30 to 60 s"),
        (60.0, "1 to 5 min"),
        (3_600.0, "1 to 6 h"),
        (1e6, "over 6 h"),
    ],
)
def test_an_episode_is_in_the_row_of_its_length(length_s: float, name: str) -> None:
    drawing = episode_chart(FOUND.head(1).with_columns(length_s=length_s))
    assert words(drawing)[-2:] == [name, "1"]
    assert sum(int(count) for count in words(drawing)[1::2]) == 1


def test_episodes_with_a_package_are_told_from_those_without() -> None:
    drawing = episode_chart(FOUND)
    assert words(drawing)[:2] == ["one instant", "2"]
    assert [rect.get("class") for rect in parsed(drawing).iter("rect")] == ["bar-up", "bar-none", "bar-up"]
    assert told(drawing).startswith("one instant: 2, under 1 s: 0,")


def test_a_drawdown_is_what_is_missing_to_the_highest_so_far_which_is_at_least_zero() -> None:
    equity = pl.DataFrame({"excess": [-1.0, 3.0, 1.0, 4.0, -2.0]})
    np.testing.assert_array_equal(drawdown(equity), [-1, 0, -2, 0, -6])


def test_the_excess_is_told_with_its_ends_and_extremes() -> None:
    equity = pl.DataFrame({"ts": times(0, 60, 120), "excess": [0.0, 1234.5, -3.0]})
    assert told(equity_chart(equity, "USD")) == "From 0.00 to -3.00 USD; lowest -3.00, highest 1,234.50."


PAIR = {"legs": "sell a X/Y, buy b X/Y"}
SPREAD = pl.DataFrame({"ts": times(0, 1, 2, 3, 4), "spread_bps": [1.0, 20.0, None, -9.0, 2.0], "package": [None, 0, None, 1, None]}).with_columns(
    **{name: pl.lit(value) for name, value in PAIR.items()}
)
BACK = {"legs": "sell b X/Y, buy a X/Y"}
PACKAGES = pl.DataFrame([{"package": 0, "edge_bps": 12.5, "pnl": 3.0, **PAIR}, {"package": 1, "edge_bps": 4.0, "pnl": -1.0, **BACK}])


def test_packages_are_marked_where_they_were_decided_by_direction() -> None:
    up, down = spread_marks(SPREAD, PACKAGES)
    assert (up.style, up.y.tolist(), down.style, down.y.tolist()) == ("mark-up", [20.0], "mark-down", [-9.0])
    assert up.told == ["2023-03-10 00:00:01 UTC: package 0, sell a X/Y, buy b X/Y, 12.5 bps as decided, PnL +3.00"]
    assert down.told[0].startswith("2023-03-10 00:00:03 UTC: package 1, sell b X/Y, buy a X/Y")


def test_of_more_than_two_hundred_packages_none_is_told_alone() -> None:
    many = pl.concat([SPREAD.filter(pl.col("package") == 0)] * 201)
    assert [len(kind.told) for kind in spread_marks(many.head(200), PACKAGES)] == [200, 0]
    assert [len(kind.told) for kind in spread_marks(many, PACKAGES)] == [0, 0]


def test_the_spread_breaks_where_it_is_missing_and_has_the_fees_as_levels() -> None:
    drawing = spread_chart(SPREAD, PACKAGES, fee_bps=5.0)
    assert (styled(drawing, "line")[0].get("d") or "").count("M") == 2
    assert len(styled(drawing, "level")) == 2
    assert "fees of all legs: 5.0 bps" in words(drawing)
    assert told(drawing) == "The spread went from -9.0 to 20.0 bps; 2 packages are marked."
    assert styled(spread_chart(SPREAD, PACKAGES, fee_bps=None), "level") == []


def test_a_spread_that_was_never_known_says_so() -> None:
    nothing = SPREAD.with_columns(spread_bps=pl.lit(None, pl.Float64), package=pl.lit(None, pl.Int64))
    assert told(spread_chart(nothing, PACKAGES, fee_bps=5.0)) == "The spread was never known; 0 packages are marked."


def test_the_waterfall_ends_with_what_trading_back_leaves() -> None:
    drawing = waterfall_chart([("gross", 10.0), ("fees", -4.0)], excess=6.0, back=-1.0, unit="USD")
    assert words(drawing) == [
        "gross",
        "+10.00",
        "fees",
        "-4.00",
        "excess, at marks",
        "+6.00",
        "trading back",
        "-1.00",
        "excess after trading back",
        "+5.00",
    ]


def test_sizes_that_double_are_as_far_apart() -> None:
    capacity = [{"scale": scale, "excess": 1.0, "after_trading_back": 0.5} for scale in (0.5, 1.0, 2.0, 4.0, 8.0)]
    drawing = capacity_chart(capacity, "USD")
    ticks = [text for text in parsed(drawing).iter("text") if "×" in (text.text or "")]
    assert [tick.text for tick in ticks] == ["0.5 ×", "1 ×", "2 ×", "4 ×", "8 ×"]
    assert [tick.get("x") for tick in ticks] == ["0%", "25%", "50%", "75%", "100%"]
    assert len(styled(drawing, "line-soft")) == 1
