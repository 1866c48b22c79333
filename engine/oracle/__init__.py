"""The oracle: docs/model.md a second time, in plain Python, slow and obvious, for tests to hold the kernel against.

It shares no code with the kernel. `replay` is the whole of it; `path.walk` is where to begin reading.
"""

from collections.abc import Mapping

import polars as pl

from engine.config import Spec
from engine.oracle.attribution import attribution, attribution_days, equity
from engine.oracle.market import read_market
from engine.oracle.marks import refuse_unmarked_start
from engine.oracle.observations import instants, ticks
from engine.oracle.path import walk
from engine.oracle.quality import quality
from engine.oracle.result import OracleOpportunity, OracleOrder, OracleResult, OracleTransfer
from engine.oracle.risk import guard_events, halted_at
from engine.oracle.settlement import position_of
from engine.oracle.state import Opportunity, Order, Run, Transfer, opening_wallets
from engine.oracle.trading_back import trading_back
from engine.schema import SeriesKey

__all__ = ["DECISIONS", "OracleOpportunity", "OracleOrder", "OracleResult", "OracleTransfer", "replay"]

DECISIONS = (
    "sent", "alarm", "stopped", "halted", "residual", "cool_down",
    "no_volume", "no_funds", "below_minimum", "venue_limit", "asset_limit",
)  # fmt: skip
"""What may come of an opportunity."""


def replay(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame]) -> OracleResult:
    """Return what docs/model.md says about this spec on these data.

    Parameters
    ----------
    spec : Spec
        The backtest.
    data : one frame per key of `spec.series`
        Of schema `BARS`, sorted by open time, or `QUOTES`, in the order in which they were sent, as the instrument's `data` says; what
        lies outside the window is left out.

    Returns
    -------
    OracleResult
        Orders and transfers as they were sent; opportunities by time, then edge; equity as (tick [µs], equity, hold) and
        attribution, both in the numeraire; a row of counts about the data of each series.

    Raises
    ------
    DataError
        If a series has no good observation in the window, too many quotes came before they happened, or a currency that needs a mark has
        none at the start.
    """
    market, marks = read_market(spec, data)
    refuse_unmarked_start(spec, marks)
    guard = guard_events(spec, marks)
    run = Run(
        spec=spec,
        combinations=spec.combinations,
        market=market,
        marks=marks,
        wallets=opening_wallets(spec),
        fee_rows={i.key: spec.fee_rows(i) for i in spec.instruments},
        halted_at=halted_at(spec, guard),
        position=position_of(spec, data),
    )
    walk(run)
    back, at_marks = trading_back(run)
    return OracleResult(
        orders=[_report_order(order) for order in run.orders],
        transfers=[_report_transfer(transfer) for transfer in run.transfers],
        opportunities=[_report_opportunity(opportunity) for opportunity in run.opportunities],
        decisions={name: sum(o.outcome == name for o in run.opportunities) for name in DECISIONS},
        episodes=run.episodes,
        instants=len(instants(spec, market)),
        stops=run.stops,
        guard_events=guard,
        balances=run.journal[-1].balances,
        journal=run.journal,
        marks=[(t, {currency: marks.at(currency, t) for currency in spec.currencies}) for t in ticks(spec)],
        equity=equity(run),
        attribution=attribution(run),
        attribution_days=attribution_days(run),
        settled=run.settled,
        payments=[] if run.position is None else [payment for payment in run.position.payments if payment.paid is not None],
        trade_back=back,
        trade_back_at_marks=at_marks,
        quality=quality(spec, data, market, marks),
    )


def _report_order(order: Order) -> OracleOrder:
    return OracleOrder(
        package=order.package,
        role=order.role,
        leg=order.leg,
        side=order.side,
        outcome=order.outcome,
        decided_us=order.decided,
        arrival_us=order.arrival,
        recorded_us=order.resolves if order.resolved else None,
        notice_us=order.notice if order.noticed else None,
        venue=order.instrument.venue,
        instrument=order.instrument.name,
        planned=order.planned,
        filled=order.filled,
        reserve=order.reserve,
        flow=order.flow,
        fee=order.fee,
        fee_currency=None if order.fee_wallet is None else order.fee_wallet[1],
        decision_price=order.decision_price,
        limit_price=order.limit,
        price=order.price,
        edge_bps=order.edge_bps,
    )


def _report_transfer(transfer: Transfer) -> OracleTransfer:
    return OracleTransfer(
        route=transfer.route.name,
        requested_us=transfer.requested,
        credited_us=transfer.credited if transfer.arrived else None,
        amount=transfer.amount,
        fee=transfer.fee,
        paid_us=transfer.pays_at if transfer.is_paid else None,
        paid=transfer.paid if transfer.is_paid else 0,
    )


def _report_opportunity(found: Opportunity) -> OracleOpportunity:
    return OracleOpportunity(
        at_us=found.at,
        combination=found.combination,
        edge_bps=found.edge_bps,
        outcome=found.outcome,
        episode=found.episode,
        package=found.package,
    )
