"""Run supervisors as processes of their own, and look for what they leave behind."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[4]
STAGE = (sys.executable, "-m", "tests.app.ops.box.stage")
PATIENCE = 120.0


@contextmanager
def supervisor(data: Path, *, command: Sequence[str] = STAGE, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Start a supervisor; whatever is left of it afterwards is killed."""
    process = subprocess.Popen(
        [*command, str(data)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.communicate()


def ready(process: subprocess.Popen[str]) -> dict[str, str | int]:
    """Wait until the supervisor says that its box is ready."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"the box did not start: {process.communicate()[1]}")
    found: dict[str, str | int] = json.loads(line)
    return found


def processes(data: Path) -> list[str]:
    """Return everything that runs with the data folder in its command, environment or working directory."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and int(entry.name) != os.getpid() and _mentions(entry, os.fsencode(data)):
                found.append(f"{entry.name} {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}")
    return found


def _mentions(entry: Path, name: bytes) -> bool:
    return any(name in text for text in ((entry / "cmdline").read_bytes(), (entry / "environ").read_bytes(), os.fsencode((entry / "cwd").readlink())))


def runs(pid: int) -> bool:
    """Tell whether a process is there and not merely waiting for init to take note of its end."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(data: Path, seconds: float = 60.0) -> None:
    """Wait until nothing of the box runs any more; AssertionError names what still does."""
    deadline = time.monotonic() + seconds
    while found := processes(data):
        if time.monotonic() > deadline:
            raise AssertionError(f"still there after {seconds} s: {found}")
        time.sleep(0.02)


def is_locked(data: Path) -> bool:
    """Tell whether somebody holds the folder's lock."""
    if not (data / "lock").exists():
        return False
    with (data / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
