"""Tables of bars with a header, CSV or Parquet: which of their columns are ours, by the names that are in use."""

import re
from collections.abc import Sequence

from app.errors import BadInput
from app.sources.clock import Unit
from app.sources.layout import BAR_FIELDS, Layout

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
    names = words(header)
    found = {field: [position for position, word in enumerate(names) if _is(field, word)] for field in BAR_FIELDS}
    unclear = [field for field in BAR_FIELDS if len(found[field]) != 1]
    if unclear:
        wanted = "; ".join(f"{field} ({', '.join(NAMES[field])})" for field in unclear)
        raise BadInput(f"{label}: expected one column each of {wanted}; found the columns {listed(header)}; {_advice(unclear)}")
    positions = tuple(found[field][0] for field in BAR_FIELDS)
    return Layout(
        width=len(header),
        fields=BAR_FIELDS,
        positions=positions,
        names=tuple(cleaned(header[position]) for position in positions),
        units={"ts": units(names[positions[0]])},
        header=1,
    )


def words(header: Sequence[str]) -> list[str]:
    """Return the names of columns as they are compared: in lower case, with _ for blanks."""
    return [cleaned(name).lower().replace(" ", "_") for name in header]


def cleaned(name: str) -> str:
    """Return a column's name without quotes and blanks around it."""
    return name.strip().strip('"')


def _is(field: str, word: str) -> bool:
    return _TIME.fullmatch(word) is not None if field == "ts" else word in NAMES[field]


def units(word: str) -> frozenset[Unit]:
    """Return the units that a column of times may be in, by the end of its name."""
    end = word.rpartition("_")[2]
    return frozenset({Unit(end)}) if end in set(Unit) else frozenset(Unit)


def _advice(unclear: Sequence[str]) -> str:
    if unclear == ["volume"]:
        return "bars without volume do not tell what could be traded: get them with volume, in base units"
    return "rename the columns, if they are bars with volume, or quotes (bid, bid_size, ask, ask_size)"


def listed(header: Sequence[str]) -> str:
    """Return the first names of columns, for a message."""
    names = ", ".join(name.strip()[:40] for name in header[:12])
    return f"{names} and {len(header) - 12} more" if len(header) > 12 else names
