"""Recorded trades. Only adds, so that code of before goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_TS = sa.DateTime(timezone=True)
_BEFORE = "data IN ('bars', 'quotes', 'quote_bars')"
_NOW = "data IN ('bars', 'quotes', 'quote_bars', 'trades')"


def upgrade() -> None:
    """Make the table of trades, and let imports bring them."""
    op.create_table(
        "trades",
        sa.Column("instrument_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", _TS, nullable=False),
        sa.Column("seq", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("ts", _TS, nullable=True),
        sa.Column("received", _TS, nullable=True),
        sa.Column("price", sa.Double, nullable=False),
        sa.Column("size", sa.Double, nullable=False),
        sa.Column("side", sa.SmallInteger, nullable=False),
        sa.Column("trade_id", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("instrument_id", "at", "seq", name="pk_trades"),
    )
    _check(_NOW)


def downgrade() -> None:
    """Drop what was added, with the trades in it."""
    op.execute("DELETE FROM imports WHERE data = 'trades'")
    _check(_BEFORE)
    op.drop_table("trades")


def _check(rule: str) -> None:
    op.drop_constraint(op.f("ck_imports_data"), "imports")
    op.create_check_constraint(op.f("ck_imports_data"), "imports", rule)
