"""The page of a run."""

from collections.abc import Mapping, Sequence

import polars as pl

from engine.attribution import TRADE_LINES
from engine.headline import costs_of, gross_of
from engine.report import figures
from engine.report.forms import figure
from engine.report.page import rendered
from engine.report.toml import as_toml
from engine.report.words import COUNTS, PERPETUAL_COUNTS, WORDS, names_of, shown_lines, steps_of
from engine.schema import SeriesKey
from engine.statistics.episodes import by_episode, package_episodes
from engine.strategies.combination import label_parts
from engine.strategies.names import Names
from engine.wording import FLAGS, NAMES, NOT_MODELLED, PASSED_OVER, STOPS, STRESS, figures_of, meanings_of

_SHOWN = 50
_LONGEST = 10
_WAITING = ("mean_age_s", "median_episode_s", "outlast_rate", "markout_short_bps", "markout_medium_bps", "markout_long_bps")

Tables = Mapping[str, pl.DataFrame]


def render(summary: Mapping[str, object], manifest: Mapping[str, object], tables: Tables) -> str:
    """Return the page of a result.

    Parameters
    ----------
    summary, manifest : Mapping[str, object]
        Of the result.
    tables : Mapping[str, pl.DataFrame]
        Its tables, by the names of `engine.result.TABLES`.
    """
    spec = _mapping(manifest["spec"])
    return rendered(
        "run.html.j2",
        s=summary,
        manifest=manifest,
        spec=spec,
        toml=as_toml(spec),
        flags=[words for name, words in FLAGS.items() if summary[name]],
        detail=str(summary["verdict"]).removeprefix(str(summary["headline"])).strip(),
        not_modelled=NOT_MODELLED,
        words=_words(NAMES[str(summary["strategy"])]),
        **_lists(summary, tables),
        **_figures(summary),
        **_charts(summary, tables),
    )


def _words(named: Names) -> dict[str, str]:
    own = {"package": f"what is decided together: {named.package}", "edge": named.edge_means}
    own |= {} if named.pays else {"gross": named.gross_means}
    return {named.edge if word == "edge" else word: own.get(word, meaning) for word, meaning in WORDS.items()}


def _figures(summary: Mapping[str, object]) -> dict[str, object]:
    metrics, counts = _mapping(summary["metrics"]), _mapping(summary["counts"])
    lines, strategy = _lines(summary), str(summary["strategy"])
    named = NAMES[strategy]
    own = {"opportunities": named.chance, "packages": named.package}
    passed = {words: counts["alarms" if name == "alarm" else f"dropped_{name}"] for name, words in PASSED_OVER.items()}
    return {
        "lines": lines,
        "shown_lines": shown_lines(lines),
        "meanings": meanings_of(strategy),
        "names": names_of(strategy),
        "gross": gross_of(lines),
        "net": gross_of(lines) + sum(costs_of(lines).values()),
        "sure": gross_of(lines) + sum(min(amount, 0.0) for amount in costs_of(lines).values()),
        "costs": costs_of(lines),
        "turnover": metrics["turnover"],
        "figures": [(name, label, figure(metrics[name], kind), meaning) for name, label, kind, meaning in figures_of(strategy)],
        "waiting": _WAITING,
        "counts": [(label, counts[name], own.get(name, meaning)) for name, label, meaning in COUNTS] + _of_perpetual(summary),
        "passed_over": {words: count for words, count in passed.items() if count},
        "stress": STRESS,
        "named": named,
        "trading": sum(lines[name] for name in (*TRADE_LINES, "transfers")),
        "stops": STOPS,
    }


def _pair(parts: Sequence[tuple[str, SeriesKey]]) -> dict[str, SeriesKey]:
    # the two sides of a pair, which has one currency to sell and to buy; a cycle has none
    one_base = len({key.base for _, key in parts}) == 1
    return dict(parts) if one_base and [side for side, _ in parts] == ["sell", "buy"] else {}


def _alone(parts: Sequence[tuple[str, SeriesKey]]) -> tuple[str, SeriesKey] | None:
    # the side and the series of an order that is a package by itself
    return parts[0] if len(parts) == 1 else None


def _of_perpetual(summary: Mapping[str, object]) -> list[tuple[str, float, str]]:
    found = _mapping(summary.get("perpetual", {}))
    return [(label, found[name], meaning) for name, label, meaning in PERPETUAL_COUNTS if found]


def _charts(summary: Mapping[str, object], tables: Tables) -> dict[str, object]:
    unit, lines = str(summary["numeraire"]), _lines(summary)
    excess, back = summary["excess"], _mapping(summary["trade_back"])["amount"]
    capacity = summary.get("capacity") or []
    assert isinstance(excess, float)
    assert isinstance(capacity, Sequence)
    legs = str(tables["spread"]["legs"][0])
    fee_bps = _fee_bps(summary, legs)
    return {
        "equity_chart": figures.equity_chart(tables["equity"], unit),
        "drawdown_chart": figures.drawdown_chart(tables["equity"], unit),
        "spread_chart": figures.spread_chart(tables["spread"], tables["packages"], fee_bps=fee_bps),
        "fee_bps": fee_bps,
        "spread_legs": legs,
        "spread_sides": _pair(label_parts(legs)),
        "spread_alone": _alone(label_parts(legs)),
        "waterfall_chart": figures.waterfall_chart(steps_of(lines, str(summary["strategy"])), excess=excess, back=back, unit=unit),
        "capacity": capacity,
        "capacity_chart": figures.capacity_chart(capacity, unit) if len(capacity) > 1 else None,
    }


def _fee_bps(summary: Mapping[str, object], label: str) -> float | None:
    # what the legs of a combination pay on average, of one leg's value; None where one of them traded nothing
    legs = summary["legs"]
    assert isinstance(legs, Sequence)
    paid = {(leg["venue"], leg["instrument"]): -1e4 * leg["fees"] / leg["turnover"] for leg in legs if leg["turnover"]}
    keys = [(key.venue, key.instrument) for _, key in label_parts(label)]
    return sum(paid[key] for key in keys) if all(key in paid for key in keys) else None


def _lists(summary: Mapping[str, object], tables: Tables) -> dict[str, object]:
    packages, transfers = tables["packages"], tables["transfers"]
    shown = packages.sort(pl.col("pnl").abs(), descending=True, maintain_order=True).head(_SHOWN).sort("package")
    found = tables["episodes"]
    longest = found.sort("length_s", descending=True, maintain_order=True).head(_LONGEST)
    paid = by_episode(package_episodes(tables["opportunities"], packages), packages["pnl"].to_numpy())
    return {
        "paid": paid,
        "packages": list(shown.iter_rows(named=True)),
        "hidden": packages.height - shown.height,
        "transfers": list(transfers.head(_SHOWN).iter_rows(named=True)),
        "hidden_transfers": max(0, transfers.height - _SHOWN),
        "episodes": found.height,
        "longest": list(longest.iter_rows(named=True)),
        "episode_chart": figures.episode_chart(found) if found.height else None,
    }


def _lines(summary: Mapping[str, object]) -> dict[str, float]:
    rows = summary["attribution"]
    assert isinstance(rows, Sequence)
    return {row["line"]: row["amount"] for row in rows}


def _mapping(value: object) -> dict[str, float]:
    assert isinstance(value, dict)
    return value
