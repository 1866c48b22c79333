"""Swaps on a pool: what they move, how far they may go, and how they meet the chain."""

from dataclasses import dataclass
from math import ceil, floor, inf, sqrt

from engine.config import POOLS, Instrument
from engine.oracle import fees
from engine.oracle.observations import Observation, Pool, Series
from engine.oracle.rules import Side
from engine.oracle.state import Order, Run
from engine.units import atoms

SLACK = 2.0**-48
KEPT = 2.0**-20
MOST = 2**62


def is_pool(i: Instrument) -> bool:
    """Return whether an instrument is a pool."""
    return i.data in POOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A pool at a root of its price, for swaps at a fee rate."""

    pool: Pool
    root: float
    rate: float

    @property
    def depth(self) -> float:
        """Liquidity in atoms."""
        return self.pool.liquidity * 1e8

    def paid(self, v: float) -> int:
        """Return what base that goes in brings [atoms of quote]."""
        exact = v * self.root * self.root / (1 + v * self.root / self.depth)
        return floor(min(exact * (1 - SLACK), MOST))

    def flow(self, side: Side, q: int) -> int:
        """Return what a swap moves without its fee [atoms of quote]."""
        if side == "sell":
            return self.paid(float(q))
        room = 1 - q * self.root / self.depth
        return ceil(min(q * self.root * self.root / room * (1 + SLACK / room), MOST))

    def fee(self, side: Side, q: int) -> int:
        """Return what the pool keeps [atoms of quote]."""
        flow = self.flow(side, q)
        return flow - self.paid(q * (1 - self.rate)) if side == "sell" else on_top(flow, self.rate)

    def most(self, side: Side, inverse: float | None = None) -> int:
        """Return how much base a swap may move within the range, or until 1 / root is `inverse` [atoms]."""
        if side == "sell":
            reach = min(inf if inverse is None else inverse, inf if self.pool.lower == 0 else 1 / sqrt(self.pool.lower))
            far = self.depth * (reach - 1 / self.root) / (1 - self.rate)
        else:
            reach = max(0.0 if inverse is None else inverse, 1 / sqrt(self.pool.upper), KEPT / sqrt(self.pool.price))
            far = self.depth * (1 / self.root - reach)
        return max(floor(max(min(far, MOST), -MOST)), 0)


def on_top(flow: int, rate: float) -> int:
    """Return the fee that goes in beside a buy's flow [atoms of quote]."""
    return ceil(flow * rate / (1 - rate) * (1 + SLACK))


def reserve(limit: float, q: int, rate: float) -> int:
    """Return what a buy of q needs in the worst case [atoms of quote]."""
    flow = ceil(limit * q * (1 + SLACK))
    return flow + on_top(flow, rate)


def limit_of(side: Side, price: float, q: int, distance_bps: float) -> float:
    """Return the worst average price of a swap of q, of which q times the price is so much."""
    distance = distance_bps * 1e-4
    return price * (1 - distance if side == "sell" else 1 + distance) / q


def moved(side: Side, q: int, rate: float) -> int:
    """Return the base that a swap puts into a pool [atoms]."""
    return round(q * (1 - rate)) if side == "sell" else -q


def root_after(pool: Pool, n: int) -> float:
    """Return the root of the price once n of base were put in."""
    s = sqrt(pool.price)
    return s / max(1 + n * s / (pool.liquidity * 1e8), KEPT)


def in_view(run: Run, i: Instrument, side: Side, t: int) -> Curve:
    """Return the curve that a swap decided at t is to meet: the pool must be present."""
    seen = run.market[i.key].present(t)
    assert seen is not None
    assert seen.pool is not None
    known = sum(_moved(run, order) for order in run.orders if order.instrument.key == i.key and order.noticed and order.before is seen)
    coming = sum(o.planned for o in run.under_way() if o.instrument.key == i.key and o.side == side)
    n = known + coming if side == "sell" else known - coming
    return Curve(pool=seen.pool, root=root_after(seen.pool, n), rate=fees.rate(run, i, t))


def _moved(run: Run, order: Order) -> int:
    return moved(order.side, order.filled, fees.rate(run, order.instrument, order.arrival)) if order.filled else 0


def block_at(run: Run, order: Order) -> int:
    """Return when the block is that a swap gets into [µs]."""
    i = order.instrument
    assert i.block_time is not None
    return min([row.event for row in run.market[i.key].rows if row.event >= order.arrival] + [order.arrival + i.block_time])


def fill_swap(run: Run, order: Order) -> str:
    """Let a swap meet its pool; its gas is burnt wherever there is one."""
    series, i = run.market[order.instrument.key], order.instrument
    before = _before(series, order.arrival)
    last = series.in_force(order.resolves)
    if before is None or before.pool is None or order.resolves - before.event > series.max_age or last is None or not last.good:
        return "absent"
    order.gas, order.before = gas_of(i), before
    n = sum(_moved(run, other) for other in run.orders if other.instrument.key == i.key and other.before is before and other is not order)
    curve = Curve(pool=before.pool, root=root_after(before.pool, n), rate=fees.rate(run, i, order.arrival))
    q = order.planned
    if q > curve.most(order.side):
        return "limit"
    flow = curve.flow(order.side, q)
    price = flow / q
    if price < order.limit if order.side == "sell" else price > order.limit:
        return "limit"
    order.filled, order.flow, order.price = q, flow, price
    order.fee, order.fee_wallet = curve.fee(order.side, q), order.quote
    return "filled"


def _before(series: Series, t: int) -> Observation | None:
    return next((row for row in reversed(series.rows) if row.event < t), None)


def gas_of(i: Instrument) -> int:
    """Return what a swap burns [atoms of the gas currency]."""
    return 0 if i.gas is None else atoms(i.gas)
