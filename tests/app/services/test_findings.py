"""What counts mean: which is a fault, how bad it is, and what is said about it."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.services import findings
from app.services.findings import RULES, Finding, Grade, find
from engine.schema import SeriesKey

KEY = SeriesKey("kraken", "BTC/USDC")
WHOLE = {"rows": 1000, "covered": 1.0, "late_s": 0, "early_s": 0, "longest_gap_s": 0}


def found(data: str, counts: Mapping[str, float]) -> list[Finding]:
    """Return what is wrong with a day that is whole but for these counts."""
    return find(KEY, data, {**WHOLE, **counts})


@pytest.mark.parametrize("data", RULES)
def test_a_whole_day_is_good(data: str) -> None:
    assert found(data, {"least_delay_us": 3, "lag_us": 0, "wicks": 0, "outliers": 0}) == []
    assert findings.grade([]) == Grade.GOOD


@pytest.mark.parametrize(
    ("data", "counts", "check", "grade"),
    [
        ("quotes", {"flagged": 1}, "flagged", Grade.DOUBTFUL),
        ("quotes", {"flagged": 10, "zero_or_negative": 10}, "flagged", Grade.BAD),
        ("trades", {"zero_or_negative": 1}, "zero_or_negative", Grade.DOUBTFUL),
        ("trades", {"zero_or_negative": 10}, "zero_or_negative", Grade.BAD),
        ("quotes", {"negative_latency": 1, "least_delay_us": -5}, "negative_latency", Grade.DOUBTFUL),
        ("quotes", {"negative_latency": 10, "least_delay_us": -5}, "negative_latency", Grade.BAD),
        ("quotes", {"disorder": 10}, "disorder", Grade.DOUBTFUL),
        ("quotes", {"duplicates": 1000}, "duplicates", Grade.DOUBTFUL),
        ("bars", {"outliers": 1, "wicks": 2}, "outliers", Grade.DOUBTFUL),
        ("bars", {"outliers": 10, "wicks": 10}, "outliers", Grade.BAD),
        ("bars", {"outliers": 0, "wicks": 1}, "wicks", Grade.DOUBTFUL),
        ("bars", {"covered": 0.5}, "thin", Grade.DOUBTFUL),
        ("bars", {"covered": 0.2, "late_s": 43_200, "early_s": 8_640}, "thin", Grade.DOUBTFUL),  # 0.2 of the 0.4 between
        ("bars", {"longest_gap_s": 3600}, "gap", Grade.DOUBTFUL),
        ("bars", {"longest_gap_s": 6 * 3600}, "gap", Grade.BAD),
        ("quotes", {"longest_gap_s": 300}, "gap", Grade.DOUBTFUL),
        ("quotes", {"longest_gap_s": 3600}, "gap", Grade.BAD),
        ("bars", {"lag_us": -60_000_000}, "lag", Grade.BAD),
        ("quotes", {"lag_us": 1_000_000}, "lag", Grade.DOUBTFUL),
        ("quotes", {"lag_us": -60_000_000}, "lag", Grade.BAD),
    ],
)
def test_a_count_that_reaches_its_limit_is_a_fault(data: str, counts: dict[str, float], check: str, grade: Grade) -> None:
    (one,) = found(data, counts)
    assert (one.check, one.grade) == (check, grade)
    assert "{" not in one.message + one.advice


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        ("quotes", {"rows": 1001, "flagged": 1}),
        ("quotes", {"rows": 1000, "disorder": 9, "duplicates": 9}),
        ("bars", {"covered": 0.501}),
        ("bars", {"covered": 0.4, "late_s": 43_200}),  # whole but for an hour or two once it begins
        ("bars", {"longest_gap_s": 3599}),
        ("quotes", {"longest_gap_s": 299, "lag_us": 999_999}),
    ],
)
def test_a_count_below_its_limit_is_none(data: str, counts: dict[str, float]) -> None:
    assert found(data, counts) == []


def test_nothing_but_its_absence_is_said_of_a_day_that_is_not_there() -> None:
    empty = {"rows": 0, "covered": 0.0, "late_s": 86_400, "early_s": 86_400, "longest_gap_s": 86_400}
    assert [(one.check, one.grade) for one in find(KEY, "bars", empty)] == [("empty", Grade.BAD)]
    assert [(one.check, one.grade) for one in find(KEY, "bars", {"rows": 7, "damaged": 1})] == [("damaged", Grade.BAD)]
    whole_gap = {"rows": 3, "covered": 0.0, "late_s": 86_400, "early_s": 0, "longest_gap_s": 0}
    assert find(KEY, "bars", whole_gap) == [], "silent all day: no time between a first and a last price"


def test_the_page_about_quality_has_every_check() -> None:
    page = (Path(__file__).parents[3] / "docs" / "quality.md").read_text(encoding="utf-8").split("| finding |")[1]
    assert {rule.check for rules in RULES.values() for rule in rules} - set(re.findall(r"`(\w+)`", page)) == set()


def test_the_worst_comes_first_and_grades_the_day() -> None:
    said = found("quotes", {"flagged": 1, "negative_latency": 1000, "least_delay_us": -1_274_762})
    assert [one.check for one in said] == ["negative_latency", "flagged"]
    assert findings.grade(said) == Grade.BAD
    assert said[0].message == "1,000 of 1,000 rows were received before they happened"
    assert 'clock_offset = "1275ms" or more at venues.kraken' in said[0].advice


@pytest.mark.parametrize(
    ("lag_us", "words"),
    [(-60_000_000, "1 min early against"), (1_300_000, "1.3 s late against"), (5 * 3_600_000_000, "5.0 h late against")],
)
def test_a_shift_is_said_in_words(lag_us: float, words: str) -> None:
    assert found("quotes", {"lag_us": lag_us})[0].message.startswith(words)
