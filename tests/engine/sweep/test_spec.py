"""A sweep that is wrong is refused with a sentence that names the parameter and says what to do."""

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.errors import SpecError
from engine.sweep import estimate, json_schema, parse_sweep, parse_sweep_toml
from engine.sweep.design import design
from engine.synth import depeg_weekend

WEEKEND = depeg_weekend(7).spec_toml


def sweep_of(*parameters: dict[str, Any], **more: Any) -> Any:
    """Return a sweep over the synthetic weekend."""
    head = {"version": 1, "name": "test", "design": "grid", "spec": tomllib.loads(WEEKEND)}
    return parse_sweep({**head, "parameters": list(parameters), **more})


def refusal(*parameters: dict[str, Any], **more: Any) -> str:
    """Return what is said about a sweep that is refused, in its spec or in its design."""
    with pytest.raises(SpecError) as error:
        design(sweep_of(*parameters, **more))
    return str(error.value)


THRESHOLD = {"path": "strategy.threshold_bps", "values": [5, 10]}


def test_a_sweep_comes_back_from_its_canonical_form() -> None:
    made = sweep_of(THRESHOLD, walk_forward={"train": "1d", "test": "6h"})
    assert parse_sweep(made.canonical()) == made
    assert parse_sweep(made.canonical()).hash() == made.hash()
    assert set(json_schema()["properties"]) >= {"parameters", "design", "spec"}  # type: ignore[call-overload]


def test_a_base_is_read_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(WEEKEND, encoding="utf-8")
    text = "version = 1\nname = 'x'\ndesign = 'grid'\nbase = 'spec.toml'\n[[parameters]]\npath = 'scale'\nvalues = [1, 2]\n"
    assert parse_sweep_toml(text, folder=tmp_path).spec.name.startswith("Synthetic depeg weekend")
    for wrong, said in ((text, "base: expected the path"), (text.replace("spec.toml", "none.toml"), "found no such file")):
        with pytest.raises(SpecError, match=said):
            parse_sweep_toml(wrong, folder=None if "expected" in said else tmp_path)
    with pytest.raises(SpecError, match="both say what to run"):
        parse_sweep_toml(text + "[spec]\nversion = 2\n", folder=tmp_path)
    with pytest.raises(SpecError, match="put what stands in it below spec"):
        parse_sweep({"base": "spec.toml"})


def test_what_is_no_toml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text("a = ", encoding="utf-8")
    with pytest.raises(SpecError, match="this is not TOML"):
        parse_sweep_toml("a = ")
    with pytest.raises(SpecError, match="base: this is not TOML"):
        parse_sweep_toml("base = 'spec.toml'", folder=tmp_path)


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ({"path": "strategy.treshold_bps", "values": [1]}, "did you mean 'strategy.threshold_bps'"),
        ({"path": "strategy", "values": [1]}, "parameters.strategy"),
        ({"path": "venues.kraken.fee_bps", "values": [1]}, "or 'venues.synthetic-alpha.fee_bps'?"),
        ({"path": "name", "values": ["a"]}, "name is the same for all trials"),
        ({"path": "rebalance.band", "values": [0.1]}, "rebalance is not set in the spec: set it there"),
        ({"path": "venues.synthetic-alpha.fee_bps", "values": [5, -1]}, "-1 does not do: venues.synthetic-alpha.fee_bps: Input should be greater"),
        ({"path": "strategy.cool_down", "values": ["5 minutes"]}, "expected a duration such as"),
        ({"path": "strategy.threshold_bps", "values": [5, 5.0]}, "values: 5.0 is there twice"),
        ({"path": "strategy.threshold_bps"}, "give either values, or low and high"),
        ({"path": "strategy.threshold_bps", "values": [1], "low": 1, "high": 2}, "give either values, or low and high"),
        ({"path": "strategy.threshold_bps", "low": 1}, "low and high go together"),
        ({"path": "strategy.threshold_bps", "low": 1, "high": 9}, "needs a count with design"),
        ({"path": "strategy.threshold_bps", "low": 9, "high": 1, "count": 3}, "low must be below high"),
        ({"path": "strategy.threshold_bps", "low": 0, "high": 1, "count": 3, "scale": "log"}, "needs a low above 0"),
        ({"path": "execution.residual", "low": "carry", "high": "unwind", "count": 2}, "need a number, an amount or a duration"),
        ({"path": "strategy.threshold_bps", "values": [1], "count": 3}, "belong to low and high"),
        ({"path": "scale", "values": [0]}, "expected a factor above 0"),
        ({"path": "strategy.threshold_bps", "steps": 4, "values": [1]}, "unknown key; known: count, high, low"),
        ({"path": "strategy.threshold_bps", "low": 0, "high": 1, "count": 10_000_001}, "less than or equal to 10000000"),
    ],
)
def test_nonsense_is_answered_with_a_sentence(parameter: dict[str, Any], said: str) -> None:
    assert said in refusal(parameter)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"trials": 5}, 'trials has no meaning with design = "grid"'),
        ({"seed": 5}, 'seed has no meaning with design = "grid"'),
        ({"design": "random"}, 'trials is required with design = "random"'),
        ({"design": "sobol", "trials": 0}, "greater than or equal to 1"),
        ({"rank_by": "luck"}, "Input should be 'excess'"),
        ({"statistics": {"blocks": 7}}, "multiple of 2"),
    ],
)
def test_what_does_not_belong_to_a_design_is_refused(more: dict[str, Any], said: str) -> None:
    assert said in refusal(THRESHOLD, **more)


def test_a_drawn_design_has_no_counts_and_no_parameter_stands_there_twice() -> None:
    assert "has a count" in refusal({"path": "scale", "low": 1, "high": 2, "count": 3}, design="random", trials=4)
    within = refusal({"path": "strategy", "values": [{}]}, {"path": "strategy.threshold_bps", "values": [1]})
    assert "strategy.threshold_bps lies within strategy, whose values replace it" in within
    assert "parameters: scale is there twice" in refusal({"path": "scale", "values": [1]}, {"path": "scale", "values": [2]})


def test_every_problem_of_the_spec_is_told_below_its_path() -> None:
    form = sweep_of(THRESHOLD).canonical()
    wrong = {**form, "spec": {**form["spec"], "clock": "0s", "start": "yesterday"}, "keep": -1}
    with pytest.raises(SpecError) as error:
        parse_sweep(wrong)
    assert {problem.path for problem in error.value.problems} == {"spec.start", "keep"}


def test_a_million_sets_by_mistake_are_counted_before_they_are_run() -> None:
    ranges = [{"path": f"venues.synthetic-{name}.fee_bps", "low": 0, "high": 9, "count": 100} for name in ("alpha", "beta", "gamma")]
    found = estimate(sweep_of(*ranges), 15_000)
    assert (found.trials, found.panels) == (1_000_000, 1)
    assert str(found).startswith("1,000,000 trials: about ")
    assert found.seconds > 60
    assert found.memory_bytes > 2**30
    reading = {"path": "venues.synthetic-beta.feed_latency", "values": ["0s", "1s", "2s"]}
    few = estimate(sweep_of(reading, {"path": "scale", "low": 1, "high": 2, "count": 2}), {"x": pl.DataFrame({"a": [1] * 9})})  # type: ignore[dict-item]
    assert (few.trials, few.panels, few.seconds < 1) == (6, 3, True)
    assert str(few).startswith("6 trials, on 3 readings of the data: about 1 s")
    drawn = sweep_of({"path": "interval", "values": ["1m"]}, {"path": "execution.volume_share", "low": 0.1, "high": 1}, design="random", trials=40)
    assert (estimate(drawn, 10).trials, estimate(drawn, 10**9).panels) == (40, 40)
    assert "10,000,000 trials, found 100,000,000" in refusal(*ranges, {"path": "scale", "low": 1, "high": 2, "count": 100})
