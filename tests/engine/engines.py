"""The two engines, oracle and kernel, brought to one shape, so that a property is stated once and tested on both."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, cast

import polars as pl

from engine.backtest import run
from engine.oracle import replay
from engine.schema import ATOMS_PER_UNIT, SeriesKey, micros
from tests.strategies import World


class Row(NamedTuple):
    """One order; µs, atoms, prices; None where it did not happen."""

    package: int
    decided: int
    arrival: int
    recorded: int | None
    venue: str
    instrument: str
    side: str
    planned: int
    filled: int
    decision_price: float
    limit_price: float
    price: float | None
    flow: int
    fee: int
    outcome: str
    edge_bps: float

    @property
    def key(self) -> SeriesKey:
        """The instrument that it was for."""
        return SeriesKey(self.venue, self.instrument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an engine says about a world."""

    orders: list[Row]
    dropped: dict[str, int]
    opportunities: list[tuple[int, SeriesKey, SeriesKey, float]]
    episodes: int
    equity: list[tuple[int, float, float]]
    attribution: dict[str, float]


Engine = Callable[[World], Outcome]


def by_oracle(world: World) -> Outcome:
    """Run the world on the oracle."""
    found = replay(world.spec, world.bars)
    orders = [
        Row(
            package=o.package,
            decided=o.decided_us,
            arrival=o.arrival_us,
            recorded=o.recorded_us,
            venue=o.venue,
            instrument=o.instrument,
            side=o.side,
            planned=o.planned_atoms,
            filled=o.filled_atoms,
            decision_price=o.decision_price,
            limit_price=o.limit_price,
            price=o.price,
            flow=o.flow_atoms,
            fee=o.fee_atoms,
            outcome=o.outcome,
            edge_bps=o.edge_bps,
        )
        for o in found.orders
    ]
    return Outcome(
        orders=orders,
        dropped=found.dropped,
        opportunities=found.opportunities,
        episodes=found.episodes,
        equity=found.equity,
        attribution=found.attribution,
    )


def by_kernel(world: World) -> Outcome:
    """Run the world on the kernel."""
    found = run(world.spec, world.bars)
    counts = found.summary["counts"]
    lines = found.summary["attribution"]
    assert isinstance(counts, dict)
    assert isinstance(lines, list)
    return Outcome(
        orders=[_row(row) for row in found.fills.sort("order").iter_rows(named=True)],
        dropped={reason: counts[f"dropped_{reason}"] for reason in ("cool_down", "no_volume", "no_funds", "below_minimum")},
        opportunities=_opportunities(found.opportunities),
        episodes=counts["episodes"],
        equity=[(micros(row["ts"]), row["equity"], row["hold"]) for row in found.equity.iter_rows(named=True)],
        attribution={line["line"]: line["amount"] for line in lines},
    )


ENGINES = (by_oracle, by_kernel)


def _row(row: dict[str, object]) -> Row:
    given = {name: row[name] for name in ("package", "venue", "instrument", "side", "decision_price", "limit_price", "price", "outcome", "edge_bps")}
    amounts = {name: int(Decimal(repr(row[name])) * ATOMS_PER_UNIT) for name in ("planned", "filled", "flow", "fee")}
    times = {name: None if row[name] is None else micros(cast("datetime", row[name])) for name in ("decided", "arrival", "recorded")}
    return Row(**given, **amounts, **times)  # type: ignore[arg-type]


def _opportunities(table: pl.DataFrame) -> list[tuple[int, SeriesKey, SeriesKey, float]]:
    return [
        (
            micros(row["ts"]),
            SeriesKey(row["sell_venue"], row["sell_instrument"]),
            SeriesKey(row["buy_venue"], row["buy_instrument"]),
            row["edge_bps"],
        )
        for row in table.iter_rows(named=True)
    ]
