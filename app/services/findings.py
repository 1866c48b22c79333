"""What the counts of a day mean: which of them is a fault, how bad it is, and what to do about it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.day_checks import DAY_US
from engine.schema import US_PER_SECOND, SeriesKey

Counts = Mapping[str, float]
"""What `engine.day_checks` and `engine.cross_checks` count of a day, by name."""

_DAY_S = DAY_US / US_PER_SECOND


class Grade(StrEnum):
    """How good a day is: by the worst that was found on it."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    """To be looked at: what is odd may be how the market was."""
    BAD = "bad"
    """Wrong, or so full of holes that results on it mean little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """From when on a count is a fault, and what is said about it."""

    check: str
    measure: Callable[[Counts], float]
    doubtful: float
    """Least measure that is doubted."""
    bad: float
    says: Callable[[Counts], str]
    advice: str
    """What to do; `{series}` is the venue and the instrument, `{venue}` its venue, `{offset}` what its clock lacks [ms]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of a day."""

    check: str
    grade: Grade
    measure: float
    message: str
    advice: str


def _share(name: str) -> Callable[[Counts], float]:
    return lambda counts: counts.get(name, 0) / max(1, counts["rows"])


def _rows(name: str, what: str) -> Callable[[Counts], str]:
    return lambda counts: f"{counts[name]:,.0f} of {counts['rows']:,.0f} rows {what}"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.1f} s"


# The share without a price of the time between the first and the last one.
def _silence(counts: Counts) -> float:
    between = 1 - (counts["late_s"] + counts["early_s"]) / _DAY_S
    return max(0.0, 1 - counts["covered"] / between) if between > 0 else 0.0


_LATE = "compare with another source of {series}; what is late by whole minutes or hours was stamped at its end, or in another zone"
_FILL = "import or fetch what is missing of {series}; where nobody traded there is nothing to do, and runs see no price then"
_REPLACE = "compare with another source of {series} and import that one with --replace; runs leave these rows out as they are"
_CLOCK = (
    'the recorder\'s clock was behind: a spec needs clock_offset = "{offset}ms" or more at venues.{venue}; '
    "runs refuse data with more than 1 % of such rows. "
    "Have the recorder keep its clock by NTP"
)
_ALWAYS = math.inf

_DAMAGED = Rule(
    check="damaged",
    measure=lambda counts: counts.get("damaged", 0),
    doubtful=1,
    bad=1,
    says=lambda _counts: "its snapshot is damaged, or not there",
    advice="usdc-arb data snapshot verify, then usdc-arb data snapshot build, then usdc-arb data validate",
)
_EMPTY = Rule(
    check="empty",
    measure=lambda counts: float(counts["rows"] == 0),
    doubtful=1,
    bad=1,
    says=lambda _counts: "no rows, in the middle of what was imported",
    advice=_FILL,
)
_ALL = (
    Rule(
        check="flagged",
        measure=_share("flagged"),
        doubtful=0.001,
        bad=0.01,
        says=_rows("flagged", "are crossed, have no price, or one that cannot be"),
        advice=_REPLACE,
    ),
    Rule(
        check="zero_or_negative",
        measure=lambda counts: 0.0 if "flagged" in counts else _share("zero_or_negative")(counts),
        doubtful=1e-9,
        bad=0.01,
        says=_rows("zero_or_negative", "have a price or a size that cannot be"),
        advice=_REPLACE,
    ),
    Rule(
        check="negative_latency",
        measure=_share("negative_latency"),
        doubtful=1e-9,
        bad=0.01,
        says=_rows("negative_latency", "were received before they happened"),
        advice=_CLOCK,
    ),
    Rule(
        check="disorder",
        measure=_share("disorder"),
        doubtful=0.01,
        bad=_ALWAYS,
        says=_rows("disorder", "happened before one that came earlier"),
        advice="runs take the latest event so far; a better recording of {series} has the venue's order",
    ),
    Rule(
        check="duplicates",
        measure=_share("duplicates"),
        doubtful=0.01,
        bad=_ALWAYS,
        says=_rows("duplicates", "say again what was said before"),
        advice="harmless to runs; look for a recorder that writes twice",
    ),
    Rule(
        check="outliers",
        measure=_share("outliers"),
        doubtful=1e-9,
        bad=0.01,
        says=lambda counts: f"{counts['outliers']:,.0f} minutes with a price more than 500 bps off the median of three or more venues",
        advice=_REPLACE.partition(";")[0] + "; runs fill nothing in such bars",
    ),
    Rule(
        check="wicks",
        measure=lambda counts: 0.0 if counts.get("outliers") else counts.get("wicks", 0),
        doubtful=1,
        bad=_ALWAYS,
        says=lambda counts: f"{counts['wicks']:,.0f} minutes with a price more than 500 bps off, and too few venues to tell which of them is",
        advice="data of a third venue tells; until then runs count such bars and fill in them",
    ),
    Rule(
        check="thin",
        measure=_silence,
        doubtful=0.5,
        bad=_ALWAYS,
        says=lambda counts: f"no price for {_silence(counts):.0%} of the time between the first and the last",
        advice=_FILL,
    ),
)


def _gap(doubtful_s: float, bad_s: float) -> Rule:
    return Rule(
        check="gap",
        measure=lambda counts: counts["longest_gap_s"],
        doubtful=doubtful_s,
        bad=bad_s,
        says=lambda counts: f"nothing for {_hours(counts['longest_gap_s'])} at a time",
        advice=_FILL,
    )


def _lag(doubtful_us: float, bad_us: float) -> Rule:
    return Rule(
        check="lag",
        measure=lambda counts: abs(counts.get("lag_us", 0)),
        doubtful=doubtful_us,
        bad=bad_us,
        says=lambda counts: (
            f"{_hours(abs(counts['lag_us']) / US_PER_SECOND)} {'late' if counts['lag_us'] > 0 else 'early'} against other venues, by their prices"
        ),
        advice=_LATE,
    )


_RECORDED = (*_ALL, _gap(300, 3600), _lag(US_PER_SECOND, 60 * US_PER_SECOND))
_SELDOM = (*_ALL, _gap(3600, 6 * 3600), _lag(US_PER_SECOND, 60 * US_PER_SECOND))
_BARS = (*_ALL, _gap(3600, 6 * 3600), _lag(1, 1))
RULES: Mapping[str, tuple[Rule, ...]] = {
    "bars": _BARS,
    "quote_bars": _BARS,
    "quotes": _RECORDED,
    "pool": _SELDOM,
    "pool_bars": _BARS,
    "trades": _SELDOM,
}
"""By kind of data; a thin market trades seldom, a recorder of quotes falls silent when it is broken."""


def gap_rule(data: str) -> Rule:
    """Return the rule about stretches of time without anything."""
    return next(rule for rule in RULES[data] if rule.check == "gap")


def find(key: SeriesKey, data: str, counts: Counts) -> list[Finding]:
    """Return what is wrong with a day of a series, the worst first."""
    rules = (_DAMAGED,) if "damaged" in counts else RULES[data] if counts["rows"] else (_EMPTY,)
    found = [finding for rule in rules if (finding := judge(rule, key, counts)) is not None]
    return sorted(found, key=lambda finding: finding.grade != Grade.BAD)


def judge(rule: Rule, key: SeriesKey, counts: Counts) -> Finding | None:
    """Return what one rule finds wrong; None where it finds nothing."""
    measure = rule.measure(counts)
    if measure < rule.doubtful:
        return None
    offset = math.ceil(-counts.get("least_delay_us", 0) / 1_000)
    return Finding(
        check=rule.check,
        grade=Grade.BAD if measure >= rule.bad else Grade.DOUBTFUL,
        measure=measure,
        message=rule.says(counts),
        advice=rule.advice.format(series=key, venue=key.venue, offset=offset),
    )


def grade(found: list[Finding]) -> Grade:
    """Return how good a day is on which this was found."""
    return found[0].grade if found else Grade.GOOD
