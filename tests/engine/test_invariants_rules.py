"""Every decision keeps its rules and every fill was there to be had, on both engines, checked against the data alone."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import isnan, lcm

import pytest
from hypothesis import event, given

from engine.config import Instrument, Spec
from engine.schema import ATOMS_PER_UNIT, SeriesKey
from engine.units import atoms
from tests.engine.engines import ENGINES, Chance, Engine, Row
from tests.engine.known import stamps
from tests.profiles import examples
from tests.strategies import World, any_worlds, cycle_worlds, flat_cycles, flat_markets, worlds

both_engines = pytest.mark.parametrize("engine", ENGINES)
few = examples(20)

MISSED = {"limit", "volume", "absent", "no_trade"}


@both_engines
@few
@given(world=worlds())
def test_every_package_keeps_the_rules_of_its_decision(engine: Engine, world: World) -> None:
    spec, found = world.spec, engine(world)
    terms = {i.key: i for i in spec.legs}
    chances = {o.package: o for o in found.opportunities if o.package is not None}
    last: dict[tuple[SeriesKey, SeriesKey], int] = {}
    assert sorted(chances) == list(range(len(chances)))
    for sell, buy in zip(found.legs[::2], found.legs[1::2], strict=True):
        chance = chances[sell.package]
        assert (sell.side, buy.side, sell.package) == ("sell", "buy", buy.package)
        assert (chance.t, chance.sell, chance.buy, chance.edge_bps) == (sell.decided, sell.key, buy.key, sell.edge_bps)
        assert sell.planned == buy.planned > 0
        assert sell.planned % lcm(*(atoms(terms[o.key].lot) for o in (sell, buy))) == 0
        assert sell.edge_bps >= spec.strategy.threshold_bps
        assert sell.decided - last.get((sell.key, buy.key), -(2**62)) >= spec.strategy.cool_down
        last[sell.key, buy.key] = sell.decided
        for o in (sell, buy):
            # a flow of several levels is rounded at each
            assert round(o.planned * o.decision_price) >= atoms(terms[o.key].min_notional) - 4
            assert o.arrival == o.decided + spec.venues[o.venue].order_latency
            assert o.limit_price * (1 if o.side == "sell" else -1) <= o.decision_price * (1 if o.side == "sell" else -1) + float(terms[o.key].tick)


@both_engines
@few
@given(world=cycle_worlds())
def test_every_package_of_a_cycle_keeps_the_rules_of_its_decision(engine: Engine, world: World) -> None:
    spec, found = world.spec, engine(world)
    chances = {o.package: o for o in found.opportunities if o.package is not None}
    last: dict[object, int] = {}
    assert sorted(chances) == list(range(len(chances)))
    for package, chance in chances.items():
        legs = [o for o in found.legs if o.package == package]
        in_sequence = world.form["strategy"]["send"] == "sequence"
        assert tuple((o.key, o.side) for o in legs) == chance.steps[: len(legs)]
        assert len(legs) == len(chance.steps) or in_sequence
        assert legs[0].decided == chance.t >= last.get(chance.steps, -(2**62)) + spec.strategy.cool_down
        assert {o.edge_bps for o in found.orders if o.package == package} == {chance.edge_bps}
        assert chance.edge_bps >= spec.strategy.threshold_bps
        last[chance.steps] = chance.t
        for before, o in pairwise(legs):
            assert o.decided == chance.t or in_sequence
            assert _spent(o, o.planned) <= (_brought(found.orders, before) if in_sequence else _planned(before)) + 4
        for o in legs:
            _keeps_its_terms(spec, o)


# What a step brings by its plan, and spends, before fees [atoms]; flows of several levels are rounded at each.
def _planned(o: Row) -> float:
    return o.planned * o.decision_price if o.side == "sell" else o.planned


def _spent(o: Row, quantity: int) -> float:
    return quantity if o.side == "sell" else quantity * o.decision_price


# What a step brought with its second attempt, before fees.
def _brought(orders: list[Row], leg: Row) -> int:
    own = [o for o in orders if (o.package, o.key, o.side) == (leg.package, leg.key, leg.side)]
    return sum(o.flow if o.side == "sell" else o.filled for o in own)


def _keeps_its_terms(spec: Spec, o: Row) -> None:
    (terms,) = [i for i in spec.legs if i.key == o.key]
    sign = 1 if o.side == "sell" else -1
    assert o.planned > 0
    assert o.planned % atoms(terms.lot) == 0
    assert round(o.planned * o.decision_price) >= atoms(terms.min_notional) - 4
    assert o.arrival == o.decided + spec.venues[o.venue].order_latency
    assert o.limit_price * sign <= o.decision_price * sign + float(terms.tick)


@both_engines
@few
@given(world=any_worlds())
def test_a_stop_or_a_halt_lets_no_package_start(engine: Engine, world: World) -> None:
    found = engine(world)
    for at, _ in found.stops:
        assert all(o.outcome in {"stopped", "alarm"} for o in found.opportunities if o.t > at and not _closes(o))
    assert all(o.outcome == "sent" for o in found.opportunities if o.package is not None)
    assert len(found.stops) <= 1


def _closes(o: Chance) -> bool:
    # a position is sold whatever has stopped
    return [side for _, side in o.steps] == ["sell"]


@both_engines
@few
@given(world=any_worlds())
def test_nothing_resolves_before_it_arrives_or_is_noticed_before_it_resolves(engine: Engine, world: World) -> None:
    spec = world.spec
    for o in engine(world).orders:
        assert o.decided <= o.arrival
        if o.recorded is None:
            assert (o.outcome, o.filled, o.price, o.notice) == ("open", 0, None, None)
            continue
        latency = spec.feed_latency_us if spec.legs[0].data == "bars" else spec.venues[o.venue].feed_latency
        assert o.recorded == o.arrival if spec.legs[0].data != "bars" else o.recorded > o.arrival
        assert o.notice is None or o.notice == o.recorded + latency
        assert (o.filled == 0) == (o.outcome in MISSED) == (o.price is None)
        assert o.filled == o.planned if o.outcome == "filled" else o.filled < o.planned


@both_engines
@few
@given(world=any_worlds(data="bars"))
def test_every_fill_on_bars_is_of_the_first_one_in_time_within_its_limit_and_our_share(engine: Engine, world: World) -> None:
    spec, taken = world.spec, Counter[tuple[SeriesKey, int]]()
    shares = {leg.key: observed(world, leg) for leg in spec.legs}
    assert spec.interval is not None
    for o in engine(world).orders:
        in_time = [opened for opened in shares[o.key] if o.arrival <= opened < o.arrival + spec.max_wait_us]
        if o.price is not None:
            assert o.recorded is not None
            assert o.recorded - spec.interval == in_time[0]
            assert o.price >= o.limit_price if o.side == "sell" else o.price <= o.limit_price
            assert o.flow == round(o.price * o.filled)
            taken[o.key, in_time[0]] += o.filled
        elif o.outcome == "no_trade":
            assert in_time == []
    assert all(quantity <= shares[key][opened] for (key, opened), quantity in taken.items())


def observed(world: World, leg: Instrument) -> dict[int, int]:
    """Return our share [atoms] of each bar with volume of the run, by its open time."""
    table, share = world.data[leg.key], world.spec.execution.volume_share
    event, _ = stamps(world.spec, leg, table)
    end = int(world.spec.end.timestamp() * 1e6)
    rows = zip(table["ts"].dt.epoch("us"), table["volume"], event, strict=True)
    return {opened: int(share * volume * 1e8) for opened, volume, ends in rows if volume > 0 and ends <= end}


# ---- quotes, read from the data as a venue would ----


@dataclass(slots=True)
class Side:
    """One side of a venue's book as it is in force: levels best first, and what we took since its best price changed."""

    levels: list[tuple[float, int]] = field(default_factory=list)
    taken: int = 0

    def becomes(self, levels: list[tuple[float, int]]) -> None:
        """Take the next row."""
        if not levels or not self.levels or levels[0][0] != self.levels[0][0]:
            self.taken = 0
        self.levels = levels

    def within(self, o: Row) -> int:
        """Return what is displayed within an order's limit."""
        return sum(size for price, size in self.levels if (price >= o.limit_price if o.side == "sell" else price <= o.limit_price))


@both_engines
@few
@given(world=any_worlds(data="quotes"))
def test_every_order_on_quotes_gets_what_the_book_in_force_has_left(engine: Engine, world: World) -> None:
    orders = sorted((o for o in engine(world).orders if o.recorded is not None), key=lambda o: o.arrival)
    event(f"{sum(o.filled > 0 for o in orders) > 3=}")
    for leg in world.spec.legs:
        lot, told = atoms(leg.lot), _told(world, leg)
        # orders of one microsecond are taken as they were sent, which is as they are listed
        for o, at, bids, asks in _met([o for o in orders if o.key == leg.key], _rows(world, leg)):
            side = bids if o.side == "sell" else asks
            if at is None or not side.levels or o.arrival - max(t for t in told if t <= o.arrival) > world.spec.max_age_us(leg):
                assert o.outcome == "absent"
                continue
            left = max(side.within(o) - side.taken, 0)
            expected = min(o.planned, left // lot * lot)
            beyond = o.limit_price > side.levels[0][0] if o.side == "sell" else o.limit_price < side.levels[0][0]
            assert o.filled == expected
            assert o.outcome == _outcome(o.planned, expected, beyond=beyond)
            side.taken += expected
            if o.price is not None:
                assert o.price >= o.limit_price if o.side == "sell" else o.price <= o.limit_price
                assert abs(o.flow - o.price * o.filled) <= 4 + 1e-9 * o.flow


# Events of all that came by a leg's channel, or of its own rows alone.
def _told(world: World, leg: Instrument) -> list[int]:
    beside = [i for i in world.spec.instruments if i == leg or (leg.channel is not None and (i.venue, i.channel) == (leg.venue, leg.channel))]
    return [t for i in beside for t, _, _ in _rows(world, i)]


def _outcome(planned: int, filled: int, *, beyond: bool) -> str:
    if beyond:
        return "limit"
    return "volume" if filled == 0 else "filled" if filled == planned else "partial"


Levels = list[tuple[float, int]]
BookRow = tuple[int, Levels, Levels]


def _met(orders: list[Row], rows: list[BookRow]) -> Iterator[tuple[Row, int | None, Side, Side]]:
    at, bids, asks, coming = None, Side(), Side(), iter([*rows, (2**62, [], [])])
    row = next(coming)
    for o in orders:
        while row[0] <= o.arrival:
            at = row[0]
            bids.becomes(row[1])
            asks.becomes(row[2])
            row = next(coming)
        yield o, at, bids, asks


# Event time and levels of each row; none where the row is bad or made by an outage.
def _rows(world: World, leg: Instrument) -> list[BookRow]:
    spec, table = world.spec, world.data[leg.key]
    event, _ = stamps(spec, leg, table)
    start, end = (int(t.timestamp() * 1e6) for t in (spec.start, spec.end))
    down = [(int(w.start.timestamp() * 1e6), int(w.end.timestamp() * 1e6)) for w in spec.venues[leg.venue].outages]
    found: list[BookRow] = [(begin, [], []) for begin, _ in down]
    for t, row in zip(event.tolist(), table.iter_rows(named=True), strict=True):
        if start - 300_000_000 <= t <= end:
            shut = any(begin <= t < until for begin, until in down)
            found.append((t, [], []) if shut else (t, *_levels(spec, row)))
    # an outage's own row comes before others of its time
    return sorted(found, key=lambda row: row[0])


def _levels(spec: Spec, row: dict[str, float | None]) -> tuple[Levels, Levels]:
    sides = tuple(_side(spec, row, side) for side in ("bid", "ask"))
    bids, asks = sides
    if bids is None or asks is None or not bids or not asks or bids[0][0] > asks[0][0]:
        return [], []
    return bids, asks


# None where a price or a size is no number or below zero, or a level better than the one before; further levels end at the first without a price.
def _side(spec: Spec, row: dict[str, float | None], side: str) -> Levels | None:
    found: Levels = []
    for n in range(1, 5):
        name, size_name = (side, f"{side}_size") if n == 1 else (f"{side}_{n}", f"{side}_size_{n}")
        price, size = row.get(name), row.get(size_name)
        if price is None or isnan(price):
            return None if n == 1 else found
        if size is None or isnan(size) or size < 0 or price <= 0:
            return None
        if found and (price > found[-1][0] if side == "bid" else price < found[-1][0]):
            return None
        found.append((price, int(spec.execution.take_share * size * ATOMS_PER_UNIT)))
    return found


@both_engines
@few
@given(world=flat_markets() | flat_cycles())
def test_prices_that_are_equal_after_conversion_make_no_opportunity(engine: Engine, world: World) -> None:
    found = engine(world)
    assert found.opportunities == []
    assert found.orders == []
