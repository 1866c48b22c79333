"""Trading back: what it costs, against marks, to turn what is held at the end into what was held at the start."""

from collections.abc import Iterator
from typing import NamedTuple

from engine.config import MARK_MAX_AGE_US, Instrument
from engine.oracle import fees
from engine.oracle.observations import Observation
from engine.oracle.state import Run, starting
from engine.oracle.variation import open_value
from engine.schema import ATOMS_PER_UNIT, micros


class Offer(NamedTuple):
    """What a unit of a currency brings or costs, fee included: in the numeraire, and in which currency how much."""

    value: float
    other: str
    price: float


def trading_back(run: Run) -> tuple[float, tuple[str, ...]]:
    """Return the line [numeraire], and the currencies that have no price and count at their marks."""
    surplus = {c: _surplus(run, c) for c in run.spec.currencies}
    line, at_mark = _close(run, surplus)
    for currency in _in_turn(run):
        units = surplus[currency]
        if units == 0 or currency == run.spec.numeraire:
            continue
        offers = list(_offers(run, currency, is_sold=units > 0))
        if not offers:
            at_mark.append(currency)
            continue
        best = max(offers) if units > 0 else min(offers)
        line += units * (best.value - run.marks.at(currency, micros(run.spec.end)))
        surplus[best.other] += units * best.price
    return line, tuple(sorted(at_mark))


# Close the position at the net bid or ask, or at its mid where neither is in view; what it brings counts to its quote.
def _close(run: Run, surplus: dict[str, float]) -> tuple[float, list[str]]:
    position, end = run.position, micros(run.spec.end)
    if position is None:
        return 0.0, []
    i, held, seen = position.leg, position.at_venue / ATOMS_PER_UNIT, run.market[position.leg.key].in_view(end)
    value = open_value(run, position, end) / run.marks.at(i.key.quote, end)
    if not held or seen is None or not _is_fresh(seen, end):
        surplus[i.key.quote] += value
        return 0.0, [f"the position in {i.key}"] if held else []
    beyond = held * ((_net_bid(run, i, seen) if held > 0 else _net_ask(run, i, seen)) - run.mid(end))
    surplus[i.key.quote] += value + beyond
    return beyond * run.marks.at(i.key.quote, end), []


def _is_fresh(seen: Observation, end: int) -> bool:
    return seen.good and end - seen.event <= MARK_MAX_AGE_US and seen.bids[0].price > 0


# A pair's base first, a cycle's start last.
def _in_turn(run: Run) -> list[str]:
    if run.is_in_cycles:
        return sorted(run.spec.currencies, key=lambda c: (c == run.spec.comparison_currency, c))
    return sorted(run.spec.currencies, key=lambda c: (c != run.spec.base, c))


def _surplus(run: Run, currency: str) -> float:
    before = sum(starting(run.spec, venue, currency) for venue in run.spec.venues)
    return (run.held(currency) - before) / ATOMS_PER_UNIT


# A pair's base is traded on the legs, other currencies against the numeraire, or a cycle's start, with what is in view at the end.
def _offers(run: Run, currency: str, *, is_sold: bool) -> Iterator[Offer]:
    end = micros(run.spec.end)
    for i in run.spec.instruments:
        if i.perpetual is not None:
            continue
        is_leg = i.use == "trade" and currency == run.spec.base
        is_direct = i.use != "mark" and currency != run.spec.base and any({i.key.base, i.key.quote} == {currency, c} for c in _against(run))
        seen = run.market[i.key].in_view(end)
        if (is_leg or is_direct) and seen is not None and _is_fresh(seen, end):
            yield _offer(run, currency, i, seen, is_sold=is_sold)


def _against(run: Run) -> set[str]:
    return {run.spec.numeraire, run.spec.comparison_currency} if run.is_in_cycles else {run.spec.numeraire}


def _offer(run: Run, currency: str, i: Instrument, seen: Observation, *, is_sold: bool) -> Offer:
    if currency == i.key.base:
        price, other = _net_bid(run, i, seen) if is_sold else _net_ask(run, i, seen), i.key.quote
    else:  # what is the quote is sold by buying, and bought by selling
        price, other = 1 / (_net_ask(run, i, seen) if is_sold else _net_bid(run, i, seen)), i.key.base
    return Offer(price * run.marks.at(other, micros(run.spec.end)), other, price)


def _net_bid(run: Run, i: Instrument, seen: Observation) -> float:
    return seen.bids[0].price * (1 - _rate(run, i))


def _net_ask(run: Run, i: Instrument, seen: Observation) -> float:
    rate, end = _rate(run, i), micros(run.spec.end)
    if run.fee_rows[i.key] and fees.is_taken_in_base(run, i, end):
        return seen.asks[0].price / (1 - rate)
    return seen.asks[0].price * (1 + rate)


def _rate(run: Run, i: Instrument) -> float:
    return fees.rate(run, i, micros(run.spec.end)) if run.fee_rows[i.key] else 0.0
