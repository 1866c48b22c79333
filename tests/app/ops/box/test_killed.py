"""Whatever kills a supervisor, and whenever: no process and no lock is left, and the next start works."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import asyncpg
import pytest

from app.ops.box import folder, record
from app.ops.box.process import start
from tests.app.ops.box.support import is_locked, processes, ready, runs, supervisor, wait_until_gone

MOMENTS = 8


async def _query(uri: object, query: str) -> object:
    connection = await asyncpg.connect(str(uri))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _wait_for(data: Path, *, words: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not any(words in process for process in processes(data)):
        assert time.monotonic() < deadline, f"{words} never ran"


def _kill(process: "subprocess.Popen[str]", data: Path) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until_gone(data)
    assert not is_locked(data)


def test_a_supervisor_that_is_killed_at_any_moment_of_its_first_start_leaves_nothing(tmp_path: Path) -> None:
    data, moments = tmp_path / "a folder" / "data", random.Random(7)
    began = time.monotonic()
    with supervisor(data) as process:
        ready(process)
        seconds = time.monotonic() - began
        _kill(process, data)
    for moment in range(MOMENTS):
        shutil.rmtree(data, ignore_errors=True)
        with supervisor(data) as process:
            time.sleep(seconds * (moment + moments.random()) / MOMENTS)
            _kill(process, data)
    with supervisor(data) as process:
        assert asyncio.run(_query(ready(process)["admin_uri"], "SELECT 1")) == 1


@pytest.mark.parametrize("words", ["initdb -D", "postgres --", "postgres.new"])
def test_killed_while_it_makes_the_databases_it_leaves_nothing_and_makes_them_anew(tmp_path: Path, words: str) -> None:
    data = tmp_path / "data"
    with supervisor(data) as process:
        _wait_for(data, words=words)
        _kill(process, data)
    assert not (data / "postgres").exists()
    with supervisor(data) as process:
        assert (
            asyncio.run(_query(ready(process)["admin_uri"], "SELECT datname::text FROM pg_database WHERE datname LIKE 'usdc%'")) == "usdc_arbitrage"
        )


async def test_a_busy_database_ends_with_its_supervisor_and_keeps_what_was_committed(data: Path) -> None:
    with supervisor(data) as process:
        uri = str(ready(process)["admin_uri"])
        await _query(uri, "CREATE TABLE kept AS SELECT 7 AS value")
        busy = await asyncpg.connect(uri)
        work = asyncio.ensure_future(busy.execute("CREATE TABLE doubled AS SELECT sum(g) FROM generate_series(1, 1000000000) g"))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(_kill, process, data)
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await work
    with supervisor(data) as process:
        uri = str(ready(process)["admin_uri"])
        assert await _query(uri, "SELECT value FROM kept") == 7
        assert await _query(uri, "SELECT to_regclass('doubled')") is None


def test_a_killed_box_is_not_taken_for_a_running_one(data: Path) -> None:
    with supervisor(data) as process:
        ready(process)
        assert record.connect(data).folder.root == data
        _kill(process, data)
        assert (data / "box.json").exists()
        with pytest.raises(record.NotFound):
            record.connect(data)


def test_servers_that_were_stopped_from_dying_are_ended_by_the_next_start(data: Path) -> None:
    with supervisor(data) as process:
        ready(process)
        frozen = [int(line.split()[0]) for line in processes(data) if "postgres" in line or "valkey" in line or "watchdog" in line]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        process.send_signal(signal.SIGKILL)
        process.wait()
    try:
        with supervisor(data) as process:
            uri = str(ready(process)["admin_uri"])
            assert asyncio.run(_query(uri, "SELECT 1")) == 1
            assert not [pid for pid in frozen if runs(pid)]
    finally:
        for pid in filter(runs, frozen):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_terminal_stops_everything_in_order(data: Path, number: signal.Signals) -> None:
    with supervisor(data) as process:
        ready(process)
        os.killpg(process.pid, number)
        said, wrong = process.communicate(timeout=120)
        assert (said, wrong, process.returncode) == ("stopped\n", "", 0)
        assert processes(data) == []
        assert not is_locked(data)
        assert not (data / "box.json").exists()
        assert "database system is shut down" in (data / "logs" / "postgres.log").read_text().splitlines()[-1]


def test_a_signal_in_the_middle_of_the_first_start_stops_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with supervisor(data) as process:
        _wait_for(data, words="initdb -D")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=120) == ("stopped\n", "")
        assert processes(data) == []
        assert not is_locked(data)


def test_a_program_whose_starter_is_gone_does_not_begin(tmp_path: Path) -> None:
    # The moment between the fork and the death signal: the launcher is told of a parent that is not its own.
    from app.ops.box import launch

    touched = tmp_path / "touched"
    command = ["python3", "-I", "-S", launch.__file__, "1", "9", "same", "/usr/bin/touch", str(touched)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == "the parent is gone already\n"
    assert not touched.exists()


async def test_a_process_stops_at_the_first_signal_that_it_heeds(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with (tmp_path / "out").open("wb") as output:
        process = start("deaf", ["/usr/bin/env", "python3", "-c", deaf], environment=dict(os.environ), output=output)
    while not (tmp_path / "out").read_text():
        await asyncio.sleep(0.01)
    await process.stop((signal.SIGTERM, 0.1), (signal.SIGINT, 30.0))
    assert await process.wait() in (1, -signal.SIGINT)


def test_the_folder_is_found_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert folder.at(tmp_path / "link" / "data").root == tmp_path / "real" / "data"
