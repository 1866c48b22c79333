"""The spec of a backtest: what a user writes in TOML, validated into frozen values, and back into one canonical form."""

import difflib
import hashlib
import itertools
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, PlainSerializer, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from engine.errors import Problem, SpecError
from engine.schema import ATOMS_PER_UNIT, US_PER_SECOND, SeriesKey, micros
from engine.strategies.spatial import Spatial
from engine.units import LARGEST_AMOUNT, Amount, Bps, Duration, Table, atoms

FRACTION_SUSPECT_BPS = 0.1
"""A fee above 0 and below this [bps] looks like a fraction: 0.001 where 10 was meant."""

MARK_MAX_AGE_US = 300_000_000
"""A mark's source is fresh for five minutes after its event."""

_HOUR_US = 3_600 * US_PER_SECOND

_CURRENCY, _INSTRUMENT = r"^[A-Z0-9]{2,12}$", r"^[A-Z0-9]{2,12}/[A-Z0-9]{2,12}$"
_VENUE, _TITLE = r"^[a-z0-9_.-]{1,40}$", r"^[^\x00-\x1f\x7f]{1,200}$"
_FORMS = {
    _CURRENCY: "2 to 12 capital letters or digits",
    _INSTRUMENT: 'BASE/QUOTE in capitals, such as "BTC/USDC"',
    _VENUE: "1 to 40 lower-case letters, digits, _, . or -",
    _TITLE: "one line of 1 to 200 characters",
}

Currency = Annotated[str, StringConstraints(pattern=_CURRENCY)]
Instant = Annotated[AwareDatetime, PlainSerializer(lambda t: t.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str)]


class Venue(Table):
    """An account at an exchange: what it charges, how far it is, and what lies there at the start."""

    fee_bps: Bps
    """Taker fee, in the quote currency, on both sides."""
    feed_latency: Duration
    """From event at the venue to us."""
    order_latency: Duration
    """From our decision to the venue."""
    balances: dict[Currency, Annotated[Amount, Field(ge=0)]] = Field(default_factory=dict)
    """Starting balances by currency."""


class Instrument(Table):
    """One market of one venue, and what the run uses it for."""

    venue: str
    name: Annotated[str, StringConstraints(pattern=_INSTRUMENT)]
    use: Literal["trade", "convert", "mark"] = "trade"
    """`trade`: a leg; `convert`: values foreign quote currencies in decisions; `mark`: only marks. The first two mark as well."""
    half_spread_bps: Bps
    """Assumed distance of bid and ask from a bar's price."""
    tick: Annotated[Amount, Field(gt=0)]
    """Price step [quote]."""
    lot: Annotated[Amount, Field(gt=0)]
    """Quantity step [base]."""
    min_notional: Annotated[Amount, Field(ge=0)]
    """Least price × quantity of an order [quote]."""

    @property
    def key(self) -> SeriesKey:
        """Venue and name."""
        return SeriesKey(self.venue, self.name)


class Execution(Table):
    """How orders meet bars (docs/model.md, "Fills on bars")."""

    volume_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Largest share of a bar's volume that is ours."""
    fill_price: Literal["open", "worst"] = "open"
    tolerance_bps: Bps = 0.0
    """Distance of the limit from the decided price, against us."""
    max_wait: Duration | None = None
    """How long an order waits for a bar with volume; none: one interval."""


class Spec(Table):
    """A backtest, whole: the same for files, API and console."""

    name: Annotated[str, StringConstraints(pattern=_TITLE)]
    numeraire: Currency = "USD"
    start: Instant
    end: Instant
    interval: Duration
    """Length of the bars."""
    clock: Duration = 60_000_000
    """Distance of the ticks on which equity is taken."""
    assume_par: Annotated[tuple[Currency, ...], AfterValidator(lambda names: tuple(sorted(set(names))))] = ()
    """Currencies that decisions (never marks) count as 1."""
    strategy: Spatial
    execution: Execution = Execution()
    venues: Annotated[dict[Annotated[str, StringConstraints(pattern=_VENUE)], Venue], Field(min_length=1)]
    instruments: Annotated[tuple[Instrument, ...], Field(min_length=1), AfterValidator(lambda found: tuple(sorted(found, key=lambda i: i.key)))]

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        problems = _contradictions(self)
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def legs(self) -> tuple[Instrument, ...]:
        """The traded instruments, by venue, then name."""
        return tuple(i for i in self.instruments if i.use == "trade")

    @property
    def series(self) -> tuple[SeriesKey, ...]:
        """All series that the run reads, by venue, then name."""
        return tuple(i.key for i in self.instruments)

    @property
    def base(self) -> str:
        """The currency that the legs buy and sell."""
        return self.legs[0].key.base

    @property
    def comparison_currency(self) -> str:
        """What edges are measured in: the legs' one quote currency, else the numeraire."""
        quotes = {leg.key.quote for leg in self.legs}
        return quotes.pop() if len(quotes) == 1 else self.numeraire

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency that is held or traded, sorted: the ones that need a mark."""
        held = {c for v in self.venues.values() for c in v.balances}
        return tuple(sorted(held | {c for leg in self.legs for c in (leg.key.base, leg.key.quote)} | {self.numeraire}))

    @property
    def max_wait_us(self) -> int:
        """How long an order waits for a bar with volume [µs]."""
        return self.execution.max_wait if self.execution.max_wait is not None else self.interval

    @property
    def feed_latency_us(self) -> int:
        """The largest feed latency of the run's venues, by which every bar is available late [µs]."""
        return max(v.feed_latency for v in self.venues.values())

    def canonical(self) -> dict[str, object]:
        """Return the JSON form that parses back to an equal spec; lists that have no order are sorted."""
        return self.model_dump(mode="json")

    def hash(self) -> str:
        """Return the SHA-256 of the canonical form."""
        return hashlib.sha256(json.dumps(self.canonical(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def warnings(self) -> list[str]:
        """Return sentences about values that are allowed and look like mistakes."""
        found = [
            f"venues.{name}.fee_bps = {venue.fee_bps:g} looks like a fraction; fees are in bps, and that fraction is {venue.fee_bps * 1e4:g} bps"
            for name, venue in sorted(self.venues.items())
            if 0 < venue.fee_bps < FRACTION_SUSPECT_BPS
        ]
        if self.assume_par:
            found.append(
                f"assume_par: decisions count {', '.join(self.assume_par)} as one {self.comparison_currency}, whatever it is worth; marks do not"
            )
        return found


def parse_spec(form: Mapping[str, object]) -> Spec:
    """Return the spec of a parsed TOML or JSON document; SpecError lists every problem found."""
    try:
        return Spec.model_validate(form)
    except ValidationError as error:
        raise SpecError([p for e in error.errors() for p in _problems(e, form)]) from None


def parse_spec_toml(text: str) -> Spec:
    """Return the spec of a TOML document; SpecError names the line where it is no TOML."""
    try:
        form = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError([Problem(path="", message=f"this is not TOML: {error}")]) from None
    return parse_spec(form)


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of a spec."""
    return Spec.model_json_schema()


def _contradictions(spec: Spec) -> list[str]:
    return [sentence for check in (_time_problems, _instrument_problems, _leg_problems, _amount_problems) for sentence in check(spec)]


def _time_problems(spec: Spec) -> list[str]:
    found = []
    if spec.interval <= 0 or spec.clock <= 0:
        return ["interval and clock must be longer than 0"]
    if spec.clock % US_PER_SECOND or _HOUR_US % spec.clock:  # returns are counted by the hour
        found.append("clock must be a multiple of 1 s that divides 1 h")
    if spec.start >= spec.end:
        found.append(f"start ({_iso(spec.start)}) must be before end ({_iso(spec.end)})")
    for name, when in (("start", spec.start), ("end", spec.end)):
        if micros(when) % spec.clock:
            found.append(f"{name} ({_iso(when)}) must lie on the clock, a multiple of {spec.clock / 1e6:g} s")
    if spec.max_wait_us <= 0 or spec.max_wait_us % spec.interval:
        found.append("execution.max_wait must be a multiple of interval")
    for name, venue in spec.venues.items():
        if venue.feed_latency >= spec.interval:
            found.append(f"venues.{name}.feed_latency must be below the interval: bars of two intervals would meet otherwise")
    return found


def _instrument_problems(spec: Spec) -> list[str]:
    found = [
        f"instruments: {i.key} is at venue {i.venue!r}, which [venues] does not have; {_suggest(i.venue, spec.venues)}"
        for i in spec.instruments
        if i.venue not in spec.venues
    ]
    found += [f"instruments: {i.key} has one currency on both sides" for i in spec.instruments if i.key.base == i.key.quote]
    found += [f"instruments: {key} is there twice" for key in sorted(set(spec.series)) if spec.series.count(key) > 1]
    idle = sorted(set(spec.venues) - {i.venue for i in spec.instruments})
    return found + [f"venues.{name} has no instrument: add one or leave the venue out" for name in idle]


def _leg_problems(spec: Spec) -> list[str]:
    if len(spec.legs) < 2:
        return ['instruments: at least two with use = "trade" are needed']
    bases = sorted({leg.key.base for leg in spec.legs})
    found = [f'instruments: those with use = "trade" must have one base currency, found {", ".join(bases)}'] if len(bases) > 1 else []
    common = spec.comparison_currency
    convertible = {currency for i in spec.instruments if i.use == "convert" for currency in _other_side(i.key, common)}
    foreign = {leg.key.quote for leg in spec.legs} - {common} - convertible - set(spec.assume_par)
    return found + [
        f"instruments: {currency} is a quote currency beside {common}; add an instrument {currency}/{common}"
        ' with use = "convert", or name it in assume_par'
        for currency in sorted(foreign)
    ]


def _other_side(key: SeriesKey, currency: str) -> set[str]:
    sides = {key.base, key.quote}
    return sides - {currency} if currency in sides else set()


def _amount_problems(spec: Spec) -> list[str]:
    return [
        f"instruments: no quantity up to 1e10 is a multiple of the lots of both {a.key} ({a.lot}) and {b.key} ({b.lot})"
        for a, b in itertools.combinations(spec.legs, 2)
        if math.lcm(atoms(a.lot), atoms(b.lot)) > LARGEST_AMOUNT * ATOMS_PER_UNIT
    ]


def _problems(error: ErrorDetails, form: Mapping[str, object]) -> list[Problem]:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])
        return [Problem(path=path, message=f"unknown key; {_suggest(name, _keys_at(error['loc'][:-1]))}")]
    if error["type"] == "missing":
        return [Problem(path=path, message="is required")]
    if error["type"] == "string_pattern_mismatch":
        return [Problem(path=path.removesuffix(".[key]"), message=f"expected {_FORMS[error['ctx']['pattern']]}, found {error['input']!r}")]
    message = error["msg"].removeprefix("Value error, ")
    found = "" if error["type"] == "value_error" else f", found {error['input']!r}"
    return [Problem(path=path, message=f"{line}{found}") for line in message.splitlines()]


def _keys_at(loc: tuple[int | str, ...]) -> list[str]:
    table: type[BaseModel] = Spec
    for part in loc:
        if part in table.model_fields:
            inner = [
                t
                for t in (table.model_fields[str(part)].annotation, *get_args(table.model_fields[str(part)].annotation))
                if isinstance(t, type) and issubclass(t, BaseModel)
            ]
            table = inner[0] if inner else table
    return list(table.model_fields)


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
