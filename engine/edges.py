"""What a unit is worth at each venue after fees, and the instants at which an edge can reach the threshold."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Bools, Floats, Int32s, Int64s
from engine.config import Instrument, Spec
from engine.panel import Panel, Series, implied_ask, implied_bid


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """The legs' quotes at each of C instants, in (C, V) columns; nan where a leg is absent."""

    at_us: Int64s  # (C,) [µs]
    instant: Int64s  # (C,) ordinal of the instant in the panel
    bid: Floats  # [quote per base]
    ask: Floats
    received: Floats  # [comparison currency per base] what selling one unit brings, after the fee, at the worst conversion
    spent: Floats  # the same for buying one unit
    ask_value: Floats  # the ask in the comparison currency, before the fee
    volume_cap: Int64s  # [atoms of base] our share of the decision bar

    def take(self, rows: Bools) -> "Quotes":
        """Return the quotes of some of the instants."""
        return Quotes(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def net_edge_bps(received: Floats, spent: Floats) -> Floats:
    """Return the gain of spending on one leg and receiving on another.

    Parameters
    ----------
    received, spent : float64 [comparison currency per base]
        After fees and conversion; nan where absent.

    Returns
    -------
    float64 [bps of what is spent]; nan where either is nan.

    Notes
    -----
    1e4 * (received / spent - 1), exact: subtracting the sum of the fees is off by about 0.5 bps at 50 bps a side.
    """
    return 1e4 * (received / spent - 1)


def quotes(spec: Spec, panel: Panel) -> Quotes:
    """Return the quotes of all legs at all instants."""
    legs = [_leg_quotes(spec, panel, leg) for leg in spec.legs]
    columns = {name: np.column_stack([leg[name] for leg in legs]) for name in ("bid", "ask", "received", "spent", "ask_value")}
    caps = [np.where(rows >= 0, series.volume_cap[rows], 0) for series, rows in map(panel.of, (leg.key for leg in spec.legs))]
    instants = np.arange(panel.instants_us.size, dtype=np.int64)
    return Quotes(at_us=panel.instants_us, instant=instants, volume_cap=np.column_stack(caps), **columns)


def candidates(all_quotes: Quotes, threshold_bps: float) -> Bools:
    """Return the instants at which the best pair reaches the threshold.

    Notes
    -----
    The quotient of the largest `received` and the smallest `spent` bounds every pair's, in floating point as well: a row that
    is left out has no opportunity. O(V) a row, where ranking the pairs is O(V²).
    """
    received = np.fmax.reduce(all_quotes.received, axis=1)
    spent = np.fmin.reduce(all_quotes.spent, axis=1)
    return np.greater_equal(net_edge_bps(received, spent), threshold_bps)


def conversion(spec: Spec, panel: Panel, currency: str) -> tuple[Floats, Floats]:
    """Return what one unit of a currency counts for when received and when spent, (T,) each [comparison currency]; nan where unknown.

    Notes
    -----
    The worst rate of all fresh conversion instruments: the lowest bid for what is received, the highest ask for what is spent.
    """
    size = panel.instants_us.size
    if currency == spec.comparison_currency or currency in spec.assume_par:
        return np.ones(size), np.ones(size)
    lowest, highest = np.full(size, np.nan), np.full(size, np.nan)
    for instrument in spec.instruments:
        if instrument.use == "convert" and {currency, spec.comparison_currency} == {instrument.key.base, instrument.key.quote}:
            bid, ask = _bid_ask(*panel.of(instrument.key))
            if instrument.key.base != currency:
                bid, ask = 1 / ask, 1 / bid
            lowest, highest = np.fmin(lowest, bid), np.fmax(highest, ask)
    return lowest, highest


def _leg_quotes(spec: Spec, panel: Panel, leg: Instrument) -> dict[str, Floats]:
    series, rows = panel.of(leg.key)
    bid, ask = _bid_ask(series, rows)
    fee = spec.venues[leg.venue].fee_bps * 1e-4
    received_at, spent_at = conversion(spec, panel, leg.key.quote)
    return {
        "bid": bid,
        "ask": ask,
        "received": bid * (1 - fee) * received_at,
        "spent": ask * (1 + fee) * spent_at,
        "ask_value": ask * spent_at,
    }


def _bid_ask(series: Series, rows: Int32s) -> tuple[Floats, Floats]:
    bid = implied_bid(series.close, series.instrument)[rows]
    absent = (rows < 0) | (bid <= 0)
    return np.where(absent, np.nan, bid), np.where(absent, np.nan, implied_ask(series.close, series.instrument)[rows])
