"""An order's way: it is sent, meets the market, is settled, and its notice comes."""

from engine.oracle import fees
from engine.oracle.exposure import note_exposure
from engine.oracle.fills import fill, meeting
from engine.oracle.settlement import take_fill
from engine.oracle.state import NOTICE, RESOLVE, Order, Run
from engine.oracle.swaps import gas_of, is_pool


def send(run: Run, order: Order) -> None:
    """Send an order: its reserve leaves free, and it waits for the market."""
    latency = 0 if order.role == "liquidation" else run.spec.venues[order.instrument.venue].order_latency
    order.number, order.arrival = len(run.orders), order.decided + latency
    order.met, order.resolves = meeting(run, order)
    order.notice = order.resolves + run.notice_latency(order.instrument)
    note_exposure(run, order)
    run.wallets[order.spends_from].free -= order.reserve
    run.wallets[order.spends_from].reserved += order.reserve
    _move_gas(run, order, "free", "reserved", gas_of(order.instrument))
    run.orders.append(order)
    run.packages[order.package].orders.append(order)
    run.wait(order.resolves, RESOLVE, order.number)
    run.record(order.decided, "sent", order.number)


def resolve(run: Run, order: Order) -> None:
    """Let an order meet the market; what was reserved is spent or pending."""
    order.outcome = fill(run, order)
    order.resolved = True
    if order.filled:
        if not is_pool(order.instrument):
            order.fee_wallet, order.fee, order.fee_from_free = fees.charge(run, order)
        fees.count_notional(run, order)
        if run.position is not None and order.position != "spot":
            run.position.at_venue += order.filled if order.side == "buy" else -order.filled
    run.wallets[order.spends_from].reserved -= order.reserve
    for wallet, amount in order.released:
        run.wallets[wallet].pending += amount
    _move_gas(run, order, "reserved", "pending", gas_of(order.instrument))
    _move_gas(run, order, "pending", None, order.gas)
    if order.fee_from_free and order.fee_wallet is not None:
        run.wallets[order.fee_wallet].free -= order.fee
    run.wait(order.notice, NOTICE, order.number)
    run.record(order.resolves, "resolved", order.number)


def notice(run: Run, order: Order) -> None:
    """Tell us of an order: what was pending is free, and we know what we took."""
    order.noticed = True
    for wallet, amount in order.released:
        run.wallets[wallet].pending -= amount
        run.wallets[wallet].free += amount
    if order.filled and run.position is not None and order.position != "spot":
        take_fill(run, run.position, order)
    _move_gas(run, order, "pending", "free", gas_of(order.instrument) - order.gas)
    if order.filled:
        of_side = (order.instrument.key, order.side)
        epoch, amount = run.known_taken.get(of_side, (order.epoch, 0))
        run.known_taken[of_side] = (order.epoch, order.filled + (amount if epoch == order.epoch else 0))
    run.record(order.notice, "noticed", order.number)


# From one part of the wallet that pays gas to another, or to nobody.
def _move_gas(run: Run, order: Order, source: str, destination: str | None, amount: int) -> None:
    if order.gas_wallet is None:
        return
    wallet = run.wallets[order.gas_wallet]
    setattr(wallet, source, getattr(wallet, source) - amount)
    if destination is not None:
        setattr(wallet, destination, getattr(wallet, destination) + amount)
