"""A ledger on paper: two packages and the marks around them, whose every line was worked out by hand.

At minute 1, BTC is worth 101 and a USDC 0.99. Package 0 sells 1 BTC at bravo for USDC, decided at 102 and filled at 101.5, and buys
0.4 of 1 BTC at alfa for USD, decided at 100 and filled at 100.5; both fills are recorded at minute 3, when BTC is worth 100 and a USDC
0.95. The venues take 10 bps. Package 1 is decided at minute 2: its sell at alfa misses its limit at minute 4, its buy at bravo is open.
At minute 5 BTC is worth 110 and a USDC 0.9.
"""

import numpy as np

from engine.kernels.path import FILLED, MISSED_LIMIT, OPEN, PARTIAL, Orders
from engine.marks import Marks
from engine.schema import ATOMS_PER_UNIT
from tests.engine.small import after, bars, small

ALFA, BRAVO = 0, 1
SPEC = small(
    {"alfa BTC/USD": bars(), "bravo BTC/USDC": bars(), "bravo USDC/USD": bars(level=1.0)},
    minutes=5,
    venues={"alfa": {"balances": {"USD": "1000", "BTC": "1"}}, "bravo": {"balances": {"USDC": "200", "BTC": "4"}}},
).spec


def atoms(*amounts: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return amounts [units] as atoms."""
    return np.array([round(amount * ATOMS_PER_UNIT) for amount in amounts], dtype=np.int64)


def minutes(*numbers: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return times in minutes after the start [µs]."""
    return np.array([after(60 * number) for number in numbers], dtype=np.int64)


ORDERS = Orders(
    decided_us=minutes(1, 1, 2, 2),
    arrival_us=minutes(1.5, 1.5, 2.5, 4.5),
    recorded_us=minutes(3, 3, 4, 6),
    leg=np.array([BRAVO, ALFA, ALFA, BRAVO], dtype=np.int32),
    bar=np.array([7, 2, 3, 9], dtype=np.int64),
    planned=atoms(1, 1, 2, 2),
    filled=atoms(1, 0.4, 0, 0),
    reserve=atoms(1, 100.1, 2, 204.204),
    flow=atoms(101.5, 40.2, 0, 0),
    cost=atoms(0.1015, 0.0402, 0, 0),
    outcome=np.array([FILLED, PARTIAL, MISSED_LIMIT, OPEN], dtype=np.int32),
    decision_price=np.array([102.0, 100.0, 101.0, 102.0]),
    limit_price=np.array([101.0, 101.0, 100.5, 102.0]),
    price=np.array([101.5, 100.5, np.nan, np.nan]),
    edge_bps=np.array([80.0, 80.0, -5.0, -5.0]),
)
MARKS = Marks(
    at_us=minutes(0, 1, 2, 2.5, 3, 4, 5),
    ticks=np.array([0, 1, 2, 4, 5, 6], dtype=np.int64),
    value={
        "BTC": np.array([101.0, 101.0, 101.0, 101.0, 100.0, 100.0, 110.0]),
        "USD": np.ones(7),
        "USDC": np.array([1.0, 0.99, 0.99, 0.97, 0.95, 0.95, 0.9]),
    },
    stale={"BTC": 0, "USD": 0, "USDC": 0},
)
