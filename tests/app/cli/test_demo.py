"""The demo's proof can fail, and its files are files like any other."""

from pathlib import Path

import polars as pl
import pytest

from app.cli import demo
from app.errors import Internal
from app.services.folder import read_folder
from app.sources.kinds import Kind
from engine import backtest
from engine.config import parse_spec_toml
from engine.synth import depeg_weekend


def test_the_files_read_back_to_the_very_bars(tmp_path: Path) -> None:
    weekend = depeg_weekend(1)
    paths = demo.write_files(weekend, tmp_path / "market")
    assert len(paths) == len(weekend.bars)
    found = read_folder(tmp_path / "market", dict.fromkeys(weekend.bars, Kind("bars", 60_000_000)))
    assert all(found[key].equals(bars) for key, bars in weekend.bars.items())


def test_a_ledger_that_is_off_by_one_atom_or_one_row_is_no_proof() -> None:
    weekend = depeg_weekend(1)
    fills = backtest.run(parse_spec_toml(weekend.spec_toml), weekend.bars).fills
    assert demo.prove(fills, weekend.truth) == "the ledger equals the planted truth: 17 of 17 fills"
    off = fills.with_columns(fee=pl.when(pl.col("order") == 0).then(pl.col("fee") + 1e-8).otherwise("fee"))
    with pytest.raises(Internal, match=r"differs from the planted truth in 1 places; the first: .*fee"):
        demo.prove(off, weekend.truth)
    with pytest.raises(Internal, match="sell: expected by the plan, not found"):
        demo.prove(fills.filter(pl.col("order") != 0), weekend.truth)
