"""No money from nothing: every atom is accounted for, on both engines, in every world."""

from collections import Counter

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from engine.config import Spec
from engine.oracle import replay
from engine.schema import ATOMS_PER_UNIT
from tests.engine.engines import ENGINES, Engine, Outcome, Row, Sent, by_oracle
from tests.profiles import examples
from tests.strategies import World, any_worlds, worlds

both_engines = pytest.mark.parametrize("engine", ENGINES)
few = examples(20)

Wallets = Counter[tuple[str, str]]
IN_FLIGHT = "in flight"


def deposits(spec: Spec) -> Wallets:
    """Return the starting balances [atoms]."""
    return Counter({(name, c): int(amount * ATOMS_PER_UNIT) for name, v in spec.venues.items() for c, amount in v.balances.items()})


def book_fill(wallets: Wallets, o: Row) -> None:
    """Add what a fill did to its wallets."""
    sign = 1 if o.side == "buy" else -1
    wallets[o.venue, o.key.base] += sign * o.filled
    wallets[o.venue, o.key.quote] -= sign * o.flow
    if o.fee:
        wallets[o.venue, str(o.fee_currency)] -= o.fee


def book_request(wallets: Wallets, spec: Spec, t: Sent) -> None:
    """Add what a request of a transfer did: what is not its fee is in flight."""
    (route,) = [route for route in spec.routes if route.name == t.route]
    wallets[route.source, route.currency] -= t.amount
    wallets[IN_FLIGHT, route.currency] += t.amount - t.fee


def book_credit(wallets: Wallets, spec: Spec, t: Sent) -> None:
    """Add what the arrival of a transfer did."""
    (route,) = [route for route in spec.routes if route.name == t.route]
    wallets[IN_FLIGHT, route.currency] -= t.amount - t.fee
    wallets[route.destination, route.currency] += t.amount - t.fee


def book_redemption(wallets: Wallets, spec: Spec, t: Sent) -> None:
    """Add what a desk's taking of coins did: they are in no wallet until it has paid."""
    (route,) = [route for route in spec.routes if route.name == t.route]
    wallets[route.destination, route.currency] -= t.amount - t.fee
    wallets[IN_FLIGHT, route.currency] += t.amount - t.fee


def book_payment(wallets: Wallets, spec: Spec, t: Sent) -> None:
    """Add what a desk's payment did: one for one, less its fee, in another currency."""
    (route,), desk = [route for route in spec.routes if route.name == t.route], spec.strategy.redeems
    assert desk is not None
    assert 0 < t.paid <= t.amount - t.fee
    wallets[IN_FLIGHT, route.currency] -= t.amount - t.fee
    wallets[route.destination, desk.pays] += t.paid


def goes_to_desk(spec: Spec, t: Sent) -> bool:
    """Tell whether a transfer went to a desk that redeems."""
    (route,), desk = [route for route in spec.routes if route.name == t.route], spec.strategy.redeems
    return desk is not None and (route.destination, route.currency) == (desk.desk, spec.base)


@few
@given(world=any_worlds())
def test_after_every_event_wallets_hold_their_deposits_and_what_fills_and_transfers_moved(world: World) -> None:
    found, spec = by_oracle(world), world.spec
    expected, reserved = deposits(spec), Wallets()
    for entry in replay(spec, world.data).journal:
        if entry.event == "sent":
            reserved[found.orders[entry.number].spends] += found.orders[entry.number].reserve
        elif entry.event == "resolved":
            reserved[found.orders[entry.number].spends] -= found.orders[entry.number].reserve
            book_fill(expected, found.orders[entry.number])
        elif entry.event == "requested":
            book_request(expected, spec, found.transfers[entry.number])
        elif entry.event == "credited":
            book_credit(expected, spec, found.transfers[entry.number])
        elif entry.event == "asked":
            book_redemption(expected, spec, found.transfers[entry.number])
        elif entry.event == "paid":
            book_payment(expected, spec, found.transfers[entry.number])
        held = {key: sum(parts) for key, parts in entry.balances.items()} | {(IN_FLIGHT, c): amount for c, amount in entry.in_flight.items()}
        assert {key: amount for key, amount in held.items() if amount} == {key: amount for key, amount in expected.items() if amount}
        assert {key: parts[1] for key, parts in entry.balances.items() if parts[1]} == {key: amount for key, amount in reserved.items() if amount}
        assert all(part >= 0 for parts in entry.balances.values() for part in parts)


@both_engines
@few
@given(world=any_worlds())
def test_at_the_end_wallets_hold_their_deposits_and_what_fills_and_transfers_moved(engine: Engine, world: World) -> None:
    found, expected = engine(world), deposits(world.spec)
    for o in found.orders:
        book_fill(expected, o)
    for t in found.transfers:
        book_request(expected, world.spec, t)
        if t.credited is not None:
            book_credit(expected, world.spec, t)
            if goes_to_desk(world.spec, t):
                book_redemption(expected, world.spec, t)
        if t.paid_us is not None:
            book_payment(expected, world.spec, t)
    held = {key: sum(parts) for key, parts in found.balances.items() if sum(parts)}
    assert held == {key: amount for key, amount in expected.items() if amount and key[0] != IN_FLIGHT}
    still_open = Counter(dict.fromkeys(found.balances, 0))
    for o in found.orders:
        still_open[o.spends] += o.reserve if o.recorded is None else 0
    assert {key: parts[1] for key, parts in found.balances.items()} == still_open
    assert all(part >= 0 for parts in found.balances.values() for part in parts)


@both_engines
@few
@given(world=any_worlds())
def test_nothing_was_sent_that_free_funds_did_not_cover(engine: Engine, world: World) -> None:
    # free funds from orders and transfers alone: a reserve is gone from sending to notice, and what came in comes with the notice
    found, spec = engine(world), world.spec
    changes: dict[int, Wallets] = {}
    for o in found.orders:
        changes.setdefault(o.decided, Counter())[o.spends] -= o.reserve
        if o.recorded is not None and o.fee and _is_asset(spec, o):
            changes.setdefault(o.recorded, Counter())[o.venue, str(o.fee_currency)] -= o.fee
        if o.notice is not None:
            free = changes.setdefault(o.notice, Counter())
            free[o.spends] += o.reserve
            book_fill(free, o._replace(fee=0) if _is_asset(spec, o) else o)
    for t in found.transfers:
        book_request(changes.setdefault(t.requested, Counter()), spec, t)
        if t.credited is not None:
            book_credit(changes.setdefault(t.credited, Counter()), spec, t)
            if goes_to_desk(spec, t):
                book_redemption(changes[t.credited], spec, t)
        if t.paid_us is not None:
            book_payment(changes.setdefault(t.paid_us, Counter()), spec, t)
    free = deposits(spec)
    for _, change in sorted(changes.items()):
        free.update(change)
        assert all(amount >= 0 for amount in free.values())


def _is_asset(spec: Spec, o: Row) -> bool:
    # a fee in a currency that the leg trades is one in an asset where the schedule names that currency
    (leg,) = [leg for leg in spec.legs if leg.key == o.key]
    return any(span.charged_in == o.fee_currency for span in spec.fee_rows(leg) if span.start_us <= o.arrival < span.end_us)


@both_engines
@few
@given(world=any_worlds())
def test_attribution_adds_up_to_the_change_from_hold_at_the_start_to_equity_at_the_end(engine: Engine, world: World) -> None:
    found = engine(world)
    change = found.equity[-1][1] - found.equity[0][2]
    turnover = sum(o.flow for o in found.orders) / ATOMS_PER_UNIT
    assert abs(sum(found.attribution.values()) - change) <= 1e-9 * turnover + 1e-9 * found.equity[0][2]


@both_engines
@few
@given(world=any_worlds())
def test_without_fills_and_transfers_equity_is_hold(engine: Engine, world: World) -> None:
    found = engine(world.but(strategy={**world.form["strategy"], "threshold_bps": 9_000.0}, rebalance=None))
    assert (found.orders, found.transfers, found.stops) == ([], [], [])
    assert [e for _, e, _ in found.equity] == pytest.approx([h for _, _, h in found.equity], rel=1e-12)
    lines = {line: amount for line, amount in found.attribution.items() if line != "hold"}
    assert lines == dict.fromkeys(lines, 0)


@both_engines
@few
@given(world=worlds(), factor=st.sampled_from((1.0, 1.5, 10.0)))
def test_a_higher_fee_on_the_same_fills_never_earns_more(engine: Engine, world: World, factor: float) -> None:
    # everything is an opportunity and small against all limits, so that the fee decides nothing but the order of packages
    strategy = {"kind": "spatial", "threshold_bps": -9_000.0, "size": "fixed", "fixed_notional": "0.5", "cool_down": "1h"}
    venues = {name: rich(venue, fee_bps=2.0) for name, venue in world.form["venues"].items()}
    dearer = {name: rich(venue, fee_bps=2.0 * factor + 1) for name, venue in world.form["venues"].items()}
    terms = [{**i, "lot": "0.00000001", "min_notional": "0"} for i in world.form["instruments"]]
    calm = world.but(strategy=strategy, instruments=terms, risk={"max_gross_edge_bps": 1e6}, rebalance=None)
    cheap, dear = (engine(calm.but(venues=v)) for v in (venues, dearer))
    assume(fills(cheap) == fills(dear))
    event(f"{bool(fills(cheap))=}")
    profits = [found.equity[-1][1] - found.equity[0][2] for found in (cheap, dear)]
    assert profits[1] <= profits[0] + 1e-9 * cheap.equity[0][2]


def rich(venue: dict[str, object], *, fee_bps: float) -> dict[str, object]:
    """Return the terms of a venue with one fee in quote, and much of everything."""
    balances = venue.get("balances", {})
    assert isinstance(balances, dict)
    others = {key: value for key, value in venue.items() if key not in {"fees", "fee_currency", "volume_30d"}}
    return {**others, "fee_bps": fee_bps, "balances": dict.fromkeys(balances, "1000000")}


def fills(outcome: Outcome) -> Counter[tuple[object, ...]]:
    """Return what was filled, whatever it cost."""
    return Counter((o.recorded, o.key, o.side, o.filled, o.price) for o in outcome.orders if o.filled)
