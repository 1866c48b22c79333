"""Tables with a header, CSV or Parquet: which of their columns are ours, by the names that are in use."""

import re
from collections.abc import Sequence

from app.errors import BadInput
from app.sources.clock import Unit
from app.sources.layout import FIELDS, Layout

NAMES = {
    "ts": ("ts", "timestamp", "time", "open_time", "opentime", "date", "datetime", "unix"),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "vol", "v", "base_volume", "volume_base"),
}
"""What columns are called, in any case; the open time may end in its unit: open_time_ms, ts_us, time_s."""

_TIME = re.compile(rf"({'|'.join(NAMES['ts'])})(?:_(s|ms|us|ns))?")


def layout(header: Sequence[str], *, label: str) -> Layout:
    """Return where our columns stand in a header; other columns are left aside."""
    words = [name.strip().strip('"').lower().replace(" ", "_") for name in header]
    found = {field: [position for position, word in enumerate(words) if _is(field, word)] for field in FIELDS}
    unclear = [field for field in FIELDS if len(found[field]) != 1]
    if unclear:
        wanted = "; ".join(f"{field} ({', '.join(NAMES[field])})" for field in unclear)
        raise BadInput(f"{label}: expected one column each of {wanted}; found the columns {_listed(header)}; {_advice(unclear)}")
    positions = tuple(found[field][0] for field in FIELDS)
    unit = _unit(words[positions[0]])
    return Layout(
        width=len(header),
        positions=positions,
        names=tuple(header[position].strip().strip('"') for position in positions),
        units=frozenset(Unit) if unit is None else frozenset({unit}),
        header=True,
    )


def _is(field: str, word: str) -> bool:
    return _TIME.fullmatch(word) is not None if field == "ts" else word in NAMES[field]


def _unit(word: str) -> Unit | None:
    found = _TIME.fullmatch(word)
    return Unit(found[2]) if found and found[2] else None


def _advice(unclear: Sequence[str]) -> str:
    if unclear == ["volume"]:
        return "bars without volume do not tell what could be traded: get them with volume, in base units"
    return "rename the columns, if they are bars with volume"


def _listed(header: Sequence[str]) -> str:
    names = ", ".join(name.strip()[:40] for name in header[:12])
    return f"{names} and {len(header) - 12} more" if len(header) > 12 else names
