"""`usdc-arb up`: the box in the foreground."""

import asyncio
from contextlib import suppress
from pathlib import Path
from shlex import quote

from app import log
from app.cli import connection, output
from app.main.box import box_in, supervise
from app.ops.box.record import Box


def run(data: Path | None, *, api_port: int | None, db_port: int | None, redis_port: int | None) -> None:
    """Run the box until Ctrl-C or SIGTERM."""
    log.configure(level="WARNING", style="console")
    supervise(_run(connection.data_folder(data), api_port=api_port, db_port=db_port, redis_port=redis_port))
    output.note("stopped; the data stays for the next time")


async def _run(folder: Path, *, api_port: int | None, db_port: int | None, redis_port: int | None) -> None:
    output.note(f"starting the box in {folder} ...")
    async with box_in(folder, api_port=api_port, db_port=db_port, redis_port=redis_port) as box:
        _say(box)
        with suppress(asyncio.CancelledError):  # a signal: the usual way to end it
            await asyncio.Event().wait()
        output.note("stopping the box ...")


def _say(box: Box) -> None:
    root = box.folder.root
    option = "" if root == connection.data_folder(None).expanduser().resolve() else f" --data {quote(str(root))}"
    command = output.command()
    output.show(
        "The box is up. Everything of it listens on this machine alone; stop it with Ctrl-C.",
        "",
        f"  API        {box.api_url}/graphql",
        f"  token      {command} token create{option}",
        f"  database   127.0.0.1:{box.ports.db}    queue 127.0.0.1:{box.ports.redis}",
        f"  data       {root}    logs in {box.folder.logs.name}/",
        "",
        "In another terminal:",
        f"  {command} data import FILES...{option}",
        f"  {command} backtest run SPEC{option}",
        f"  {command} backtest list{option}",
    )
