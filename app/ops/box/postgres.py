"""PostgreSQL of the box: make its folder once, start it, stop it."""

import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from app.errors import Conflict
from app.ops.box import leftovers, logs, readiness
from app.ops.box.binaries import Binaries
from app.ops.box.credentials import Credentials
from app.ops.box.folder import Folder
from app.ops.box.identity import Identity
from app.ops.box.ports import LOOPBACK
from app.ops.box.process import Process, finish, start
from app.ops.box.record import ADMIN, DATABASE, USER
from app.ops.box.service import Service

PORT: Final = 5432
_SOCKET_NAME = ".s.PGSQL.65535.lock"
_LONGEST_SOCKET = 107
_INIT_SECONDS, _START_SECONDS = 120.0, 300.0  # after a crash it recovers first
_STOP = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 6.0))  # fast, then immediate


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """What it takes to start it, the port apart."""

    binaries: Binaries
    folder: Folder
    identity: Identity
    settings: Mapping[str, str]

    @property
    def log(self) -> Path:
        """Return the file that the server writes its log to."""
        return self.folder.logs / "postgres.log"

    @property
    def socket(self) -> Path:
        """Return the folder of the socket: below the data folder, or in a short private place where that path is too long."""
        near = self.folder.root / "run"
        if len(os.fsencode(near / _SOCKET_NAME)) <= _LONGEST_SOCKET and "," not in str(near):
            return near
        mark = hashlib.sha256(os.fsencode(self.folder.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"usdc-arb-{os.geteuid()}-{mark}"


async def prepare(server: Postgres, credentials: Credentials) -> None:
    """Make the databases where there are none; a folder that was left half done is thrown away and made anew.

    They go to the disk once, before the folder gets its name: waiting for each file took seconds on a busy disk.
    """
    if server.identity.uid is not None:
        server.folder.root.chmod(0o711)  # that user has to pass through, and sees nothing on the way
    if server.folder.postgres.exists():
        _require_version(server)
        return
    draft = server.folder.root / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _hand_over(draft, server.identity)
    await _initdb(server, draft, credentials)
    await _create_database(server, draft, credentials)
    await _run(server, "initdb --sync-only", [server.binaries.initdb, "--sync-only", "--sync-method=syncfs", "-D", draft])
    draft.rename(server.folder.postgres)
    _sync(server.folder.root)


def service(server: Postgres, port: int) -> Service:
    """Return the server on a port, ready to be run."""

    async def ready(process: Process, began: int) -> None:
        async def answers() -> bool:
            return _is_ready(server.folder.postgres, process.pid)

        await readiness.until(answers, process=process, log=server.log, began=began, seconds=_START_SECONDS)

    return Service(name="postgres", log=server.log, launch=partial(_launch, server, port), ready=ready, stop=partial(_stop, server))


def _launch(server: Postgres, port: int) -> Process:
    data = server.folder.postgres
    leftovers.end(data)  # backends of a killed server go on, and no new server may start beside them
    (data / "postmaster.pid").unlink(missing_ok=True)  # stale: the folder's lock is ours and nobody works in it
    _make_socket_folder(server)
    _configure(server, port)
    with logs.opened(server.log) as output:
        return start(
            "postgres",
            [server.binaries.postgres, "-D", data],
            environment=_environment(server.folder),
            cwd=data,
            output=output,
            identity=server.identity.launch,
            death_signal=signal.SIGQUIT,
        )


async def _stop(server: Postgres, process: Process) -> None:
    await process.stop(*_STOP)
    leftovers.end(server.folder.postgres)
    shutil.rmtree(server.socket, ignore_errors=True)


async def _initdb(server: Postgres, draft: Path, credentials: Credentials) -> None:
    password = server.folder.root / "postgres.password"
    password.touch(mode=0o600)
    try:
        password.write_text(credentials.db_admin_password, encoding="ascii")
        _hand_over(password, server.identity)
        options = [
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        await _run(server, "initdb", [server.binaries.initdb, "-D", draft, "-U", ADMIN, f"--pwfile={password}", *options])
    finally:
        password.unlink()


async def _create_database(server: Postgres, draft: Path, credentials: Credentials) -> None:
    # Single-user mode: nobody can connect before the owner has its password.
    statements = f"CREATE ROLE {USER} LOGIN PASSWORD '{credentials.db_password}';\nCREATE DATABASE {DATABASE} OWNER {USER};\n"
    quiet = ["-c", "exit_on_error=true", "-c", "log_min_error_statement=panic", "-c", "fsync=off"]
    await _run(server, "postgres --single", [server.binaries.postgres, "--single", "-D", draft, *quiet, "postgres"], statements)


async def _run(server: Postgres, name: str, argv: list[str | Path], text: str = "") -> None:
    began = logs.size(server.log)
    with logs.opened(server.log) as output, tempfile.TemporaryFile() as source:
        source.write(text.encode())
        source.seek(0)
        process = start(name, argv, environment=_environment(server.folder), stdin=source, output=output, identity=server.identity.launch)
    if await finish(process, seconds=_INIT_SECONDS) != 0:
        raise readiness.failure(name, server.log, began)


def _is_ready(data: Path, pid: int) -> bool:
    # The server says so in the eighth line of its pid file, which is what pg_ctl waits for.
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _require_version(server: Postgres) -> None:
    found = (server.folder.postgres / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != server.identity.version:
        raise Conflict(
            f"the databases in {server.folder.postgres} were made by PostgreSQL {found}, and this box brings {server.identity.version}; "
            "install the version of the box that made them, or choose another data folder"
        )


def _configure(server: Postgres, port: int) -> None:
    ours = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": f'"{server.socket}"',
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "cluster_name": "usdc-arb",
        "recovery_init_sync_method": "syncfs",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }
    lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in ({**server.settings, **ours}).items())
    path = server.folder.postgres / "postgresql.conf"
    path.write_text("# Written by the box at every start; ALTER SYSTEM is where changes of your own belong.\n" + "".join(lines), encoding="utf-8")
    _hand_over(path, server.identity)


def _make_socket_folder(server: Postgres) -> None:
    # Made anew each time: the socket's lock file of a killed server names a process id, which may be somebody else's now.
    folder = server.socket
    if folder.is_symlink() or (folder.exists() and folder.stat().st_uid not in {os.geteuid(), server.identity.uid}):
        raise Conflict(f"{folder}, where the database's socket belongs, was made by somebody else; remove it, or choose another data folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    _hand_over(folder, server.identity)


def _hand_over(path: Path, identity: Identity) -> None:
    if identity.uid is not None and identity.gid is not None:
        os.chown(path, identity.uid, identity.gid)


def _environment(folder: Folder) -> dict[str, str]:
    # Nothing of PG*, LC_* or TZ: the box is the same wherever it is started from.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **leftovers.marks(folder)}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
