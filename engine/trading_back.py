"""What it would bring to trade back to the starting balances at the end (docs/model.md, "Equity and attribution")."""

from dataclasses import dataclass

import numpy as np

from engine.config import MARK_MAX_AGE_US, POOLS, FeeSpan, Instrument, Spec
from engine.events import Path
from engine.ledger import Holding, is_filled, leg_currencies
from engine.marks import Marks
from engine.panel import Panel, Series
from engine.positions import Position, mids, position
from engine.schema import ATOMS_PER_UNIT, US_PER_SECOND, micros
from engine.units import atoms

_DAY_US = 86_400 * US_PER_SECOND
_TIER_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeBack:
    """The difference that trading back makes to marks."""

    amount: float  # [numeraire] negative where it costs
    at_mark: list[str]  # currencies that counted at their mark, since nothing in view at the end traded them


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a unit of a currency brings when sold, and costs when bought, on one instrument after its fee."""

    other: str  # the currency that it is traded against
    brings: float  # [other per unit]
    costs: float  # [other per unit]

    def of(self, surplus: float) -> float:
        """Return what trading back a surplus, or what lacks if negative, brings [other]."""
        return surplus * (self.brings if surplus > 0 else self.costs)


def trade_back(spec: Spec, path: Path, panel: Panel, held: list[Holding]) -> TradeBack:
    """Return what selling all that is held beyond the start, and buying what lacks, brings beyond its value at marks.

    Notes
    -----
    A position is closed first, at the best bid or ask after the fee, or at its mid where neither is in view. Then the base goes, on the leg
    that is best at marks; what it brings or costs in another currency counts to that. Then each other currency by name, on instruments that
    trade or convert it, against the numeraire. With cycles, all but their start go first, against that or the numeraire. Best bids and asks in
    view at the end, after the fee in force then, of whatever size; a price is in view for the five minutes of a mark.
    """
    volumes = venue_volumes(spec, path, panel.marks)
    marks = {currency: float(values[-1]) for currency, values in panel.marks.ticks.items()}
    surplus = {holding.currency: holding.surplus / ATOMS_PER_UNIT for holding in held}
    amount = 0.0
    at_mark: list[str] = []
    one = position(spec, path)
    if one is not None:
        brought, beyond, at_mark = _closed(spec, one, panel, volumes)
        surplus[one.leg.key.quote] += brought
        amount += beyond * marks[one.leg.key.quote]
    for currency in in_order(spec):
        if currency == spec.numeraire or surplus[currency] == 0:
            continue
        rates = _rates(spec, panel, currency, volumes)
        if rates:
            best = max(rates, key=lambda rate: rate.of(surplus[currency]) * marks[rate.other])
            amount += best.of(surplus[currency]) * marks[best.other] - surplus[currency] * marks[currency]
            surplus[best.other] += best.of(surplus[currency])
        else:
            at_mark.append(currency)
    return TradeBack(amount=amount, at_mark=at_mark)


def _closed(spec: Spec, one: Position, panel: Panel, volumes: dict[str, int]) -> tuple[float, float, list[str]]:
    # what closing the position brings [quote], how much of this is beyond its value at its mid, and what counted at that
    end = np.array([micros(spec.end)])
    held, cost = (int(steps.after(end)[0]) / ATOMS_PER_UNIT for steps in (one.held, one.cost))
    if held == 0:
        return -cost, 0.0, []
    mid, span = float(mids(panel.marks, end)[0]), in_force(spec, one.leg)
    bid_ask = in_view(panel.of(one.leg.key), micros(spec.end))
    if bid_ask is None or span is None:
        return held * mid - cost, 0.0, [f"the position in {one.leg.key}"]
    fee = next(rate for least, rate in reversed(span.tiers) if least <= volumes[one.leg.venue])
    rate = _rate(one.leg, one.leg.key.base, bid_ask=bid_ask, fee=fee, in_base=False)
    return rate.of(held) - cost, rate.of(held) - held * mid, []


def venue_volumes(spec: Spec, path: Path, marks: Marks) -> dict[str, int]:
    """Return the volume that sets each venue's tier at the end [atoms of the numeraire].

    Notes
    -----
    What was stated and the notionals of our fills recorded in the 30 UTC days before the day of the end, each at the mark of its quote at
    the last tick.
    """
    orders, start_us, day = path.orders, micros(spec.start), micros(spec.end) // _DAY_US
    recent = is_filled(orders) & (orders.recorded_us >= (day - _TIER_DAYS) * _DAY_US) & (orders.recorded_us < day * _DAY_US)
    ticks = (orders.recorded_us[recent] - start_us) // spec.clock
    quotes = np.stack([marks.ticks[currency] for currency in spec.currencies])
    notional = np.rint(orders.flow[recent] * quotes[leg_currencies(spec, orders.leg[recent], "quote"), ticks]).astype(np.int64)
    venues = np.array([leg.venue for leg in spec.legs])[orders.leg[recent]]
    return {name: atoms(venue.volume_30d) + int(notional[venues == name].sum()) for name, venue in spec.venues.items()}


def in_order(spec: Spec) -> list[str]:
    """Return the currencies as they are traded back: what leads to others goes before them."""
    last = {spec.comparison_currency} if spec.base is None else set(spec.currencies) - {spec.base}
    return sorted(spec.currencies, key=lambda currency: (currency in last, currency))


def instruments_of(spec: Spec, currency: str) -> tuple[Instrument, ...]:
    """Return where a currency is traded back: the base on the legs, another one on what trades or converts it against the numeraire.

    With cycles, what is not their start goes against that, too.
    """
    if currency == spec.base:
        return tuple(leg for leg in spec.legs if leg.perpetual is None)
    against = {spec.numeraire} if spec.base is not None or currency == spec.comparison_currency else {spec.numeraire, spec.comparison_currency}
    direct = [{currency, other} for other in against]
    return tuple(i for i in spec.instruments if i.use != "mark" and i.perpetual is None and {i.key.base, i.key.quote} in direct)


def _rates(spec: Spec, panel: Panel, currency: str, volumes: dict[str, int]) -> list[Rate]:
    found = []
    for instrument in instruments_of(spec, currency):
        bid_ask = in_view(panel.of(instrument.key), micros(spec.end))
        span = in_force(spec, instrument)
        if bid_ask is not None and span is not None:
            fee = next(rate for least, rate in reversed(span.tiers) if least <= volumes[instrument.venue])
            found.append(_rate(instrument, currency, bid_ask=bid_ask, fee=fee, in_base=span.charged_in == "received" or instrument.data in POOLS))
    return found


def in_view(series: Series, at_us: int) -> tuple[float, float] | None:
    """Return the best bid and ask that are in view at a time, None where there are none."""
    row = int(np.searchsorted(series.available_us, at_us, side="right")) - 1
    if row < 0 or at_us - int(series.event_us[row]) > MARK_MAX_AGE_US or np.isnan(series.bid[row, 0]):  # it is not good
        return None
    return float(series.bid[row, 0]), float(series.ask[row, 0])


def in_force(spec: Spec, instrument: Instrument) -> FeeSpan | None:
    """Return what an instrument is charged at the end, None where it has no fees."""
    begun = [span for span in spec.fee_rows(instrument) if span.start_us <= micros(spec.end)]
    return begun[-1] if begun else None


def _rate(instrument: Instrument, currency: str, *, bid_ask: tuple[float, float], fee: float, in_base: bool) -> Rate:
    bid, ask = bid_ask
    received, spent = bid * (1 - fee), ask / (1 - fee) if in_base else ask * (1 + fee)
    if instrument.key.base == currency:
        return Rate(other=instrument.key.quote, brings=received, costs=spent)
    return Rate(other=instrument.key.base, brings=1 / spent, costs=1 / received)
