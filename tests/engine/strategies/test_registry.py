"""Strategies are found by their files, and nothing else knows them by name."""

import json
import subprocess
import sys
from pathlib import Path

from engine.strategies import registry
from engine.strategies.spatial import Spatial
from engine.strategies.triangular import Triangular
from tests.engine.small import dear_alfa

PAGE = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text(encoding="utf-8")
SIXTH = PAGE.split("```python\n")[1].split("```")[0]
"""The strategy that the documentation adds."""


def test_every_file_of_strategies_is_there_by_its_kind() -> None:
    assert registry.STRATEGIES["spatial"] is Spatial
    assert registry.STRATEGIES["triangular"] is Triangular
    files = {path.stem for path in Path(registry.__file__).parent.glob("*.py")} - {"__init__", "registry", "strategy", "combination", "names"}
    assert set(registry.STRATEGIES) == files


def test_a_new_strategy_is_a_file_and_nothing_else_and_is_swept(tmp_path: Path) -> None:
    """The file of the documentation, in a folder that the package looks into: a spec of its kind runs, and its parameters are swept."""
    (tmp_path / "one_way.py").write_text(SIXTH)
    world = dear_alfa()
    form = world.spec.canonical() | {"strategy": {"kind": "one_way", "sell_at": "alfa", "threshold_bps": 1.0}}
    series = {str(key): frame.write_csv() for key, frame in world.data.items()}
    program = """
import io, json, sys
import polars as pl
from engine import strategies
strategies.__path__.append(sys.argv[1])
from engine import sweep
from engine.backtest import run
from engine.config import parse_spec
from engine.errors import SpecError
from engine.schema import BARS, SeriesKey
form, series = json.load(sys.stdin)
frames = {SeriesKey(*key.split(" ")): pl.read_csv(io.StringIO(text), schema=BARS | {"ts": pl.String}).with_columns(
    pl.col("ts").str.to_datetime(time_unit="us", time_zone="UTC")) for key, text in series.items()}
result = run(parse_spec(form), frames, stress=False)
parameters = [{"path": "strategy.sell_at", "values": ["bravo", "alfa"]}]
swept = sweep.run(sweep.parse_sweep({"version": 1, "name": "s", "design": "grid", "keep": 0, "spec": form, "parameters": parameters}), frames)
try:
    refused = parse_spec(form | {"strategy": form["strategy"] | {"sell_at": "delta"}})
except SpecError as error:
    refused = str(error)
print(json.dumps([result.summary["strategy"], result.summary["counts"]["packages"], sorted(set(result.opportunities["legs"])),
    swept.trials["packages"].to_list(), swept.trials["excess"][1] == result.summary["excess"], str(refused)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], input=json.dumps([form, series]), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kind, packages, legs, swept, is_the_same, refused = json.loads(done.stdout)
    assert (kind, packages, legs) == ("one_way", 1, ["buy bravo BTC/USD, sell alfa BTC/USD"])
    assert (swept, is_the_same) == ([0, 1], True)
    assert "strategy.sell_at: expected a venue with an instrument that another has as well, found 'delta'" in refused
