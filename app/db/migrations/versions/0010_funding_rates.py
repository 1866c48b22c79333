"""Funding of perpetuals. Only adds, so that code of before goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

_BEFORE = "data IN ('bars', 'quotes', 'quote_bars', 'trades', 'pool', 'pool_bars')"
_NOW = "data IN ('bars', 'quotes', 'quote_bars', 'trades', 'pool', 'pool_bars', 'funding')"


def upgrade() -> None:
    """Make the table of payments, and let imports bring them."""
    op.create_table(
        "funding_rates",
        sa.Column("instrument_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("ts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rate", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", "ts", name="pk_funding_rates"),
    )
    _check(_NOW)


def downgrade() -> None:
    """Drop what was added, with the payments in it."""
    op.execute("DELETE FROM imports WHERE data = 'funding'")
    _check(_BEFORE)
    op.drop_table("funding_rates")


def _check(rule: str) -> None:
    op.drop_constraint(op.f("ck_imports_data"), "imports")
    op.create_check_constraint(op.f("ck_imports_data"), "imports", rule)
