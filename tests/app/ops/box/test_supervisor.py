"""A box starts, recovers what crashes, and refuses what cannot be."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
import redis.asyncio

from app.errors import Conflict, NotFound, Unavailable
from app.ops.box import record
from app.ops.box.ports import is_free
from app.ops.box.record import Box
from app.ops.box.supervisor import Child, box, servers
from app.settings import Settings
from tests.app.ops.box.support import processes, runs

T = TypeVar("T")
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


async def _nothing(_: Settings) -> None:
    return


@contextlib.asynccontextmanager
async def _connected(uri: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(uri)
    try:
        yield connection
    finally:
        await connection.close()


async def _query(uri: str, query: str) -> object:
    async with _connected(uri) as connection:
        return await connection.fetchval(query)


async def _eventually(ask: Callable[[], Awaitable[T]], seconds: float = 120) -> T:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await ask()
        except (OSError, asyncpg.PostgresError, redis.ConnectionError, AssertionError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)


def _queue(it: Box) -> "redis.asyncio.Redis":
    return redis.asyncio.Redis(port=it.ports.redis, password=it.settings.redis_password.get_secret_value())


async def test_the_servers_take_our_passwords_and_no_others(data: Path) -> None:
    async with servers(data) as it:
        assert await _query(it.settings.libpq_uri, "SELECT current_user || '@' || current_database()") == "usdc_arb@usdc_arbitrage"
        assert await _query(it.settings.libpq_uri, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        for uri in (it.settings.libpq_uri, it.admin_uri):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await _query(uri.replace(uri.split(":")[2].split("@")[0], "wrong"), "SELECT 1")
        async with _queue(it) as client:
            assert await client.ping()
        async with redis.asyncio.Redis(port=it.ports.redis, password="wrong") as client:
            with pytest.raises(redis.AuthenticationError):
                await client.ping()


async def test_the_servers_listen_on_loopback_alone_and_follow_the_plan(data: Path) -> None:
    async with servers(data) as it:
        for name in ("shared_buffers", "work_mem", "max_connections", "autovacuum_work_mem"):
            assert await _query(it.settings.libpq_uri, f"SHOW {name}") == it.plan.postgres[name]
        assert await _query(it.settings.libpq_uri, "SHOW listen_addresses") == "127.0.0.1"
        async with _queue(it) as client:
            found = await client.config_get("bind", "maxmemory", "maxmemory-policy", "appendonly")
        assert found == {"bind": "127.0.0.1", "maxmemory": str(it.plan.queue_maxmemory), "maxmemory-policy": "noeviction", "appendonly": "yes"}
        listening = {line.split()[1].split(":")[0] for line in _sockets() if int(line.split()[1].split(":")[1], 16) in (it.ports.db, it.ports.redis)}
        assert listening == {"0100007F"}


def _sockets() -> list[str]:
    return [line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:] if line.split()[3] == "0A"]


async def test_no_secret_is_in_a_command_line_or_readable_by_others(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with box(data, migrate=_nothing, children=[Child(name="idle", argv=SLEEP)]) as it:
        secrets = json.loads((data / "secrets.json").read_text()).values()
        commands = "".join(processes(data))
        assert "postgres" in commands
        assert not any(secret in commands for secret in secrets)
        assert not any(secret in repr(it) + (data / "box.json").read_text() for secret in secrets)
    logs = "".join(path.read_text() for path in (data / "logs").iterdir())
    assert "ready to accept connections" in logs
    assert not any(secret in logs for secret in secrets)
    assert data.stat().st_mode & 0o777 == 0o700
    loose = [path for path in data.rglob("*") if path.lstat().st_mode & 0o077 and not path.is_symlink()]
    assert loose == []


async def test_data_is_there_again_at_the_next_start(data: Path) -> None:
    async with servers(data) as it:
        await _query(it.settings.libpq_uri, "CREATE TABLE kept AS SELECT 7 AS value")
        async with _queue(it) as client:
            await client.set("kept", "7")
        passwords = it.variables["DB_PASSWORD"], it.variables["REDIS_PASSWORD"]
    async with servers(data) as it:
        assert await _query(it.settings.libpq_uri, "SELECT value FROM kept") == 7
        async with _queue(it) as client:
            assert await client.get("kept") == b"7"
        assert passwords == (it.variables["DB_PASSWORD"], it.variables["REDIS_PASSWORD"])


async def test_nothing_runs_and_nothing_is_held_after_the_end(data: Path) -> None:
    async with box(data, migrate=_nothing, children=[Child(name="idle", argv=SLEEP)]) as it:
        assert len(processes(data)) >= 4
    assert processes(data) == []
    assert is_free(it.ports.db)
    assert is_free(it.ports.redis)
    assert not (data / "box.json").exists()
    assert not (data / "run").exists()
    assert "database system is shut down" in (data / "logs" / "postgres.log").read_text()


async def test_two_boxes_run_side_by_side(data: Path, tmp_path: Path) -> None:
    async with servers(data) as one, servers(tmp_path / "two") as two:
        assert {one.ports.db, one.ports.redis}.isdisjoint({two.ports.db, two.ports.redis})
        await _query(one.settings.libpq_uri, "CREATE TABLE here AS SELECT 1")
        assert await _query(two.settings.libpq_uri, "SELECT to_regclass('here')") is None


async def test_a_second_box_on_the_same_folder_is_refused_with_the_reason(data: Path) -> None:
    async with servers(data):
        with pytest.raises(Conflict, match=rf"another box runs on {data} \(process {os.getpid()}\); use that one"):
            async with servers(data):
                raise AssertionError("two boxes on one folder")


async def test_two_boxes_that_start_at_once_on_one_folder_become_one(tmp_path: Path) -> None:
    async def attempt() -> str:
        async with servers(tmp_path / "data"):
            await asyncio.sleep(0.5)
            return "ran"

    found = await asyncio.gather(attempt(), attempt(), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["Conflict", "str"]


@pytest.mark.parametrize("which", ["db_port", "redis_port", "api_port"])
async def test_a_port_that_was_asked_for_and_is_taken_is_named(data: Path, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=rf"port {port} on 127.0.0.1, asked for as the port of .*--{which.replace('_', '-')}.* is taken"):
            async with servers(data, **{which: port}):
                raise AssertionError("a taken port was used")
    assert processes(data) == []


async def test_a_free_port_that_was_asked_for_is_used(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        db, queue = one.getsockname()[1], two.getsockname()[1]
    async with servers(data, db_port=db, redis_port=queue) as it:
        assert (it.ports.db, it.ports.redis) == (db, queue)
        assert await _query(it.settings.libpq_uri, "SELECT 1") == 1


async def test_a_killed_database_comes_back_with_its_data_and_without_its_busy_backends(data: Path) -> None:
    async with servers(data) as it:
        uri = it.settings.libpq_uri
        await _query(uri, "CREATE TABLE kept AS SELECT 7 AS value")
        async with _connected(uri) as busy:
            pid = await busy.fetchval("SELECT pg_backend_pid()")
            work = asyncio.ensure_future(busy.execute("CREATE TABLE doubled AS SELECT sum(g) FROM generate_series(1, 1000000000) g"))
            await asyncio.sleep(0.2)
            os.kill(int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
            assert await _eventually(lambda: _query(uri, "SELECT value FROM kept")) == 7
            with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
                await work
        assert not runs(pid)
        assert await _query(uri, "SELECT to_regclass('doubled')") is None
        await _query(uri, "INSERT INTO kept VALUES (8)")


async def test_a_killed_queue_comes_back_with_what_it_had_acknowledged(data: Path) -> None:
    async with servers(data) as it:
        async with _queue(it) as client:
            for number in range(100):
                await client.rpush("kept", number)
            pid = (await client.info("server"))["process_id"]
        os.kill(pid, signal.SIGKILL)

        async def length() -> int:
            async with _queue(it) as again:
                assert (await again.info("server"))["process_id"] != pid
                return await again.llen("kept")

        assert await _eventually(length) == 100


async def test_a_child_that_ends_is_started_again(data: Path, tmp_path: Path) -> None:
    began = tmp_path / "began"
    child = Child(name="brief", argv=[sys.executable, "-c", f"print(1, file=open({str(began)!r}, 'a'))"])
    async with box(data, migrate=_nothing, children=[child]):

        async def starts() -> int:
            count = len(began.read_text().splitlines())
            assert count >= 3
            return count

        await _eventually(starts)


async def test_children_get_the_settings_of_the_box_after_the_migration(data: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    done: list[Settings] = []

    async def migrate(settings: Settings) -> None:
        await _query(settings.libpq_uri, "CREATE TABLE migrated ()")
        done.append(settings)

    async def is_written(_: Box) -> bool:
        return seen.exists() and bool(seen.read_text())

    child = Child(
        name="look", argv=[sys.executable, "-c", f"import json, os; json.dump(dict(os.environ), open({str(seen)!r}, 'w'))"], ready=is_written
    )
    async with box(data, migrate=migrate, children=[child]) as it:
        assert done == [it.settings]
        found = json.loads(seen.read_text())
    assert {name: found.get(name) for name in it.variables} == it.variables
    assert found["USDC_ARB_DATA"] == str(data)


async def test_a_child_that_never_gets_ready_is_an_error_with_what_it_said(data: Path) -> None:
    async def never(_: Box) -> bool:
        return False

    child = Child(name="api", argv=[sys.executable, "-c", "print('no such table: runs'); raise SystemExit(3)"], ready=never)
    with pytest.raises(Unavailable, match=r"(?s)api ended before it was ready; its log .*api.log says:.*no such table: runs"):
        async with box(data, migrate=_nothing, children=[child]):
            raise AssertionError("it was ready")
    assert processes(data) == []


async def test_an_error_in_the_migration_stops_the_servers_and_stays_what_it_is(data: Path) -> None:
    async def fail(_: Settings) -> None:
        raise LookupError("no such revision")

    with pytest.raises(LookupError, match="no such revision"):
        async with box(data, migrate=fail, children=[]):
            raise AssertionError("it was ready")
    assert processes(data) == []


async def test_cancelling_a_start_at_any_moment_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def run() -> None:
        async with servers(data):
            await asyncio.sleep(60)

    for step in range(8):
        task = asyncio.ensure_future(run())
        await asyncio.sleep(0.15 * step)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert processes(data) == []
    async with servers(data) as it:
        assert await _query(it.settings.libpq_uri, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["with spaces and 'quotes\"", "long/" * 20, "ünï/%20,;$(x)"])
async def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    async with servers(tmp_path / name / "data") as it:
        assert await _query(it.settings.libpq_uri, "SELECT 1") == 1
        folder = str(await _query(it.admin_uri, "SHOW unix_socket_directories")).strip('"').replace('""', '"')
        path = Path(folder) / f".s.PGSQL.{it.ports.db}"
        assert path.is_socket()
        assert len(os.fsencode(path)) <= 107
        assert path.parent.stat().st_mode & 0o777 == 0o700
        async with asyncio.timeout(60):
            connection = await asyncpg.connect(it.admin_uri, host=str(path.parent), port=it.ports.db)
            await connection.close()
    assert not path.parent.exists()


async def test_databases_that_were_left_half_made_are_made_anew(tmp_path: Path) -> None:
    draft = tmp_path / "data" / "postgres.new"
    (draft / "base").mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    async with servers(tmp_path / "data") as it:
        assert await _query(it.settings.libpq_uri, "SELECT 1") == 1
    assert not draft.exists()


async def test_databases_of_another_version_are_refused_and_left_alone(data: Path) -> None:
    async with servers(data):
        pass
    version = data / "postgres" / "PG_VERSION"
    found = version.read_text()
    version.write_text("17\n")
    with pytest.raises(Conflict, match=r"were made by PostgreSQL 17, and this box brings 18; install"):
        async with servers(data):
            raise AssertionError("it started")
    version.write_text(found)
    async with servers(data) as it:
        assert await _query(it.settings.libpq_uri, "SELECT 1") == 1


async def test_others_find_a_box_by_its_folder_while_it_runs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(NotFound, match=r"no box is ready in .*; start one with: usdc-arb up"):
        record.connect(data)
    async with box(data, migrate=_nothing, children=[]) as it:
        found = record.connect(data)
        assert (found.variables, found.ports, found.admin_uri) == (it.variables, it.ports, it.admin_uri)
        assert found.api_url == f"http://127.0.0.1:{it.ports.api}"
        assert json.loads((data / "box.json").read_text())["pid"] == os.getpid()
    with pytest.raises(NotFound):
        record.connect(data)
