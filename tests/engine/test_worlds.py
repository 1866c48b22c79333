"""The worlds that properties are tested on trade, and everything that the model knows happens in some of them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from engine.attribution import LINES
from engine.errors import DataError
from engine.events import DECISIONS, OUTCOMES
from engine.schema import ATOMS_PER_UNIT, micros
from tests.engine.engines import Outcome, Row, by_oracle
from tests.profiles import untraced
from tests.strategies import World, dirty_world_of, month_of, world_of

WORLDS = 300
KINDS = ("bars", "quotes", "quote_bars")

Drawn = list[tuple[World, Outcome]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Return some hundred worlds and what the oracle says about them."""
    with untraced():
        return [(world, by_oracle(world)) for world in map(world_of, range(WORLDS))]


def kind(world: World) -> str:
    """Return what the legs of a world are made of."""
    return world.spec.legs[0].data


def orders(drawn: Drawn) -> Iterator[tuple[World, Row]]:
    """Return every order of every world."""
    return ((world, o) for world, found in drawn for o in found.orders)


def test_most_worlds_trade_whatever_they_are_made_of(drawn: Drawn) -> None:
    for data in KINDS:
        of_kind = [found for world, found in drawn if kind(world) == data]
        assert len(of_kind) >= WORLDS / 6
        assert sum(bool(found.orders) for found in of_kind) >= 0.6 * len(of_kind)


def test_every_outcome_of_an_order_happens_on_bars_and_on_quotes(drawn: Drawn) -> None:
    seen = Counter((kind(world), o.outcome) for world, o in orders(drawn))
    for data in KINDS:
        expected = [outcome for outcome in OUTCOMES if outcome != "no_trade" or data == "bars"]
        assert [outcome for outcome in expected if seen[data, outcome] < 3] == []


def test_every_outcome_of_a_decision_happens(drawn: Drawn) -> None:
    worlds = Counter(outcome for _, found in drawn for outcome in found.decisions)
    assert [outcome for outcome in DECISIONS if worlds[outcome] < 5] == []


def test_residuals_are_sold_and_bought_by_both_policies_and_carried_by_the_third(drawn: Drawn) -> None:
    sent = Counter((world.spec.execution.residual, o.side) for world, o in orders(drawn) if o.role == "residual")
    assert [pair for pair in (("unwind", "sell"), ("unwind", "buy"), ("hedge", "sell"), ("hedge", "buy")) if sent[pair] < 10] == []
    elsewhere = [o for world, found in drawn for o in found.residuals if o.key not in {leg.key for leg in found.legs if leg.package == o.package}]
    assert len(elsewhere) >= 3
    carried = [found for world, found in drawn if world.spec.execution.residual == "carry" and found.orders]
    assert len(carried) >= 10


def test_fees_are_charged_in_quote_in_what_is_received_and_in_an_asset_and_who_is_short_of_it_pays_in_quote(drawn: Drawn) -> None:
    charged = Counter((_mode(world, o), _paid_in(o)) for world, o in orders(drawn) if o.filled and o.fee)
    expected = [("quote", "quote"), ("received", "quote"), ("received", "base"), ("asset", "asset"), ("asset", "quote")]
    assert [pair for pair in expected if charged[pair] < 10] == []


def _mode(world: World, order: Row) -> str:
    spec = world.spec
    leg = next(leg for leg in spec.legs if leg.key == order.key)
    (span,) = [span for span in spec.fee_rows(leg) if span.start_us <= order.arrival < span.end_us]
    return span.charged_in if span.charged_in in {"quote", "received"} else "asset"


def _paid_in(order: Row) -> str:
    return {order.key.quote: "quote", order.key.base: "base"}.get(str(order.fee_currency), "asset")


def test_schedules_change_within_runs_and_tiers_are_reached(drawn: Drawn) -> None:
    changing = [world for world, found in drawn if found.orders and any(len(world.spec.fee_rows(leg)) > 1 for leg in world.spec.legs)]
    assert len(changing) >= 30
    with untraced():
        months = [(world, by_oracle(world)) for world in map(month_of, range(6))]
    assert sum(len(_rates(world, found)) > 1 for world, found in months) >= 2


def _rates(world: World, found: Outcome) -> set[tuple[str, int]]:
    # of one venue with one schedule: only tiers can make two rates of it
    fills = [o for o in found.orders if o.filled and o.fee_currency == o.key.quote and o.flow > 10**9]
    venue = fills[0].venue if fills else ""
    return {(venue, round(o.fee / o.flow * 1e5)) for o in fills if o.venue == venue}


def test_packages_reach_beyond_the_best_level(drawn: Drawn) -> None:
    deep = [o for world, o in orders(drawn) if kind(world) != "bars" and o.role == "leg" and world.spec.execution.tolerance_bps == 0 and _is_deep(o)]
    assert len(deep) >= 20


def _is_deep(order: Row) -> bool:
    return abs(order.limit_price / order.decision_price - 1) > 1e-4


def test_money_moves_by_both_policies_on_time_late_and_too_late(drawn: Drawn) -> None:
    moved = Counter(world.spec.rebalance.policy for world, found in drawn if world.spec.rebalance is not None and found.transfers)
    assert min(moved["threshold"], moved["weights"]) >= 10
    arrived = Counter(_arrival(world, t.route, t.requested, t.credited) for world, found in drawn for t in found.transfers)
    assert min(arrived[kind] for kind in ("on time", "after an opening", "after a suspension", "not by the end")) >= 3


def _arrival(world: World, name: str, requested: int, credited: int | None) -> str:
    spec = world.spec
    (route,) = [route for route in spec.routes if route.name == name]
    if credited is None:
        return "not by the end"
    if credited == requested + route.delay:
        return "on time"
    ends = {micros(s.end) for s in spec.suspensions if s.venue == route.destination and s.currency == route.currency}
    return "after a suspension" if credited in ends else "after an opening"


def test_withdrawals_are_suspended_while_wallets_lack_something(drawn: Drawn) -> None:
    closed = [
        world
        for world, _ in drawn
        for s in world.spec.suspensions
        if s.what != "deposits" and any((r.source, r.currency) == (s.venue, s.currency) for r in world.spec.routes)
    ]
    assert len(closed) >= 10


def test_runs_are_stopped_by_losses_and_by_misses_and_halted_by_a_peg_that_comes_back(drawn: Drawn) -> None:
    stops = Counter(why for _, found in drawn for _, why in found.stops)
    assert min(stops["drawdown"], stops["misses"]) >= 5
    events = Counter(state for _, found in drawn for *_, state in found.guard)
    assert min(events["off"], events["back"]) >= 10
    going_on = [found for world, found in drawn if (guard := world.spec.risk.depeg_guard) is not None and guard.action == "go_on" and found.guard]
    assert len(going_on) >= 3


def test_runs_cross_midnight(drawn: Drawn) -> None:
    crossing = [world for world, _ in drawn if world.spec.start.date() != world.spec.end.date()]
    assert len(crossing) >= WORLDS / 6


def test_quotes_are_bad_in_every_way_and_come_with_every_kind_of_time(drawn: Drawn) -> None:
    bad: Counter[str] = Counter()
    for world, _ in drawn:
        for i in world.spec.instruments:
            if i.data != "bars":
                bad.update(_oddities(world, i.key))
    expected = ("nan", "no number", "zero", "negative size", "crossed", "locked", "again", "disorder", "deep", "event", "received", "both")
    assert [name for name in expected if bad[name] < 10] == []


def _oddities(world: World, key: object) -> Iterator[str]:
    table = world.data[key]  # type: ignore[index]
    stamps = {name for name in ("ts", "received") if table[name].null_count() == 0}
    yield "both" if len(stamps) == 2 else {"ts": "event", "received": "received"}[stamps.pop()]
    tests = {
        "nan": table["bid"].is_nan().any(),
        "no number": table["ask"].is_null().any(),
        "zero": (table["bid"] == 0).any(),
        "negative size": (table["ask_size"] < 0).any(),
        "crossed": (table["bid"] > table["ask"]).any(),
        "locked": (table["bid"] == table["ask"]).any(),
        "again": table.is_duplicated().any(),
        "disorder": (table[next(iter(sorted(stamps | {"ts"})))].diff().dt.total_microseconds() < 0).any(),
        "deep": "bid_4" in table.columns,
    }
    yield from (name for name, holds in tests.items() if holds)


def test_every_check_of_quality_finds_something_in_dirty_data_of_each_kind() -> None:
    counts: Counter[tuple[object, str]] = Counter()
    for world in map(dirty_world_of, range(60)):
        with suppress(DataError):
            for row in by_oracle(world).quality:
                counts.update((row["data"], check) for check, count in row.items() if isinstance(count, int) and count)
    quoted = ("flagged", "nan", "zero_or_negative", "crossed", "locked", "duplicates", "disorder", "gaps", "truncated")
    checks = {
        "quotes": (*quoted, "negative_latency", "disordered_levels"),
        "quote_bars": quoted,
        "bars": ("no_trade", "missing", "flagged", "wicks", "blocked"),
    }
    assert [(kind, name) for kind, names in checks.items() for name in names if counts[kind, name] < 5] == []


def test_every_line_of_the_attribution_is_so_large_in_some_worlds_and_on_some_days_that_a_wrong_sign_would_be_seen(drawn: Drawn) -> None:
    # the lines must add up to within the bound: a line turned round is missed only where it is smaller than half of that
    large: Counter[str] = Counter()
    of_days: Counter[str] = Counter()
    for _, found in drawn:
        bound = 1e-9 * (found.equity[0][2] + sum(o.flow for o in found.orders) / ATOMS_PER_UNIT)
        large.update(line for line, amount in found.attribution.items() if abs(amount) > 1_000 * bound)
        days = [row for _, row in found.attribution_days] if len(found.attribution_days) > 1 else []
        of_days.update(line for row in days for line, amount in row.items() if abs(amount) > 1_000 * bound)
    without_pools = [line for line in LINES if line != "gas"]  # these have none: test_dex_accounts.py
    assert [line for line in without_pools if large[line] < 10] == []
    assert [line for line in without_pools if of_days[line] < 2] == []
