"""Bets on a peg: what is bought, what is sold again, and what is sold at ticks."""

from collections.abc import Callable
from dataclasses import replace
from math import floor
from typing import Literal

from engine.oracle import fees, rules
from engine.oracle.cycles import Stage, most_that, stage_of
from engine.oracle.exposure import expected, open_value
from engine.oracle.legs import Leg, Legs, has_news, legs_at
from engine.oracle.orders import send
from engine.oracle.rules import Levels, Side
from engine.oracle.signals import Signal, known_at_tick, signal_at
from engine.oracle.state import Bet, Opportunity, Order, Package, Role, Run
from engine.strategies.peg import Peg
from engine.units import atoms

Line = tuple[str, Callable[[int], bool]]
"""The outcome if nothing is left, and whether a quantity is allowed."""

SIDES: tuple[Side, Side] = ("sell", "buy")


def decide(run: Run, peg: Peg, t: int) -> None:
    """List what stands at an instant and has news, sells before buys, and send what is worth it."""
    legs = legs_at(run, t)
    standing = dict(run.standing)
    run.standing = {}
    for side in SIDES:
        edges = {n: edge for n, leg in legs.items() if (edge := _edge_of(run, peg, leg, side, t)) is not None}
        for n in edges:
            run.standing[_combination(n, side)] = standing.get(_combination(n, side))
        new = [n for n in edges if has_news(run, legs[n], t)]
        for n in sorted(new, key=lambda n: (-edges[n], n)):
            run.opportunities.append(_outcome(run, peg, _opportunity(run, n, side, edges[n], t), legs))


def tick(run: Run, peg: Peg, t: int) -> None:
    """Sell what has fallen too far below what it cost, or was held for too long."""
    for n, leg in enumerate(run.spec.legs):
        row, position = known_at_tick(run, n, t), run.bets[n]
        if row is None or row.bids[0].price <= 0 or position.held < atoms(leg.lot):
            continue
        proceeds = row.bids[0].price * (1 - fees.rate(run, leg, t))
        role = _due(peg, position, proceeds, t)
        if role is not None:
            _sell_out(run, n, role, row.bids[0].price, 1e4 * (proceeds / _average(position) - 1), t)


def note_order(run: Run, order: Order, t: int) -> None:
    """At a notice: count in its position what an order came to, and whether it missed."""
    position = run.bets[order.leg]
    position.under_way -= 1
    if order.side == "buy":
        position.held += order.brought
        position.bought += order.brought
        position.paid -= sum(amount for wallet, amount in order.of_trade if wallet == order.quote)
    else:
        position.held += order.planned - order.filled
    close_if_empty(run, order.leg)
    run.count_miss(t, is_whole=order.filled == order.planned)


def close_if_empty(run: Run, leg: int) -> None:
    """Forget a position of which less than a lot is left and nothing is under way; the rest of it stays in the wallet."""
    position = run.bets[leg]
    if position.under_way == 0 and position.held < atoms(run.spec.legs[leg].lot):
        run.bets[leg] = Bet(stopped=position.stopped, due=position.due)


def _combination(leg: int, side: Side) -> int:
    return 2 * leg + SIDES.index(side)


# What a coin of a position cost, on average of all that was bought since it was opened.
def _average(position: Bet) -> float:
    return position.paid / position.bought


def _edge_of(run: Run, peg: Peg, leg: Leg, side: Side, t: int) -> float | None:
    signal = signal_at(run, peg, leg.ordinal, t)
    if signal is None:
        return None
    if side == "buy":
        return _edge_of_buy(leg, leg.ask, signal) if _is_cheap(run, leg, leg.ask, signal) else None
    position = run.bets[leg.ordinal]
    holds = position.held >= atoms(leg.instrument.lot)
    return 1e4 * (leg.received(leg.bid) / _average(position) - 1) if holds and leg.received(leg.bid) >= signal.leave else None


def _edge_of_buy(leg: Leg, price: float, signal: Signal) -> float:
    return 1e4 * (signal.worth / leg.spent(price) - 1)


def _is_cheap(run: Run, leg: Leg, price: float, signal: Signal) -> bool:
    return leg.spent(price) <= signal.enter and _edge_of_buy(leg, price, signal) >= run.spec.strategy.threshold_bps


def _opportunity(run: Run, leg: int, side: Side, edge: float, t: int) -> Opportunity:
    number = _combination(leg, side)
    episode = run.standing[number]
    if episode is None:
        episode = run.standing[number] = run.episodes
        run.episodes += 1
    return Opportunity(at=t, combination=number, edge_bps=edge, episode=episode)


def _outcome(run: Run, peg: Peg, found: Opportunity, legs: Legs) -> Opportunity:
    leg, side = legs[found.combination // 2], SIDES[found.combination % 2]
    signal = signal_at(run, peg, leg.ordinal, found.at)
    assert signal is not None
    against = _reason_against(run, peg, leg, signal, found) if side == "buy" else None
    if against is not None:
        return replace(found, outcome=against)
    stage = _worth_it(run, stage_of(run, leg, side), signal)
    size = _size_of_buy(run, stage, found.at) if side == "buy" else _size_of_sell(run, stage)
    if isinstance(size, str):
        return replace(found, outcome=size)
    if rules.flow_over(rules.used(stage.levels, size)) < atoms(leg.instrument.min_notional):
        return replace(found, outcome="below_minimum")
    run.last_sent[found.combination] = found.at
    return replace(found, outcome="sent", package=_send(run, found, _order(run, stage, size, found)))


def _reason_against(run: Run, peg: Peg, leg: Leg, signal: Signal, found: Opportunity) -> str | None:
    t, last, stopped = found.at, run.last_sent.get(found.combination), run.bets[leg.ordinal].stopped
    if 1e4 * (signal.worth / leg.ask - 1) > run.spec.risk.max_gross_edge_bps:
        return "alarm"
    if run.stops:
        return "stopped"
    if run.is_halted(t):
        return "halted"
    is_cool = last is None or t >= last + peg.cool_down
    return None if is_cool and (stopped is None or t >= stopped + peg.pause) else "cool_down"


# The levels whose own price is good enough.
def _worth_it(run: Run, stage: Stage, signal: Signal) -> Stage:
    levels: Levels = []
    for level in stage.levels:
        is_good = _is_cheap(run, stage.leg, level.price, signal) if stage.side == "buy" else stage.leg.received(level.price) >= signal.leave
        if not is_good:
            break
        levels.append(level)
    return replace(stage, levels=levels)


def _size_of_buy(run: Run, stage: Stage, t: int) -> int | str:
    fixed, q = run.spec.strategy.fixed_notional, stage.left
    if fixed is not None:
        q = floor(atoms(fixed) / stage.leg.ask) // stage.lot * stage.lot
        if q == 0:
            return "below_minimum"
    for outcome, allows in _lines(run, stage, t):
        if fixed is None:
            q = most_that(allows, q, stage.lot)
        elif not allows(q):
            return outcome
        if q == 0:
            return outcome
    return q


def _lines(run: Run, stage: Stage, t: int) -> list[Line]:
    i, spec = stage.leg.instrument, run.spec
    found: list[Line] = [
        ("no_volume", lambda q: q <= stage.left),
        ("no_funds", lambda q: stage.reserve(run, t, stage.planned(q)) <= run.free(stage.spends_from)),
    ]
    notional, most_open, most_held = spec.strategy.max_notional, spec.risk.max_venue_open, spec.risk.max_asset.get(i.key.base)
    if notional is not None:
        found.append(("below_minimum", lambda q: q <= floor(atoms(notional) / stage.planned(q).price)))
    if most_open is not None:
        room = floor((atoms(most_open) - open_value(run, i.venue)) / (stage.best_price * run.mark(i.key.quote, t)))
        found.append(("venue_limit", lambda q: q <= room))
    if most_held is not None:
        left = floor(atoms(most_held) / run.mark(i.key.base, t)) - run.known(i.key.base) - expected(run, i.key.base)
        found.append(("asset_limit", lambda q: q <= left))
    return found


def _size_of_sell(run: Run, stage: Stage) -> int | str:
    if stage.left == 0:
        return "no_volume"
    most = min(run.bets[stage.leg.ordinal].held, run.free(stage.spends_from)) // stage.lot * stage.lot
    return min(stage.left, most) if most > 0 else "no_funds"


def _order(run: Run, stage: Stage, size: int, found: Opportunity) -> Order:
    planned = stage.planned(size)
    return Order(
        package=len(run.packages),
        role="leg",
        side=stage.side,
        leg=stage.leg.ordinal,
        instrument=stage.leg.instrument,
        edge_bps=found.edge_bps,
        decided=found.at,
        planned=size,
        decision_price=rules.average_price(rules.used(stage.levels, size)),
        best_price=stage.best_price,
        limit=stage.limit(run, planned.price),
        reserve=stage.reserve(run, found.at, planned),
    )


def _send(run: Run, found: Opportunity, order: Order) -> int:
    package = Package(number=len(run.packages), combination=run.combinations[found.combination], edge_bps=found.edge_bps)
    position = run.bets[order.leg]
    run.packages.append(package)
    send(run, order)
    position.under_way += 1
    if order.side == "sell":
        position.held -= order.planned
    elif position.since is None:
        position.since = found.at
    return package.number


def _due(peg: Peg, position: Bet, proceeds: float, t: int) -> Literal["stop", "time"] | None:
    assert position.since is not None
    if peg.stop_bps is not None and proceeds <= _average(position) * (1 - peg.stop_bps * 1e-4):
        return "stop"
    return "time" if peg.hold_at_most is not None and t >= position.since + peg.hold_at_most else None


# All that there is of a position, as a residual order is sold; an episode of its own.
def _sell_out(run: Run, leg: int, role: Role, bid: float, edge: float, t: int) -> None:
    i, position = run.spec.legs[leg], run.bets[leg]
    quantity = min(position.held, run.free((i.venue, i.key.base))) // atoms(i.lot) * atoms(i.lot)
    if quantity == 0 or rules.flow(bid, quantity) < atoms(i.min_notional):
        return
    order = Order(
        package=len(run.packages),
        role=role,
        side="sell",
        leg=leg,
        instrument=i,
        edge_bps=edge,
        decided=t,
        planned=quantity,
        decision_price=bid,
        best_price=bid,
        limit=rules.limit("sell", bid, run.spec.execution.residual_bps, i),
        reserve=quantity,
    )
    found = Opportunity(at=t, combination=_combination(leg, "sell"), edge_bps=edge, episode=run.episodes, outcome="sent")
    run.episodes += 1
    run.opportunities.append(replace(found, package=_send(run, found, order)))
    position.stopped = t
