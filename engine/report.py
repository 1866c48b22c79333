"""The report: one HTML page that needs no network, the verdict first."""

import itertools
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl
from jinja2 import Environment, StrictUndefined, Template

from engine.arrays import Floats
from engine.wording import FIGURES, FLAGS, LINE_MEANINGS, PASSED_OVER, STOPS, STRESS

QUALITY_COLUMNS = ("venue", "instrument", "data", "rows", "longest_gap_s", "first", "last")
"""What is said about every series; all else is a count of a check."""

_SHOWN = 50
_CHART_WIDTH, _CHART_HEIGHT, _CHART_POINTS = 960, 240, 600


def render(
    summary: Mapping[str, object], manifest: Mapping[str, object], *, equity: pl.DataFrame, packages: pl.DataFrame, transfers: pl.DataFrame
) -> str:
    """Return the page of a result."""
    excess, ticks = equity["excess"].to_numpy(), equity["ts"]
    metrics = summary["metrics"]
    assert isinstance(metrics, dict)
    shown = packages.sort(pl.col("pnl").abs(), descending=True, maintain_order=True).head(_SHOWN).sort("package")
    return _template().render(
        s=summary,
        manifest=manifest,
        flags=[words for name, words in FLAGS.items() if summary[name]],
        meanings=LINE_MEANINGS,
        passed_over=PASSED_OVER,
        stress=STRESS,
        stops=STOPS,
        figures=[(label, figure(metrics[name], kind)) for name, label, kind in FIGURES],
        chart=chart_points(excess),
        zero=zero_line(excess),
        low=float(np.min(excess)),
        high=float(np.max(excess)),
        first=ticks[0],
        last=ticks[-1],
        packages=list(shown.iter_rows(named=True)),
        hidden=packages.height - shown.height,
        transfers=list(transfers.head(_SHOWN).iter_rows(named=True)),
        hidden_transfers=max(0, transfers.height - _SHOWN),
        width=_CHART_WIDTH,
        height=_CHART_HEIGHT,
    )


def figure(value: float | None, kind: str) -> str:
    """Return a metric as people read it; `kind` is one of those in `FIGURES`."""
    if value is None:
        return "not defined"
    if kind == "duration":
        hours, minutes = divmod(round(value) // 60, 60)
        return f"{hours // 24} d {hours % 24} h {minutes} min" if hours >= 24 else f"{hours} h {minutes} min"
    forms = {
        "money": f"{value:z,.2f}",
        "bps": f"{value:z,.2f} bps",
        "share": f"{100 * value:z,.2f} %",
        "ratio": f"{value:z,.2f}",
        "seconds": f"{value:,.3f} s",
    }
    return forms[kind]


def checks(row: Mapping[str, object]) -> str:
    """Return what the checks of a series counted, in words; "none" where they found nothing."""
    found = [f"{count:,} {name.replace('_', ' ')}" for name, count in row.items() if name not in QUALITY_COLUMNS and isinstance(count, int) and count]
    return ", ".join(found) or "none"


def zero_line(values: Floats) -> float:
    """Return the height of 0 in the chart, inside it."""
    low, high = min(float(np.min(values)), 0.0), max(float(np.max(values)), 0.0)
    return high / ((high - low) or 1.0) * _CHART_HEIGHT


def chart_points(values: Floats) -> str:
    """Return an SVG polyline of a series, (K,), that keeps each bucket's lowest and highest value; 0 is on it."""
    picked = _extremes(values, _CHART_POINTS)
    low, high = min(float(np.min(values)), 0.0), max(float(np.max(values)), 0.0)
    span = high - low or 1.0
    x = picked / max(values.size - 1, 1) * _CHART_WIDTH
    y = (high - values[picked]) / span * _CHART_HEIGHT
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _extremes(values: Floats, points: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if values.size <= points:
        return np.arange(values.size)
    edges = np.linspace(0, values.size, points // 2 + 1).astype(np.int64)
    rows = [start + pick(values[start:end]) for start, end in itertools.pairwise(edges) for pick in (np.argmin, np.argmax)]
    return np.unique(np.concatenate([[0], rows, [values.size - 1]]))


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["money"] = lambda amount: f"{amount:z,.2f}"
    environment.filters["figure"] = lambda value: f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"
    environment.filters["sign"] = lambda amount: "bad" if amount < 0 else "good" if amount > 0 else ""
    environment.filters["checks"] = checks
    environment.filters["when"] = lambda at: f"{at:%Y-%m-%d %H:%M:%S}"
    return environment.from_string((files("engine") / "report.html.j2").read_text(encoding="utf-8"))
