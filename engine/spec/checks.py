"""What no table of a spec can see alone: parts that contradict each other."""

from collections.abc import Iterator

from engine.errors import Problem
from engine.schema import US_PER_SECOND, micros
from engine.spec import account_checks, funds_checks, market_checks, peg_checks, perpetual_checks
from engine.spec.spec import Spec
from engine.units import format_duration, iso

MOST_TICKS = 20_000_000
"""38 years of minutes, 7 months of seconds: a few arrays of so many numbers still fit a laptop."""

_HOUR_US = 3_600 * US_PER_SECOND


def contradictions(spec: Spec) -> list[Problem]:
    """Return what is wrong between the parts of a spec that are each right."""
    checks = (_window, *market_checks.ALL, *account_checks.ALL, *funds_checks.ALL, *perpetual_checks.ALL, *peg_checks.ALL)
    return [problem for check in checks for problem in check(spec)]


def _window(spec: Spec) -> Iterator[Problem]:
    if spec.clock == 0:
        yield Problem(path="clock", message="must be longer than 0")
        return
    if spec.clock % US_PER_SECOND or _HOUR_US % spec.clock:  # returns are counted by the hour
        yield Problem(path="clock", message=f"must be a multiple of 1s that divides 1h, found {format_duration(spec.clock)}")
    for name, when in (("start", spec.start), ("end", spec.end)):
        if micros(when) % spec.clock:
            yield Problem(path=name, message=f"{iso(when)} must lie on the clock, a multiple of {format_duration(spec.clock)}")
    if spec.start >= spec.end:
        yield Problem(path="start", message=f"{iso(spec.start)} must be before end ({iso(spec.end)})")
    ticks = (micros(spec.end) - micros(spec.start)) // spec.clock + 1
    if ticks > MOST_TICKS:
        yield Problem(path="clock", message=f"there are {ticks:,} ticks from start to end, {MOST_TICKS:,} at most are possible: lengthen the clock")
