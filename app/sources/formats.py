"""Formats of market data, and how the beginning of a file tells them apart."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from app.errors import BadInput
from app.sources import (
    binance,
    coinbase,
    cryptodatadownload,
    funding,
    kraken,
    lean,
    parquet,
    plain,
    pool_tables,
    quote_tables,
    tardis,
    trade_tables,
    uniswap,
)
from app.sources.capture import feed
from app.sources.files import Source
from app.sources.kinds import Data
from app.sources.layout import Layout
from app.sources.names import hints

_MAGIC = {
    b"PAR1": "a Parquet file inside an archive; unpack it",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"SQLite format 3": "an SQLite database",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
    b"PK\x03\x04": "an archive inside an archive; unpack it",
    b"\x1f\x8b": "an archive inside an archive; unpack it",
    b"<": "HTML or XML, perhaps the error page of a download; get the file again",
    b"{": "JSON; write it as CSV, or each message behind its receive time",
    b"[": "JSON; write it as CSV",
}


class Format(StrEnum):
    """Formats of files."""

    CSV = "csv"
    PARQUET = "parquet"
    BINANCE = "binance"
    BINANCE_TRADES = "binance-trades"
    KRAKEN = "kraken"
    KRAKEN_TRADES = "kraken-trades"
    COINBASE = "coinbase"
    CRYPTODATADOWNLOAD = "cryptodatadownload"
    CAPTURE = "capture"
    TARDIS = "tardis"
    LEAN = "lean"
    UNISWAP = "uniswap"


FORMATS = {
    Format.CSV: "CSV with a header such as open_time_ms,open,high,low,close,volume or ts_us,bid,bid_size,ask,ask_size or ts_us,price,size,side",
    Format.PARQUET: "Parquet with the same columns",
    Format.BINANCE: "Binance klines, 12 columns without header",
    Format.BINANCE_TRADES: "Binance trades (7 columns without header) or aggTrades (8)",
    Format.KRAKEN: "Kraken OHLCVT, 7 columns without header",
    Format.KRAKEN_TRADES: "Kraken trades, 3 columns without header",
    Format.COINBASE: "Coinbase candles or trades, JSON as its API answers",
    Format.CRYPTODATADOWNLOAD: "CryptoDataDownload bars, the site's address above a header",
    Format.CAPTURE: "Binance WebSocket capture, a receive time and a message a line",
    Format.TARDIS: "Tardis CSV of trades, quotes or book snapshots",
    Format.LEAN: "LEAN quote bars, 11 columns without header",
    Format.UNISWAP: "Uniswap v3 minutes of a pool",
}
"""Formats in words."""

VENUES = {
    Format.BINANCE: binance.VENUE,
    Format.BINANCE_TRADES: binance.VENUE,
    Format.KRAKEN: kraken.VENUE,
    Format.KRAKEN_TRADES: kraken.VENUE,
    Format.COINBASE: coinbase.VENUE,
}
"""Of formats that one venue has."""


_FIXED: Mapping[Format, tuple[Data, Layout]] = MappingProxyType(
    {
        Format.BINANCE: ("bars", binance.LAYOUT),
        Format.KRAKEN: ("bars", kraken.LAYOUT),
        Format.LEAN: ("quote_bars", lean.LAYOUT),
        Format.KRAKEN_TRADES: ("trades", kraken.TRADES),
        Format.UNISWAP: ("pool_bars", uniswap.LAYOUT),
    }
)
"""Formats of one form; those without a header have each their own number of columns."""


def check_format(name: str) -> Format | None:
    """Return a format by its name; None for `auto`."""
    if name == "auto":
        return None
    if name not in set(Format):
        raise BadInput(f"expected a format out of auto, {', '.join(Format)}, found {name!r}: {_listed()}")
    return Format(name)


def told(source: Source, head: bytes) -> Format:
    """Return a file's format by its beginning; BadInput says what it is where we read no such thing."""
    if head.startswith(b"PAR1") and source.member is None and source.path.name == source.name:
        return Format.PARQUET
    if coinbase.is_one(head):
        return Format.COINBASE
    _refuse_other(head, source)
    if feed.is_one(head):
        return Format.CAPTURE
    if cryptodatadownload.is_one(head):
        return Format.CRYPTODATADOWNLOAD
    return _told_by_columns(source, first_row(head))


def _told_by_columns(source: Source, fields: Sequence[str]) -> Format:
    if not fields[0].strip()[:1].isdigit():
        if uniswap.is_one(fields):
            return Format.UNISWAP
        return Format.TARDIS if tardis.is_one(fields) or tardis.are_trades(fields) else Format.CSV
    if binance.trades(fields) is not None:
        return Format.BINANCE_TRADES
    found = next((kind for kind, (_, layout) in _FIXED.items() if layout.width == len(fields) and not layout.header), None)
    if found is None:
        there = f"{len(fields)} columns without header; if they are bars, quotes or trades, add a header"
        raise BadInput(f"{source.label}: expected one of the formats {_listed()}; found {there}")
    return found


def layout_of(kind: Format, source: Source, head: bytes, *, levels: int) -> tuple[Data, Layout]:
    """Return what the rows of a table are, and where its columns stand."""
    if kind is Format.PARQUET:
        data, layout = _with_header(parquet.names(source), source, levels)
        return data, parquet.fitting(source, layout)
    if kind is Format.COINBASE:
        return coinbase.layout(head)
    if kind is Format.CRYPTODATADOWNLOAD:
        base = (hints(source.name).instrument or "").partition("/")[0]
        return "bars", cryptodatadownload.layout(first_row(head.partition(b"\n")[2]), base=base or None, label=source.label)
    header = first_row(head)
    if kind is Format.BINANCE_TRADES:
        return "trades", binance.trades(header) or binance.TRADES
    if kind is Format.TARDIS:
        return ("trades", tardis.trades(header)) if tardis.are_trades(header) else ("quotes", tardis.layout(header, levels=levels))
    return _FIXED[kind] if kind in _FIXED else _with_header(header, source, levels)


def first_row(head: bytes) -> list[str]:
    """Return the fields of the first line that is not empty."""
    first = next(line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip())
    return first.decode("utf-8", "replace").replace('"', "").split(",")


def _with_header(header: Sequence[str], source: Source, levels: int) -> tuple[Data, Layout]:
    if quote_tables.is_one(header):
        return "quotes", quote_tables.layout(header, label=source.label, levels=levels)
    if trade_tables.is_one(header):
        return "trades", trade_tables.layout(header, label=source.label)
    if pool_tables.is_one(header):
        return "pool", pool_tables.layout(header, label=source.label)
    if funding.is_one(header):
        return "funding", funding.layout(header, label=source.label)
    return "bars", plain.layout(header, label=source.label)


def _refuse_other(head: bytes, source: Source) -> None:
    plain_head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not plain_head:
        raise BadInput(f"{source.label}: expected a table of bars, quotes or trades, found an empty file; get it again")
    found = next((name for magic, name in _MAGIC.items() if plain_head.startswith(magic)), None)
    if found is None and b"\0" in plain_head:
        found = "binary data"
    if found is not None:
        raise BadInput(f"{source.label}: expected a table of bars, quotes or trades ({_listed()}), found {found}")


def _listed() -> str:
    return "; ".join(f"{name}: {words}" for name, words in FORMATS.items())
