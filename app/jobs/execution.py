"""One run at one worker: hand it to a child, keep the lease, heed its owner and the worker, store how it ended."""

import asyncio
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import orjson

from app import log
from app.db.models import RunKind
from app.db.session import Sessions
from app.jobs.faults import SERVERS, passes
from app.jobs.process import Child, Crashed, Finished, Outcome
from app.jobs.wire import Part, Progress, Refused, Task
from app.services import leases
from app.services.leases import Claim, Product, Standing

TIMEOUT = "TIMEOUT"
"""Failure code of a run that computed for longer than a run may."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How runs are attended to; times in seconds."""

    lease_s: float = 30.0
    """For so long a run stays with a worker of which nothing is heard."""
    heartbeat_s: float = 5.0
    progress_s: float = 0.5
    """How often progress is written, if there is any."""
    look_s: float = 0.25
    """How often a run is looked at, for a wish to cancel it or a lost claim."""
    run_s: float = 3600.0
    """For so long a run may compute."""
    sweep_s: float = 86_400.0
    """For so long a sweep may."""
    store_s: float = 300.0
    """For so long storing a result is tried while the database is away."""
    max_crashes: int = 3


class Interruption(StrEnum):
    """Why a computation was ended before its end."""

    CANCELLED = "cancelled"
    LOST = "lost"
    TOO_LONG = "too long"
    LATE = "past its deadline"
    GIVEN_BACK = "given back"


End = Product | Refused | Crashed | Interruption


@dataclass(slots=True, kw_only=True)
class Pulse:
    """The heartbeat of a claim, which carries the progress."""

    sessions: Sessions
    claim: Claim
    rules: Rules
    reading: Progress
    _written: Progress | None = None
    _written_at: float = 0.0
    _parts: list[leases.Part] = field(default_factory=list)

    def told(self, progress: Progress) -> None:
        """Take down how far the run is."""
        self.reading = progress

    async def keep(self, part: Part, rows: bytes) -> None:
        """Store rows of a sweep; while the database is away they wait, and the sweep goes on."""
        self._parts.append(leases.Part(first_trial=part.first_trial, trials=part.trials, made_from=part.made_from, rows=rows))
        try:
            async with asyncio.timeout(self.rules.lease_s):
                await self.hand_over()
        except SERVERS as error:
            _log.warning("rows of a sweep wait for the database", error=repr(error), parts=len(self._parts))

    async def hand_over(self) -> None:
        """Store the rows that wait."""
        if self._parts:
            await leases.keep(self.sessions, self.claim, self._parts)
            self._parts.clear()

    async def beat(self) -> Standing:
        """Renew the lease if it is time, else look; while the database is away the claim counts as held."""
        try:
            async with asyncio.timeout(self.rules.lease_s):
                return await (self._renew() if self._due() else leases.standing(self.sessions, self.claim))
        except SERVERS as error:
            _log.warning("heartbeat did not reach the database", error=repr(error))
            return Standing.HELD

    def _due(self) -> bool:
        since = _now() - self._written_at
        return since >= self.rules.heartbeat_s or (since >= self.rules.progress_s and self.reading != self._written)

    async def _renew(self) -> Standing:
        reading = self.reading
        told = leases.Reading(**asdict(reading))
        found = await leases.heartbeat(self.sessions, self.claim, lease_s=self.rules.lease_s, reading=told)
        self._written, self._written_at = reading, _now()
        return found


async def attend(sessions: Sessions, claim: Claim, child: Child, *, rules: Rules, leave: asyncio.Event) -> None:
    """See a claimed run through to a state that is stored, or to the loss of the claim; `leave` asks to give it back."""
    pulse = Pulse(sessions=sessions, claim=claim, rules=rules, reading=Progress(stage="starting", fraction=0.0))
    await _store(pulse, await _compute(pulse, child, leave), leave)


async def _compute(pulse: Pulse, child: Child, leave: asyncio.Event) -> End:
    claim, of = pulse.claim, child.options
    task = Task(run_id=str(claim.sweep_id), spec=claim.spec, memory_bytes=of.memory_bytes, computes=claim.kind, threads=of.threads, part=claim.part)
    work = asyncio.create_task(child.work(task, pulse.told, pulse.keep))
    leaving = asyncio.create_task(leave.wait())
    try:
        return await _watch(work, leaving, pulse)
    finally:
        leaving.cancel()
        if not work.done():
            child.kill()
            await asyncio.wait({work})


async def _watch(work: asyncio.Task[Outcome], leaving: asyncio.Task[bool], pulse: Pulse) -> End:
    began, most_s, left_s = _now(), _most_s(pulse), pulse.claim.left_s
    while True:
        await asyncio.wait({work, leaving}, timeout=pulse.rules.look_s, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return _opened(work.result(), pulse.claim.kind)
        if leaving.done():
            return Interruption.GIVEN_BACK
        if left_s is not None and _now() - began > left_s:
            return Interruption.LATE
        if _now() - began > most_s:
            return Interruption.TOO_LONG
        found = await pulse.beat()
        if found != Standing.HELD:
            return Interruption.CANCELLED if found == Standing.CANCEL else Interruption.LOST


def _most_s(pulse: Pulse) -> float:
    return pulse.rules.run_s if pulse.claim.kind == RunKind.BACKTEST else pulse.rules.sweep_s


async def _store(pulse: Pulse, end: End, leave: asyncio.Event) -> None:
    # Where this gives up the lease runs out, and another worker begins anew.
    deadline = _now() + pulse.rules.store_s
    _report_crash(end)
    while True:
        try:
            await pulse.hand_over()
            stored = await _write(pulse.sessions, pulse.claim, end, pulse.rules)
        except SERVERS as error:
            if not passes(error):
                end = Crashed(reason=f"its result could not be stored ({type(error).__name__})", detail=str(error))
                _report_crash(end)
            elif _now() > deadline or leave.is_set():
                raise
            else:
                _log.warning("a result waits for the database", error=repr(error))
            await asyncio.sleep(pulse.rules.look_s)
            await pulse.beat()
        else:
            _log.info("run left", end=end if isinstance(end, Interruption) else type(end).__name__, stored=stored)
            return


def _report_crash(end: End) -> None:
    if isinstance(end, Crashed):
        _log.error("run crashed", reason=end.reason, reference=end.reference, detail=end.detail)


async def _write(sessions: Sessions, claim: Claim, end: End, rules: Rules) -> bool:
    match end:
        case Product():
            return await leases.finish(sessions, claim, end) or await leases.stop(sessions, claim)
        case Refused(code=code, message=message):
            return await leases.fail(sessions, claim, code=code, message=message)
        case Crashed():
            return bool(await leases.crash(sessions, claim, reason=end.explained, max_crashes=rules.max_crashes))
        case interruption:
            return await _write_interruption(sessions, claim, interruption, rules)


async def _write_interruption(sessions: Sessions, claim: Claim, why: Interruption, rules: Rules) -> bool:
    match why:
        case Interruption.CANCELLED:
            return await leases.stop(sessions, claim)
        case Interruption.GIVEN_BACK:
            return await leases.give_back(sessions, claim)
        case Interruption.TOO_LONG:
            message = _too_long(claim, rules)
            return await leases.fail(sessions, claim, code=TIMEOUT, message=message)
        case Interruption.LATE:
            return await leases.fail(sessions, claim, code=leases.DEADLINE, message="it was not done by its deadline, and was stopped there")
        case Interruption.LOST:
            return False


def _too_long(claim: Claim, rules: Rules) -> str:
    if claim.kind != RunKind.BACKTEST:
        return f"the sweep computed for longer than the {rules.sweep_s:,.0f} s that a sweep may; take fewer trials, or a shorter window"
    return f"the run computed for longer than the {rules.run_s:,.0f} s that a run may; shorten its window or lengthen its interval"


def _opened(outcome: Outcome, kind: RunKind) -> Product | Refused | Crashed:
    if not isinstance(outcome, Finished):
        return outcome
    if kind == RunKind.PART:
        return Product(summary={}, manifest={}, manifest_hash="", files={})
    try:
        summary, manifest = (orjson.loads(outcome.files[name]) for name in ("summary.json", "manifest.json"))
        return Product(summary=summary, manifest=manifest, manifest_hash=summary["manifest_hash"], files=outcome.files)
    except (KeyError, ValueError) as error:
        return Crashed(reason="its result cannot be read", detail=repr(error))


def _now() -> float:
    return asyncio.get_running_loop().time()
