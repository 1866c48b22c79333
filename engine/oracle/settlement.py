"""Settlement of a perpetual to its margin wallet, and funding (docs/model.md, "Perpetuals")."""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil

import polars as pl

from engine.config import Spec
from engine.oracle.position import Payment, Position
from engine.oracle.state import DUE, PAID, Order, Run, Settled
from engine.schema import SeriesKey, funding_key, micros

MONTH = timedelta(days=30)


def position_of(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame]) -> Position | None:
    """Return the perpetual of a run before anything is held of it."""
    leg = spec.perpetual
    if leg is None:
        return None
    rows = [row for row in data[funding_key(leg.key)].sort("ts").iter_rows(named=True) if spec.start - MONTH <= row["ts"] <= spec.end + MONTH]
    payments = [Payment(due=micros(r["ts"]), known=micros(r["published"] or r["ts"]), rate=r["rate"]) for r in rows]
    return Position(leg=leg, payments=payments)


def wait_for_funding(run: Run) -> None:
    """Let payments of the run fall due; one at its start is on no position."""
    if run.position is not None:
        for number, payment in enumerate(run.position.payments):
            if micros(run.spec.start) < payment.due <= micros(run.spec.end):
                run.wait(payment.due, DUE, number)


def fall_due(run: Run, position: Position, number: int) -> None:
    """Work out a payment on what is held at the venue; it comes with the venue's next news."""
    payment = position.payments[number]
    payment.on = position.at_venue
    if payment.on:
        worth = round(run.mid(payment.due) * payment.on)
        payment.amount = -round(payment.rate * worth)
        run.wait(payment.due + run.notice_latency(position.leg), PAID, number)


def pay(run: Run, position: Position, number: int, t: int) -> None:
    """Pay what fell due, and settle."""
    payment = position.payments[number]
    payment.paid = t
    _settle(run, position, t, funding=payment.amount)
    run.record(t, "paid", number)


def take_fill(run: Run, position: Position, order: Order) -> None:
    """Take a noticed fill into what is known to be held, and settle."""
    held = position.known
    bought = order.filled if order.side == "buy" else -order.filled
    position.known = held + bought
    position.cost += order.flow if order.side == "buy" else -order.flow
    position.cost += 0 if order.fee_from_free else order.fee
    if held == 0:
        position.since = order.notice
    if position.known == 0:
        position.is_closing = False
    _settle(run, position, order.notice, funding=0)


# Cost goes to where the mid is; what that brings, and funding, is the wallet's, of which the initial margin is kept.
def _settle(run: Run, position: Position, t: int, *, funding: int) -> None:
    worth = round(run.mid(t) * position.known) if position.known else 0
    variation = worth - position.cost
    wallet = run.wallets[position.wallet]
    total = wallet.free + position.margin + variation + funding
    lacking = -total if total < 0 else 0
    margin = min(total + lacking, ceil(abs(worth) * position.initial))
    wallet.reserved += margin - position.margin
    wallet.free = total + lacking - margin
    position.margin, position.cost = margin, worth
    run.settled.append(Settled(t, position.wallet, variation, funding, lacking))
