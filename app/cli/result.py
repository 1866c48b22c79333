"""A result as a stranger reads it: the verdict, where the money came from, what was traded, how good the data was."""

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli import output
from app.cli.output import table
from engine.report import checks
from engine.wording import FLAGS, NAMES, PASSED_OVER, STOPS, STRESS, meanings_of

Summary = Mapping[str, Any]

_MISSES = {
    "missed_limit": "beyond the limit",
    "missed_volume": "too little left",
    "missed_no_trade": "no trade in time",
    "missed_absent": "no price to be trusted",
}
_PASSED = {"alarms" if reason == "alarm" else f"dropped_{reason}": words for reason, words in PASSED_OVER.items()}
_HOLD = "hold"
_OPTIONAL = ("gas", "transfers")  # lines that are shown only where there is something
_EVENTS = 4
_SHOWN = 0.005  # half of the last digit shown


def show(found: Summary) -> None:
    """Print a result."""
    summary = completed(found)
    output.show(
        *_flags(summary),
        Text(summary["verdict"], style="bold"),
        Text(_window(summary), style="dim"),
        Text(),
        *_section("Where it came from", attribution(summary)),
        *(_section("Had it been worse", stress(summary)) if summary["stress"] else []),
        *_section("Trades", trades(summary)),
        *_section("Figures", figures(summary)),
        *_section("Data", quality(summary)),
        *sentences("Warnings", summary["warnings"]),
        *sentences("Assumptions", summary["assumptions"]),
    )


def completed(summary: Summary) -> Summary:
    """Return a summary with what earlier versions did not say about it, if it is one of theirs."""
    bars = [{"data": "bars", **{"rows" if name == "bars" else name: value for name, value in row.items()}} for row in summary["quality"]]
    nothing = {"stress": {}, "stops": [], "guard": [], "balances": [], "trade_back": {"amount": 0.0, "excess": summary["excess"], "at_mark": []}}
    return {**nothing, **summary, "quality": bars, "counts": defaultdict(int, summary["counts"])}


def attribution(summary: Summary) -> Table:
    """Return the lines of the attribution, what they add up to, whether that is what happened, and what trading back leaves of it."""
    lines, meanings = {row["line"]: float(row["amount"]) for row in summary["attribution"]}, meanings_of(summary["strategy"])
    traded = math.fsum(amount for line, amount in lines.items() if line != _HOLD)
    total = traded + lines[_HOLD]
    found = table("", summary["numeraire"], "what it is", numbers={summary["numeraire"]})
    for line, amount in lines.items():
        if line != _HOLD and (amount or line not in _OPTIONAL):
            found.add_row(line.replace("_", " "), _money(amount), _soft(meanings[line]))
    found.add_section()
    back, at_mark = summary["trade_back"], ", ".join(summary["trade_back"]["at_mark"])
    found.add_row("= excess over holding", _money(traded), _agreement(traded, summary["excess"], "at marks"), style="bold")
    unseen = f"; {at_mark} at the mark" if at_mark else ""
    found.add_row("trading back", _money(back["amount"]), _soft(f"to the starting balances, at the last bids and asks{unseen}"))
    found.add_row("= after trading back", _money(traded + back["amount"]), _agreement(traded + back["amount"], back["excess"]), style="bold")
    found.add_section()
    found.add_row("hold", _money(lines[_HOLD]), _soft(meanings[_HOLD]))
    change = summary["equity_end"] - summary["equity_start"]
    ends = f"{summary['equity_start']:,.2f} to {summary['equity_end']:,.2f}"
    found.add_row("= change of equity", _money(total), _agreement(total, change, f"{ends}, before trading back"), style="bold")
    return found


def stress(summary: Summary) -> Table:
    """Return what the run would have come to under worse conditions."""
    found = _plain_table()
    for name, words in STRESS.items():
        if name in summary["stress"]:
            excess = summary["stress"][name]
            found.add_row(words, _money(excess), _soft(f"excess at marks; against the run: {_money(excess - summary['excess'])}"))
    return found


def trades(summary: Summary) -> Table:
    """Return what was seen, sent, filled, moved and stopped."""
    counts = summary["counts"]
    found = _plain_table()
    passed_over = f"in {counts['episodes']:,} episodes; passed over: {_parts(counts, _PASSED)}"
    found.add_row("opportunities", f"{counts['opportunities']:,}", _soft(passed_over))
    found.add_row("packages sent", f"{counts['packages']:,}", _soft(NAMES[summary["strategy"]].package))
    if counts["residual_orders"]:
        found.add_row("residual orders", f"{counts['residual_orders']:,}", _soft("for what unequal legs left"))
    found.add_row("orders filled", f"{counts['fills']:,}", _soft(f"{counts['partial']:,} of them in part"))
    found.add_row("orders missed", f"{counts['missed']:,}", _soft(_parts(counts, _MISSES)))
    if "perpetual" in summary:
        _add_perpetual(found, summary["perpetual"])
    if counts["open"]:
        found.add_row("orders open", f"{counts['open']:,}", _soft("the run ended before they did"))
    if counts["transfers"]:
        coming = [f"{one['in_flight']:,.10g} {one['currency']} to {one['venue']}" for one in summary["balances"] if one["in_flight"] > 0]
        found.add_row("transfers", f"{counts['transfers']:,}", _soft(f"under way at the end: {', '.join(coming)}" if coming else "all arrived"))
    for stop in summary["stops"]:
        found.add_row("stopped", "", _soft(f"for good at {_when(stop['at'])} UTC, by the limit on {STOPS[stop['why']]}"))
    if summary["guard"]:
        found.add_row("depeg guard", f"{len(summary['guard']):,}", _soft(_guard(summary["guard"])))
    return found


def _add_perpetual(found: Table, held: Mapping[str, Any]) -> None:
    base = held["instrument"].partition(" ")[2].partition("/")[0]
    found.add_row(
        "position at the end", f"{held['position']:+,.8g}", _soft(f"{base} of {held['instrument']}; the largest was {held['largest']:,.8g}")
    )
    received = f"{held['funding_received']:,.2f} received, {held['funding_paid']:,.2f} paid"
    found.add_row("funding payments", f"{held['funding_payments']:,}", _soft(received))
    if held["liquidations"]:
        lacked = f"; the wallet lacked {held['lacking']:,.2f}, which the venue bore" if held["lacking"] else ""
        found.add_row("liquidations", f"{held['liquidations']:,}", _soft(f"the margin wallet no longer held the position{lacked}"))


def figures(summary: Summary) -> Table:
    """Return the figures that say most; all of them are in summary.json and the report."""
    metrics, money, named = summary["metrics"], summary["numeraire"], NAMES[summary["strategy"]]
    found = _plain_table()
    found.add_row("turnover", _figure(metrics["turnover"], ",.0f"), _soft(money))
    found.add_row(f"mean {named.edge}", _figure(metrics["mean_edge_bps"], ".1f"), _soft("bps, after fees, as decided"))
    found.add_row("breakeven", _figure(metrics["breakeven_bps"], ".1f"), _soft("bps of turnover: a further cost that would take all of the excess"))
    found.add_row("return", _figure(metrics["excess_return_bps"], "+.1f"), _soft("bps of the starting equity: the excess over holding"))
    if named.pays:
        found.add_row("packages that paid", _figure(metrics["hit_rate"], ".0%"), _soft("after costs, before revaluation"))
    found.add_row("packages that missed", _figure(metrics["miss_rate"], ".0%"), _soft(named.missed_means))
    first, second, third = (_figure(metrics.get(f"markout_{when}_bps"), "+.1f") for when in ("short", "medium", "long"))
    found.add_row("after fills", first, _soft(f"bps that mids moved our way, 1 bar (quotes: 1 s) on; later {second}, {third}"))
    found.add_row("tied up at most", _figure(metrics.get("peak_capital"), ",.0f"), _soft(f"{money}, by orders and transfers under way"))
    how_long = f"{money}, of the excess, for {metrics['max_drawdown_s'] / 3600:,.1f} h"
    found.add_row("deepest fall", _figure(metrics["max_drawdown"], ",.0f"), _soft(how_long))
    periods = f"{metrics['return_periods']} periods of {metrics['return_period_s'] / 3600:g} h"
    found.add_row("Sharpe ratio", _figure(metrics["sharpe"], ".1f"), _soft(f"of the excess, from {periods}"))
    return found


def quality(summary: Summary) -> Table:
    """Return what the data of each series was like."""
    found = table("series", "data", "rows", "longest gap", "first", "last", "found by checks", numbers={"rows", "longest gap"})
    for row in summary["quality"]:
        found.add_row(
            f"{row['venue']} {row['instrument']}",
            row["data"].replace("_", " "),
            f"{row['rows']:,}",
            f"{row['longest_gap_s'] or 0:,.0f} s",
            _when(row["first"]),
            _when(row["last"]),
            checks(row),
        )
    return found


def _flags(summary: Summary) -> list[RenderableType]:
    styles = {"synthetic": "black on yellow", "indicative": "black on cyan"}
    flags: list[RenderableType] = [Text(f" {words} ", style=styles[name]) for name, words in FLAGS.items() if summary[name]]
    return [*flags, Text()] if flags else []


def _guard(events: list[Mapping[str, str]]) -> str:
    states = {"off": "off par", "back": "back at par"}
    shown = [f"{event['currency']} {states[event['state']]} at {_when(event['at'])}" for event in events[:_EVENTS]]
    return ", ".join([*shown, *([f"{len(events) - _EVENTS} more"] if len(events) > _EVENTS else [])])


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


def sentences(title: str, told: list[str]) -> list[RenderableType]:
    """Return sentences below a title; nothing where there are none."""
    lines = [Padding(Text(f"- {sentence}"), (0, 0, 0, 2), expand=False) for sentence in told]
    return [Text(title, style="bold underline"), *lines, Text()] if lines else []


def _money(amount: float) -> str:
    return f"{amount:+,.2f}" if abs(amount) >= _SHOWN else "0.00"


def _figure(value: float | None, form: str) -> str:
    return "n/a" if value is None else format(value, form)


def _when(text: str | None) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}" if text else "none"


def _soft(text: str) -> Text:
    return Text(text, style="dim")
