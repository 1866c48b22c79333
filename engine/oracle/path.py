"""The walk through time: orders resolve, notices come, ticks are taken, packages are sent."""

from engine.oracle import rules
from engine.oracle.data import available_times, marks_at, ticks
from engine.oracle.decisions import legs_of, opportunities, quotes_at
from engine.oracle.packages import send_or_drop
from engine.oracle.state import Order, Run
from engine.schema import ATOMS_PER_UNIT
from engine.units import atoms


def walk(run: Run) -> None:
    """Take the run from its start to its end."""
    of_clock = set(ticks(run.spec))
    instants = available_times(run.spec, run.market, {"trade", "convert"})
    to_come = sorted(of_clock | instants, reverse=True)
    while to_come:
        t = min([to_come[-1], *[o.notice if o.resolved else o.resolves for o in run.under_way]])
        before = run.balances()
        _resolve_due(run, t)
        _notice_due(run, t)
        if t in of_clock:
            _take_equity(run, t)
        if t in instants:
            _decide(run, t)
        if run.balances() != before:
            run.journal.append((t, run.balances()))
        if t == to_come[-1]:
            to_come.pop()


def _resolve_due(run: Run, t: int) -> None:
    for order in run.under_way:  # by package, then leg, as they were sent
        if not order.resolved and order.resolves == t:
            order.outcome = _fill(run, order)
            order.resolved = True
            run.wallets[order.spends_from].reserved -= order.reserve
            for wallet, amount in order.released.items():
                run.wallets[wallet].pending += amount


def _notice_due(run: Run, t: int) -> None:
    for order in list(run.under_way):
        if order.resolved and order.notice == t:
            order.noticed = True
            run.under_way.remove(order)
            for wallet, amount in order.released.items():
                run.wallets[wallet].pending -= amount
                run.wallets[wallet].free += amount


def _fill(run: Run, order: Order) -> str:
    if order.bar is None:
        return "no_trade"
    price = _fill_price(run, order)
    if (price < order.limit) if order.side == "sell" else (price > order.limit):
        return "limit"
    of_bar = (order.instrument.key, order.bar.opens)
    lot = atoms(order.instrument.lot)
    room = rules.volume_cap(run.spec, order.bar.volume) - run.taken[of_bar]
    quantity = min(order.planned, room // lot * lot)
    if quantity == 0:
        return "volume"
    run.taken[of_bar] += quantity
    order.filled, order.price, order.flow = quantity, price, rules.flow(price, quantity)
    order.fee = rules.fee(order.flow, rules.fee_rate(run.spec, order.instrument))
    return "filled" if quantity == order.planned else "partial"


def _fill_price(run: Run, order: Order) -> float:
    assert order.bar is not None
    if run.spec.execution.fill_price == "worst":
        return rules.floor_tick(order.bar.low, order.instrument) if order.side == "sell" else rules.ceil_tick(order.bar.high, order.instrument)
    return rules.bid(order.bar.open, order.instrument) if order.side == "sell" else rules.ask(order.bar.open, order.instrument)


def _take_equity(run: Run, t: int) -> None:
    marks = marks_at(run.marks, t)
    now = sum((w.free + w.reserved + w.pending) / ATOMS_PER_UNIT * marks[currency] for (_, currency), w in sorted(run.wallets.items()))
    started = sorted((currency, amount) for venue in run.spec.venues.values() for currency, amount in venue.balances.items())
    left_alone = sum(float(amount) * marks[currency] for currency, amount in started)
    run.equity.append((t, now, left_alone))


def _decide(run: Run, t: int) -> None:
    legs = legs_of(run.spec, quotes_at(run.spec, run.market, t))
    found = opportunities(run.spec, legs)
    run.instants.append((t, found))
    for opportunity in found:
        send_or_drop(run, opportunity, legs, t)
