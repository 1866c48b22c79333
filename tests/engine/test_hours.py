"""Opening hours of routes: what the zone's clock shows, holidays, changes of clocks."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.hours import Day, Hours, openings
from engine.schema import instant, micros

WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BUSINESS = WEEK[:5]
MINUTE = 60_000_000


def at(text: str) -> int:
    """Return "2023-03-10 09:00", in UTC, as µs."""
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


def hours(days: tuple[Day, ...] = BUSINESS, opens: str = "09:00", closes: str = "17:00", zone: str = "UTC", holidays: tuple[date, ...] = ()) -> Hours:
    """Return opening hours, from nine to five on weekdays unless told otherwise."""
    return Hours(days=days, opens=opens, closes=closes, zone=zone, holidays=holidays)


def opened(found: Hours | None, start: str, end: str) -> list[tuple[str, str]]:
    """Return the openings as texts in UTC."""
    return [(f"{instant(a):%m-%d %H:%M}", f"{instant(b):%m-%d %H:%M}") for a, b in openings(found, at(start), at(end))]


def test_what_has_no_hours_is_always_open() -> None:
    assert openings(None, 100, 200) == [(100, 201)]


def test_offices_are_open_on_weekdays() -> None:
    # 2023-03-10 was a Friday
    assert opened(hours(), "2023-03-10 00:00", "2023-03-14 00:00") == [("03-10 09:00", "03-10 17:00"), ("03-13 09:00", "03-13 17:00")]


def test_openings_are_cut_to_the_stretch_whose_ends_both_count() -> None:
    friday = hours()
    assert openings(friday, at("2023-03-10 10:00"), at("2023-03-10 11:00")) == [(at("2023-03-10 10:00"), at("2023-03-10 11:00") + 1)]
    assert openings(friday, at("2023-03-10 08:00"), at("2023-03-10 09:00") - 1) == []
    assert openings(friday, at("2023-03-10 08:00"), at("2023-03-10 09:00")) == [(at("2023-03-10 09:00"), at("2023-03-10 09:00") + 1)]
    assert openings(friday, at("2023-03-10 17:00") - 1, at("2023-03-10 18:00")) == [(at("2023-03-10 17:00") - 1, at("2023-03-10 17:00"))]
    assert openings(friday, at("2023-03-10 17:00"), at("2023-03-10 18:00")) == []


def test_holidays_are_dates_of_the_zone() -> None:
    # nine in the morning of the 14th in Tokyo is midnight UTC; the holiday on the 14th there begins at 15:00 UTC on the 13th
    tokyo = hours(opens="00:00", closes="24:00", zone="Asia/Tokyo", holidays=(date(2023, 3, 14),))
    assert opened(tokyo, "2023-03-13 00:00", "2023-03-15 20:00") == [("03-13 00:00", "03-13 15:00"), ("03-14 15:00", "03-15 20:00")]


def test_offices_follow_the_clocks_of_their_zone() -> None:
    # New York went to summer time on Sunday 2023-03-12: nine o'clock was 14:00 UTC before, 13:00 UTC after
    york = hours(zone="America/New_York")
    assert opened(york, "2023-03-10 00:00", "2023-03-13 23:00") == [("03-10 14:00", "03-10 22:00"), ("03-13 13:00", "03-13 21:00")]


def test_an_hour_that_the_clocks_leave_out_does_not_come() -> None:
    # from 02:00 to 03:00 on 2023-03-12 in New York, where 07:00 UTC was 03:00
    york = hours(("sun",), "02:00", "03:00", "America/New_York")
    assert opened(york, "2023-03-12 00:00", "2023-03-13 00:00") == []
    early = hours(("sun",), "01:30", "03:30", "America/New_York")
    assert opened(early, "2023-03-12 00:00", "2023-03-13 00:00") == [("03-12 06:30", "03-12 07:30")]


def test_an_hour_that_the_clocks_repeat_opens_twice() -> None:
    # 2023-11-05, 06:00 UTC: 02:00 summer time becomes 01:00 again
    york = hours(("sun",), "01:30", "01:45", "America/New_York")
    assert opened(york, "2023-11-05 00:00", "2023-11-06 00:00") == [("11-05 05:30", "11-05 05:45"), ("11-05 06:30", "11-05 06:45")]
    through = hours(("sun",), "01:00", "03:00", "America/New_York")
    assert opened(through, "2023-11-05 00:00", "2023-11-06 00:00") == [("11-05 05:00", "11-05 08:00")]


def test_days_that_meet_at_midnight_are_one_opening() -> None:
    always = hours(WEEK, "00:00", "24:00", "America/New_York")
    assert openings(always, at("2023-03-01 00:00"), at("2023-12-01 00:00")) == [(at("2023-03-01 00:00"), at("2023-12-01 00:00") + 1)]
    weekend = hours(("sat", "sun"), "00:00", "24:00")
    assert opened(weekend, "2023-03-10 00:00", "2023-03-14 00:00") == [("03-11 00:00", "03-13 00:00")]


def test_zones_off_the_whole_hour_are_known() -> None:
    kathmandu = hours(opens="00:00", closes="00:01", zone="Asia/Kathmandu")  # 5:45 ahead
    assert opened(kathmandu, "2023-03-12 12:00", "2023-03-13 12:00") == [("03-12 18:15", "03-12 18:16")]


def test_days_and_holidays_have_no_order() -> None:
    one = hours(("fri", "mon", "mon"), holidays=(date(2023, 5, 1), date(2023, 1, 1), date(2023, 5, 1)))
    assert one == hours(("mon", "fri"), holidays=(date(2023, 1, 1), date(2023, 5, 1)))


@pytest.mark.parametrize("zone", ["EST5", "", "Europe", "../etc/passwd", "/etc/localtime", "europe/london"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="expected the IANA name of a time zone"):
        hours(zone=zone)


@pytest.mark.parametrize(("opens", "closes"), [("9:00", "17:00"), ("09:00", "24:01"), ("09:00", "9pm"), ("17:00", "09:00"), ("24:00", "24:00")])
def test_what_are_no_hours_of_a_day_are_refused(opens: str, closes: str) -> None:
    with pytest.raises(ValidationError, match=r"expected a time of day such as|opens must be before closes"):
        hours(opens=opens, closes=closes)


def test_ten_years_of_hours_are_found_in_a_moment() -> None:
    found = openings(hours(zone="America/New_York"), at("2013-01-01 00:00"), at("2023-01-01 00:00"))
    assert len(found) == sum((date(2013, 1, 1) + timedelta(days=n)).weekday() < 5 for n in range((date(2023, 1, 1) - date(2013, 1, 1)).days))


ZONES = ("UTC", "America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Hours, int, int]:
    """Draw hours and a stretch of up to four days, often about a change of clocks."""
    opens = draw(st.integers(0, 1_439))
    closes = draw(st.one_of(st.integers(opens + 1, 1_440), st.just(1_440)))
    change = draw(
        st.sampled_from(("2023-03-12 07:00", "2023-11-05 06:00", "2023-03-26 01:00", "2023-04-01 15:00", "2011-12-30 10:00", "2023-07-01 00:00"))
    )
    start = at(change) + draw(st.integers(-3 * 1440, 1440)) * MINUTE
    end = start + draw(st.integers(0, 4 * 1440)) * MINUTE
    near = (instant(at(change)) + timedelta(days=draw(st.integers(-2, 2)))).date()
    found = Hours(
        days=tuple(draw(st.lists(st.sampled_from(WEEK), min_size=1, max_size=7))),
        opens=f"{opens // 60:02}:{opens % 60:02}",
        closes=f"{closes // 60:02}:{closes % 60:02}",
        zone=draw(st.sampled_from(ZONES)),
        holidays=draw(st.sampled_from(((), (near,)))),
    )
    return found, start, end


@settings(max_examples=150, deadline=None)
@given(cases())
def test_hours_are_open_when_the_clock_of_the_zone_shows_it(case: tuple[Hours, int, int]) -> None:
    found, start, end = case
    intervals = openings(found, start, end)
    assert intervals == sorted(intervals)
    assert all(start <= a < b <= end + 1 for a, b in intervals)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(intervals))
    zone = ZoneInfo(found.zone)
    for now in range(start, end + 1, 7 * MINUTE):
        local = instant(now).astimezone(zone)
        shown = found.opens <= 60 * local.hour + local.minute < found.closes
        expected = shown and WEEK[local.weekday()] in found.days and local.date() not in found.holidays
        assert any(a <= now < b for a, b in intervals) == expected, local
    for edge in {t for interval in intervals for t in interval} - {start, end + 1}:  # each edge is where it changes
        assert any(a <= edge < b for a, b in intervals) != any(a <= edge - 1 < b for a, b in intervals)
        assert edge % MINUTE == 0
