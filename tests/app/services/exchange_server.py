"""An exchange on this machine that answers as Kraken and Coinbase Exchange do, with the faults that it is told to have.

Kraken: docs.kraken.com/api (Assets, AssetPairs, OHLC, Trades): OHLC gives the last 720 bars whatever is asked for, Trades up to 1,000 from a time on.
Coinbase: docs.cdp.coinbase.com (currencies, products, candles): candles of a window, newest first, at most 300. As read on 2026-11-30.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAIR = "XXBTZUSD"


@dataclass(slots=True)
class Market:
    """What the exchange has, what it is told to do wrong, and what it was asked."""

    now: datetime
    bars: list[tuple[int, float, float, float, float, float]] = field(default_factory=list)
    """Open time [s], open, high, low, close, volume, oldest first."""
    trades: list[tuple[float, float, float, str, int]] = field(default_factory=list)
    """Time [s], price, size, side of the taker, number, oldest first."""
    faults: list[str] = field(default_factory=list)
    """Of the next answers with rows: `429`, `503`, `cut` (JSON that ends early), `short` (fewer bytes than announced), or `` for none."""
    asked: list[str] = field(default_factory=list)


@contextmanager
def served(market: Market) -> Iterator[str]:
    """Yield the address of the exchange while it runs."""
    handler = type("Handler", (_Handler,), {"market": market})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    market: Market

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        rows = parts.path.endswith(("/OHLC", "/Trades", "/candles"))
        if rows:
            self.market.asked.append(self.path)
        body = json.dumps(self._answer(parts.path, query)).encode()
        fault = self.market.faults.pop(0) if rows and self.market.faults else ""
        status = int(fault) if fault.isdigit() else 200
        said = b"<html>Too busy</html>" if status != 200 else body[: len(body) // 2] if fault == "cut" else body
        self.send_response_only(status)
        self.send_header("Date", format_datetime(self.market.now, usegmt=True))
        self.send_header("Content-Type", "application/json" if status == 200 else "text/html")
        self.send_header("Content-Length", str(len(said) + (10 if fault == "short" else 0)))
        if status == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(said)
        self.close_connection = fault == "short"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, path: str, query: dict[str, str]) -> object:
        found = {
            "/0/public/Assets": lambda: _kraken({"XXBT": {"altname": "XBT", "decimals": 10}, "ZUSD": {"altname": "USD", "decimals": 4}}),
            "/0/public/AssetPairs": lambda: _kraken({PAIR: _KRAKEN_PAIR}),
            "/0/public/OHLC": lambda: _kraken({PAIR: self._ohlc(int(query["interval"])), "last": 0}),
            "/0/public/Trades": lambda: _kraken({PAIR: self._trades(int(query["since"])), "last": "0"}),
            "/currencies": list,
            "/products": lambda: [_COINBASE_PRODUCT],
            "/products/BTC-USD/candles": lambda: self._candles(query),
        }
        return found[path]()

    # The last 720 with the one that goes on, whatever is asked for.
    def _ohlc(self, minutes: int) -> list[list[object]]:
        assert minutes == 1
        known = [bar for bar in self.market.bars if bar[0] <= self.market.now.timestamp()]
        return [[t, str(o), str(h), str(low), str(c), "0.0", str(v), 1] for t, o, h, low, c, v in known[-720:]]

    # What came after a time in s or ns.
    def _trades(self, since: int) -> list[list[object]]:
        after_us = since * 1_000_000 if since < 1e12 else since // 1_000
        known = [one for one in self.market.trades if after_us < round(one[0] * 1e6) <= self.market.now.timestamp() * 1e6]
        return [[str(price), str(size), at, side[0], "m", "", number] for at, price, size, side, number in known[:1_000]]

    def _candles(self, query: dict[str, str]) -> list[list[float]]:
        start, end = (datetime.fromisoformat(query[name]).timestamp() for name in ("start", "end"))
        known = [bar for bar in self.market.bars if start <= bar[0] <= min(end, self.market.now.timestamp())]
        assert (end - start) / float(query["granularity"]) <= 300, "Coinbase refuses more"
        return [[t, low, h, o, c, v] for t, o, h, low, c, v in reversed(known)]


def _kraken(result: object) -> dict[str, object]:
    return {"error": [], "result": result}


_KRAKEN_PAIR = {
    "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT", "aclass_quote": "currency", "quote": "ZUSD",
    "lot": "unit", "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.4]],
    "fees_maker": [[0, 0.25]], "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40, "ordermin": "0.0001", "status": "online",
}  # fmt: skip
_COINBASE_PRODUCT = {
    "id": "BTC-USD", "base_currency": "BTC", "quote_currency": "USD", "quote_increment": "0.01", "base_increment": "0.00000001",
    "display_name": "BTC/USD", "min_market_funds": "1", "margin_enabled": False, "post_only": False, "limit_only": False, "cancel_only": False,
    "status": "online", "status_message": "", "trading_disabled": False,
}  # fmt: skip


def utc(text: str) -> datetime:
    """Return a time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
