"""Strategies are found by their files, and nothing else knows them by name."""

import json
import subprocess
import sys
from pathlib import Path

from engine.strategies import registry
from engine.strategies.spatial import Spatial
from engine.strategies.triangular import Triangular
from tests.engine.small import dear_alfa

SIXTH = '''
"""`mirror`: buy the second leg, sell the first."""

from typing import ClassVar, Literal

from engine.strategies.combination import BUY, SELL, Combination, Step
from engine.strategies.strategy import Sends, Strategy


class Mirror(Strategy):
    """Buy at one venue and sell at the other, as a cycle of two steps."""

    kind: Literal["mirror"]
    sent_as: ClassVar[str] = "a buy and a sell each"

    @property
    def sends(self) -> Sends:
        return "together"

    def combinations(self, legs: object) -> tuple[Combination, ...]:
        return ((Step(1, BUY), Step(0, SELL)),)
'''


def test_every_file_of_strategies_is_there_by_its_kind() -> None:
    assert registry.STRATEGIES["spatial"] is Spatial
    assert registry.STRATEGIES["triangular"] is Triangular
    files = {path.stem for path in Path(registry.__file__).parent.glob("*.py")} - {"__init__", "registry", "strategy", "combination"}
    assert set(registry.STRATEGIES) == files


def test_a_new_strategy_is_a_file_and_nothing_else(tmp_path: Path) -> None:
    """A file more, in a folder that the package looks into, and a spec of its kind runs."""
    (tmp_path / "mirror.py").write_text(SIXTH)
    world = dear_alfa()
    form = world.spec.canonical() | {"strategy": {"kind": "mirror", "threshold_bps": 1.0}}
    series = {str(key): frame.write_csv() for key, frame in world.data.items()}
    program = """
import io, json, sys
import polars as pl
from engine import strategies
strategies.__path__.append(sys.argv[1])
from engine.backtest import run
from engine.config import parse_spec
from engine.schema import BARS, SeriesKey
form, series = json.load(sys.stdin)
frames = {SeriesKey(*key.split(" ")): pl.read_csv(io.StringIO(text), schema=BARS | {"ts": pl.String}).with_columns(
    pl.col("ts").str.to_datetime(time_unit="us", time_zone="UTC")) for key, text in series.items()}
result = run(parse_spec(form), frames, stress=False)
print(json.dumps([result.summary["strategy"], result.summary["counts"]["packages"], sorted(set(result.opportunities["legs"]))]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], input=json.dumps([form, series]), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kind, packages, legs = json.loads(done.stdout)
    assert kind == "mirror"
    assert packages == 1
    assert legs == ["buy bravo BTC/USD, sell alfa BTC/USD"]
