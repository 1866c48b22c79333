"""TimescaleDB for tests, in both of its editions, each started once a session and only where a test asks for it.

apache_server   PostgreSQL 17 with TimescaleDB 2.19 of Debian trixie, under its Apache licence: a function that makes a fresh database
full_server     TimescaleDB 2.23 on PostgreSQL 17 in WebAssembly, under its timescale licence: the address of its one database, emptied

What is downloaded (63 and 9 MB) is kept in a folder beside the temporary files; where it cannot be had the tests are skipped, with the reason.
"""

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy import URL, make_url

from tests.editions import debian

KEPT = Path(tempfile.gettempdir()) / f"usdc-arb-tests-{os.getuid()}"
HERE = Path(__file__).parent
_NEEDS = ("postgresql-17", "postgresql-17-timescaledb", "libc-bin", "coreutils", "dash", "tzdata")
_PATIENCE_S = 180


@pytest.fixture(scope="session")
def apache_server(servers_portal: BlockingPortal) -> Iterator[Callable[[], URL]]:
    """Run the server of the Apache edition; called, it makes a database that its owner, no superuser, has to itself."""
    if (reason := debian.missing()) is not None:
        pytest.skip(f"TimescaleDB of Debian: {reason}")
    root, port = _unpacked(), _free_port()
    with _postgres(root, port):
        admin = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        servers_portal.call(_execute, admin, "CREATE ROLE usdc_arb LOGIN CREATEROLE")

        def database() -> URL:
            name = f"test_{secrets.token_hex(6)}"
            servers_portal.call(_execute, admin, f"CREATE DATABASE {name} OWNER usdc_arb")
            return make_url(f"postgresql+asyncpg://usdc_arb@127.0.0.1:{port}/{name}")

        yield database


@pytest.fixture(scope="session")
def full_process() -> Iterator[URL]:
    """Run the server of the full edition."""
    if not shutil.which("npm"):
        pytest.skip("TimescaleDB with its timescale licence: needs Node.js with npm")
    with licensed() as url:
        yield url


@contextmanager
def licensed() -> Iterator[URL]:
    """Run the server of the full edition, and yield the address of its one database."""
    port = _free_port()
    process = subprocess.Popen(["node", "serve.mjs", str(port)], cwd=_installed(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield make_url(f"postgresql+asyncpg://postgres:any@127.0.0.1:{port}/postgres?ssl=disable")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def full_server(full_process: URL, servers_portal: BlockingPortal) -> URL:
    """Return the address of the full edition's database, without any table."""
    uri = full_process.set(drivername="postgresql").difference_update_query(["ssl"]).render_as_string(hide_password=False)
    servers_portal.call(_execute, f"{uri}?sslmode=disable", _EMPTY)
    return full_process


_EMPTY = """
    DO $$ DECLARE one record; BEGIN
        FOR one IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('DROP TABLE public.%I CASCADE', one.name);
        END LOOP;
        FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
                   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
            EXECUTE format('DROP FUNCTION %s CASCADE', one.name);
        END LOOP;
    END $$"""


def _unpacked() -> Path:
    root = KEPT / "trixie"
    with _alone(root):
        if not (root / "usr/lib/postgresql/17/bin/postgres").exists() or not (root / "etc/group").exists():
            shutil.rmtree(root, ignore_errors=True)
            debian.unpack("trixie", root, *_NEEDS)
    return root


def _installed() -> Path:
    folder = KEPT / "wasm"
    with _alone(folder):
        folder.mkdir(exist_ok=True)
        lock, done = HERE / "package-lock.json", folder / "installed"
        if not done.exists() or done.read_bytes() != lock.read_bytes():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            command = ["npm", "ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            shutil.copy(lock, done)
        shutil.copy(HERE / "serve.mjs", folder)
    return folder


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    KEPT.mkdir(mode=0o755, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _postgres(root: Path, port: int) -> Iterator[None]:
    data = f"/var/tmp/{secrets.token_hex(6)}"
    settings = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off", "jit": "off", "fsync": "off", "dynamic_shared_memory_type": "mmap", "shared_memory_type": "mmap",
        "timezone": "UTC", "max_locks_per_transaction": 128,
    }  # fmt: skip
    initdb = ("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync")
    subprocess.run(debian.inside(root, *initdb), check=True, capture_output=True)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = root / f"{data[1:]}.log"
    with log.open("w") as output:
        process = subprocess.Popen(debian.inside(root, "postgres", "-D", data, *options), stdout=output, stderr=output)
    try:
        _wait(process, log)
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)
        shutil.rmtree(root / data[1:])
        log.unlink()


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if "ready to accept connections" in log.read_text():
            return
        time.sleep(0.05)
    raise RuntimeError(f"TimescaleDB of Debian did not start: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def _execute(uri: str, *statements: str) -> None:
    connection = await asyncpg.connect(uri)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
