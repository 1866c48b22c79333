"""Market data as the schema shows it: venues, instruments, what is stored of them, bars as columns."""

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Self

import polars as pl
import strawberry

from app.api.context import Info
from app.api.quality import DAYS, QualityDay, window
from app.api.scalars import Columns, Count, Interval
from app.api.types import field, resolver
from app.errors import BadInput
from app.services import market
from app.sources.kinds import Kind
from engine.schema import SYNTHETIC_PREFIX, SeriesKey

argument = strawberry.argument


@strawberry.type(description="A place to trade at.")
class Venue:
    """A venue by its name."""

    name: str = field(description="Its name in lower case: `kraken`.")

    @resolver("Whether its prices are invented, not traded.")
    def synthetic(self) -> bool:
        """Tell by the name."""
        return self.name.startswith(SYNTHETIC_PREFIX)

    @resolver("Its markets, by name.")
    async def instruments(self, info: Info) -> list["Instrument"]:
        """Load them with those of the other venues."""
        return [Instrument.of(i) for i in await info.context.loaders.instruments.load(self.name)]


@strawberry.enum(description="What the rows of a series are.")
class SeriesData(Enum):
    """Kinds of rows, by the words of a spec."""

    BARS = strawberry.enum_value("bars", description="Open, high, low, close and volume of an interval, by its open time.")
    QUOTES = strawberry.enum_value("quotes", description="Best bid and ask with sizes, and further levels where there are any, as recorded.")
    QUOTE_BARS = strawberry.enum_value("quote_bars", description="The quote at the end of each interval.")
    TRADES = strawberry.enum_value("trades", description="Single trades, as the venue printed them.")
    POOL = strawberry.enum_value("pool", description="States of a pool after its changes: price, liquidity, active range.")
    POOL_BARS = strawberry.enum_value("pool_bars", description="The state of a pool at the end of each interval.")
    FUNDING = strawberry.enum_value("funding", description="Payments of a perpetual, by when they are paid.")


@strawberry.type(description="What is stored of an instrument, of one kind.")
class Coverage:
    """Ends and number of the rows of one kind."""

    data: SeriesData = field(description="What the rows are.")
    interval: Interval | None = field(description="Length of bars of all kinds; null for rows that have none.")
    first: datetime = field(description="Open time of the first bar, when the first payment of funding is due, arrival of the first of other rows.")
    last: datetime = field(description="Open time of the last bar, when the last payment of funding is due, arrival of the last of other rows.")
    series: strawberry.Private[tuple[SeriesKey, Kind]]
    rows: Count = field(description="Number of rows; of bars, fewer than the time between the ends would hold where there are gaps.")

    @resolver(f"How good its days are, as far as they were looked at: at most {DAYS} days.")
    async def quality(
        self,
        info: Info,
        first: Annotated[date | None, argument(description="The first day; else 30 days before the last.")] = None,
        last: Annotated[date | None, argument(description="The last day; else that of the last row.")] = None,
    ) -> list[QualityDay]:
        """Load them with those of the other series."""
        found = await info.context.loaders.days.load((*self.series, *window(first, last, self.last.date())))
        return [QualityDay.of(one) for one in found]

    @classmethod
    def of(cls, found: market.Coverage, key: SeriesKey) -> Self:
        """Return what is stored as the schema shows it."""
        interval = Interval(found.interval_us) if found.interval_us else None
        series = (key, found.kind)
        return cls(data=SeriesData(found.data), interval=interval, first=found.first, last=found.last, rows=Count(found.count), series=series)


@strawberry.type(description="A market of a venue.")
class Instrument:
    """An instrument by its venue and name."""

    venue: Venue = field(description="Where it is traded.")
    name: str = field(description="Its name, BASE/QUOTE: `USDC/USD`.")
    base: str = field(description="The currency that is bought and sold.")
    quote: str = field(description="The currency that prices are in.")
    coverage: list[Coverage] = field(description="What is stored, by kind and length.")

    @classmethod
    def of(cls, found: market.InstrumentInfo) -> Self:
        """Return an instrument as the schema shows it."""
        coverage = [Coverage.of(one, found.key) for one in found.coverage]
        return cls(venue=Venue(name=found.venue), name=found.name, base=found.base, quote=found.quote, coverage=coverage)


@strawberry.type(description="Bars of one instrument as columns, at most as many points as were asked for.")
class BarSeries:
    """A series of bars."""

    venue: str = field(description="The venue's name.")
    instrument: str = field(description="The instrument's name, BASE/QUOTE.")
    interval: Interval = field(description="Length of the stored bars.")
    synthetic: bool = field(description="Whether the prices are invented, not traded.")
    points: int = field(description="Length of each column.")
    columns: Columns = field(
        description="`ts` (open time in ms since the epoch), `open`, `high`, `low`, `close` (quote per base) and `volume` (base). Where more"
        " bars lie in the range than points were asked for, each point stands for several: first open, highest high, lowest low, last close,"
        " summed volume."
    )


@strawberry.input(description="A market by its names.")
class MarketInput:
    """Venue and instrument."""

    venue: str = strawberry.field(description="The venue's name.")
    instrument: str = strawberry.field(description="The instrument's name, BASE/QUOTE.")

    def key(self) -> SeriesKey:
        """Return the key of its series; BadInput for what is no instrument."""
        if self.instrument.count("/") != 1:
            raise BadInput(f"instrument: expected BASE/QUOTE, found {self.instrument[:80]!r}")
        return SeriesKey(self.venue, self.instrument)


@strawberry.type(description="How much dearer one market is than another, as columns, at most as many points as were asked for.")
class SpreadSeries:
    """A spread."""

    interval: Interval = field(description="Length of the stored bars.")
    synthetic: bool = field(description="Whether any of the prices are invented, not traded.")
    points: int = field(description="Length of each column.")
    columns: Columns = field(
        description="`ts` (open time in ms since the epoch), `last`, `low` and `high`: 1e4 × (close of `other` / close of `market` - 1) in bps,"
        " where both have a bar. Where more lie in the range than points were asked for, each point stands for several, and has the last, the"
        " lowest and the highest of them. Quote currencies may differ: then their rate is in the spread."
    )

    @classmethod
    def of(cls, found: pl.DataFrame, *, interval: Interval, venues: tuple[str, str]) -> Self:
        """Return a frame of `app.services.spread`."""
        numbers = {name: found[name].to_numpy() for name in ("last", "low", "high")}
        shown = Columns({"ts": found["ts"].dt.epoch("ms").to_numpy()} | numbers)
        synthetic = any(venue.startswith(SYNTHETIC_PREFIX) for venue in venues)
        return cls(interval=interval, synthetic=synthetic, points=found.height, columns=shown)


def columns(bars: pl.DataFrame) -> Columns:
    """Return a frame of `engine.schema.BARS` as arrays, which the response encodes without a loop."""
    numbers = {name: bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    return Columns({"ts": bars["ts"].dt.epoch("ms").to_numpy()} | numbers)
