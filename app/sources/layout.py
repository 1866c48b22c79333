"""Where a table's columns stand, whatever the format."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from app.sources.clock import Unit
from engine.schema import level_columns

BAR_FIELDS = ("ts", "open", "high", "low", "close", "volume")
TIMES = frozenset({"ts", "received", "published"})
WORDS = frozenset({"side", "trade_id", "liquidity_raw", "sqrt_price_x96"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Columns of a table: how many there are, where ours stand, what the file calls them."""

    width: int
    fields: tuple[str, ...]
    """What we read of a row: first its time or times, then numbers, then words."""
    positions: tuple[int, ...]
    """Of `fields`, in that order, from 0."""
    names: tuple[str, ...]
    """Of `fields`, in the file's words."""
    units: Mapping[str, frozenset[Unit]]
    """In which each time may be counted."""
    header: int
    """How many lines stand above the rows."""
    mixed: bool = False
    """Whether the unit of a time may change from row to row."""
    optional: bool = False
    """Whether a number may be empty, which reads as nan."""
    sides: Mapping[str, int] = field(default_factory=dict)
    """What words in lower case say of a trade's taker: 1 bought, -1 sold, 0 not known."""

    @property
    def times(self) -> tuple[str, ...]:
        """Fields that are times."""
        return tuple(name for name in self.fields if name in TIMES)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Fields that are numbers."""
        return tuple(name for name in self.fields if name not in TIMES | WORDS)

    @property
    def words(self) -> tuple[str, ...]:
        """Fields that are words."""
        return tuple(name for name in self.fields if name in WORDS)

    def without(self, left: str) -> "Layout":
        """Return a layout that leaves a field aside."""
        kept = [index for index, name in enumerate(self.fields) if name != left]
        return replace(
            self,
            fields=tuple(self.fields[index] for index in kept),
            positions=tuple(self.positions[index] for index in kept),
            names=tuple(self.names[index] for index in kept),
            units={name: units for name, units in self.units.items() if name != left},
        )


def headless(width: int, units: frozenset[Unit], volume: int = 5) -> Layout:
    """Return the layout of a table of bars without header that begins with open time and prices."""
    return Layout(
        width=width,
        fields=BAR_FIELDS,
        positions=(0, 1, 2, 3, 4, volume),
        names=("open time", *BAR_FIELDS[1:]),
        units={"ts": units},
        header=0,
    )


def level_fields(levels: int) -> tuple[str, ...]:
    """Return the numbers of a quote with so many levels, the best first."""
    return tuple(name for level in range(1, levels + 1) for name in level_columns(level))


def depth(found: Collection[str], most: int) -> int:
    """Return how many levels, up to `most`, a table has whole."""
    return next(level for level in range(1, most + 1) if level == most or not set(level_columns(level + 1)) <= set(found))
