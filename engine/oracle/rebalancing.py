"""Rebalancing: wallets below their floor are filled up from those that have more than they should."""

from dataclasses import dataclass
from math import floor

from engine.config import Rebalance, Route, Target
from engine.oracle.fees import DAY
from engine.oracle.state import Run, WalletKey
from engine.oracle.swaps import gas_of
from engine.oracle.transfers import request, suspended_until
from engine.units import atoms


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a wallet should have: below its floor it lacks what is missing to its target [atoms]."""

    wallet: WalletKey
    floor: int
    target: int


def rebalance(run: Run, t: int) -> None:
    """Move money, currency by currency, if this tick is one for it."""
    rule = run.spec.rebalance
    if rule is None or t % (rule.every or run.spec.clock) != 0:
        return
    for currency in sorted({target.currency for target in rule.wallets}):
        _rebalance(run, _aims(run, rule, currency), t)


def _aims(run: Run, rule: Rebalance, currency: str) -> list[Aim]:
    listed = [target for target in rule.wallets if target.currency == currency]
    total = sum(_has(run, (target.venue, currency)) for target in listed)
    return [_aim(rule, target, total) for target in listed]


def _aim(rule: Rebalance, target: Target, total: int) -> Aim:
    wallet = (target.venue, target.currency)
    if rule.policy == "threshold":
        assert target.floor is not None
        assert target.target is not None
        return Aim(wallet=wallet, floor=atoms(target.floor), target=atoms(target.target))
    assert target.weight is not None
    aimed = floor(target.weight * total)
    return Aim(wallet=wallet, floor=floor(aimed * (1 - rule.band)), target=aimed)


def _rebalance(run: Run, aims: list[Aim], t: int) -> None:
    left_out: list[Aim] = []
    while lacking := [aim for aim in aims if aim not in left_out and _lack(run, aim) > 0]:
        neediest = min(lacking, key=lambda aim: (-_lack(run, aim), aim.wallet))
        if not _fill_up(run, neediest, aims, t):
            left_out.append(neediest)


# Ask for one transfer, from the largest surplus that has a route that takes part; False if there is none.
def _fill_up(run: Run, needy: Aim, aims: list[Aim], t: int) -> bool:
    for giver in sorted(aims, key=lambda aim: (-_surplus(run, aim), aim.wallet)):
        for route in routes_between(run, giver.wallet, needy.wallet):
            amount = amount_of(run, route, min(_lack(run, needy) + atoms(route.fee), _surplus(run, giver)), t)
            if takes_part(run, route, amount, t):
                request(run, route, amount, t)
                return True
    return False


def routes_between(run: Run, source: WalletKey, destination: WalletKey) -> list[Route]:
    """Return the routes from one wallet to another: the cheapest first, then the fastest, then by name."""
    found = [r for r in run.spec.routes if (r.source, r.currency) == source and (r.destination, r.currency) == destination]
    return sorted(found, key=lambda r: (r.fee, r.delay, r.name))


def amount_of(run: Run, route: Route, most: int, t: int) -> int:
    """Return what of an amount a route may carry at t."""
    limits = [most]
    if route.daily_limit is not None:
        limits.append(atoms(route.daily_limit) - _requested_today(run, route, t))
    if run.spec.risk.max_in_flight is not None:
        m = run.mark(route.currency, t)
        limits.append(floor((atoms(run.spec.risk.max_in_flight) - _value_in_flight(run, t)) / m))
    return min(limits)


def takes_part(run: Run, route: Route, amount: int, t: int) -> bool:
    """Return whether a route can carry an amount at t."""
    is_open = suspended_until(run, (route.source, route.currency), "withdrawals", t) is None
    return is_open and amount >= atoms(route.minimum) and amount > atoms(route.fee)


def _requested_today(run: Run, route: Route, t: int) -> int:
    return sum(x.amount for x in run.transfers if x.route == route and x.requested // DAY == t // DAY)


def _value_in_flight(run: Run, t: int) -> int:
    return sum(round(run.in_flight(c) * run.mark(c, t)) for c in run.spec.currencies)


def _has(run: Run, wallet: WalletKey) -> int:
    venue, currency = wallet
    coming = [x.amount - x.fee for x in run.on_the_way() if (x.route.destination, x.route.currency) == (venue, currency)]
    committed = [order.reserve for order in run.under_way() if order.spends_from == wallet]
    committed += [gas_of(order.instrument) for order in run.under_way() if order.gas_wallet == wallet]
    return run.free(wallet) + sum(committed) + sum(coming)


def _lack(run: Run, aim: Aim) -> int:
    has = _has(run, aim.wallet)
    return aim.target - has if has < aim.floor else 0


def _surplus(run: Run, aim: Aim) -> int:
    return min(run.free(aim.wallet), _has(run, aim.wallet) - aim.target)
