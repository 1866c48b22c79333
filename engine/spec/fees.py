"""What a venue charges: fee schedules over time, by instrument and by 30-day volume."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from engine.schema import micros
from engine.units import Amount, Bps, ChargedIn, Instant, InstrumentName, Table, atoms

FOREVER_US = 2**63 - 1
"""The end of what does not end [µs]."""

_LONG_AGO, _FAR_OFF = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Tier(Table):
    """A taker fee from a 30-day volume on."""

    volume: Annotated[Amount, Field(ge=0)]
    """Least volume of the venue's last 30 days [numeraire]."""
    taker_bps: Bps


class FeeRow(Table):
    """What holds for some instruments of a venue over some time."""

    start: Instant | None = None
    """From when it holds; none: since ever."""
    end: Instant | None = None
    """Until when, itself not included; none: for good."""
    instruments: Annotated[tuple[InstrumentName, ...], AfterValidator(lambda names: tuple(sorted(set(names))))] = ()
    """None named: all that no row of the same time names."""
    taker_bps: Bps | None = None
    tiers: tuple[Tier, ...] = ()
    """By volume; the first from 0 on."""
    charged_in: ChargedIn = "quote"
    """`quote` (of the flow, on both sides), `received`, or a currency."""

    @model_validator(mode="after")
    def _has_one_rate_for_every_volume(self) -> Self:
        if (self.taker_bps is None) == (not self.tiers):
            raise ValueError("give either taker_bps or tiers")
        if self.tiers and self.tiers[0].volume != 0:
            raise ValueError(f"the first tier must begin at volume 0, found {self.tiers[0].volume}")
        for lower, upper in itertools.pairwise(self.tiers):
            if upper.volume <= lower.volume:
                raise ValueError(f"tiers must be written by increasing volume, found {upper.volume} after {lower.volume}")
            if upper.taker_bps > lower.taker_bps:  # what is reserved for a fee assumes that the first tier is the worst
                raise ValueError(f"a tier of more volume must not cost more, found {upper.taker_bps:g} bps after {lower.taker_bps:g}")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("start must be before end")
        return self

    @property
    def asset(self) -> str | None:
        """The currency that is charged, where that is neither side of the trade as such."""
        return None if self.charged_in in {"quote", "received"} else self.charged_in

    @property
    def rates(self) -> tuple[tuple[int, float], ...]:
        """(least volume [atoms of numeraire], rate [fraction of the flow]) of each tier, by volume."""
        if self.taker_bps is not None:
            return ((0, self.taker_bps * 1e-4),)
        return tuple((atoms(tier.volume), tier.taker_bps * 1e-4) for tier in self.tiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSpan:
    """What one instrument is charged over one stretch of a run."""

    start_us: int
    """[µs], included."""
    end_us: int
    """[µs], not included; FOREVER_US for the last."""
    tiers: tuple[tuple[int, float], ...]
    """(least volume [atoms of numeraire], rate [fraction of the flow]), by volume, the first from 0."""
    charged_in: str
    """`quote`, `received`, or a currency."""


def by_start(rows: Sequence[FeeRow]) -> tuple[FeeRow, ...]:
    """Return rows in the order in which they begin, then end, then by what they are for."""
    return tuple(sorted(rows, key=lambda row: (row.start or _LONG_AGO, row.end or _FAR_OFF, row.instruments, row.charged_in, row.rates)))


def stretches(rows: Sequence[FeeRow], instrument: str, start_us: int) -> Iterator[tuple[int, int, list[FeeRow]]]:
    """Yield (from, to, the rows that hold) for all time from `start_us` on; more or less than one row is a mistake of the schedule."""
    bounds = {bound for row in rows for bound in _validity(row) if start_us < bound < FOREVER_US}
    for first, last in itertools.pairwise([start_us, *sorted(bounds), FOREVER_US]):
        valid = [row for row in rows if _validity(row)[0] <= first < _validity(row)[1]]
        yield first, last, [row for row in valid if instrument in row.instruments] or [row for row in valid if not row.instruments]


def spans(rows: Sequence[FeeRow], instrument: str, *, start_us: int, last_us: int) -> tuple[FeeSpan, ...]:
    """Return what holds for an instrument from a time on, without gap or overlap; the last span that begins by `last_us` goes on for good."""
    found: list[tuple[int, FeeRow]] = []
    for first, _, holding in stretches(rows, instrument, start_us):
        if len(holding) != 1 or first > last_us:
            break
        if not found or found[-1][1] is not holding[0]:
            found.append((first, holding[0]))
    ends = [first for first, _ in found[1:]] + [FOREVER_US]
    return tuple(
        FeeSpan(start_us=first, end_us=end, tiers=row.rates, charged_in=row.charged_in) for (first, row), end in zip(found, ends, strict=False)
    )


def _validity(row: FeeRow) -> tuple[int, int]:
    return 0 if row.start is None else micros(row.start), FOREVER_US if row.end is None else micros(row.end)
