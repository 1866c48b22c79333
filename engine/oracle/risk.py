"""What stops trading: the fall of the excess, and the depeg guard."""

from collections.abc import Iterator

from engine.config import Guard, Spec
from engine.oracle.marks import Marks
from engine.oracle.observations import ticks
from engine.oracle.state import Run, starting
from engine.schema import ATOMS_PER_UNIT

GuardEvent = tuple[int, str, str]


def check_drawdown(run: Run, t: int) -> None:
    """At a tick: stop if the excess is so far below its high."""
    excess = 0.0
    for currency in run.spec.currencies:
        gained = run.known(currency) - sum(starting(run.spec, venue, currency) for venue in run.spec.venues)
        excess += gained * run.mark(currency, t) / ATOMS_PER_UNIT
    if run.position is not None and run.position.known:
        beyond = run.mid(t) * run.position.known - run.position.cost
        excess += beyond * run.mark(run.position.leg.key.quote, t) / ATOMS_PER_UNIT
    run.high = max(run.high, excess)
    most = run.spec.risk.max_drawdown
    if most is not None and run.high - excess >= float(most):
        run.stop(t, "drawdown")


def guard_events(spec: Spec, marks: Marks) -> list[GuardEvent]:
    """Return when which guarded currency went off par, and when it was back, by time, then currency."""
    guard = spec.risk.depeg_guard
    if guard is None:
        return []
    found = [(t, currency, what) for currency in spec.guarded for t, what in _events(spec, guard, marks, currency)]
    return sorted(found)


def halted_at(spec: Spec, events: list[GuardEvent]) -> dict[int, bool]:
    """Return by tick whether the guard halts: a currency is off, and not to be gone on with."""
    guard = spec.risk.depeg_guard
    found = {}
    for t in ticks(spec):
        last = {currency: what for when, currency, what in events if when <= t}
        found[t] = guard is not None and guard.action == "halt" and "off" in last.values()
    return found


def _events(spec: Spec, guard: Guard, marks: Marks, currency: str) -> Iterator[tuple[int, str]]:
    is_off, in_a_row = False, 0
    for t in ticks(spec):
        distance = abs(marks.at(currency, t) - 1)
        turns = distance <= guard.off_par_bps * 0.5e-4 if is_off else distance >= guard.off_par_bps * 1e-4
        in_a_row = in_a_row + 1 if turns else 0
        if in_a_row == guard.ticks:
            is_off, in_a_row = not is_off, 0
            yield t, "off" if is_off else "back"
