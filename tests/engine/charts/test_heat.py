"""Heat maps: every value in figures, in a colour that can be read, the best marked, the missing empty."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.charts.heat import GAIN, LOSS, NEITHER, colour, contrast, heat_map, legend
from engine.charts.lines import Caption
from tests.engine.charts.drawings import parsed, share, styled, words

CAPTION = Caption(ident="h", title="Sharpe", description="Map.", unit="")
VALUES = np.array([[1.0, -2.0, float("nan")], [0.0, 4.0, 2.0]])


def test_cells_lie_in_rows_and_columns_with_their_values_and_names() -> None:
    drawing = heat_map(CAPTION, VALUES, rows=["r1", "r2"], columns=["a", "b", "c"], best=(1, 1))
    cells = styled(drawing, "cell")
    assert [share(cell.get("x")) for cell in cells] == pytest.approx([0.16, 0.44, 0.72] * 2, abs=1e-4)
    assert len({cell.get("y") for cell in cells}) == 2
    assert words(drawing) == ["a", "b", "c", "r1", "1.00", "-2.00", "–", "r2", "0.00", "4.00 ★", "2.00"]
    assert [cell.get("class") for cell in cells].count("cell best") == 1
    assert "r2, b: 4.00" in drawing


def test_the_missing_have_no_colour() -> None:
    missing = styled(heat_map(CAPTION, VALUES, rows=["r1", "r2"], columns=["a", "b", "c"]), "missing")
    assert [cell.get("fill") for cell in missing] == ["none"]
    nothing = heat_map(CAPTION, np.full((1, 1), np.nan), rows=["r"], columns=["c"])
    assert words(nothing) == ["c", "r", "–"]


def test_a_map_of_zeros_is_pale() -> None:
    cell = styled(heat_map(CAPTION, np.zeros((1, 1)), rows=["r"], columns=["c"]), "cell")[0]
    assert cell.get("fill") == "#{:02x}{:02x}{:02x}".format(*NEITHER)


def test_colours_go_from_loss_over_neither_to_gain() -> None:
    assert [colour(-1), colour(0), colour(1), colour(7)] == [LOSS, NEITHER, GAIN, GAIN]


@given(st.floats(-1, 1))
def test_every_value_can_be_read_on_its_colour(share_: float) -> None:
    # WCAG 2.2 AA: 4.5
    assert max(contrast(colour(share_), (0, 0, 0)), contrast(colour(share_), (255, 255, 255))) >= 4.5


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_is_darker_which_needs_no_colour_to_be_seen(first: float, second: float) -> None:
    white = (255, 255, 255)
    for sign in (-1, 1):
        less, more = sorted((first, second))
        assert contrast(colour(sign * less), white) <= contrast(colour(sign * more), white)


def test_contrast_is_that_of_the_definition() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((10, 20, 30), (10, 20, 30)) == 1
    assert contrast((0x77, 0x77, 0x77), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails


def test_the_legend_goes_from_the_largest_loss_to_the_largest_gain() -> None:
    drawing = legend("l", 5.3, "Sharpe ratio")
    assert words(drawing) == ["-5.3", "-2.65", "0", "+2.65", "+5.3"]
    assert words(legend("l", 5_320.0, "USD", form="{:z,.0f}")) == ["-5,320", "-2,660", "0", "+2,660", "+5,320"]
    assert [part.get("fill") for part in parsed(drawing).iter("rect")][2] == "#{:02x}{:02x}{:02x}".format(*NEITHER)
