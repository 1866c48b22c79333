"""What an order gets: on quotes from the observation in force, on bars from the first that opens after it arrived."""

from engine.oracle import rules
from engine.oracle.observations import Bar, Observation
from engine.oracle.rules import Level, Levels
from engine.oracle.state import Order, Run
from engine.oracle.swaps import block_at, fill_swap, is_pool
from engine.schema import SeriesKey
from engine.units import atoms


def meeting(run: Run, order: Order) -> tuple[Observation | None, int]:
    """Return the bar that an order may fill in, if there is one, and when it resolves: known to the venue only, to us at the notice."""
    if is_pool(order.instrument):
        return None, block_at(run, order)
    if order.instrument.data != "bars":
        return None, order.arrival
    gives_up = order.arrival + run.spec.max_wait_us
    for row in run.market[order.instrument.key].rows:
        if row.bar is not None and order.arrival <= row.bar.opens < gives_up:
            return row, row.event
    interval = run.spec.interval_us
    last_open = (gives_up - 1) // interval * interval
    return None, last_open + interval


def fill(run: Run, order: Order) -> str:
    """Fill an order as far as the market lets it, and return the outcome."""
    if is_pool(order.instrument):
        return fill_swap(run, order)
    return _fill_on_bar(run, order) if order.instrument.data == "bars" else _fill_on_quote(run, order)


def _fill_on_quote(run: Run, order: Order) -> str:
    series = run.market[order.instrument.key]
    row = series.met(order.arrival)
    if row is None:
        return "absent"
    within = _within(order, row.levels(order.side))
    if not within:
        return "limit"
    order.epoch = row.epoch(order.side)
    taken = (order.instrument.key, order.side, order.epoch)
    return _take(run, order, rules.after_skip(within, run.taken[taken]), taken)


# From the best level on, while the price is within the limit.
def _within(order: Order, levels: Levels) -> Levels:
    beyond = [n for n, level in enumerate(levels) if not rules.is_within(order.side, level.price, order.limit)]
    return levels[: beyond[0]] if beyond else levels


def _fill_on_bar(run: Run, order: Order) -> str:
    if order.met is None or order.met.bar is None:
        return "no_trade"
    bar = order.met.bar
    if bar.blocked:
        return "absent"
    price = _bar_price(run, order, bar)
    if not rules.is_within(order.side, price, order.limit):
        return "limit"
    taken = (order.instrument.key, "both", bar.opens)
    return _take(run, order, rules.after_skip([Level(price, bar.volume_cap)], run.taken[taken]), taken)


def _bar_price(run: Run, order: Order, bar: Bar) -> float:
    i = order.instrument
    if run.spec.execution.fill_price == "worst":
        return rules.floor_tick(bar.low, i) if order.side == "sell" else rules.ceil_tick(bar.high, i)
    return rules.bid(bar.open, i) if order.side == "sell" else rules.ask(bar.open, i)


# What closes a position fills no more than there is at the venue.
def _wanted(run: Run, order: Order) -> int:
    if run.position is None or order.position != "closes":
        return order.planned
    return min(order.planned, max(0, -run.position.at_venue if order.side == "buy" else run.position.at_venue))


# Take what is left of the levels, in whole lots.
def _take(run: Run, order: Order, left: Levels, taken: tuple[SeriesKey, str, int]) -> str:
    lot = atoms(order.instrument.lot)
    quantity = min(_wanted(run, order), rules.total(left)) // lot * lot
    if quantity == 0:
        return "volume"
    run.taken[taken] += quantity
    levels = rules.used(left, quantity)
    order.filled, order.price = quantity, rules.average_price(levels)
    order.flow = rules.no_worse(order.side, rules.flow_over(levels), rules.flow(order.limit, quantity))
    return "filled" if quantity == order.planned else "partial"
