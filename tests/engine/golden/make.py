"""Write the golden runs anew: `python -m tests.engine.golden.make`. The data is invented; every expected value is the oracle's.

Run it only when docs/model.md has changed, and say in the commit which rule did.
"""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import polars as pl

from engine import manifest
from engine.config import Spec, parse_spec_toml
from engine.schema import BARS, FUNDING, POOL_STATES, QUOTES, SeriesKey, funding_key, micros, quotes_schema
from engine.synth_pool import pool_and_book
from tests.engine.engines import Engine, by_oracle
from tests.strategies import World

FOLDER = Path(__file__).parent
NAMES = ("bars", "depth", "together", "sequence", "peg", "pool", "basis")
_DATA = {"bars": "bars", "depth": "depth", "together": "cycles", "sequence": "cycles", "peg": "bars", "pool": "pool", "basis": "depth"}
_MINUTE_US = 60_000_000
_LEAD_US = {"bars": 5 * _MINUTE_US, "depth": 10_000_000, "cycles": 10_000_000, "pool": 60_000_000}
_SCALES = {"BTC/USD": (1.0, 1), "ETH/BTC": (0.07 / 20_000, 7), "ETH/USD": (0.07, 2)}
"""What a quote of BTC is multiplied with for that of another instrument, and to how many digits that is recorded."""


def read(name: str) -> World:
    """Return a golden world from its spec and its data."""
    spec = parse_spec_toml((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    data = {key: _read_series(_path(name, key), name) for key in spec.series}
    if spec.perpetual is not None:
        data[funding_key(spec.perpetual.key)] = _read_funding(FOLDER / f"{name}_funding.csv")
    return World(form=spec.canonical(), spec=spec, data=data)


def made_from(world: World) -> dict[str, object]:
    """Return the part of the run's manifest that does not depend on code or libraries."""
    whole = manifest.build(world.spec, world.data, assumptions=[])
    return {name: whole[name] for name in ("spec_sha256", "data")}


def said(engine: Engine, world: World) -> dict[str, object]:
    """Return what an engine says, as JSON values."""
    found: dict[str, object] = json.loads(json.dumps(_plain(asdict(engine(world)))))
    of_perpetuals = ("settled", "payments")
    return {name: value for name, value in found.items() if name not in of_perpetuals or value}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {" ".join(key) if isinstance(key, tuple) else key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _path(name: str, key: SeriesKey) -> Path:
    return FOLDER / f"{_DATA[name]}_{key.venue}_{key.base}-{key.quote}.csv"


def _read_series(path: Path, name: str) -> pl.DataFrame:
    levels = {"pool": QUOTES, "bars": BARS}.get(_DATA[name], quotes_schema(3))
    schema = POOL_STATES if path.name.startswith("pool_synthetic-pool") else levels
    plain = pl.read_csv(path, schema={column: pl.Int64() if kind.is_temporal() else kind for column, kind in schema.items()})
    return plain.cast(dict(schema))  # type: ignore[arg-type]


def _read_funding(path: Path) -> pl.DataFrame:
    plain = pl.read_csv(path, schema={"ts": pl.Int64(), "published": pl.Int64(), "rate": pl.Float64()})
    return plain.cast(dict(FUNDING))  # type: ignore[arg-type]


def _write_series(path: Path, rows: list[tuple[int | float | None, ...]], schema: Mapping[str, pl.DataType]) -> None:
    kinds = {column: pl.Int64() if kind.is_temporal() else kind for column, kind in schema.items()}
    pl.DataFrame(rows, schema=kinds, orient="row").write_csv(path)


def _bars(chance: random.Random, first_us: int, count: int, factor: float, peg: list[float]) -> list[tuple[int | float | None, ...]]:
    rows, own, before = [], 0.0, None
    for n in range(count):
        own = 0.7 * own + chance.gauss(0, 8e-4)
        close = round(20_000 * factor / peg[n] * math.exp(0.002 * math.sin(n / 25) + own), 2)
        opened = close if before is None else round(before * (1 + chance.gauss(0, 1e-4)), 2)
        high, low = round(max(opened, close) * (1 + 2e-4), 2), round(min(opened, close) * (1 - 2e-4), 2)
        volume = 0.0 if chance.random() < 0.04 else round(chance.expovariate(0.4), 4)
        before = close
        if chance.random() > 0.02:
            rows.append((first_us + n * _MINUTE_US, opened, high, low, close, volume))
    return rows


def _peg_bars(first_us: int, peg: list[float]) -> list[tuple[int | float | None, ...]]:
    rows = []
    for n, price in enumerate(peg):
        opened = round(peg[n - 1] if n else price, 4)
        close = round(price, 4)
        rows.append((first_us + n * _MINUTE_US, opened, max(opened, close), min(opened, close), close, 50_000.0))
    return rows


def _quotes(
    chance: random.Random, first_us: int, last_us: int, late_us: int, *, scale: float = 1.0, digits: int = 1
) -> list[tuple[int | float | None, ...]]:
    rows, at, mid, own = [], first_us, 20_000.0, 0.0
    while at < last_us:
        at += chance.randrange(50_000, 900_000)
        own = 0.9 * own + chance.gauss(0, 6.0)
        bid = round(mid + 30 * math.sin(at / 4e7) + own, 1)
        ask = round(bid + chance.choice((0.1, 0.1, 0.5, 2.0)) - (3.0 if chance.random() < 0.01 else 0.0), 1)
        received = at + late_us + chance.randrange(5_000, 40_000)
        sizes = [round(chance.expovariate(2) + 0.001, 3) for _ in range(6)]
        levels = [(round((bid - k) * scale, digits), sizes[2 * k], round((ask + k) * scale, digits), sizes[2 * k + 1]) for k in range(3)]
        depth = 3 if chance.random() < 0.8 else 1
        flat = [value for level in levels[:depth] for value in level] + [None] * (4 * (3 - depth))
        rows.append((at, received, *flat))
    return rows


def _invent(name: str) -> None:
    chance = random.Random(20230311)
    spec = parse_spec_toml((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    if name == "pool":
        _invent_pool(spec)
        return
    first, last = micros(spec.start) - _LEAD_US[_DATA[name]], micros(spec.end)
    count = (last - first) // _MINUTE_US
    peg = [1.0 - 0.04 * max(0.0, math.sin((n - 60) / 40)) for n in range(count)]
    for key in spec.series:
        path = _path(name, key)
        if _DATA[name] == "cycles":
            scale, digits = _SCALES[key.instrument]
            _write_series(path, _quotes(chance, first, last, 0, scale=scale, digits=digits), quotes_schema(3))
        elif name == "depth":
            _write_series(path, _quotes(chance, first, last, -1_200_000 if key.venue == "alfa" else 0), quotes_schema(3))
        elif key.base == spec.base:
            factor = 1.0 if key.quote in {"USD", "USDC"} else 1 / 300
            _write_series(path, _bars(chance, first, count, factor, peg if key.quote == "USDC" else [1.0] * count), BARS)
        else:
            _write_series(path, _peg_bars(first, peg if key.base == "USDC" else [300.0] * count), BARS)


def _invent_pool(spec: Spec) -> None:
    # some minutes of the synthetic pool and its book
    first, last = micros(spec.start) - _LEAD_US["pool"], micros(spec.end)
    for key, rows in pool_and_book(1).items():
        kept = rows.filter(pl.col("ts").dt.epoch("us").is_between(first, last))
        kept.with_columns(pl.col("ts", "received").dt.epoch("us")).write_csv(_path("pool", key))


def main() -> None:
    """Invent the data where it is not there, and write what the oracle says."""
    for name in NAMES:
        if not list(FOLDER.glob(f"{_DATA[name]}_*.csv")):
            _invent(name)
        world = read(name)
        text = json.dumps({"made_from": made_from(world), "expected": said(by_oracle, world)}, sort_keys=True, separators=(",", ":"))
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        found = by_oracle(world)
        print(f"{name}: {len(found.orders)} orders, {len(found.transfers)} transfers, {len(found.opportunities)} opportunities, stops {found.stops}")


if __name__ == "__main__":
    main()
