"""A sweep at a terminal: how far it is, and that Ctrl-C costs nothing of what was done."""

import os
import pty
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import polars as pl

from tests.e2e.conftest import PATIENCE, Cli, environment, wait_for, write_market

TRIALS = 6_000
SWEEP = f"""version = 1
name = "Many"
design = "random"
trials = {TRIALS}
rank_by = "excess"
keep = 0
base = "market/spec.toml"
statistics = {{ blocks = 2, bootstrap = 100 }}
[[parameters]]
path = "strategy.threshold_bps"
low = 20
high = 80
[[parameters]]
path = "strategy.max_notional"
low = 20_000
high = 120_000
"""
COMMAND = ("sweep", "run", "many.toml", "--files", "market", "--out", "found", "--threads", "1")


def at_a_terminal(cwd: Path) -> "tuple[subprocess.Popen[str], int]":
    """Start the sweep with standard error at a terminal; return it, and where that can be read."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "app.cli", *COMMAND]
    env = environment(COLUMNS="160", TERM="xterm")
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=its, text=True, start_new_session=True)
    os.close(its)
    return process, ours


def read(terminal: int) -> bytes:
    """Return all that is written to a terminal until its other end is closed."""
    found = b""
    with os.fdopen(terminal, "rb", buffering=0) as file, suppress(OSError):  # how Linux says that the other end is closed
        while part := file.read(65_536):
            found += part
    return found


def test_ctrl_c_keeps_what_is_done_and_the_sweep_goes_on_from_there(cli: Cli, tmp_path: Path) -> None:
    write_market(tmp_path / "market")
    (tmp_path / "many.toml").write_text(SWEEP)
    process, terminal = at_a_terminal(tmp_path)
    with ThreadPoolExecutor(1) as reader:
        written = reader.submit(read, terminal)  # nobody can write to a terminal that nobody reads
        wait_for(lambda: list(tmp_path.glob("found.unfinished/rows-*.parquet")) or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        said = written.result().decode()
    assert f" of {TRIALS:,} trials, " in said
    assert " trials/s, eta " in said
    assert "Traceback" not in said
    kept = sum(pl.read_parquet(part).height for part in tmp_path.glob("found.unfinished/rows-*.parquet"))
    assert 0 < kept < TRIALS
    assert f"{kept:,} trials are kept in found.unfinished" in said
    assert not (tmp_path / "found").exists()

    assert cli(*COMMAND).returncode == 75
    again = shlex.split(said.split("To go on from there:")[1].strip().splitlines()[0])
    assert again == ["usdc-arb", *COMMAND, "--resume"]
    ended = cli(*again[1:])
    assert ended.returncode == 0, ended.stderr
    assert f"{kept:,} of {TRIALS:,} trials are there from before" in ended.stderr
    assert pl.read_parquet(tmp_path / "found" / "trials.parquet")["trial"].to_list() == list(range(TRIALS))
    assert not (tmp_path / "found.unfinished").exists()
