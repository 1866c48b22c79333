"""Numbers and texts become µs, in the unit that they must be in."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.clock import FROM_US, TO_US, Unit, describe, in_micros, unit_of

WHEN = datetime(2023, 3, 8, 0, 1, tzinfo=UTC)
WHEN_US = 1_678_233_660_000_000


def micros(values: list[object], unit: Unit | None, dtype: type[pl.DataType] | pl.DataType | None = None) -> list[int | None]:
    """Return the µs of a column."""
    frame = pl.DataFrame({"ts": pl.Series(values, dtype=dtype)})
    return frame.select(in_micros("ts", frame.schema["ts"], unit).alias("us"))["us"].to_list()


@given(st.integers(FROM_US, TO_US - 1), st.sampled_from(Unit))
def test_a_time_of_2009_to_2099_has_one_unit_and_is_read_in_it(us: int, unit: Unit) -> None:
    value = us * unit.per_second // 10**6
    exact = value * 10**6 // unit.per_second
    if exact >= FROM_US:
        assert unit_of(value) is unit
        assert micros([value], unit) == [exact]


@pytest.mark.parametrize("value", [0, -1_678_233_660, 1_678_233_660_000, 10**18, 2**63 - 1, None])
def test_a_number_in_another_unit_or_year_is_no_time(value: int | None) -> None:
    assert micros([value], Unit.SECONDS, pl.Int64) == [None]


def test_numbers_with_a_fraction_of_nothing_are_read() -> None:
    assert micros([1_678_233_660.0, float("nan")], Unit.SECONDS) == [WHEN_US, None]


@pytest.mark.parametrize(
    "text",
    ["2023-03-08 00:01:00", "2023-03-08T00:01:00Z", "2023-03-08 00:01", "2023-03-08 00:01:00+00:00", "2023-03-08T00:01:00.000000+0000",
     "2023-03-08 00:01:00 UTC", " 2023-03-08 00:01:00.000 "],
)  # fmt: skip
def test_a_time_as_text_is_read_as_utc(text: str) -> None:
    assert micros([text], None) == [WHEN_US]


@pytest.mark.parametrize("text", ["2023-03-08 00:01:00+01:00", "08.03.2023 00:01", "2023-02-30 00:00:00", "1899-01-01", "2100-01-01", "", "noon"])
def test_a_text_that_is_no_utc_time_of_our_years_is_none(text: str) -> None:
    assert micros([text], None) == [None]


def test_times_of_parquet_are_read_in_any_precision_and_zone() -> None:
    for dtype in (pl.Datetime("ms"), pl.Datetime("ns", "UTC"), pl.Datetime("us", "Europe/Berlin")):
        assert micros([WHEN], None, dtype) == [WHEN_US]
    assert micros([date(2023, 3, 8)], None) == [WHEN_US - 60_000_000]


def test_a_number_is_described_by_the_time_that_it_would_be() -> None:
    assert describe(1_678_233_660) == "2023-03-08 00:01:00 in s"
    assert describe(42) == "no time of 2009 to 2099 in any unit"
