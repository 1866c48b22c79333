"""First tables: market data, imports, runs with their files, outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_TS = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _dimensions()
    _bars()
    _imports()
    _runs()
    _run_files()
    _outbox()


def downgrade() -> None:
    """Drop the tables with everything in them."""
    for table in ("outbox", "run_files", "runs", "imports", "bars", "instruments", "venues"):
        op.drop_table(table)


def _dimensions() -> None:
    op.create_table(
        "venues",
        sa.Column("id", sa.SmallInteger, sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_venues"),
        sa.UniqueConstraint("name", name="uq_venues_name"),
    )
    op.create_table(
        "instruments",
        sa.Column("id", sa.Integer, sa.Identity(always=True), nullable=False),
        sa.Column("venue_id", sa.SmallInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["venue_id"], ["venues.id"], name="fk_instruments_venue_id"),
        sa.PrimaryKeyConstraint("id", name="pk_instruments"),
        sa.UniqueConstraint("venue_id", "name", name="uq_instruments_venue_id_name"),
    )


def _bars() -> None:
    numbers = [sa.Column(name, sa.Double, nullable=False) for name in ("open", "high", "low", "close", "volume")]
    op.create_table(
        "bars",
        sa.Column("instrument_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("interval_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("ts", _TS, nullable=False),
        *numbers,
        sa.PrimaryKeyConstraint("instrument_id", "interval_us", "ts", name="pk_bars"),
    )


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("created_at", _TS, server_default=sa.func.now(), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("instrument_id", sa.Integer, nullable=False),
        sa.Column("interval_us", sa.BigInteger, nullable=False),
        sa.Column("rows_read", sa.BigInteger, nullable=False),
        sa.Column("rows_new", sa.BigInteger, nullable=False),
        sa.Column("first_ts", _TS, nullable=False),
        sa.Column("last_ts", _TS, nullable=False),
        sa.Column("detail", JSONB, server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.ForeignKeyConstraint(["instrument_id"], ["instruments.id"], name="fk_imports_instrument_id"),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_instrument_id_interval_us", "imports", ["instrument_id", "interval_us"])


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("created_at", _TS, server_default=sa.func.now(), nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("spec", JSONB, nullable=False),
        sa.Column("spec_hash", sa.Text, nullable=False),
        *_progress(),
        sa.Column("summary", JSONB, nullable=True),
        sa.Column("manifest", JSONB, nullable=True),
        sa.Column("manifest_hash", sa.Text, nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_runs_state")),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_state_created_at", "runs", ["state", "created_at"])
    op.create_index("ix_runs_newest", "runs", [sa.text("created_at DESC"), "id"])


def _progress() -> list[sa.Column[object]]:
    return [
        sa.Column("state", sa.Text, server_default="queued", nullable=False),
        sa.Column("progress", sa.Double, server_default=sa.text("0"), nullable=False),
        sa.Column("stage", sa.Text, nullable=True),
        sa.Column("attempt", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("worker", sa.Text, nullable=True),
        sa.Column("lease_until", _TS, nullable=True),
        sa.Column("cancel_requested", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("started_at", _TS, nullable=True),
        sa.Column("finished_at", _TS, nullable=True),
        sa.Column("error_code", sa.Text, nullable=True),
        sa.Column("error_message", sa.Text, nullable=True),
    ]


def _run_files() -> None:
    op.create_table(
        "run_files",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_files_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_run_files"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("created_at", _TS, server_default=sa.func.now(), nullable=False),
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("sent_at", _TS, nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_outbox_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_unsent", "outbox", ["id"], postgresql_where=sa.text("sent_at IS NULL"))
