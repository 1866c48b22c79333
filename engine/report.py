"""The report: one HTML page that needs no network, the verdict first."""

import itertools
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl
from jinja2 import Environment, StrictUndefined, Template

from engine.arrays import Floats

LINE_MEANINGS = {
    "gross": "edge as decided, at marks",
    "slippage": "fills worse (or better) than decided",
    "leg_misses": "what the unequal part of packages cost or brought",
    "fees": "paid to the venues",
    "peg": "stablecoins traded into, revalued",
    "inventory": "other coins traded into, revalued",
    "hold": "starting balances, revalued: not from trading",
}
FIGURES = (
    ("excess", "excess over holding", "money"),
    ("excess_return_bps", "on starting equity", "bps"),
    ("annual_return", "annualised return of the excess", "share"),
    ("annual_volatility", "annualised volatility", "share"),
    ("sharpe", "Sharpe ratio", "ratio"),
    ("sortino", "Sortino ratio", "ratio"),
    ("calmar", "Calmar ratio", "ratio"),
    ("max_drawdown", "largest drawdown", "money"),
    ("max_drawdown_s", "its length", "duration"),
    ("turnover", "turnover", "money"),
    ("breakeven_bps", "further cost that would take it all", "bps"),
    ("mean_edge_bps", "mean net edge when decided", "bps"),
    ("hit_rate", "packages that paid", "share"),
    ("miss_rate", "packages with a leg missed, whole or in part", "share"),
)
"""Metrics in the order in which they are shown: name, label, kind."""

_CHART_WIDTH, _CHART_HEIGHT, _CHART_POINTS = 960, 240, 600


def render(summary: Mapping[str, object], manifest: Mapping[str, object], *, equity: pl.DataFrame, packages: pl.DataFrame) -> str:
    """Return the page of a result."""
    excess, ticks = equity["excess"].to_numpy(), equity["ts"]
    metrics = summary["metrics"]
    assert isinstance(metrics, dict)
    shown = packages.sort(pl.col("pnl").abs(), descending=True, maintain_order=True).head(50).sort("package")
    return _template().render(
        s=summary,
        manifest=manifest,
        meanings=LINE_MEANINGS,
        total=float(equity["equity"][-1] - equity["equity"][0]),
        figures=[(label, figure(metrics[name], kind)) for name, label, kind in FIGURES],
        chart=chart_points(excess),
        zero=zero_line(excess),
        low=float(np.min(excess)),
        high=float(np.max(excess)),
        first=ticks[0],
        last=ticks[-1],
        packages=list(shown.iter_rows(named=True)),
        hidden=packages.height - shown.height,
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
    forms = {"money": f"{value:z,.2f}", "bps": f"{value:z,.2f} bps", "share": f"{100 * value:z,.2f} %", "ratio": f"{value:z,.2f}"}
    return forms[kind]


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
    environment.filters["when"] = lambda at: f"{at:%Y-%m-%d %H:%M:%S}"
    return environment.from_string((files("engine") / "report.html.j2").read_text(encoding="utf-8"))
