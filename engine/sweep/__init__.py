"""Sweeps: many backtests of one spec on one mapped copy of the data. Read `engine.sweep.run` first."""

from engine.sweep.check import check
from engine.sweep.estimate import Estimate, estimate
from engine.sweep.part import run_part
from engine.sweep.result import SweepResult
from engine.sweep.run import PERIODS, run
from engine.sweep.spec import Sweep, json_schema, parse_sweep, parse_sweep_toml

__all__ = ["PERIODS", "Estimate", "Sweep", "SweepResult", "check", "estimate", "json_schema", "parse_sweep", "parse_sweep_toml", "run", "run_part"]
