"""Lines over time or over a number, with gaps, levels, and marks on them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Int64s
from engine.charts import scales, svg
from engine.charts.scales import Scale
from engine.schema import instant

WIDTH, BOTTOM, TOP = 1000, 22, 18
_POINTS = 1_000
_CELL = 4  # of a drawing of 1,000 by `height`: marks that lie in one are drawn once
_STRIPS = 60
_LEAST_STEP = 28  # of ticks that go up [px]
_TOLD = 200
_DOT = "h.01"  # a line so short that its ends are all of it; some printers drop those of no length


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What a chart is called, and what its axes count."""

    ident: str
    title: str
    description: str
    unit: str  # of what goes up


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through points; nan breaks it."""

    x: Floats  # (N,) increasing
    y: Floats  # (N,)
    style: str = "line"  # a class of the page's
    filled: bool = False  # down (or up) to 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Points of one kind."""

    x: Floats  # (M,)
    y: Floats
    style: str  # `mark-up` (a square) or `mark-down` (a dot)
    told: Sequence[str] = ()  # of each, for the pointer; only where there are few


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A height that means something."""

    y: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What goes across: its range, and (value, text) of its ticks."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]


def time_axis(start_us: int, end_us: int) -> Axis:
    """Return an axis of UTC times [µs]."""
    at_us, span_s = scales.time_ticks(start_us, end_us)
    return Axis(low=start_us, high=end_us, ticks=[(at, scales.time_text(at, span_s)) for at in at_us.tolist()])


def line_chart(
    caption: Caption,
    axis: Axis,
    lines: Sequence[Line],
    *,
    marks: Sequence[Marks] = (),
    levels: Sequence[Level] = (),
    height: int = 240,
    told: bool = True,
) -> str:
    """Return lines over one axis, 0 in view, with levels and marks on them.

    Parameters
    ----------
    caption : Caption
        Names and unit.
    axis : Axis
        What goes across.
    lines : Sequence[Line]
        Each keeps the lowest and highest value of every stretch where it has more points than can be seen.
    marks : Sequence[Marks]
        Drawn over the lines; marks that cannot be told apart are drawn once.
    levels : Sequence[Level]
        Dashed lines with words, those in the range that the lines and marks take.
    height : int [px]
        Of the whole.
    told : bool
        Whether the pointer is told times and values; only of an axis of times.
    """
    low, high = scales.value_range(np.concatenate([*(line.y for line in lines), *(kind.y for kind in marks)]), zero=True)
    x = Scale(low=axis.low, high=axis.high, first=0, last=WIDTH)
    y = Scale(low=low, high=high, first=height - BOTTOM, last=TOP)
    drawn = [part for line in lines for part in _line(line, x, y)] + [_marks(kind, x, y) for kind in marks]
    shown = [level for level in levels if low <= level.y <= high]
    lined, named = _grid(y, low, high, unit=caption.unit)
    parts = [
        *lined,
        *(_level(level, y) for level in shown),
        svg.stretched(*drawn, width=WIDTH, height=height),
        *named,
        *(_level_name(level, y) for level in shown),
        *_across(axis, x, height),
        *(_strips(axis, lines, height, caption.unit) if told else []),
        *(_told(mark, x, y) for mark in marks),
    ]
    return svg.drawing(caption.ident, caption.title, caption.description, height=height, parts=parts)


def thinned(values: Floats, points: int = _POINTS) -> Int64s:
    """Return the rows of at most about so many points that keep both ends, and each stretch's lowest and highest; of one without any, one."""
    if values.size <= points:
        return np.arange(values.size)
    edges = np.linspace(0, values.size, points // 2 + 1).astype(np.int64).tolist()
    low, high = (np.where(np.isnan(values), beyond, values) for beyond in (np.inf, -np.inf))
    rows = [start + int(pick(part[start:end])) for start, end in itertools.pairwise(edges) for pick, part in ((np.argmin, low), (np.argmax, high))]
    return np.unique(np.array([0, *rows, values.size - 1], dtype=np.int64))


def _line(line: Line, x: Scale, y: Scale) -> list[str]:
    rows = thinned(line.y)
    across, up = x.at(line.x[rows]), y.at(line.y[rows])
    runs = [run for run in np.split(np.arange(rows.size), np.flatnonzero(np.isnan(up))) if not np.isnan(up[run]).all()]
    paths = [[(across[k], up[k]) for k in run if not np.isnan(up[k])] for run in runs]
    drawn = [svg.element("path", class_=line.style, d="".join(map(_path, paths)))]
    if line.filled:
        ground = float(y.at(0.0))
        closed = "".join(f"{_path(path)}V{ground:.1f}H{path[0][0]:.1f}Z" for path in paths)
        drawn.insert(0, svg.element("path", class_=f"{line.style}-area", d=closed))
    return drawn


def _path(points: list[tuple[float, float]]) -> str:
    # round ends make a lone point a dot
    first, *rest = [f"{across:.1f} {up:.1f}" for across, up in points]
    return f"M{first}" + (f"L{' '.join(rest)}" if rest else _DOT)


def _marks(marks: Marks, x: Scale, y: Scale) -> str:
    across, up = (np.round(scale.at(values) / _CELL) for scale, values in ((x, marks.x), (y, marks.y)))
    places = np.unique(np.stack([across, up], axis=1), axis=0) * _CELL
    return svg.element("path", class_=marks.style, d="".join(f"M{a:.0f} {b:.0f}{_DOT}" for a, b in places.tolist()))


def _told(marks: Marks, x: Scale, y: Scale) -> str:
    if not 0 < len(marks.told) <= _TOLD:
        return ""
    places = zip((x.at(marks.x) / WIDTH).tolist(), y.at(marks.y).tolist(), marks.told, strict=True)
    return "".join(svg.element("circle", svg.title(said), class_="hit", cx=svg.percent(a), cy=b, r=7) for a, b, said in places)


def _grid(y: Scale, low: float, high: float, *, unit: str) -> tuple[list[str], list[str]]:
    # lines, to lie below everything, and what they stand for, to lie above
    ticks, step = scales.round_ticks(low, high, max(2, int((y.first - y.last) // _LEAST_STEP)))
    lines, names = [], []
    for value in ticks.tolist():
        place = float(y.at(value))
        lines.append(svg.element("line", class_="zero" if value == 0 else "grid", x1=0, x2="100%", y1=place, y2=place))
        names.append(svg.text(scales.tick_text(value, step) + (f" {unit}" if value == ticks[-1] else ""), class_="tick", x=2, y=place - 4))
    return lines, names


def _level(level: Level, y: Scale) -> str:
    place = float(y.at(level.y))
    return svg.element("line", class_="level", x1=0, x2="100%", y1=place, y2=place)


def _level_name(level: Level, y: Scale) -> str:
    return svg.text(level.said, class_="tick", x="100%", y=float(y.at(level.y)) - 4, text_anchor="end") if level.said else ""


def _across(axis: Axis, x: Scale, height: int) -> list[str]:
    # every other tick goes away on narrow screens; of times of day and days, the days stay
    found, days = [], [k for k, (_, said) in enumerate(axis.ticks) if ":" not in said]
    stays = days[0] % 2 if days else 0
    for k, (value, said) in enumerate(axis.ticks):
        share = float(x.at(value)) / WIDTH
        anchor = "start" if share < 0.04 else "end" if share > 0.96 else "middle"
        style = "tick" if k % 2 == stays or len(axis.ticks) == 2 else "tick spare"
        found.append(svg.element("line", class_="grid", x1=svg.percent(share), x2=svg.percent(share), y1=height - BOTTOM, y2=height - BOTTOM + 4))
        found.append(svg.text(said, class_=style, x=svg.percent(share), y=height - 6, text_anchor=anchor))
    return found


def _strips(axis: Axis, lines: Sequence[Line], height: int, unit: str) -> list[str]:
    # what the pointer is told: the value of the first line at the end of each strip of a time axis
    line, edges = lines[0], np.linspace(axis.low, axis.high, _STRIPS + 1)
    rows = np.searchsorted(line.x, edges[1:], side="right") - 1
    found = []
    for k, row in enumerate(rows.tolist()):
        value = float(line.y[row]) if row >= 0 else float("nan")
        said = "nothing" if np.isnan(value) else f"{value:z,.2f} {unit}"
        words = svg.title(f"{instant(int(edges[k + 1])):%Y-%m-%d %H:%M:%S} UTC: {said}")
        place, wide = svg.percent(k / _STRIPS), svg.percent(1 / _STRIPS)
        found.append(svg.element("rect", words, class_="strip", x=place, width=wide, y=0, height=height - BOTTOM))
    return found
