"""What a run did: the walk over its candidates, and its logs as columns."""

from dataclasses import fields

import numpy as np

from engine import market
from engine.arrays import Bools, Int64s, Records
from engine.config import Spec
from engine.events import Funding as Paid
from engine.events import Opportunities, Orders, Path, Transfers
from engine.kernels import state as kernel
from engine.kernels.market import ALONE, BASIS, DAY_US, PAIRS, SEQUENCE, TOGETHER, Candidates, World
from engine.kernels.path import rows_needed, walk
from engine.kernels.scan import IN_VIEW, PLACE, UNIT, scan
from engine.kernels.transfers import Funding
from engine.kernels.walks import walk_basis, walk_cycles, walk_peg, walk_swaps
from engine.schema import micros

FIRST_ROWS = 256
"""Of logs, at least; they grow as they fill."""

_MOST_FIRST_ROWS = 65_536
"""Of logs before anything is written, however many candidates there are."""

_WALKS = {PAIRS: walk, TOGETHER: walk_cycles, SEQUENCE: walk_cycles, ALONE: walk_peg, BASIS: walk_basis}


Found = tuple[Candidates, np.record]
"""The instants at which some pair can reach a threshold, and how the scan for them ended (`engine.kernels.scan.PLACE`)."""


def walk_path(spec: Spec, world: World, found: Found) -> Path:
    """Return what happens when the strategy meets the market.

    Parameters
    ----------
    spec, world : Spec, World
        The run, and all that it sees.
    found : Found
        Its candidates; more of them, such as every instant or those of lower fees, change nothing but the edge and the instants they tell of.
    """
    rows, place = found
    funding, order = market.funding(spec)
    state, log = walked(spec, world, funding, rows)
    return Path(
        orders=_orders(log.orders),
        transfers=_transfers(log.transfers, order),
        opportunities=_opportunities(spec, log.opportunities),
        funding=_funding(world.payments, state.funded),
        stops=[(int(c.stopped_us), kernel.STOPS[c.stopped_by]) for c in state.counts if c.stopped_us != kernel.NEVER_US],
        wallets=spec.wallets,
        balances=np.column_stack([state.wallets.free, state.wallets.reserved, state.wallets.pending]),
        best_edge_bps=None if np.isnan(place.best_bps) else float(place.best_bps),
        instants=int(place.instants),
    )


def candidates(world: World, threshold_bps: float) -> Found:
    """Return the instants at which some pair can reach a threshold [bps], or exit; -inf: every instant."""
    legs, rules, terms = world.legs.size - 1, world.rules[0], world.perpetual[0]
    if terms.leg >= 0:  # funding may make up for any edge
        threshold_bps = -np.inf if terms.counted else min(threshold_bps, terms.exit_bps)
    view, units, place = _records(IN_VIEW, world.market.series.size - 1), _records(UNIT, legs), _records(PLACE, 1)
    view.row = world.market.series.first[:-1] - 1
    units.gets = units.pays = np.nan
    place.start_us, place.end_us = rules.start_us, rules.end_us
    place.threshold_bps = -np.inf if rules.sends == ALONE else threshold_bps  # what is sold depends on what is held
    found = [_room(FIRST_ROWS, legs)]
    while not scan(world.market, world.legs, (world.cycles, world.steps), view, units, place, found[-1]):
        found.append(_room(2 * found[-1].at_us.size, legs))
        place.found = 0
    found[-1] = Candidates._make(column[: place[0].found] for column in found[-1])
    return _joined(found), place[0]


def _joined(found: list[Candidates]) -> Candidates:
    # column by column, each of whose pieces go before the next is put together
    pieces = [list(columns) for columns in zip(*found, strict=True)]
    found.clear()
    return Candidates._make(np.concatenate(pieces.pop(0)) for _ in Candidates._fields)


def _room(rows: int, legs: int) -> Candidates:
    return Candidates(
        at_us=np.empty(rows, np.int64),
        ordinal=np.empty(rows, np.int64),
        row=np.empty((rows, legs), np.int32),
        news=np.empty((rows, legs), np.bool_),
        received_at=np.empty((rows, legs)),
        spent_at=np.empty((rows, legs)),
    )


def walked(spec: Spec, world: World, funding: Funding, rows: Candidates) -> tuple[kernel.State, kernel.Log]:
    """Return the state at the end of a walk over candidates, and its logs, cut to what was written."""
    state, log, scratch = new_state(spec, world), _first_log(rows.at_us.size, world.payments.size), new_scratch(spec, world)
    due = np.searchsorted(world.payments.due_us, micros(spec.start), side="right")  # what falls due at the start is on no position
    if due < world.payments.size:
        log.queue[0], state.counts.queue = (world.payments[due].due_us, kernel.DUE, due), 1
    walks = walk_swaps if world.pools.size else _WALKS[int(world.rules[0].sends)]
    while not walks(world, funding, rows, state, log, scratch):
        log = larger(log, rows_needed(state, scratch.plan.size))
    used = state.counts[0]
    return state, kernel.Log(
        orders=_first(log.orders, used.orders),
        packages=_first(log.packages, used.packages),
        opportunities=_first(log.opportunities, used.opportunities),
        transfers=_first(log.transfers, used.transfers),
        queue=log.queue,
    )


def new_state(spec: Spec, world: World) -> kernel.State:
    """Return the state in which a run begins."""
    legs, days = len(spec.legs), micros(spec.end) // DAY_US - micros(spec.start) // DAY_US + 1
    state = kernel.State(
        counts=_records(kernel.COUNT, 1),
        wallets=_records(kernel.WALLET, len(spec.wallets)),
        currencies=_records(kernel.CURRENCY, len(spec.currencies)),
        combinations=_records(kernel.STANDING, legs * legs if world.rules[0].sends in {PAIRS, BASIS} else len(spec.combinations)),
        sides=_records(kernel.SIDE, 2 * legs),
        bets=_records(kernel.BET, legs),
        seen=_records(kernel.SEEN, world.market.series.size - 1),
        routes=_records(kernel.SENT_TODAY, len(spec.routes)),
        position=_records(kernel.POSITION, 1),
        funded=_records(kernel.FUNDED, world.payments.size),
        bar_taken=np.zeros(world.market.open_us.size, np.int64),
        open_value=np.zeros(len(spec.venues), np.int64),
        notional=np.zeros((len(spec.venues), days), np.int64),
    )
    state.counts.stopped_us = state.combinations.last_decision_us = state.routes.day = kernel.NEVER_US
    state.wallets.free = market.free(spec)
    state.currencies.held = world.start
    state.combinations.stood, state.combinations.episode = -2, -1
    state.bets.since_us = state.bets.stopped_us = kernel.NEVER_US
    state.sides.taken_epoch = state.sides.known_epoch = -1
    state.seen.row = state.seen.in_force = world.market.series.first[:-1] - 1
    return state


def new_log(rows: int, *, opportunities: int | None = None, events: int = 0) -> kernel.Log:
    """Return empty logs of so many rows each, other than those of opportunities where told.

    Its queue holds so many events beside those of orders and transfers.
    """
    return kernel.Log(
        orders=_records(kernel.ORDER, rows),
        packages=_records(kernel.PACKAGE, rows),
        opportunities=_records(kernel.OPPORTUNITY, rows if opportunities is None else opportunities),
        transfers=_records(kernel.TRANSFER, rows),
        queue=np.zeros((2 * rows + events, 3), np.int64),  # an event of each order and transfer
    )


def _first_log(candidates: int, events: int) -> kernel.Log:
    # as large as it mostly gets: to grow eight times took a quarter of the time of a walk over 15,000 candidates
    orders, opportunities = (max(FIRST_ROWS, min(candidates // each, _MOST_FIRST_ROWS)) for each in (16, 2))
    return new_log(orders, opportunities=opportunities, events=events)


def larger(log: kernel.Log, needed: tuple[int, int, int, int]) -> kernel.Log:
    """Return the logs with what they hold, and room for twice as many orders, packages, opportunities and transfers as are needed."""
    # each by itself: there may be a thousand opportunities an order
    orders, packages, opportunities, transfers = (
        _grown(rows, 2 * need if need > rows.size else rows.size)
        for rows, need in zip((log.orders, log.packages, log.opportunities, log.transfers), needed, strict=True)
    )
    queue = np.zeros((log.queue.shape[0] + orders.size - log.orders.size + transfers.size - log.transfers.size, 3), np.int64)
    queue[: log.queue.shape[0]] = log.queue
    return kernel.Log(orders=orders, packages=packages, opportunities=opportunities, transfers=transfers, queue=queue)


def _grown(rows: Records, size: int) -> Records:
    if size == rows.size:
        return rows
    more = _records(rows.dtype, size)
    more[: rows.size] = rows
    return more


def new_scratch(spec: Spec, world: World) -> kernel.Scratch:
    """Return the room that decisions need."""
    legs, combinations, levels = len(spec.legs), spec.combinations, world.market.price.shape[2]
    return kernel.Scratch(
        received=np.empty(legs),
        spent=np.empty(legs),
        ranked=np.empty(len(combinations), np.int64),
        edges=np.empty(len(combinations)),
        plan=_records(kernel.PLANNED, max(map(len, combinations))),
        reach=np.empty(2 * levels + 1, np.int64),
        level=np.empty((2, 2 * levels + 1), np.int64),
    )


def _records(kind: np.dtype[np.void], rows: int) -> Records:
    return np.zeros(rows, kind).view(np.recarray)


def _orders(log: Records) -> Orders:
    columns = {name: np.ascontiguousarray(log[name]) for name in _fields(Orders, kernel.ORDER)}
    return Orders(**{**columns, **{name: columns[name].astype(np.int32) for name in ("leg", "side", "role", "outcome")}})


def _transfers(log: Records, ordinal: Int64s) -> Transfers:
    columns = {name: np.ascontiguousarray(log[name]) for name in _fields(Transfers, kernel.TRANSFER)}
    happened: dict[str, Bools] = {name: columns[name] == 1 for name in ("credited", "is_paid")}
    ordinals = {"route": ordinal[columns["route"]].astype(np.int32), "leg": columns["leg"].astype(np.int32)}
    return Transfers(**{**columns, **ordinals, **happened})


def _opportunities(spec: Spec, log: Records) -> Opportunities:
    columns = {name: np.ascontiguousarray(log[name]) for name in _fields(Opportunities, kernel.OPPORTUNITY)}
    if not spec.strategy.is_listed:  # the kernel's pairs have a diagonal
        sell, buy = np.divmod(columns["combination"], len(spec.legs))
        columns["combination"] = sell * (len(spec.legs) - 1) + buy - (buy > sell)
    return Opportunities(**{**columns, **{name: columns[name].astype(np.int32) for name in ("combination", "outcome")}})


def _funding(payments: Records, funded: Records) -> Paid:
    paid = funded.is_paid
    columns = {name: np.ascontiguousarray(funded[name][paid]) for name in ("position", "amount", "variation", "lacking")}
    return Paid(due_us=payments.due_us[paid], paid_us=payments.paid_us[paid], rate=payments.rate[paid], **columns)


def _first(rows: Records, count: int) -> Records:
    return rows[:count].view(np.recarray)


def _fields(table: type, record: np.dtype[np.void]) -> list[str]:
    return [field.name for field in fields(table) if field.name in (record.names or ())]
