"""The trials of a design, by hand where they can be."""

from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.errors import SpecError
from engine.spec.scale import scaled
from engine.sweep.design import design
from engine.sweep.paths import keys_of, known_paths
from tests.engine.small import dear_alfa
from tests.engine.sweep.test_spec import THRESHOLD, sweep_of


def column(parameter: dict[str, Any], **more: Any) -> list[Any]:
    """Return the values of one parameter, trial by trial."""
    made = design(sweep_of(parameter, **more))
    return made.table(np.arange(made.trials))[parameter["path"]].to_list()


def test_a_grid_runs_its_last_parameter_fastest() -> None:
    made = design(sweep_of(THRESHOLD, {"path": "strategy.cool_down", "values": ["0s", "30m", "1h"]}))
    rows = made.table(np.arange(6)).rows()
    assert [(trial, bps, wait.total_seconds()) for trial, bps, wait in rows] == [
        (0, 5.0, 0), (1, 5.0, 1800), (2, 5.0, 3600), (3, 10.0, 0), (4, 10.0, 1800), (5, 10.0, 3600),
    ]  # fmt: skip
    assert made.spec_of(4).strategy.cool_down == 1_800_000_000
    assert made.spec_of(4).strategy.threshold_bps == 10


def test_ranges_have_their_ends_and_are_filled_evenly_or_by_ratio() -> None:
    bps = "strategy.threshold_bps"
    assert column({"path": bps, "low": -10, "high": 10, "count": 5}) == [-10, -5, 0, 5, 10]
    assert column({"path": bps, "low": 1, "high": 100, "count": 3, "scale": "log"}) == [1, 10, 100]
    # thirds of 1,000 in whole microseconds; 0.1 to 0.3 in atoms
    waits = column({"path": "strategy.cool_down", "low": "0s", "high": "1ms", "count": 4})
    assert [wait.microseconds for wait in waits] == [0, 333, 667, 1000]
    made = design(sweep_of({"path": "strategy.max_notional", "low": "0.1", "high": "0.3", "count": 4}))
    assert made.axes[0].forms == ("0.1", "0.16666667", "0.23333333", "0.3")
    assert made.spec_of(1).strategy.max_notional == Decimal("0.16666667")


def test_equal_sets_count_once() -> None:
    # 2 to 4 in nine steps are three whole numbers; forty draws of four pairs are at most four trials
    assert column({"path": "risk.max_misses", "low": 2, "high": 4, "count": 9}) == [2, 3, 4]
    pairs = sweep_of(THRESHOLD, {"path": "execution.residual", "values": ["carry", "hedge"]}, design="random", trials=40)
    assert sorted(design(pairs).picks.tolist()) == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("kind", ["random", "sobol"])
def test_draws_lie_in_their_range_and_hang_on_the_seed_alone(kind: str) -> None:
    drawn = {"path": "strategy.threshold_bps", "low": 5, "high": 15}
    first, again, other = (column(drawn, design=kind, trials=50, seed=seed) for seed in (3, 3, 4))
    assert first == again != other
    assert len(first) == 50
    assert all(5 <= value <= 15 for value in first)


def test_a_sobol_sequence_fills_every_stretch_of_a_range_equally() -> None:
    # of the first 16 points of a net in base 2, one lies in each sixteenth
    drawn = column({"path": "strategy.threshold_bps", "low": 0, "high": 16}, design="sobol", trials=16, seed=1)
    assert sorted(int(value) for value in drawn) == list(range(16))


def test_columns_are_numbers_where_values_are() -> None:
    kinds = {
        "execution.residual": pl.String,
        "strategy.cool_down": pl.Duration("us"),
        "strategy.max_notional": pl.Float64,
        "risk.max_misses": pl.Int64,
    }
    values: list[Any] = ["carry", "1s", 1000, 3]
    made = design(sweep_of(*({"path": path, "values": [value]} for path, value in zip(kinds, values, strict=True))))
    assert made.table(np.zeros(1, np.int64)).schema == {"trial": pl.Int64, **kinds}
    fees = design(sweep_of({"path": "venues.synthetic-alpha.balances", "values": [{"USD": 5}, {"USD": 6, "BTC": 1}]}))
    assert fees.table(np.arange(2)).to_series(1).to_list() == ['{"USD": "5"}', '{"USD": "6", "BTC": "1"}']


def test_paths_name_venues_routes_and_instruments() -> None:
    spec = sweep_of(THRESHOLD).spec
    assert keys_of(spec, "venues.synthetic-beta.balances.USDC") == ("venues", "synthetic-beta", "balances", "USDC")
    assert keys_of(spec, "venues.synthetic-beta.balances.USDT") == ("venues", "synthetic-beta", "balances", "USDT")
    assert keys_of(spec, "instruments.synthetic-beta.BTC/USDC.half_spread_bps") == ("instruments", 2, "half_spread_bps")
    assert keys_of(spec, "instruments.2.half_spread_bps") == ("instruments", 2, "half_spread_bps")
    assert "instruments.synthetic-beta.BTC/USDC.half_spread_bps" in set(known_paths(spec.canonical()))
    made = design(sweep_of({"path": "instruments.synthetic-beta.BTC/USDC.half_spread_bps", "values": [1, 4]}))
    assert made.spec_of(1).instruments[2].half_spread_bps == 4


def test_scale_multiplies_every_size() -> None:
    balances = {"USD": "0", "BTC": "0.00000001"}
    risk = {"max_drawdown": "10", "max_asset": {"USD": "100"}, "max_misses": 3}
    spec = dear_alfa(strategy={"max_notional": "500"}, risk=risk, venues={"alfa": {"balances": balances}}).spec
    larger = scaled(spec, Decimal("2.5"))
    assert (larger.strategy.max_notional, larger.risk.max_drawdown, larger.risk.max_asset["USD"]) == (1250, 25, 250)
    assert larger.venues["alfa"].balances == {"USD": 0, "BTC": Decimal("0.00000002")}  # rounded down, and never to nothing
    assert scaled(spec, Decimal("0.1")).venues["alfa"].balances["BTC"] == Decimal("0.00000001")
    assert larger.risk.max_misses == 3
    drawn = design(sweep_of({"path": "scale", "low": 1, "high": 4, "count": 2}))
    assert drawn.spec_of(1).venues["synthetic-beta"].balances["USDC"] == 4_000_000


def test_values_that_contradict_each_other_are_refused_with_the_specs_own_sentence() -> None:
    fixed, notional = {"path": "strategy.size", "values": ["fixed"]}, {"path": "strategy.fixed_notional", "values": [100]}
    form = {**dear_alfa().form}
    assert design(sweep_of(fixed, notional, spec=form)).spec_of(0).strategy.fixed_notional == 100
    with pytest.raises(SpecError, match="fixed_notional go together"):
        design(sweep_of(fixed, spec=form))
