"""Under which name of its submitter's a run was asked for, so that asking again queues nothing. Only adds."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the column, and that no name stands twice for one user."""
    op.add_column("runs", sa.Column("request_key", sa.Text, nullable=True))
    op.create_index("ix_runs_request_key", "runs", ["created_by", "request_key"], unique=True, postgresql_where=sa.text("request_key IS NOT NULL"))


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_runs_request_key", "runs")
    op.drop_column("runs", "request_key")
