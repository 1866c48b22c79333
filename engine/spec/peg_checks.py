"""Contradictions between a bet on a peg, the desk that redeems its coin, and the rest of a spec."""

from collections.abc import Iterator

from engine.errors import Problem, suggest
from engine.hours import openings
from engine.schema import micros
from engine.spec.desk_hours import HORIZON_US, first_paid_us
from engine.spec.redemption import Redemption
from engine.spec.spec import Spec
from engine.strategies.peg import Peg
from engine.units import atoms, format_duration

_PATH = "strategy.redemption"


def _window(spec: Spec) -> Iterator[Problem]:
    window = spec.strategy.window if isinstance(spec.strategy, Peg) else None
    if window is not None and spec.clock > 0 and (window < 2 * spec.clock or window % spec.clock):
        message = f"must be a multiple of the clock ({format_duration(spec.clock)}), two of it at least, found {format_duration(window)}"
        yield Problem(path="strategy.window", message=message)


def _residuals(spec: Spec) -> Iterator[Problem]:
    if spec.strategy.sends == "alone" and spec.risk.max_residual is not None:
        message = "has no meaning where orders go alone and leave nothing unequal: leave it out; risk.max_asset limits what is held"
        yield Problem(path="risk.max_residual", message=message)


def _desk(spec: Spec) -> Iterator[Problem]:
    redemption = spec.strategy.redeems
    if redemption is None or not spec.legs:
        return
    desk, coin = redemption.desk, spec.legs[0].key.base
    if desk not in spec.venues:
        yield Problem(path=f"{_PATH}.desk", message=f"is {desk!r}, which [venues] does not have; {suggest(desk, spec.venues)}")
        return
    if any(i.venue == desk for i in spec.instruments):
        yield Problem(
            path=f"{_PATH}.desk", message=f"must be a venue of its own, found {desk!r}, which has instruments: name the issuer's desk apart"
        )
    if spec.venues[desk].balances.get(coin):
        yield Problem(path=f"venues.{desk}.balances", message=f"what lies at the desk would never be redeemed: {coin} comes to it by routes alone")
    if spec.rebalance is not None and any(target.venue == desk for target in spec.rebalance.wallets):
        yield Problem(path="rebalance.wallets", message=f"{desk} redeems, and what it pays goes back where the coins came from: leave it out")
    yield from _ways(spec, redemption, coin)


def _ways(spec: Spec, redemption: Redemption, coin: str) -> Iterator[Problem]:
    # from some leg to the desk, and from there back wherever coins come from
    desk, homes = redemption.desk, {leg.venue for leg in spec.legs}
    out = [r for r in spec.routes if r.destination == desk and r.currency == coin and r.source in homes]
    back = {r.destination for r in spec.routes if r.source == desk and r.currency == redemption.pays}
    if not out:
        message = f"no route brings {coin} from {' or '.join(sorted(homes))} to {desk}: add one to [[routes]]"
        yield Problem(path=f"{_PATH}.desk", message=message)
    for venue in sorted({route.source for route in out} - back):
        message = f"no route brings {redemption.pays} from {desk} back to {venue}: add one to [[routes]]"
        yield Problem(path=f"{_PATH}.desk", message=message)
    limits = [route.daily_limit - route.fee for route in out if route.daily_limit is not None]
    if out and len(limits) == len(out) and max(limits) < redemption.minimum:
        message = f"is {redemption.minimum} {coin}, more than any route to {desk} may carry in a day ({max(limits)} after its fee)"
        yield Problem(path=f"{_PATH}.minimum", message=message)


def _terms(spec: Spec) -> Iterator[Problem]:
    redemption = spec.strategy.redeems
    if redemption is None or not spec.legs:
        return
    if redemption.pays == spec.legs[0].key.base:
        yield Problem(path=f"{_PATH}.pays", message=f"is {redemption.pays}, the coin itself: a desk pays what it is pegged to, such as USD")
    least = atoms(redemption.minimum)
    if least and least * (1 - redemption.fee_bps * 1e-4) <= atoms(redemption.fee):
        yield Problem(path=f"{_PATH}.minimum", message=f"of {redemption.minimum} would pay nothing after the fee of {redemption.fee}: raise it")
    first_us, last_us = micros(spec.start), micros(spec.end)
    if not openings(redemption.hours, first_us, last_us + HORIZON_US):
        yield Problem(path=f"{_PATH}.hours", message="never open, neither in the run nor in the 60 days after it: nothing would ever be paid")
    elif first_paid_us(redemption, spec.legs[0].key.base, spec.suspensions, first_us, last_us) is None:
        message = f"by its delay and [[suspensions]] {redemption.desk} would pay neither in the run nor in the 60 days after it: change them"
        yield Problem(path=_PATH, message=message)


ALL = (_window, _residuals, _desk, _terms)
"""The checks of this module."""
