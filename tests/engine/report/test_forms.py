"""Numbers as people read them."""

import pytest

from engine.report import checks, figure
from engine.report.forms import at, bps, cell, money, number, share, sign, signed, when


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (None, "money", "not defined"),
        (1234.567, "money", "1,234.57"),
        (-0.001, "money", "0.00"),
        (-12.345, "bps", "-12.35 bps"),
        (0.1234, "share", "12.34 %"),
        (1.005, "ratio", "1.00"),
        (59.0, "duration", "0 h 0 min"),
        (3_660.0, "duration", "1 h 1 min"),
        (86_399.0, "duration", "23 h 59 min"),
        (90_061.0, "duration", "1 d 1 h 1 min"),
        (0.0805, "seconds", "0.081 s"),
        (1234.5, "seconds", "1,234.500 s"),
    ],
)
def test_figures_are_written_as_people_read_them(value: float | None, kind: str, shown: str) -> None:
    assert figure(value, kind) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        (1_234, "1,234"),
        (1e6, "1,000,000"),
        (1_134_922.37, "1,134,922"),
        (200_000.0, "200,000"),
        (40.0, "40"),
        (12.69022, "12.69022"),
        (0.5, "0.5"),
        (0.00012345678, "0.000123"),
        (-2.2, "-2.2"),
        (-0.0, "0"),
    ],
)
def test_quantities_have_seven_digits_and_no_exponent(value: float, shown: str) -> None:
    assert number(value) == shown


def test_amounts_have_cents_and_nothing_has_no_sign() -> None:
    assert [money(1e6), signed(1234.5), signed(-0.004), signed(-1.0)] == ["1,000,000.00", "+1,234.50", "0.00", "-1.00"]
    assert [sign(0.004), sign(-0.004), sign(1), sign(-1)] == ["", "", "good", "bad"]


def test_shares_and_bps_of_nothing_are_not_defined() -> None:
    assert [share(1, 4), share(-1, 4), share(1, 0)] == ["25.0 %", "-25.0 %", "not defined"]
    assert [bps(1, 10_000), bps(-0.25, 1_000), bps(1, 0)] == ["1.00", "-2.50", "not defined"]


def test_times_are_utc_to_the_second() -> None:
    assert when("2023-03-11T02:00:00.250000Z") == at(1_678_500_000_250_000) == "2023-03-11 02:00:00"


def test_cells_of_any_kind_are_written() -> None:
    assert [cell(None), cell(1_000), cell(0.25), cell("max"), cell(value=True)] == ["–", "1,000", "0.25", "max", "True"]


def test_what_checks_found_is_said_in_words() -> None:
    row = {"venue": "a", "instrument": "b", "data": "quotes", "rows": 9, "longest_gap_s": 3.5, "first": None, "last": None}
    assert checks({**row, "crossed": 0, "nan": 0}) == "none"
    assert checks({**row, "zero_or_negative": 1200, "nan": 0, "truncated": 1}) == "1,200 zero or negative, 1 truncated"
