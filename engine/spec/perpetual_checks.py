"""Contradictions between a perpetual and the rest of a spec."""

from collections.abc import Iterator

from engine.errors import Problem
from engine.spec.spec import Spec
from engine.strategies.basis import Basis


def _uses(spec: Spec) -> Iterator[Problem]:
    for i in spec.instruments:
        if i.perpetual is None:
            continue
        if spec.strategy.kind != "basis":
            message = f'{i.key} is a perpetual, which only strategy "basis" trades: leave it out, or trade it against spot'
            yield Problem(path="instruments", message=message)
        elif i.use != "trade":
            yield Problem(path="instruments", message=f'{i.key} is a perpetual: its price marks and converts nothing, so its use must be "trade"')


def _legs(spec: Spec) -> Iterator[Problem]:
    if spec.strategy.kind != "basis":
        return
    perpetuals = [leg.key for leg in spec.legs if leg.perpetual is not None]
    spot = [leg.key for leg in spec.legs if leg.perpetual is None]
    if (len(perpetuals), len(spot)) != (1, 1):
        found = f"{len(perpetuals)} with perpetual = {{…}} and {len(spot)} without"
        yield Problem(path="instruments", message=f'strategy "basis" trades one perpetual against one of spot, found {found}')


def _fees(spec: Spec) -> Iterator[Problem]:
    leg = spec.perpetual
    if leg is None or leg.venue not in spec.venues:
        return
    rows = [
        row
        for row in spec.venues[leg.venue].schedule
        if row.charged_in in {"received", leg.key.quote} and (not row.instruments or leg.name in row.instruments)
    ]
    if rows:
        message = f'{leg.key} is a perpetual, which is charged in its margin currency: "quote", or an asset beside it'
        yield Problem(path=f"venues.{leg.venue}.fees" if spec.venues[leg.venue].fees else f"venues.{leg.venue}.fee_currency", message=message)


def _funds(spec: Spec) -> Iterator[Problem]:
    strategy, leg = spec.strategy, spec.perpetual
    if not isinstance(strategy, Basis) or leg is None:
        return
    for spot in spec.legs if strategy.directions == "both" else ():
        if spot.perpetual is None and spot.venue in spec.venues and not spec.venues[spot.venue].balances.get(spot.key.base):
            message = f'"both" sells spot from the wallet, and there is no {spot.key.base} at {spot.venue}: give a balance, or leave it at "short"'
            yield Problem(path="strategy.directions", message=message)
    for currency in sorted(spec.risk.max_asset):
        yield Problem(path=f"risk.max_asset.{currency}", message='has no meaning with strategy "basis", which keeps no quote currency: leave it out')
    if strategy.max_hold is not None and strategy.max_hold < spec.clock:
        yield Problem(path="strategy.max_hold", message="is looked at once a tick: it must not be below clock")


ALL = (_uses, _legs, _fees, _funds)
"""The checks of this module."""
