"""The command line as its users have it: a process, its output, its exit code; and a box that runs for a module's tests."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from app.cli import demo
from app.ops.box import leftovers
from app.ops.box.folder import Folder
from app.ops.box.lock import is_held
from engine.synth import depeg_weekend

ROOT = Path(__file__).parent.parent.parent
REAL_DATA = ROOT.parent / "shared" / "data" / "usdc-2023-03"
SETTINGS = ("DB_", "REDIS_", "API_", "JWT_", "LOG_", "USDC_ARB_")
PATIENCE = 120.0
DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def start(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start `usdc-arb` in a session of its own, as a terminal would in the foreground; it ends when the tests are killed."""
    command = [*DIES_WITH_US, sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env=environment(**(env or {})), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(what: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def left_behind(data: Path) -> list[int]:
    """Return the processes of the box in a folder, a second after the last one had reason to end."""
    deadline = time.monotonic() + 60.0
    while (found := list(leftovers.find(data.resolve()))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def is_locked(data: Path) -> bool:
    """Tell whether a box holds the folder."""
    return is_held(Folder(root=data.resolve()).lock)


def write_market(folder: Path) -> Path:
    """Write the invented weekend's files and its spec into a folder, and return it."""
    demo.write_files(depeg_weekend(1), folder)
    return folder


def call(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run `usdc-arb` to its end."""
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment(**(env or {})), capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `usdc-arb` to its end in a folder of this test, without settings."""
    return partial(call, cwd=tmp_path)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the data folder of a box that `usdc-arb up` runs for the tests of a module."""
    folder = tmp_path_factory.mktemp("up")
    process = start("up", "--data", folder / "data", cwd=folder)
    try:
        wait_for(lambda: (folder / "data" / "box.json").exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield folder / "data"
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def made(path: Path) -> bytes:
    """Return a file of a result without what names the snapshots that a box read it from."""
    read = path.read_bytes()
    if path.suffix in {".json", ".html"}:
        read = re.sub(rb'^ +"snapshots": \[.*?^ +\],\n', b"", read, flags=re.MULTILINE | re.DOTALL)
    return read
