"""How large a package is, why it is dropped, and how it is sent."""

from math import floor, lcm

from engine.oracle import rules
from engine.oracle.data import Observation
from engine.oracle.decisions import Leg
from engine.oracle.state import Opportunity, Order, Run, Side
from engine.schema import SeriesKey
from engine.units import atoms


def send_or_drop(run: Run, opportunity: Opportunity, legs: dict[SeriesKey, Leg], t: int) -> None:
    """Send the package of an opportunity at t [µs], or count why not."""
    edge, s, b = opportunity
    size = "cool_down" if _cooling(run, s, b, t) else _size(run, legs[s], legs[b])
    if isinstance(size, str):
        run.dropped[size] += 1
        return
    run.last_sent[s, b] = t
    package = len(run.orders) // 2
    for order in (_order(run, legs[s], "sell", size, t, package, edge), _order(run, legs[b], "buy", size, t, package, edge)):
        run.wallets[order.spends_from].free -= order.reserve
        run.wallets[order.spends_from].reserved += order.reserve
        run.orders.append(order)
        run.under_way.append(order)


def _cooling(run: Run, s: SeriesKey, b: SeriesKey, t: int) -> bool:
    return (s, b) in run.last_sent and t < run.last_sent[s, b] + run.spec.strategy.cool_down


def _size(run: Run, sell: Leg, buy: Leg) -> int | str:
    size = _fixed_size(run, sell, buy) if run.spec.strategy.size == "fixed" else _largest_size(run, sell, buy)
    if isinstance(size, str):
        return size
    small = any(rules.flow(p, size) < atoms(i.min_notional) for p, i in ((sell.bid, sell.instrument), (buy.ask, buy.instrument)))
    return "below_minimum" if small else size


def _largest_size(run: Run, sell: Leg, buy: Leg) -> int | str:
    by_volume = _by_volume(run, sell, buy)
    by_funds = _by_funds(run, sell, buy)
    by_maximum = by_funds if run.spec.strategy.max_notional is None else _for_notional(atoms(run.spec.strategy.max_notional), sell, buy)
    if by_volume <= 0:
        return "no_volume"
    if by_funds <= 0:
        return "no_funds"
    if by_maximum <= 0:
        return "below_minimum"
    return min(by_volume, by_funds, by_maximum)


def _fixed_size(run: Run, sell: Leg, buy: Leg) -> int | str:
    assert run.spec.strategy.fixed_notional is not None
    wanted = _for_notional(atoms(run.spec.strategy.fixed_notional), sell, buy)
    if wanted == 0:
        return "below_minimum"
    if wanted > _by_volume(run, sell, buy):
        return "no_volume"
    if wanted > _by_funds(run, sell, buy):
        return "no_funds"
    return wanted


def _step(sell: Leg, buy: Leg) -> int:
    return lcm(atoms(sell.instrument.lot), atoms(buy.instrument.lot))


def _for_notional(notional: int, sell: Leg, buy: Leg) -> int:
    step = _step(sell, buy)
    return floor(notional / (buy.ask * buy.spent_rate)) // step * step


def _by_volume(run: Run, sell: Leg, buy: Leg) -> int:
    step = _step(sell, buy)
    return min(_volume_left(run, sell), _volume_left(run, buy)) // step * step


def _volume_left(run: Run, leg: Leg) -> int:
    ours = sum(o.planned for o in run.under_way if o.instrument.key == leg.instrument.key)
    return rules.volume_cap(run.spec, leg.bar.volume) - ours


def _by_funds(run: Run, sell: Leg, buy: Leg) -> int:
    step = _step(sell, buy)
    base = run.wallets[sell.instrument.venue, sell.instrument.key.base].free
    quote = run.wallets[buy.instrument.venue, buy.instrument.key.quote].free
    least, most = 0, base // step
    while least < most:  # halving: the reserve grows with the quantity
        middle = (least + most + 1) // 2
        if _reserve(run, buy, "buy", middle * step) <= quote:
            least = middle
        else:
            most = middle - 1
    return least * step


def _limit(run: Run, leg: Leg, side: Side) -> float:
    tolerance = run.spec.execution.tolerance_bps * 1e-4
    if side == "sell":
        return rules.ceil_tick(leg.bid * (1 - tolerance), leg.instrument)
    return rules.floor_tick(leg.ask * (1 + tolerance), leg.instrument)


def _reserve(run: Run, leg: Leg, side: Side, quantity: int) -> int:
    if side == "sell":
        return quantity
    cost = rules.flow(_limit(run, leg, side), quantity)
    return cost + rules.fee(cost, rules.fee_rate(run.spec, leg.instrument))


def _order(run: Run, leg: Leg, side: Side, quantity: int, t: int, package: int, edge: float) -> Order:
    venue = run.spec.venues[leg.instrument.venue]
    arrival = t + venue.order_latency
    bar, resolves = _meeting(run, leg, arrival)
    return Order(
        package=package,
        side=side,
        instrument=leg.instrument,
        edge_bps=edge,
        decided=t,
        arrival=arrival,
        planned=quantity,
        decision_price=leg.bid if side == "sell" else leg.ask,
        limit=_limit(run, leg, side),
        reserve=_reserve(run, leg, side, quantity),
        bar=bar,
        resolves=resolves,
        notice=resolves + venue.feed_latency,
    )


# The bar that will decide the order's fate, and when: known to the venue only, and to us at the notice.
def _meeting(run: Run, leg: Leg, arrival: int) -> tuple[Observation | None, int]:
    gives_up = arrival + run.spec.max_wait_us
    for bar in run.market[leg.instrument.key]:
        if arrival <= bar.opens < gives_up:
            return bar, bar.event
    interval = run.spec.interval
    last_open = (gives_up - 1) // interval * interval
    return None, last_open + interval
