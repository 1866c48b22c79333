"""What is wrong with series: days put together, and what only several of them show."""

from collections.abc import Mapping
from datetime import date

from app.services import findings
from app.services.doctor import Diagnosis, diagnose
from app.services.findings import Grade
from app.services.quality import Day
from app.sources.kinds import QUOTES, Kind
from engine.schema import SeriesKey

KEY = SeriesKey("kraken", "BTC/USDC")
BARS = Kind("bars", 60_000_000)
WHOLE = {"rows": 1000, "covered": 1.0, "late_s": 0, "early_s": 0, "longest_gap_s": 0}


def day(number: int, counts: Mapping[str, float] | None = None, *, kind: Kind = BARS, current: bool = True, checked: bool = True) -> Day:
    """Return a day of March 2023, whole but for these counts."""
    said = {**WHOLE, **(counts or {})} if checked else {}
    found = findings.find(KEY, kind.data, said) if checked else []
    return Day(
        key=KEY, kind=kind, day=date(2023, 3, number), is_current=current, grade=findings.grade(found) if checked else None, counts=said,
        checked_at=None, found=found,
    )  # fmt: skip


def told(found: list[Diagnosis]) -> list[tuple[str, Grade, int, int, int]]:
    """Return check, grade, first and last day, and number of days of each."""
    return [(one.check, one.grade, one.first.day, one.last.day, one.days) for one in found]


def test_days_with_the_same_fault_are_one_finding_with_the_words_of_the_worst() -> None:
    found = diagnose([day(1, {"flagged": 2}), day(2), day(3, {"flagged": 5}), day(4, {"flagged": 400})])
    assert told(found) == [("flagged", Grade.BAD, 4, 4, 1), ("flagged", Grade.DOUBTFUL, 1, 3, 2)]
    assert found[1].message.startswith("5 of 1,000 rows")


def test_the_clock_that_was_furthest_behind_says_the_offset() -> None:
    slow = [day(n, {"negative_latency": 1000, "least_delay_us": -us}, kind=QUOTES) for n, us in ((1, 1_274_762), (2, 1_276_200), (3, 900))]
    (found,) = diagnose(slow)
    assert '"1277ms"' in found.advice


def test_days_between_imports_are_absent_and_what_brings_them_is_said() -> None:
    found = diagnose([day(1), day(5), day(6), day(8)])
    assert told(found) == [("absent", Grade.BAD, 2, 4, 3), ("absent", Grade.BAD, 7, 7, 1)]
    assert found[0].advice.endswith("usdc-arb data fetch kraken BTC/USDC --from 2023-03-02 --to 2023-03-05 --interval 1m")
    assert diagnose([day(1, kind=Kind("trades")), day(3, kind=Kind("trades"))])[0].advice.endswith("--to 2023-03-03 --trades")
    assert diagnose([day(1, kind=QUOTES), day(3, kind=QUOTES)])[0].advice == "usdc-arb data import FILES..."
    assert diagnose([day(1), day(5, kind=QUOTES)]) == [], "of two series"


def test_a_gap_over_midnight_is_told_by_both_days() -> None:
    found = diagnose([day(1, {"early_s": 1800}), day(2, {"late_s": 1800}), day(3, {"early_s": 1799}), day(4, {"late_s": 1800})])
    assert told(found) == [("gap", Grade.DOUBTFUL, 1, 2, 2)]
    assert found[0].message == "nothing for 1.0 h at a time, over midnight"
    assert diagnose([day(1, {"late_s": 50_000}), day(2, {"early_s": 50_000})]) == [], "where a series begins and ends it is not wrong"


def test_what_is_not_known_of_a_day_is_no_gap() -> None:
    apart = {"early_s": 40_000}
    for other in (day(2, {"late_s": 40_000}, current=False), day(2, checked=False, current=False), day(2, {"damaged": 1, "late_s": 40_000})):
        assert all(one.check != "gap" for one in diagnose([day(1, apart), other]))
    assert [one.check for one in diagnose([day(1, apart), day(2, {"rows": 0, "late_s": 86_400})])] == ["empty"]


def test_days_that_changed_are_to_be_looked_at_and_what_was_found_before_is_not_said() -> None:
    found = diagnose([day(1, {"flagged": 500}, current=False), day(2, checked=False, current=False)])
    assert told(found) == [("unchecked", Grade.DOUBTFUL, 1, 2, 2)]
    assert (found[0].message, found[0].advice) == ("not looked at yet", "usdc-arb data validate")
    assert diagnose([day(1, current=False)])[0].message == "not looked at since they changed"
