"""Tables of trades with a header, CSV or Parquet: which of their columns are ours, by the names that are in use."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from app.errors import BadInput
from app.sources.clock import Unit
from app.sources.layout import TIMES, Layout
from app.sources.plain import cleaned, listed, units, words

NAMES = {
    "ts": ("ts", "timestamp", "time", "event_time", "exchange_time", "trade_time", "transact_time", "datetime", "date"),
    "received": ("received", "received_at", "receive_time", "recv_time", "local_timestamp", "local_time", "local_ts"),
    "price": ("price", "px", "trade_price"),
    "size": ("size", "qty", "quantity", "amount", "volume", "trade_size", "base_qty"),
    "side": ("side", "taker_side", "aggressor_side", "is_buyer_maker", "isbuyermaker", "buyer_maker"),
    "trade_id": ("id", "trade_id", "tradeid", "agg_trade_id", "tid"),
}
"""What columns are called, in any case. Times may end in their unit (ts_us)."""

SIDES: Mapping[str, int] = MappingProxyType({"buy": 1, "b": 1, "1": 1, "sell": -1, "s": -1, "-1": -1, "0": 0, "": 0, "unknown": 0})
"""What a column of the taker's side says."""

BUYER_MAKER: Mapping[str, int] = MappingProxyType({"true": -1, "t": -1, "1": -1, "false": 1, "f": 1, "0": 1})
"""What a column says that tells whether the buyer was the maker: then the taker sold."""

_FIELD = {name: field for field, names in NAMES.items() for name in names}
_WORD = re.compile(r"(?P<name>.+?)(?:_(?P<unit>s|ms|us|ns))?")
_NEEDED = ("price", "size")
_OTHER = frozenset({"is_snapshot", "bid", "ask", "open", "high", "low", "close"})  # of changes of a book, quotes and bars


def is_one(header: Sequence[str]) -> bool:
    """Tell whether a header is of trades: it names a price and a size, and nothing that trades do not have."""
    names = words(header)
    return not _OTHER & set(names) and set(_NEEDED) <= {field for word in names if (field := _field(word))}


def layout(header: Sequence[str], *, label: str) -> Layout:
    """Return where our columns stand in a header; other columns are left aside."""
    found: dict[str, list[int]] = {}
    for position, word in enumerate(words(header)):
        if field := _field(word):
            found.setdefault(field, []).append(position)
    _check(found, header, label)
    order = ("ts", "received", "price", "size", "side", "trade_id")
    return chosen(header, {field: found[field][0] for field in order if field in found})


def chosen(header: Sequence[str], found: Mapping[str, int], sides: Mapping[str, int] | None = None) -> Layout:
    """Return the layout of a table of trades whose fields stand at these positions."""
    names = tuple(cleaned(header[position]) for position in found.values())
    side = names[tuple(found).index("side")].lower() if "side" in found else ""
    return Layout(
        width=len(header),
        fields=tuple(found),
        positions=tuple(found.values()),
        names=names,
        units={field: units(name.lower()) for field, name in zip(found, names, strict=True) if field in TIMES},
        header=1,
        sides=sides or (BUYER_MAKER if "maker" in side else SIDES),
    )


def headless(width: int, names: Mapping[str, str], positions: Sequence[int], layout_units: frozenset[Unit]) -> Layout:
    """Return the layout of a table of trades without header."""
    return Layout(
        width=width,
        fields=tuple(names),
        positions=tuple(positions),
        names=tuple(names.values()),
        units={"ts": layout_units},
        header=0,
        sides=BUYER_MAKER,
    )


def _field(word: str) -> str | None:
    if word in _FIELD:
        return _FIELD[word]
    parts = _WORD.fullmatch(word)
    field = _FIELD.get(parts["name"]) if parts else None
    return field if field in TIMES else None


def _check(found: Mapping[str, Sequence[int]], header: Sequence[str], label: str) -> None:
    unclear = [field for field, at in found.items() if len(at) > 1]
    wanted = [f"{field} ({', '.join(NAMES[field])})" for field in unclear]
    if not TIMES & set(found):
        wanted.append(f"ts ({', '.join(NAMES['ts'])}) or received ({', '.join(NAMES['received'])})")
    if wanted:
        raise BadInput(f"{label}: expected one column each of {'; '.join(wanted)}; found the columns {listed(header)}; rename the columns")
