"""Venues and their instruments: what an account pays, how far it is, what lies there, and what can be traded."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.schema import SeriesKey
from engine.spec.fees import FeeRow, by_start
from engine.units import Amount, Bps, ChargedIn, Currency, Duration, Instant, InstrumentName, SignedDuration, Table, VenueName

DataKind = Literal["bars", "quotes", "quote_bars", "pool", "pool_bars"]
POOLS = frozenset({"pool", "pool_bars"})
"""Kinds of data that are states of pools: as recorded, or one at the end of each interval."""


class Window(Table):
    """A stretch of time, its end not included."""

    start: Instant
    end: Instant

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class Venue(Table):
    """An account at an exchange, a desk or a bank."""

    fee_bps: Bps | None = None
    """Taker fee, where it is one for all instruments and all time; else `fees`."""
    fee_currency: ChargedIn = "quote"
    """What `fee_bps` is charged in."""
    fees: Annotated[tuple[FeeRow, ...], AfterValidator(by_start)] = ()
    """The fee schedule; at every time of a run exactly one row holds for an instrument."""
    volume_30d: Annotated[Amount, Field(ge=0)] = Decimal(0)
    """What the account traded here in the 30 days before the start [numeraire]; our fills are added to it."""
    feed_latency: Duration = 0
    """From event at the venue to us."""
    order_latency: Duration = 0
    """From our decision to the venue."""
    clock_offset: SignedDuration = 0
    """What is added to receive times of its data: the recorder's clock was so far behind."""
    outages: Annotated[tuple[Window, ...], AfterValidator(lambda found: tuple(sorted(found, key=lambda w: (w.start, w.end))))] = ()
    """When nothing could be traded there."""
    balances: dict[Currency, Annotated[Amount, Field(ge=0)]] = Field(default_factory=dict)
    """Starting balances by currency."""

    @model_validator(mode="after")
    def _has_one_schedule(self) -> Self:
        if self.fee_bps is not None and self.fees:
            raise ValueError("give either fee_bps or fees")
        if self.fee_bps is None and self.fee_currency != "quote":
            raise ValueError("fee_currency belongs to fee_bps; rows of fees have charged_in")
        return self

    @property
    def schedule(self) -> tuple[FeeRow, ...]:
        """All that it charges, as rows."""
        return self.fees if self.fee_bps is None else (FeeRow(taker_bps=self.fee_bps, charged_in=self.fee_currency),)

    @property
    def fee_assets(self) -> set[str]:
        """Currencies that fees are charged in beside what is traded."""
        return {row.asset for row in self.schedule if row.asset is not None}

    def stated_fees(self, where: str) -> list[tuple[str, float]]:
        """Return every fee with the path at which it stands [bps]."""
        found = [] if self.fee_bps is None else [(f"{where}.fee_bps", self.fee_bps)]
        for at, row in enumerate(self.fees):
            found += [] if row.taker_bps is None else [(f"{where}.fees.{at}.taker_bps", row.taker_bps)]
            found += [(f"{where}.fees.{at}.tiers.{of}.taker_bps", tier.taker_bps) for of, tier in enumerate(row.tiers)]
        return found


class Perpetual(Table):
    """What makes an instrument a linear perpetual: positions in the base, prices, margin and funding in the quote."""

    initial_margin_bps: Annotated[float, Field(gt=0, le=10_000)]
    """What opening a position takes, and what it holds, of its value."""
    maintenance_margin_bps: Annotated[float, Field(gt=0, lt=10_000)]
    """Below so much of its value the venue closes it."""

    @model_validator(mode="after")
    def _opens_above_where_it_is_closed(self) -> Self:
        if self.maintenance_margin_bps >= self.initial_margin_bps:
            raise ValueError("maintenance_margin_bps must be below initial_margin_bps: a position would be closed as it is opened")
        return self


class Instrument(Table):
    """One market of one venue, and what the run uses it for."""

    venue: str
    name: InstrumentName
    use: Literal["trade", "convert", "mark"] = "trade"
    """`trade`: a leg; `convert`: values foreign quote currencies in decisions; `mark`: only marks. The first two mark as well."""
    data: DataKind = "bars"
    """What its series is made of."""
    half_spread_bps: Bps | None = None
    """Assumed distance of bid and ask from a bar's price; bars need it, quotes have their own."""
    tick: Annotated[Amount, Field(gt=0)]
    """Price step [quote]."""
    lot: Annotated[Amount, Field(gt=0)]
    """Quantity step [base]."""
    min_notional: Annotated[Amount, Field(ge=0)]
    """Least price × quantity of an order [quote]."""
    block_time: Duration | None = None
    """Pools that are traded: the longest time between two blocks of the chain."""
    gas: Annotated[Amount, Field(ge=0)] | None = None
    """Pools that are traded: what a swap burns, filled or reverted [gas_currency]."""
    gas_currency: Currency | None = None
    """Pools that are traded: what gas is paid in, from the venue's wallet."""
    max_age: Duration | None = None
    """For how long a quote counts after its event; none: 5 s, a pool's state 5 min, quote bars and pool bars one interval."""
    channel: VenueName | None = None
    """What it was sent by, with other instruments of its venue: `max_age` counts from the last event of any of them, good or not."""
    perpetual: Annotated[Perpetual | None, Field(exclude_if=lambda table: table is None)] = None
    """Its margins, where it is a perpetual; none: spot."""

    @model_validator(mode="after")
    def _has_what_its_data_needs(self) -> Self:
        if self.data == "bars" and self.half_spread_bps is None:
            raise ValueError('half_spread_bps is required with data = "bars": a bar does not say how far bid and ask are apart')
        if self.data != "bars" and self.half_spread_bps is not None:
            has = "has a price of its own" if self.data in POOLS else "have a bid and an ask"
            raise ValueError(f'half_spread_bps has no meaning with data = "{self.data}", which {has}: leave it out')
        if self.data in POOLS and self.use == "convert":
            raise ValueError(f'use = "convert" is not for data = "{self.data}", whose price is neither bid nor ask: write use = "mark"')
        self._check_gas()
        if self.data == "bars" and self.max_age is not None:
            raise ValueError('max_age has no meaning with data = "bars", of which only those of one interval meet: leave it out')
        if self.max_age == 0:
            raise ValueError("max_age must be longer than 0")
        if self.data != "quotes" and self.channel is not None:
            raise ValueError(f'channel has no meaning with data = "{self.data}": only recorded quotes tell that a feed is alive; leave it out')
        return self

    def _check_gas(self) -> None:
        terms = {"block_time": self.block_time, "gas": self.gas, "gas_currency": self.gas_currency}
        if self.data in POOLS and self.use == "trade":
            missing = [name for name, value in terms.items() if value is None]
            if missing:
                raise ValueError(
                    f'{", ".join(missing)} must be given with data = "{self.data}" and use = "trade": a swap waits for a block and burns gas'
                )
            if self.block_time == 0:
                raise ValueError("block_time must be longer than 0")
            return
        given = [name for name, value in terms.items() if value is not None]
        if given:
            raise ValueError(f"{', '.join(given)} belongs to pools that are traded: leave it out")

    @property
    def key(self) -> SeriesKey:
        """Venue and name."""
        return SeriesKey(self.venue, self.name)

    @property
    def half_spread(self) -> float:
        """`half_spread_bps` as a fraction; 0 where quotes have their own spread."""
        return 0.0 if self.half_spread_bps is None else self.half_spread_bps * 1e-4
