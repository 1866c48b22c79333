"""However and whenever the box ends, nothing of it stays: no process, no lock, and a folder that works the next time."""

import itertools
import json
import os
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from app.ops.box import leftovers
from tests.e2e.conftest import PATIENCE, Cli, is_locked, left_behind, start, wait_for, write_market

MOMENTS = (1.3, 4.1)
"""Seconds: while the servers start, and while the demo works."""


def ready(data: Path) -> bool:
    return (data / "box.json").exists()


def test_a_demo_that_is_ended_at_any_moment_leaves_nothing_and_works_the_next_time(cli: Cli, tmp_path: Path) -> None:
    data = tmp_path / "demo"
    for moment, number in itertools.product(MOMENTS, (signal.SIGINT, signal.SIGKILL, signal.SIGTERM)):
        process = start("demo", "--data", data, cwd=tmp_path)
        time.sleep(moment)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
        assert left_behind(data) == [], f"{number.name} after {moment} s: {said}"
        assert not is_locked(data)
        assert process.returncode in {0, -number, 128 + number}
        has_begun = bool(said) or process.returncode != 128 + number  # while its modules are loaded it ends without a word
        assert ("nothing is left running" in said) == (process.returncode == 128 + number and has_begun)
        assert "Traceback" not in said
    ended = cli("demo", "--data", data)
    assert ended.returncode == 0, ended.stderr


def test_ctrl_c_stops_a_box_in_order_and_takes_its_record_away(tmp_path: Path) -> None:
    process = start("up", "--data", tmp_path / "data", cwd=tmp_path)
    wait_for(lambda: ready(tmp_path / "data"))
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "The box is up" in out
    assert "stopped; the data stays" in said
    assert not ready(tmp_path / "data")
    assert left_behind(tmp_path / "data") == []


def test_a_box_that_was_killed_starts_again_in_spite_of_its_record(tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "data" / "box.json").unlink(missing_ok=True)
        process = start("up", "--data", tmp_path / "data", cwd=tmp_path)
        wait_for(lambda: ready(tmp_path / "data"))
        process.kill()
        process.communicate(timeout=PATIENCE)
        assert left_behind(tmp_path / "data") == []


def test_a_second_box_on_the_same_folder_is_refused_with_the_reason_and_the_first_lives_on(box: Path, cli: Cli) -> None:
    ended = cli("up", "--data", box)
    assert ended.returncode == 75
    assert f"error: another box runs on {box}" in ended.stderr
    assert cli("backtest", "list", "--data", box).returncode == 0


def test_a_default_port_moves_when_it_is_taken(box: Path, tmp_path: Path) -> None:
    process = start("up", "--data", tmp_path / "data", cwd=tmp_path)
    try:
        wait_for(lambda: ready(tmp_path / "data"))
        first, second = ((folder / "box.json").read_text() for folder in (box, tmp_path / "data"))
        ports = [{line for line in text.splitlines() if "_port" in line} for text in (first, second)]
        assert ports[0].isdisjoint(ports[1])
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("option", ["--api-port", "--db-port", "--redis-port"])
def test_a_port_that_was_asked_for_is_an_error_when_it_is_taken(option: str, cli: Cli, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        port = holder.getsockname()[1]
        ended = cli("up", "--data", tmp_path / "data", option, str(port))
    assert ended.returncode == 75
    assert f"port {port}" in ended.stderr
    assert option in ended.stderr
    assert left_behind(tmp_path / "data") == []


def process_of(data: Path, command: str) -> int:
    """Return the one process of a box that runs a command of ours."""
    (found,) = (pid for pid in leftovers.find(data) if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(f"\0{command}\0".encode()))
    return found


def test_an_api_that_was_killed_comes_again_and_nobody_can_take_its_port_in_between(box: Path, cli: Cli) -> None:
    port = json.loads((box / "box.json").read_text())["api_port"]
    os.kill(process_of(box, "serve"), signal.SIGKILL)
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", port))
    ended = cli("backtest", "list", "--data", box)  # waits at the door until the API is back
    assert ended.returncode == 0, ended.stderr


def test_a_run_goes_on_when_whoever_follows_it_leaves(box: Path, cli: Cli, tmp_path: Path) -> None:
    market = write_market(tmp_path / "market")
    assert cli("data", "import", market, "--data", box).returncode == 0
    worker = process_of(box, "worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        process = start("backtest", "run", market / "spec.toml", "--data", box, cwd=tmp_path)
        assert process.stderr is not None
        run_id = process.stderr.readline().removeprefix("run ").strip()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert process.returncode == 130
    assert f"usdc-arb backtest show {run_id} --data {box}" in said
    assert f"usdc-arb backtest cancel {run_id} --data {box}" in said
    wait_for(lambda: '"state": "DONE"' in cli("backtest", "show", run_id, "--data", box, "--json").stdout)
