"""The same spec with more money, or less."""

from decimal import ROUND_DOWN, Decimal

from pydantic import BaseModel

from engine.spec.funds import Rebalance
from engine.spec.risk import Risk
from engine.spec.spec import Spec
from engine.strategies.strategy import Strategy

_ATOM = Decimal("1e-8")


def scaled(spec: Spec, factor: Decimal) -> Spec:
    """Return the spec with all sizes multiplied: balances, notionals, amounts of risk, and what rebalancing aims at.

    Parameters
    ----------
    spec : Spec
        Of scale 1.
    factor : Decimal
        Above 0. Amounts are rounded down to an atom, and what is above 0 stays at least one.
    """
    return spec.model_copy(
        update={
            "venues": {
                name: venue.model_copy(update={"balances": {c: _times(held, factor) for c, held in venue.balances.items()}})
                for name, venue in spec.venues.items()
            },
            "strategy": _scaled_strategy(spec.strategy, factor),
            "risk": _scaled_risk(spec.risk, factor),
            "rebalance": None if spec.rebalance is None else _scaled_targets(spec.rebalance, factor),
        }
    )


def _times(amount: Decimal, factor: Decimal) -> Decimal:
    return max((amount * factor).quantize(_ATOM, ROUND_DOWN), _ATOM) if amount > 0 else amount


def _scaled_strategy(strategy: Strategy, factor: Decimal) -> Strategy:
    return strategy.model_copy(update=_amounts(strategy, strategy.amounts, factor))


def _scaled_risk(risk: Risk, factor: Decimal) -> Risk:
    limits = _amounts(risk, ("max_residual", "max_venue_open", "max_in_flight", "max_drawdown"), factor)
    return risk.model_copy(update={**limits, "max_asset": {c: _times(most, factor) for c, most in risk.max_asset.items()}})


def _scaled_targets(rebalance: Rebalance, factor: Decimal) -> Rebalance:
    wallets = tuple(target.model_copy(update=_amounts(target, ("floor", "target"), factor)) for target in rebalance.wallets)
    return rebalance.model_copy(update={"wallets": wallets})


def _amounts(table: BaseModel, names: tuple[str, ...], factor: Decimal) -> dict[str, Decimal]:
    present = {name: getattr(table, name) for name in names}
    return {name: _times(amount, factor) for name, amount in present.items() if amount is not None}
