"""A sweep's result as a stranger reads it: whether the best is more than luck, which trials were best, and by what they differ."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli import output
from app.cli.result import sentences
from app.client import Form
from engine.report import figure
from engine.report.forms import cell
from engine.report.trials import best_first
from engine.units import format_duration
from engine.wording import FIGURES, FLAGS

_SHOWN = 10
_ANSWERS = {True: ("yes", "green"), False: ("no", "bold red"), None: ("unknown", "dim")}
_COUNTS = ("packages",)
_BESIDE = ("after_trading_back", "max_drawdown", *_COUNTS)
_KINDS = {"after_trading_back": "money", **{name: kind for name, _, kind, *_ in FIGURES}}


def tell(summary: Form, trials: pl.DataFrame, saved: Mapping[str, str], *, as_json: bool, sweep: Form | None = None) -> None:
    """Print a result and where its files are; `sweep` is the box's, if it was the box's."""
    ranked = best_first(trials, summary["rank_by"])
    if as_json:
        rows = [{name: _plain(value) for name, value in row.items()} for row in ranked.head(_SHOWN).iter_rows(named=True)]
        said = {"headline": summary["headline"], "checks": summary["checks"]}
        output.document({"sweep": sweep, "summary": summary, **said, "best": rows, "files": saved})
        return
    output.show(*_flags(summary), Text(summary["headline"], style="bold"), Text(_window(summary), style="dim"), Text())
    output.show(*_section("Is the best trial more than luck?", trust(summary["checks"])), *_not_worked_out(summary["statistics"]))
    warnings = sentences("Warnings of the best", summary.get("warnings", []))  # earlier versions said none
    output.show(*_section(f"The best trials, by {summary['rank_by'].replace('_', ' ')}", best(summary, ranked)), *warnings)
    if saved:
        output.show(f"Report: {saved['report.html']}", "(for a browser; every trial, the best in full, and the manifest lie beside it)")
    elif sweep:
        output.show(f"Report, trials, best and manifest: usdc-arb sweep show {sweep['id']} --out DIR")


def trust(found: Sequence[Form]) -> Table:
    """Return what a doubter asks, and the answers."""
    shown = output.table("", "")
    shown.show_header = False
    for check in found:
        word, style = _ANSWERS[check["is_passed"]]
        shown.add_row(Text(word, style=style), check["question"])
        shown.add_row("", Text(f"{check['found']} (it takes: {check['wanted']})", style="dim"))
    return shown


def best(summary: Form, ranked: pl.DataFrame) -> Group:
    """Return the first trials with what they earned and by which values."""
    names = list(dict.fromkeys([summary["rank_by"], *_BESIDE]))
    heads = [name.replace("_", " ") for name in names]
    shown = output.table("trial", *heads, "values", numbers={"trial", *heads})
    paths = summary["parameters"]
    for row in ranked.head(_SHOWN).iter_rows(named=True):
        shown.add_row(f"{row['trial']:,}", *(_figure(name, row[name]) for name in names), " · ".join(cell(_plain(row[path])) for path in paths))
    return Group(shown, Text(f"values: {' · '.join(paths)}; amounts in {summary['numeraire']}", style="dim"))


def _flags(summary: Mapping[str, Any]) -> list[RenderableType]:
    return [Text(f" {words} ", style="black on yellow") for name, words in FLAGS.items() if summary[name]]


def _not_worked_out(statistics: Mapping[str, Any]) -> list[RenderableType]:
    reasons = statistics["not_worked_out"]
    return [Text(f"Not worked out: {name.replace('_', ' ')}: {reason}", style="dim") for name, reason in reasons.items()]


def _window(summary: Form) -> str:
    trials = summary["trials"]
    start, end = (f"{datetime.fromisoformat(summary[at]):%Y-%m-%d %H:%M}" for at in ("start", "end"))
    return f"{summary['name']} · {summary['design']}, {trials:,} trial{'s' if trials != 1 else ''} · {start} to {end} UTC"


def _figure(name: str, value: float | None) -> str:
    return f"{value:,}" if name in _COUNTS else figure(value, _KINDS[name])


# durations as a spec writes them
def _plain(value: object) -> object:
    return format_duration(value // timedelta(microseconds=1)) if isinstance(value, timedelta) else value


def _section(title: str, part: RenderableType) -> list[RenderableType]:
    return [Text(title, style="bold underline"), Padding(part, (0, 0, 1, 2), expand=False)]
