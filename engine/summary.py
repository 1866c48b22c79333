"""What a result says first: the verdict, its figures, and what was assumed."""

from dataclasses import dataclass

import polars as pl

from engine import metrics
from engine.attribution import LINES, TRADE_LINES, FillLines
from engine.config import Spec
from engine.schema import SYNTHETIC_PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that a summary is made from."""

    fills: pl.DataFrame
    packages: pl.DataFrame
    equity: pl.DataFrame
    opportunities: pl.DataFrame
    attribution: dict[str, float]
    lines: FillLines
    dropped: dict[str, int]
    best_edge_bps: float | None  # only where there was no opportunity
    quality: list[dict[str, str | int | float | None]]
    stale_marks: dict[str, int]


def summarise(spec: Spec, parts: Parts, manifest_hash: str) -> dict[str, object]:
    """Return the summary of a result as JSON values; amounts in the numeraire."""
    excess = float(parts.equity["excess"][-1])
    return {
        "name": spec.name,
        "strategy": spec.strategy.kind,
        "verdict": verdict(spec, parts),
        "synthetic": any(venue.startswith(SYNTHETIC_PREFIX) for venue in spec.venues),
        "indicative": True,
        "numeraire": spec.numeraire,
        "comparison_currency": spec.comparison_currency,
        "start": spec.canonical()["start"],
        "end": spec.canonical()["end"],
        "excess": excess,
        "equity_start": float(parts.equity["equity"][0]),
        "equity_end": float(parts.equity["equity"][-1]),
        "metrics": _metrics(parts, excess),
        "counts": _counts(parts),
        "attribution": [{"line": line, "amount": parts.attribution[line]} for line in LINES],
        "quality": parts.quality,
        "warnings": spec.warnings() + _data_warnings(parts),
        "assumptions": assumptions(spec),
        "manifest_hash": manifest_hash,
    }


def verdict(spec: Spec, parts: Parts) -> str:
    """Return the sentence that says what this would have earned."""
    packages, excess = parts.packages.height, float(parts.equity["excess"][-1])
    if not parts.opportunities.height:
        return f"No edge after costs: no instant reached {spec.strategy.threshold_bps:g} bps net of fees and spread; {_best(parts.best_edge_bps)}."
    if not packages:
        return f"Nothing traded: {parts.opportunities.height} opportunities, but no funds, volume or minimum size allowed a package."
    trading = sum(parts.attribution[line] for line in TRADE_LINES)
    word, plural = "Earned" if round(excess, 2) >= 0 else "Lost", "s" if packages > 1 else ""
    return (
        f"{word} {abs(excess):,.2f} {spec.numeraire} against holding: {trading:+z,.2f} from trading {packages} package{plural}, after fees, "
        f"slippage and missed legs, and {excess - trading:+z,.2f} as what was left behind changed in value."
    )


def assumptions(spec: Spec) -> list[str]:
    """Return what was assumed and not observed; any of it makes a result indicative."""
    found = [
        "Bars, not quotes: bid and ask are a bar's price and the given half-spread, so the result is indicative.",
        f"An order takes at most {100 * spec.execution.volume_share:g} % of a bar's volume and does not move its price.",
        f"Fills at the {'open' if spec.execution.fill_price == 'open' else 'worst price'} of the first traded bar that opens after an order arrives.",
        "Unequal legs are carried and revalued at marks; they are not unwound.",
        "Balances stay where trades leave them: no transfers between venues.",
    ]
    return found + [f"Decisions count {currency} as one {spec.comparison_currency}." for currency in spec.assume_par]


def _best(edge_bps: float | None) -> str:
    return "no two legs ever had a price at one time" if edge_bps is None else f"the best was {edge_bps:+z.2f} bps"


def _metrics(parts: Parts, excess: float) -> dict[str, float | int | None]:
    turnover = float(parts.lines.turnover.sum())
    return metrics.performance(parts.equity) | metrics.trading(parts.packages, turnover=turnover, kept=parts.lines.kept[0::2], excess=excess)


def _counts(parts: Parts) -> dict[str, int]:
    outcome = dict(parts.fills.group_by("outcome").len().iter_rows())
    return {
        "opportunities": parts.opportunities.height,
        "episodes": parts.opportunities["episode"].n_unique(),
        "packages": parts.packages.height,
        "fills": outcome.get("filled", 0) + outcome.get("partial", 0),
        "partial": outcome.get("partial", 0),
        "missed": sum(outcome.get(kind, 0) for kind in ("limit", "volume", "no_trade")),
        "missed_limit": outcome.get("limit", 0),
        "missed_volume": outcome.get("volume", 0),
        "missed_no_trade": outcome.get("no_trade", 0),
        "open": outcome.get("open", 0),
    } | {f"dropped_{reason}": count for reason, count in parts.dropped.items()}


def _data_warnings(parts: Parts) -> list[str]:
    found = [
        f"marks: {currency} had no fresh source on {count} rows; its last mark stood"
        for currency, count in sorted(parts.stale_marks.items())
        if count
    ]
    for row in parts.quality:
        bars, missing, silent = int(row["bars"] or 0), int(row["missing"] or 0), int(row["no_trade"] or 0)
        if missing + silent > (bars + missing) / 4:
            share = 100 * (missing + silent) / (bars + missing)
            found.append(f"data: {row['venue']} {row['instrument']} traded in only {100 - share:.0f} % of its intervals")
    return found
