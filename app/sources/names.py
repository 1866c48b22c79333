"""What a file's name says: venue, instrument and interval, as exchanges and this project name files."""

import re
from dataclasses import dataclass, replace

from app.errors import BadInput
from app.sources.kraken import CURRENCIES
from app.sources.pools import pool_of
from engine.schema import US_PER_SECOND
from engine.units import format_duration

QUOTES = (
    "FDUSD",
    "USDT",
    "USDC",
    "BUSD",
    "TUSD",
    "USDP",
    "PYUSD",
    "GUSD",
    "USD",
    "DAI",
    "EUR",
    "GBP",
    "JPY",
    "AUD",
    "CAD",
    "CHF",
    "BRL",
    "TRY",
    "BTC",
    "XBT",
    "ETH",
    "BNB",
)
"""Quote currencies that a name without separator is split at."""

BASES = frozenset({*QUOTES, *CURRENCIES, "DOGE", "SOL", "XRP", "ADA", "LTC", "BCH", "DOT", "LINK", "AVAX", "TRX", "XLM", "ATOM", "UNI"}) - {"USD"}
"""Currencies that decide where XBTUSD (not XB/TUSD) and BTCTUSD (not BTCT/USD) are split. The dollar is quoted in, not traded."""

INTERVALS_US = tuple(s * US_PER_SECOND for s in (1, 5, 10, 15, 30, 60, 180, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 28800, 43200, 86400))
"""Lengths of bars that are in use; each divides a day, so that bars of all venues meet."""

_SIZE = {"s": US_PER_SECOND, "m": 60 * US_PER_SECOND, "h": 3600 * US_PER_SECOND, "d": 86400 * US_PER_SECOND}
_INTERVAL = r"(?P<count>\d+)(?P<size>(?-i:s|m|min|h|d))"
_OURS = re.compile(
    rf"(?P<venue>[a-z0-9.-]+)_(?P<base>[A-Z0-9]{{2,12}})[-_](?P<quote>[A-Z][A-Z0-9]{{1,11}})(?:_{_INTERVAL})?(?:[._-].*)?", re.IGNORECASE
)
_BINANCE = re.compile(rf"(?P<pair>[A-Z0-9]{{5,24}})-{_INTERVAL}(?:-\d{{4}}-\d\d(?:-\d\d)?)?")
_BINANCE_TRADES = re.compile(r"(?P<pair>[A-Z0-9]{5,24})-(?:aggTrades|trades|fundingRate)(?:-\d{4}-\d\d(?:-\d\d)?)?")
_DOWNLOAD = re.compile(r"(?P<venue>[A-Za-z0-9.]+)_(?P<pair>[A-Z0-9]{5,24})(?:_\d{4})?_(?P<size>minute|hour|day|daily|1min|1h|1hr|d)(?:_\d{4})?")
_KRAKEN = re.compile(r"(?P<pair>[A-Z0-9]{5,24})_(?P<minutes>\d+)")
_CAPTURE = re.compile(r"(?:(?:spot|usdm|um|futures|perp)[_-])?(?P<pair>[A-Z0-9]{5,24})[_-](?:20\d{6}|20\d\d-\d\d-\d\d)", re.IGNORECASE)
_LEAN = re.compile(r"\d{8}_(?P<pair>[a-z0-9]{5,24})_(?P<size>minute|second)_quote")
_TARDIS = re.compile(r"(?P<venue>[a-z0-9-]+)_(?:quotes|trades|book_ticker|book_snapshot_\d+)_\d{4}-\d\d-\d\d_(?P<symbol>[A-Za-z0-9_-]+)")
_PAIR = re.compile(r"(?P<base>[A-Z0-9]{2,12})[-_/](?P<quote>[A-Z][A-Z0-9]{1,11})|(?P<pair>[A-Z0-9]{5,24})")
_INSTRUMENT = re.compile(r"([A-Z0-9]{2,12})[/_-]([A-Z0-9]{2,12})")
_VENUE = re.compile(r"[a-z0-9_.-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a name says; None where it says nothing."""

    venue: str | None = None
    instrument: str | None = None
    interval_us: int | None = None


def hints(name: str) -> Hints:
    """Return what a file name says.

    >>> hints("kraken_BTC-USDC_1m.csv")
    Hints(venue='kraken', instrument='BTC/USDC', interval_us=60000000)
    >>> hints("XBTUSDC_1.csv").instrument
    'BTC/USDC'
    """
    stem = name.rpartition(".")[0] or name
    return next((said for said in (read(stem) for read in _READERS) if said is not None), Hints())


def _tardis(stem: str) -> Hints | None:
    found = _TARDIS.fullmatch(stem)
    return Hints(venue=found["venue"], instrument=instrument_of(found["symbol"])) if found else None


def _uniswap(stem: str) -> Hints | None:
    pool = pool_of(stem)
    return Hints(venue=pool.venue, instrument=pool.instrument, interval_us=_SIZE["m"]) if pool else None


def _lean(stem: str) -> Hints | None:
    found = _LEAN.fullmatch(stem)
    return Hints(instrument=split(found["pair"].upper()), interval_us=_SIZE[found["size"][0]]) if found else None


def _capture(stem: str) -> Hints | None:
    found = _CAPTURE.fullmatch(stem)
    return Hints(instrument=split(found["pair"].upper())) if found else None


def _binance(stem: str) -> Hints | None:
    found = _BINANCE.fullmatch(stem)
    return Hints(instrument=split(found["pair"]), interval_us=_interval(found)) if found else None


def _binance_trades(stem: str) -> Hints | None:
    found = _BINANCE_TRADES.fullmatch(stem)
    return Hints(instrument=split(found["pair"])) if found else None


def _download(stem: str) -> Hints | None:
    found = _DOWNLOAD.fullmatch(stem)
    if found is None:
        return None
    size = "m" if "min" in found["size"] else "h" if "h" in found["size"] else "d"
    return Hints(venue=found["venue"].lower(), instrument=split(found["pair"]), interval_us=_SIZE[size])


def _kraken(stem: str) -> Hints | None:
    found = _KRAKEN.fullmatch(stem)
    return Hints(instrument=split(found["pair"]), interval_us=int(found["minutes"]) * _SIZE["m"] or None) if found else None


def _pair(stem: str) -> Hints | None:
    return Hints(instrument=instrument_of(stem)) if _PAIR.fullmatch(stem) else None


def _ours(stem: str) -> Hints | None:
    found = _OURS.fullmatch(stem)
    return Hints(venue=found["venue"].lower(), instrument=_instrument(found), interval_us=_interval(found)) if found else None


_READERS = (_uniswap, _tardis, _lean, _capture, _binance, _binance_trades, _kraken, _download, _pair, _ours)


def instrument_of(symbol: str) -> str | None:
    """Return `BASE/QUOTE` of an exchange's symbol, such as BTC-USD, XBT/USD or BTCUSDT; None where that is not clear."""
    found = _PAIR.fullmatch(symbol.upper())
    if found is None:
        return None
    return split(found["pair"]) if found["pair"] else _instrument(found)


def split(pair: str) -> str | None:
    """Return `BASE/QUOTE` of a pair without separator; None where it ends in no known quote currency, or could be two pairs.

    >>> split("XBTUSD"), split("BTCTUSD"), split("ABCTUSD")
    ('BTC/USD', 'BTC/TUSD', None)
    """
    fitting = [(pair.removesuffix(quote), quote) for quote in QUOTES if pair.endswith(quote) and len(pair) > len(quote) + 1]
    clear = fitting if len(fitting) == 1 else [(base, quote) for base, quote in fitting if base in BASES]
    return f"{_common(clear[0][0])}/{_common(clear[0][1])}" if len(clear) == 1 else None


def overridden(found: Hints, *, venue: str | None, instrument: str | None, interval_us: int | None) -> Hints:
    """Return the hints with what the user said instead, in our spelling."""
    if venue is not None:
        found = replace(found, venue=check_venue(venue))
    if instrument is not None:
        found = replace(found, instrument=check_instrument(instrument))
    return found if interval_us is None else replace(found, interval_us=check_interval(interval_us))


def check_venue(venue: str) -> str:
    """Return a venue's name in lower case."""
    if not _VENUE.fullmatch(venue.lower()):
        raise BadInput(f'expected a venue such as "kraken" (letters, digits, _ . -), found {venue!r}')
    return venue.lower()


def check_instrument(instrument: str) -> str:
    """Return an instrument as `BASE/QUOTE`, from `btc-usd` and the like."""
    found = _INSTRUMENT.fullmatch(instrument.upper())
    if found is None:
        raise BadInput(f'expected an instrument such as "BTC/USD", found {instrument!r}')
    return f"{found[1]}/{found[2]}"


def check_interval(interval_us: int) -> int:
    """Return an interval that divides a day."""
    if interval_us <= 0 or _SIZE["d"] % interval_us:
        raise BadInput(f'expected an interval that divides a day, such as "1m", "1h" or "1d", found "{format_duration(interval_us)}"')
    return interval_us


def _interval(found: re.Match[str]) -> int | None:
    if found["count"] is None:
        return None
    return int(found["count"]) * _SIZE[found["size"][0].lower()] or None


def _instrument(found: re.Match[str]) -> str:
    return f"{_common(found['base'].upper())}/{_common(found['quote'].upper())}"


def _common(currency: str) -> str:
    return CURRENCIES.get(currency, currency)
