"""Money between venues: what a request does, when it starts, and when it is credited."""

from engine.config import Route
from engine.hours import openings
from engine.oracle.state import CREDIT, Run, Transfer, WalletKey
from engine.schema import micros
from engine.units import atoms


def request(run: Run, route: Route, amount: int, t: int, *, leg: int | None = None) -> None:
    """Ask for a transfer at t: it leaves free at once, wholly; `leg`: whose position goes to a desk, or comes back."""
    number = len(run.transfers)
    transfer = Transfer(number=number, route=route, requested=t, amount=amount, fee=atoms(route.fee), credited=_credit_time(run, route, t), leg=leg)
    run.wallets[route.source, route.currency].free -= amount
    run.transfers.append(transfer)
    if transfer.credited is not None:
        run.wait(transfer.credited, CREDIT, number)
    run.record(t, "requested", number)


def credit(run: Run, transfer: Transfer, t: int) -> None:
    """Let a transfer arrive: what is left after the fee is free."""
    transfer.arrived = True
    run.wallets[transfer.route.destination, transfer.route.currency].free += transfer.amount - transfer.fee
    run.record(t, "credited", transfer.number)


def _credit_time(run: Run, route: Route, t: int) -> int | None:
    starts = _first_opening(run, route, t)
    if starts is None:
        return None
    arrives = starts + route.delay
    while (until := suspended_until(run, (route.destination, route.currency), "deposits", arrives)) is not None:
        arrives = until
    return arrives


# None if it does not open by the end.
def _first_opening(run: Run, route: Route, t: int) -> int | None:
    if route.hours is None:
        return t
    end = micros(run.spec.end)
    return min((max(opens, t) for opens, closes in openings(route.hours, t, end) if closes > t), default=None)


def suspended_until(run: Run, wallet: WalletKey, what: str, t: int) -> int | None:
    """Return when what is suspended of a wallet at t is open again; None where nothing is."""
    of_wallet = [s for s in run.spec.suspensions if (s.venue, s.currency) == wallet and s.what in {what, "both"}]
    return max((micros(s.end) for s in of_wallet if micros(s.start) <= t < micros(s.end)), default=None)
