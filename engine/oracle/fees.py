"""What a venue charges: the row in force, the tier, what is reserved and what a fill pays."""

from math import ceil
from typing import NamedTuple

from engine.config import POOLS, FeeSpan, Instrument
from engine.oracle import rules
from engine.oracle.state import Order, Run, WalletKey
from engine.schema import US_PER_SECOND
from engine.units import atoms

DAY = 86_400 * US_PER_SECOND
LOOK_BACK = 30 * DAY


class Charge(NamedTuple):
    """A fee: whose wallet pays it, how much [atoms], and whether it leaves free."""

    wallet: WalletKey
    amount: int
    from_free: bool


def row_in_force(run: Run, instrument: Instrument, t: int) -> FeeSpan:
    """Return the row of the schedule that holds for a leg at t."""
    return next(row for row in reversed(run.fee_rows[instrument.key]) if row.start_us <= t)


def rate(run: Run, instrument: Instrument, t: int) -> float:
    """Return the rate in force at t, tier included [fraction]."""
    reached = volume(run, instrument.venue, t)
    return [of_tier for least, of_tier in row_in_force(run, instrument, t).tiers if least <= reached][-1]


def volume(run: Run, venue: str, t: int) -> int:
    """Return a venue's 30-day volume as it was set at the last 00:00 [atoms of numeraire]."""
    midnight = t // DAY * DAY
    ours = sum(notional for when, where, notional in run.notionals if where == venue and midnight - LOOK_BACK <= when < midnight)
    return atoms(run.spec.venues[venue].volume_30d) + ours


def is_taken_in_base(run: Run, instrument: Instrument, t: int) -> bool:
    """Return whether what a buy costs grows by 1 / (1 - f): its fee comes out of what it bought, or out of what goes into a pool."""
    return instrument.data in POOLS or row_in_force(run, instrument, t).charged_in == "received"


def reserve_rate(run: Run, instrument: Instrument, t: int) -> float:
    """Return the rate that a buy sent at t reserves for [fraction]."""
    arrival = t + run.spec.venues[instrument.venue].order_latency
    rows = [row_in_force(run, instrument, when) for when in (t, arrival)]
    return max(0.0 if row.charged_in == "received" else row.tiers[0][1] for row in rows)


def charge(run: Run, order: Order) -> Charge:
    """Return what an order pays that resolves now, at the rate in force when it arrived."""
    row, of_fill = row_in_force(run, order.instrument, order.arrival), rate(run, order.instrument, order.arrival)
    if row.charged_in == "received" and order.side == "buy":
        return Charge(order.base, rules.fee(order.filled, of_fill), False)
    in_quote = Charge(order.quote, rules.fee(order.flow, of_fill), False)
    if row.charged_in in {"quote", "received"}:
        return in_quote
    in_asset = _in_asset(run, order, row.charged_in, of_fill)
    return in_asset if in_asset.amount <= run.free(in_asset.wallet) else in_quote


def _in_asset(run: Run, order: Order, asset: str, of_fill: float) -> Charge:
    u, m = run.mark(order.instrument.key.quote, order.resolves), run.mark(asset, order.resolves)
    # flow * f * (u / m), in this order
    amount = ceil(order.flow * of_fill * (u / m))
    return Charge((order.instrument.venue, asset), amount, True)


def count_notional(run: Run, order: Order) -> None:
    """Add a fill that resolves now to its venue's volume."""
    u = run.mark(order.instrument.key.quote, order.resolves)
    run.notionals.append((order.resolves, order.instrument.venue, round(order.flow * u)))
