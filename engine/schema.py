"""The data contract: column names, units and checks of everything that goes into the engine and comes out of it."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import polars as pl

from engine.errors import DataError

ATOMS_PER_UNIT = 100_000_000
"""Balances and quantities are int64 atoms of 1e-8 of a currency."""

US_PER_SECOND = 1_000_000

STABLECOINS = frozenset({"USDC", "USDT", "BUSD", "TUSD", "DAI", "USDP", "PYUSD", "FDUSD", "GUSD"})
"""Currencies whose revaluation counts as peg; every other currency's counts as inventory."""

TIMESTAMP = pl.Datetime("us", "UTC")

BARS = pl.Schema(
    {
        "ts": TIMESTAMP,  # open time, a multiple of the interval
        "open": pl.Float64(),  # quote per base, > 0
        "high": pl.Float64(),  # >= open, low, close
        "low": pl.Float64(),  # <= open, high, close
        "close": pl.Float64(),
        "volume": pl.Float64(),  # base units, >= 0; 0 is a carry bar: no observation
    }
)

QUOTES = pl.Schema(
    {
        "ts": TIMESTAMP,  # event time, of quote bars the end of the interval; null on every row where only `received` is known
        "received": TIMESTAMP,  # when the recorder had it, by its clock; null on every row where it was not recorded
        "bid": pl.Float64(),  # quote per base; what is null or no number takes the instrument away until the next good row
        "bid_size": pl.Float64(),  # base units
        "ask": pl.Float64(),
        "ask_size": pl.Float64(),
    }
)
"""Rows stand in the order in which the venue sent them. Further levels of a book follow in columns of their own (`level_columns`)."""

TRADES = pl.Schema(
    {
        "ts": TIMESTAMP,  # event time; null on every row where only `received` is known
        "received": TIMESTAMP,  # when the recorder had it, by its clock; null on every row where it was not recorded
        "price": pl.Float64(),  # quote per base, > 0
        "size": pl.Float64(),  # base units, > 0
        "side": pl.Int8(),  # of the taker, who took what stood in the book: 1 bought, -1 sold, 0 not known
        "trade_id": pl.Int64(),  # the venue's number of it; null where there is none
    }
)
"""Rows stand in the order in which the venue sent them. A run reads none: bars are made of them (`app.services.trade_bars`)."""
POOL_STATES = pl.Schema(
    {
        "ts": TIMESTAMP,  # time of the block, of pool bars the end of the interval; null on every row where only `received` is known
        "received": TIMESTAMP,  # when the recorder had it, by its clock; null on every row where it was not recorded
        "block": pl.Int64(),  # its number, never below the row before; null on every row where it is not known
        "price": pl.Float64(),  # quote per base, between lower and upper
        "liquidity": pl.Float64(),  # sqrt(base × quote), in units of both; of a constant product, of its two reserves
        "lower": pl.Float64(),  # quote per base: the active range, within which the liquidity is what it is; constant product: 0
        "upper": pl.Float64(),  # constant product: inf
    }
)
"""A pool after each of its changes (or at the end of each interval), in the order of the chain; one form for both kinds of pools."""

POOL_EXACT = pl.Schema(
    {
        "liquidity_raw": pl.String(),  # uint128, in raw units of the tokens; null where the source does not say it
        "sqrt_price_x96": pl.String(),  # uint160; null where the source does not say it
    }
)
"""Integers of a pool's own record that outgrow 64 bits, as their digits: stored beside the columns of `POOL_STATES`, which alone a run reads."""

FUNDING = pl.Schema(
    {
        "ts": TIMESTAMP,  # when it is paid
        "published": TIMESTAMP,  # when its rate was known, at or before that; null: when it is paid
        "rate": pl.Float64(),  # fraction of the notional that a long position pays to a short one; below 0 the other way
    }
)
"""Payments of a perpetual, by the time at which they are paid, each time once."""

SYNTHETIC_PREFIX = "synthetic-"
"""Venues whose names begin so hold invented prices; every result on them says so."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(when: datetime) -> int:
    """Return an aware time as int µs since the epoch, floored."""
    return (when - _EPOCH) // timedelta(microseconds=1)


def instant(us: int) -> datetime:
    """Return int µs since the epoch as an aware UTC time."""
    return _EPOCH + timedelta(microseconds=us)


class SeriesKey(NamedTuple):
    """What names a series: venue (lower case) and instrument (`BASE/QUOTE`, upper case)."""

    venue: str
    instrument: str

    def __str__(self) -> str:
        return f"{self.venue} {self.instrument}"

    @property
    def base(self) -> str:
        """Currency that is bought and sold."""
        return self.instrument.partition("/")[0]

    @property
    def quote(self) -> str:
        """Currency that prices are in."""
        return self.instrument.partition("/")[2]


_FUNDING_NAME = " funding"


def funding_key(key: SeriesKey) -> SeriesKey:
    """Return what the funding of a perpetual is called beside its prices."""
    return SeriesKey(key.venue, f"{key.instrument}{_FUNDING_NAME}")


def instrument_key(key: SeriesKey) -> SeriesKey:
    """Return the instrument that a series is of: of funding, the perpetual that pays it."""
    return SeriesKey(key.venue, key.instrument.removesuffix(_FUNDING_NAME))


def check_columns(frame: pl.DataFrame, *, key: SeriesKey) -> pl.DataFrame:
    """Return the frame if it has the columns of `BARS`; DataError names the series and both schemas."""
    if frame.schema != BARS:
        raise DataError(f"{key}: expected columns {dict(BARS)}, found {dict(frame.schema)}")
    return frame


def check_funding(frame: pl.DataFrame, *, key: SeriesKey) -> pl.DataFrame:
    """Return the frame if it keeps the contract of `FUNDING`; DataError says the first row that breaks a rule."""
    if frame.schema != FUNDING:
        raise DataError(f"{key}: expected columns {dict(FUNDING)}, found {dict(frame.schema)}")
    rules = (
        ("a time and a rate on every row", pl.col("ts").is_null() | pl.col("rate").is_null()),
        ("rates between -1 and 1, as fractions of the notional", ~pl.col("rate").is_between(-1, 1, closed="none")),
        ("times that increase, each once", pl.col("ts").diff().dt.total_microseconds() <= 0),
        ("rates that are published by when they are paid", pl.col("published") > pl.col("ts")),
    )
    for expected, broken in rules:
        bad = frame.filter(broken)
        if bad.height:
            raise DataError(f"{key}: expected {expected}, found {bad.row(0, named=True)} ({bad.height} of {frame.height} payments)")
    return frame


def level_columns(level: int) -> tuple[str, str, str, str]:
    """Return the names of bid, its size, ask and its size of a level; level 1 is the best."""
    names = tuple(QUOTES)[2:]
    bid, bid_size, ask, ask_size = names if level == 1 else (f"{name}_{level}" for name in names)
    return bid, bid_size, ask, ask_size


def quotes_schema(levels: int) -> pl.Schema:
    """Return the columns of quotes with so many levels; a further level without a price ends the side there."""
    return pl.Schema({**QUOTES, **{name: pl.Float64() for level in range(2, levels + 1) for name in level_columns(level)}})


def quote_levels(frame: pl.DataFrame) -> int:
    """Return how many levels quotes have."""
    return (frame.width - 2) // 4


def check_quotes(frame: pl.DataFrame, *, key: SeriesKey) -> pl.DataFrame:
    """Return the frame if it keeps the contract of `QUOTES`; what is wrong with single rows is for `engine.quality` to say.

    Parameters
    ----------
    frame : pl.DataFrame
        (N,) rows with the columns of `QUOTES` and of any further levels.
    key : SeriesKey
        Only for the messages.

    Raises
    ------
    DataError
        Where columns differ, or where event or receive times are there for some rows only, or for none.
    """
    if frame.schema != quotes_schema(max(1, quote_levels(frame))):
        raise DataError(f"{key}: expected columns {dict(QUOTES)} and four of each further level (bid_2, …), found {dict(frame.schema)}")
    unknown = {name: frame[name].null_count() for name in ("ts", "received")}
    if any(0 < count < frame.height for count in unknown.values()):
        raise DataError(f"{key}: expected ts and received to be known on every row or on none, found nulls: {unknown} of {frame.height} rows")
    if frame.height and min(unknown.values()) > 0:
        raise DataError(f"{key}: expected event times (ts), receive times (received) or both, found neither")
    return frame


def check_pool_states(frame: pl.DataFrame, *, key: SeriesKey) -> pl.DataFrame:
    """Return the frame if it keeps the contract of `POOL_STATES`; what is wrong with single rows is for `engine.quality` to say.

    Parameters
    ----------
    frame : pl.DataFrame
        (N,) rows with the columns of `POOL_STATES`.
    key : SeriesKey
        Only for the messages.

    Raises
    ------
    DataError
        Where columns differ, a time or a block is there for some rows only, or a block comes after a later one.
    """
    if frame.schema != POOL_STATES:
        raise DataError(f"{key}: expected columns {dict(POOL_STATES)}, found {dict(frame.schema)}")
    unknown = {name: frame[name].null_count() for name in ("ts", "received", "block")}
    if any(0 < count < frame.height for count in unknown.values()):
        found = f"found nulls: {unknown} of {frame.height} rows"
        raise DataError(f"{key}: expected ts, received and block to be known on every row or on none each, {found}")
    if frame.height and min(unknown["ts"], unknown["received"]) > 0:
        raise DataError(f"{key}: expected times of blocks (ts), receive times (received) or both, found neither")
    early = frame.filter(pl.col("block") < pl.col("block").shift())
    if early.height:
        raise DataError(f"{key}: expected blocks in the order of the chain, found {early.row(0, named=True)} after a later block")
    return frame


def check_bars(frame: pl.DataFrame, *, key: SeriesKey, interval_us: int) -> pl.DataFrame:
    """Return the frame if it keeps the contract of `BARS`.

    Parameters
    ----------
    frame : pl.DataFrame
        (T,) rows with the columns of `BARS`, sorted by `ts`.
    key : SeriesKey
        Only for the messages.
    interval_us : int [µs]
        Bar length.

    Raises
    ------
    DataError
        With the series, the time and the value of the first row that breaks a rule.
    """
    check_columns(frame, key=key)
    price = pl.col("open", "high", "low", "close")
    rules = (
        ("a number in every column", pl.any_horizontal(pl.all().is_null(), pl.exclude("ts").is_nan())),
        ("prices that are finite and above 0", pl.any_horizontal(price <= 0, price.is_infinite())),
        ("a volume that is finite and not negative", (pl.col("volume") < 0) | pl.col("volume").is_infinite()),
        ("a high that is the highest price", pl.col("high") < pl.max_horizontal("open", "low", "close")),
        ("a low that is the lowest price", pl.col("low") > pl.min_horizontal("open", "high", "close")),
        (f"open times on multiples of {interval_us / US_PER_SECOND:g} s", pl.col("ts").dt.epoch("us") % interval_us != 0),
        ("open times that increase, each once", pl.col("ts").diff().dt.total_microseconds() <= 0),
    )
    for expected, broken in rules:
        bad = frame.filter(broken)
        if bad.height:
            raise DataError(f"{key}: expected {expected}, found {bad.row(0, named=True)} ({bad.height} of {frame.height} bars)")
    return frame
