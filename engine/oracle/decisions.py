"""From the bars of one instant to the pairs that are worth a package."""

from bisect import bisect_left
from dataclasses import dataclass

from engine.config import Instrument, Spec
from engine.oracle import rules
from engine.oracle.data import Market, Observation
from engine.oracle.state import Opportunity
from engine.schema import SeriesKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an instrument's bar says at the instant at which it becomes available."""

    instrument: Instrument
    bar: Observation
    bid: float
    ask: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A quote that can be traded, and what a unit of its quote currency counts when received and when spent."""

    instrument: Instrument
    bar: Observation
    bid: float
    ask: float
    received_rate: float
    spent_rate: float


Quotes = dict[SeriesKey, Quote]


def quotes_at(spec: Spec, market: Market, t: int) -> Quotes:
    """Return the quotes of the trade and convert instruments that have a bar at t [µs] and a bid above 0."""
    found = {}
    for i in spec.instruments:
        place = bisect_left(market[i.key], t, key=lambda x: x.available)
        bar = market[i.key][place] if place < len(market[i.key]) else None
        if i.use != "mark" and bar is not None and bar.available == t:
            found[i.key] = Quote(instrument=i, bar=bar, bid=rules.bid(bar.close, i), ask=rules.ask(bar.close, i))
    return {key: quote for key, quote in found.items() if quote.bid > 0}


def legs_of(spec: Spec, quotes: Quotes) -> dict[SeriesKey, Leg]:
    """Return the legs that are present and whose quote currency can be valued, by venue, then name."""
    found = {}
    for i in spec.legs:
        rates = _conversion(spec, i.key.quote, quotes)
        if i.key in quotes and rates is not None:
            q = quotes[i.key]
            found[i.key] = Leg(instrument=i, bar=q.bar, bid=q.bid, ask=q.ask, received_rate=rates[0], spent_rate=rates[1])
    return found


def opportunities(spec: Spec, legs: dict[SeriesKey, Leg]) -> list[Opportunity]:
    """Return edge [bps], sell leg and buy leg of every ordered pair at or above the threshold, best first, ties by name."""
    pairs = [(_edge_bps(spec, legs[s], legs[b]), s, b) for s in legs for b in legs if s != b]
    return sorted([o for o in pairs if o[0] >= spec.strategy.threshold_bps], key=lambda o: (-o[0], o[1], o[2]))


def episodes(instants: list[list[Opportunity]]) -> int:
    """Return how many runs of consecutive instants have the same ordered pair as an opportunity."""
    pairs = [{(sell, buy) for _, sell, buy in found} for found in instants]
    return sum(len(now - before) for before, now in zip([set(), *pairs], pairs, strict=False))


def _edge_bps(spec: Spec, s: Leg, b: Leg) -> float:
    received = s.bid * (1 - rules.fee_rate(spec, s.instrument)) * s.received_rate
    spent = b.ask * (1 + rules.fee_rate(spec, b.instrument)) * b.spent_rate
    return 1e4 * (received / spent - 1)


def _conversion(spec: Spec, currency: str, quotes: Quotes) -> tuple[float, float] | None:
    home = spec.comparison_currency
    if currency == home or currency in spec.assume_par:
        return 1.0, 1.0
    usable = [q for q in quotes.values() if q.instrument.use == "convert"]
    rates = [(q.bid, q.ask) for q in usable if q.instrument.name == f"{currency}/{home}"]
    rates += [(1 / q.ask, 1 / q.bid) for q in usable if q.instrument.name == f"{home}/{currency}"]
    return (min(low for low, _ in rates), max(high for _, high in rates)) if rates else None
