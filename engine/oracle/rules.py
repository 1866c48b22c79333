"""The arithmetic of docs/model.md, one function a line of it."""

from math import ceil, floor

from engine.config import Instrument, Spec


def floor_tick(x: float, i: Instrument) -> float:
    """Return the price on the tick at or below x [quote per base]."""
    k = float(i.tick)
    return floor(x / k + 1e-6) * k


def ceil_tick(x: float, i: Instrument) -> float:
    """Return the price on the tick at or above x [quote per base]."""
    k = float(i.tick)
    return ceil(x / k - 1e-6) * k


def bid(x: float, i: Instrument) -> float:
    """Return what a seller gets where a bar says x [quote per base]."""
    return floor_tick(x * (1 - i.half_spread_bps * 1e-4), i)


def ask(x: float, i: Instrument) -> float:
    """Return what a buyer pays where a bar says x [quote per base]."""
    return ceil_tick(x * (1 + i.half_spread_bps * 1e-4), i)


def fee_rate(spec: Spec, i: Instrument) -> float:
    """Return the taker fee as a fraction of the flow."""
    return spec.venues[i.venue].fee_bps * 1e-4


def flow(price: float, quantity: int) -> int:
    """Return atoms of quote for atoms of base."""
    return round(price * quantity)


def fee(amount: int, rate: float) -> int:
    """Return atoms of quote that the venue keeps of a flow."""
    return ceil(amount * rate)


def volume_cap(spec: Spec, volume: float) -> int:
    """Return our share of a bar's volume [atoms of base]."""
    return floor(spec.execution.volume_share * volume * 1e8)
