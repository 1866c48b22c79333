"""The hash of every file of two results, to be printed by processes of their own: `python -m tests.engine.digests`."""

import hashlib
import json

import numpy as np

from engine.backtest import run
from engine.config import parse_spec_toml
from engine.result import Result
from engine.synth import depeg_weekend
from tests.engine.small import START, small
from tests.strategies import MINUTE, frame


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
    world = small(series, minutes=minutes, strategy={"threshold_bps": 5.0, "max_notional": "50"})
    return run(world.spec, world.bars)


def weekend() -> Result:
    """Return a run of the synthetic weekend."""
    found = depeg_weekend(11)
    return run(parse_spec_toml(found.spec_toml), found.bars)


def digests() -> dict[str, str]:
    """Return the SHA-256 of each file of both results."""
    results = {"busy": busy(), "weekend": weekend()}
    return {f"{run}/{name}": hashlib.sha256(content).hexdigest() for run, result in results.items() for name, content in result.files().items()}


if __name__ == "__main__":
    print(json.dumps(digests()))
