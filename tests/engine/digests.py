"""The hash of every file of three results, to be printed by processes of their own: `python -m tests.engine.digests`."""

import hashlib
import json

import numpy as np

from engine.backtest import run
from engine.config import parse_spec_toml
from engine.result import Result
from engine.synth import depeg_weekend
from tests.engine.small import START, bars, small
from tests.strategies import MINUTE, frame, quote_frame

PLACES = (("alfa", "bravo"), ("bravo", "alfa"))


def busy() -> Result:
    """Return a run of three days on three venues with some thousand packages, most of them with a leg missed or in part."""
    chance, minutes = np.random.default_rng(5), 3 * 1440
    level = 100 * np.exp(np.cumsum(chance.normal(0, 5e-4, minutes + 2)))
    series = {}
    for name in ("alfa BTC/USD", "bravo BTC/USD", "charlie BTC/USD"):
        close = np.round(level * (1 + chance.normal(0, 1e-3, level.size)), 2)
        opened = np.round(close * (1 + chance.normal(0, 5e-4, level.size)), 2)
        volume = np.round(chance.exponential(5, level.size), 3)
        rows = zip(opened, np.maximum(opened, close), np.minimum(opened, close), close, volume, strict=True)
        series[name] = frame([(START + (n - 2) * MINUTE, *map(float, row)) for n, row in enumerate(rows)])
    world = small(series, minutes=minutes, strategy={"threshold_bps": 5.0, "max_notional": "50"}, execution={"residual": "unwind"})
    return run(world.spec, world.data)


def moving() -> Result:
    """Return a run of two hours of quotes on two venues, with tiers, hedges, and transfers that follow the trades."""
    chance, count = np.random.default_rng(7), 4_000
    level = 100 * np.exp(np.cumsum(chance.normal(0, 1e-4, count)))
    series = {}
    for name in ("alfa BTC/USD", "bravo BTC/USDC"):
        at = START + np.sort(chance.integers(-60_000_000, 7_200_000_000, count))
        mid, sizes = level * (1 + chance.normal(0, 8e-4, count)), chance.exponential(2, (2, count))
        rows = zip(at.tolist(), np.round(mid * 0.9999, 2), sizes[0], np.round(mid * 1.0001, 2), sizes[1], strict=True)
        series[name] = quote_frame([(ts, None, *map(float, row)) for ts, *row in rows])
    wallets = [{"venue": venue, "currency": "BTC", "weight": 0.5} for venue in ("alfa", "bravo")]
    world = small(
        {**series, "bravo USDC/USD": bars(last=120, level=1.0)},
        minutes=120,
        strategy={"threshold_bps": 5.0, "cool_down": "20s"},
        execution={"residual": "hedge", "take_share": 0.5},
        venues={
            "alfa": {"order_latency": "300ms", "fees": [{"tiers": [{"volume": 0, "taker_bps": 4}, {"volume": 1000, "taker_bps": 2}]}]},
            "bravo": {"order_latency": "500ms", "fee_bps": 1, "fee_currency": "received"},
        },
        rebalance={"policy": "weights", "every": "5m", "band": 0.1, "wallets": wallets},
        routes=[{"name": f"{a} to {b}", "currency": "BTC", "source": a, "destination": b, "fee": "0.001", "delay": "10m"} for a, b in PLACES],
    )
    return run(world.spec, world.data)


def weekend() -> Result:
    """Return a run of the synthetic weekend."""
    found = depeg_weekend(11)
    return run(parse_spec_toml(found.spec_toml), found.bars)


def digests() -> dict[str, str]:
    """Return the SHA-256 of each file of all of them."""
    results = {"busy": busy(), "moving": moving(), "weekend": weekend()}
    return {f"{run}/{name}": hashlib.sha256(content).hexdigest() for run, result in results.items() for name, content in result.files().items()}


if __name__ == "__main__":
    print(json.dumps(digests()))
