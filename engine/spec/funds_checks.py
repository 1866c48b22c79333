"""Contradictions between routes, suspensions and rebalancing, and the venues of a spec."""

from collections.abc import Iterator

from engine.errors import Problem, suggest
from engine.schema import US_PER_SECOND
from engine.spec.spec import Spec
from engine.units import format_duration

_DAY_US = 86_400 * US_PER_SECOND


def _routes(spec: Spec) -> Iterator[Problem]:
    names = [route.name for route in spec.routes]
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield Problem(path="routes", message=f"{name!r} is there twice; each needs a name of its own")
    for route in spec.routes:
        for end, venue in (("source", route.source), ("destination", route.destination)):
            if venue not in spec.venues:
                message = f"the {end} of {route.name!r} is {venue!r}, which [venues] does not have; {suggest(venue, spec.venues)}"
                yield Problem(path="routes", message=message)


def _suspensions(spec: Spec) -> Iterator[Problem]:
    for suspension in spec.suspensions:
        if suspension.venue not in spec.venues:
            message = f"one is at {suspension.venue!r}, which [venues] does not have; {suggest(suspension.venue, spec.venues)}"
            yield Problem(path="suspensions", message=message)
        if suspension.currency not in spec.currencies:
            known = ", ".join(spec.currencies)
            message = f"one at {suspension.venue} is of {suspension.currency}, which is not in this run; it has {known}"
            yield Problem(path="suspensions", message=message)


def _rebalancing(spec: Spec) -> Iterator[Problem]:
    if spec.rebalance is None:
        return
    every = spec.rebalance.every
    if every is not None and spec.clock and (every == 0 or every % spec.clock or _DAY_US % every):
        message = f"must be a multiple of the clock ({format_duration(spec.clock)}) that divides 1d, found {format_duration(every)}"
        yield Problem(path="rebalance.every", message=message)
    for target in spec.rebalance.wallets:
        if target.venue not in spec.venues:
            message = f"one is at {target.venue!r}, which [venues] does not have; {suggest(target.venue, spec.venues)}"
            yield Problem(path="rebalance.wallets", message=message)
        elif (target.venue, target.currency) not in spec.wallets:
            message = f"{target.venue} has no {target.currency}: no leg trades it there, no balance names it, no route moves it"
            yield Problem(path="rebalance.wallets", message=message)


ALL = (_routes, _suspensions, _rebalancing)
"""The checks of this module."""
