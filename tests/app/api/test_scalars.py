"""Scalars keep values exact on their way out, and refuse what they cannot read."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strawberry.exceptions import StrawberryInputCoercionError

from app.api.scalars import SCALARS, Amount, Interval, amount


def test_a_time_is_written_in_utc_and_read_in_any_zone() -> None:
    scalar = SCALARS[datetime]
    read, write = scalar.parse_value, scalar.serialize
    assert read is not None
    assert write is not None
    assert write(datetime(2023, 3, 11, 7, tzinfo=UTC)) == "2023-03-11T07:00:00Z"
    assert read("2023-03-11T08:00:00+01:00") == datetime(2023, 3, 11, 7, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2023-03-11T07:00:00", "yesterday", 1678518000, None, "0001-01-01T00:00:00+23:59"])
def test_a_time_without_a_zone_or_sense_is_refused(text: object) -> None:
    read = SCALARS[datetime].parse_value
    assert read is not None
    with pytest.raises(StrawberryInputCoercionError, match="expected a time with its zone"):
        read(text)


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_an_amount_comes_out_as_the_atoms_it_counts(atoms: int) -> None:
    write = SCALARS[Amount].serialize
    assert write is not None
    text = write(amount(atoms / 1e8))
    assert Decimal(text) * 10**8 == atoms
    assert "E" not in text
    assert not text.endswith((".", ".0"))


def test_a_duration_is_read_and_written_as_in_specs() -> None:
    scalar = SCALARS[Interval]
    assert scalar.parse_value is not None
    assert scalar.serialize is not None
    assert scalar.serialize(scalar.parse_value("60 s")) == "1m"
    with pytest.raises(StrawberryInputCoercionError, match="expected a duration such as"):
        scalar.parse_value("1 fortnight")
