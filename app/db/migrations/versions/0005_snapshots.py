"""Snapshots of series by day, and which days have changed since. Only adds, so that code of before goes on.

A trigger on `imports` marks the days of a series: every writer of rows records there in the same transaction what it wrote, so that no
version of the code can forget it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_DAYS = "generate_series(date_trunc('day', {first}, 'UTC'), {last}, interval '1 day') AS day"
_DAY = "(day AT TIME ZONE 'UTC')::date"
_MARK = f"""
    CREATE FUNCTION mark_series_days() RETURNS trigger LANGUAGE plpgsql AS $f$
    DECLARE since timestamptz := NEW.first_ts;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF NEW.rows_new = OLD.rows_new AND NEW.detail -> 'rows_replaced' IS NOT DISTINCT FROM OLD.detail -> 'rows_replaced' THEN
                RETURN NULL;
            END IF;
            since := OLD.last_ts;
        ELSIF NEW.rows_new = 0 AND coalesce((NEW.detail ->> 'rows_replaced')::bigint, 0) = 0 THEN
            RETURN NULL;
        END IF;
        INSERT INTO series_days (instrument_id, data, interval_us, day, changed)
        SELECT NEW.instrument_id, NEW.data, NEW.interval_us, {_DAY}, 1 FROM {_DAYS.format(first="since", last="NEW.last_ts")}
        ON CONFLICT (instrument_id, data, interval_us, day) DO UPDATE SET changed = series_days.changed + 1;
        RETURN NULL;
    END $f$"""  # noqa: S608  texts of ours
_BEFORE = f"""
    INSERT INTO series_days (instrument_id, data, interval_us, day, changed)
    SELECT DISTINCT instrument_id, data, interval_us, {_DAY}, 1 FROM imports, {_DAYS.format(first="first_ts", last="last_ts")}"""  # noqa: S608


def upgrade() -> None:
    """Make the tables and the trigger, and mark the days of what is stored."""
    op.create_table("series_days", *_key(), sa.Column("changed", sa.BigInteger, nullable=False), _primary("series_days"))
    op.create_table(
        "snapshots",
        *_key(),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("built_from", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        _primary("snapshots", "version"),
    )
    op.create_index(
        "uq_snapshots_current",
        "snapshots",
        ["instrument_id", "data", "interval_us", "day"],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_index("ix_snapshots_sha256", "snapshots", ["sha256"])
    op.execute(_MARK)
    op.execute("CREATE TRIGGER mark_series_days AFTER INSERT OR UPDATE ON imports FOR EACH ROW EXECUTE FUNCTION mark_series_days()")
    op.execute(_BEFORE)


def downgrade() -> None:
    """Drop what was added; the files of snapshots stay where they are."""
    op.execute("DROP TRIGGER mark_series_days ON imports")
    op.execute("DROP FUNCTION mark_series_days")
    op.drop_table("snapshots")
    op.drop_table("series_days")


def _key() -> list[sa.Column[object]]:
    return [
        sa.Column("instrument_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("interval_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
    ]


def _primary(table: str, *more: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("instrument_id", "data", "interval_us", "day", *more, name=f"pk_{table}")
