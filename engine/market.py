"""From spec and panel to what the kernels are given: the market, the venues, fees, rules and routes as arrays."""

import itertools
from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np

from engine import channels
from engine.arrays import Floats, Int64s, Records
from engine.config import POOLS, Instrument, Spec
from engine.desk import desk, suspensions
from engine.guard import Guard
from engine.hours import openings
from engine.kernels import market as kernel
from engine.kernels import transfers
from engine.kernels.market import World
from engine.panel import Panel
from engine.schema import micros
from engine.signals import signal
from engine.spec.desk_hours import HORIZON_US
from engine.spec.fees import FeeSpan
from engine.spec.funds import Route
from engine.strategies.basis import Basis
from engine.strategies.combination import BUY, Combination
from engine.strategies.peg import Peg
from engine.units import atoms

_NO_LIMIT = 2**62
_CHARGED = {"quote": kernel.CHARGED_QUOTE, "received": kernel.CHARGED_RECEIVED}
_NO_PERPETUAL = {"leg": -1, "spot": -1}
_SENDS = {"pairs": kernel.PAIRS, "together": kernel.TOGETHER, "sequence": kernel.SEQUENCE, "alone": kernel.ALONE}
_RESIDUALS = {"carry": kernel.CARRY, "unwind": kernel.UNWIND, "hedge": kernel.HEDGE}


def world(spec: Spec, panel: Panel, guard: Guard, *, observed: kernel.Market | None = None) -> World:
    """Return all that a walk is given and does not change, funding apart; `observed`: the market, where it is built already."""
    return World(
        market=market(spec, panel) if observed is None else observed,
        legs=legs(spec, panel),
        spans=spans(spec),
        tiers=tiers(spec),
        cycles=records(kernel.CYCLE, [(first,) for first in _offsets(map(len, cycles_of(spec)))]),
        steps=records(kernel.STEP, [tuple(step) for cycle in cycles_of(spec) for step in cycle]),
        pools=pools(spec, panel),
        stated_volume=stated_volume(spec),
        wallet_currency=_ints(spec.currencies.index(currency) for _, currency in spec.wallets),
        start=start(spec),
        max_asset=max_asset(spec),
        mark=np.column_stack([panel.marks.ticks[currency] for currency in spec.currencies]),
        halted=guard.halted,
        perpetual=perpetual(spec),
        payments=payments(spec, panel),
        rules=rules(spec),
        signal=signal(spec, panel),
    )


def perpetual(spec: Spec) -> Records:
    """Return the perpetual of a run, and how spot is traded against it; without one, a row that is no leg's."""
    strategy, leg = spec.strategy, spec.perpetual
    values: dict[str, float] = dict(_NO_PERPETUAL)
    if isinstance(strategy, Basis) and leg is not None and leg.perpetual is not None:
        at = spec.legs.index(leg)
        values = {
            "leg": at,
            "spot": 1 - at,
            "initial_margin": leg.perpetual.initial_margin_bps * 1e-4,
            "maintenance_margin": leg.perpetual.maintenance_margin_bps * 1e-4,
            "exit_bps": strategy.exit_bps,
            "is_two_way": strategy.directions == "both",
            "counted": strategy.funding_payments,
            "max_hold_us": _NO_LIMIT if strategy.max_hold is None else strategy.max_hold,
            "stop_bps": np.inf if strategy.stop_bps is None else strategy.stop_bps,
        }
    return records(kernel.PERPETUAL, [tuple(values.get(name, 0) for name in kernel.PERPETUAL.names or ())])


def payments(spec: Spec, panel: Panel) -> Records:
    """Return the funding of a run: what falls due before its start is no payment of it, but may be the last rate that is known."""
    leg, found = spec.perpetual, panel.payments
    latency = 0 if leg is None else notice_latency_us(spec, leg)
    rows = zip(found.due_us.tolist(), found.known_us.tolist(), (found.due_us + latency).tolist(), found.rate.tolist(), strict=True)
    return records(kernel.PAYMENT, rows)


def notice_latency_us(spec: Spec, leg: Instrument) -> int:
    """Return how long what happens on a leg takes to be known [µs]."""
    return spec.feed_latency_us if leg.data == "bars" else spec.venues[leg.venue].feed_latency


def pools(spec: Spec, panel: Panel) -> Records:
    """Return the states of all legs that are pools."""
    found = [states for leg in spec.legs if (states := panel.of(leg.key).states) is not None]
    return np.concatenate([np.zeros(0, kernel.POOL), *found]).view(np.recarray)


def tiers(spec: Spec) -> Records:
    """Return the tiers of all spans of all legs."""
    return records(kernel.TIER, [tier for leg in spec.legs for span in spec.fee_rows(leg) for tier in span.tiers])


def stated_volume(spec: Spec) -> Int64s:
    """Return what was traded at each venue before the start, by its name [atoms of the numeraire]."""
    return _ints(atoms(spec.venues[name].volume_30d) for name in sorted(spec.venues))


def start(spec: Spec) -> Int64s:
    """Return what is held of each currency at the start, at all venues [atoms]."""
    return _ints(sum(atoms(v.balances[c]) for v in spec.venues.values() if c in v.balances) for c in spec.currencies)


def free(spec: Spec) -> Int64s:
    """Return what lies in each wallet at the start [atoms]."""
    return _ints(atoms(spec.venues[v].balances[c]) if c in spec.venues[v].balances else 0 for v, c in spec.wallets)


def max_asset(spec: Spec) -> Floats:
    """Return the largest value of each currency that may be held [atoms of the numeraire]."""
    return np.array([_limit(spec.risk.max_asset.get(currency)) for currency in spec.currencies])


def market(spec: Spec, panel: Panel) -> kernel.Market:
    """Return the series of the legs, then of what converts, as they stand in the panel's columns."""
    instruments, columns, names = (*spec.legs, *_converting(spec)), panel.columns, channels.named(spec)
    heard = [channels.messages(panel, channel) for channel in names]
    found = [pair for leg in spec.legs for pair in _conversions(spec, leg)]
    first = _offsets(panel.of(instrument.key).event_us.size for instrument in instruments)
    series = [(spec.max_age_us(i), -1 if i.channel is None else names.index((i.venue, i.channel))) for i in instruments]
    return kernel.Market(
        series=records(kernel.SERIES, ((at, *one) for at, one in zip(first, [*series, (0, -1)], strict=True))),
        conversions=records(kernel.CONVERSION, found),
        channels=records(kernel.CHANNEL, [(at,) for at in _offsets(one.heard_us.size for one in heard)]),
        happened_us=_joined([one.happened_us for one in heard]),
        heard_us=_joined([one.heard_us for one in heard]),
        latest_us=_joined([one.latest_us for one in heard]),
        event_us=columns.event_us,
        available_us=columns.available_us,
        good=columns.good,
        price=columns.price,
        size=columns.size,
        epoch=panel.epoch,
        open_us=columns.open_us,
        fill_price=columns.fill_price,
        volume_cap=columns.volume_cap,
        blocked=columns.blocked,
    )


def funding(spec: Spec) -> tuple[transfers.Funding, Int64s]:
    """Return how funds can be moved, with the routes in the order in which they are tried, and the ordinal of each in the spec."""
    order = sorted(range(len(spec.routes)), key=lambda k: (atoms(spec.routes[k].fee), spec.routes[k].delay, spec.routes[k].name))
    tried = [spec.routes[k] for k in order]
    hours = [[] if r.hours is None else openings(r.hours, micros(spec.start), micros(spec.end) + HORIZON_US) for r in tried]
    withdrawals, deposits = ([suspensions(spec, wallet, what) for wallet in spec.wallets] for what in ("withdrawals", "deposits"))
    found = transfers.Funding(
        routes=_routes(spec, tried, _offsets(map(len, hours))),
        targets=_targets(spec, _offsets(map(len, withdrawals)), _offsets(map(len, deposits))),
        band=0.0 if spec.rebalance is None else spec.rebalance.band,
        openings=_windows(hours),
        withdrawals=_windows(withdrawals),
        deposits=_windows(deposits),
        **desk(spec)._asdict(),
    )
    return found, _ints(order)


def cycles_of(spec: Spec) -> tuple[Combination, ...]:
    """Return the cycles that are looked for, of one step where orders go alone: the buys; none where pairs are."""
    if spec.strategy.sends == "alone":
        return tuple(one for one in spec.combinations if one[0].side == BUY)
    return spec.combinations if spec.strategy.is_listed else ()


def records(kind: np.dtype[np.void], rows: Iterable[tuple[object, ...]]) -> Records:
    """Return rows of named fields."""
    return np.array(list(rows), dtype=kind).view(np.recarray)


def _routes(spec: Spec, tried: Sequence[Route], opening: Int64s) -> Records:
    rows = [
        (
            spec.wallets.index((r.source, r.currency)),
            spec.wallets.index((r.destination, r.currency)),
            atoms(r.fee),
            atoms(r.minimum),
            _NO_LIMIT if r.daily_limit is None else atoms(r.daily_limit),
            r.delay,
            first,
        )
        for r, first in zip(tried, opening[:-1], strict=True)
    ]
    return records(transfers.ROUTE, [*rows, (0, 0, 0, 0, 0, 0, opening[-1])])


def _targets(spec: Spec, withdrawal: Int64s, deposit: Int64s) -> Records:
    listed = {} if spec.rebalance is None else {(t.venue, t.currency): t for t in spec.rebalance.wallets}
    rows = [
        (
            target is not None,
            0 if target is None or target.floor is None else atoms(target.floor),
            0 if target is None or target.target is None else atoms(target.target),
            np.nan if target is None or target.weight is None else target.weight,
            withdrawal[w],
            deposit[w],
        )
        for w, target in enumerate(map(listed.get, spec.wallets))
    ]
    return records(transfers.TARGET, [*rows, (False, 0, 0, np.nan, withdrawal[-1], deposit[-1])])


def legs(spec: Spec, panel: Panel) -> Records:
    """Return the traded instruments."""
    names, wallets = sorted(spec.venues), spec.wallets
    bar = _offsets(panel.of(leg.key).open_us.size for leg in spec.legs)
    state = _offsets(0 if (states := panel.of(leg.key).states) is None else states.size for leg in spec.legs)
    conversion, span = _offsets(len(_conversions(spec, leg)) for leg in spec.legs), _offsets(len(spec.fee_rows(leg)) for leg in spec.legs)
    rows = []
    for k, leg in enumerate(spec.legs):
        venue, key, schedule = spec.venues[leg.venue], leg.key, spec.fee_rows(leg)
        base = key.quote if leg.perpetual else key.base  # of a perpetual both sides go by its margin wallet
        places = (
            names.index(leg.venue),
            wallets.index((leg.venue, base)),
            wallets.index((leg.venue, key.quote)),
            spec.currencies.index(key.base),
            spec.currencies.index(key.quote),
        )
        fees = (_is_foreign(spec, leg), _loosest(spec, schedule), any(s.charged_in == "received" for s in schedule))
        fixed = (atoms(leg.tick), atoms(leg.lot), atoms(leg.min_notional), venue.order_latency, notice_latency_us(spec, leg))
        rows.append((*fixed, *places, bar[k], conversion[k], span[k], *fees, state[k], *_gas(spec, leg)))
    return records(kernel.LEG, [*rows, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bar[-1], conversion[-1], span[-1], False, 0, False, state[-1], 0, 0, -1)])


def _gas(spec: Spec, leg: Instrument) -> tuple[int, int, int]:
    # most between blocks, gas of a swap, and the wallet that it leaves
    if leg.gas is None or leg.gas_currency is None or leg.block_time is None:
        return 0, 0, -1
    return leg.block_time, atoms(leg.gas), spec.wallets.index((leg.venue, leg.gas_currency))


def spans(spec: Spec) -> Records:
    """Return what each leg is charged, and from when on."""
    found = [(leg, span) for leg in spec.legs for span in spec.fee_rows(leg)]
    tier = _offsets(len(span.tiers) for _, span in found)
    rows = [
        (
            span.start_us,
            kernel.CHARGED_POOL if leg.data in POOLS else _CHARGED.get(span.charged_in, kernel.CHARGED_ASSET),
            -1 if span.charged_in in _CHARGED else spec.wallets.index((leg.venue, span.charged_in)),
            first,
        )
        for (leg, span), first in zip(found, tier[:-1], strict=True)
    ]
    return records(kernel.SPAN, [*rows, (0, 0, -1, tier[-1])])


def _loosest(spec: Spec, schedule: Sequence[FeeSpan]) -> float:
    return min(rate for span in schedule if span.start_us <= micros(spec.end) for _, rate in span.tiers)


def rules(spec: Spec) -> Records:
    """Return strategy, execution and risk."""
    fixed, risk, rebalance = spec.strategy.fixed_notional, spec.risk, spec.rebalance
    values = {
        "start_us": micros(spec.start),
        "end_us": micros(spec.end),
        "clock_us": spec.clock,
        "sends": _SENDS[spec.strategy.sends] if spec.perpetual is None else kernel.BASIS,
        "threshold_bps": spec.strategy.threshold_bps,
        "cool_down_us": spec.strategy.cool_down,
        "fixed_notional": 0.0 if fixed is None else atoms(fixed),
        "max_notional": _limit(spec.strategy.max_notional),
        "tolerance": spec.execution.tolerance_bps * 1e-4,
        "interval_us": spec.interval_us,
        "max_wait_us": spec.max_wait_us,
        "residual": _RESIDUALS[spec.execution.residual],
        "residual_tolerance": spec.execution.residual_bps * 1e-4,
        "max_gross_edge_bps": risk.max_gross_edge_bps,
        "max_residual": np.inf if risk.max_residual is None else float(risk.max_residual),
        "max_drawdown": np.inf if risk.max_drawdown is None else float(risk.max_drawdown),
        "max_venue_open": _limit(risk.max_venue_open),
        "max_in_flight": _limit(risk.max_in_flight),
        "max_misses": risk.max_misses or 0,
        "works_at_ticks": risk.max_drawdown is not None or rebalance is not None or spec.perpetual is not None or spec.strategy.sends == "alone",
        "rebalance_every_us": 0 if rebalance is None else rebalance.every or spec.clock,
        "base_currency": -1 if spec.base is None else spec.currencies.index(spec.base),
        "comparison_currency": spec.currencies.index(spec.comparison_currency),
        "min_profit": float(atoms(spec.strategy.least_gain)),
        "start_currency": spec.currencies.index(spec.comparison_currency) if spec.base is None else -1,
    }
    values |= positions(spec)
    return records(kernel.RULES, [tuple(values[name] for name in kernel.RULES.names or ())])


def positions(spec: Spec) -> dict[str, float]:
    """Return when positions are sold at ticks; never where no strategy holds any."""
    strategy = spec.strategy
    if not isinstance(strategy, Peg):
        return {"stop": 0.0, "hold_us": _NO_LIMIT, "pause_us": 0}
    hold_us = _NO_LIMIT if strategy.hold_at_most is None else strategy.hold_at_most
    return {"stop": (strategy.stop_bps or 0.0) * 1e-4, "hold_us": hold_us, "pause_us": strategy.pause}


def _limit(amount: Decimal | None) -> float:
    return np.inf if amount is None else float(atoms(amount))


def _converting(spec: Spec) -> list[Instrument]:
    return [i for i in spec.instruments if i.use == "convert"]


def _is_foreign(spec: Spec, leg: Instrument) -> bool:
    return spec.strategy.sends == "pairs" and leg.key.quote != spec.comparison_currency and leg.key.quote not in spec.assume_par


def _conversions(spec: Spec, leg: Instrument) -> list[tuple[int, bool]]:
    # (ordinal of the series, whether the comparison currency is its base)
    sides, first = {leg.key.quote, spec.comparison_currency}, len(spec.legs)
    if not _is_foreign(spec, leg):
        return []
    return [(first + k, i.key.base != leg.key.quote) for k, i in enumerate(_converting(spec)) if {i.key.base, i.key.quote} == sides]


def _windows(lists: Sequence[Sequence[tuple[int, int]]]) -> Int64s:
    return np.array([window for windows in lists for window in windows], dtype=np.int64).reshape(-1, 2)


def _offsets(sizes: Iterable[int]) -> Int64s:
    return _ints(itertools.accumulate(sizes, initial=0))


def _joined(columns: Sequence[Int64s]) -> Int64s:
    return np.concatenate([np.empty(0, np.int64), *columns])


def _ints(values: Iterable[int]) -> Int64s:
    return np.array(list(values), dtype=np.int64)
