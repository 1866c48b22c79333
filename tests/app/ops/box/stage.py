"""A supervisor to be killed: `python -m tests.app.ops.box.stage DATA` runs a box with two children and says when it is ready."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from app import log
from app.ops.box.record import Box
from app.ops.box.supervisor import Child, box
from app.settings import Settings

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUBBORN!r}])"


async def _migrate(settings: Settings) -> None:
    assert settings.db_password.get_secret_value()


async def _run(data: Path) -> None:
    children = [
        Child(name="stubborn", argv=[sys.executable, "-c", STUBBORN], stop_seconds=0.2),
        Child(name="parent", argv=[sys.executable, "-c", PARENT], stop_seconds=0.2),
    ]
    async with box(data, migrate=_migrate, children=children) as it:
        _say(it)
        await asyncio.Event().wait()


def _say(it: Box) -> None:
    print(json.dumps({"admin_uri": it.admin_uri, "db_port": it.ports.db, "redis_port": it.ports.redis, "api_port": it.ports.api}), flush=True)


async def _until_signalled(data: Path) -> None:
    task = asyncio.ensure_future(_run(data))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        print("stopped", flush=True)


if __name__ == "__main__":
    log.configure(style="console")
    asyncio.run(_until_signalled(Path(sys.argv[1])))
