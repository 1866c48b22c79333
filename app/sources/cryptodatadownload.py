"""Bars of cryptodatadownload.com: a line with the site's address, a header, rows newest first.

Columns: `unix` (s or ms; of Binance µs since 2025, with the years before in ms below them) and `date`, older files `date` alone, of hours as
`2020-04-09 11-PM`; `symbol`; open, high, low, close; volumes, each with its currency in its name, `Volume BTC,Volume USD`: that of the base is the
one that counts; further columns such as `tradecount` (cryptodatadownload.com/data, files of 2017 to 2026). A file's name tells venue, pair and
length (Binance_BTCUSDT_1h.csv).
"""

import re
from collections.abc import Sequence

from app.errors import BadInput
from app.sources.clock import Unit
from app.sources.layout import BAR_FIELDS, Layout
from app.sources.plain import listed, words

_MARK = re.compile(rb"^\s*\"?(?:https?://)?(?:www\.)?cryptodatadownload\.com", re.IGNORECASE)
_TIMES = ("unix", "unix_timestamp", "date")


def is_one(head: bytes) -> bool:
    """Tell whether a file begins with the site's address."""
    return _MARK.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def layout(header: Sequence[str], *, base: str | None, label: str) -> Layout:
    """Return where our columns stand; of two volumes that of the base currency."""
    names = words(header)
    time = next((name for name in _TIMES if name in names), None)
    volume = _volume(names, base)
    missing = [name for name in BAR_FIELDS[1:5] if name not in names]
    if time is None or volume is None or missing:
        expected = "unix or date, open, high, low, close and a volume in the base currency, as in Volume BTC"
        raise BadInput(f"{label}: expected the columns {expected}, found {listed(header)}; get the file again")
    positions = (names.index(time), *(names.index(name) for name in BAR_FIELDS[1:5]), volume)
    return Layout(
        width=len(header),
        fields=BAR_FIELDS,
        positions=positions,
        names=tuple(header[position].strip() for position in positions),
        units={"ts": frozenset({Unit.SECONDS, Unit.MILLISECONDS, Unit.MICROSECONDS})},
        header=2,
        mixed=True,
    )


def _volume(names: Sequence[str], base: str | None) -> int | None:
    volumes = [position for position, name in enumerate(names) if name.startswith("volume")]
    own = [position for position in volumes if base is not None and names[position] == f"volume_{base.lower()}"]
    return next(iter([*own, *volumes]), None)
