"""Where a table's columns stand, whatever the format."""

from dataclasses import dataclass

from app.sources.clock import Unit

FIELDS = ("ts", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Columns of a table of bars: how many there are, where ours stand, what the file calls them."""

    width: int
    positions: tuple[int, ...]
    """Of `FIELDS`, in that order, from 0."""
    names: tuple[str, ...]
    """Of `FIELDS`, in the file's words."""
    units: frozenset[Unit]
    """In which the format may count time."""
    header: bool


def headless(width: int, units: frozenset[Unit], volume: int = 5) -> Layout:
    """Return the layout of a table without header that begins with open time and prices."""
    return Layout(width=width, positions=(0, 1, 2, 3, 4, volume), names=("open time", *FIELDS[1:]), units=units, header=False)
