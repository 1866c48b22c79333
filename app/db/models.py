"""The tables, as SQLAlchemy models; `migrations/` makes them and a test holds the two equal."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.db.ids import new_id

Json = dict[str, Any]

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class RunState(StrEnum):
    """Where a run stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Priority(IntEnum):
    """Which of their own runs somebody wants first."""

    LOW = -1
    NORMAL = 0
    HIGH = 1


class RunKind(StrEnum):
    """What a run computes."""

    BACKTEST = "backtest"
    SWEEP = "sweep"
    PART = "part"
    """Some trials of a sweep, which other workers may take beside its other parts."""


class Base(DeclarativeBase):
    """Base of the tables: which column type a Python type stands for."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[Mapping[Any, Any]] = {
        str: Text,
        int: BigInteger,
        float: Double,
        bytes: LargeBinary,
        datetime: DateTime(timezone=True),
        Json: JSONB(none_as_null=True),
    }


class Venue(Base):
    """A place to trade at, by its lower-case name."""

    __tablename__ = "venues"

    id: Mapped[int] = mapped_column(SmallInteger, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Instrument(Base):
    """A venue's market `BASE/QUOTE`."""

    __tablename__ = "instruments"
    __table_args__ = (UniqueConstraint("venue_id", "name"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    venue_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("venues.id"))
    name: Mapped[str]
    base: Mapped[str]
    quote: Mapped[str]


class Bar(Base):
    """One bar by its open time, in the units of `engine.schema.BARS`.

    The natural key makes an import repeatable. No foreign key: its check for each row would slow the bulk path, which
    makes the instrument in the same transaction; nothing deletes instruments.
    """

    __tablename__ = "bars"

    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    interval_us: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ts: Mapped[datetime] = mapped_column(primary_key=True)
    open: Mapped[float]
    high: Mapped[float]
    low: Mapped[float]
    close: Mapped[float]
    volume: Mapped[float]


class Quote(Base):
    """One quote by its place in its series, in the units of `engine.schema.QUOTES`.

    The place is the time by which rows arrived so far and the row's number at that time (`app.services.sequence`): it keeps the order of
    the file, which event times do not give, and makes an import repeatable. The best prices stand in columns, since nearly every row has
    nothing more; further levels are one array, level by level as in `engine.schema.level_columns`, for one header instead of forty.
    A price that is not there is NaN. No foreign key, as with bars; the interval is 0, of quote bars their length.
    """

    __tablename__ = "quotes"

    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    interval_us: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    ts: Mapped[datetime | None]
    received: Mapped[datetime | None]
    bid: Mapped[float]
    bid_size: Mapped[float]
    ask: Mapped[float]
    ask_size: Mapped[float]
    levels: Mapped[list[float] | None] = mapped_column(ARRAY(Double))


class Trade(Base):
    """One trade by its place in its series, as with quotes, in the units of `engine.schema.TRADES`.

    The venue's number of a trade is no key: not all have one, and those of trades and of trades added up count apart.
    """

    __tablename__ = "trades"

    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    ts: Mapped[datetime | None]
    received: Mapped[datetime | None]
    price: Mapped[float]
    size: Mapped[float]
    side: Mapped[int] = mapped_column(SmallInteger)
    trade_id: Mapped[int | None]


class PoolState(Base):
    """One state of a pool by its place in its series, as with quotes, in the units of `engine.schema.POOL_STATES`.

    The interval is 0, of pool bars their length. What the chain keeps in more than 64 bits stands beside it to the last digit, where it is known.
    """

    __tablename__ = "pool_states"

    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    interval_us: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    ts: Mapped[datetime | None]
    received: Mapped[datetime | None]
    block: Mapped[int | None]
    price: Mapped[float]
    liquidity: Mapped[float]
    lower: Mapped[float]
    upper: Mapped[float]
    liquidity_raw: Mapped[Decimal | None] = mapped_column(Numeric(39, 0))
    sqrt_price_x96: Mapped[Decimal | None] = mapped_column(Numeric(49, 0))


class FundingRate(Base):
    """One payment of a perpetual by its time, in the units of `engine.schema.FUNDING`; without `published` its rate is known when it is paid."""

    __tablename__ = "funding_rates"

    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    ts: Mapped[datetime] = mapped_column(primary_key=True)
    published: Mapped[datetime | None]
    rate: Mapped[float]


class Import(Base):
    """What was read from one file, and how much of it was new."""

    __tablename__ = "imports"
    __table_args__ = (
        Index(None, "instrument_id", "interval_us"),
        CheckConstraint("data IN ('bars', 'quotes', 'quote_bars', 'trades', 'pool', 'pool_bars', 'funding')", name="data"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    path: Mapped[str]
    sha256: Mapped[str]
    format: Mapped[str]
    instrument_id: Mapped[int] = mapped_column(Integer, ForeignKey("instruments.id"))
    data: Mapped[str] = mapped_column(server_default="bars")
    interval_us: Mapped[int]
    rows_read: Mapped[int]
    rows_new: Mapped[int]
    first_ts: Mapped[datetime]
    last_ts: Mapped[datetime]
    detail: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))


class Run(Base):
    """A backtest or a sweep that was asked for: its spec, its state, who computes it, and what came out."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(state.value) for state in RunState)})", name="state"),
        CheckConstraint(f"kind IN ({', '.join(repr(kind.value) for kind in RunKind)})", name="kind"),
        Index(None, "state", "created_at"),
        Index("ix_runs_newest", text("created_at DESC"), "id"),
        Index("ix_runs_waiting", "created_by", text("priority DESC"), "created_at", "id", postgresql_where=text("state = 'queued'")),
        Index("ix_runs_under_way", "created_by", postgresql_where=text("state = 'running'")),
        Index("ix_runs_deadline", "deadline_at", postgresql_where=text("state = 'queued' AND deadline_at IS NOT NULL")),
        Index(None, "finished_at"),
        Index(None, "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
        Index("ix_runs_request_key", "created_by", "request_key", unique=True, postgresql_where=text("request_key IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str]
    name: Mapped[str]
    strategy: Mapped[str]
    spec: Mapped[Json]
    spec_hash: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=RunState.QUEUED.value)
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    stage: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    crashes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(server_default=false())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    summary: Mapped[Json | None]
    manifest: Mapped[Json | None]
    manifest_hash: Mapped[str | None]
    kind: Mapped[str] = mapped_column(server_default=RunKind.BACKTEST.value)
    trials: Mapped[int | None]
    """Of a sweep: how many there are, at most until it is done."""
    trials_done: Mapped[int | None]
    eta_s: Mapped[float | None]
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    deadline_at: Mapped[datetime | None]
    """After which nobody wants the result."""
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    """Of a part: its sweep."""
    part_first: Mapped[int | None]
    """Of a part: where it begins, in the order of `engine.sweep.part`; it has `trials` trials."""
    open_parts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Of a sweep: how many parts are not done. Until then it is running without a worker of its own."""
    request_key: Mapped[str | None]
    """A name of the submitter's for the request: asked again under it, nothing is queued."""


class SweepPart(Base):
    """Rows of some trials of a sweep that is on its way, as Parquet; gone once its result is whole, or a while after it ended without one.

    No two parts share a trial, whoever computes them, so the first one names a part.
    """

    __tablename__ = "sweep_parts"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    first_trial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    trials: Mapped[int]
    made_from: Mapped[str]
    """Digest of the data and of the code: rows of others are not counted with these."""
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now())
    rows: Mapped[bytes]


class RunFile(Base):
    """One file of a run's result, as `Result.files()` names it."""

    __tablename__ = "run_files"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class Outbox(Base):
    """A ring that the queue server still owes a worker: written with the run, marked when sent."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(Integer)
    sent_at: Mapped[datetime | None]


class SeriesDay(Base):
    """A day of a series that has, or may have, rows; `changed` counts how often what is stored of it changed, by a trigger on `imports`."""

    __tablename__ = "series_days"

    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    data: Mapped[str] = mapped_column(primary_key=True)
    interval_us: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    changed: Mapped[int]


class Snapshot(Base):
    """A version of a day of a series as a file, by the hash of its columns; the current one has no `retired_at`, an empty day no file.

    `file_sha256` is of the file's bytes, where they were seen to hold those columns (`app.services.snapshot_files`).
    """

    __tablename__ = "snapshots"
    __table_args__ = (
        Index("uq_snapshots_current", "instrument_id", "data", "interval_us", "day", unique=True, postgresql_where=text("retired_at IS NULL")),
        Index(None, "sha256"),
    )

    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    data: Mapped[str] = mapped_column(primary_key=True)
    interval_us: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sha256: Mapped[str]
    file_sha256: Mapped[str | None]
    rows: Mapped[int]
    bytes: Mapped[int]
    built_from: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None]


class SeriesQuality(Base):
    """What the checks said about a day of a series, the latest time; `built_from` is what `series_days.changed` was then."""

    __tablename__ = "series_quality"
    __table_args__ = (CheckConstraint("grade IN ('good', 'doubtful', 'bad')", name="grade"),)

    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    data: Mapped[str] = mapped_column(primary_key=True)
    interval_us: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    built_from: Mapped[int]
    sha256: Mapped[str | None]
    """The snapshot that was looked at; none of data that has no snapshots."""
    made_from: Mapped[str]
    """Digest of all that the counts came from: the checks' version, and the days of all series of the instrument's name."""
    grade: Mapped[str]
    counts: Mapped[Json]
    checked_at: Mapped[datetime] = mapped_column(server_default=func.now())
