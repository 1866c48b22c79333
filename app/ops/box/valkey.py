"""The queue server of the box: Valkey, append-only, never evicting."""

import asyncio
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from app.ops.box import leftovers, logs, readiness
from app.ops.box.binaries import Binaries
from app.ops.box.credentials import Credentials
from app.ops.box.folder import Folder
from app.ops.box.ports import LOOPBACK
from app.ops.box.process import Process, start
from app.ops.box.service import Service

PORT: Final = 6379
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Valkey:
    """What it takes to start it, the port apart."""

    binaries: Binaries
    folder: Folder
    credentials: Credentials
    maxmemory: int

    @property
    def log(self) -> Path:
        """Return the file that the server writes its log to."""
        return self.folder.logs / "valkey.log"


def service(server: Valkey, port: int) -> Service:
    """Return the server on a port, ready to be run."""

    async def ready(process: Process, began: int) -> None:
        async def answers() -> bool:
            return await _answers(server, port)

        await readiness.until(answers, process=process, log=server.log, began=began, seconds=_START_SECONDS)

    return Service(name="valkey", log=server.log, launch=partial(_launch, server, port), ready=ready, stop=_stop)


def _launch(server: Valkey, port: int) -> Process:
    leftovers.end(server.folder.valkey)
    _configure(server, port)
    with logs.opened(server.log) as output:
        return start(
            "valkey-server",
            [server.binaries.valkey, "valkey.conf"],
            environment={"LC_ALL": "C", **leftovers.marks(server.folder)},
            cwd=server.folder.valkey,
            output=output,
        )


async def _stop(process: Process) -> None:
    await process.stop((signal.SIGTERM, _STOP_SECONDS))  # it writes what it has first


def _configure(server: Valkey, port: int) -> None:
    # The server works in its own folder, so no path has to be written here, whatever stands in it.
    lines = {
        "bind": LOOPBACK,
        "port": port,
        "protected-mode": "yes",
        "requirepass": server.credentials.redis_password,
        "maxmemory": server.maxmemory,
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "dir": "./",
        "logfile": '""',
    }
    path = server.folder.valkey / "valkey.conf"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")


async def _answers(server: Valkey, port: int) -> bool:
    # With our password, so that a stranger on that port is not taken for ours.
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    try:
        writer.write(f"AUTH {server.credentials.redis_password}\r\nPING\r\n".encode())
        return [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
    except OSError:
        return False
    finally:
        writer.close()
