"""The data of a world: bars and quotes from bytes, which shrink to a flat and healthy market."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from engine.schema import SeriesKey
from tests.strategies.markets import Data, Window, Worth, price_of, unit
from tests.strategies.tape import Tape
from tests.strategies.world import SECOND, QuoteRow, frame, quote_frame

DEVIATIONS = (0, 0, 0, 4, -4, 10, -10, 25, -25, 40, -40, 80, -80, 150, -150, 300)
OPENS = (0, 0, 0, 3, -3, 15, -60, 200)
VOLUMES = (1.0, 10.0, 0.1, 30.0, 5.0, 0.003, 20.0, 100.0)
WICKS = (0, 2, 20, 100)

GAPS_MS = (1000, 1000, 2000, 500, 0, 250, 3000, 1000, 2000, 4000, 5000, 6000, 250, 2000, 15000, -250)
LAGS_MS = (0, 0, 0, 0, 0, 0, 0, 250, 250, 20, 20, 1000, 1000, 3000, 0, 7000)
SPREADS = (2, 1, 0, 6)
SIZES = (1.0, 10.0, 0.5, 0.2, 3.0, 0.003, 0.0, 30.0)
CODE = 5
"""Bytes that make a quote."""
MOST_QUOTES = 100

Times = Literal["event", "received", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """How a venue's quotes come: which times they carry, the clock that stamps them, how many levels they have."""

    times: Times
    levels: int
    latency: int
    offset: int


def feeds(tape: Tape, latency: int, offset: int) -> Feed:
    """Draw how quotes of a venue with this feed latency and clock offset come [µs]."""
    times: Times = tape.pick(("event", "both", "received"))
    return Feed(times=times, levels=tape.pick((1, 1, 2, 4)), latency=latency, offset=offset)


def series(tape: Tape, key: SeriesKey, data: Data, window: Window, *, worth: Worth, feed: Feed) -> pl.DataFrame:
    """Draw the data of one instrument."""
    if data == "quotes":
        count = min(max((window.last - window.first) // (2 * SECOND), 8), MOST_QUOTES)
        return quote_frame(quotes(key, tape.take(CODE * count), window, worth=worth, feed=feed))
    first = min(window.first, window.start - 2 * window.interval) // window.interval * window.interval
    opens = range(first, max(window.last, first + 3 * window.interval), window.interval)
    code = tape.take(CODE * len(opens))
    certain = [window.start - 3 * window.interval < o <= window.start - window.interval for o in opens]
    if data == "quote_bars":
        return quote_frame(_quote_bars(key, code, opens, certain=certain, window=window, worth=worth, levels=feed.levels))
    rows = [_bar(unit(key), o, worth.of(key, o), code[CODE * n], code[CODE * n + 1], certain[n]) for n, o in enumerate(opens)]
    return frame([row for row in rows if row is not None])


def _bar(size: float, opens: int, fair: float, first: int, second: int, certain: bool) -> tuple[int, float, float, float, float, float] | None:
    kind = 0 if certain else first % 16
    if kind == 15:
        return None
    close = float(f"{fair * (1 + DEVIATIONS[first // 16] * 1e-4):.7g}")
    opened = float(f"{close * (1 + OPENS[second % 8] * 1e-4):.7g}")
    wick = WICKS[second // 64] * 1e-4
    volume = 0.0 if kind == 14 else VOLUMES[second // 8 % 8] * size
    return opens, opened, max(opened, close) * (1 + wick), min(opened, close) * (1 - wick), close, volume


def quotes(key: SeriesKey, code: bytes, window: Window, *, worth: Worth, feed: Feed) -> list[QuoteRow]:
    """Return quotes from five bytes each: time, price, sizes, what is bad about it, further levels."""
    rows: list[QuoteRow] = []
    t, seen, grid = window.first, window.first, _grid(key)
    slower = max((window.last - window.first) // (MOST_QUOTES * 2 * SECOND), 1)  # a run of months has no more quotes than one of minutes
    deviation = 0
    for n in range(0, len(code), CODE):
        certain = len(rows) < 2
        t += 0 if not rows else (1000 if certain else GAPS_MS[code[n] % 16] * slower) * 1000
        seen = max(t + feed.latency + (0 if certain else LAGS_MS[code[n] // 16] * 1000), 0)
        if t > window.last:
            break
        # two of three quotes keep the deviation, so that prices stay and sizes change
        deviation = DEVIATIONS[code[n + 1] // 16] if code[n + 1] % 3 == 2 else deviation
        book = _book(round(worth.of(key, t) * (1 + deviation * 1e-4) / grid), grid, code[n + 2 : n + CODE], unit(key), feed.levels)
        row: QuoteRow = (*_stamps(t, seen, feed), *book)
        again = rows[-1] if rows and code[n + 3] % 32 == 31 else row
        rows.append(row if certain else (*again[:2], *_spoilt(again[2:], code[n + 3] % 32)))
    return rows


def _quote_bars(
    key: SeriesKey, code: bytes, opens: Sequence[int], *, certain: list[bool], window: Window, worth: Worth, levels: int
) -> list[QuoteRow]:
    rows: list[QuoteRow] = []
    for n, o in enumerate(opens):
        time, price, *rest = code[CODE * n : CODE * n + CODE]
        middle = round(worth.of(key, o) * (1 + DEVIATIONS[price // 16] * 1e-4) / _grid(key))
        book = _book(middle, _grid(key), bytes(rest), unit(key), levels)
        if certain[n] or time % 16 != 15:
            rows.append((o + window.interval, None, *(book if certain[n] else _spoilt(book, rest[1] % 32))))
    return rows


def _grid(key: SeriesKey) -> float:
    return price_of(key.instrument) / 10_000


def _stamps(event: int, seen: int, feed: Feed) -> tuple[int | None, int | None]:
    received = seen - feed.offset
    return (event, None) if feed.times == "event" else (None, received) if feed.times == "received" else (event, received)


def _book(middle: int, grid: float, code: bytes, size: float, levels: int) -> tuple[float | None, ...]:
    sizes, _, further = code
    spread, found = SPREADS[sizes % 4], []
    bid, ask = middle - spread // 2, middle - spread // 2 + spread
    for level in range(1 + further % levels):
        away = level * (1 + further // 4 % 3 * 9)
        bid_size, ask_size = (SIZES[(sizes // by + level) % 8] * size for by in (4, 32))
        found += [_price(bid - away, grid), bid_size, _price(ask + away, grid), ask_size]
    # lower levels may be missing on one side
    return tuple(None if n > 4 and n % 4 == 0 and further >= 240 else x for n, x in enumerate(found)) + (None,) * (4 * levels - len(found))


def _price(ticks: int, grid: float) -> float:
    return float(f"{ticks * grid:.9g}")


def _spoilt(book: tuple[float | None, ...], kind: int) -> tuple[float | None, ...]:
    bid, bid_size, ask, ask_size, *more = book
    bad = {
        24: (ask, bid_size, bid, ask_size),  # crossed, where it is not locked
        25: (float("nan"), bid_size, ask, ask_size),
        26: (bid, bid_size, None, ask_size),
        27: (bid, float("nan"), ask, ask_size),
        28: (0.0, bid_size, ask, ask_size),
        29: (bid, bid_size, ask, -1.0),
        30: (bid, bid_size, bid, ask_size),  # locked
    }
    if kind == 31 and more and more[0] is not None:
        return more[0], bid_size, ask, ask_size, bid, *more[1:]  # a second bid that is better than the best
    return (*bad[kind], *more) if kind in bad else book
