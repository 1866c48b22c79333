"""Each role may do its work, and nothing else."""

import asyncpg
import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import roles
from app.errors import Forbidden
from app.ops.box.record import Box
from app.services import storage

INSERT = "INSERT INTO bars VALUES (1, 60000000, '2023-03-08Z', 1, 2, 0.5, 1.5, 7)"
SEQUENCE = "SELECT last_value FROM venues_id_seq"
CHANGE, REMOVE = "UPDATE bars SET open = 1", "DELETE FROM bars"
MAY = {
    roles.APP: (INSERT, CHANGE, REMOVE, "INSERT INTO venues (name) VALUES ('v')", "CREATE TEMPORARY TABLE t (LIKE bars)",
                "SELECT version_num FROM alembic_version", "INSERT INTO audit (actor, action, subject) VALUES ('a', 'b', 'c')",
                "SELECT * FROM users"),
    roles.READ: ("SELECT count(*) FROM bars", "SELECT * FROM audit", "SELECT * FROM candles_1h(1, 60000000, '2023-01-01Z', '2024-01-01Z')"),
    roles.BACKUP: ("SELECT count(*) FROM runs", "SELECT * FROM alembic_version", SEQUENCE),
}  # fmt: skip
NOT = {
    roles.APP: ("CREATE TABLE t (a int)", "DROP TABLE bars", "TRUNCATE bars", "ALTER TABLE bars ADD a int",
                "UPDATE alembic_version SET version_num = '1'", "UPDATE audit SET actor = 'x'",
                "DELETE FROM audit", "CREATE ROLE other", "CREATE INDEX ON bars (open)"),
    roles.READ: (INSERT, CHANGE, REMOVE, "CREATE TABLE t (a int)", "CREATE TEMPORARY TABLE t (a int)",
                 "INSERT INTO venues (name) VALUES ('w')", SEQUENCE, "SELECT email FROM users", "SELECT * FROM sign_ins",
                 "SELECT * FROM api_keys"),
    roles.BACKUP: (INSERT, "DELETE FROM runs", "CREATE TABLE t (a int)", "CREATE TEMPORARY TABLE t (a int)"),
}  # fmt: skip


def admin(postgres_servers: Box, url: URL) -> URL:
    """Return the address of a test's database for the superuser, as whom the owner could make roles if he were allowed to."""
    password = postgres_servers.admin_uri.split(":")[2].split("@")[0]
    return url.set(username="postgres", password=password)


async def test_each_role_does_its_work_and_nothing_else(postgres_servers: Box, database_url: URL) -> None:
    url = admin(postgres_servers, database_url)
    engine = create_async_engine(url)
    assert await storage.make_roles(engine) == roles.ROLES
    assert await storage.make_roles(engine) == roles.ROLES, "again changes nothing"
    await engine.dispose()
    connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    await connection.execute("CREATE TABLE later (a int)")
    for role in roles.ROLES:
        await connection.execute(f"SET ROLE {role}")
        for statement in (*MAY[role], "SELECT * FROM later"):
            await connection.execute(statement)
        for statement in NOT[role]:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        await connection.execute("RESET ROLE")
    await connection.close()


async def test_who_may_not_make_roles_is_told_what_to_do(database_url: URL) -> None:
    engine = create_async_engine(database_url)
    with pytest.raises(Forbidden, match="a role with CREATEROLE that owns the tables"):
        await storage.make_roles(engine)
    await engine.dispose()
