"""What could be known of a world at a time: an outcome as of then, and the rows of data that came later."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.config import Instrument, Spec
from tests.engine.engines import Chance, Outcome, Row, Sent
from tests.strategies import World, price_columns, size_columns

Times = NDArray[np.int64]
POISONS = ("dear", "removed", "bad")


def as_of(found: Outcome, until: int) -> Outcome:
    """Return what an outcome would be if the run had ended at a time; values at the end are left out."""
    return replace(
        found,
        orders=[_order_as_of(o, until) for o in found.orders if o.decided <= until],
        transfers=[_transfer_as_of(t, until) for t in found.transfers if t.requested <= until],
        opportunities=[o for o in found.opportunities if o.t <= until],
        stops=[stop for stop in found.stops if stop[0] <= until],
        guard=[event for event in found.guard if event[0] <= until],
        equity=[row for row in found.equity if row[0] <= until],
        settled=[one for one in found.settled if one.at <= until],
        payments=[one for one in found.payments if one.paid <= until],
        balances={},
        attribution={},
        attribution_days=[],
        trade_back=0.0,
        back_at_marks=[],
        quality=[],
    )


def _order_as_of(o: Row, until: int) -> Row:
    if o.recorded is None or o.recorded > until:
        return o._replace(recorded=None, notice=None, filled=0, flow=0, fee=0, fee_currency=None, price=None, outcome="open")
    return o if o.notice is None or o.notice <= until else o._replace(notice=None)


def _transfer_as_of(t: Sent, until: int) -> Sent:
    unpaid = t if t.paid_us is None or t.paid_us <= until else t._replace(paid_us=None, paid=0)
    return unpaid if t.credited is None or t.credited <= until else unpaid._replace(credited=None)


def decisions(found: Outcome, until: int) -> tuple[list[tuple[object, ...]], list[Chance]]:
    """Return what was decided by a time: opportunities, and all about orders but what became of them."""
    orders = [
        (o.package, o.role, o.side, o.key, o.decided, o.arrival, o.planned, o.reserve, o.decision_price, o.limit_price, o.edge_bps)
        for o in found.orders
        if o.decided <= until
    ]
    return orders, [o for o in found.opportunities if o.t <= until]


def stamps(spec: Spec, instrument: Instrument, table: pl.DataFrame) -> tuple[Times, Times]:
    """Return event and available time of every row, by docs/model.md, "Observations" [µs]."""
    venue = spec.venues[instrument.venue]
    ts = table["ts"].dt.epoch("us")
    if instrument.data == "bars":
        event = ts.to_numpy() + (spec.interval or 0)
        return event, event + spec.feed_latency_us
    received = table["received"].dt.epoch("us") + venue.clock_offset
    if table["received"].null_count():
        event, available = ts.to_numpy(), ts.to_numpy() + venue.feed_latency
    elif table["ts"].null_count():
        event, available = received.to_numpy() - venue.feed_latency, received.to_numpy()
    else:
        event, available = ts.to_numpy(), np.maximum(ts.to_numpy(), received.to_numpy())
    return np.maximum.accumulate(event), np.maximum.accumulate(available)


def poisoned(world: World, until: int, poison: str, *, unseen_only: bool) -> World:
    """Return the world with the rows spoilt that happened after a time, or that were neither seen nor told of in a notice by then."""
    return world.on({**world.data, **{i.key: _spoilt(table, late, poison) for i, table, late in _late_rows(world, until, unseen_only=unseen_only)}})


def _late_rows(world: World, until: int, *, unseen_only: bool) -> Iterator[tuple[Instrument, pl.DataFrame, Times]]:
    for i in world.spec.instruments:
        table = world.data[i.key]
        event, available = stamps(world.spec, i, table)
        latency = world.spec.feed_latency_us if i.data == "bars" else world.spec.venues[i.venue].feed_latency
        # a notice comes a feed latency after the fill, and tells of the row that it met
        yield i, table, (available > until) & (event > until - latency) if unseen_only else event > until


def _spoilt(table: pl.DataFrame, late: Times, poison: str) -> pl.DataFrame:
    where = pl.lit(pl.Series(late))
    if poison == "removed":
        return table.filter(~where)
    factor = 3.0 if poison == "dear" else 0.0
    columns = [*price_columns(table), *size_columns(table)] if poison == "dear" else size_columns(table)
    return table.with_columns(pl.when(where).then(pl.col(c) * factor).otherwise(c).alias(c) for c in columns)
