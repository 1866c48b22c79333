"""Bars and trades of an exchange that is online, page by page through ccxt: its pace, its clock, and tries again where it stumbles.

ccxt is the extra `fetch`, loaded where it is used. What it says counts only where its last answer was whole JSON: it takes an answer that was cut
off for one without rows.
"""

import difflib
import importlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, TypeVar

import polars as pl

from app.errors import BadInput, NotFound, Unavailable
from app.sources import rows, trade_rows
from app.sources.batch import Batch, Row
from app.sources.clock import Unit
from app.sources.kinds import TRADES, Kind
from app.sources.layout import BAR_FIELDS, Layout, headless
from app.sources.rules import Rules
from app.sources.trade_tables import SIDES
from engine.errors import suggest
from engine.schema import US_PER_SECOND, micros
from engine.units import format_duration

TRIES = 6
LONGEST_PAUSE_S = 60.0
VENUES: Mapping[str, str] = MappingProxyType({"coinbaseexchange": "coinbase"})
"""What we call exchanges that ccxt calls otherwise."""

_IDS = {venue: name for name, venue in VENUES.items()}
TRADES_A_PAGE = 1_000
_PAGES = {"coinbaseexchange": 300, "kraken": 720, "binance": 1000, "binanceus": 1000}
_SMALLEST_PAGE = 300
TRADE_STEP_US: Mapping[str, int] = MappingProxyType({"kraken": 0, "binance": 3600 * US_PER_SECOND, "binanceus": 3600 * US_PER_SECOND})
"""Exchanges that give trades from a time on, and how far a page without a trade reaches [µs]; 0: to the present."""

# Kraken gives what came after a time; ccxt asks by the second, and a page may be full before the second is over.
_SINCE: Mapping[str, Callable[[int], dict[str, str]]] = MappingProxyType({"kraken": lambda us: {"since": str(us * 1_000 - 1)}})
_TIME_US: Mapping[str, Callable[[dict[str, Any]], int]] = MappingProxyType({"kraken": lambda one: round(float(one["info"][2]) * 1e6)})
_MILLISECONDS = frozenset({Unit.MILLISECONDS})
_BARS = headless(6, _MILLISECONDS)
_TRADE = ("ts", "price", "size", "side", "trade_id")
_TRADES = Layout(width=5, fields=_TRADE, positions=tuple(range(5)), names=_TRADE, units={"ts": frozenset({Unit.MICROSECONDS})}, header=0, sides=SIDES)

Answer = TypeVar("Answer")


class Exchange:
    """One exchange through ccxt."""

    def __init__(self, name: str, *, url: str | None = None, pause: Callable[[float], None] = time.sleep) -> None:
        self._ccxt = _ccxt()
        self._name = _IDS.get(name.lower(), name.lower())
        if self._name not in self._ccxt.exchanges:
            raise NotFound(f"expected an exchange that ccxt knows, found {name!r}; {suggest(self._name, self._ccxt.exchanges)}")
        self._client = getattr(self._ccxt, self._name)({"enableRateLimit": True, "timeout": 20_000})
        self._client.enableLastJsonResponse = self._client.enableLastResponseHeaders = True
        self._pause = pause
        self.skew_us = 0
        """By how much its clock is ahead of ours, as of its last answer."""
        self.retries = 0
        if url is not None:
            self._client.urls["api"] = _moved(self._client.urls["api"], url.rstrip("/"))

    @property
    def venue(self) -> str:
        """What we call it."""
        return VENUES.get(self._name, self._name)

    @property
    def page(self) -> int:
        """How many bars it gives at once, at least."""
        return _PAGES.get(self._name, _SMALLEST_PAGE)

    @property
    def trade_step_us(self) -> int:
        """How far a page without a trade reaches; BadInput where it gives no trades from a time on."""
        if self._name not in TRADE_STEP_US:
            known = ", ".join(TRADE_STEP_US)
            raise BadInput(f"{self.venue}: ccxt gets trades from a time on of {known} alone; fetch its bars, or import files of its trades")
        return TRADE_STEP_US[self._name]

    def now_us(self) -> int:
        """Return the time by its clock, to the second below."""
        return time.time_ns() // 1_000 + self.skew_us

    def check(self, instrument: str, interval_us: int) -> None:
        """Raise where it does not have an instrument, or (0: trades) bars of a length."""
        self._asked(lambda: self._client.load_markets(reload=True))
        if instrument not in self._client.markets:
            raise NotFound(f"{self.venue}: expected an instrument that it has, found {instrument!r}; {self._near(instrument)}")
        known = self._client.timeframes or {}
        if interval_us and format_duration(interval_us) not in known:
            raise BadInput(f"{self.venue}: expected a length of its bars, one of {', '.join(known)}, found {format_duration(interval_us)}")

    def _near(self, instrument: str) -> str:
        known = list(self._client.markets)
        near = difflib.get_close_matches(instrument, known, n=3)
        return f"did you mean {' or '.join(near)}?" if near else f"it has {len(known):,} others"

    def bars(self, instrument: str, interval_us: int, since_us: int) -> pl.DataFrame:
        """Return a page of bars from a time on, oldest first, in the schema `BARS`; the last may still go on."""
        length = format_duration(interval_us)
        found = self._asked(lambda: self._client.fetch_ohlcv(instrument, length, since=since_us // 1_000, limit=self.page))
        frame = pl.DataFrame([tuple(row[:6]) for row in found], schema={"ts": pl.Int64, **dict.fromkeys(BAR_FIELDS[1:], pl.Float64)}, orient="row")
        return rows.check(_batch(frame.sort("ts")), self._rules(_BARS, Unit.MILLISECONDS, Kind("bars", interval_us), instrument), None).frame

    def trades(self, instrument: str, since_us: int) -> pl.DataFrame:
        """Return a page of trades from a time on, oldest first, in the schema `TRADES`."""
        more = _SINCE.get(self._name, _nothing_more)(since_us)
        # A millisecond earlier, since ccxt drops what seems older, and rounds times down in floating point.
        found = self._asked(lambda: self._client.fetch_trades(instrument, since=since_us // 1_000 - 1, limit=TRADES_A_PAGE, params=more))
        time_us = _TIME_US.get(self._name, _to_the_millisecond)
        values = [(time_us(one), one["price"], one["amount"], one["side"], one["id"]) for one in found]
        types = {"ts": pl.Int64, "price": pl.Float64, "size": pl.Float64, "side": pl.String, "trade_id": pl.String}
        frame = pl.DataFrame(values, schema=types, orient="row")
        checked = trade_rows.check(_batch(frame), self._rules(_TRADES, Unit.MICROSECONDS, TRADES, instrument), None).frame
        # ccxt has sorted them by their numbers as words: 1000 before 999.
        return checked.sort("ts", "trade_id", maintain_order=True)

    def _rules(self, layout: Layout, unit: Unit, kind: Kind, instrument: str) -> Rules:
        return Rules(label=f"{self.venue} {instrument} by ccxt", layout=layout, units={"ts": unit}, kind=kind)

    def _asked(self, call: Callable[[], Answer]) -> Answer:
        for attempt in range(TRIES):
            try:
                return self._whole(call)
            except self._ccxt.NetworkError as error:  # 429 and 5xx among them
                said = error
            except (self._ccxt.BadResponse, self._ccxt.NullResponse, _Garbled) as error:
                said = error
            except self._ccxt.BaseError as error:
                raise Unavailable(f"{self.venue} refused: {_brief(error)}") from error
            if attempt + 1 < TRIES:
                self.retries += 1
                self._pause(self._wait_s(attempt))
        raise Unavailable(f"{self.venue} did not answer as it should, {TRIES} times: {_brief(said)}; try again later: it goes on from here") from said

    def _whole(self, call: Callable[[], Answer]) -> Answer:
        self._client.last_json_response = None
        try:
            answer = call()
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:  # ccxt, where an answer is not what it expects
            raise _Garbled(f"an answer that ccxt cannot read: {error!r}") from error
        finally:
            self._look_at_the_clock()
        if self._client.last_json_response is None:
            raise _Garbled("an answer that is no whole JSON")
        return answer

    def _look_at_the_clock(self) -> None:
        if (date := self._header("Date")) is not None:
            self.skew_us = micros(parsedate_to_datetime(date).astimezone(UTC)) - time.time_ns() // 1_000

    def _wait_s(self, attempt: int) -> float:
        said = self._header("Retry-After")
        asked = float(said) if said is not None and said.isdigit() else 0.0
        return min(max(asked, 2.0**attempt), LONGEST_PAUSE_S)

    def _header(self, name: str) -> str | None:
        headers = self._client.last_response_headers or {}
        return next((str(value) for key, value in headers.items() if key.lower() == name.lower()), None)


class _Garbled(Exception):  # noqa: N818
    """An answer that was cut off, or is something else."""


def _ccxt() -> Any:  # noqa: ANN401  a library without types
    try:
        return importlib.import_module("ccxt")
    except ModuleNotFoundError as error:
        raise Unavailable("fetching needs ccxt, which is not installed: pip install 'usdc-arb[fetch]'") from error


# The same paths on another server.
def _moved(urls: Any, base: str) -> Any:  # noqa: ANN401  strings, and dicts of them
    if isinstance(urls, dict):
        return {name: _moved(url, base) for name, url in urls.items()}
    path = urls.partition("://")[2].partition("/")[2]
    return f"{base}/{path}" if path else base


def _nothing_more(_since_us: int) -> dict[str, str]:
    return {}


def _to_the_millisecond(trade: dict[str, Any]) -> int:
    return int(trade["timestamp"]) * 1_000


def _batch(frame: pl.DataFrame) -> Batch:
    return Batch(frame, lambda index: Row(f"row {index + 1}", tuple(str(value) for value in frame.row(index))))


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
