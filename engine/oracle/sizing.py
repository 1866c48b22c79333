"""How large a package of a pair is: every unit that is worth it, within volume, funds and limits."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import floor, lcm

from engine.oracle import fees, rules
from engine.oracle.edges import edge_bps
from engine.oracle.exposure import expected, open_value, skip
from engine.oracle.legs import Leg
from engine.oracle.rules import Levels, Side
from engine.oracle.state import Run
from engine.units import atoms

Line = tuple[str, Callable[[int], bool]]
"""The outcome if nothing is left, and whether a quantity is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is left of the sell's bids and the buy's asks, and how many units of them are worth it together."""

    run: Run
    t: int
    sell: Leg
    buy: Leg
    bids: Levels
    asks: Levels
    ends: list[int]  # units from the best to the end of each stretch of one price on both sides
    step: int

    @property
    def most(self) -> int:
        """E: how many units reach the threshold."""
        return self.ends[-1] if self.ends else 0

    def ps(self, q: int) -> float:
        """Return the bid that the q-th unit comes from."""
        return rules.used(self.bids, q)[-1].price

    def pb(self, q: int) -> float:
        """Return the ask that the q-th unit comes from."""
        return rules.used(self.asks, q)[-1].price

    def limit(self, side: Side, q: int) -> float:
        """Return the limit of a leg of q units."""
        leg, price = (self.sell, self.ps(q)) if side == "sell" else (self.buy, self.pb(q))
        return rules.limit(side, price, self.run.spec.execution.tolerance_bps, leg.instrument)

    def reserve(self, q: int) -> int:
        """Return what the buy of q units reserves [atoms of quote]."""
        return rules.buy_reserve(self.limit("buy", q), q, fees.reserve_rate(self.run, self.buy.instrument, self.t))


def books_of(run: Run, sell: Leg, buy: Leg, t: int) -> Books:
    """Return what a package of two legs may take at t."""
    bids = rules.after_skip(sell.seen.bids, skip(run, sell, "sell"))
    asks = rules.after_skip(buy.seen.asks, skip(run, buy, "buy"))
    step = lcm(atoms(sell.instrument.lot), atoms(buy.instrument.lot))
    ends = _worth_it(sell, buy, bids, asks, run.spec.strategy.threshold_bps)
    return Books(run=run, t=t, sell=sell, buy=buy, bids=bids, asks=asks, ends=ends, step=step)


# The next level of the bids meets the next of the asks, as long as their edge reaches the threshold.
def _worth_it(sell: Leg, buy: Leg, bids: Levels, asks: Levels, threshold_bps: float) -> list[int]:
    ends: list[int] = []
    walked, bid_end, ask_end = 0, 0, 0
    bids, asks = list(bids), list(asks)
    while bids and asks and edge_bps(sell, buy, bids[0].price, asks[0].price) >= threshold_bps:
        walked = min(bid_end + bids[0].size, ask_end + asks[0].size)
        ends.append(walked)
        if walked == bid_end + bids[0].size:
            bid_end += bids.pop(0).size
        if walked == ask_end + asks[0].size:
            ask_end += asks.pop(0).size
    return ends


def size_of(books: Books) -> int | str:
    """Return the units of a package, or the outcome if there are none."""
    found = _fixed_size(books) if books.run.spec.strategy.size == "fixed" else _largest_size(books)
    if isinstance(found, str):
        return found
    sides = ((books.bids, books.sell), (books.asks, books.buy))
    small = any(rules.flow_over(rules.used(levels, found)) < atoms(leg.instrument.min_notional) for levels, leg in sides)
    return "below_minimum" if small else found


def _largest_size(books: Books) -> int | str:
    q = books.most
    allowed: list[Callable[[int], bool]] = []
    for outcome, allows in _lines(books):
        allowed.append(allows)
        if q % books.step or not allows(q):
            q = _largest(books, allowed)
        if q == 0:
            return outcome
    return q


def _fixed_size(books: Books) -> int | str:
    notional = books.run.spec.strategy.fixed_notional
    assert notional is not None
    q = floor(atoms(notional) / (books.buy.ask * books.buy.ca)) // books.step * books.step
    if q == 0:
        return "below_minimum"
    return next((outcome for outcome, allows in _lines(books) if not allows(q)), q)


# The largest multiple of the step that all lines allow: by halving, within each stretch in which no price changes, the deepest first.
def _largest(books: Books, allowed: Iterable[Callable[[int], bool]]) -> int:
    for before, end in reversed(list(zip([0, *books.ends], books.ends, strict=False))):
        least, most = before // books.step, end // books.step
        while least < most:
            middle = (least + most + 1) // 2
            if all(allows(middle * books.step) for allows in allowed):
                least = middle
            else:
                most = middle - 1
        if least > before // books.step:
            return least * books.step
    return 0


def _lines(books: Books) -> list[Line]:
    limits = [_maximum(books), *[_venue_limit(books, side) for side in ("sell", "buy")], _asset_limit(books)]
    always: list[Line] = [("no_volume", lambda q: q <= books.most), ("no_funds", lambda q: _has_funds(books, q))]
    return always + [line for line in limits if line is not None]


def _has_funds(books: Books, q: int) -> bool:
    sell, buy = books.sell.instrument, books.buy.instrument
    base, quote = books.run.free((sell.venue, sell.key.base)), books.run.free((buy.venue, buy.key.quote))
    return q <= base and books.reserve(q) <= quote


def _maximum(books: Books) -> Line | None:
    notional = books.run.spec.strategy.max_notional
    if notional is None:
        return None
    return "below_minimum", lambda q: q <= floor(atoms(notional) / (books.pb(q) * books.buy.ca))


def _venue_limit(books: Books, side: Side) -> Line | None:
    most = books.run.spec.risk.max_venue_open
    if most is None:
        return None
    leg, p = (books.sell, books.sell.bid) if side == "sell" else (books.buy, books.buy.ask)
    u = books.run.mark(leg.instrument.key.quote, books.t)
    room = floor((atoms(most) - open_value(books.run, leg.instrument.venue)) / (p * u))
    return "venue_limit", lambda q: q <= room


def _asset_limit(books: Books) -> Line | None:
    c = books.sell.instrument.key.quote
    most = books.run.spec.risk.max_asset.get(c)
    if most is None or c == books.buy.instrument.key.quote:
        return None
    m = books.run.mark(c, books.t)
    held = books.run.known(c) + expected(books.run, c)
    room = floor((atoms(most) / m - held) / books.sell.bid)
    return "asset_limit", lambda q: q <= room
