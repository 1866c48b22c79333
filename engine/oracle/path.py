"""The walk through time: what waits happens, ticks are taken, instants are decided."""

from heapq import heappop

from engine.oracle import peg, redemption
from engine.oracle.basis import close_late
from engine.oracle.basis import decide as decide_basis
from engine.oracle.completion import note_package
from engine.oracle.liquidation import watch
from engine.oracle.observations import instants, ticks
from engine.oracle.orders import notice, resolve
from engine.oracle.packages import decide
from engine.oracle.rebalancing import rebalance
from engine.oracle.risk import check_drawdown
from engine.oracle.settlement import fall_due, pay, wait_for_funding
from engine.oracle.state import CREDIT, DUE, PAID, REDEEMED, RESOLVE, Run
from engine.oracle.transfers import credit
from engine.schema import micros
from engine.strategies.basis import Basis
from engine.strategies.peg import Peg


def walk(run: Run) -> None:
    """Take the run from its start to its end."""
    of_clock, of_market = set(ticks(run.spec)), set(instants(run.spec, run.market))
    run.record(micros(run.spec.start), "start", 0)
    wait_for_funding(run)
    for t in sorted(of_clock | of_market):
        _let_happen(run, t)
        if t in of_clock:
            _tick(run, t)
            _let_happen(run, t)
        if t in of_market:
            _decide(run, t)
    _let_happen(run, micros(run.spec.end))


def _decide(run: Run, t: int) -> None:
    if run.position is not None and isinstance(run.spec.strategy, Basis):
        decide_basis(run, run.position, run.spec.strategy, t)
    elif isinstance(run.spec.strategy, Peg):
        peg.decide(run, run.spec.strategy, t)
    else:
        decide(run, t)


def _tick(run: Run, t: int) -> None:
    if run.position is not None and isinstance(run.spec.strategy, Basis):
        watch(run, run.position, t)
        close_late(run, run.position, run.spec.strategy, t)
    check_drawdown(run, t)
    if isinstance(run.spec.strategy, Peg):
        peg.tick(run, run.spec.strategy, t)
        redemption.visit(run, t)
    rebalance(run, t)


# All that waits up to t, by time, kind and number; what it causes in time joins the queue.
def _let_happen(run: Run, t: int) -> None:
    while run.queue and run.queue[0][0] <= t:
        _happen(run, *heappop(run.queue))


def _happen(run: Run, at: int, kind: int, number: int) -> None:
    if kind == CREDIT:
        credit(run, run.transfers[number], at)
        redemption.ask(run, run.transfers[number], at)
    elif kind == RESOLVE:
        resolve(run, run.orders[number])
    elif kind in {DUE, PAID} and run.position is not None:
        fall_due(run, run.position, number) if kind == DUE else pay(run, run.position, number, at)
    elif kind == REDEEMED:
        redemption.pay(run, run.transfers[number], at)
    else:
        notice(run, run.orders[number])
        note_package(run, run.orders[number], at)
