"""Waterfalls and histograms: bars as long as what they stand for, and in figures beside it."""

import pytest

from engine.charts.bars import Bin, Step, histogram, waterfall
from engine.charts.lines import Caption
from tests.engine.charts.drawings import parsed, share, styled, words

CAPTION = Caption(ident="w", title="Waterfall", description="Down.", unit="USD")
STEPS = [Step(name="gross", amount=100), Step(name="fees", amount=-130), Step(name="none", amount=0), Step(name="sum", amount=-30, is_sum=True)]


def spans(drawing: str) -> list[tuple[float, float]]:
    """Return where each bar begins and ends, from the top."""
    bars = list(parsed(drawing).iter("rect"))
    return [(share(bar.get("x")), share(bar.get("x")) + share(bar.get("width"))) for bar in bars]


def test_each_step_begins_where_the_one_before_it_ended() -> None:
    # from -36.5 to 106.5: 5 % of 130 more on either side
    gross, fees, total = spans(waterfall(CAPTION, STEPS))
    assert gross == pytest.approx((36.5 / 143, 136.5 / 143), abs=2e-4)
    assert fees == pytest.approx((6.5 / 143, 136.5 / 143), abs=2e-4)
    assert total == pytest.approx((6.5 / 143, 36.5 / 143), abs=2e-4)


def test_gains_losses_and_sums_differ_in_style_and_in_sign() -> None:
    drawing = waterfall(CAPTION, STEPS)
    assert [rect.get("class") for rect in parsed(drawing).iter("rect")] == ["bar-up", "bar-down", "bar-sum"]
    assert words(drawing) == ["gross", "+100.00", "fees", "-130.00", "none", "0.00", "sum", "-30.00"]
    assert [text.get("class") for text in parsed(drawing).iter("text")][-1] == "bar-name strong"


def test_a_sum_that_is_not_the_last_starts_from_zero_and_later_steps_from_it() -> None:
    drawing = waterfall(CAPTION, [Step(name="a", amount=10), Step(name="b", amount=10, is_sum=True), Step(name="c", amount=-5)])
    a, b, c = spans(drawing)
    assert a == b
    assert c[1] == pytest.approx(b[1])
    assert len(styled(drawing, "joint")) == 2


def test_a_waterfall_of_nothing_is_a_drawing_still() -> None:
    assert spans(waterfall(CAPTION, [Step(name="gross", amount=0.0)])) == []


def test_rows_of_a_histogram_are_as_long_as_their_counts_one_kind_after_the_other() -> None:
    bins = [Bin(name="short", counts=(1, 3)), Bin(name="none", counts=(0, 0)), Bin(name="long", counts=(2, 0))]
    drawing = histogram(CAPTION, bins, kinds=[("sent", "bar-up"), ("not", "bar-none")])
    first, second, third = spans(drawing)
    assert first[1] == pytest.approx(second[0], abs=2e-4)
    assert second[1] - second[0] == pytest.approx(3 * (first[1] - first[0]), abs=4e-4)
    assert third[1] - third[0] == pytest.approx(2 * (first[1] - first[0]), abs=4e-4)
    assert second[1] < 0.85  # room for the number
    assert words(drawing) == ["short", "4", "none", "0", "long", "2"]
    assert [rect.get("class") for rect in parsed(drawing).iter("rect")] == ["bar-up", "bar-none", "bar-up"]
    assert "short: 3 USD, not" in drawing


def test_a_histogram_without_counts_has_its_rows() -> None:
    assert words(histogram(CAPTION, [Bin(name="a", counts=(0,))], kinds=[("x", "bar-up")])) == ["a", "0"]
