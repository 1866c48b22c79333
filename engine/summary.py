"""What a result says first: the verdict, its figures, and what was assumed."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from engine import bet, capacity, metrics, positions
from engine.accounts import Accounts
from engine.attribution import TRADE_LINES, lines_of
from engine.config import POOLS, Spec
from engine.demands import Unmet, sentences
from engine.events import OUTCOMES, RESIDUAL, Path
from engine.headline import Edge
from engine.headline import headline as edge_headline
from engine.opportunities import decisions
from engine.schema import ATOMS_PER_UNIT, STABLECOINS, SYNTHETIC_PREFIX, instant, micros
from engine.spec.redemption import Redemption
from engine.units import format_duration, iso
from engine.wording import PASSED_OVER, STOPS, STRESS

Row = dict[str, str | int | float | None]
Table = list[dict[str, str | int | float]]

_COMBINATIONS = 20
_MISSES = ("limit", "volume", "no_trade", "absent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Accounts):
    """Everything that a summary is made from."""

    attribution_days: list[dict[str, str | float]]  # (engine.daily.by_day)
    combinations: Table  # (engine.attribution.by_combination)
    legs: Table  # (engine.attribution.by_leg)
    balances: Table  # (engine.ledger.balances)
    execution: dict[str, float | None]  # figures of engine.execution and engine.opportunities
    stress: dict[str, float]  # (engine.stress.excesses)
    capacity: list[dict[str, float]]  # (engine.capacity.curve)
    guard: list[tuple[int, str, str]]  # (µs, currency, "off" or "back")
    quality: list[Row]
    unmet: list[Unmet]
    stale_marks: dict[str, int]  # currency → ticks


def summarise(spec: Spec, parts: Parts, manifest_hash: str) -> dict[str, object]:
    """Return the summary of a result as JSON values; amounts in the numeraire."""
    return {
        "name": spec.name,
        "strategy": spec.strategy.kind,
        "headline": headline(spec, parts),
        "verdict": verdict(spec, parts),
        "synthetic": is_synthetic(spec),
        "indicative": is_indicative(spec),
        "numeraire": spec.numeraire,
        "comparison_currency": spec.comparison_currency,
        "start": spec.canonical()["start"],
        "end": spec.canonical()["end"],
        "excess": parts.excess,
        "equity_start": float(parts.equity["hold"][0]),  # before what happens in the first microsecond
        "equity_end": float(parts.equity["equity"][-1]),
        "trade_back": {
            "amount": parts.trade_back.amount,
            "excess": parts.excess + parts.trade_back.amount,
            "at_mark": parts.trade_back.at_mark,
        },
        "metrics": _metrics(parts),
        "counts": _counts(parts.path),
        **({} if spec.perpetual is None else {"perpetual": positions.figures(spec, parts.path)}),
        "attribution": [{"line": line, "amount": parts.attribution[line]} for line in lines_of(spec)],
        "attribution_days": parts.attribution_days,
        "combinations": parts.combinations[:_COMBINATIONS],
        "legs": parts.legs,
        "stress": parts.stress,
        "capacity": parts.capacity,
        "capacity_turn": capacity.turn(parts.capacity),
        "stops": [{"at": _at(at_us), "why": why} for at_us, why in parts.path.stops],
        "guard": [{"at": _at(at_us), "currency": currency, "state": state} for at_us, currency, state in parts.guard],
        "balances": parts.balances,
        "quality": parts.quality,
        "warnings": spec.doubts() + _data_warnings(parts) + _kept_back(spec, parts.path),
        "assumptions": assumptions(spec),
        "manifest_hash": manifest_hash,
    }


def is_synthetic(spec: Spec) -> bool:
    """Return whether any of the run's prices is invented."""
    return any(venue.startswith(SYNTHETIC_PREFIX) for venue in spec.venues)


def is_indicative(spec: Spec) -> bool:
    """Return whether a fill or a decision came from anything but recorded quotes of real venues, each currency at what it was worth."""
    on_quotes = all(i.data in {"quotes", "pool"} for i in spec.instruments if i.use != "mark")
    return not on_quotes or bool(spec.assume_par) or is_synthetic(spec)


def headline(spec: Spec, parts: Parts) -> str:
    """Return the sentence that names what decided: no edge, no funds, a cost, revaluation, or trading back."""
    packages, turnover = parts.packages.height, float(parts.lines.turnover.sum())
    if not parts.path.opportunities.at_us.size:
        return _nothing_found(spec, parts)
    if not packages:
        return _passed_over(parts)
    if turnover <= 0:
        return f"Nothing filled: no leg of {packages:,} package{'s' if packages > 1 else ''} met a price within its limit."
    coins = [currency for currency in spec.currencies if currency in STABLECOINS and currency != spec.numeraire]
    back, indicative = parts.trade_back.amount, is_indicative(spec)
    if spec.strategy.sends == "alone" and spec.base is not None:
        return bet.headline(_bet(spec, parts, spec.base, turnover))
    return edge_headline(Edge(lines=parts.attribution, turnover=turnover, back=back, indicative=indicative, stablecoins=coins))


def _nothing_found(spec: Spec, parts: Parts) -> str:
    best = _best(parts.path.best_edge_bps)
    if spec.perpetual is not None:
        return f"No edge after costs: nothing entered, as no instant reached {spec.strategy.threshold_bps:g} bps net of fees and spread."
    if spec.strategy.sends == "alone":
        return f"No bet: {spec.base} was never cheap enough to be bought; against par, net of the fee, {best}."
    return f"No edge after costs: no instant reached {spec.strategy.threshold_bps:g} bps net of fees and spread; {best}."


def _still_held(spec: Spec, parts: Parts) -> list[str]:
    return bet.remainder(_bet(spec, parts, spec.base, 1.0)) if spec.strategy.sends == "alone" and spec.base is not None else []


def _bet(spec: Spec, parts: Parts, coin: str, turnover: float) -> bet.Bet:
    held = sum(holding.surplus for holding in parts.held if holding.currency == coin) / ATOMS_PER_UNIT
    moved = parts.path.transfers
    to_desk = np.array([spec.strategy.redeems is not None and r.destination == spec.strategy.redeems.desk for r in spec.routes], dtype=np.bool_)
    unpaid = to_desk[moved.route] & ~moved.is_paid
    return bet.Bet(
        coin=coin,
        lines=parts.attribution,
        turnover=turnover,
        back=parts.trade_back.amount,
        indicative=is_indicative(spec),
        held=held,
        at_desk=float(np.sum((moved.amount - moved.fee)[unpaid])) / ATOMS_PER_UNIT,
    )


def verdict(spec: Spec, parts: Parts) -> str:
    """Return the sentences that say what this would have earned, after trading back; the first is the headline."""
    said = [headline(spec, parts)]
    if parts.packages.height:
        said += [*_still_held(spec, parts), _earned(spec, parts), *_fragile(parts)]
    elif parts.attribution["transfers"]:
        said.append(f"Transfers cost {-parts.attribution['transfers']:,.2f} {spec.numeraire}.")
    return " ".join([*said, *(f"Stopped at {_at(at_us)} by the limit on {STOPS[why]}." for at_us, why in parts.path.stops)])


def _passed_over(parts: Parts) -> str:
    counts, seen = decisions(parts.path.opportunities), parts.path.opportunities.at_us.size
    reasons = ", ".join(f"{counts[reason]:,} {meaning}" for reason, meaning in PASSED_OVER.items() if counts[reason])
    led = "An edge, but no funds for it" if 2 * counts["no_funds"] > seen else "Nothing traded"
    return f"{led}: {seen:,} opportunities, all passed over: {reasons}."


def _fragile(parts: Parts) -> list[str]:
    # a gain that worse conditions take
    taken = [words for name, words in STRESS.items() if parts.stress.get(name, 1.0) <= 0]
    if parts.excess + parts.trade_back.amount <= 0 or not taken:
        return []
    return [f"It would have been a loss with {' or with '.join(taken)}."]


def _earned(spec: Spec, parts: Parts) -> str:
    packages, back = parts.packages.height, parts.trade_back
    result = parts.excess + back.amount
    trading, moving = sum(parts.attribution[line] for line in TRADE_LINES), parts.attribution["transfers"]
    word, plural = "Earned" if round(result, 2) >= 0 else "Lost", "s" if packages > 1 else ""
    redeemed = parts.attribution.get("redemption", 0.0)
    gas = "gas, " if parts.attribution["gas"] else ""
    transfers = f"{moving:+z,.2f} by transfers, " if parts.path.transfers.route.size else ""
    funding, paid = parts.attribution.get("funding", 0.0), parts.path.funding.due_us.size
    transfers += f"{funding:+z,.2f} by funding ({paid} payment{'' if paid == 1 else 's'}), " if spec.perpetual is not None else ""
    transfers += f"{redeemed:+z,.2f} by redemption at par, " if "redemption" in parts.attribution else ""
    left = "was left behind" if spec.perpetual is None else "was still open or left behind"
    what = spec.base if spec.strategy.sends == "alone" else f"what {left}"
    at_mark = f" ({', '.join(back.at_mark)} at the mark: nothing in view trades it)" if back.at_mark else ""
    changed = parts.excess - trading - moving - funding - redeemed
    return (
        f"{word} {abs(result):,.2f} {spec.numeraire} against holding: {trading:+z,.2f} from trading {packages} package{plural}, after fees, {gas}"
        f"slippage and missed legs, {transfers}{changed:+z,.2f} as {what} changed in value, "
        f"and {back.amount:+z,.2f} by trading back to the starting balances{at_mark}."
    )


def assumptions(spec: Spec) -> list[str]:
    """Return what was assumed and not observed."""
    kinds = {i.data for i in spec.instruments if i.use != "mark"}
    found = []
    if "bars" in kinds:
        found.append("Bars, not quotes: bid and ask are a bar's price and the given half-spread, so the result is indicative.")
    if "quote_bars" in kinds:
        found.append("Quote bars, not quotes: one bid and ask stand for the end of an interval, so the result is indicative.")
    if "pool_bars" in kinds:
        found.append("Pool bars, not swaps: one state stands for the end of an interval, so the result is indicative.")
    found += _swaps(spec)
    found += [
        *_fills(spec),
        *([] if spec.strategy.sends == "alone" else [_residual(spec)]),
        *_redeemed(spec),
        *_moved(spec),
        "Trading back at the end meets the best bid or ask in view, whatever its size.",
    ]
    if spec.perpetual is not None:
        found.append("The perpetual is settled, margined and liquidated by its own mid: the venue's index and mark price are not known.")
    return found + [f"Decisions count {currency} as one {spec.comparison_currency}." for currency in spec.assume_par]


def _swaps(spec: Spec) -> list[str]:
    if not any(i.data in POOLS for i in spec.legs):
        return []
    return [
        "A swap is in the first block at or after its arrival, before all else in it; what it moved stays until the pool's next recorded state.",
        "Liquidity is known within the active range alone: no swap goes beyond it. What is below an atom (1e-8) is rounded against us.",
    ]


def _fills(spec: Spec) -> list[str]:
    execution = spec.execution
    if spec.legs[0].data == "bars":
        return [
            f"An order takes at most {100 * execution.volume_share:g} % of a bar's volume and does not move its price.",
            f"Fills at the {'open' if execution.fill_price == 'open' else 'worst price'} of the first traded bar that opens after an order arrives.",
        ]
    share = f"{100 * execution.take_share:g} %"
    return [f"An order takes at most {share} of what a price displays, less what earlier ones took since it was best, and nobody else reacts to it."]


def _residual(spec: Spec) -> str:
    within = f"once, within {spec.execution.residual_bps:g} bps of the quote in view at the later notice; what is left of it is carried."
    sentences = {
        "carry": "Unequal legs are carried and revalued at marks; they are not unwound.",
        "unwind": f"What unequal legs leave is unwound where too much was filled, {within}",
        "hedge": f"What unequal legs leave is hedged where the net price is best, {within}",
    }
    return sentences[spec.execution.residual]


def _moved(spec: Spec) -> list[str]:
    if spec.rebalance is not None:
        count = len(spec.routes)
        return [f"Transfers take the fees and delays of the {count} route{'s' if count > 1 else ''} given, and meet no suspension but those given."]
    return [] if spec.strategy.redeems else ["Balances stay where trades leave them: no transfers between venues."]


def _redeemed(spec: Spec) -> list[str]:
    redemption = spec.strategy.redeems
    if redemption is None:
        return []
    terms = f"pays one {redemption.pays} for it, less its fee, after {_length(redemption)}"
    return [f"{redemption.desk} takes every {spec.base} that comes to it and {terms}; it does not fail, and shuts at no time but those given."]


def _length(redemption: Redemption) -> str:
    hours = "" if redemption.hours is None else ", within its hours"
    return f"{format_duration(redemption.delay)}{hours}"


def _best(edge_bps: float | None) -> str:
    return "what is traded together never had prices at one time" if edge_bps is None else f"the best was {edge_bps:+z.2f} bps"


def _metrics(parts: Parts) -> dict[str, float | int | None]:
    turnover = metrics.total(parts.lines.turnover)
    trading = metrics.trading(parts.packages, turnover=turnover, excess=parts.excess)
    return metrics.performance(parts.equity) | trading | parts.execution


def _counts(path: Path) -> dict[str, int]:
    outcomes = dict(zip(OUTCOMES, np.bincount(path.orders.outcome, minlength=len(OUTCOMES)).tolist(), strict=True))
    decided = decisions(path.opportunities)
    return {
        "opportunities": path.opportunities.at_us.size,
        "episodes": int(np.max(path.opportunities.episode, initial=-1)) + 1,  # they are numbered from 0
        "packages": decided["sent"],
        "residual_orders": int(np.sum(path.orders.role == RESIDUAL)),
        "fills": outcomes["filled"] + outcomes["partial"],
        "partial": outcomes["partial"],
        "missed": sum(outcomes[kind] for kind in _MISSES),
        **{f"missed_{kind}": outcomes[kind] for kind in _MISSES},
        "open": outcomes["open"],
        "transfers": path.transfers.route.size,
        "alarms": decided["alarm"],
        **{f"dropped_{reason}": decided[reason] for reason in PASSED_OVER if reason != "alarm"},
    }


def _data_warnings(parts: Parts) -> list[str]:
    return (
        [
            f"marks: {currency} had no fresh source at {count} ticks; its last mark stood"
            for currency, count in sorted(parts.stale_marks.items())
            if count
        ]
        + [sentence for row in parts.quality for sentence in _row_warnings(row)]
        + [f"quality.demands: {sentence}" for sentence in sentences(parts.unmet)]
    )


def _row_warnings(row: Row) -> list[str]:
    count = {name: int(value) for name, value in row.items() if isinstance(value, int)}
    series, rows, found = f"data: {row['venue']} {row['instrument']}", count["rows"], []
    if row["data"] == "bars":
        silent, intervals = count["missing"] + count["no_trade"], rows + count["missing"]
        if silent > intervals / 4:
            found.append(f"{series} traded in only {100 - 100 * silent / intervals:.0f} % of its intervals")
    else:
        doubted = sum(count.get(check, 0) for check in ("nan", "zero_or_negative", "disordered_levels", "crossed", "outside"))
        if doubted > rows / 100:
            what = "states" if row["data"] in POOLS else "quotes"
            found.append(f"{series} has {doubted:,} of {rows:,} rows that are no {what}; it was away from each until the next good one")
        if count["truncated"]:
            found.append(f"{series} ends at {row['last']}, before the run does")
    return found


def _kept_back(spec: Spec, path: Path) -> list[str]:
    # funds in flight at the end that a suspension keeps from their wallet, which no delay of a route would tell
    moved, kept = path.transfers, Counter[tuple[str, str, int]]()
    ends = {(s.venue, s.currency, micros(s.end)) for s in spec.suspensions if s.what != "withdrawals"}
    for x in np.flatnonzero(~moved.credited) if ends else ():
        route = spec.routes[moved.route[x]]
        place = (route.destination, route.currency, int(moved.credited_us[x]))
        kept[place] += int(moved.amount[x] - moved.fee[x]) if place in ends else 0
    return [
        f"transfers: {kept_atoms / ATOMS_PER_UNIT:,.10g} {currency} are in flight until {_at(until)}, when {venue} takes deposits of it again"
        for (venue, currency, until), kept_atoms in sorted(kept.items())
        if kept_atoms
    ]


def _at(at_us: int) -> str:
    return iso(instant(at_us))
