"""A run on paper: two packages, a residual order, two transfers, and the marks around them, whose every line was worked out by hand.

At minute 1, BTC is worth 101 and a USDC 0.99. Package 0 sells 1 BTC at bravo for USDC, decided at 102 and filled at 101.5, and buys
0.4 of 1 BTC at alfa for USD, decided at 100 and filled at 100.5; both fills are recorded at minute 3, when BTC is worth 100 and a USDC
0.95. Bravo takes 10 bps of the quote, from minute 3.5 on in BNB; alfa takes 10 bps of what is received. Package 1 is decided at minute 2:
its sell at alfa misses its limit at minute 4, its buy at bravo is open. At minute 3 a residual order buys back 0.5 of 0.6 BTC at bravo,
decided at 105 and filled at 105.2 at minute 4, when a USDC is worth 0.94 and a BNB 310. Two transfers of USDC from bravo to alfa cost 1
each: 50, from minute 2 to 3, and 30, from minute 4 on. At minute 5 BTC is worth 110, a USDC 0.9 and a BNB 320.
"""

import numpy as np

from engine import panel
from engine.events import (
    BUY,
    DECISIONS,
    FILLED,
    LEG,
    MISSED_LIMIT,
    OPEN,
    PARTIAL,
    RESIDUAL,
    SELL,
    Funding,
    Opportunities,
    Orders,
    Path,
    Transfers,
)
from engine.schema import ATOMS_PER_UNIT
from tests.engine.small import START, Bar, after, bars, small
from tests.strategies import iso

ALFA, BRAVO = 0, 1
CHEAP, DEAR = 0, 1  # what sells at alfa, and at bravo
TURN = iso(START + 210_000_000)


def closes(*prices: float) -> dict[int, Bar]:
    """Return bars of which each is known at the minute that is its place in the list."""
    return {n - 1: Bar(price) for n, price in enumerate(prices)}


WORLD = small(
    {
        "alfa BTC/USD": bars(closes(101, 101, 101, 100, 100, 110), level=101.0),
        "bravo BTC/USDC": bars(closes(102, 102, 102, 105, 106, 122), level=102.0),
        "bravo USDC/USD": bars(closes(1, 0.99, 0.99, 0.95, 0.94, 0.9), level=1.0),
        "alfa BNB/USD": bars(closes(300, 300, 300, 300, 310, 320), level=300.0),
    },
    minutes=5,
    venues={
        "alfa": {"fee_bps": 10, "fee_currency": "received", "balances": {"USD": "1000", "BTC": "1"}},
        "bravo": {
            "fees": [{"end": TURN, "taker_bps": 10}, {"start": TURN, "taker_bps": 10, "charged_in": "BNB"}],
            "balances": {"USDC": "200", "BTC": "4", "BNB": "1"},
        },
    },
    instruments={"alfa BNB/USD": {"use": "mark"}, "bravo USDC/USD": {"half_spread_bps": 10, "tick": "0.0001"}},
    routes=[{"name": "chain", "currency": "USDC", "source": "bravo", "destination": "alfa", "fee": "1", "delay": "1m"}],
    rebalance={
        "policy": "threshold",
        "wallets": [{"venue": v, "currency": "USDC", "floor": f, "target": f} for v, f in (("alfa", "49"), ("bravo", "0"))],
    },
)
SPEC = WORLD.spec
PANEL = panel.build(SPEC, WORLD.data)
MARKS = PANEL.marks


def atoms(*amounts: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return amounts [units] as atoms."""
    return np.array([round(amount * ATOMS_PER_UNIT) for amount in amounts], dtype=np.int64)


def minutes(*numbers: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return times in minutes after the start [µs]."""
    return np.array([after(60 * number) for number in numbers], dtype=np.int64)


def ordinals(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Return places in lists."""
    return np.array(numbers, dtype=np.int32)


def decided(*names: str) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Return decisions as columns have them."""
    return ordinals(*(DECISIONS.index(name) for name in names))


ORDERS = Orders(
    package=np.array([0, 0, 1, 1, 0], dtype=np.int64),
    leg=ordinals(BRAVO, ALFA, ALFA, BRAVO, BRAVO),
    side=ordinals(SELL, BUY, SELL, BUY, BUY),
    role=ordinals(LEG, LEG, LEG, LEG, RESIDUAL),
    outcome=ordinals(FILLED, PARTIAL, MISSED_LIMIT, OPEN, PARTIAL),
    decided_us=minutes(1, 1, 2, 2, 3),
    arrival_us=minutes(1.5, 1.5, 2.5, 4.5, 3.5),
    recorded_us=minutes(3, 3, 4, 6, 4),
    notice_us=minutes(3, 3, 4, 6, 5.5),
    planned=atoms(1, 1, 1, 1, 0.6),
    filled=atoms(1, 0.4, 0, 0, 0.5),
    reserve=atoms(1, 101, 1, 102.102, 63.375312),
    flow=atoms(101.5, 40.2, 0, 0, 52.6),
    fee=atoms(0.1015, 0.0004, 0, 0, 0.002),
    fee_wallet=np.array(
        [SPEC.wallets.index(wallet) for wallet in (("bravo", "USDC"), ("alfa", "BTC"))] + [-1, -1, SPEC.wallets.index(("bravo", "BNB"))]
    ),
    gas=atoms(0, 0, 0, 0, 0),
    decision_price=np.array([102.0, 100.0, 101.0, 102.0, 105.0]),
    limit_price=np.array([101.0, 101.0, 100.5, 102.0, 105.52]),
    price=np.array([101.5, 100.5, np.nan, np.nan, 105.2]),
    edge_bps=np.array([80.0, 80.0, 15.0, 15.0, 80.0]),
    variation=atoms(0, 0, 0, 0, 0),
    lacking=atoms(0, 0, 0, 0, 0),
)
NO_FUNDING = Funding(**{name: np.empty(0, np.float64 if name == "rate" else np.int64) for name in Funding.__slots__})
TRANSFERS = Transfers(
    route=ordinals(0, 0),
    requested_us=minutes(2, 4),
    credited_us=minutes(3, 6),
    amount=atoms(50, 30),
    fee=atoms(1, 1),
    credited=np.array([True, False]),
    leg=ordinals(-1, -1),
    paid_us=np.full(2, -(2**62)),
    paid=atoms(0, 0),
    is_paid=np.array([False, False]),
)
OPPORTUNITIES = Opportunities(
    at_us=minutes(1, 2, 2, 3, 5),
    combination=ordinals(DEAR, DEAR, CHEAP, DEAR, CHEAP),
    edge_bps=np.array([80.0, 60.0, 15.0, 1400.0, 12.0]),
    episode=np.array([0, 0, 1, 0, 2], dtype=np.int64),
    outcome=decided("sent", "cool_down", "sent", "alarm", "no_funds"),
    package=np.array([0, -1, 1, -1, -1], dtype=np.int64),
)
BALANCES = {
    ("alfa", "BTC"): (1.3996, 0, 0),
    ("alfa", "USD"): (959.8, 0, 0),
    ("alfa", "USDC"): (49, 0, 0),
    ("bravo", "BNB"): (0.998, 0, 0),
    ("bravo", "BTC"): (3, 0, 0.5),
    ("bravo", "USDC"): (55.921188, 102.102, 10.775312),
}
PATH = Path(
    orders=ORDERS,
    transfers=TRANSFERS,
    opportunities=OPPORTUNITIES,
    funding=NO_FUNDING,
    stops=[(after(300), "misses")],
    wallets=SPEC.wallets,
    balances=np.stack([atoms(*BALANCES[wallet]) for wallet in SPEC.wallets]),
    best_edge_bps=1400.0,
    instants=6,
)
IDLE = Path(
    orders=Orders(**{name: getattr(ORDERS, name)[:0] for name in Orders.__slots__}),
    transfers=Transfers(**{name: getattr(TRANSFERS, name)[:0] for name in Transfers.__slots__}),
    opportunities=Opportunities(**{name: getattr(OPPORTUNITIES, name)[:0] for name in Opportunities.__slots__}),
    funding=NO_FUNDING,
    stops=[],
    wallets=SPEC.wallets,
    balances=np.zeros((len(SPEC.wallets), 3), np.int64),
    best_edge_bps=None,
    instants=6,
)
"""The same in which nothing happened."""
