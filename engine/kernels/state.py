"""What a run has done so far: wallets, orders, transfers, and the queue of what is to come. All of it is written to.

Rows of orders, opportunities and transfers are records; where they no longer suffice, the walk stops, and goes on in larger ones.
"""

from typing import NamedTuple

import numpy as np

from engine.arrays import Floats, Int64s, Records
from engine.kernels.cache import rule

OPEN, FILLED, PARTIAL, MISSED_LIMIT, MISSED_VOLUME, MISSED_NO_TRADE, MISSED_ABSENT = range(7)
OUTCOMES = ("open", "filled", "partial", "limit", "volume", "no_trade", "absent")

SENT, ALARM, STOPPED, HALTED, RESIDUAL, COOL_DOWN, NO_VOLUME, NO_FUNDS, BELOW_MINIMUM, VENUE_LIMIT, ASSET_LIMIT = range(11)
DECISIONS = ("sent", "alarm", "stopped", "halted", "residual", "cool_down", "no_volume", "no_funds", "below_minimum", "venue_limit", "asset_limit")

LEG_ORDER, RESIDUAL_ORDER, LIQUIDATION_ORDER, STOP_ORDER, TIME_ORDER = range(5)
SPOT, OPENS, CLOSES = 0, 1, 2
"""What an order does to the position of a perpetual; SPOT: it is on no perpetual."""
NEVER_US = -(2**62)

DUE, CREDIT, RESOLVE, NOTICE, PAID, REDEEMED = -1, 0, 1, 2, 3, 4
"""Kinds of events, in the order in which they happen within a microsecond."""

ORDER = np.dtype(
    [(name, np.int64) for name in ("package", "first", "before")]  # rows of its package's first order, and of a cycle's order before it
    + [(name, np.int64) for name in ("leg", "side", "role", "outcome", "noticed")]
    + [(name, np.int64) for name in ("decided_us", "arrival_us", "recorded_us", "notice_us")]  # what is open has the times at which it would
    + [("row", np.int64)]  # bar, or observation in force; -1: none
    + [(name, np.int64) for name in ("planned", "filled", "reserve", "flow", "fee")]  # [atoms] of base; reserve of what is spent; flow of quote
    + [("fee_wallet", np.int64), ("charged", np.int64)]  # of what the fee was charged in; -1 without a fill
    + [("gas", np.int64)]  # [atoms] burnt by a swap, filled or reverted
    + [("open_value", np.int64), ("expected", np.int64)]  # [atoms of the numeraire], [atoms of quote]
    + [("position", np.int64), ("variation", np.int64), ("lacking", np.int64)]  # SPOT, OPENS or CLOSES; settled at its notice [atoms of quote]
    + [(name, np.float64) for name in ("decision_price", "limit_price", "price", "edge_bps")]  # price: nan without a fill
)
FUNDED = np.dtype([(name, np.int64) for name in ("position", "amount", "variation", "lacking")] + [("is_paid", np.bool_)])
"""Of a payment of funding: position that it is on [atoms of base], what it brings, and what was settled with it [atoms of quote]."""
OPPORTUNITY = np.dtype([(name, np.int64) for name in ("at_us", "combination", "episode", "outcome", "package")] + [("edge_bps", np.float64)])
TRANSFER = np.dtype(
    [(name, np.int64) for name in ("route", "requested_us", "credited_us", "amount", "fee", "credited")]
    + [("leg", np.int64)]  # whose position went to a desk, or came back from it; -1: it was rebalanced
    + [(name, np.int64) for name in ("paid_us", "paid", "is_paid")]  # by the desk, once it was credited there: NEVER_US, 0, 0 before
)

PACKAGE = np.dtype(
    [(name, np.int64) for name in ("combination", "first", "last")]  # orders, the last until it is complete
    + [("step", np.int64), ("noticed", np.int64)]  # in a sequence the step under way; else how many came back
    + [("brought", np.int64), ("is_whole", np.bool_)]  # [atoms] by the step under way; every order so far filled whole
    + [("edge_bps", np.float64)]
)
"""A package of a cycle."""

STOP_DRAWDOWN, STOP_MISSES = 0, 1
STOPS = ("drawdown", "misses")

COUNT = np.dtype(
    [(name, np.int64) for name in ("orders", "opportunities", "transfers", "queue", "packages", "episodes")]  # written so far
    + [("candidate", np.int64), ("tick", np.int64)]  # the next ones
    + [("open_packages", np.int64), ("misses", np.int64)]  # legs not both noticed; missed packages in a row
    + [("net_residual", np.int64)]  # of pairs [atoms of base]
    + [("stopped_us", np.int64), ("stopped_by", np.int64)]  # NEVER_US: not; STOP_*
    + [("high", np.float64)]  # of the excess [numeraire]
)
WALLET = np.dtype([(name, np.int64) for name in ("free", "reserved", "pending", "committed", "coming", "floor", "target")] + [("left_out", np.bool_)])
"""[atoms]; committed: reserves of orders without notice; coming: in flight to it; the last three are scratch of a rebalancing."""
CURRENCY = np.dtype([(name, np.int64) for name in ("held", "in_flight", "expected", "residual")])
"""[atoms] known to be held everywhere; of that in flight; what sells under way should bring; what packages of cycles left over."""
STANDING = np.dtype([(name, np.int64) for name in ("last_decision_us", "stood", "episode")])
"""Of a combination: ordinal of the last instant at which it stood, and number of the episode, -1 before its first opportunity."""
BET = np.dtype(
    [("held", np.int64)]  # [atoms of base] bought and not sold, as far as known; what is being sold is not in it
    + [("bought", np.int64), ("paid", np.int64)]  # [atoms of base], [of quote] since it was opened
    + [("under_way", np.int64), ("since_us", np.int64)]  # orders without notice; decision of its first buy, NEVER_US: there is none
    + [("stopped_us", np.int64), ("due", np.int64)]  # when it was last sold at a tick; what a desk paid for it and has still to be sent back
)
"""Of a leg, where a coin is held for a while."""
SIDE = np.dtype([(name, np.int64) for name in ("under_way", "taken", "taken_epoch", "known_taken", "known_epoch")])
"""[atoms of base] of a leg's bids or asks: planned without notice; taken in an epoch; the same as far as notices told."""
SEEN = np.dtype([("row", np.int64), ("in_force", np.int64)])
"""Rows of a series that were last looked up: in view, and in force at the venue."""
POSITION = np.dtype(
    [(name, np.int64) for name in ("known", "cost", "margin")]  # as noticed [atoms of base], its cost since the last settlement, what holds it
    + [(name, np.int64) for name in ("at_venue", "since_us", "liquidations", "published")]  # liquidations under way; rates known so far
    + [("is_closing", np.bool_)]
)
"""Of a perpetual; long above 0."""
SENT_TODAY = np.dtype([("day", np.int64), ("amount", np.int64)])
"""Of a route: day of its last request, and what was requested on it [atoms]."""


class State(NamedTuple):
    """Everything that changes in a run."""

    counts: Records  # (1,) COUNT
    wallets: Records  # (W,) WALLET
    currencies: Records  # (M,) CURRENCY
    combinations: Records  # (K,) STANDING; pairs: (V * V,) by sell leg, then buy leg
    sides: Records  # (2 * V,) SIDE: bids of all legs, then asks
    bets: Records  # (V,) BET
    seen: Records  # (S,) SEEN
    routes: Records  # (R,) SENT_TODAY
    position: Records  # (1,) POSITION
    funded: Records  # (F,) FUNDED
    bar_taken: Int64s  # (B,) [atoms of base] of each bar
    open_value: Int64s  # (venues,) [atoms of the numeraire]
    notional: Int64s  # (venues, days) [atoms of the numeraire] of own fills


class Log(NamedTuple):
    """What happened, as records, and what is to come."""

    orders: Records  # ORDER
    packages: Records  # PACKAGE, of cycles
    opportunities: Records  # OPPORTUNITY
    transfers: Records  # TRANSFER
    queue: Int64s  # (Q, 3) a heap of (time [µs], kind, number)


PLANNED = np.dtype(
    [(name, np.int64) for name in ("leg", "side", "row", "charged")]
    + [(name, np.int64) for name in ("skip", "left")]  # [atoms of base] what comes off the best levels; what is left, in whole lots
    + [("rate", np.float64), ("reserve_rate", np.float64)]
    + [(name, np.int64) for name in ("quantity", "flow", "brings")]  # [atoms of base], [of quote], [of what it brings]
    + [("price", np.float64), ("deepest", np.float64)]  # average; of the level that the last unit comes from, of a pool the limit
    + [("root", np.float64), ("fee", np.int64)]  # of pools alone: the root of the price that is met, else 0; [atoms of quote]
    + [("fits", np.bool_)]  # whether what is left takes all that the step is to spend
)
"""A step of a cycle, or a leg of a pool and a book, as far as it is planned."""


class Scratch(NamedTuple):
    """Room that a decision needs, kept between decisions."""

    received: Floats  # (V,)
    spent: Floats  # (V,)
    ranked: Int64s  # (K,) combinations
    edges: Floats  # (K,)
    reach: Int64s  # (2 * L + 1,) cumulated quantity [atoms] of each segment of a walk down two books
    level: Int64s  # (2, 2 * L + 1) level of each side
    plan: Records  # (steps of the longest cycle,) PLANNED


@rule
def event_at(queue: Int64s, row: int) -> tuple[int, int, int]:
    """Return an event (time, kind, number) of the heap."""
    return int(queue[row, 0]), int(queue[row, 1]), int(queue[row, 2])


@rule
def write_event(queue: Int64s, row: int, event: tuple[int, int, int]) -> None:
    """Write an event into the heap."""
    queue[row, 0], queue[row, 1], queue[row, 2] = event


@rule
def push(queue: Int64s, counts: Records, event: tuple[int, int, int]) -> None:
    """Add an event to the heap."""
    at = counts[0].queue
    counts[0].queue += 1
    while at > 0:
        above = (at - 1) // 2
        if event_at(queue, above) <= event:
            break
        write_event(queue, at, event_at(queue, above))
        at = above
    write_event(queue, at, event)


@rule
def pop(queue: Int64s, counts: Records) -> tuple[int, int, int]:
    """Take the smallest event off the heap."""
    smallest = event_at(queue, 0)
    counts[0].queue -= 1
    size = counts[0].queue
    last, at = event_at(queue, size), 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and event_at(queue, child + 1) < event_at(queue, child):
            child += 1
        if last <= event_at(queue, child):
            break
        write_event(queue, at, event_at(queue, child))
        at = child
    write_event(queue, at, last)
    return smallest
