"""Opening hours: weekdays and a time of day in a time zone, holidays apart."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.units import Table, TimeOfDay

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(Table):
    """When a route takes requests: open while the zone's clock shows a time in [opens, closes) on one of the days."""

    days: Annotated[tuple[Day, ...], Field(min_length=1), AfterValidator(lambda days: tuple(day for day in _WEEK if day in days))]
    opens: TimeOfDay
    closes: TimeOfDay
    """At most "24:00", the end of the day."""
    zone: str = "UTC"
    """IANA name, such as "America/New_York"."""
    holidays: Annotated[tuple[date, ...], AfterValidator(lambda days: tuple(sorted(set(days))))] = ()
    """Dates in the zone on which it stays shut."""

    @model_validator(mode="after")
    def _open_before_they_close(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes, on the same day")
        return self
