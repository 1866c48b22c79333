"""How good each day of a series is. Only adds, so that code of before goes on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "series_quality",
        sa.Column("instrument_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("interval_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("built_from", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=True),
        sa.Column("made_from", sa.Text, nullable=False),
        sa.Column("grade", sa.Text, nullable=False),
        sa.Column("counts", JSONB, nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", "data", "interval_us", "day", name="pk_series_quality"),
        sa.CheckConstraint("grade IN ('good', 'doubtful', 'bad')", name=op.f("ck_series_quality_grade")),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("series_quality")
