"""What an operator does: the database's schema, tokens, the hardware plan."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from app.api.auth import issue_token
from app.cli import connection, output
from app.db import migrate
from app.db.session import make_sessions
from app.main import database
from app.ops import hardware
from app.settings import Settings
from infra.sizing import BOX, Hardware, Plan


def upgrade(*, data: Path | None, as_json: bool) -> None:
    """Bring the schema up to date and say where it is now."""
    settings = connection.settings(data)
    asyncio.run(database.upgrade(settings))
    _say_revision(asyncio.run(_revision(settings)), as_json=as_json)


def current(*, data: Path | None, as_json: bool) -> None:
    """Say where the schema is."""
    _say_revision(asyncio.run(_revision(connection.settings(data))), as_json=as_json)


def create_token(name: str, *, data: Path | None, as_json: bool) -> None:
    """Print a token alone on its line."""
    settings = connection.settings(data)
    token = issue_token(settings, name)
    if as_json:
        output.document({"token": token, "name": name, "expires_in_s": settings.jwt_expiration})
    else:
        print(token)
        output.note(f"good for {settings.jwt_expiration} s; a longer life: JWT_EXPIRATION, up to 86400")


def show_plan(*, as_json: bool) -> None:
    """Print what this machine has and how it is shared out."""
    folder = connection.data_folder(None)
    found, plan = hardware.detect(folder), hardware.planned(folder, BOX)
    if as_json:
        output.document({"hardware": asdict(found), "plan": asdict(plan)})
        return
    rows = output.table("", "memory", "", numbers={"memory"})
    for name, value, what in _shares(found, plan):
        rows.add_row(name, value, what)
    settings = output.table("  PostgreSQL", "")
    for name, value in plan.postgres.items():
        settings.add_row(f"  {name}", value)
    output.show(rows, "", settings)


def _shares(hardware: Hardware, plan: Plan) -> tuple[tuple[str, str, str], ...]:
    return (
        ("this machine", f"{hardware.memory >> 20:,} MiB", f"{hardware.cores} cores, {hardware.disk >> 30:,} GiB of disk ({hardware.disk_kind})"),
        ("  database", f"{plan.postgres_memory >> 20:,} MiB", f"{plan.max_connections} connections"),
        ("  queue", f"{plan.queue_memory >> 20:,} MiB", ""),
        (
            "  API",
            f"{plan.api_processes * plan.api_memory >> 20:,} MiB",
            f"{plan.api_processes} process, {plan.pool_size} connections"
            if plan.api_processes == 1
            else f"{plan.api_processes} processes, {plan.pool_size} connections each",
        ),
        ("  worker", f"{plan.worker_memory >> 20:,} MiB", "hands out runs"),
        ("  runs", f"{plan.workers * plan.memory_per_run >> 20:,} MiB", f"{plan.workers} at a time, {plan.threads_per_run} threads each"),
        ("  left to others", f"{hardware.memory - plan.total_memory + plan.system_memory >> 20:,} MiB", ""),
    )


async def _revision(settings: Settings) -> str | None:
    engine, _ = make_sessions(settings.database_url, 1)
    try:
        async with engine.connect() as connection:
            return await migrate.current(connection)
    finally:
        await engine.dispose()


def _say_revision(found: str | None, *, as_json: bool) -> None:
    head = migrate.head()
    if as_json:
        output.document({"current": found, "head": head, "up_to_date": found == head})
    elif found == head:
        output.show(f"the schema is at {found}, which is what this version needs")
    else:
        output.show(f"the schema is at {found or 'nothing yet'}, this version needs {head}: usdc-arb db upgrade")
