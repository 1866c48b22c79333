"""Runs beside each other: where their specs differ, and what came of that. Reads only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.db.models import Run, RunKind
from app.db.session import Sessions
from app.errors import BadInput, NotFound

MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value of the specs that is not the same in all of them; None where a spec does not have it."""

    path: str
    values: list[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Runs in the order in which they were asked for, and what differs."""

    runs: list[Run]
    differences: list[Difference]
    metrics: dict[str, list[float | None]]
    """By name; None where a run is not done, or a metric is not defined."""


async def compare(sessions: Sessions, ids: Sequence[UUID]) -> Comparison:
    """Return backtests beside each other; NotFound names those that are not there, BadInput where they are too few or too many."""
    if not 2 <= len(set(ids)) == len(ids) <= MOST:
        raise BadInput(f"ids: expected 2 to {MOST} runs, each once, found {len(ids)}")
    async with sessions() as session:
        found = {run.id: run for run in await session.scalars(select(Run).where(Run.id.in_(ids), Run.kind == RunKind.BACKTEST))}
    if missing := [str(one) for one in ids if one not in found]:
        raise NotFound(f"there is no run {', '.join(missing)}; list the runs to see which there are")
    runs = [found[one] for one in ids]
    return Comparison(runs=runs, differences=differences([run.spec for run in runs]), metrics=_metrics(runs))


def differences(specs: Sequence[Mapping[str, object]]) -> list[Difference]:
    """Return the values that are not the same in all specs, by their dotted paths, in the order of the first spec that has them."""
    flat = [dict(_leaves(spec, "")) for spec in specs]
    paths = dict.fromkeys(path for one in flat for path in one)
    rows = [Difference(path=path, values=[one.get(path) for one in flat]) for path in paths]
    return [row for row in rows if any(value != row.values[0] for value in row.values)]


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        inner = [(f"{path}.{name}" if path else str(name), one) for name, one in value.items()]
    elif isinstance(value, list):
        inner = [(f"{path}[{place}]", one) for place, one in enumerate(value)]
    else:
        inner = []
        yield path, value
    for where, one in inner:
        yield from _leaves(one, where)


def _metrics(runs: Sequence[Run]) -> dict[str, list[float | None]]:
    found = [run.summary["metrics"] if run.summary else {} for run in runs]
    return {name: [one.get(name) for one in found] for name in dict.fromkeys(name for one in found for name in one)}
