"""Trials of pairs on all cores: threads that share one market and one loop, and write one row after the other."""

import os
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
import polars as pl

from engine import market, metrics
from engine.arrays import Int64s
from engine.config import Spec
from engine.kernels import listing as listed
from engine.kernels import sweep as kernel
from engine.kernels.known import NO_TIME_US, Known, remember
from engine.kernels.listing import LISTED, Listing
from engine.kernels.path import rows_needed
from engine.kernels.row import PLACE, Ledger, Room, Rows
from engine.kernels.state import Log
from engine.kernels.sweep import Shared
from engine.marks import Marks
from engine.path import FIRST_ROWS, larger, new_log, new_scratch, new_state
from engine.schema import SeriesKey, micros
from engine.sweep import rows as trial_rows
from engine.sweep.design import Design
from engine.sweep.groups import Family, Group, families
from engine.sweep.tables import fixed_fees, loosest_fees
from engine.sweep.threads import in_threads

_STEPS_A_CHUNK = 1_000_000
"""Instants times trials: some tens of milliseconds, so that a sweep is cancelled at once."""
_FEWEST, _MOST = 8, 512
_UNLIKE = -1  # stands for the fees of all trials where few have the same: a listing for each would cost more than the edges
_PRIMES = (8_191, 32_749, 131_071, 524_287, 2_097_143, 8_388_593)
"""Lengths of the table of marks; where the longest is half full it begins anew."""
_MOST_LATENCIES = 8


@dataclass(slots=True)
class _Desk:
    # what one thread works with, chunk after chunk of a group
    room: Room
    fees: int | None  # whose listing there is
    shared: Shared


def fits(design: Design) -> bool:
    """Return whether all trials are of pairs, which alone have a loop that writes rows, and whose fewer figures will do."""
    sweep = design.sweep
    return sweep.figures == "fast" and sweep.spec.strategy.kind == "spatial" and not any(axis.path == "strategy" for axis in design.axes)


def chunks(
    design: Design, data: Mapping[SeriesKey, pl.DataFrame], wanted: Int64s, *, threads: int | None = None
) -> Generator[tuple[Int64s, Rows], None, None]:
    """Yield (ordinals, rows) of trials as they are done; close it to stop: what runs ends within a chunk.

    Parameters
    ----------
    design, data : Design, Mapping[SeriesKey, pl.DataFrame]
        The trials, and what they run on.
    wanted : (N,) int
        Ordinals of the trials to run.
    threads : int or None
        None: as many as there are cores. Rows do not depend on it.
    """
    count = threads or len(os.sched_getaffinity(0))
    for family in families(design, data, wanted):
        for group in family.groups:
            yield from _of_group(design, family, group, count)


def _of_group(design: Design, family: Family, group: Group, threads: int) -> Generator[tuple[Int64s, Rows], None, None]:
    desks: SimpleQueue[_Desk] = SimpleQueue()
    shared, fees = _shared(family, group), group.tables.fees_of(design.picks[group.trials])
    if 1 < np.unique(fees).size > fees.size // _FEWEST:
        fees = np.full(fees.size, _UNLIKE)
    for _ in range(threads):
        desks.put(_desk(family, group, shared))

    def work(chunk: tuple[Int64s, int]) -> tuple[Int64s, Rows]:
        desk, (trials, of_fees) = desks.get(), chunk
        try:
            return trials, _walk(design, family, group, desk, trials, of_fees)
        finally:
            desks.put(desk)

    yield from in_threads(work, _chunked(group.trials, fees, family.rows.at_us.size), threads)


def _chunked(trials: Int64s, fees: Int64s, instants: int) -> Iterator[tuple[Int64s, int]]:
    size = int(np.clip(_STEPS_A_CHUNK // max(instants, 1), _FEWEST, _MOST))
    order = np.argsort(fees, kind="stable")
    for alike in np.split(order, np.flatnonzero(np.diff(fees[order])) + 1):
        for first in range(0, alike.size, size):
            part = alike[first : first + size]
            yield trials[part], int(fees[part[0]])


def _walk(design: Design, family: Family, group: Group, desk: _Desk, trials: Int64s, of_fees: int) -> Rows:
    made = group.tables.of(design.picks[trials])
    if desk.fees != of_fees:
        exact, rates, charged = loosest_fees(group.tables.all_rows()) if of_fees == _UNLIKE else fixed_fees(made)
        found = _listing(family, desk.room, rates, charged)
        desk.shared, desk.fees = desk.shared._replace(listing=found, exact=exact), of_fees
    rows = trial_rows.empty(trials.size, max(desk.room.ledger.boundaries.size - 1, 0))
    desk.room.place[0].trial, desk.room.place[0].stage = 0, kernel.FRESH
    while True:
        ended = kernel.walk_trials(desk.shared, made, desk.room, rows)
        if ended == kernel.DONE:
            return rows
        desk.room = _with_room(desk.room) if ended == kernel.FULL else _with_marks(desk.room, family.panel.marks, group.spec)


def _listing(family: Family, room: Room, rates: np.ndarray, charged: Int64s) -> Listing:
    arguments = (family.observed, family.rows, rates, charged, family.threshold_bps, room.scratch)
    instants, pairs = listed.list_pairs(*arguments, _room_to_list(0, 0))
    found = _room_to_list(instants, pairs)
    listed.list_pairs(*arguments, found)
    return found


def _room_to_list(instants: int, pairs: int) -> Listing:
    return Listing(
        at_us=np.zeros(instants, np.int64),
        ordinal=np.zeros(instants, np.int64),
        best_bps=np.zeros(instants),
        first=np.zeros(instants + 1, np.int64),
        pairs=np.zeros(pairs, LISTED).view(np.recarray),
    )


def _shared(family: Family, group: Group) -> Shared:
    world = market.world(group.spec, family.panel, group.guard, observed=family.observed)
    funding, _ = market.funding(group.spec)
    return Shared(
        family.observed, world.cycles, world.steps, world.pools, world.wallet_currency, world.mark, world.halted,
        world.perpetual, world.payments, world.signal, funding, _room_to_list(0, 0), False,
    )  # fmt: skip


def _desk(family: Family, group: Group, shared: Shared) -> _Desk:
    spec, marks = group.spec, family.panel.marks
    world = market.world(spec, family.panel, group.guard, observed=family.observed)
    blank = new_state(spec, world)
    span_us = micros(spec.end) - micros(spec.start)
    boundaries = np.flatnonzero(marks.ticks_us % metrics.period_of(span_us) == 0)
    log = new_log(max(FIRST_ROWS, len(spec.legs) ** 2))
    ledger = Ledger(
        moved=np.zeros((marks.ticks_us.size, len(spec.currencies)), np.int64),
        held=np.zeros(len(spec.currencies), np.int64),
        surplus=np.zeros(len(spec.currencies)),
        excess=np.zeros(marks.ticks_us.size),
        packages=np.zeros((0, 4)),
        boundaries=boundaries,
        unknown_us=np.zeros(0, np.int64),
    )
    room = Room(
        state=new_state(spec, world),
        blank=blank,
        log=log,
        scratch=new_scratch(spec, world),
        known=_no_marks(_PRIMES[0], len(spec.currencies)),
        ledger=_ledger_of(ledger, log),
        place=np.zeros(1, PLACE).view(np.recarray),
    )
    times = _usual_times(family, group)
    return _Desk(room=_knowing(room, marks, spec, times), fees=None, shared=shared)


def _usual_times(family: Family, group: Group) -> Int64s:
    # when orders are decided, and, on quotes, when they arrive
    at_us, end_us = family.rows.at_us, micros(group.spec.end)
    latencies = np.unique(group.tables.all_rows().legs["order_latency_us"][:, :-1])
    if family.observed.open_us.size or latencies.size > _MOST_LATENCIES:
        return at_us
    times = np.unique(np.concatenate([at_us, *(at_us + latency for latency in latencies)]))
    return times[times <= end_us]


def _with_room(room: Room) -> Room:
    log = larger(room.log, rows_needed(room.state, room.scratch.plan.size))
    return room._replace(log=log, ledger=_ledger_of(room.ledger, log))


def _ledger_of(ledger: Ledger, log: Log) -> Ledger:
    orders, transfers = log.orders.size, log.transfers.size
    return ledger._replace(packages=np.zeros((orders // 2 + 1, 4)), unknown_us=np.zeros(2 * orders + transfers, np.int64))


def _with_marks(room: Room, marks: Marks, spec: Spec) -> Room:
    return _knowing(room, marks, spec, np.unique(room.ledger.unknown_us[: room.place[0].unknown]))


def _knowing(room: Room, marks: Marks, spec: Spec, times: Int64s) -> Room:
    # with the marks at some times, in a table that is at most half full; where that would be too large, it is emptied, and the trial asks for all
    known, most = room.known, room.ledger.unknown_us.size + times.size
    filled = known.at_us != NO_TIME_US
    needed = 2 * (int(np.count_nonzero(filled)) + times.size)
    if needed > known.at_us.size:
        fits = [prime for prime in _PRIMES if prime >= needed]
        if not fits:
            return room._replace(known=_no_marks(max(_PRIMES[-1], 2 * most + 1), known.mark.shape[1]))
        known = _no_marks(fits[0], known.mark.shape[1])
        remember(known, room.known.at_us[filled], room.known.mark[filled])
    found = marks.at(times)
    remember(known, times, np.column_stack([found[currency] for currency in spec.currencies]))
    return room._replace(known=known)


def _no_marks(size: int, currencies: int) -> Known:
    return Known(at_us=np.full(size, NO_TIME_US), mark=np.zeros((size, currencies)))
