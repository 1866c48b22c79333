"""Whose turn it is: priorities, deadlines, shares of users, what happened to runs, and workers. Only adds, so that code of before goes on.

A trigger on `runs` makes the share of whoever submits, so that no version of the code can forget it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

_EVENTS = "event IN ('lost', 'crashed', 'given_back', 'poisoned', 'expired', 'retried')"
_SHARE = """
    CREATE FUNCTION make_share() RETURNS trigger LANGUAGE plpgsql AS $f$
    BEGIN
        INSERT INTO shares (name) VALUES (NEW.created_by) ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $f$"""


def upgrade() -> None:
    """Add the columns, the tables and the trigger, and make the shares of those who have submitted so far."""
    op.add_column("runs", sa.Column("priority", sa.SmallInteger, server_default=sa.text("0"), nullable=False))
    op.add_column("runs", sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True))
    _indexes()
    op.create_table(
        "run_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.CheckConstraint(_EVENTS, name=op.f("ck_run_events_event")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_events_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_run_events"),
    )
    op.create_index("ix_run_events_run_id", "run_events", ["run_id"])
    _shares()
    _workers()


def _indexes() -> None:
    queued = sa.text("state = 'queued'")
    op.create_index("ix_runs_waiting", "runs", ["created_by", sa.text("priority DESC"), "created_at", "id"], postgresql_where=queued)
    op.create_index("ix_runs_under_way", "runs", ["created_by"], postgresql_where=sa.text("state = 'running'"))
    op.create_index("ix_runs_deadline", "runs", ["deadline_at"], postgresql_where=sa.text("state = 'queued' AND deadline_at IS NOT NULL"))
    op.create_index("ix_runs_finished_at", "runs", ["finished_at"])


def _shares() -> None:
    op.create_table(
        "shares",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("weight", sa.Double, server_default=sa.text("1"), nullable=False),
        sa.Column("max_running", sa.Integer, nullable=True),
        sa.Column("max_queued", sa.Integer, nullable=True),
        sa.Column("served_to", sa.Double, server_default=sa.text("0"), nullable=False),
        sa.Column("served_from", sa.Double, server_default=sa.text("0"), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claims", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_shares_weight")),
        sa.PrimaryKeyConstraint("name", name="pk_shares"),
    )
    op.execute(_SHARE)
    op.execute("CREATE TRIGGER make_share AFTER INSERT ON runs FOR EACH ROW EXECUTE FUNCTION make_share()")
    op.execute("INSERT INTO shares (name) SELECT DISTINCT created_by FROM runs ON CONFLICT DO NOTHING")


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("busy", sa.Integer, nullable=False),
        sa.Column("children_bytes", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("draining", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP TRIGGER make_share ON runs")
    op.execute("DROP FUNCTION make_share")
    for table in ("workers", "shares", "run_events"):
        op.drop_table(table)
    for index in ("ix_runs_finished_at", "ix_runs_deadline", "ix_runs_under_way", "ix_runs_waiting"):
        op.drop_index(index, "runs")
    for name in ("deadline_at", "priority"):
        op.drop_column("runs", name)
