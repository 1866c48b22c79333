"""Opening hours: weekdays and a time of day in a time zone, holidays apart."""

import difflib
import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from engine.schema import US_PER_SECOND, instant
from engine.units import Table, TimeOfDay

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MINUTE_US = 60 * US_PER_SECOND
_DAY_US = 1_440 * _MINUTE_US
_EPOCH = date(1970, 1, 1)
_LOOK_US = 6 * 60 * _MINUTE_US
"""No zone changes its offset twice within six hours."""


def _known_zone(name: str) -> str:
    if name not in _zone_names():
        close = difflib.get_close_matches(name, _zone_names(), n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f'expected the IANA name of a time zone such as "America/New_York", found {name!r}{meant}')
    return name


class Hours(Table):
    """When a route takes requests: while the zone's clock shows a time in [opens, closes) on one of the days."""

    days: Annotated[tuple[Day, ...], Field(min_length=1), AfterValidator(lambda days: tuple(day for day in _WEEK if day in days))]
    opens: TimeOfDay
    closes: TimeOfDay
    """At most "24:00", the end of the day."""
    zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """IANA name, such as "America/New_York"."""
    holidays: Annotated[tuple[date, ...], AfterValidator(lambda days: tuple(sorted(set(days))))] = ()
    """Dates in the zone on which it stays shut."""

    @model_validator(mode="after")
    def _open_before_they_close(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes, on the same day")
        return self


def openings(hours: Hours | None, start_us: int, end_us: int) -> list[tuple[int, int]]:
    """Return when hours are open, as intervals that touch a stretch of time.

    Parameters
    ----------
    hours : Hours or None
        None: always open.
    start_us, end_us : int [µs]
        The stretch, both ends included.

    Returns
    -------
    list of (from, to) [µs]
        Increasing and apart from each other, `to` not included, cut to the stretch: at a time in it, hours are open if it lies in one.

    Notes
    -----
    Open is what the zone's clock shows, so an hour that a change of clocks repeats can open twice, and one that it leaves out does not
    come. Zones are those of the package `tzdata`, whatever the machine has.
    """
    if hours is None:
        return [(start_us, end_us + 1)]
    found: list[tuple[int, int]] = []
    for piece in _pieces(_zone(hours.zone), start_us, end_us + 1):
        for opens, closes in _within(hours, *piece):
            if found and found[-1][1] == opens:  # over midnight, or over a change of clocks
                found[-1] = (found[-1][0], closes)
            else:
                found.append((opens, closes))
    return found


def _within(hours: Hours, first_us: int, last_us: int, offset_us: int) -> Iterator[tuple[int, int]]:
    # over [first, last) the zone is offset_us ahead of UTC
    for day in range((first_us + offset_us) // _DAY_US, (last_us + offset_us) // _DAY_US + 1):
        when = _EPOCH + timedelta(days=day)
        if _WEEK[when.weekday()] in hours.days and when not in hours.holidays:
            midnight = day * _DAY_US - offset_us
            opens, closes = max(midnight + hours.opens * _MINUTE_US, first_us), min(midnight + hours.closes * _MINUTE_US, last_us)
            if opens < closes:
                yield opens, closes


def _pieces(zone: ZoneInfo, first_us: int, last_us: int) -> Iterator[tuple[int, int, int]]:
    # [first, last) cut where the zone's offset from UTC changes: (from, to, offset)
    since = first_us
    for before, after in itertools.pairwise([*range(first_us, last_us, _LOOK_US), last_us]):
        if _offset_us(zone, before) != _offset_us(zone, after):
            change = _change(zone, before, after)
            yield since, change, _offset_us(zone, before)
            since = change
    if since < last_us:
        yield since, last_us, _offset_us(zone, since)


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    # the first time at which the zone has the offset that it has at `after`
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_us(zone, middle) == _offset_us(zone, before):
            before = middle
        else:
            after = middle
    return after


def _offset_us(zone: ZoneInfo, at_us: int) -> int:
    offset = instant(at_us).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)


@cache
def _zone(name: str) -> ZoneInfo:
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset((files("tzdata") / "zones").read_text(encoding="ascii").split())
