"""Recorded quotes; imports say which kind of rows they brought. Only adds, so that code of before goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_TS = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table of quotes, and the kind of an import."""
    op.create_table(
        "quotes",
        sa.Column("instrument_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("interval_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", _TS, nullable=False),
        sa.Column("seq", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("ts", _TS, nullable=True),
        sa.Column("received", _TS, nullable=True),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("bid", "bid_size", "ask", "ask_size")),
        sa.Column("levels", sa.ARRAY(sa.Double), nullable=True),
        sa.PrimaryKeyConstraint("instrument_id", "interval_us", "at", "seq", name="pk_quotes"),
    )
    op.add_column("imports", sa.Column("data", sa.Text, server_default="bars", nullable=False))
    op.create_check_constraint(op.f("ck_imports_data"), "imports", "data IN ('bars', 'quotes', 'quote_bars')")


def downgrade() -> None:
    """Drop what was added, with the quotes in it."""
    op.execute("DELETE FROM imports WHERE data <> 'bars'")
    op.drop_constraint(op.f("ck_imports_data"), "imports")
    op.drop_column("imports", "data")
    op.drop_table("quotes")
