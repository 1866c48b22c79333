"""Lines: where they go, where they break, what is marked on them, and what is left out of too many points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.charts.lines import BOTTOM, TOP, WIDTH, Axis, Caption, Level, Line, Marks, line_chart, thinned, time_axis
from tests.engine.charts.drawings import parsed, points, share, styled, words

CAPTION = Caption(ident="c", title="Excess, USD", description="It rose.", unit="USD")
AXIS = Axis(low=0, high=100, ticks=[(0, "a"), (50, "b"), (100, "c")])
NONE = float("nan")
HIGH = 240


def chart(y: list[float], **more: object) -> str:
    """Return a chart of values over 0 to 100."""
    line = Line(x=np.linspace(0, 100, len(y)), y=np.array(y, dtype=float), filled=bool(more.pop("filled", False)))
    return line_chart(CAPTION, AXIS, [line], **more)  # type: ignore[arg-type]


def test_a_line_goes_through_its_points_from_the_left_to_the_right_end() -> None:
    # from 0 to 105, which is 5 % more than the highest
    ground, rise = HIGH - BOTTOM, HIGH - BOTTOM - TOP
    found = points(styled(chart([0, 100, 50]), "line")[0])
    assert found == [(0, ground), (WIDTH / 2, pytest.approx(ground - rise / 1.05, abs=0.06)), (WIDTH, pytest.approx(ground - rise / 2.1, abs=0.06))]


def test_a_missing_value_breaks_the_line_and_a_lone_one_is_a_dot() -> None:
    path = styled(chart([1, 2, NONE, NONE, 5, NONE, 7, 8]), "line")[0].get("d") or ""
    assert path.count("M") == 3
    assert path.count("h.01") == 1
    assert [len(part.replace("L", " ").replace("h.01", "").split()) // 2 for part in path.split("M")[1:]] == [2, 1, 2]


def test_a_chart_without_any_value_has_axes_and_no_line() -> None:
    drawing = chart([NONE, NONE])
    assert styled(drawing, "line")[0].get("d") == ""
    assert words(drawing)[-3:] == ["a", "b", "c"]


def test_what_is_filled_is_closed_at_zero() -> None:
    area = styled(chart([-50, 100], filled=True), "line-area")[0].get("d") or ""
    zero = styled(chart([-50, 100]), "zero")[0].get("y1")
    assert area.endswith(f"V{float(zero or 'nan'):.1f}H0.0Z")


def test_axes_have_round_ticks_with_the_unit_once_and_zero_stands_out() -> None:
    drawing = chart([-30, 0, 62])
    assert [text for text in words(drawing) if "USD" in text] == ["60 USD"]
    assert words(drawing)[:4] == ["-20", "0", "20", "40"]
    assert len(styled(drawing, "zero")) == 1


def test_ticks_across_begin_and_end_inside_and_every_other_one_may_go() -> None:
    ticks = [text for text in parsed(chart([1, 2])).iter("text") if text.text in {"a", "b", "c"}]
    assert [tick.get("text-anchor") for tick in ticks] == ["start", "middle", "end"]
    assert [share(tick.get("x")) for tick in ticks] == [0, 0.5, 1]
    assert [tick.get("class") for tick in ticks] == ["tick", "tick spare", "tick"]


def test_of_two_ticks_both_stay() -> None:
    drawing = line_chart(CAPTION, Axis(low=0, high=4, ticks=[(0, "best"), (4, "240")]), [Line(x=np.array([0.0, 4.0]), y=np.array([0.0, 1.0]))])
    assert [tick.get("class") for tick in parsed(drawing).iter("text")][-2:] == ["tick", "tick"]


def test_days_stay_on_narrow_screens_and_hours_between_them_go() -> None:
    axis = Axis(low=0, high=4, ticks=[(1, "12:00"), (2, "9 Mar"), (3, "12:00"), (4, "10 Mar")])
    drawing = line_chart(CAPTION, axis, [Line(x=np.array([0.0, 4.0]), y=np.array([0.0, 1.0]))])
    found = [(tick.text, tick.get("class")) for tick in parsed(drawing).iter("text")][-4:]
    assert found == [("12:00", "tick spare"), ("9 Mar", "tick"), ("12:00", "tick spare"), ("10 Mar", "tick")]


def test_levels_in_the_range_are_drawn_and_those_beyond_are_not() -> None:
    drawing = chart([0, 10], levels=[Level(y=5.0, said="fees"), Level(y=-5.0), Level(y=40.0, said="far")])
    assert len(styled(drawing, "level")) == 1
    assert "fees" in words(drawing)
    assert "far" not in words(drawing)


def test_marks_are_where_they_belong_and_the_pointer_is_told_what_they_are() -> None:
    marks = [
        Marks(x=np.array([0.0, 50.0]), y=np.array([0.0, 10.0]), style="mark-up", told=["first", "second"]),
        Marks(x=np.array([100.0]), y=np.array([0.0]), style="mark-down", told=["third"]),
    ]
    drawing = chart([0, 10], marks=marks)
    assert len(points(styled(drawing, "mark-up")[0])) == 2
    assert points(styled(drawing, "mark-down")[0]) == [(1000, pytest.approx(HIGH - BOTTOM, abs=2))]
    hits = styled(drawing, "hit")
    assert ["".join(hit.itertext()) for hit in hits] == ["first", "second", "third"]
    assert [share(hit.get("cx")) for hit in hits] == [0, 0.5, 1]


def test_the_range_holds_marks_beyond_the_line() -> None:
    mark = Marks(x=np.array([50.0]), y=np.array([1000.0]), style="mark-up")
    assert points(styled(chart([0, 10], marks=[mark]), "mark-up")[0])[0][1] >= TOP
    assert styled(chart([0, 10], marks=[mark]), "hit") == []


def test_a_hundred_thousand_marks_are_as_many_as_can_be_told_apart() -> None:
    chance = np.random.default_rng(1)
    mark = Marks(x=np.sort(chance.uniform(0, 100, 100_000)), y=chance.normal(0, 10, 100_000), style="mark-up")
    drawing = chart([0, 10], marks=[mark])
    found = points(styled(drawing, "mark-up")[0])
    assert len(found) == len(set(found)) > 1_000
    assert len(drawing) < 250_000


def test_the_pointer_is_told_time_and_value_of_each_strip() -> None:
    day = 1_678_406_400_000_000
    line = Line(x=day + np.arange(3) * 3.6e9, y=np.array([1.0, NONE, -2.5]))
    told = ["".join(strip.itertext()) for strip in styled(line_chart(CAPTION, time_axis(day, day + 7_200_000_000), [line]), "strip")]
    assert len(told) == 60
    assert (told[0], told[-1]) == ("2023-03-10 00:02:00 UTC: 1.00 USD", "2023-03-10 02:00:00 UTC: -2.50 USD")
    assert "2023-03-10 01:00:00 UTC: nothing" in told
    assert styled(chart([1, 2], told=False), "strip") == []


@given(st.integers(1_001, 20_000), st.data())
def test_thinning_keeps_both_ends_the_order_and_every_extreme(size: int, data: st.DataObject) -> None:
    values = np.sin(np.arange(size) / 7)
    spikes = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    values[spikes] = 10.0, -20.0
    rows = thinned(values)
    assert rows.size <= 1_002
    assert (rows[0], rows[-1]) == (0, size - 1)
    assert (np.diff(rows) > 0).all()
    assert set(spikes) <= set(rows.tolist())


def test_thinning_leaves_short_lines_and_keeps_long_gaps() -> None:
    assert thinned(np.arange(1_000.0)).tolist() == list(range(1_000))
    values = np.arange(10_000.0)
    values[3_000:6_000] = NONE
    kept = values[thinned(values)]
    assert np.isnan(kept).any()
    assert np.nanmax(kept) == 9_999
