"""Parts of sweeps as runs of their own. Only adds, so that code of before goes on: it takes no part, since no ring names one to it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Tell parts and whose they are."""
    op.add_column("runs", sa.Column("parent_id", sa.Uuid, nullable=True))
    op.add_column("runs", sa.Column("part_first", sa.BigInteger, nullable=True))
    op.add_column("runs", sa.Column("open_parts", sa.Integer, server_default=sa.text("0"), nullable=False))
    op.create_foreign_key("fk_runs_parent_id", "runs", "runs", ["parent_id"], ["id"], ondelete="CASCADE")
    op.create_index("ix_runs_parent_id", "runs", ["parent_id"], postgresql_where=sa.text("parent_id IS NOT NULL"))
    op.drop_constraint(op.f("ck_runs_kind"), "runs")
    op.create_check_constraint(op.f("ck_runs_kind"), "runs", "kind IN ('backtest', 'sweep', 'part')")


def downgrade() -> None:
    """Drop what was added, with the parts."""
    op.execute("DELETE FROM runs WHERE kind = 'part'")
    op.drop_constraint(op.f("ck_runs_kind"), "runs")
    op.create_check_constraint(op.f("ck_runs_kind"), "runs", "kind IN ('backtest', 'sweep')")
    op.drop_index("ix_runs_parent_id", "runs")
    op.drop_constraint("fk_runs_parent_id", "runs")
    for name in ("open_parts", "part_first", "parent_id"):
        op.drop_column("runs", name)
