"""The real child: bars from the database, the engine, the files, through a worker and without one."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import orjson
import polars as pl
import pytest
from arq.connections import ArqRedis

from app.db.models import RunState
from app.db.objects import Place
from app.db.session import Sessions
from app.jobs import memory
from app.jobs.process import Child, ChildOptions, Crashed, Finished
from app.jobs.wire import ARCHIVE, Part, Progress, Refused, Task
from app.jobs.worker import WorkerOptions
from app.services import imports, results, runs
from app.services.snapshots import Archive
from engine import backtest
from engine.config import Spec, parse_spec, parse_spec_toml
from engine.schema import QUOTES
from engine.synth import Weekend, depeg_weekend, differences
from tests.app.jobs.stage import ends, working

_PLACES: list[Place] = []


@pytest.fixture(autouse=True)
def _snapshots(tmp_path: Path) -> None:
    _PLACES[:] = [Place(url=str(tmp_path / "snapshots"))]


def real(libpq_uri: str, *, memory_bytes: int = 0) -> ChildOptions:
    archive = Archive(libpq_uri=libpq_uri, read_uri=libpq_uri, place=_PLACES[-1])
    return ChildOptions(environment={ARCHIVE: archive.text}, threads=1, memory_bytes=memory_bytes)


def the_weekend() -> Task:
    """Return the run of the invented weekend."""
    return Task(run_id="one", spec=parse_spec_toml(depeg_weekend(1).spec_toml).canonical(), memory_bytes=0)


async def unkept(part: Part, _rows: bytes) -> None:
    """Take no rows: a backtest has none."""
    raise AssertionError(f"expected no rows, found {part}")


QUOTES_EACH = 300_000
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def quoted_spec() -> Spec:
    """Return a spec of two venues, of which one is dear for a second in every ten."""
    size = {"tick": "0.01", "lot": "0.01", "min_notional": "1"}
    venue = {"fee_bps": 1, "feed_latency": "5ms", "order_latency": "5ms", "balances": {"USD": 10_000_000, "BTC": 10_000}}
    return parse_spec(
        {
            "version": 2,
            "name": "many quotes",
            "start": "2024-01-01T00:01:00Z",
            "end": "2024-01-01T00:49:00Z",
            "strategy": {"kind": "spatial", "threshold_bps": 1.0, "max_notional": 1_000, "cool_down": "5s"},
            "venues": {"alfa": venue, "bravo": venue},
            "instruments": [{"venue": name, "name": "BTC/USD", "data": "quotes", **size} for name in ("alfa", "bravo")],
        }
    )


def many_quotes(dearer: float) -> pl.DataFrame:
    """Return a quote every 10 ms, in every tenth second higher by as much."""
    at = np.arange(QUOTES_EACH)
    bid = np.where(at // 100 % 10 == 9, 100.0 + dearer, 100.0)
    times = pl.select(pl.datetime_range(FIRST, FIRST + timedelta(milliseconds=10) * (QUOTES_EACH - 1), "10ms", time_unit="us")).to_series()
    columns = {"ts": times, "received": None, "bid": bid, "bid_size": 1.0, "ask": bid + 0.01, "ask_size": 1.0 + at % 7}
    return pl.DataFrame(columns, schema=QUOTES)


def resident_bytes(pid: int, name: str) -> int:
    """Return what a process holds, or has held at most."""
    return int(Path(f"/proc/{pid}/status").read_text(encoding="ascii").partition(f"{name}:")[2].split(None, 1)[0]) << 10


async def test_a_run_through_the_queue_is_the_run_of_the_engine(sessions: Sessions, redis: ArqRedis, libpq_uri: str, weekend: Weekend) -> None:
    spec = parse_spec_toml(weekend.spec_toml)
    async with working(sessions, redis, WorkerOptions(slots=1, children=real(libpq_uri))):
        run_id = (await runs.submit(sessions, spec=spec, submitted_by="tester")).id
        run = await ends(sessions, run_id)
    assert run.state == RunState.DONE, run.error_message
    direct = backtest.run(spec, weekend.bars)
    assert run.summary == direct.summary
    assert run.manifest is not None
    named = run.manifest["snapshots"]
    assert run.manifest == direct.manifest | {"snapshots": named}
    assert {(one["venue"], one["instrument"], one["day"]) for one in named} == {
        (row["venue"], row["instrument"], row["day"]) for row in cast(list[dict[str, str]], direct.manifest["data"])
    }, "every day that was read is named"
    told = {"manifest.json", "report.html"}
    files = {name: await results.file(sessions, run_id=run_id, name=name) for name in direct.files() if name not in told}
    assert files == {name: content for name, content in direct.files().items() if name not in told}
    fills, total = await results.fills(sessions, run_id=run_id, offset=0, limit=1000)
    assert (total, differences(fills, weekend.truth)) == (direct.fills.height, [])


async def test_a_child_tells_the_stages_of_its_run_in_order(libpq_uri: str, weekend: Weekend) -> None:
    told: list[Progress] = []
    child = await Child.start(real(libpq_uri))
    try:
        await child.work(Task(run_id="one", spec=parse_spec_toml(weekend.spec_toml).canonical(), memory_bytes=0), told.append, unkept)
    finally:
        await child.end()
    fractions = [progress.fraction for progress in told]
    assert (told[0].stage, told[-1].stage) == ("reading data", "writing files")
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] < 1


async def test_a_run_on_bars_that_are_not_stored_says_which_and_what_to_do(libpq_uri: str) -> None:
    child = await Child.start(real(libpq_uri))
    try:
        outcome = await child.work(the_weekend(), lambda _: None, unkept)
    finally:
        await child.end()
    assert isinstance(outcome, Refused)
    assert "import" in outcome.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
async def test_a_full_disk_and_a_damaged_file_are_said_as_what_they_are(libpq_uri: str, weekend: Weekend, tmp_path: Path) -> None:
    place = Path(_PLACES[-1].url)
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=True)
    task = Task(run_id="one", spec=parse_spec_toml(weekend.spec_toml).canonical(), memory_bytes=0)
    child = await Child.start(real(libpq_uri))
    try:
        full = await child.work(task, lambda _: None, unkept)
        subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
        assert isinstance(await child.work(task, lambda _: None, unkept), Finished), "there is room again"
        next(place.rglob("*.parquet")).write_bytes(b"no Parquet")
        damaged = await child.work(task, lambda _: None, unkept)
    finally:
        await child.end()
        subprocess.run(["umount", place], check=True)
    assert isinstance(full, Refused)
    assert (full.code, "no space left, and nothing is stored: free some space" in full.message) == ("DISK_FULL", True)
    assert isinstance(damaged, Refused)
    assert (damaged.code, "usdc-arb data snapshot verify" in damaged.message) == ("CONFLICT", True)


async def test_a_run_that_outgrows_its_memory_is_told_how_much_would_do(libpq_uri: str, weekend: Weekend) -> None:
    child = await Child.start(real(libpq_uri, memory_bytes=1 << 20))
    try:
        task = Task(run_id="one", spec=parse_spec_toml(weekend.spec_toml).canonical(), memory_bytes=1 << 20)
        outcome = await child.work(task, lambda _: None, unkept)
        assert isinstance(outcome, Refused), outcome
        assert outcome.code == "OUT_OF_MEMORY"
        assert "MiB" in outcome.message
        assert not child.usable
    finally:
        await child.end()


async def test_a_run_on_quotes_fits_into_what_it_is_likely_to_hold_which_is_not_much_more_than_it_does(libpq_uri: str, tmp_path: Path) -> None:
    spec = quoted_spec()
    for key in spec.series:
        path = tmp_path / f"{key.venue}.parquet"
        many_quotes(1.0 if key.venue == "alfa" else 0.0).drop("received").write_parquet(path)
        await imports.import_files(libpq_uri, [path], venue=key.venue, instrument=key.instrument)
    likely = memory.likely_bytes(bars=0, quotes=2 * QUOTES_EACH, frame_bytes=2 * 48 * QUOTES_EACH)
    child = await Child.start(real(libpq_uri, memory_bytes=likely))
    try:
        idle = resident_bytes(child.process.pid, "VmRSS")
        outcome = await child.work(Task(run_id="one", spec=spec.canonical(), memory_bytes=likely), lambda _: None, unkept)
        held = resident_bytes(child.process.pid, "VmHWM") - idle
    finally:
        await child.end()
    assert isinstance(outcome, Finished), outcome
    assert orjson.loads(outcome.files["summary.json"])["counts"]["fills"] > 100
    assert held < likely < 3 * held


async def test_a_child_whose_database_is_away_breaks_and_does_not_refuse(libpq_uri: str) -> None:
    child = await Child.start(real("postgresql://nobody:nothing@127.0.0.1:1/none"))
    try:
        outcome = await child.work(the_weekend(), lambda _: None, unkept)
    finally:
        await child.end()
    assert isinstance(outcome, Crashed)


async def test_a_command_that_is_no_child_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    options = ChildOptions(environment={}, threads=1, memory_bytes=0, command=("/bin/sh", "-c", "echo nothing here >&2; exit 3"))
    with pytest.raises(ChildProcessError, match="ended with status 3") as caught:
        await Child.start(options)
    assert "nothing here" in str(caught.value)
