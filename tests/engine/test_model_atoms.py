"""Fills of many levels, each rounded to the atom: none costs more than its reserve or brings less than its limit, on both engines."""

from itertools import accumulate

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Engine
from tests.engine.small import Book, books, small
from tests.profiles import examples
from tests.strategies import World

both_engines = pytest.mark.parametrize("engine", ENGINES)

ALFA, BRAVO = (SeriesKey(venue, "BTC/USD") for venue in ("alfa", "bravo"))
ATOM = 1e-8

Offers = list[tuple[float, int]]
"""Prices, best first, and sizes [atoms]."""


def market(*now: Offers, usd: int, later: tuple[Offers, Offers] | None = None, **changes: object) -> World:
    """Return the world of alfa's bids and bravo's asks from 5 s on, in lots of an atom, and bravo has so many atoms of USD.

    Orders arrive at 6 s, when the books are `later`, or the same.
    """
    alfa, bravo = ({5 + k: both[venue] for k, both in enumerate(_books(*seen) for seen in (now, later) if seen)} for venue in (0, 1))
    terms = {f"{venue} BTC/USD": {"lot": "0.00000001", "tick": "0.1"} for venue in ("alfa", "bravo")}
    venues = {"alfa": {"order_latency": "1s"}, "bravo": {"order_latency": "1s", "balances": {"USD": f"{usd * ATOM:.8f}"}}}
    series = {"alfa BTC/USD": books(alfa, first=Book(1.0, 900.0)), "bravo BTC/USD": books(bravo, first=Book(1.0, 900.0))}
    return small(series, minutes=1, instruments=terms, venues=venues, strategy={"cool_down": "1h"}, **changes)  # type: ignore[arg-type]


def _books(bids: Offers, asks: Offers) -> tuple[Book, Book]:
    return _book([(price, size, 900.0, 1) for price, size in bids]), _book([(1.0, 1, price, size) for price, size in asks])


def _book(levels: list[tuple[float, int, float, int]]) -> Book:
    # a tenth of an atom more than there is to take, so that it is not less by the rounding of floats
    rows = [(bid, (bid_size + 0.1) * ATOM, ask, (ask_size + 0.1) * ATOM) for bid, bid_size, ask, ask_size in levels]
    (bid, bid_size, ask, ask_size), *more = rows
    return Book(bid, ask, bid_size, ask_size, tuple(more))


@both_engines
def test_a_buy_of_many_levels_costs_no_more_than_its_limit(engine: Engine) -> None:
    # an atom at each of 100.6, 100.7 and 100.8 is 101 atoms of USD, 303 in all; three at 100.8 are 302.4, so 302 were reserved, which is all
    found = engine(market([(102.0, 3)], [(100.6, 1), (100.7, 1), (100.8, 1)], usd=302))
    sell, buy = found.orders
    assert (buy.filled, buy.reserve, buy.flow, sell.flow) == (3, 302, 302, 306)
    assert buy.price == pytest.approx(100.7)
    assert found.balances[BRAVO.venue, "USD"] == (0, 0, 0)
    # each rounded down, it costs 100 atoms three times, not the 301.2 of its limit
    cheap = engine(market([(102.0, 3)], [(100.2, 1), (100.3, 1), (100.4, 1)], usd=302))
    assert [(o.filled, o.flow) for o in cheap.orders] == [(3, 306), (3, 300)]


@both_engines
def test_a_sell_of_many_levels_brings_no_less_than_its_limit(engine: Engine) -> None:
    # an atom at each of 102.4, 102.3 and 102.2 is 102 atoms of USD, 306 in all; three at 102.2 are 306.6, so 307
    found = engine(market([(102.4, 1), (102.3, 1), (102.2, 1)], [(100.0, 3)], usd=302))
    sell, buy = found.orders
    assert (sell.filled, sell.flow, buy.flow) == (3, 307, 300)
    assert sell.price == pytest.approx(102.3)
    # each rounded up, it brings 103 atoms three times, not the 307.8 of its limit
    dear = engine(market([(102.8, 1), (102.7, 1), (102.6, 1)], [(100.0, 3)], usd=302))
    assert [(o.filled, o.flow) for o in dear.orders] == [(3, 309), (3, 300)]


@both_engines
def test_the_limit_counts_for_what_was_filled_and_not_for_what_was_planned(engine: Engine) -> None:
    # four were wanted at up to 100.7; three are left: 303 atoms of USD by their levels, at the limit 302.1, so 302, and not the 403 reserved
    three = [(100.6, 1), (100.6, 1), (100.6, 1)]
    found = engine(market([(102.0, 4)], [*three, (100.7, 1)], usd=404, later=([(102.0, 4)], three)))
    buy = found.orders[1]
    assert (buy.planned, buy.filled, buy.reserve, buy.flow) == (4, 3, 403, 302)
    assert found.balances[BRAVO.venue, "USD"] == (404 - 302, 0, 0)


steps = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 2)), min_size=2, max_size=5)


@st.composite
def narrow_books(draw: st.DrawFn) -> World:
    """Draw books of a few atoms at nearly equal prices, which may change before orders arrive, and funds that may be short of them."""
    dearest, cheapest = 101 + draw(st.integers(2, 9)) / 10, 100 + draw(st.integers(1, 8)) / 10
    seen, later = ((_offers(dearest, draw(steps), -0.1), _offers(cheapest, draw(steps), 0.1)) for _ in range(2))
    execution = {"tolerance_bps": draw(st.sampled_from((0.0, 10.0))), "residual": draw(st.sampled_from(("unwind", "hedge")))}
    world = market(*seen, usd=draw(st.integers(101, 900)), later=draw(st.sampled_from((None, later))), execution=execution)
    fee_bps = draw(st.sampled_from((0, 10)))
    return world.but(venues={name: {**venue, "fee_bps": fee_bps} for name, venue in world.form["venues"].items()})


def _offers(best: float, levels: list[tuple[int, int]], step: float) -> Offers:
    ticks = accumulate((ticks for ticks, _ in levels[1:]), initial=0)
    return [(round(best + step * tick, 1), size) for tick, (_, size) in zip(ticks, levels, strict=True)]


@both_engines
@examples(60)
@given(world=narrow_books())
def test_no_fill_of_many_levels_is_worse_than_its_limit_or_costs_what_was_not_reserved(engine: Engine, world: World) -> None:
    found = engine(world)
    sums = [(o.flow, round(o.limit_price * o.filled), round(o.price * o.filled)) for o in found.orders if o.price is not None]
    event(f"at its limit, though its price is not: {any(flow == at_limit != at_price for flow, at_limit, at_price in sums)}")
    for o in found.orders:
        at_limit, fee = round(o.limit_price * o.filled), o.fee if o.fee_currency == o.key.quote else 0
        if o.side == "buy":
            assert o.flow <= at_limit
            assert o.flow + fee <= o.reserve
        else:
            assert o.flow >= at_limit
            assert fee <= o.flow
    assert all(part >= 0 for parts in found.balances.values() for part in parts)
