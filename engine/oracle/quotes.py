"""From a frame of quotes to observations: their times, flags, levels, outages and epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite, isnan, nan
from statistics import median
from typing import cast

import polars as pl

from engine.config import Instrument, Spec
from engine.errors import DataError
from engine.oracle import rules
from engine.oracle.observations import Observation, in_window, outages, running_maximum
from engine.oracle.rules import Level, Levels
from engine.schema import micros

MOST_NEGATIVE = 0.01
"""Share of the rows that may be received before their event."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A row as it came; None where an outage begins."""

    event: int
    available: int
    row: Row | None
    happened: int = 0  # as it came, however late
    known: int = 0


def read_quotes(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> list[Observation]:
    """Return the quotes whose events the run reads; DataError if too many were received before they happened."""
    refuse_negative_latency(spec, instrument, frame)
    read = read_messages(spec, instrument, frame)
    for start, _ in outages(spec, instrument):
        put_in(spec, read, start)
    availables = running_maximum(message.available for message in read)
    return _with_epochs([_observation(spec, instrument, m, available) for available, m in zip(availables, read, strict=True)])


def read_messages(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> list[Message]:
    """Return the rows that the run reads, with events that never fall."""
    came = [_message(spec, instrument, row) for row in frame.iter_rows(named=True)]
    events = running_maximum(message.event for message in came)
    return [replace(message, event=event) for event, message in zip(events, came, strict=True) if in_window(spec, event)]


def put_in(spec: Spec, messages: list[Message], start: int) -> None:
    """Put in an outage that begins in the window, before what happened then or later."""
    if in_window(spec, start):
        place = next((n for n, message in enumerate(messages) if message.event >= start), len(messages))
        messages.insert(place, Message(event=start, available=start, row=None))


def _message(spec: Spec, instrument: Instrument, row: Row) -> Message:
    venue = spec.venues[instrument.venue]
    happened, came = _time(row, "ts"), _time(row, "received")
    if instrument.data in {"quote_bars", "pool_bars"} or came is None:
        assert happened is not None, "a quote has a time"
        known = happened + venue.feed_latency
    else:
        known = came + venue.clock_offset
        happened = known - venue.feed_latency if happened is None else happened
    return Message(event=happened, available=max(known, happened), row=row, happened=happened, known=known)


def _time(row: Row, name: str) -> int | None:
    return None if row[name] is None else micros(cast(datetime, row[name]))


def refuse_negative_latency(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> None:
    """Refuse data of which too much was received before it happened."""
    offset = spec.venues[instrument.venue].clock_offset
    times = [(_time(row, "ts"), _time(row, "received")) for row in frame.iter_rows(named=True)]
    lacking = [event - came - offset for event, came in times if event is not None and came is not None and in_window(spec, event)]
    negative = [us for us in lacking if us > 0]
    if len(negative) > MOST_NEGATIVE * len(lacking):
        missing = median(negative)
        raise DataError(f"{instrument.key}: {len(negative)} of {len(lacking)} quotes came before their event; add {missing:g} us to clock_offset")


def _observation(spec: Spec, instrument: Instrument, message: Message, available: int) -> Observation:
    bids, asks = (_levels(spec, message.row, side) for side in ("bid", "ask"))
    away = any(start <= message.event < end for start, end in outages(spec, instrument))
    good = bool(bids) and bool(asks) and bids[0].price <= asks[0].price and not away
    return Observation(
        event=message.event,
        available=available,
        good=good,
        bids=bids if good else [],
        asks=asks if good else [],
        price=(bids[0].price + asks[0].price) / 2 if good else nan,
    )


# Best first, up to the first level beyond the best without a price; none where a number is bad, or a level better than the one before it,
# which flags the row.
def _levels(spec: Spec, row: Row | None, side: str) -> Levels:
    if row is None:
        return []
    found: Levels = []
    for n in range(1, sum(name.startswith(f"{side}_size") for name in row) + 1):
        price, size = (number(row[name if n == 1 else f"{name}_{n}"]) for name in (side, f"{side}_size"))
        if n > 1 and isnan(price):
            break
        if not (isfinite(price) and isfinite(size) and price > 0 and size >= 0):
            return []
        if found and (price > found[-1].price if side == "bid" else price < found[-1].price):
            return []
        found.append(Level(price, rules.size(spec.execution.take_share, size)))
    return found


def number(value: object) -> float:
    """Return a value of a row as a float, nan where there is none."""
    return nan if value is None else float(cast(float, value))


def _with_epochs(rows: list[Observation]) -> list[Observation]:
    found: list[Observation] = []
    for n, row in enumerate(rows):
        before = found[-1] if found and found[-1].good and row.good else None
        same_bid = before is not None and before.bids[0].price == row.bids[0].price
        same_ask = before is not None and before.asks[0].price == row.asks[0].price
        found.append(
            replace(
                row,
                bid_epoch=before.bid_epoch if before is not None and same_bid else n,
                ask_epoch=before.ask_epoch if before is not None and same_ask else n,
            )
        )
    return found
