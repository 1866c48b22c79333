"""States of pools. Only adds, so that code of before goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

_TS = sa.DateTime(timezone=True)
_BEFORE = "data IN ('bars', 'quotes', 'quote_bars', 'trades')"
_NOW = "data IN ('bars', 'quotes', 'quote_bars', 'trades', 'pool', 'pool_bars')"


def upgrade() -> None:
    """Make the table of states, and let imports bring them."""
    op.create_table(
        "pool_states",
        sa.Column("instrument_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("interval_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", _TS, nullable=False),
        sa.Column("seq", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("ts", _TS, nullable=True),
        sa.Column("received", _TS, nullable=True),
        sa.Column("block", sa.BigInteger, nullable=True),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("price", "liquidity", "lower", "upper")),
        sa.Column("liquidity_raw", sa.Numeric(39, 0), nullable=True),
        sa.Column("sqrt_price_x96", sa.Numeric(49, 0), nullable=True),
        sa.PrimaryKeyConstraint("instrument_id", "interval_us", "at", "seq", name="pk_pool_states"),
    )
    _check(_NOW)


def downgrade() -> None:
    """Drop what was added, with the states in it."""
    op.execute("DELETE FROM imports WHERE data IN ('pool', 'pool_bars')")
    _check(_BEFORE)
    op.drop_table("pool_states")


def _check(rule: str) -> None:
    op.drop_constraint(op.f("ck_imports_data"), "imports")
    op.create_check_constraint(op.f("ck_imports_data"), "imports", rule)
