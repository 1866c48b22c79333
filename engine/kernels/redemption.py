"""Redemption at par: a transfer to the issuer's desk, what it pays, and a transfer back (docs/model.md, "Redemption")."""

from engine.arrays import Int64s, Records
from engine.kernels.amounts import fee_of
from engine.kernels.cache import rule
from engine.kernels.fees import rate_of
from engine.kernels.market import SELL, World, received
from engine.kernels.peg import close_if_empty, holds, is_known
from engine.kernels.state import REDEEMED, Log, State, push
from engine.kernels.transfers import Funding, amount_by, request, room_in_flight

_NEVER = 2**62


@rule
def first_within(windows: Int64s, at_us: int) -> int:
    """Return the first time at or after another that lies in a window; a time that never comes where none does [µs]."""
    for k in range(windows.shape[0]):
        if at_us < windows[k, 1]:
            return max(at_us, int(windows[k, 0]))
    return _NEVER


@rule
def paid_for(desk: Records, amount: int) -> int:
    """Return what the desk pays for an amount of the coin [atoms]."""
    return int(amount - fee_of(amount, desk.fee_rate) - desk.fee)


@rule
def pays_at(funding: Funding, at_us: int) -> int:
    """Return when the desk pays what came in at a time [µs]."""
    begins = first_within(funding.starts, at_us)
    return begins if begins == _NEVER else first_within(funding.pays, int(begins + funding.desk[0].delay_us))


@rule
def ask(world: World, funding: Funding, state: State, log: Log, x: int, at_us: int) -> None:
    """Ask for the redemption of a transfer that was credited at the desk: its coins are in no wallet until they are paid."""
    transfer = log.transfers[x]
    if funding.desk.size == 0 or transfer.leg < 0 or funding.routes[transfer.route].destination != funding.desk[0].coin_wallet:
        return
    amount, wallet = transfer.amount - transfer.fee, funding.desk[0].coin_wallet
    state.wallets[wallet].free -= amount
    state.currencies[world.wallet_currency[wallet]].in_flight += amount
    transfer.paid, transfer.paid_us = paid_for(funding.desk[0], int(amount)), pays_at(funding, at_us)
    push(log.queue, state.counts, (int(transfer.paid_us), REDEEMED, x))


@rule
def pay_out(world: World, funding: Funding, state: State, log: Log, x: int) -> None:
    """Pay a redemption."""
    transfer, desk = log.transfers[x], funding.desk[0]
    amount = transfer.amount - transfer.fee
    coin, money = state.currencies[world.wallet_currency[desk.coin_wallet]], state.currencies[world.wallet_currency[desk.pays_wallet]]
    coin.in_flight -= amount
    coin.held -= amount
    money.held += transfer.paid
    state.wallets[desk.pays_wallet].free += transfer.paid
    state.bets[transfer.leg].due += transfer.paid
    transfer.is_paid = 1


@rule
def gains(world: World, funding: Funding, state: State, leg: int, amount: int, paid: int, tick: int) -> bool:
    """Tell whether an amount of a position brings enough more at the desk than at the bid, or nobody bids."""
    market, row, desk = world.market, int(state.seen[leg].row), funding.desk[0]
    at_us = int(world.rules[0].start_us + tick * world.rules[0].clock_us)
    if not is_known(market, leg, row, at_us):
        return True
    proceeds = received(market.price[SELL, row, 0], rate_of(world, state, leg, at_us), 1.0)
    sold = proceeds * amount * world.mark[tick, world.legs[leg].quote_currency]
    return bool(1e4 * (paid * world.mark[tick, world.wallet_currency[desk.pays_wallet]] / sold - 1) >= desk.gain_bps)


@rule
def redeem(world: World, funding: Funding, state: State, log: Log, leg: int, tick: int) -> None:
    """Send a position to the desk, by the first route that takes part, where that brings enough."""
    at_us, desk = int(world.rules[0].start_us + tick * world.rules[0].clock_us), funding.desk[0]
    position, wallet = state.bets[leg], int(world.legs[leg].base_wallet)
    if not holds(world, state, leg) or at_us < position.since_us + desk.after_us:
        return
    most = min(position.held, state.wallets[wallet].free, room_in_flight(world, state, int(world.legs[leg].base_currency), tick))
    for route in range(state.routes.size):
        way = funding.routes[route]
        if way.source != wallet or way.destination != desk.coin_wallet:
            continue
        amount = amount_by(funding, state, route, int(most), _NEVER, at_us)
        sent = amount - way.fee
        paid = paid_for(desk, int(sent))
        if amount > 0 and sent >= desk.minimum and paid > 0 and gains(world, funding, state, leg, amount, paid, tick):
            request(world, funding, state, log, route, amount, at_us)
            log.transfers[state.counts[0].transfers - 1].leg = leg
            position.held -= amount
            close_if_empty(world, state, leg)
            return


@rule
def bring_back(world: World, funding: Funding, state: State, log: Log, leg: int, tick: int) -> None:
    """Send what the desk paid for a leg's coins back to its venue, by the first route that takes part."""
    at_us, desk, position = int(world.rules[0].start_us + tick * world.rules[0].clock_us), funding.desk[0], state.bets[leg]
    if position.due <= 0:
        return
    currency, home = int(world.wallet_currency[desk.pays_wallet]), funding.back[leg]
    most = min(position.due, state.wallets[desk.pays_wallet].free, room_in_flight(world, state, currency, tick))
    for route in range(state.routes.size):
        way = funding.routes[route]
        if way.source == desk.pays_wallet and way.destination == home:
            amount = amount_by(funding, state, route, int(most), _NEVER, at_us)
            if amount > 0:
                request(world, funding, state, log, route, amount, at_us)
                log.transfers[state.counts[0].transfers - 1].leg = leg
                position.due -= amount
                return


@rule
def visit_desk(world: World, funding: Funding, state: State, log: Log, tick: int) -> None:
    """Do at a tick what the desk is for, leg by leg."""
    if funding.desk.size > 0:
        for leg in range(state.bets.size):
            redeem(world, funding, state, log, leg, tick)
            bring_back(world, funding, state, log, leg, tick)
