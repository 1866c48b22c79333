"""How numbers, times and counts are written for people."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from engine.schema import instant
from engine.units import format_duration
from engine.wording import FIGURES

QUALITY_COLUMNS = ("venue", "instrument", "data", "rows", "longest_gap_s", "first", "last")
"""What is said about every series; all else is a count of a check."""


LABELS = {name: words for name, words, _, _ in FIGURES} | {"after_trading_back": "excess after trading back"}
KINDS = {name: kind for name, _, kind, _ in FIGURES}


def figure(value: float | None, kind: str) -> str:
    """Return a metric as people read it; `kind` is one of those in `engine.wording.FIGURES`."""
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


def money(amount: float) -> str:
    """Return an amount with cents."""
    return f"{amount:z,.2f}"


def signed(amount: float) -> str:
    """Return an amount with cents and its sign; 0.00 has none."""
    return f"{amount:+,.2f}" if round(amount, 2) else "0.00"


def number(value: float) -> str:
    """Return a count, or a quantity to seven digits, those behind the point only where they say something."""
    if isinstance(value, int):
        return f"{value:,}"
    decimals = max(0, min(8, 7 - len(f"{abs(value):.0f}")))
    return f"{value:z,.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{value:z,.0f}"


def sign(amount: float) -> str:
    """Return the class of an amount: what it looks like beside its sign."""
    return "bad" if round(amount, 2) < 0 else "good" if round(amount, 2) > 0 else ""


def share(part: float, whole: float) -> str:
    """Return a part of a whole in %."""
    return f"{100 * part / whole:z,.1f} %" if whole else "not defined"


def bps(amount: float, turnover: float) -> str:
    """Return an amount in bps of turnover."""
    return f"{1e4 * amount / turnover:z,.2f}" if turnover else "not defined"


def when(at: datetime | str) -> str:
    """Return a time (UTC) without its zone."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def at(at_us: int) -> str:
    """Return a time (UTC) from µs since the epoch."""
    return when(instant(at_us))


def label(name: str) -> str:
    """Return what people call a figure."""
    return LABELS.get(name, name.replace("_", " "))


def of_trial(value: float | None, name: str) -> str:
    """Return a figure of a trial in a table: money with cents, counts whole, shares in %."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{100 * value:z,.1f} %" if KINDS.get(name, "money") == "share" else f"{value:z,.2f}"


def short(name: str, largest: float) -> str:
    """Return the form of a figure where there is little room, given the largest one: whole where cents say nothing."""
    return "{:z,.0f}" if KINDS.get(name, "money") == "money" and largest >= 100 else "{:.3g}"


def cell(value: object) -> str:
    """Return a value of any kind in a table."""
    if value is None:
        return "–"
    if isinstance(value, timedelta):
        return format_duration(value // timedelta(microseconds=1))
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
