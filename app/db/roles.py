"""Roles with no more rights than their work takes: groups without a login, which an operator's own roles are made members of.

usdc_arb_app      what API and workers do: rows of all tables in and out, nothing of their shape
usdc_arb_read     looks on: reads rows, but none of passwords and of what is signed in to; writes nothing
usdc_arb_backup   dumps: reads rows and where sequences stand

The owner of the tables, who migrates, is the role that makes these.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

APP: Final = "usdc_arb_app"
READ: Final = "usdc_arb_read"
BACKUP: Final = "usdc_arb_backup"
ROLES: Final = (APP, READ, BACKUP)

_GRANTS: Final = {
    APP: ("SELECT, INSERT, UPDATE, DELETE ON {all} TABLES", "USAGE ON {all} SEQUENCES"),
    READ: ("SELECT ON {all} TABLES",),
    BACKUP: ("SELECT ON {all} TABLES", "SELECT ON {all} SEQUENCES"),
}

REVOKED: Final = (
    f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {APP}",
    f"REVOKE UPDATE, DELETE ON audit FROM {APP}",
    f"REVOKE ALL ON users, sign_ins, api_keys FROM {READ}",
)
"""What is no business of theirs."""


async def may_create(connection: AsyncConnection) -> bool:
    """Tell whether the connected role may make others."""
    return bool(await connection.scalar(text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")))


async def make(connection: AsyncConnection) -> None:
    """Make the roles where they are missing, and give them their rights on what is there and on what will be. Runs in a transaction."""
    database = await connection.scalar(text("SELECT quote_ident(current_database())"))
    await connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    for role, grants in _GRANTS.items():
        if not await connection.scalar(text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)"), {"role": role}):
            await connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN")
        await connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {database} TO {role}")
        await connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {role}")
        for grant in grants:
            await connection.exec_driver_sql(f"GRANT {grant.format(all='ALL')} IN SCHEMA public TO {role}")
            await connection.exec_driver_sql(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {grant.format(all='')} TO {role}")
    await connection.exec_driver_sql(f"GRANT TEMPORARY ON DATABASE {database} TO {APP}")  # imports compare in a temporary table
    for revoked in REVOKED:
        await connection.exec_driver_sql(revoked)
