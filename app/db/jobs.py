"""The tables of jobs beside `runs`: what happened to them, whose turn it is, who works."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models import Base, Json


class EventKind(StrEnum):
    """What happens to a run that is not its usual way from queued to done."""

    LOST = "lost"
    """Its worker stopped answering."""
    CRASHED = "crashed"
    GIVEN_BACK = "given_back"
    POISONED = "poisoned"
    EXPIRED = "expired"
    """Its deadline passed."""
    RETRIED = "retried"
    """Somebody queued it again."""


class RunEvent(Base):
    """Something out of the ordinary that happened to a run, with the reason: crashes, retries, lost workers."""

    __tablename__ = "run_events"
    __table_args__ = (
        CheckConstraint(f"event IN ({', '.join(repr(kind.value) for kind in EventKind)})", name="event"),
        Index(None, "run_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempt: Mapped[int] = mapped_column(Integer)
    event: Mapped[str]
    reason: Mapped[str]


class Share(Base):
    """A user's share of the workers, and where the round stands for them; a trigger on `runs` makes the row of whoever submits."""

    __tablename__ = "shares"
    __table_args__ = (CheckConstraint("weight > 0", name="weight"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    weight: Mapped[float] = mapped_column(server_default=text("1"))
    max_running: Mapped[int | None] = mapped_column(Integer)
    max_queued: Mapped[int | None] = mapped_column(Integer)
    served_to: Mapped[float] = mapped_column(server_default=text("0"))
    """Runs begun, each counted as one by the weight, and never less than others had when this user came back."""
    served_from: Mapped[float] = mapped_column(server_default=text("0"))
    """The same before the last run: the highest of all is the round's own time."""
    served_at: Mapped[datetime | None]
    claims: Mapped[int] = mapped_column(server_default=text("0"))


class WorkerRow(Base):
    """A worker as it last said that it is there."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    slots: Mapped[int] = mapped_column(Integer)
    busy: Mapped[int] = mapped_column(Integer)
    children_bytes: Mapped[int]
    """Memory that its children hold."""
    version: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    stopped_at: Mapped[datetime | None]
    draining: Mapped[bool] = mapped_column(server_default=false())


class Schedule(Base):
    """A task of upkeep: when it is due, who does it, and how it went last."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    report: Mapped[Json | None]
    error: Mapped[str | None]
    missed: Mapped[int] = mapped_column(server_default=text("0"))
    """How many times passed while nobody was up; the task was done once for all of them."""
    missed_at: Mapped[datetime | None]
