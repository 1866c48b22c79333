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
_CHART_WIDTH, _CHART_HEIGHT, _CHART_POINTS = 960, 240, 600


def render(summary: Mapping[str, object], manifest: Mapping[str, object], *, equity: pl.DataFrame, packages: pl.DataFrame) -> str:
    """Return the page of a result."""
    shown = packages.sort(pl.col("pnl").abs(), descending=True).head(50).sort("package")
    return _template().render(
        s=summary,
        manifest=manifest,
        meanings=LINE_MEANINGS,
        total=float(equity["equity"][-1] - equity["equity"][0]),
        chart=chart_points(equity["excess"].to_numpy()),
        low=float(np.min(equity["excess"].to_numpy())),
        high=float(np.max(equity["excess"].to_numpy())),
        packages=list(shown.iter_rows(named=True)),
        hidden=packages.height - shown.height,
        width=_CHART_WIDTH,
        height=_CHART_HEIGHT,
    )


def chart_points(values: Floats) -> str:
    """Return an SVG polyline of a series, (K,), that keeps each bucket's lowest and highest value."""
    picked = _extremes(values, _CHART_POINTS)
    low, high = float(np.min(values)), float(np.max(values))
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
    environment.filters["money"] = lambda amount: f"{amount:,.2f}"
    environment.filters["figure"] = lambda value: "n/a" if value is None else f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
    environment.filters["when"] = lambda at: f"{at:%Y-%m-%d %H:%M:%S}"
    return environment.from_string((files("engine") / "report.html.j2").read_text(encoding="utf-8"))
