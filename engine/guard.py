"""The depeg guard: when a stablecoin has lost its peg, from marks at ticks alone."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Bools
from engine.config import Spec
from engine.kernels.guard import held_off
from engine.marks import Marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What the guard saw, and whether it lets packages start."""

    halted: Bools  # (K,) by tick: from it to the next no package starts
    events: list[tuple[int, str, str]]  # (tick [µs], currency, "off" or "back"), by time, then currency


def build(spec: Spec, marks: Marks) -> Guard:
    """Return at which ticks the guard halts the run, and when each guarded currency went off par and came back."""
    halted, events = np.zeros(marks.ticks_us.size, np.bool_), []
    rule = spec.risk.depeg_guard
    if rule is not None:
        for currency in spec.guarded:
            distance = np.abs(marks.ticks[currency] - 1)
            off = held_off(distance >= rule.off_par_bps * 1e-4, distance <= rule.off_par_bps * 0.5e-4, rule.ticks)
            events += _changes(currency, off, marks)
            halted |= off & (rule.action == "halt")
    return Guard(halted=halted, events=sorted(events))


def _changes(currency: str, off: Bools, marks: Marks) -> list[tuple[int, str, str]]:
    at = np.flatnonzero(np.diff(off, prepend=False))
    return [(int(marks.ticks_us[k]), currency, "off" if off[k] else "back") for k in at]
