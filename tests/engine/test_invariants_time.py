"""No look at the future: what a run says by a time depends on nothing that came later, on both engines, in every world."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.engine.engines import ENGINES, Engine, Sent
from tests.engine.known import POISONS, as_of, decisions, poisoned
from tests.profiles import examples
from tests.strategies import DAY, SECOND, World, any_worlds, iso

both_engines = pytest.mark.parametrize("engine", ENGINES)
few = examples(20)
some_time = st.floats(0.1, 1.0)
poisons = st.sampled_from(POISONS)


def a_tick(world: World, share: float) -> int:
    """Return a tick after that share of a run."""
    start, end = (int(t.timestamp() * 1e6) for t in (world.spec.start, world.spec.end))
    return start + max(round((end - start) * share / world.spec.clock), 1) * world.spec.clock


@both_engines
@few
@given(world=any_worlds(), share=some_time)
def test_a_run_that_ends_earlier_agrees_on_all_that_happened_by_then(engine: Engine, world: World, share: float) -> None:
    until = a_tick(world, share)
    long, short = engine(world), engine(world.but(end=iso(until)))
    event(f"{bool(short.orders)=}, {len(short.orders) < len(long.orders)=}")
    assert as_of(short, until) == as_of(long, until)


@both_engines
@few
@given(world=any_worlds(), share=some_time, poison=poisons)
def test_what_happens_later_changes_nothing_that_was_there_by_then(engine: Engine, world: World, share: float, poison: str) -> None:
    until = a_tick(world, share)
    clean, spoilt = engine(world), engine(poisoned(world, until, poison, unseen_only=False))
    event(f"{clean.orders != spoilt.orders=}")
    assert as_of(spoilt, until) == as_of(clean, until)


@both_engines
@few
@given(world=any_worlds(), share=some_time, poison=poisons)
def test_what_is_seen_later_changes_no_decision(engine: Engine, world: World, share: float, poison: str) -> None:
    world, until = without_tiers(world), a_tick(world, share)
    clean, spoilt = engine(world), engine(poisoned(world, until, poison, unseen_only=True))
    event(f"{clean.orders != spoilt.orders=}")
    assert decisions(spoilt, until) == decisions(clean, until)
    assert [_asked(t) for t in spoilt.transfers if t.requested <= until] == [_asked(t) for t in clean.transfers if t.requested <= until]
    assert [s for s in spoilt.stops if s[0] <= until] == [s for s in clean.stops if s[0] <= until]


def without_tiers(world: World) -> World:
    """Return the world with the first rate of every schedule: a tier shows at midnight what the venue counted, noticed or not."""
    venues = {
        name: {**venue, **({"fees": [_untiered(row) for row in venue["fees"]]} if "fees" in venue else {})}
        for name, venue in world.form["venues"].items()
    }
    return world.but(venues=venues)


def _untiered(row: dict[str, object]) -> dict[str, object]:
    tiers = row.get("tiers")
    return {**row, "tiers": tiers[:1]} if isinstance(tiers, list) else row


def _asked(t: Sent) -> Sent:
    return t._replace(credited=None, paid_us=None, paid=0)


@both_engines
@examples(12)
@given(world=any_worlds(), share=some_time)
def test_a_suspension_or_an_outage_changes_nothing_before_it_begins(engine: Engine, world: World, share: float) -> None:
    until = a_tick(world, share)
    clean, shut = engine(world), engine(shut_after(world, until))
    event(f"{clean.transfers != shut.transfers=}, {clean.orders != shut.orders=}")
    assert as_of(shut, until) == as_of(clean, until)


def shut_after(world: World, until: int) -> World:
    """Return the world in which all venues go away and all routes close, for a day, once all that happened by a time is known."""
    window = {"start": iso(until + SECOND + world.spec.feed_latency_us // SECOND * SECOND + SECOND), "end": iso(until + DAY)}
    ends = sorted({(r[end], r["currency"]) for r in world.form.get("routes", []) for end in ("source", "destination")})
    closed = [{"venue": venue, "currency": currency, "what": "both", **window} for venue, currency in ends]
    venues = {name: {**venue, "outages": [*venue.get("outages", []), window]} for name, venue in world.form["venues"].items()}
    return world.but(venues=venues, suspensions=[*world.form.get("suspensions", []), *closed])
