"""Trading back: what it costs, against marks, to turn what is held at the end into what was held at the start."""

from collections.abc import Iterator

from engine.config import MARK_MAX_AGE_US, Instrument
from engine.oracle import fees
from engine.oracle.observations import Observation
from engine.oracle.state import Run, starting
from engine.schema import ATOMS_PER_UNIT, micros


def trading_back(run: Run) -> tuple[float, tuple[str, ...]]:
    """Return the line [numeraire], and the currencies that have no price and count at their marks."""
    line, at_mark = 0.0, []
    for currency in run.spec.currencies:
        excess = run.held(currency) - sum(starting(run.spec, venue, currency) for venue in run.spec.venues)
        if excess == 0 or currency == run.spec.numeraire:
            continue
        prices = list(_sold_at(run, currency) if excess > 0 else _bought_at(run, currency))
        if prices:
            best = max(prices) if excess > 0 else min(prices)
            line += excess / ATOMS_PER_UNIT * (best - run.marks.at(currency, micros(run.spec.end)))
        else:
            at_mark.append(currency)
    return line, tuple(at_mark)


# What a unit brings, after the fee [numeraire], on each instrument that has a price.
def _sold_at(run: Run, currency: str) -> Iterator[float]:
    for i, seen, u in _instruments(run, currency):
        yield _bid(run, i, seen) * u if i.key.base == currency else 1 / _ask(run, i, seen)


# What a unit costs, with the fee [numeraire].
def _bought_at(run: Run, currency: str) -> Iterator[float]:
    for i, seen, u in _instruments(run, currency):
        yield _ask(run, i, seen) * u if i.key.base == currency else 1 / _bid(run, i, seen)


# The base on the legs, other currencies against the numeraire: what is in view, and the mark of its quote.
def _instruments(run: Run, currency: str) -> Iterator[tuple[Instrument, Observation, float]]:
    end = micros(run.spec.end)
    for i in run.spec.instruments:
        seen = run.market[i.key].in_view(end)
        is_leg = i.use == "trade" and currency == run.spec.base
        is_direct = i.use != "mark" and currency != run.spec.base and {i.key.base, i.key.quote} == {currency, run.spec.numeraire}
        if (is_leg or is_direct) and seen is not None and seen.good and end - seen.event <= MARK_MAX_AGE_US and seen.bids[0].price > 0:
            yield i, seen, run.marks.at(i.key.quote, end)


def _bid(run: Run, i: Instrument, seen: Observation) -> float:
    return seen.bids[0].price * (1 - _rate(run, i))


def _ask(run: Run, i: Instrument, seen: Observation) -> float:
    rate, end = _rate(run, i), micros(run.spec.end)
    if run.fee_rows[i.key] and fees.is_taken_in_base(run, i, end):
        return seen.asks[0].price / (1 - rate)
    return seen.asks[0].price * (1 + rate)


def _rate(run: Run, i: Instrument) -> float:
    return fees.rate(run, i, micros(run.spec.end)) if run.fee_rows[i.key] else 0.0
