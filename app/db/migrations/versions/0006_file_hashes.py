"""The hash of a snapshot's bytes beside that of its columns. Only adds: files of before are checked by their columns."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("snapshots", sa.Column("file_sha256", sa.Text, nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("snapshots", "file_sha256")
