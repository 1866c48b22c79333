"""The two engines, oracle and kernel, brought to one shape, so that a property is stated once and tested on both."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from engine import attribution, daily, guard, market, panel, positions
from engine.accounts import accounts
from engine.events import DECISIONS, OUTCOMES, ROLES, SIDES, Path
from engine.oracle import replay
from engine.path import candidates, walk_path
from engine.schema import SeriesKey, micros
from tests.strategies import World


class Row(NamedTuple):
    """One order; µs, atoms, prices; None where it did not happen."""

    package: int
    role: str
    side: str
    key: SeriesKey
    decided: int
    arrival: int
    recorded: int | None
    notice: int | None
    planned: int
    filled: int
    reserve: int
    flow: int
    fee: int
    fee_currency: str | None
    decision_price: float
    limit_price: float
    price: float | None
    outcome: str
    edge_bps: float

    @property
    def venue(self) -> str:
        """Where it was sent."""
        return self.key.venue

    @property
    def spends(self) -> tuple[str, str]:
        """The wallet that its reserve comes from."""
        return self.key.venue, self.key.base if self.side == "sell" else self.key.quote


class Sent(NamedTuple):
    """One transfer; µs, atoms; `credited`, and when a desk paid for it, are None where that had not happened by the end."""

    route: str
    requested: int
    credited: int | None
    amount: int
    fee: int
    paid_us: int | None = None
    paid: int = 0


class Chance(NamedTuple):
    """One opportunity, what became of it, and the episode that it belongs to."""

    t: int
    steps: tuple[tuple[SeriesKey, str], ...]  # instrument and side
    edge_bps: float
    outcome: str
    episode: int
    package: int | None

    @property
    def sell(self) -> SeriesKey:
        """What a pair sells."""
        return self.steps[0][0]

    @property
    def buy(self) -> SeriesKey:
        """What a pair buys."""
        return self.steps[1][0]


class Settlement(NamedTuple):
    """What came to the margin wallet of a perpetual; µs, atoms."""

    at: int
    variation: int
    funding: int
    lacking: int


class Payment(NamedTuple):
    """A payment of funding that was made; µs, atoms."""

    due: int
    paid: int
    rate: float
    on: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an engine says about a world."""

    orders: list[Row]
    transfers: list[Sent]
    opportunities: list[Chance]
    stops: list[tuple[int, str]]
    guard: list[tuple[int, str, str]]
    balances: dict[tuple[str, str], tuple[int, int, int]]
    equity: list[tuple[int, float, float]]
    attribution: dict[str, float]
    attribution_days: list[tuple[str, dict[str, float]]]
    trade_back: float
    back_at_marks: list[str]
    quality: list[dict[str, str | int | float | None]]
    settled: list[Settlement] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)

    @property
    def edges(self) -> list[tuple[int, SeriesKey, SeriesKey, float]]:
        """Time, sell, buy and edge of every opportunity."""
        return [(o.t, o.sell, o.buy, o.edge_bps) for o in self.opportunities]

    @property
    def decisions(self) -> Counter[str]:
        """How many opportunities had each outcome."""
        return Counter(o.outcome for o in self.opportunities)

    @property
    def episodes(self) -> int:
        """How many episodes the opportunities belong to."""
        return len({o.episode for o in self.opportunities})

    @property
    def legs(self) -> list[Row]:
        """The orders of packages."""
        return [o for o in self.orders if o.role == "leg"]

    @property
    def residuals(self) -> list[Row]:
        """The orders that deal with what unequal legs left."""
        return [o for o in self.orders if o.role == "residual"]


Engine = Callable[[World], Outcome]


def by_oracle(world: World) -> Outcome:
    """Run the world on the oracle."""
    found = replay(world.spec, world.data)
    legs, steps = [leg.key for leg in world.spec.legs], steps_of(world)
    orders = [
        Row(
            package=o.package,
            role=o.role,
            side=o.side,
            key=legs[o.leg],
            decided=o.decided_us,
            arrival=o.arrival_us,
            recorded=o.recorded_us,
            notice=o.notice_us,
            planned=o.planned,
            filled=o.filled,
            reserve=o.reserve,
            flow=o.flow,
            fee=o.fee,
            fee_currency=o.fee_currency,
            decision_price=o.decision_price,
            limit_price=o.limit_price,
            price=o.price,
            outcome=o.outcome,
            edge_bps=o.edge_bps,
        )
        for o in found.orders
    ]
    return Outcome(
        orders=orders,
        transfers=[Sent(t.route, t.requested_us, t.credited_us, t.amount, t.fee, t.paid_us, t.paid) for t in found.transfers],
        opportunities=[Chance(o.at_us, steps[o.combination], *o[2:]) for o in found.opportunities],
        stops=found.stops,
        guard=found.guard_events,
        balances=found.balances,
        equity=found.equity,
        attribution=found.attribution,
        attribution_days=found.attribution_days,
        trade_back=found.trade_back,
        back_at_marks=sorted(found.trade_back_at_marks),
        quality=found.quality,
        settled=[Settlement(one.at, one.variation, one.funding, one.lacking) for one in found.settled],
        payments=[Payment(one.due, one.paid or 0, one.rate, one.on, one.amount) for one in found.payments],
    )


def by_kernel(world: World) -> Outcome:
    """Run the world through the steps of `engine.backtest.run` that bring numbers."""
    spec, seen = world.spec, panel.build(world.spec, world.data)
    watch = guard.build(spec, seen.marks)
    built = market.world(spec, seen, watch)
    path = walk_path(spec, built, candidates(built, spec.strategy.threshold_bps))
    books = accounts(spec, path, seen)
    days = daily.by_day(spec, path, books.lines, held=books.held, marks=seen.marks, equity=books.equity)
    return Outcome(
        orders=_orders(world, path),
        transfers=_transfers(world, path),
        opportunities=_opportunities(world, path),
        stops=path.stops,
        guard=watch.events,
        balances={key: tuple(row) for key, row in zip(path.wallets, path.balances.tolist(), strict=True)},
        equity=[(micros(row["ts"]), row["equity"], row["hold"]) for row in books.equity.iter_rows(named=True)],
        attribution=books.attribution,
        attribution_days=[(str(row["day"]), {line: float(row[line]) for line in attribution.lines_of(spec)}) for row in days],
        trade_back=books.trade_back.amount,
        back_at_marks=sorted(books.trade_back.at_mark),
        quality=seen.quality,
        settled=_settled(world, path),
        payments=[Payment(*map(int, row[:2]), float(row[2]), *map(int, row[3:])) for row in zip(*_paid(path), strict=True)],
    )


def _settled(world: World, path: Path) -> list[Settlement]:
    one = positions.position(world.spec, path)
    if one is None:
        return []
    noticed = [n for n in one.fills if path.orders.notice_us[n] <= micros(world.spec.end)]
    o, f = path.orders, path.funding
    found = [(Settlement(int(o.notice_us[n]), int(o.variation[n]), 0, int(o.lacking[n])), (2, int(n))) for n in noticed]
    rows = zip(f.paid_us.tolist(), f.variation.tolist(), f.amount.tolist(), f.lacking.tolist(), strict=True)
    found += [(Settlement(*row), (3, k)) for k, row in enumerate(rows)]
    return [row for row, _ in sorted(found, key=lambda one: (one[0].at, one[1]))]


def _paid(path: Path) -> tuple[object, ...]:
    f = path.funding
    return f.due_us, f.paid_us, f.rate, f.position, f.amount


ENGINES = (by_oracle, by_kernel)


def _orders(world: World, path: Path) -> list[Row]:
    o, legs, end = path.orders, [leg.key for leg in world.spec.legs], micros(world.spec.end)
    return [
        Row(
            package=int(o.package[n]),
            role=ROLES[o.role[n]],
            side=SIDES[o.side[n]],
            key=legs[o.leg[n]],
            decided=int(o.decided_us[n]),
            arrival=int(o.arrival_us[n]),
            recorded=_until(o.recorded_us[n], end),
            notice=_until(o.notice_us[n], end),
            planned=int(o.planned[n]),
            filled=int(o.filled[n]),
            reserve=int(o.reserve[n]),
            flow=int(o.flow[n]),
            fee=int(o.fee[n]),
            fee_currency=None if o.fee_wallet[n] < 0 else path.wallets[o.fee_wallet[n]][1],
            decision_price=float(o.decision_price[n]),
            limit_price=float(o.limit_price[n]),
            price=None if math.isnan(o.price[n]) else float(o.price[n]),
            outcome=OUTCOMES[o.outcome[n]],
            edge_bps=float(o.edge_bps[n]),
        )
        for n in range(o.package.size)
    ]


def _transfers(world: World, path: Path) -> list[Sent]:
    x = path.transfers
    rows = zip(x.route, x.requested_us, x.credited_us, x.amount, x.fee, x.credited, x.paid_us, x.paid, x.is_paid, strict=True)
    return [
        Sent(world.spec.routes[route].name, int(requested), int(credited) if arrived else None, int(amount), int(fee), *_redeemed(when, paid, done))
        for route, requested, credited, amount, fee, arrived, when, paid, done in rows
    ]


def _redeemed(when: int, paid: int, done: bool) -> tuple[int | None, int]:
    return (int(when), int(paid)) if done else (None, 0)


def _opportunities(world: World, path: Path) -> list[Chance]:
    p, steps = path.opportunities, steps_of(world)
    rows = zip(p.at_us, p.combination, p.edge_bps, p.outcome, p.episode, p.package, strict=True)
    return [
        Chance(int(t), steps[combination], float(edge), DECISIONS[outcome], int(episode), int(package) if package >= 0 else None)
        for t, combination, edge, outcome, episode, package in rows
    ]


def steps_of(world: World) -> list[tuple[tuple[SeriesKey, str], ...]]:
    """Return what each combination of a world trades, and on which side."""
    legs = [leg.key for leg in world.spec.legs]
    return [tuple((legs[step.leg], SIDES[step.side]) for step in combination) for combination in world.spec.combinations]


def _until(us: int, end: int) -> int | None:
    return int(us) if us <= end else None
