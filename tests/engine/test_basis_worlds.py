"""Random worlds of spot against a perpetual: both engines agree on them, money is conserved, and nothing is known before its time."""

from collections import Counter
from collections.abc import Iterator

import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from engine.config import parse_spec
from engine.oracle import replay
from engine.schema import ATOMS_PER_UNIT, SeriesKey, funding_key, micros
from tests.engine.engines import ENGINES, Engine, Outcome, Row, by_kernel, by_oracle
from tests.engine.known import as_of, decisions, poisoned
from tests.engine.test_invariants_money import IN_FLIGHT, Wallets, book_credit, book_fill, book_request, deposits
from tests.engine.test_invariants_names import mixed, renamed
from tests.engine.test_invariants_time import a_tick, poisons, some_time, without_tiers
from tests.engine.test_kernel_equals_oracle import assert_same
from tests.profiles import examples, untraced
from tests.strategies import World, basis_of, basis_worlds, iso

WORLDS = 120
Drawn = list[tuple[World, Outcome]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Return some worlds and what the oracle says about them."""
    with untraced():
        return [(world, by_oracle(world)) for world in map(basis_of, range(WORLDS))]


def perpetual(world: World) -> SeriesKey:
    """Return the perpetual of a world."""
    assert world.spec.perpetual is not None
    return world.spec.perpetual.key


def payments(world: World) -> pl.DataFrame:
    """Return its funding."""
    return world.data[funding_key(perpetual(world))]


@examples(30)
@given(basis_worlds())
def test_kernel_and_oracle_agree_on_random_worlds_of_a_perpetual(world: World) -> None:
    found = by_oracle(world)
    event(f"{world.spec.legs[0].data}: {'traded' if found.orders else 'nothing sent'}")
    kernel = by_kernel(world)
    assert_same(kernel, found)
    assert (kernel.settled, kernel.payments) == (found.settled, found.payments)


@examples(20)
@given(basis_worlds())
def test_after_every_event_wallets_hold_what_fills_of_spot_variation_and_funding_moved(world: World) -> None:
    found, whole = by_oracle(world), replay(world.spec, world.data)
    expected, settled, margin = deposits(world.spec), iter(found.settled), (perpetual(world).venue, perpetual(world).quote)
    for entry in whole.journal:
        order = found.orders[entry.number] if entry.event in {"resolved", "noticed"} else None
        if entry.event == "resolved" and order is not None:
            _book(expected, world, order)
        elif entry.event == "requested":
            book_request(expected, world.spec, found.transfers[entry.number])
        elif entry.event == "credited":
            book_credit(expected, world.spec, found.transfers[entry.number])
        elif entry.event == "paid" or (order is not None and entry.event == "noticed" and order.key == perpetual(world) and order.filled):
            one = next(settled)
            assert one.at == entry.at
            expected[margin] += one.variation + one.funding + one.lacking
        held = {key: sum(parts) for key, parts in entry.balances.items()} | {(IN_FLIGHT, c): amount for c, amount in entry.in_flight.items()}
        assert {key: amount for key, amount in held.items() if amount} == {key: amount for key, amount in expected.items() if amount}
        assert all(part >= 0 for parts in entry.balances.values() for part in parts)
    assert next(settled, None) is None


def _book(expected: Wallets, world: World, order: Row) -> None:
    # of a fill of the perpetual, the fee that an asset pays
    if order.key != perpetual(world):
        book_fill(expected, order)
    elif order.fee and order.fee_currency != order.key.quote:
        expected[order.venue, str(order.fee_currency)] -= order.fee


@examples(20)
@given(basis_worlds())
def test_variation_and_cost_add_up_to_what_the_perpetual_brought(world: World) -> None:
    found = by_kernel(world)
    fills = [o for o in found.orders if o.key == perpetual(world) and o.filled]
    if any(o.notice is None for o in fills):
        return
    paid = sum((o.flow if o.side == "buy" else -o.flow) + (o.fee if o.fee_currency == o.key.quote else 0) for o in fills)
    held = sum(o.filled if o.side == "buy" else -o.filled for o in fills)
    if held == 0:
        assert sum(one.variation for one in found.settled) == -paid


@pytest.mark.parametrize("engine", ENGINES)
@examples(15)
@given(world=basis_worlds())
def test_the_lines_add_up_to_the_change_of_equity_over_the_run_and_on_every_day(engine: Engine, world: World) -> None:
    found = engine(world)
    bound = 1e-9 * (found.equity[0][2] + sum(o.flow for o in found.orders) / ATOMS_PER_UNIT)
    assert abs(sum(found.attribution.values()) - (found.equity[-1][1] - found.equity[0][2])) <= bound
    for line in found.attribution:
        assert abs(sum(row[line] for _, row in found.attribution_days) - found.attribution[line]) <= bound


@pytest.mark.parametrize("engine", ENGINES)
@examples(10)
@given(world=basis_worlds(), share=some_time)
def test_a_run_that_ends_earlier_agrees_on_all_that_happened_by_then(engine: Engine, world: World, share: float) -> None:
    until = a_tick(world, share)
    assert as_of(engine(world.but(end=iso(until))), until) == as_of(engine(world), until)


@pytest.mark.parametrize("engine", ENGINES)
@examples(10)
@given(world=basis_worlds(), share=some_time, poison=poisons)
def test_what_happens_and_what_is_published_later_changes_nothing_that_was_there_by_then(
    engine: Engine, world: World, share: float, poison: str
) -> None:
    until = a_tick(world, share)
    late = pl.coalesce("published", "ts").dt.epoch("us") > until
    funding = payments(world).with_columns(pl.when(late).then(0.9 - pl.col("rate").abs()).otherwise("rate").alias("rate"))
    spoilt = poisoned(world, until, poison, unseen_only=False)
    spoilt = spoilt.on({**spoilt.data, funding_key(perpetual(world)): funding})
    assert as_of(engine(spoilt), until) == as_of(engine(world), until)


@pytest.mark.parametrize("engine", ENGINES)
@examples(10)
@given(world=basis_worlds(), share=some_time, poison=poisons)
def test_what_is_seen_later_changes_no_decision(engine: Engine, world: World, share: float, poison: str) -> None:
    world, until = without_tiers(world), a_tick(world, share)
    spoilt = engine(poisoned(world, until, poison, unseen_only=True))
    assert decisions(spoilt, until) == decisions(engine(world), until)


@pytest.mark.parametrize("engine", ENGINES)
@examples(8)
@given(world=basis_worlds(), draw=st.data())
def test_lists_in_another_order_and_venues_of_other_names_do_the_same(engine: Engine, world: World, draw: st.DataObject) -> None:
    found = engine(world)
    assert engine(World(form=world.form, spec=parse_spec(mixed(draw, world.form)), data=world.data)) == found
    other = engine(renamed(world, lambda name: f"x-{name}"))
    assert [o._replace(key=SeriesKey(o.venue.removeprefix("x-"), o.key.instrument)) for o in other.orders] == found.orders
    assert (other.settled, other.payments, other.equity) == (found.settled, found.payments, found.equity)


def test_most_worlds_trade_and_everything_that_a_perpetual_does_happens_in_some(drawn: Drawn) -> None:
    for data in ("bars", "quotes", "quote_bars"):
        of_kind = [found for world, found in drawn if world.spec.legs[0].data == data]
        assert sum(bool(found.orders) for found in of_kind) >= 0.3 * len(of_kind)
    happened = Counter(what for world, found in drawn for what in set(_events(world, found)))
    expected = (
        "entered short",
        "entered long",
        "exited",
        "closed late",
        "funding received",
        "funding paid",
        "liquidated",
        "residual on it",
        "lacking",
    )
    assert [what for what in expected if not happened[what]] == []


def _events(world: World, found: Outcome) -> Iterator[str]:
    ticks = {micros(world.spec.start) + n * world.spec.clock for n in range(len(found.equity))}
    ours = [o for o in found.orders if o.key == perpetual(world)]
    if ours:
        yield "entered short" if ours[0].side == "sell" else "entered long"
    if len({o.side for o in ours if o.role == "leg"}) == 2:
        yield "exited"
    late = world.spec.strategy.model_dump()
    if (late["max_hold"] or late["stop_bps"]) and any(o.decided in ticks and o.role == "leg" and o.reserve == 0 for o in ours):
        yield "closed late"
    yield from ("funding received" if p.amount > 0 else "funding paid" for p in found.payments if p.amount)
    yield from ("liquidated" for o in ours if o.role == "liquidation" and o.filled)
    yield from ("residual on it" for o in ours if o.role == "residual")
    yield from ("lacking" for one in found.settled if one.lacking)
