"""The tables of people: users, where they are signed in, and what was done by whom."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, LargeBinary, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.ids import new_id
from app.db.models import Base, Json


class Role(StrEnum):
    """What a user may do; each includes those before it."""

    VIEWER = "viewer"
    """Reads."""
    ANALYST = "analyst"
    """Submits runs and sweeps, and cancels their own."""
    OPERATOR = "operator"
    """Maintains the installation: workers, shares, jobs of others."""
    ADMIN = "admin"
    """Decides who may do what."""

    def least(self, other: "Role") -> "Role":
        """Return the one of two that reaches less far."""
        return other if self.includes(other) else self

    def includes(self, other: "Role") -> bool:
        """Tell whether whoever has this role may do what the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


NONE = "-"
"""Stands for no password: it is the hash of none."""


class User(Base):
    """Somebody with an account. The email is the name, and does not change: it stands in `created_by` of runs."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(f"role IN ({', '.join(repr(role.value) for role in Role)})", name="role"),
        CheckConstraint("email = lower(email)", name="email"),
        Index(None, "email", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    email: Mapped[str]
    role: Mapped[str]
    password: Mapped[str]
    """Its argon2id hash, with the parameters and the salt; of a service account, which has keys alone, `NONE`."""
    password_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled: Mapped[bool] = mapped_column(server_default=false())
    token_version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Of the tokens that are good: whatever takes something away from a user counts it up."""
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Wrong passwords since the last right one."""
    locked_until: Mapped[datetime | None]
    last_sign_in: Mapped[datetime | None]


class SignIn(Base):
    """Where a user is signed in: a chain of refresh tokens, of which the last one is good, once."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    refreshed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    client: Mapped[str]
    """The address and the program that it came from."""
    chain: Mapped[bytes] = mapped_column(LargeBinary)
    """Hash of what all tokens of the chain have in common."""
    current: Mapped[bytes] = mapped_column(LargeBinary)
    """Hash of what the last one has alone."""
    ended_at: Mapped[datetime | None]


class ApiKey(Base):
    """What a program opens the API with, in the name of a user: at most what the user may do, until it runs out."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint(f"role IN ({', '.join(repr(role.value) for role in Role)})", name="role"),
        Index(None, "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    name: Mapped[str]
    role: Mapped[str]
    """How far it reaches: no further than its user."""
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    """Its hash."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    """When it was last used, to a minute."""
    revoked_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Something that was done, or tried, by somebody; the table only grows, which a trigger sees to."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "subject"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    """Who did it: an email, or `local`, the holder of the API's own key."""
    action: Mapped[str]
    subject: Mapped[str]
    """To whom or what."""
    detail: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
