"""Migrations make what the models say, once, whoever runs them."""

import asyncio
import re
from typing import get_args

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.schema import CreateTable

from app.db.accounts import Role
from app.db.jobs import EventKind
from app.db.migrate import current, head, upgrade
from app.db.models import Base, Import, Run, RunKind, RunState
from app.services.findings import Grade
from app.sources.kinds import Data

OLD_IMPORT = """
    INSERT INTO imports (id, path, sha256, format, instrument_id, interval_us, rows_read, rows_new, first_ts, last_ts)
    VALUES ('{}', 'a.csv', 'x', 'csv', 1, 60000000, 1, 1, '2023-03-08Z', '2023-03-08Z')"""


async def on(url: URL, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        rows = [tuple(row) for row in await connection.execute(text(query))]
    await engine.dispose()
    return rows


def differences(connection: Connection) -> list[object]:
    """Return in what the database and the models differ."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, Base.metadata))


async def revision(connection: AsyncConnection) -> tuple[str | None, list[object]]:
    """Return where the database stands."""
    return await current(connection), await connection.run_sync(differences)


async def test_an_empty_database_becomes_what_the_models_say(empty_database_url: URL) -> None:
    engine = create_async_engine(empty_database_url)
    async with engine.connect() as connection:
        before, missing = await revision(connection)
    assert before is None
    assert len(missing) >= len(Base.metadata.tables)
    await upgrade(empty_database_url)
    async with engine.connect() as connection:
        assert await revision(connection) == (head(), [])
    await engine.dispose()


async def test_checks_are_what_the_models_say(database_url: URL) -> None:
    query = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    found = {str(name): re.findall(r"'(\w+)'::text", str(words)) for name, words in await on(database_url, query)}
    assert found == {
        "ck_runs_state": [state.value for state in RunState],
        "ck_runs_kind": [kind.value for kind in RunKind],
        "ck_run_events_event": [kind.value for kind in EventKind],
        "ck_shares_weight": [],
        "ck_users_role": [role.value for role in Role],
        "ck_users_email": [],
        "ck_api_keys_role": [role.value for role in Role],
        "ck_imports_data": list(get_args(Data)),
        "ck_series_quality_grade": [grade.value for grade in Grade],
    }
    assert str(CreateTable(Import.__table__)).count("CONSTRAINT ck_imports_data CHECK (data IN (") == 1  # type: ignore[arg-type]
    assert str(CreateTable(Run.__table__)).count("CONSTRAINT ck_runs_state CHECK (state IN (") == 1  # type: ignore[arg-type]


async def test_migrating_again_changes_nothing(database_url: URL) -> None:
    await on(database_url, "SELECT 1")
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO venues (name) VALUES ('kraken')"))
    await engine.dispose()
    await upgrade(database_url)
    assert await on(database_url, "SELECT name FROM venues") == [("kraken",)]


async def test_migrators_of_one_database_take_turns(empty_database_url: URL) -> None:
    assert await asyncio.gather(*(upgrade(empty_database_url) for _ in range(4)), return_exceptions=True) == [None] * 4
    assert await on(empty_database_url, "SELECT version_num FROM alembic_version") == [(head(),)]
    assert await on(empty_database_url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


async def test_a_database_of_the_version_before_keeps_its_imports_as_imports_of_bars(empty_database_url: URL) -> None:
    await upgrade(empty_database_url, "0001")
    engine = create_async_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO venues (name) VALUES ('kraken')"))
        await connection.execute(text("INSERT INTO instruments (venue_id, name, base, quote) VALUES (1, 'BTC/USD', 'BTC', 'USD')"))
        await connection.execute(text(OLD_IMPORT.format("00000000-0000-7000-8000-000000000001")))
        await connection.execute(text("INSERT INTO bars VALUES (1, 60000000, '2023-03-08Z', 1, 2, 0.5, 1.5, 7)"))
    await upgrade(empty_database_url)
    assert await on(empty_database_url, "SELECT data, interval_us, rows_new FROM imports") == [("bars", 60_000_000, 1)]
    assert await on(empty_database_url, "SELECT count(*) FROM bars") == [(1,)]
    async with engine.begin() as connection:
        await connection.execute(text(OLD_IMPORT.format("00000000-0000-7000-8000-000000000002")))
    assert await on(empty_database_url, "SELECT data FROM imports") == [("bars",), ("bars",)], "code of before goes on beside the new"
    await engine.dispose()


async def test_states_of_pools_and_funding_find_their_tables_beside_what_was_stored_before(empty_database_url: URL) -> None:
    await upgrade(empty_database_url, "0006")
    old = OLD_IMPORT.format("00000000-0000-7000-8000-000000000001")
    engine = create_async_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO venues (name) VALUES ('kraken')"))
        await connection.execute(text("INSERT INTO instruments (venue_id, name, base, quote) VALUES (1, 'BTC/USD', 'BTC', 'USD')"))
        await connection.execute(text("INSERT INTO trades VALUES (1, '2023-03-08Z', 0, '2023-03-08Z', NULL, 1, 2, 1, 7)"))
        await connection.execute(text(old.replace("id, path", "data, id, path").replace("VALUES (", "VALUES ('trades', ")))
    await upgrade(empty_database_url)
    async with engine.begin() as connection:
        for number, data in ((2, "pool"), (3, "trades"), (4, "funding")):  # of code of now, and of code of before beside it
            row = OLD_IMPORT.format(f"00000000-0000-7000-8000-00000000000{number}")
            await connection.execute(text(row.replace("id, path", "data, id, path").replace("VALUES (", f"VALUES ('{data}', ")))
    await engine.dispose()
    assert await on(empty_database_url, "SELECT data, changed FROM series_days ORDER BY data") == [("funding", 1), ("pool", 1), ("trades", 2)]
    assert await on(empty_database_url, "SELECT count(*), (SELECT count(*) FROM pool_states), (SELECT count(*) FROM funding_rates) FROM trades") == [
        (1, 0, 0)
    ]


async def test_days_of_what_was_imported_before_snapshots_are_marked_and_code_of_before_marks_its_own(empty_database_url: URL) -> None:
    await upgrade(empty_database_url, "0004")
    first = OLD_IMPORT.format("00000000-0000-7000-8000-000000000001").replace("'2023-03-08Z')", "'2023-03-10 00:00Z')")
    engine = create_async_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO venues (name) VALUES ('kraken')"))
        await connection.execute(text("INSERT INTO instruments (venue_id, name, base, quote) VALUES (1, 'BTC/USD', 'BTC', 'USD')"))
        await connection.execute(text(first))
    await upgrade(empty_database_url)
    days = "SELECT day::text, changed FROM series_days WHERE (instrument_id, data, interval_us) = (1, 'bars', 60000000) ORDER BY day"
    assert await on(empty_database_url, days) == [("2023-03-08", 1), ("2023-03-09", 1), ("2023-03-10", 1)]
    async with engine.begin() as connection:
        await connection.execute(text(OLD_IMPORT.format("00000000-0000-7000-8000-000000000002")))
        nothing_new = OLD_IMPORT.format("00000000-0000-7000-8000-000000000003").replace("60000000, 1, 1,", "60000000, 1, 0,")
        await connection.execute(text(nothing_new))
        await connection.execute(text("UPDATE imports SET rows_new = 5, last_ts = '2023-03-11 23:59:59Z' WHERE id::text LIKE '%1'"))
        await connection.execute(text("UPDATE imports SET path = 'b.csv'"))
    await engine.dispose()
    assert await on(empty_database_url, days) == [("2023-03-08", 2), ("2023-03-09", 1), ("2023-03-10", 2), ("2023-03-11", 1)]
