"""Find and end what a killed box left behind; only the holder of the folder's lock may ask for it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import Unavailable
from app.ops.box import watchdog
from app.ops.box.folder import Folder

MARK = "USDC_ARB_BOX"
"""Variable in the environment of everything that a box starts; its value is the data folder."""
RUN_MARK = "USDC_ARB_BOX_RUN"
"""The same for one run of its supervisor."""
_SERVERS = {"postgres", "initdb", "valkey-server"}
_PATIENCE = 10.0


def marks(folder: Folder) -> dict[str, str]:
    """Return the variables that everything of this run of the box has to bear."""
    return {MARK: str(folder.root), RUN_MARK: folder.run}


@contextmanager
def watched(folder: Folder) -> Iterator[None]:
    """Have a watchdog end whatever this run has started and not stopped, when we leave this or are killed."""
    script = [sys.executable, "-I", "-S", str(Path(watchdog.__file__).resolve()), f"{RUN_MARK}={folder.run}"]
    process = subprocess.Popen(
        script,
        env={MARK: str(folder.root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with process:  # closes the pipe and waits
        yield


def find(root: Path) -> Iterator[int]:
    """Yield the processes of the box in a folder, but for ourselves: what bears its mark, and servers that work in it."""
    yield from watchdog.bearers(f"{MARK}={root}")
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and _serves(entry, root):
                yield int(entry.name)


def end(root: Path) -> int:
    """Kill them all, wait until they are gone, and return how many there were."""
    deadline, ended = time.monotonic() + _PATIENCE, set[int]()
    while alive := set(find(root)):
        if time.monotonic() > deadline:
            names = ", ".join(map(str, sorted(alive)))
            raise Unavailable(f"processes {names} of an earlier box in {root} do not end; look at them with ps, then try again")
        watchdog.kill(alive)
        ended |= alive
        time.sleep(0.01)
    return len(ended)


def _serves(entry: Path, root: Path) -> bool:
    # PostgreSQL's backends write their title over their environment, but they all work in the database's folder.
    works_here = (entry / "cwd").readlink().is_relative_to(root)
    return works_here and (entry / "exe").readlink().name.removesuffix(" (deleted)") in _SERVERS
