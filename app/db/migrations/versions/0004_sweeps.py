"""Sweeps: runs of another kind, and the rows of their trials on the way. Only adds, so that code of before goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Tell runs apart, count their trials, and make the table of rows."""
    op.add_column("runs", sa.Column("kind", sa.Text, server_default="backtest", nullable=False))
    op.add_column("runs", sa.Column("trials", sa.BigInteger, nullable=True))
    op.add_column("runs", sa.Column("trials_done", sa.BigInteger, nullable=True))
    op.add_column("runs", sa.Column("eta_s", sa.Double, nullable=True))
    op.create_check_constraint(op.f("ck_runs_kind"), "runs", "kind IN ('backtest', 'sweep')")
    op.create_table(
        "sweep_parts",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("first_trial", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("trials", sa.BigInteger, nullable=False),
        sa.Column("made_from", sa.Text, nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_sweep_parts_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "first_trial", name="pk_sweep_parts"),
    )


def downgrade() -> None:
    """Drop what was added, with the sweeps."""
    op.drop_table("sweep_parts")
    op.execute("DELETE FROM runs WHERE kind <> 'backtest'")
    op.drop_constraint(op.f("ck_runs_kind"), "runs")
    for name in ("eta_s", "trials_done", "trials", "kind"):
        op.drop_column("runs", name)
