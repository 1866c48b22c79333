"""When the desk of an issuer is at work: within its hours, and not while a wallet of it is suspended."""

from collections.abc import Sequence

from engine.hours import Hours, openings
from engine.schema import US_PER_SECOND, instant, micros
from engine.spec.funds import Suspension
from engine.spec.redemption import Redemption
from engine.units import iso

HORIZON_US = 60 * 86_400 * US_PER_SECOND
"""What is asked for late in a run may wait for an opening after its end."""

Window = tuple[int, int]


def closures(suspensions: Sequence[Suspension], wallet: tuple[str, str], what: str) -> list[Window]:
    """Return when withdrawals, or deposits, of a wallet are suspended, by time [µs]."""
    return sorted((micros(s.start), micros(s.end)) for s in suspensions if (s.venue, s.currency) == wallet and s.what in {what, "both"})


def windows(hours: Hours | None, suspended: Sequence[Window], start_us: int, end_us: int) -> list[Window]:
    """Return when it is at work from a start to an end, by time [µs]."""
    found = openings(hours, start_us, end_us)
    for closes, opens in suspended:
        found = [part for window in found for part in _without(window, closes, opens)]
    return found


def _without(window: Window, closes: int, opens: int) -> list[Window]:
    first, last = window
    return [(a, b) for a, b in ((first, min(last, closes)), (max(first, opens), last)) if a < b]


def first_paid_us(redemption: Redemption, coin: str, suspensions: Sequence[Suspension], start_us: int, end_us: int) -> int | None:
    """Return when it would pay for what came to it at the start [µs]; None: not before `HORIZON_US` after the end."""
    wallets = ((redemption.desk, coin), "withdrawals"), ((redemption.desk, redemption.pays), "deposits")
    begins, pays = (windows(redemption.hours, closures(suspensions, wallet, what), start_us, end_us + HORIZON_US) for wallet, what in wallets)
    due = max(begins[0][0], start_us) + redemption.delay if begins else None
    return next((max(first, due) for first, last in pays if due < last), None) if due is not None else None


def unpaid(redemption: Redemption, coin: str, suspensions: Sequence[Suspension], start_us: int, end_us: int) -> list[str]:
    """Return that nothing is paid within a run, where that is so."""
    paid_us = first_paid_us(redemption, coin, suspensions, start_us, end_us)
    if paid_us is None or paid_us <= end_us:
        return []
    when = iso(instant(paid_us))
    return [f"strategy.redemption: {redemption.desk} would pay at {when} at the earliest, after the run's end: nothing is redeemed in it"]
