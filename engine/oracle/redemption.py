"""Redemption at par: coins go to the issuer's desk, wait there, are paid, and the money comes back."""

from math import ceil

from engine.hours import openings
from engine.oracle import fees
from engine.oracle.peg import close_if_empty
from engine.oracle.rebalancing import amount_of, routes_between, takes_part
from engine.oracle.signals import known_at_tick
from engine.oracle.state import REDEEMED, Run, Transfer
from engine.oracle.transfers import request, suspended_until
from engine.schema import micros
from engine.spec.redemption import Redemption
from engine.units import atoms


def visit(run: Run, t: int) -> None:
    """At a tick, leg by leg: send what may be redeemed to the desk, and bring back what it paid."""
    redemption = run.spec.strategy.redeems
    if redemption is not None:
        for leg in range(len(run.spec.legs)):
            _redeem(run, redemption, leg, t)
            _bring_back(run, redemption, leg, t)


def ask(run: Run, transfer: Transfer, t: int) -> None:
    """At the credit of a transfer: if it went to the desk, its coins wait there in no wallet until they are paid."""
    redemption = run.spec.strategy.redeems
    if redemption is None or transfer.leg is None or transfer.route.destination != redemption.desk or transfer.route.currency != run.spec.base:
        return
    transfer.pays, transfer.paid, transfer.pays_at = redemption.pays, _paid_for(redemption, transfer.sent), _pays_at(run, redemption, t)
    run.wallets[redemption.desk, transfer.route.currency].free -= transfer.sent
    if transfer.pays_at is not None:
        run.wait(transfer.pays_at, REDEEMED, transfer.number)
    run.record(t, "asked", transfer.number)


def pay(run: Run, transfer: Transfer, t: int) -> None:
    """Let the desk pay for a transfer."""
    assert transfer.pays is not None
    assert transfer.leg is not None
    transfer.is_paid = True
    run.wallets[transfer.route.destination, transfer.pays].free += transfer.paid
    run.bets[transfer.leg].due += transfer.paid
    run.record(t, "paid", transfer.number)


def _redeem(run: Run, redemption: Redemption, leg: int, t: int) -> None:
    i, position = run.spec.legs[leg], run.bets[leg]
    coin = i.key.base
    if position.held < atoms(i.lot) or position.since is None or t < position.since + redemption.after:
        return
    most = min(position.held, run.free((i.venue, coin)))
    for route in routes_between(run, (i.venue, coin), (redemption.desk, coin)):
        amount = amount_of(run, route, most, t)
        paid = _paid_for(redemption, amount - atoms(route.fee))
        is_enough = amount - atoms(route.fee) >= atoms(redemption.minimum) and paid > 0
        if takes_part(run, route, amount, t) and is_enough and _gains(run, redemption, leg, amount, paid, t):
            request(run, route, amount, t, leg=leg)
            position.held -= amount
            close_if_empty(run, leg)
            return


def _bring_back(run: Run, redemption: Redemption, leg: int, t: int) -> None:
    position, source = run.bets[leg], (redemption.desk, redemption.pays)
    if position.due <= 0:
        return
    for route in routes_between(run, source, (run.spec.legs[leg].venue, redemption.pays)):
        amount = amount_of(run, route, min(position.due, run.free(source)), t)
        if takes_part(run, route, amount, t):
            request(run, route, amount, t, leg=leg)
            position.due -= amount
            return


def _paid_for(redemption: Redemption, amount: int) -> int:
    return amount - ceil(amount * (redemption.fee_bps * 1e-4)) - atoms(redemption.fee)


# What the desk pays against what selling would bring, in the numeraire; where nobody bids it pays more.
def _gains(run: Run, redemption: Redemption, leg: int, amount: int, paid: int, t: int) -> bool:
    i, seen = run.spec.legs[leg], known_at_tick(run, leg, t)
    if seen is None or seen.bids[0].price <= 0:
        return True
    proceeds = seen.bids[0].price * (1 - fees.rate(run, i, t))
    sold = proceeds * amount * run.mark(i.key.quote, t)
    return 1e4 * (paid * run.mark(redemption.pays, t) / sold - 1) >= redemption.gain_bps


# None where it does not by the end.
def _pays_at(run: Run, redemption: Redemption, t: int) -> int | None:
    coin = run.spec.base
    assert coin is not None
    begins = _first_open(run, redemption, (redemption.desk, coin), "withdrawals", t)
    return None if begins is None else _first_open(run, redemption, (redemption.desk, redemption.pays), "deposits", begins + redemption.delay)


# The first time at or after t at which the desk is open and the wallet is not suspended.
def _first_open(run: Run, redemption: Redemption, wallet: tuple[str, str], what: str, t: int) -> int | None:
    while True:
        open_from = _next_opening(run, redemption, t)
        if open_from is None:
            return None
        until = suspended_until(run, wallet, what, open_from)
        if until is None:
            return open_from
        t = until


def _next_opening(run: Run, redemption: Redemption, t: int) -> int | None:
    end = micros(run.spec.end)
    if redemption.hours is None:
        return t
    return min((max(opens, t) for opens, closes in openings(redemption.hours, t, end) if closes > t), default=None) if t <= end else None
