"""The oracle: docs/model.md a second time, in plain Python, slow and obvious, for tests to hold the kernel against.

It shares no code with the kernel. `replay` is the whole of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from engine.config import Spec
from engine.oracle.attribution import attribution
from engine.oracle.data import Marks, mark_table, observations
from engine.oracle.decisions import episodes
from engine.oracle.path import walk
from engine.oracle.state import Balances, Order, Run, Side, opening_wallets
from engine.schema import SeriesKey

REASONS = ("cool_down", "no_volume", "no_funds", "below_minimum")


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleOrder:
    """One order; times in µs, amounts in atoms (base for quantities, quote for flow and fee), None for what did not happen by the end."""

    package: int
    leg: int
    decided_us: int
    arrival_us: int
    recorded_us: int | None
    notice_us: int | None
    venue: str
    instrument: str
    side: Side
    planned_atoms: int
    filled_atoms: int
    decision_price: float
    limit_price: float
    price: float | None
    flow_atoms: int
    fee_atoms: int
    outcome: str
    edge_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleResult:
    """All that a run brought; balances are (free, reserved, pending) atoms, the journal has them after every microsecond that moved any."""

    orders: list[OracleOrder]
    balances: Balances
    journal: list[tuple[int, Balances]]
    dropped: dict[str, int]
    opportunities: list[tuple[int, SeriesKey, SeriesKey, float]]
    episodes: int
    marks: list[tuple[int, Marks]]
    equity: list[tuple[int, float, float]]
    attribution: dict[str, float]


def replay(spec: Spec, bars: Mapping[SeriesKey, pl.DataFrame]) -> OracleResult:
    """Return what docs/model.md says about this spec on these bars.

    Parameters
    ----------
    spec : Spec
        The backtest.
    bars : one frame of schema `BARS` per key of `spec.series`
        Sorted by open time; rows outside the window are left out.

    Returns
    -------
    OracleResult
        Orders by package, then leg; opportunities by time, then edge; equity as (tick [µs], equity, hold) and
        attribution, both in the numeraire.

    Raises
    ------
    DataError
        If a series has no bar with volume in the window, or a currency that is held or traded no mark at the start.
    """
    market = {key: observations(spec, key, bars[key]) for key in spec.series}
    run = Run(spec=spec, market=market, marks=mark_table(spec, market), wallets=opening_wallets(spec))
    walk(run)
    return OracleResult(
        orders=[_report(order) for order in run.orders],
        balances=run.balances(),
        journal=run.journal,
        dropped={reason: run.dropped[reason] for reason in REASONS},
        opportunities=[(t, sell, buy, edge) for t, found in run.instants for edge, sell, buy in found],
        episodes=episodes([found for _, found in run.instants]),
        marks=run.marks,
        equity=run.equity,
        attribution=attribution(run),
    )


def _report(order: Order) -> OracleOrder:
    return OracleOrder(
        package=order.package,
        leg=0 if order.side == "sell" else 1,
        decided_us=order.decided,
        arrival_us=order.arrival,
        recorded_us=order.resolves if order.resolved else None,
        notice_us=order.notice if order.noticed else None,
        venue=order.instrument.venue,
        instrument=order.instrument.name,
        side=order.side,
        planned_atoms=order.planned,
        filled_atoms=order.filled,
        decision_price=order.decision_price,
        limit_price=order.limit,
        price=order.price,
        flow_atoms=order.flow,
        fee_atoms=order.fee,
        outcome=order.outcome,
        edge_bps=order.edge_bps,
    )
