"""Tables of quotes with a header, CSV or Parquet: which of their columns are ours, by the names that are in use."""

import re
from collections.abc import Mapping, Sequence

from app.errors import BadInput
from app.sources.layout import TIMES, Layout, depth, level_fields
from app.sources.plain import cleaned, listed, units, words

NAMES = {
    "ts": ("ts", "timestamp", "time", "event_time", "exchange_time", "datetime", "date"),
    "received": ("received", "received_at", "receive_time", "recv_time", "local_timestamp", "local_time", "local_ts"),
    "bid": ("bid", "bid_price", "bid_px", "best_bid", "best_bid_price"),
    "bid_size": ("bid_size", "bid_qty", "bid_quantity", "bid_amount", "bid_sz", "best_bid_size", "best_bid_qty"),
    "ask": ("ask", "ask_price", "ask_px", "best_ask", "best_ask_price"),
    "ask_size": ("ask_size", "ask_qty", "ask_quantity", "ask_amount", "ask_sz", "best_ask_size", "best_ask_qty"),
}
"""What columns are called, in any case. Times may end in their unit (ts_us), and all others in their level (bid_1, bid_2, bid_size_2…)."""

_FIELD = {name: field for field, names in NAMES.items() for name in names}
_WORD = re.compile(r"(?P<name>.+?)(?:_(?P<unit>s|ms|us|ns)|_(?P<level>[1-9]\d*))?")


def is_one(header: Sequence[str]) -> bool:
    """Tell whether a header is of quotes: it names a bid and an ask."""
    return {"bid", "ask"} <= {field for word in words(header) if (field := _field(word))}


def layout(header: Sequence[str], *, label: str, levels: int) -> Layout:
    """Return where our columns stand in a header, with at most so many levels; other columns are left aside."""
    found: dict[str, list[int]] = {}
    for position, word in enumerate(words(header)):
        if field := _field(word):
            found.setdefault(field, []).append(position)
    _check(found, header, label)
    wanted = (*sorted(TIMES & set(found), reverse=True), *level_fields(depth(found, levels)))
    return chosen(header, {field: found[field][0] for field in wanted})


def chosen(header: Sequence[str], found: Mapping[str, int]) -> Layout:
    """Return the layout of a table of quotes whose fields stand at these positions."""
    names = tuple(cleaned(header[position]) for position in found.values())
    return Layout(
        width=len(header),
        fields=tuple(found),
        positions=tuple(found.values()),
        names=names,
        units={field: units(name.lower()) for field, name in zip(found, names, strict=True) if field in TIMES},
        header=1,
        optional=True,
    )


# Ours for a word of a header: `ts` for `timestamp_ms`, `bid_size_2` for `bid_qty_2`.
def _field(word: str) -> str | None:
    parts = _WORD.fullmatch(word)
    field = _FIELD.get(parts["name"]) if parts else None
    if parts is None or field is None or (parts["unit"] and field not in TIMES) or (parts["level"] and field in TIMES):
        return None
    return field if parts["level"] in {None, "1"} else f"{field}_{parts['level']}"


def _check(found: Mapping[str, Sequence[int]], header: Sequence[str], label: str) -> None:
    unclear = [field for field in level_fields(1) if len(found.get(field, ())) != 1] + [field for field, at in found.items() if len(at) > 1]
    wanted = [f"{field} ({', '.join(NAMES.get(field, (field,)))})" for field in dict.fromkeys(unclear)]
    if not TIMES & set(found):
        wanted.append(f"ts ({', '.join(NAMES['ts'])}) or received ({', '.join(NAMES['received'])})")
    if wanted:
        raise BadInput(f"{label}: expected one column each of {'; '.join(wanted)}; found the columns {listed(header)}; rename the columns")
