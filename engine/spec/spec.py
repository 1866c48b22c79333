"""The spec of a backtest, whole, and what follows from it."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr

from engine.schema import STABLECOINS, US_PER_SECOND, SeriesKey, micros
from engine.spec.desk_hours import unpaid
from engine.spec.execution import Execution, QualityRules
from engine.spec.fees import FeeSpan, spans
from engine.spec.funds import Rebalance, Route, Suspension, unmoved
from engine.spec.risk import Risk
from engine.spec.venues import Instrument, Venue
from engine.strategies.combination import Combination, label
from engine.strategies.registry import AnyStrategy
from engine.units import Currency, Duration, Instant, Table, Title, VenueName

QUOTE_MAX_AGE_US = 5 * US_PER_SECOND
"""For how long a quote counts after its event, unless its instrument says otherwise."""

POOL_MAX_AGE_US = 300 * US_PER_SECOND
"""The same for a state of a pool, which stands until a swap: after five minutes of silence the feed is doubted."""

LASTING_US = {"quotes": QUOTE_MAX_AGE_US, "pool": POOL_MAX_AGE_US}
"""By kinds of data that have no interval."""

FRACTION_SUSPECT_BPS = 0.1
"""A fee above 0 and below this [bps] looks like a fraction: 0.001 where 10 was meant."""


class Spec(Table):
    """A backtest, whole: the same for files, API and console."""

    version: Literal[2]
    name: Title
    numeraire: Currency = "USD"
    start: Instant
    end: Instant
    interval: Duration | None = None
    """Length of bars and quote bars."""
    clock: Duration = 60_000_000
    """Distance of the ticks on which equity is taken."""
    assume_par: Annotated[tuple[Currency, ...], AfterValidator(lambda names: tuple(sorted(set(names))))] = ()
    """Currencies that decisions (never marks) count as 1."""
    strategy: AnyStrategy
    execution: Execution = Execution()
    risk: Risk = Risk()
    quality: QualityRules = QualityRules()
    rebalance: Rebalance | None = None
    venues: Annotated[dict[VenueName, Venue], Field(min_length=1)]
    instruments: Annotated[tuple[Instrument, ...], Field(min_length=1), AfterValidator(lambda found: tuple(sorted(found, key=lambda i: i.key)))]
    routes: Annotated[tuple[Route, ...], AfterValidator(lambda found: tuple(sorted(found, key=lambda r: r.name)))] = ()
    suspensions: Annotated[
        tuple[Suspension, ...], AfterValidator(lambda found: tuple(sorted(found, key=lambda s: (s.venue, s.currency, s.start, s.end, s.what))))
    ] = ()

    _migration: tuple[str, ...] = PrivateAttr(())

    def model_post_init(self, context: object, /) -> None:
        """Keep the notes of the migration, which are the context of the validation."""
        self._migration = tuple(map(str, context)) if isinstance(context, list) else ()

    def __eq__(self, other: object) -> bool:  # not by what was migrated
        return isinstance(other, Spec) and self.canonical() == other.canonical()

    def __hash__(self) -> int:
        return hash(self.hash())

    @property
    def legs(self) -> tuple[Instrument, ...]:
        """The traded instruments, by venue, then name."""
        return tuple(i for i in self.instruments if i.use == "trade")

    @property
    def perpetual(self) -> Instrument | None:
        """The traded perpetual; none but with `basis`."""
        return next((leg for leg in self.legs if leg.perpetual is not None), None)

    @property
    def series(self) -> tuple[SeriesKey, ...]:
        """All series that the run reads, by venue, then name."""
        return tuple(i.key for i in self.instruments)

    @property
    def combinations(self) -> tuple[Combination, ...]:
        """What may be sent as one package: pairs of legs, or cycles, in their order."""
        return self.strategy.combinations(self._leg_keys)

    @property
    def combination_labels(self) -> list[str]:
        """The same as people read them."""
        return [label(combination, self._leg_keys) for combination in self.combinations]

    @property
    def _leg_keys(self) -> list[SeriesKey]:
        return [leg.key for leg in self.legs]

    @property
    def base(self) -> str | None:
        """The currency that the legs buy and sell; none with cycles, which have several."""
        return self.strategy.base(self._leg_keys)

    @property
    def comparison_currency(self) -> str:
        """What edges and notionals are measured in: what cycles begin with, else the legs' one quote currency, else the numeraire."""
        return self.strategy.comparison(self._leg_keys, self.numeraire)

    @property
    def traded(self) -> frozenset[str]:
        """Base and quote currencies of the legs."""
        return frozenset(c for leg in self.legs for c in (leg.key.base, leg.key.quote))

    @property
    def held(self) -> frozenset[str]:
        """Currencies that a balance names."""
        return frozenset(c for v in self.venues.values() for c in v.balances)

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency that is held, traded, moved or charged, and the numeraire, sorted: the ones that need a mark."""
        moved = {route.currency for route in self.routes}
        charged = {asset for v in self.venues.values() for asset in v.fee_assets}
        burnt = {leg.gas_currency for leg in self.legs if leg.gas_currency is not None}
        return tuple(sorted({*self.held, *self.traded, *moved, *charged, *burnt, self.numeraire}))

    @property
    def wallets(self) -> tuple[tuple[str, str], ...]:
        """(venue, currency) of everything that can be held somewhere, by venue, then currency."""
        found = {(leg.venue, c) for leg in self.legs for c in (leg.key.base, leg.key.quote) if leg.perpetual is None or c == leg.key.quote}
        found |= {(leg.venue, leg.gas_currency) for leg in self.legs if leg.gas_currency is not None}
        found |= {(name, c) for name, venue in self.venues.items() for c in (*venue.balances, *venue.fee_assets)}
        return tuple(sorted(found | {(venue, route.currency) for route in self.routes for venue in (route.source, route.destination)}))

    @property
    def guarded(self) -> tuple[str, ...]:
        """Currencies whose peg the depeg guard watches, sorted; none without a guard."""
        guard = self.risk.depeg_guard
        if guard is None:
            return ()
        return guard.currencies or tuple(sorted((self.held | self.traded) & STABLECOINS - {self.numeraire}))

    @property
    def interval_us(self) -> int:
        """Length of bars and quote bars [µs]; 0 where the run has none."""
        return self.interval or 0

    @property
    def max_wait_us(self) -> int:
        """How long an order waits for a bar with volume [µs]."""
        return self.execution.max_wait if self.execution.max_wait is not None else self.interval_us

    @property
    def feed_latency_us(self) -> int:
        """The largest feed latency of the run's venues, by which every bar is available late [µs]."""
        return max(v.feed_latency for v in self.venues.values())

    def max_age_us(self, instrument: Instrument) -> int:
        """Return for how long an observation of an instrument counts after its event [µs]; of bars, only those of one interval meet."""
        if instrument.max_age is not None:
            return instrument.max_age
        return LASTING_US.get(instrument.data, self.interval_us - 1)

    def fee_rows(self, instrument: Instrument) -> tuple[FeeSpan, ...]:
        """Return what an instrument is charged from the start on, by time, without gap or overlap.

        The last span has no end: an order that is sent by the run's end may arrive after it, and at what is in force then. Empty where
        a venue has no fees, as one may whose instruments only mark.
        """
        venue = self.venues[instrument.venue]
        return spans(venue.schedule, instrument.name, start_us=micros(self.start), last_us=micros(self.end) + venue.order_latency)

    def canonical(self) -> dict[str, object]:
        """Return the JSON form that parses back to an equal spec; lists that have no order are sorted."""
        return self.model_dump(mode="json")

    def hash(self) -> str:
        """Return the SHA-256 of the canonical form."""
        return hashlib.sha256(json.dumps(self.canonical(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def warnings(self) -> list[str]:
        """Return sentences about what was set in migrating the spec, and about values that are allowed and look like mistakes."""
        return [*self._migration, *self.doubts()]

    def doubts(self) -> list[str]:
        """Return sentences about values that are allowed and look like mistakes; they depend on the canonical form alone."""
        found = [
            f"{where} = {bps:g} looks like a fraction; fees are in bps, and that fraction is {bps * 1e4:g} bps"
            for name, venue in sorted(self.venues.items())
            for where, bps in venue.stated_fees(f"venues.{name}")
            if 0 < bps < FRACTION_SUSPECT_BPS
        ]
        if self.assume_par:
            found.append(
                f"assume_par: decisions count {', '.join(self.assume_par)} as one {self.comparison_currency}, whatever it is worth; marks do not"
            )
        if self.risk.depeg_guard is not None and not self.guarded:
            found.append("risk.depeg_guard watches nothing: no stablecoin beside the numeraire is held or traded")
        redeems, length = self.strategy.redeems, micros(self.end) - micros(self.start)
        others = [r for r in self.routes if redeems is None or redeems.desk not in {r.source, r.destination}]
        if redeems is not None and self.base is not None:
            found += unpaid(redeems, self.base, self.suspensions, micros(self.start), micros(self.end))
        return [*found, *self.strategy.doubts(length), *unmoved(self.rebalance, others)]
