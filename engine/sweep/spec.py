"""The spec of a sweep: which values of which parameters of a backtest are run, and how the results are judged."""

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from engine.config import Spec, parse_spec
from engine.errors import Problem, SpecError
from engine.spec.problems import problems
from engine.units import Duration, Table, Title

MOST_TRIALS = 10_000_000
"""Beyond it not even the list of trials fits; `engine.sweep.estimate` says what less would take."""

RANKS = (
    "excess",
    "after_trading_back",
    "excess_return_bps",
    "annual_return",
    "sharpe",
    "sortino",
    "calmar",
    "hit_rate",
    "breakeven_bps",
)
"""Figures of a row of which more is better."""


class Parameter(Table):
    """One parameter and its values: a list, or a range that the design fills."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    """Where it stands in the spec, such as "strategy.threshold_bps" or "venues.kraken.order_latency"; "scale": all sizes at once."""
    values: Annotated[tuple[JsonValue, ...], Field(min_length=1)] | None = None
    low: float | str | None = None
    high: float | str | None = None
    scale: Literal["linear", "log"] = "linear"
    """How values lie between low and high."""
    count: Annotated[int, Field(ge=2, le=MOST_TRIALS)] | None = None
    """Grid: how many, low and high included."""

    @model_validator(mode="after")
    def _has_values_or_a_range(self) -> Self:
        ends = (self.low is not None) + (self.high is not None)
        if (self.values is None) == (ends == 0):
            raise ValueError("give either values, or low and high")
        if ends == 1:
            raise ValueError("low and high go together: give both")
        if self.values is not None and (self.scale != "linear" or self.count is not None):
            raise ValueError("scale and count belong to low and high: leave them out beside values")
        return self


class WalkForward(Table):
    """How long a set is chosen on, and how long it is then held to that."""

    train: Annotated[Duration, Field(gt=0)]
    test: Annotated[Duration, Field(gt=0)]
    embargo: Duration = 0
    """Left out between the two."""


class Judging(Table):
    """How much is worked out about the trials as a whole."""

    blocks: Annotated[int, Field(ge=2, le=20, multiple_of=2)] = 16
    """Of the periods, for the probability of overfitting."""
    bootstrap: Annotated[int, Field(ge=100, le=1_000_000)] = 1_000
    """Samples of the best trial's periods."""


class Sweep(Table):
    """A sweep, whole: the same for files, API and console."""

    version: Literal[1]
    name: Title
    design: Literal["grid", "random", "sobol"]
    trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)] | None = None
    """How many sets are drawn (random, sobol)."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    keep: Annotated[int, Field(ge=0, le=1_000)] = 10
    """Of how many of the best there are full results."""
    rank_by: Literal[
        "excess", "after_trading_back", "excess_return_bps", "annual_return", "sharpe", "sortino", "calmar", "hit_rate", "breakeven_bps"
    ] = "sharpe"
    """Figure of a row by which trials are compared, highest first."""
    figures: Literal["fast", "all"] = "fast"
    """Of the trials of pairs: those that one loop works out for all of them, or all of a backtest; other strategies have all in any case."""
    parameters: Annotated[tuple[Parameter, ...], Field(min_length=1, max_length=50)]
    walk_forward: WalkForward | None = None
    statistics: Judging = Judging()
    spec: Spec
    """The backtest of which parameters vary."""

    @model_validator(mode="after")
    def _has_what_its_design_needs(self) -> Self:
        found = [*_grid_problems(self)] if self.design == "grid" else [*_drawn_problems(self)]
        paths = [parameter.path for parameter in self.parameters]
        found += [f"parameters: {path} is there twice" for path in sorted({path for path in paths if paths.count(path) > 1})]
        found += [f"parameters: {path} lies within {of}, whose values replace it: vary one of both" for of, path in _nested(paths)]
        if found:
            raise ValueError("\n".join(found))
        return self

    @property
    def most_trials(self) -> int:
        """How many trials there are at most; equal ones count once."""
        if self.trials is not None:
            return self.trials
        return math.prod(len(p.values) if p.values is not None else p.count or 0 for p in self.parameters)

    def canonical(self) -> dict[str, object]:
        """Return the JSON form that parses back to an equal sweep."""
        return self.model_dump(mode="json")

    def hash(self) -> str:
        """Return the SHA-256 of the canonical form."""
        return hashlib.sha256(json.dumps(self.canonical(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _grid_problems(sweep: Sweep) -> list[str]:
    found = [f'{name} has no meaning with design = "grid": leave it out' for name, value in (("trials", sweep.trials), ("seed", sweep.seed)) if value]
    counted = [p.path for p in sweep.parameters if p.values is None and p.count is None]
    found += [f'parameters: {path} needs a count with design = "grid": how many values from low to high' for path in counted]
    if not found and sweep.most_trials > MOST_TRIALS:
        found.append(f"expected at most {MOST_TRIALS:,} trials, found {sweep.most_trials:,}: fewer values, or a random design with trials")
    return found


def _nested(paths: list[str]) -> list[tuple[str, str]]:
    return [(of, path) for path in paths for of in paths if path.startswith(f"{of}.")]


def _drawn_problems(sweep: Sweep) -> list[str]:
    found = [f'trials is required with design = "{sweep.design}": how many sets to draw'] if sweep.trials is None else []
    counted = [p.path for p in sweep.parameters if p.count is not None]
    return found + [f'parameters: {path} has a count, which has no meaning with design = "{sweep.design}": leave it out' for path in counted]


def parse_sweep(form: Mapping[str, object]) -> Sweep:
    """Return the sweep of a parsed TOML or JSON document; SpecError lists every problem found, in the sweep and in its spec.

    A `base` has to be read before: `parse_sweep_toml` does so for files.
    """
    present = dict(form)
    if "base" in present:
        raise SpecError([Problem(path="base", message="names a file: put what stands in it below spec instead")])
    found: list[Problem] = []
    if isinstance(present.get("spec"), Mapping):
        try:
            present["spec"] = parse_spec(present["spec"])  # type: ignore[arg-type]
        except SpecError as error:
            found = [Problem(path=f"spec.{p.path}".removesuffix("."), message=p.message) for p in error.problems]
            del present["spec"]
    try:
        sweep = Sweep.model_validate(present)
    except ValidationError as error:
        wrong = [p for e in error.errors() for p in problems(e, Sweep)]
        raise SpecError(found + [p for p in wrong if not (found and p.path == "spec")]) from None
    return sweep


def parse_sweep_toml(text: str, *, folder: Path | None = None) -> Sweep:
    """Return the sweep of a TOML document; `base` is the path of its spec, from the folder that the document lies in."""
    form = _toml(text, where="")
    base = form.pop("base", None)
    if base is not None:
        if "spec" in form:
            raise SpecError([Problem(path="base", message="and [spec] both say what to run: give one")])
        if folder is None or not isinstance(base, str):
            raise SpecError([Problem(path="base", message=f"expected the path of a spec beside the sweep's file, found {base!r}")])
        form["spec"] = _toml(_read(folder / base), where="base")
    return parse_sweep(form)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError([Problem(path="base", message=f"expected the spec in {path}, found no such file to read: {error.strerror}")]) from None


def _toml(text: str, *, where: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError([Problem(path=where, message=f"this is not TOML: {error}")]) from None


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of a sweep."""
    return Sweep.model_json_schema()
