"""The synthetic days of spot and a perpetual: the same of the same seed, and data like any other."""

import numpy as np
import polars as pl

from engine.config import parse_spec_toml
from engine.payments import read
from engine.schema import check_bars, check_funding, funding_key
from engine.synth_basis import PERPETUAL, SPOT, carry_days
from tests.e2e.conftest import ROOT


def test_the_same_seed_makes_the_same_days_and_another_one_others() -> None:
    first, again, other = carry_days(1), carry_days(1), carry_days(2)
    assert all(again.bars[key].equals(bars) for key, bars in first.bars.items())
    assert again.funding.equals(first.funding)
    assert not other.bars[SPOT].equals(first.bars[SPOT])


def test_bars_and_funding_keep_their_contracts_and_cover_the_example() -> None:
    carry = carry_days(3)
    for key, bars in carry.bars.items():
        assert key.venue.startswith("synthetic-")
        check_bars(bars, key=key, interval_us=60_000_000)
    check_funding(carry.funding, key=PERPETUAL)
    spec = parse_spec_toml((ROOT / "examples" / "basis-synthetic.toml").read_text())
    found = read(spec, {**carry.bars, funding_key(PERPETUAL): carry.funding})
    assert found.due_us.size == carry.funding.height


def test_a_rate_is_an_eighth_of_the_premium_of_the_eight_hours_before() -> None:
    carry = carry_days(4)
    spot, perpetual = (carry.bars[key].select("ts", "close") for key in (SPOT, PERPETUAL))
    row = carry.funding.row(5, named=True)
    before = spot.join(perpetual, on="ts", suffix="_p").filter(pl.col("ts").is_between(row["ts"] - pl.duration(hours=8), row["ts"], closed="left"))
    mean = float((before["close_p"] / before["close"] - 1).mean())  # type: ignore[arg-type]
    assert np.isclose(row["rate"], mean / 8, rtol=0, atol=2e-8)
