"""The worlds of cycles that properties are tested on trade, and everything that the model knows of cycles happens in some of them."""

from collections import Counter
from collections.abc import Iterator

import pytest

from engine.events import DECISIONS, OUTCOMES
from tests.engine.engines import Outcome, Row, by_oracle
from tests.profiles import untraced
from tests.strategies import World, cycles_of

WORLDS = 160
KINDS = ("bars", "quotes", "quote_bars")

Drawn = list[tuple[World, Outcome]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Return some hundred worlds of cycles and what the oracle says about them."""
    with untraced():
        return [(world, by_oracle(world)) for world in map(cycles_of, range(WORLDS))]


def packages(drawn: Drawn) -> Iterator[tuple[World, int, list[Row]]]:
    """Return every package: its world, how many steps it has, and its orders."""
    for world, found in drawn:
        steps = {o.package: len(o.steps) for o in found.opportunities}
        for package in range(max((o.package for o in found.orders), default=-1) + 1):
            yield world, steps[package], [o for o in found.orders if o.package == package]


def sends(world: World) -> str:
    """Return how a world sends the steps of a cycle."""
    return str(world.form["strategy"]["send"])


def test_most_worlds_trade_whatever_they_are_made_of_and_however_they_send(drawn: Drawn) -> None:
    for data in KINDS:
        of_kind = [found for world, found in drawn if world.spec.legs[0].data == data]
        assert sum(bool(found.orders) for found in of_kind) >= max(0.45 * len(of_kind), 8)
    for send in ("together", "sequence"):
        assert sum(bool(found.orders) for world, found in drawn if sends(world) == send) >= 20


def test_every_outcome_of_an_order_and_of_a_decision_happens(drawn: Drawn) -> None:
    orders = Counter((sends(world), o.outcome) for world, found in drawn for o in found.orders)
    assert [pair for pair in ((send, outcome) for send in ("together", "sequence") for outcome in OUTCOMES) if orders[pair] < 2] == []
    worlds = Counter(outcome for _, found in drawn for outcome in found.decisions)
    assert [outcome for outcome in DECISIONS if worlds[outcome] < 5] == []


def test_cycles_have_two_to_four_steps_at_one_venue_or_over_two(drawn: Drawn) -> None:
    lengths = Counter(steps for _, steps, _ in packages(drawn))
    assert min(lengths[steps] for steps in (2, 3, 4)) >= 5
    over = [legs for world, steps, legs in packages(drawn) if steps == 3 and len({o.venue for o in legs}) == 2]
    assert len(over) >= 5
    starts = {str(world.form["strategy"]["start"]) for world, found in drawn if found.orders}
    assert starts >= {"USD", "USDC", "BTC", "ETH"}


def test_residuals_of_cycles_go_back_and_forth(drawn: Drawn) -> None:
    sent = Counter((sends(world), world.spec.execution.residual, o.side) for world, found in drawn for o in found.residuals)
    policies = [("together", "unwind"), ("together", "hedge"), ("sequence", "hedge")]
    assert [(*policy, side) for policy in policies for side in ("buy", "sell") if sent[(*policy, side)] < 3] == []


def test_sequences_end_early_and_go_on_after_a_second_attempt(drawn: Drawn) -> None:
    in_sequence = [(steps, orders) for world, steps, orders in packages(drawn) if sends(world) == "sequence"]
    assert sum(len([o for o in orders if o.role == "leg"]) < steps for steps, orders in in_sequence) >= 10
    assert sum(any(o.role == "residual" for o in orders[:-1]) for _, orders in in_sequence) >= 1
    assert sum(any(o.outcome == "partial" for o in orders[:1]) and len(orders) > 1 for _, orders in in_sequence) >= 2


def test_fees_of_cycles_are_charged_in_every_way(drawn: Drawn) -> None:
    paid = Counter(_paid_in(o) for _, found in drawn for o in found.orders if o.filled and o.fee)
    assert min(paid["base"], paid["quote"], paid["asset"]) >= 10
    own = [o for _, found in drawn for o in found.orders if o.fee_currency == "BNB" and "BNB" in (o.key.base, o.key.quote)]
    assert len(own) >= 3


def _paid_in(order: Row) -> str:
    return {order.key.quote: "quote", order.key.base: "base"}.get(str(order.fee_currency), "asset")
