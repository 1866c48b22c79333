"""What can be traded at an instant, and what a unit of it brings and costs."""

from dataclasses import dataclass

from engine.config import Instrument
from engine.oracle import fees
from engine.oracle.observations import Observation, Series
from engine.oracle.state import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """An instrument that can be traded at t, and what a unit of its quote currency counts when received (cb) and when spent (ca)."""

    ordinal: int
    instrument: Instrument
    seen: Observation
    rate: float  # f
    fee_in_base: bool  # where it buys
    cb: float
    ca: float

    @property
    def bid(self) -> float:
        """The best bid in view."""
        return self.seen.bids[0].price

    @property
    def ask(self) -> float:
        """The best ask in view."""
        return self.seen.asks[0].price

    def received(self, bid: float) -> float:
        """Return what a unit brings at a bid, after the fee [comparison currency]."""
        return bid * (1 - self.rate) * self.cb

    def spent(self, ask: float) -> float:
        """Return what a unit costs at an ask, with the fee [comparison currency]."""
        if self.fee_in_base:
            return ask / (1 - self.rate) * self.ca
        return ask * (1 + self.rate) * self.ca


Legs = dict[int, Leg]


def legs_at(run: Run, t: int) -> Legs:
    """Return the legs that are present at t and whose quote currency can be valued, by ordinal."""
    found = {}
    for ordinal, i in enumerate(run.spec.legs):
        seen, counts = run.market[i.key].present(t), conversion(run, i.key.quote, t)
        if seen is not None and counts is not None:
            rate, in_base = fees.rate(run, i, t), fees.is_taken_in_base(run, i, t)
            found[ordinal] = Leg(ordinal=ordinal, instrument=i, seen=seen, rate=rate, fee_in_base=in_base, cb=counts[0], ca=counts[1])
    return found


def conversion(run: Run, currency: str, t: int) -> tuple[float, float] | None:
    """Return what a unit of a quote currency counts when received and when spent [comparison currency], or None."""
    if not _is_converted(run, currency):
        return 1.0, 1.0
    rates = []
    for series in _converting(run, currency):
        seen = series.present(t)
        if seen is not None:
            bid, ask = seen.bids[0].price, seen.asks[0].price
            rates.append((bid, ask) if series.instrument.key.base == currency else (1 / ask, 1 / bid))
    return (min(low for low, _ in rates), max(high for _, high in rates)) if rates else None


def _is_converted(run: Run, currency: str) -> bool:
    if run.is_in_cycles or run.is_alone:  # a cycle goes back to where it came from, and par is one of the quote
        return False
    return currency != run.spec.comparison_currency and currency not in run.spec.assume_par


def _converting(run: Run, currency: str) -> list[Series]:
    sides = {currency, run.spec.comparison_currency}
    return [s for key, s in run.market.items() if s.instrument.use == "convert" and {key.base, key.quote} == sides]


def has_news(run: Run, leg: Leg, t: int) -> bool:
    """Return whether something became available at t of a leg, or of what converts its quote currency."""
    quote = leg.instrument.key.quote
    converting = _converting(run, quote) if _is_converted(run, quote) else []
    return any(series.has_news(t) for series in [run.market[leg.instrument.key], *converting])
