"""What a file was taken for, at length: by what that was told, which column is read as what, what it would need to be something else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from app.errors import AppError
from app.sources.detect import Found, Said, detect
from app.sources.files import Source
from app.sources.formats import Format
from app.sources.kinds import Data
from app.sources.rules import Rules

_HEADER: Mapping[Data, tuple[str, str]] = MappingProxyType(
    {
        "bars": ("a header that names open, high, low and close", "with a bid and an ask it would be quotes, with a price and a size trades"),
        "quotes": ("a header that names a bid and an ask", "with open, high, low and close instead it would be bars, with a price and a size trades"),
        "trades": ("a header that names a price and a size, and none of bars or quotes", "with a bid and an ask it would be quotes"),
        "pool": ("a header that names a price and a liquidity", "with a size instead it would be trades"),
        "funding": ("a header that names a rate of funding", "with a price and a size it would be trades"),
    }
)
_OTHERS: Mapping[Format, tuple[str, str]] = MappingProxyType(
    {
        Format.BINANCE: ("12 columns without header", "with a header it would be read by the names of its columns"),
        Format.BINANCE_TRADES: (
            "7 or 8 columns without header, the sixth or seventh true or false",
            "without that column it would be bars of Kraken",
        ),
        Format.KRAKEN: ("7 columns without header, none of them true or false", "with true or false in the sixth it would be trades of Binance"),
        Format.KRAKEN_TRADES: ("3 columns without header", "with a header it would be read by the names of its columns"),
        Format.COINBASE: ("JSON that begins as candles or trades of Coinbase do", "any other JSON is refused"),
        Format.CRYPTODATADOWNLOAD: ("the site's address in its first line", "without that line it would be read by the names of its columns"),
        Format.CAPTURE: ("lines of a receive time and a JSON message", "messages without times before them are refused"),
        Format.TARDIS: (
            "a header that begins with exchange, symbol, timestamp, local_timestamp",
            "else it would be read by the names of its columns",
        ),
        Format.LEAN: ("11 columns without header", "with a header it would be read by the names of its columns"),
        Format.UNISWAP: ("the header of its minute files", "else it would be read by the names of its columns"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is said of one file."""

    path: str
    found: Found | None
    error: str
    """Why it is nothing that we read; empty where it is."""
    told_by: str = ""
    otherwise: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    """What we read, by the file's names of its columns."""


def look(sources: Sequence[Source], said: Said) -> list[Look]:
    """Look at files one by one, and say of each what it is, or why it is nothing that we read."""
    return [_look(source, said) for source in sources]


def _look(source: Source, said: Said) -> Look:
    try:
        found = detect(source, said)
    except AppError as error:
        return Look(path=source.label, found=None, error=str(error).removeprefix(f"{source.label}: "))
    told_by, otherwise = _OTHERS.get(found.format) or _HEADER[found.kind.data]
    columns = dict(zip(found.rules.layout.names, found.rules.layout.fields, strict=True)) if isinstance(found.rules, Rules) else {}
    return Look(path=source.label, found=found, error="", told_by=told_by, otherwise=otherwise, columns=columns)
