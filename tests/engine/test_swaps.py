"""Swaps against the mathematics of pools, worked out independently in exact arithmetic.

Constant product: x y = k, with the fee taken of what goes in (Uniswap v2 Core, March 2020, section 3.1; its router's getAmountOut and
getAmountIn: amountIn (1 - f) reserveOut / (reserveIn + amountIn (1 - f)), and reserveIn amountOut / ((reserveOut - amountOut) (1 - f))).
Concentrated: within a range Δ√P = Δy / L and Δ(1/√P) = Δx / L (Uniswap v3 Core, March 2021, section 6.2.3, equations 6.13 to 6.16).
"""

from decimal import Decimal, getcontext
from math import inf

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.oracle.observations import Pool
from engine.oracle.swaps import Curve, reserve, root_after
from tests.engine.kernels.hand import records
from tests.engine.kernels.plain import market
from tests.engine.kernels.plain import pools as kernel
from tests.profiles import examples

getcontext().prec = 60
ATOMS = Decimal(10) ** 8
SELL, BUY = 0, 1

prices = st.floats(1e-4, 1e6)
bases = st.floats(10.0, 1e6)
shares = st.floats(1e-7, 0.45)
rates = st.sampled_from((0.0, 0.0001, 0.0005, 0.003, 0.01))


def curves(price: float, liquidity: float, rate: float, lower: float = 0.0, upper: float = inf) -> Curve:
    """Return a pool that nobody has swapped on."""
    pool = Pool(price=price, liquidity=liquidity, lower=lower, upper=upper)
    return Curve(pool=pool, root=root_after(pool, 0), rate=rate)


def atoms_of(curve: Curve, share: float) -> int:
    """Return a share of the base that the curve's formula has [atoms]."""
    return int(share * curve.depth / curve.root)


def nearly(found: int, exact: Decimal, *, against: int) -> bool:
    """Tell whether a whole amount is the exact one rounded against us: by less than an atom and a few units in its last place."""
    slack = 1 + exact * Decimal(2) ** -44
    return 0 <= (Decimal(found) - exact) * against <= slack


@examples(60)
@given(prices, bases, shares, rates)
def test_a_sale_brings_what_a_constant_product_pays_rounded_down(price: float, base: float, share: float, rate: float) -> None:
    curve = curves(price, base * price**0.5, rate)
    assume(base * price < 1e9)
    q = atoms_of(curve, share)
    assume(q > 0)
    root, depth = Decimal(curve.root), Decimal(curve.pool.liquidity) * ATOMS
    x, y = depth / root, depth * root
    paid_in = q * (1 - Decimal(rate))
    out = y - x * y / (x + paid_in)  # k stays
    net = curve.flow("sell", q) - curve.fee("sell", q)
    assert nearly(net, out, against=-1)
    assert nearly(curve.flow("sell", q), y - x * y / (x + q), against=-1)


@examples(60)
@given(prices, bases, shares, rates)
def test_a_buy_costs_what_a_constant_product_asks_rounded_up(price: float, base: float, share: float, rate: float) -> None:
    curve = curves(price, base * price**0.5, rate)
    assume(base * price < 1e9)
    q = atoms_of(curve, share)
    assume(q > 0)
    root, depth = Decimal(curve.root), Decimal(curve.pool.liquidity) * ATOMS
    x, y = depth / root, depth * root
    asked = (x * y / (x - q) - y) / (1 - Decimal(rate))
    flow, fee = curve.flow("buy", q), curve.fee("buy", q)
    assert 0 <= Decimal(flow + fee) - asked <= 3 + asked * Decimal(2) ** -44
    assert flow + fee <= reserve(flow / q, q, rate) <= flow + fee + 3 + asked * Decimal(2) ** -44


@examples(60)
@given(prices, bases, shares, st.booleans())
def test_within_a_range_a_swap_keeps_to_the_whitepaper(price: float, base: float, share: float, sells: bool) -> None:
    curve = curves(price, base * price**0.5, 0.0, lower=price / 4, upper=price * 4)
    assume(base * price < 1e9)
    q = atoms_of(curve, share)
    assume(q > 0)
    depth, root = Decimal(curve.pool.liquidity) * ATOMS, Decimal(curve.root)
    after = 1 / (1 / root + (q if sells else -q) / depth)  # 6.16: Δx = L Δ(1/√P)
    moved = abs(after - root) * depth  # 6.14: Δy = L Δ√P
    assert nearly(curve.flow("sell" if sells else "buy", q), moved, against=-1 if sells else 1)


def test_a_swap_ends_where_its_range_does() -> None:
    # L = 1000 at 100: from 1/√P = 0.1 to 1/√81 = 1/9 a sale puts in 1000 / 90, to 1/√121 = 1/11 a buy takes out 1000 / 110
    curve = curves(100.0, 1000.0, 0.0, lower=81.0, upper=121.0)
    assert curve.most("sell") == pytest.approx(1000 / 90 * 1e8, abs=10)
    assert curve.most("buy") == pytest.approx(1000 / 110 * 1e8, abs=10)
    # a fee of 1 % is on top of what goes in
    assert curves(100.0, 1000.0, 0.01, lower=81.0, upper=121.0).most("sell") == pytest.approx(1000 / 90 / 0.99 * 1e8, abs=10)
    # it brings the range's quote: 1000 (10 - 9), and costs 1000 (11 - 10)
    assert curve.flow("sell", curve.most("sell")) == pytest.approx(1000e8, abs=100)
    assert curve.flow("buy", curve.most("buy")) == pytest.approx(1000e8, abs=100)
    # a constant product has no lower end, and keeps a millionth of its base
    whole = curves(100.0, 1000.0, 0.0)
    assert whole.most("sell") == 2**62
    assert whole.most("buy") == pytest.approx(100e8 * (1 - 2**-20), rel=1e-9)


@examples(40)
@given(prices, bases, shares, rates, st.integers(-(10**8), 10**8))
def test_the_kernel_moves_what_the_oracle_does(price: float, base: float, share: float, rate: float, moved: int) -> None:
    assume(base * price < 1e9)
    curve = curves(price, base * price**0.5, rate, lower=price / 2, upper=price * 2)
    root = root_after(curve.pool, moved)
    row = {"root": np.sqrt(price), "liquidity": curve.depth, "reach_in": 1 / np.sqrt(price / 2), "reach_out": 1 / np.sqrt(price * 2)}
    pool = records(market.POOL, [row])[0]
    assert kernel.root_after(pool, moved) == root
    q, ours = max(atoms_of(curve, share), 1), Curve(pool=curve.pool, root=root, rate=rate)
    assert kernel.swap(pool, root, SELL, q, rate) == (ours.flow("sell", q), ours.fee("sell", q))
    assert kernel.swap(pool, root, BUY, q, rate) == (ours.flow("buy", q), ours.fee("buy", q))
    assert kernel.most_swapped(pool, root, SELL, rate) == ours.most("sell")
    assert kernel.most_swapped(pool, root, BUY, rate) == ours.most("buy")
