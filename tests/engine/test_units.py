"""Durations, times, basis points and exact amounts of specs."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from engine.schema import instant, micros
from engine.units import Amount, Bps, Duration, Instant, SignedDuration, TimeOfDay, atoms, format_duration, parse_amount, parse_duration

DURATION, AMOUNT, BPS = (TypeAdapter(kind) for kind in (Duration, Amount, Bps))
SIGNED, TIME, INSTANT = (TypeAdapter(kind) for kind in (SignedDuration, TimeOfDay, Instant))
LONGEST_US = 3_650 * 86_400_000_000


@pytest.mark.parametrize(
    ("written", "us"),
    [
        ("0s", 0),
        ("1us", 1),
        ("50ms", 50_000),
        ("10s", 10_000_000),
        ("1m", 60_000_000),
        ("2h", 7_200_000_000),
        ("1d", 86_400_000_000),
        (" 3 m ", 180_000_000),
    ],
)
def test_a_duration_is_read_as_microseconds(written: str, us: int) -> None:
    assert parse_duration(written) == us


@pytest.mark.parametrize("written", ["", "5", "m", "1.5m", "1 minute", "1M", "1m 30s", "1m\n2", 60, 1.0, None, True, ["1m"]])
def test_what_is_no_duration_is_refused_with_examples_and_what_was_found(written: object) -> None:
    with pytest.raises(ValueError, match="expected a duration such as") as error:
        parse_duration(written)
    assert str(error.value) == f'expected a duration such as "50ms", "10s", "1m" or "2h", found {written!r}'


def test_a_duration_below_nothing_is_told_that_it_is() -> None:
    with pytest.raises(ValueError, match=r"^expected a duration of 0 or more such as .* found '-1m'$"):
        parse_duration("-1m")


def test_a_duration_of_over_ten_years_is_refused_before_it_overflows() -> None:
    assert parse_duration("3650d") == LONGEST_US
    with pytest.raises(ValueError, match=r'^expected a duration of at most 3650d, found "300000000d"$'):
        parse_duration("300000000d")


@pytest.mark.parametrize(
    ("us", "written"),
    [
        (0, "0s"),
        (1, "1us"),
        (1_500, "1500us"),
        (2_000, "2ms"),
        (1_000_000, "1s"),
        (90_000_000, "90s"),
        (3_600_000_000, "1h"),
        (172_800_000_000, "2d"),
    ],
)
def test_microseconds_are_written_in_the_largest_unit_that_divides_them(us: int, written: str) -> None:
    assert format_duration(us) == written


@given(st.integers(0, LONGEST_US))
def test_every_duration_survives_writing_and_reading(us: int) -> None:
    assert parse_duration(format_duration(us)) == us


@pytest.mark.parametrize(("written", "us"), [("1270ms", 1_270_000), ("-20ms", -20_000), (" -1 s ", -1_000_000), ("0s", 0), ("-0s", 0)])
def test_a_duration_may_be_negative_where_it_is_an_offset(written: str, us: int) -> None:
    assert SIGNED.validate_python(written) == us


@given(st.integers(-LONGEST_US, LONGEST_US))
def test_every_offset_survives_writing_and_reading(us: int) -> None:
    assert SIGNED.validate_python(SIGNED.dump_python(us)) == us


@pytest.mark.parametrize("written", ["--1s", "-", "+1s", "- -1s", -1, None])
def test_what_is_no_offset_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match="expected a duration"):
        SIGNED.validate_python(written)


@pytest.mark.parametrize(("written", "minutes"), [("00:00", 0), ("09:05", 545), ("23:59", 1_439), ("24:00", 1_440)])
def test_a_time_of_day_is_minutes_since_midnight(written: str, minutes: int) -> None:
    assert TIME.validate_python(written) == minutes
    assert TIME.dump_python(minutes) == written


@pytest.mark.parametrize("written", ["9:00", "24:01", "25:00", "12:60", "12:00:00", "", 9, None])
def test_what_is_no_time_of_day_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match=r'expected a time of day such as "09:00", at most "24:00", found '):
        TIME.validate_python(written)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2023-03-11T01:00:00+01:00", "2023-03-11T00:00:00Z"),
        ("2023-03-11T00:00:00.5Z", "2023-03-11T00:00:00.500000Z"),
        ("2023-03-11 00:00:00Z", "2023-03-11T00:00:00Z"),
        (datetime(2023, 3, 11, tzinfo=UTC), "2023-03-11T00:00:00Z"),
    ],
)
def test_an_instant_is_written_in_utc(written: object, canonical: str) -> None:
    assert INSTANT.dump_python(INSTANT.validate_python(written)) == canonical


@given(st.integers(0, 7_258_118_399_999_999), st.timezones())
def test_every_instant_survives_writing_and_reading(us: int, zone: ZoneInfo) -> None:
    when = instant(us).astimezone(zone)
    assert micros(INSTANT.validate_python(INSTANT.dump_python(INSTANT.validate_python(when)))) == us


@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00+05:00", "1970-01-01T00:30:00+01:00", "2199-12-31T23:30:00-01:00", "9999-12-31T23:59:59-05:00"]
)
def test_a_time_far_off_is_refused_before_it_overflows(written: str) -> None:
    with pytest.raises(ValidationError, match="expected a time from 1970 to 2199, found"):
        INSTANT.validate_python(written)


@pytest.mark.parametrize("written", [5, 1e9, "1678492800", " 12.5 ", "-3", "1e9", True])
def test_a_number_is_no_instant(written: object) -> None:
    with pytest.raises(ValidationError, match="expected a time such as 2023-03-11T00:00:00Z, found"):
        INSTANT.validate_python(written)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (5, "5"),
        (0.1, "0.1"),
        (1e-8, "0.00000001"),
        ("0.12345678", "0.12345678"),
        ("1e3", "1000"),
        (Decimal("2.50"), "2.5"),
        ("-3", "-3"),
        (10**10, "10000000000"),
    ],
)
def test_an_amount_is_exactly_the_decimal_that_was_written(written: object, amount: str) -> None:
    assert parse_amount(written) == Decimal(amount)


@pytest.mark.parametrize("written", ["", "ten", "1,000", None, True, [1], float("nan"), float("inf"), "NaN", "-Infinity", "sNaN"])
def test_what_is_no_number_is_no_amount(written: object) -> None:
    with pytest.raises(ValueError, match=r"^expected a number, found ") as error:
        parse_amount(written)
    assert repr(written) in str(error.value)


@pytest.mark.parametrize("written", ["0.123456789", 1e-9, "1e-9", "100.000000001"])
def test_an_amount_with_more_than_8_places_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=f"^expected at most 8 decimal places, found {written}$"):
        parse_amount(written)


@pytest.mark.parametrize("written", ["10000000000.00000001", "-10000000001", "1e30", 1e25, "1e999999"])
def test_an_amount_beyond_1e10_is_refused_however_large(written: object) -> None:
    with pytest.raises(ValueError, match=r"^expected at most 1e10 units, found "):
        parse_amount(written)


@given(st.integers(-(10**18), 10**18))
def test_every_number_of_atoms_survives_as_an_amount(count: int) -> None:
    amount = Decimal(count).scaleb(-8)
    assert atoms(parse_amount(str(amount))) == count
    assert atoms(AMOUNT.validate_python(AMOUNT.dump_python(amount))) == count


def test_amounts_and_durations_are_written_plainly() -> None:
    assert AMOUNT.dump_python(Decimal("120000.50")) == "120000.5"
    assert AMOUNT.dump_python(Decimal("1E+5")) == "100000"
    assert AMOUNT.dump_python(Decimal("0.00000010")) == "0.0000001"
    assert DURATION.dump_python(1_800_000_000) == "30m"


@pytest.mark.parametrize("value", [-0.1, 10_000, 12_345])
def test_basis_points_lie_between_0_and_10000(value: float) -> None:
    with pytest.raises(ValidationError):
        BPS.validate_python(value)
    assert BPS.validate_python(9_999.9) == 9_999.9


def test_the_json_schema_of_units_says_how_they_are_written() -> None:
    assert DURATION.json_schema() == {"type": "string", "pattern": r"^\d+\s*(us|ms|s|m|h|d)$", "examples": ["50ms", "1m"]}
    assert SIGNED.json_schema()["pattern"] == r"^-?\d+\s*(us|ms|s|m|h|d)$"
    assert TIME.json_schema()["examples"] == ["09:00", "17:30"]
    assert INSTANT.json_schema() == {"format": "date-time", "type": "string"}
    assert AMOUNT.json_schema() == {"anyOf": [{"type": "number"}, {"type": "string"}]}
