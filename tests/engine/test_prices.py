"""Prices on the tick, and the bid and ask that a bar's price implies."""

from decimal import Decimal

import numpy as np
import pytest

from engine import prices
from engine.config import Instrument
from tests.engine.small import bars, small


def instrument(tick: str, half_spread_bps: float = 0.0) -> Instrument:
    markets = small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars()}).spec.instruments
    return markets[0].model_copy(update={"tick": Decimal(tick), "half_spread_bps": half_spread_bps})


@pytest.mark.parametrize(
    ("tick", "half_spread_bps", "price", "bid", "ask"),
    [
        ("0.01", 0.0, 100.0, 100.0, 100.0),
        ("0.01", 1.0, 100.0, 99.99, 100.01),
        ("0.01", 1.5, 100.0, 99.98, 100.02),  # 99.985, 100.015
        ("0.05", 0.0, 100.01, 100.0, 100.05),
        ("0.1", 0.0, 0.3, 0.3, 0.3),  # 0.3 / 0.1 is 2.9999999999999996
        ("0.1", 0.0, 0.7, 0.7, 0.7),  # 0.7 / 0.1 is 6.999999999999999
        ("1", 0.0, 99.999999, 100.0, 100.0),  # within a millionth of a tick
        ("1", 0.0, 100.000001, 100.0, 100.0),
        ("1", 0.0, 99.9999, 99.0, 100.0),
        ("1", 0.0, 100.0001, 100.0, 101.0),
        ("1", 0.0, 0.4, 0.0, 1.0),
    ],
)
def test_a_bid_is_rounded_down_and_an_ask_up_to_the_tick(tick: str, half_spread_bps: float, price: float, bid: float, ask: float) -> None:
    market = instrument(tick, half_spread_bps)
    found = [float(side(np.array([price]), market)[0]) for side in (prices.implied_bid, prices.implied_ask)]
    assert found == [bid, ask]


@pytest.mark.parametrize("tick", ["0.01", "0.1", "0.05", "0.03", "0.0001", "0.00000001", "0.5", "25"])
def test_prices_on_the_tick_are_the_floats_of_their_decimals(tick: str) -> None:
    # 10,060 × 0.01 is 100.60000000000001, and an order that is limited by that misses a quote of 100.6
    decimals = [n * Decimal(tick) for n in (1, 3, 7, 999, 10_060, 1_234_567, 99_999_999)]
    floats = [float(price) for price in decimals]
    for rounded in (prices.floor_tick, prices.ceil_tick):
        assert rounded(np.array(floats), Decimal(tick)).tolist() == floats
