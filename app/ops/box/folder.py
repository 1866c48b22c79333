"""The data folder: its layout, its owner, its lock.

lock          held by the supervisor as long as it lives; holds its process id
secrets.json  passwords and keys, made once
box.json      ports and addresses, there only while the box is ready
postgres/     the databases (postgres.new/ while they are being made)
valkey/       the queue
snapshots/    days of series as files, which runs read
logs/         what servers, API and worker write
run/          the database's socket, where the path is short enough
"""

import json
import os
import pwd
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.errors import BadInput, Conflict, Forbidden
from app.ops.box import disk, lock

_FILES = {"lock", "secrets.json", "box.json", "secrets.json.new", "box.json.new"}
_FOLDERS = {"postgres", "postgres.new", "valkey", "logs", "run", "snapshots"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Paths in a data folder; `run` names this run of its supervisor, for whoever holds the folder."""

    root: Path
    run: str = ""

    @property
    def lock(self) -> Path:
        """Return the file on which the lock lies."""
        return self.root / "lock"

    @property
    def secrets(self) -> Path:
        """Return the file with the secrets."""
        return self.root / "secrets.json"

    @property
    def record(self) -> Path:
        """Return the file that tells others where the box is to be found."""
        return self.root / "box.json"

    @property
    def postgres(self) -> Path:
        """Return the folder of the databases."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Return the folder of the queue."""
        return self.root / "valkey"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs."""
        return self.root / "logs"


def at(data: Path) -> Folder:
    """Return the folder by its real path, whether it exists or not."""
    root = data.expanduser().resolve()
    if any(mark in str(root) for mark in "\n\r"):
        raise BadInput(f"the data folder {str(root)!r} has a line break in its name; choose another")
    return Folder(root=root)


@contextmanager
def held(data: Path) -> Iterator[Folder]:
    """Make the folder where needed and hold its lock."""
    folder = at(data)
    _make(folder.root)
    is_new = not folder.secrets.exists()
    if is_new:
        _require_nothing_foreign(folder.root)
    disk.require(folder.root, disk.NEW if is_new else disk.KNOWN)
    with lock.held(folder.lock):
        for part in (folder.logs, folder.valkey):
            part.mkdir(mode=0o700, exist_ok=True)
        yield replace(folder, run=secrets.token_hex(8))


def _make(root: Path) -> None:
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadInput(f"the data folder {root} cannot be made, since there is a file of that name in its path; choose another") from error
    except PermissionError as error:
        raise Forbidden(f"the data folder {root} cannot be made ({error.strerror}); choose one that you may write to") from error
    _require_owner(root)
    if root.stat().st_mode & 0o066:
        root.chmod(0o700)


def _require_owner(root: Path) -> None:
    owner, us = root.stat().st_uid, os.geteuid()
    if owner != us:
        raise Forbidden(f"the data folder {root} belongs to {_name(owner)} and you are {_name(us)}; run as {_name(owner)}, or choose another folder")


def _name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def _require_nothing_foreign(root: Path) -> None:
    foreign = {entry.name for entry in root.iterdir()} - _FILES - _FOLDERS
    if foreign:
        raise Conflict(f"{root} is not the folder of a box and not empty: it holds {min(foreign)!r}; choose an empty or a new one")


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that only we may read, whole or not at all; the folder's lock is ours, so there is one draft at a time."""
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
