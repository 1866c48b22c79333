"""What must hold in every world, on both engines: no look at the future, no money from nothing, no trace of names and order."""

from collections import Counter
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from engine.backtest import run
from engine.config import Spec
from engine.oracle import replay
from engine.schema import ATOMS_PER_UNIT, SeriesKey, micros
from tests.engine.engines import ENGINES, Engine, Outcome, Row
from tests.strategies import PRICES, World, bystanders, flat_markets, free_pairs, iso, peg_walks, worlds

both_engines = pytest.mark.parametrize("engine", ENGINES)
few = settings(max_examples=25)

Decided = tuple[object, ...]


def decisions(outcome: Outcome, until: int) -> list[Decided]:
    """Return what was decided by a time: everything about an order but what became of it."""
    return [(*o[:3], *o[4:8], o.decision_price, o.limit_price, o.edge_bps) for o in outcome.orders if o.decided <= until]


def recorded(outcome: Outcome, until: int) -> list[Row]:
    """Return the orders that were resolved by a time."""
    return [o for o in outcome.orders if o.recorded is not None and o.recorded <= until]


def seen(outcome: Outcome, until: int) -> list[object]:
    """Return what was seen by a time: opportunities and equity."""
    return [o for o in outcome.opportunities if o[0] <= until] + [e for e in outcome.equity if e[0] <= until]


def a_tick(draw: st.DataObject, spec: Spec) -> int:
    """Draw a tick of the run after its start."""
    ticks = range(micros(spec.start) + spec.clock, micros(spec.end) + 1, spec.clock)
    return draw.draw(st.sampled_from(ticks), label="until")


def poisoned(world: World, lag_us: int, until: int, poison: str) -> World:
    """Return the world with every bar that ends (plus a lag) after a time spoilt."""
    late = pl.col("ts").dt.epoch("us") + world.spec.interval + lag_us > until
    spoilt = {
        "removed": lambda table: table.filter(~late),
        "silent": lambda table: table.with_columns(volume=pl.when(late).then(0.0).otherwise("volume")),
        "dear": lambda table: table.with_columns(pl.when(late).then(pl.col(c) * 3).otherwise(c).alias(c) for c in (*PRICES, "volume")),
    }
    # every other series at least, so that edges change, too
    return world.on({key: table if n % 2 and poison == "dear" else spoilt[poison](table) for n, (key, table) in enumerate(world.bars.items())})


poisons = st.sampled_from(("dear", "removed", "silent"))


# ---- time ----


@both_engines
@few
@given(world=worlds(), draw=st.data())
def test_a_run_that_ends_earlier_agrees_on_all_that_it_saw(engine: Engine, world: World, draw: st.DataObject) -> None:
    until = a_tick(draw, world.spec)
    long, short = engine(world), engine(world.but(end=iso(until)))
    event(f"{bool(recorded(long, until))=}")
    assert decisions(short, until) == decisions(long, until)
    assert recorded(short, until) == recorded(long, until)
    assert seen(short, until) == seen(long, until)
    assert {o.outcome for o in short.orders if o.recorded is None} <= {"open"}


@both_engines
@few
@given(world=worlds(), draw=st.data(), poison=poisons)
def test_what_is_available_later_changes_no_decision(engine: Engine, world: World, draw: st.DataObject, poison: str) -> None:
    until = a_tick(draw, world.spec)
    clean, spoilt = engine(world), engine(poisoned(world, world.spec.feed_latency_us, until, poison))
    assert decisions(spoilt, until) == decisions(clean, until)
    assert [o for o in spoilt.opportunities if o[0] <= until] == [o for o in clean.opportunities if o[0] <= until]


@both_engines
@few
@given(world=worlds(), draw=st.data(), poison=poisons)
def test_what_happens_later_changes_no_fill(engine: Engine, world: World, draw: st.DataObject, poison: str) -> None:
    until = a_tick(draw, world.spec)
    clean, spoilt = engine(world), engine(poisoned(world, 0, until, poison))
    assert recorded(spoilt, until) == recorded(clean, until)
    assert seen(spoilt, until) == seen(clean, until)


# ---- money ----


@few
@given(world=worlds())
def test_every_wallet_holds_its_deposit_and_what_fills_moved_after_every_event(world: World) -> None:
    found = replay(world.spec, world.bars)
    for t, balances in [*found.journal, (micros(world.spec.end), found.balances)]:
        expected = deposits(world.spec)
        for o in found.orders:
            if o.recorded_us is not None and o.recorded_us <= t:
                _book(expected, o.venue, o.instrument, o.side, o.filled_atoms, o.flow_atoms, o.fee_atoms)
        assert {key: sum(parts) for key, parts in balances.items() if sum(parts)} == {key: amount for key, amount in expected.items() if amount}
        assert all(part >= 0 for parts in balances.values() for part in parts)


def deposits(spec: Spec) -> Counter[tuple[str, str]]:
    """Return the starting balances [atoms]."""
    return Counter({(name, c): int(amount * ATOMS_PER_UNIT) for name, v in spec.venues.items() for c, amount in v.balances.items()})


def _book(wallets: Counter[tuple[str, str]], venue: str, instrument: str, side: str, filled: int, flow: int, fee: int) -> None:
    base, quote = instrument.split("/")
    sign = 1 if side == "buy" else -1
    wallets[venue, base] += sign * filled
    wallets[venue, quote] -= sign * flow + fee


@both_engines
@few
@given(world=worlds())
def test_no_order_was_sent_that_free_funds_did_not_cover(engine: Engine, world: World) -> None:
    # free funds from the orders alone: what was reserved at sending is gone until the notice, and what came in comes with it
    found, free = engine(world), deposits(world.spec)
    sent = [(o.decided, 1, o) for o in found.orders]
    noticed = [(o.recorded + world.spec.venues[o.venue].feed_latency, 0, o) for o in found.orders if o.recorded is not None]
    for _, kind, o in sorted(noticed + sent, key=lambda e: e[:2]):
        wallet = (o.venue, o.key.base if o.side == "sell" else o.key.quote)
        if kind == 1:
            free[wallet] -= reserve(world.spec, o)
        else:
            free[wallet] += reserve(world.spec, o)
            _book(free, o.venue, o.instrument, o.side, o.filled, o.flow, o.fee)
        assert free[wallet] >= 0


def reserve(spec: Spec, o: Row) -> int:
    """Return the most that an order may take from its wallet [atoms]."""
    if o.side == "sell":
        return o.planned
    flow = round(o.limit_price * o.planned)
    return flow - int(-(flow * (spec.venues[o.venue].fee_bps * 1e-4)) // 1)


@both_engines
@few
@given(world=worlds())
def test_attribution_adds_up_to_the_change_of_equity(engine: Engine, world: World) -> None:
    found = engine(world)
    change = found.equity[-1][1] - found.equity[0][1]
    turnover = sum(o.flow for o in found.orders) / ATOMS_PER_UNIT
    assert abs(sum(found.attribution.values()) - change) <= 1e-9 * turnover + 1e-9 * found.equity[0][1]


@both_engines
@few
@given(world=worlds())
def test_without_fills_equity_is_hold(engine: Engine, world: World) -> None:
    found = engine(world.but(strategy={"kind": "spatial", "threshold_bps": 9_000.0}))
    assert found.orders == []
    assert [e for _, e, _ in found.equity] == pytest.approx([h for _, _, h in found.equity], rel=1e-12)


@both_engines
@few
@given(world=worlds(), factor=st.sampled_from((1.0, 1.5, 10.0)))
def test_a_higher_fee_on_the_same_fills_never_earns_more(engine: Engine, world: World, factor: float) -> None:
    # everything is an opportunity and small against all limits, so that the fee decides nothing but the order of packages
    strategy = {"kind": "spatial", "threshold_bps": -9_000.0, "size": "fixed", "fixed_notional": "0.5"}
    venues = {name: {**v, "balances": dict.fromkeys(v["balances"], "1000000")} for name, v in world.form["venues"].items()}
    dearer = {name: {**v, "fee_bps": v["fee_bps"] * factor + 1} for name, v in venues.items()}
    cheap, dear = (engine(world.but(strategy=strategy, venues=v)) for v in (venues, dearer))
    assume(fills(cheap) == fills(dear))
    event(f"{bool(fills(cheap))=}")
    profits = [found.equity[-1][1] - found.equity[0][1] for found in (cheap, dear)]
    assert profits[1] <= profits[0] + 1e-9 * cheap.equity[0][1]


def fills(outcome: Outcome) -> Counter[tuple[object, ...]]:
    """Return what was filled, whatever it cost."""
    return Counter((o.recorded, o.key, o.side, o.filled, o.price) for o in outcome.orders if o.filled)


# ---- rules ----


@both_engines
@few
@given(world=worlds())
def test_every_package_keeps_the_rules_of_its_decision(engine: Engine, world: World) -> None:
    spec, found = world.spec, engine(world)
    facts = {i.key: i for i in spec.instruments}
    last: dict[tuple[SeriesKey, SeriesKey], int] = {}
    taken: Counter[tuple[SeriesKey, int]] = Counter()
    for sell, buy in zip(found.orders[::2], found.orders[1::2], strict=True):
        assert (sell.side, buy.side, sell.package) == ("sell", "buy", buy.package)
        assert sell.planned == buy.planned > 0
        assert sell.edge_bps >= spec.strategy.threshold_bps
        assert (sell.decided, sell.key, buy.key, sell.edge_bps) in found.opportunities
        assert sell.decided - last.get((sell.key, buy.key), -(2**62)) >= spec.strategy.cool_down
        last[sell.key, buy.key] = sell.decided
        for o in (sell, buy):
            assert o.planned % int(facts[o.key].lot * ATOMS_PER_UNIT) == 0
            assert round(o.planned * o.decision_price) >= int(facts[o.key].min_notional * ATOMS_PER_UNIT)
            assert o.arrival == o.decided + spec.venues[o.venue].order_latency
            taken[o.key, o.decided] += o.planned
    shares = observed(world)
    assert all(quantity <= shares[key][t - spec.feed_latency_us - spec.interval] for (key, t), quantity in taken.items())


@both_engines
@few
@given(world=worlds())
def test_every_fill_is_of_the_first_bar_in_time_within_its_limit_and_our_share(engine: Engine, world: World) -> None:
    spec, taken, shares = world.spec, Counter[tuple[SeriesKey, int]](), observed(world)
    for o in engine(world).orders:
        in_time = [opened for opened in shares[o.key] if o.arrival <= opened < o.arrival + spec.max_wait_us]
        if o.filled:
            assert o.recorded is not None
            assert o.price is not None
            opened = o.recorded - spec.interval
            assert opened == in_time[0]
            assert o.price >= o.limit_price if o.side == "sell" else o.price <= o.limit_price
            assert (o.flow, o.filled) == (round(o.price * o.filled), min(o.filled, o.planned))
            taken[o.key, opened] += o.filled
        elif o.outcome == "no_trade":
            assert o.recorded is not None
            assert in_time == []
    assert all(quantity <= shares[key][opened] for (key, opened), quantity in taken.items())


def observed(world: World) -> dict[SeriesKey, dict[int, int]]:
    """Return our share [atoms] of each bar with volume, by its open time."""
    tables = {key: table.filter(pl.col("volume") > 0) for key, table in world.bars.items()}
    share = world.spec.execution.volume_share
    return {
        key: {opened: int(share * volume * 1e8) for opened, volume in zip(table["ts"].dt.epoch("us"), table["volume"], strict=True)}
        for key, table in tables.items()
    }


@both_engines
@few
@given(world=flat_markets())
def test_prices_that_are_equal_after_conversion_make_no_opportunity(engine: Engine, world: World) -> None:
    found = engine(world)
    assert found.opportunities == []
    assert found.orders == []


# ---- names and order ----


@both_engines
@few
@given(world=worlds(), draw=st.data())
def test_the_order_of_venues_and_instruments_changes_nothing(engine: Engine, world: World, draw: st.DataObject) -> None:
    shuffled = permuted(world, draw)
    assert engine(shuffled) == engine(world)


@settings(max_examples=10)
@given(world=worlds(), draw=st.data())
def test_the_order_of_venues_and_instruments_changes_no_byte(world: World, draw: st.DataObject) -> None:
    shuffled = permuted(world, draw)
    assert run(shuffled.spec, shuffled.bars).files() == run(world.spec, world.bars).files()


def permuted(world: World, draw: st.DataObject) -> World:
    """Draw the same world, written in another order."""
    form = world.form
    venues = [(name, {**v, "balances": dict(reversed(v["balances"].items()))}) for name, v in form["venues"].items()]
    instruments: list[dict[str, object]] = draw.draw(st.permutations(form["instruments"]))
    mixed = world.but(venues=dict(draw.draw(st.permutations(venues))), instruments=instruments)
    return mixed.on(dict(draw.draw(st.permutations(list(world.bars.items())))))


@both_engines
@few
@given(pair=bystanders())
def test_a_venue_without_funds_changes_no_fill(engine: Engine, pair: tuple[World, World]) -> None:
    alone, watched = pair
    event(f"{bool(fills(engine(alone)))=}")
    assert engine(watched).orders == engine(alone).orders


# ---- arbitrage that is none, and arbitrage that is ----


@both_engines
@few
@given(world=peg_walks())
def test_a_lost_peg_is_no_edge_at_market(engine: Engine, world: World) -> None:
    assert engine(world).orders == []


@both_engines
@few
@given(world=peg_walks())
def test_what_a_lost_peg_assumed_at_par_earns_is_revaluation(engine: Engine, world: World) -> None:
    found = engine(world.but(assume_par=["USDC"]))
    event(f"{bool(found.orders)=}")
    lines, scale = found.attribution, 1e-9 * found.equity[0][1]
    assert lines["gross"] <= scale
    assert lines["fees"] <= 0
    assert max(abs(lines[line]) for line in ("slippage", "leg_misses", "inventory")) <= scale


@both_engines
@few
@given(world=free_pairs())
def test_cash_from_two_free_venues_is_what_their_opens_differ_by(engine: Engine, world: World) -> None:
    # with no latency the bar after the decision fills it: cents × eighths of a coin, worked out without either engine
    orders = [o for o in engine(world).orders if o.outcome != "open"]
    cash = sum(o.flow if o.side == "sell" else -o.flow for o in orders)
    alfa, bravo = world.bars.values()
    scales = [(pl.col(f"{c}{of}") * (8 if c == "volume" else 100)).round().cast(int) for c in (*PRICES, "volume") for of in ("", "_b")]
    rows = alfa.join(bravo, on="ts", suffix="_b").select(scales).rows(named=True)
    event(f"{bool(orders)=}")
    assert cash == sum(_gain(now, then, world.spec.strategy.threshold_bps) for now, then in pairwise(rows))


def _gain(now: dict[str, int], then: dict[str, int], threshold_bps: float) -> int:
    gain = 0
    for s, b in (("", "_b"), ("_b", "")):
        if now["volume"] and now["volume_b"] and 1e4 * (now[f"close{s}"] / now[f"close{b}"] - 1) >= threshold_bps:
            quantity = min(now["volume"], now["volume_b"])
            sold, bought = min(quantity, then[f"volume{s}"]), min(quantity, then[f"volume{b}"])
            gain += then[f"open{s}"] * sold - then[f"open{b}"] * bought
    return gain * 125_000  # a cent × an eighth, in atoms
