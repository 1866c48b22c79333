"""Bars that lie in rows, one under the other, which leaves room for words on every screen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.charts import scales, svg
from engine.charts.lines import Caption
from engine.charts.scales import Scale

_ROW, _BAR = 38, 14
_THIN, _NAMED, _TOLD = 24, 0.28, 0.2  # a row of a histogram: its height, and the shares of the width for its name and its number


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a waterfall."""

    name: str
    amount: float
    is_sum: bool = False  # what all steps so far came to, drawn from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A row of a histogram: how many of each kind."""

    name: str
    counts: Sequence[int]


def waterfall(caption: Caption, steps: Sequence[Step]) -> str:
    """Return how steps add up, from the top down: each begins where the one before it ended."""
    before = 0.0
    spans: list[tuple[float, float]] = []
    for step in steps:
        start = 0.0 if step.is_sum else before
        before = start + step.amount
        spans.append((start, before))
    low, high = scales.value_range(np.array(spans, np.float64).ravel(), zero=True)
    x = Scale(low=low, high=high, first=0, last=1)
    height = _ROW * len(steps)
    ground = svg.percent(float(x.at(0.0)))
    parts = [svg.element("line", class_="zero", x1=ground, x2=ground, y1=0, y2=height)]
    for row, (step, span) in enumerate(zip(steps, spans, strict=True)):
        parts += _step(step, span, x=x, top=row * _ROW, unit=caption.unit, last=row == len(steps) - 1)
    return svg.drawing(caption.ident, caption.title, caption.description, height=height, parts=parts)


def _step(step: Step, span: tuple[float, float], *, x: Scale, top: float, unit: str, last: bool) -> list[str]:
    left, right = sorted(float(place) for place in x.at(np.array(span)))
    style = "bar-sum" if step.is_sum else "bar-up" if step.amount >= 0 else "bar-down"
    said = f"{step.amount:+,.2f}" if round(step.amount, 2) else "0.00"
    told = svg.title(f"{step.name}: {said} {unit}")
    place: dict[str, svg.Value] = {"x": svg.percent(left), "width": svg.percent(max(right - left, 0.002)), "y": top + 18, "height": _BAR}
    bar = [svg.element("rect", told, class_=style, **place)] if step.amount else []
    end = svg.percent(float(x.at(span[1])))
    joint = [] if last else [svg.element("line", class_="joint", x1=end, x2=end, y1=top + 18 + _BAR, y2=top + _ROW + 18)]
    words = "bar-name strong" if step.is_sum else "bar-name"
    number = svg.text(said, class_=words, x="100%", y=top + 14, text_anchor="end")
    return [*joint, *bar, svg.text(step.name, class_=words, x=0, y=top + 14), number]


def histogram(caption: Caption, bins: Sequence[Bin], *, kinds: Sequence[tuple[str, str]]) -> str:
    """Return how many there are of each bin, a row each, the kinds after one another.

    Parameters
    ----------
    caption : Caption
        Names and what is counted.
    bins : Sequence[Bin]
        Rows, from the top.
    kinds : Sequence[tuple[str, str]]
        Name and style (a class of the page's) of each kind, in the order of `Bin.counts`.
    """
    most = max((sum(row.counts) for row in bins), default=0) or 1
    x = Scale(low=0, high=most, first=_NAMED, last=1 - _TOLD)
    parts = [part for k, row in enumerate(bins) for part in _row(row, kinds, x=x, top=k * _THIN, unit=caption.unit)]
    return svg.drawing(caption.ident, caption.title, caption.description, height=_THIN * len(bins), parts=parts)


def _row(row: Bin, kinds: Sequence[tuple[str, str]], *, x: Scale, top: float, unit: str) -> list[str]:
    middle = top + _THIN / 2 + 4
    parts, before = [svg.text(row.name, class_="bar-name", x=svg.percent(_NAMED - 0.015), y=middle, text_anchor="end")], 0
    for count, (kind, style) in zip(row.counts, kinds, strict=True):
        left, right = (float(place) for place in x.at(np.array([before, before + count], np.float64)))
        told = svg.title(f"{row.name}: {count:,} {unit}, {kind}")
        if count:
            parts.append(svg.element("rect", told, class_=style, x=svg.percent(left), width=svg.percent(right - left), y=top + 4, height=_THIN - 8))
        before += count
    return [*parts, svg.text(f"{before:,}", class_="bar-name", x=svg.percent(float(x.at(before)) + 0.01), y=middle)]
