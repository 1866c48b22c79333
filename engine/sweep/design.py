"""Which sets of values a sweep runs: every combination, or some that are drawn."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import polars as pl
import scipy  # its stats take half a second to load: only where something is drawn
from pydantic import JsonValue

from engine.arrays import Floats, Int64s
from engine.config import Spec, parse_spec
from engine.errors import Problem, SpecError
from engine.spec.scale import scaled
from engine.sweep.paths import SCALE, Keys, keys_of, typed_at, with_form
from engine.sweep.spec import Parameter, Sweep
from engine.units import format_duration

LARGEST_SCALE = 1_000_000

_DIGITS = 12
"""Significant ones of a value that a range is filled with: nobody means more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A parameter with all values that it takes."""

    path: str
    keys: Keys  # where it stands; empty for `scale`
    kind: str  # "float", "int", "amount", "duration" or "other"
    forms: tuple[JsonValue, ...]  # values as a spec writes them
    typed: tuple[object, ...]  # the same, parsed

    def column(self, picks: Int64s) -> pl.Series:
        """Return its values, (T,), by their place: numbers, durations, or JSON of what is neither."""
        if self.kind == "duration":
            return pl.Series(self.path, self.typed, dtype=pl.Int64).gather(picks).cast(pl.Duration("us"))
        if self.kind in {"float", "amount"}:
            return pl.Series(self.path, [float(str(value)) for value in self.typed], dtype=pl.Float64).gather(picks)
        if self.kind == "int":
            return pl.Series(self.path, self.typed, dtype=pl.Int64).gather(picks)
        texts = [form if isinstance(form, str) else json.dumps(form) for form in self.forms]
        return pl.Series(self.path, texts, dtype=pl.String).gather(picks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The trials of a sweep, in the order of their ordinals."""

    sweep: Sweep
    axes: tuple[Axis, ...]
    picks: Int64s  # (T, D) place of each trial's value on each axis

    @property
    def trials(self) -> int:
        """How many there are."""
        return len(self.picks)

    def spec_of(self, trial: int) -> Spec:
        """Return the spec of a trial, parsed from its form; SpecError where its values contradict each other."""
        return spec_with(self.sweep.spec, self.axes, self.picks[trial])

    def table(self, trials: Int64s) -> pl.DataFrame:
        """Return one row a trial: its ordinal and its values."""
        ordinals = pl.Series("trial", trials, dtype=pl.Int64)
        return pl.DataFrame([ordinals, *(axis.column(self.picks[trials, k]) for k, axis in enumerate(self.axes))])


def spec_with(spec: Spec, axes: tuple[Axis, ...], picks: Int64s) -> Spec:
    """Return the spec with values of axes by their place (D,); SpecError where they contradict each other."""
    forms = [(axis.keys, axis.forms[pick]) for axis, pick in zip(axes, picks, strict=True) if axis.path != SCALE]
    found = parse_spec(with_form(spec.canonical(), forms))
    for axis, pick in zip(axes, picks, strict=True):
        if axis.path == SCALE:
            factor = axis.typed[pick]
            assert isinstance(factor, Decimal)
            found = parse_spec(scaled(found, factor).canonical())
    return found


def design(sweep: Sweep) -> Design:
    """Return the trials of a sweep.

    Parameters
    ----------
    sweep : Sweep
        Grid: every combination, the last parameter running fastest. Random: independent draws of a seeded generator. Sobol: the first points of a
        scrambled Sobol sequence, which fill the ranges evenly. Equal sets count once, where they come first.

    Raises
    ------
    SpecError
        Where a path leads nowhere, or a value is none that its field takes; every message names the parameter.

    References
    ----------
    I. M. Sobol', "On the distribution of points in a cube and the approximate evaluation of integrals", 1967; A. B. Owen, "Scrambling Sobol' and
    Niederreiter-Xing points", Journal of Complexity 14, 1998; drawn by scipy.stats.qmc.
    """
    reader = _Reader(sweep)
    points = _points(sweep)
    found = [_axis(reader, parameter, None if points is None else points[:, k]) for k, parameter in enumerate(sweep.parameters)]
    axes = tuple(axis for axis, _ in found)
    if points is None:
        sizes = [len(axis.typed) for axis in axes]
        return Design(sweep=sweep, axes=axes, picks=np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes), axis=1))
    drawn = np.stack([picked for _, picked in found], axis=1)
    _, first = np.unique(drawn, axis=0, return_index=True)
    return Design(sweep=sweep, axes=axes, picks=drawn[np.sort(first)])


def _points(sweep: Sweep) -> Floats | None:
    # where in their ranges the parameters are drawn, (T, D) in [0, 1); None: all of a grid
    if sweep.trials is None:
        return None
    generator, dimensions = np.random.default_rng(sweep.seed), len(sweep.parameters)
    if sweep.design == "random":
        return generator.random((sweep.trials, dimensions))
    whole: Floats = scipy.stats.qmc.Sobol(dimensions, rng=generator).random_base2((sweep.trials - 1).bit_length())
    return whole[: sweep.trials]


class _Reader:
    # reads values as their fields do, beside the first values of the other parameters

    def __init__(self, sweep: Sweep) -> None:
        self.keys: dict[str, Keys] = {p.path: () if p.path == SCALE else keys_of(sweep.spec, p.path) for p in sweep.parameters}
        firsts = [(self.keys[p.path], _first(p)) for p in sweep.parameters if p.path != SCALE]
        self.form = with_form(sweep.spec.canonical(), firsts)

    def read(self, path: str, value: JsonValue) -> tuple[object, JsonValue]:
        """Return a value parsed, and as the canonical form has it; SpecError says what its field takes."""
        if path == SCALE:
            return _factor(value), value
        keys = self.keys[path]
        try:
            spec = parse_spec(with_form(self.form, [(keys, value)]))
        except SpecError as error:
            raise SpecError([Problem(path=f"parameters.{path}", message=f"{value!r} does not do: {problem}") for problem in error.problems]) from None
        return typed_at(spec, keys), _at(spec.canonical(), keys)


def _first(parameter: Parameter) -> JsonValue:
    return parameter.low if parameter.values is None else parameter.values[0]


def _factor(value: JsonValue) -> Decimal:
    factor = Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else Decimal(0)
    if not 0 < factor <= LARGEST_SCALE:
        raise SpecError([Problem(path=f"parameters.{SCALE}", message=f"expected a factor above 0 and at most {LARGEST_SCALE:,}, found {value!r}")])
    return factor


def _at(form: object, keys: Keys) -> JsonValue:
    for key in keys:
        form = form[key]  # type: ignore[index]
    return form  # type: ignore[return-value]


def _axis(reader: _Reader, parameter: Parameter, points: Floats | None) -> tuple[Axis, Int64s]:
    # the values of a parameter, and which of them each drawn trial takes
    if parameter.values is not None:
        read = [reader.read(parameter.path, value) for value in parameter.values]
        _refuse_repeated(parameter, [form for _, form in read])
        picks = np.empty(0, np.int64) if points is None else np.floor(points * len(read)).astype(np.int64)
        return _made(reader, parameter, _kind(*read[0]), [typed for typed, _ in read], [form for _, form in read]), picks
    (low, form), (high, _) = (reader.read(parameter.path, end) for end in (parameter.low, parameter.high))
    kind = _kind(low, form)
    fill = _filling(parameter, kind, low, high)
    filled = [fill(point) for point in (np.linspace(0, 1, parameter.count or 2) if points is None else points).tolist()]
    values = list(dict.fromkeys(filled))
    places = {value: place for place, value in enumerate(values)}
    picks = np.array([places[value] for value in filled], dtype=np.int64)
    return _made(reader, parameter, kind, values, [_FORMS[kind](value) for value in values]), picks


def _made(reader: _Reader, parameter: Parameter, kind: str, typed: list[object], forms: list[JsonValue]) -> Axis:
    return Axis(path=parameter.path, keys=reader.keys[parameter.path], kind=kind, forms=tuple(forms), typed=tuple(typed))


def _refuse_repeated(parameter: Parameter, forms: list[JsonValue]) -> None:
    texts = [json.dumps(form, sort_keys=True) for form in forms]
    repeated = sorted({text for text in texts if texts.count(text) > 1})
    if repeated:
        raise SpecError([Problem(path=f"parameters.{parameter.path}", message=f"values: {', '.join(repeated)} is there twice")])


def _kind(typed: object, form: JsonValue) -> str:
    if isinstance(typed, Decimal):
        return "amount"
    if isinstance(typed, int):
        return "duration" if isinstance(form, str) else "int"
    return "float" if isinstance(typed, float) else "other"


def _filling(parameter: Parameter, kind: str, low: object, high: object) -> Callable[[float], object]:
    # from a place in [0, 1] to a value of the range
    where = f"parameters.{parameter.path}"
    if kind == "other":
        raise SpecError([Problem(path=where, message="low and high need a number, an amount or a duration: give values instead")])
    first, last = float(str(low)), float(str(high))
    if not first < last:
        raise SpecError([Problem(path=where, message=f"low must be below high, found {parameter.low} and {parameter.high}")])
    if parameter.scale == "log" and first <= 0:
        raise SpecError([Problem(path=where, message=f'scale = "log" needs a low above 0, found {parameter.low}')])
    ratio = math.log(last / first) if parameter.scale == "log" else 0.0

    def value(place: float) -> object:
        if place in {0.0, 1.0}:
            return high if place else low
        exact = first * math.exp(place * ratio) if parameter.scale == "log" else first + place * (last - first)
        return _ROUNDED[kind](exact)

    return value


def _plain(value: object) -> str:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def _plain_duration(value: object) -> str:
    assert isinstance(value, int)
    return format_duration(value)


def _as_it_is(value: object) -> JsonValue:
    assert isinstance(value, int | float)
    return value


_FORMS: dict[str, Callable[[object], JsonValue]] = {"amount": _plain, "duration": _plain_duration, "int": _as_it_is, "float": _as_it_is}
_ROUNDED: dict[str, Callable[[float], object]] = {
    "amount": lambda exact: Decimal(f"{exact:.8f}"),
    "duration": round,
    "int": round,
    "float": lambda exact: float(f"{exact:.{_DIGITS}g}"),
}
"""How what a range is filled with is rounded: to an atom, a microsecond, a whole number, or so many digits."""
