"""Identifiers sort by time and are UUIDs of version 7."""

from datetime import UTC, datetime
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from app.db.ids import new_id, uuid7_at

MOMENTS = st.integers(0, 2**48 - 1)
RANDOM = st.integers(0, 2**74 - 1)


def test_the_example_of_the_standard_comes_out() -> None:
    random = 0xCC3 << 62 | 0x18C4DC0C0C07398F
    assert str(uuid7_at(1_645_557_742_000, random)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(MOMENTS, RANDOM)
def test_every_time_and_random_number_makes_a_valid_uuid_that_holds_them(ms: int, random: int) -> None:
    made = uuid7_at(ms, random)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == ms
    assert (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1 == random


@given(MOMENTS, MOMENTS, RANDOM, RANDOM)
def test_later_identifiers_sort_later(ms: int, other: int, random: int, another: int) -> None:
    if ms < other:
        assert uuid7_at(ms, random) < uuid7_at(other, another)


def test_new_identifiers_differ_and_hold_the_present() -> None:
    made = {new_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert abs((min(made).int >> 80) / 1_000 - datetime.now(UTC).timestamp()) < 60
