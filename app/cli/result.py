"""A result as a stranger reads it: the verdict, where the money came from, what was traded, how good the data was."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli import output
from app.cli.output import table
from engine.report import LINE_MEANINGS

Summary = Mapping[str, Any]

_MISSES = {"missed_limit": "beyond the limit", "missed_volume": "too little volume", "missed_no_trade": "no trade in time"}
_DROPS = {
    "dropped_cool_down": "within the cool-down",
    "dropped_no_volume": "without volume",
    "dropped_no_funds": "without funds",
    "dropped_below_minimum": "below the minimum",
}
_HOLD = "hold"
_SHOWN = 0.005  # half of the last digit shown


def show(summary: Summary) -> None:
    """Print a result."""
    output.show(
        *_flags(summary),
        Text(summary["verdict"], style="bold"),
        Text(_window(summary), style="dim"),
        Text(),
        *_section("Where it came from", attribution(summary)),
        *_section("Trades", trades(summary)),
        *_section("Figures", figures(summary)),
        *_section("Data", quality(summary)),
        *_sentences("Warnings", summary["warnings"]),
        *_sentences("Assumptions", summary["assumptions"]),
    )


def attribution(summary: Summary) -> Table:
    """Return the lines of the attribution, what they add up to, and whether that is what happened."""
    lines = {row["line"]: float(row["amount"]) for row in summary["attribution"]}
    traded = math.fsum(amount for line, amount in lines.items() if line != _HOLD)
    total = traded + lines[_HOLD]
    found = table("", summary["numeraire"], "what it is", numbers={summary["numeraire"]})
    for line, amount in lines.items():
        if line != _HOLD:
            found.add_row(line.replace("_", " "), _money(amount), Text(LINE_MEANINGS[line], style="dim"))
    found.add_section()
    found.add_row("= excess over holding", _money(traded), _agreement(traded, summary["excess"]), style="bold")
    found.add_row("hold", _money(lines[_HOLD]), Text(LINE_MEANINGS[_HOLD], style="dim"))
    change = summary["equity_end"] - summary["equity_start"]
    ends = f"{summary['equity_start']:,.2f} to {summary['equity_end']:,.2f}"
    found.add_row("= change of equity", _money(total), _agreement(total, change, ends), style="bold")
    return found


def trades(summary: Summary) -> Table:
    """Return what was seen, sent and filled."""
    counts = summary["counts"]
    found = _plain_table()
    passed_over = f"in {counts['episodes']:,} episodes; passed over: {_parts(counts, _DROPS)}"
    found.add_row("opportunities", f"{counts['opportunities']:,}", _soft(passed_over))
    found.add_row("packages sent", f"{counts['packages']:,}", _soft("a sell and a buy each"))
    found.add_row("orders filled", f"{counts['fills']:,}", _soft(f"{counts['partial']:,} of them in part"))
    found.add_row("orders missed", f"{counts['missed']:,}", _soft(_parts(counts, _MISSES)))
    if counts["open"]:
        found.add_row("orders open", f"{counts['open']:,}", _soft("the run ended before their bars"))
    return found


def figures(summary: Summary) -> Table:
    """Return the figures that say most; all of them are in summary.json and the report."""
    metrics, money = summary["metrics"], summary["numeraire"]
    found = _plain_table()
    found.add_row("turnover", _figure(metrics["turnover"], ",.0f"), _soft(money))
    found.add_row("mean edge", _figure(metrics["mean_edge_bps"], ".1f"), _soft("bps, after fees, as decided"))
    found.add_row("breakeven", _figure(metrics["breakeven_bps"], ".1f"), _soft("bps of turnover: a further cost that would take all of the excess"))
    found.add_row("return", _figure(metrics["excess_return_bps"], "+.1f"), _soft("bps of the starting equity: the excess over holding"))
    found.add_row("packages that paid", _figure(metrics["hit_rate"], ".0%"), _soft("after costs, before revaluation"))
    found.add_row("packages that missed", _figure(metrics["miss_rate"], ".0%"), _soft("a leg filled less than was planned"))
    how_long = f"{money}, of the excess, for {metrics['max_drawdown_s'] / 3600:,.1f} h"
    found.add_row("deepest fall", _figure(metrics["max_drawdown"], ",.0f"), _soft(how_long))
    periods = f"{metrics['return_periods']} periods of {metrics['return_period_s'] / 3600:g} h"
    found.add_row("Sharpe ratio", _figure(metrics["sharpe"], ".1f"), _soft(f"of the excess, from {periods}"))
    return found


def quality(summary: Summary) -> Table:
    """Return what the data of each series was like."""
    names = ("bars", "no trade", "missing", "longest gap")
    found = table("series", *names, "first bar", "last bar", numbers=set(names))
    for row in summary["quality"]:
        found.add_row(
            f"{row['venue']} {row['instrument']}",
            f"{row['bars']:,}",
            f"{row['no_trade']:,}",
            f"{row['missing']:,}",
            f"{row['longest_gap_s'] or 0:,.0f} s",
            _when(row["first"]),
            _when(row["last"]),
        )
    return found


def _flags(summary: Summary) -> list[RenderableType]:
    flags = []
    if summary["synthetic"]:
        flags.append(Text(" SYNTHETIC DATA: invented prices, no market ", style="black on yellow"))
    if summary["indicative"]:
        flags.append(Text(" INDICATIVE: from bars, not from recorded quotes ", style="black on cyan"))
    return [*flags, Text()] if flags else []


def _window(summary: Summary) -> str:
    return f"{summary['name']} · {summary['strategy']} · {_when(summary['start'])} to {_when(summary['end'])} UTC"


def _agreement(shown: float, stated: float, otherwise: str = "") -> Text:
    scale = max(1.0, abs(shown), abs(stated))
    if abs(shown - stated) > max(_SHOWN, 1e-9 * scale):
        return Text(f"DOES NOT ADD UP: the result says {_money(stated)}; please report this", style="bold red")
    return Text(otherwise, style="dim")


def _parts(counts: Mapping[str, int], names: Mapping[str, str]) -> str:
    found = [f"{counts[key]:,} {label}" for key, label in names.items() if counts.get(key)]
    return ", ".join(found) or "none"


def _plain_table() -> Table:
    found = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    found.add_column()
    found.add_column(justify="right")
    found.add_column()
    return found


def _section(title: str, part: RenderableType) -> list[RenderableType]:
    return [Text(title, style="bold underline"), Padding(part, (0, 0, 1, 2), expand=False)]


def _sentences(title: str, sentences: list[str]) -> list[RenderableType]:
    lines = [Padding(Text(f"- {sentence}"), (0, 0, 0, 2), expand=False) for sentence in sentences]
    return [Text(title, style="bold underline"), *lines, Text()] if lines else []


def _money(amount: float) -> str:
    return f"{amount:+,.2f}" if abs(amount) >= _SHOWN else "0.00"


def _figure(value: float | None, form: str) -> str:
    return "n/a" if value is None else format(value, form)


def _when(text: str | None) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}" if text else "none"


def _soft(text: str) -> Text:
    return Text(text, style="dim")
