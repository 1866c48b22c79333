"""The charts of a run, from its tables."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from markupsafe import Markup

from engine.arrays import Bools, Floats, Int64s
from engine.charts.bars import Bin, Step, histogram, waterfall
from engine.charts.lines import Axis, Caption, Level, Line, Marks, line_chart, time_axis
from engine.report.page import drawn

EPISODE_BINS = (
    (0.0, "one instant"),
    (0.0, "under 1 s"),
    (1.0, "1 to 5 s"),
    (5.0, "5 to 30 s"),
    (30.0, "30 to 60 s"),
    (60.0, "1 to 5 min"),
    (300.0, "5 to 15 min"),
    (900.0, "15 to 60 min"),
    (3_600.0, "1 to 6 h"),
    (21_600.0, "over 6 h"),
)
"""Where the rows of the histogram of episodes begin [s], the first alone holding those of one instant, and their names."""
EPISODE_KINDS = (("with a package", "bar-up"), ("without", "bar-none"))

_TOLD = 200


def equity_chart(equity: pl.DataFrame, unit: str) -> Markup:
    """Return the excess over time."""
    at_us, excess = _times(equity["ts"]), equity["excess"].to_numpy()
    said = f"From {excess[0]:,.2f} to {excess[-1]:,.2f} {unit}; lowest {excess.min():,.2f}, highest {excess.max():,.2f}."
    caption = Caption(ident="chart-excess", title=f"Excess over holding, {unit}", description=said, unit=unit)
    return drawn(line_chart(caption, time_axis(int(at_us[0]), int(at_us[-1])), [Line(x=at_us.astype(np.float64), y=excess, filled=True)]))


def drawdown(equity: pl.DataFrame) -> Floats:
    """Return how far the excess lies below its highest so far, which is at least 0, (K,) ≤ 0 [numeraire]."""
    excess = equity["excess"].to_numpy()
    return excess - np.maximum(np.maximum.accumulate(excess), 0.0)


def drawdown_chart(equity: pl.DataFrame, unit: str) -> Markup:
    """Return how far the excess lies below its high, over time."""
    at_us, fall = _times(equity["ts"]), drawdown(equity)
    caption = Caption(ident="chart-drawdown", title=f"Below its high, {unit}", description=f"At most {-fall.min():,.2f} {unit} below.", unit=unit)
    line = Line(x=at_us.astype(np.float64), y=fall, style="fall", filled=True)
    return drawn(line_chart(caption, time_axis(int(at_us[0]), int(at_us[-1])), [line], height=150))


def spread_chart(spread: pl.DataFrame, packages: pl.DataFrame, *, fee_bps: float | None) -> Markup:
    """Return the spread of the main combination over time, its packages marked; `fee_bps`: what its legs pay in fees."""
    at_us, bps = _times(spread["ts"]), spread["spread_bps"].fill_null(np.nan).to_numpy()
    known = bps[np.isfinite(bps)]
    marks = spread_marks(spread, packages)
    count = sum(kind.x.size for kind in marks)
    went = f"went from {known.min():,.1f} to {known.max():,.1f} bps" if known.size else "was never known"
    caption = Caption(ident="chart-spread", title="Spread, bps", description=f"The spread {went}; {count:,} packages are marked.", unit="bps")
    levels = [Level(y=fee_bps, said=f"fees of all legs: {fee_bps:.1f} bps"), Level(y=-fee_bps)] if fee_bps else []
    axis = time_axis(int(at_us[0]), int(at_us[-1]))
    return drawn(line_chart(caption, axis, [Line(x=at_us.astype(np.float64), y=bps)], marks=marks, levels=levels, height=300))


def spread_marks(spread: pl.DataFrame, packages: pl.DataFrame) -> list[Marks]:
    """Return where packages of the main combination were decided: those that went its way, and those that went back."""
    sent = spread.filter(pl.col("package").is_not_null() & pl.col("spread_bps").is_not_null())
    table = sent.select("ts", "spread_bps", "package").join(packages, on="package", how="inner", maintain_order="left")
    along = (table["legs"] == spread["legs"][0]).to_numpy()
    return [_marks(table, rows, style) for rows, style in ((along, "mark-up"), (~along, "mark-down"))]


def _marks(table: pl.DataFrame, rows: Bools, style: str) -> Marks:
    shown = table.filter(pl.Series(rows, dtype=pl.Boolean))
    told = [
        f"{row['ts']:%Y-%m-%d %H:%M:%S} UTC: package {row['package']:,}, {row['legs']}, {row['edge_bps']:.1f} bps as decided, PnL {row['pnl']:+,.2f}"
        for row in shown.head(_TOLD + 1).iter_rows(named=True)
    ]
    return Marks(x=_times(shown["ts"]).astype(np.float64), y=shown["spread_bps"].to_numpy(), style=style, told=told if shown.height <= _TOLD else ())


def waterfall_chart(lines: Sequence[tuple[str, float]], *, excess: float, back: float, unit: str) -> Markup:
    """Return how the lines add up to the excess, and what trading back leaves of it."""
    steps = [Step(name=name, amount=amount) for name, amount in lines]
    sums = [Step(name="excess, at marks", amount=excess, is_sum=True), Step(name="trading back", amount=back)]
    last = Step(name="excess after trading back", amount=excess + back, is_sum=True)
    said = "; ".join(f"{name} {amount:+z,.2f}" for name, amount in lines)
    caption = Caption(ident="chart-waterfall", title=f"From gross to what is left, {unit}", description=f"{said}.", unit=unit)
    return drawn(waterfall(caption, [*steps, *sums, last]))


def episode_chart(found: pl.DataFrame) -> Markup:
    """Return how long episodes lasted, each counted once."""
    length, traded = found["length_s"].to_numpy(), (found["packages"] > 0).to_numpy()
    row = np.searchsorted([edge for edge, _ in EPISODE_BINS], length, side="right") - 1
    row[length == 0] = 0
    sizes = [np.bincount(row[rows], minlength=len(EPISODE_BINS)).tolist() for rows in (traded, ~traded)]
    bins = [Bin(name=name, counts=counts) for (_, name), counts in zip(EPISODE_BINS, zip(*sizes, strict=True), strict=True)]
    used = [k for k, part in enumerate(bins) if sum(part.counts)]
    shown = bins[: used[-1] + 1] if used else bins[:1]
    said = ", ".join(f"{part.name}: {sum(part.counts):,}" for part in shown)
    caption = Caption(ident="chart-episodes", title="Episodes by how long they lasted", description=f"{said}.", unit="episodes")
    return drawn(histogram(caption, shown, kinds=EPISODE_KINDS))


def capacity_chart(capacity: Sequence[Mapping[str, float]], unit: str) -> Markup:
    """Return the excess after trading back over the size of balances and limits, which doubles from tick to tick."""
    scale = np.log2([row["scale"] for row in capacity])
    axis = Axis(
        low=float(scale[0]), high=float(scale[-1]), ticks=[(float(at), f"{row['scale']:g} ×") for at, row in zip(scale, capacity, strict=True)]
    )
    lines = [
        Line(x=scale, y=np.array([row[name] for row in capacity]), style=style)
        for name, style in (("after_trading_back", "line"), ("excess", "line-soft"))
    ]
    said = "; ".join(f"{row['scale']:g} times: {row['after_trading_back']:,.2f}" for row in capacity)
    caption = Caption(ident="chart-capacity", title=f"Excess by size, {unit}", description=f"{said}.", unit=unit)
    return drawn(line_chart(caption, axis, lines, height=200, told=False))


def _times(column: pl.Series) -> Int64s:
    found: Int64s = column.dt.epoch("us").to_numpy()
    return found
