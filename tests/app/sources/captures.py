"""Captures of Binance's streams as tests write them: small, and faithful to the real ones line by line."""

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

T0_MS = 1_723_161_600_000
"""2024-08-09 00:00, the venue's time of the first message."""

BEHIND_MS = 1_270
"""By so much the recorder's clock is behind."""

Levels = Sequence[tuple[float, float]]


def line(at_ms: float, message: object) -> str:
    """Return a message that happened `at_ms` after the start, as a clock wrote it down that is behind."""
    return f"{round((T0_MS + at_ms - BEHIND_MS) * 1_000_000)} {json.dumps(message, separators=(',', ':'))}"


def wrapped(stream: str, data: dict[str, object], symbol: str = "BTCUSDT") -> dict[str, object]:
    """Return a message of combined streams."""
    return {"stream": f"{symbol.lower()}@{stream}", "data": data}


def ticker(at_ms: float, bid: tuple[float, float], ask: tuple[float, float], *, usdm: bool = False, symbol: str = "BTCUSDT") -> str:
    """Return a line of bookTicker."""
    data: dict[str, object] = {
        "u": int(at_ms) + 1,
        "s": symbol,
        "b": f"{bid[0]:.8f}",
        "B": f"{bid[1]:.8f}",
        "a": f"{ask[0]:.8f}",
        "A": f"{ask[1]:.8f}",
    }
    if usdm:
        data = {"e": "bookTicker", **data, "T": T0_MS + int(at_ms), "E": T0_MS + int(at_ms) + 3}
    return line(at_ms, wrapped("bookTicker", data, symbol))


def change(at_ms: float, first: int, last: int, bids: Levels = (), asks: Levels = (), *, before: int | None = None) -> str:
    """Return a line of changes to the book: of USD-M where it says the number before."""
    data: dict[str, object] = {
        "e": "depthUpdate",
        "E": T0_MS + int(at_ms),
        "s": "BTCUSDT",
        "U": first,
        "u": last,
        "b": _texts(bids),
        "a": _texts(asks),
    }
    if before is not None:
        data = {**data, "E": T0_MS + int(at_ms) + 3, "T": T0_MS + int(at_ms), "pu": before}
    return line(at_ms, wrapped("depth@0ms" if before is not None else "depth@100ms", data))


def snapshot(at_ms: float, number: int, bids: Levels, asks: Levels) -> str:
    """Return a line of the REST snapshot."""
    return line(at_ms, {"lastUpdateId": number, "bids": _texts(bids), "asks": _texts(asks)})


def trade(at_ms: float, number: int = 1, *, price: str = "100", size: str = "1", maker: bool = True, kind: str | None = None) -> str:
    """Return a line of a trade: of USD-M where it says its kind."""
    data = {"e": "trade", "E": T0_MS + int(at_ms), "s": "BTCUSDT", "t": number, "p": price, "q": size, "T": T0_MS + int(at_ms), "m": maker}
    return line(at_ms, wrapped("trade", {**data, **({"M": True} if kind is None else {"X": kind})}))


def write(folder: Path, lines: Iterable[str], name: str = "spot_btcusdt_20240809.gz") -> Path:
    """Write a capture, packed where its name says so."""
    path, content = folder / name, "".join(f"{one}\n" for one in lines).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def _texts(levels: Levels) -> list[list[str]]:
    return [[f"{price:.2f}", f"{size:.8f}"] for price, size in levels]
