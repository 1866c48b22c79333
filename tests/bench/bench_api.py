"""The API under load: `python -m tests.bench.bench_api`.

Three questions: (a) a list of 100 runs with owner and metrics, (b) a series of 10,000 bars, (c) one run by its identifier. One server process with
five connections to the box's PostgreSQL; the load comes from another process over loopback, by 1, 16 and 64 clients that each wait for an answer
before they ask again. Beside the GraphQL API, with authentication, guard and metrics on and no cache of answers, stands (i) a bare Starlette route
with asyncpg and orjson, of which each answer is byte for byte the same. Both are measured in turn, a few seconds each, after a second of warming up.
"""

import asyncio
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import polars as pl

from app.db import migrate
from app.db.session import make_sessions
from app.ops.box.record import Box
from app.ops.box.supervisor import servers
from app.services import imports
from engine.synth import depeg_weekend
from tests.app.api.rows import finish, submit
from tests.bench.probe import machine, two_thread_speedup

RUNS, BARS = 100, 10_000
CLIENTS = (1, 16, 64)
SECONDS, WARM = 3.0, 1.0
LIST = "query List { runs(first: 100) { edges { node { id name state createdAt createdBy result { metrics { name value } } } } } }"
SERIES = """query Series($start: DateTime!, $end: DateTime!) {
  bars(venue: "synthetic-alpha", instrument: "USDC/USD", interval: "1m", start: $start, end: $end, maxPoints: 10000) {
    ... on BarSeries { points columns }
  }
}"""
ONE = "query One($id: ID!) { run(id: $id) { id name state createdAt createdBy progress specHash } }"


class Question(NamedTuple):
    """A request to either server, head and body, and how fast the API should be as a share of the bare route."""

    name: str
    api: bytes
    bare: bytes
    bar: float


class Measured(NamedTuple):
    """What a load came to."""

    rate: float
    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        """Return one column of the table."""
        return f"{self.rate:7.0f}/s  p50 {self.p50_ms:7.2f}  p99 {self.p99_ms:7.2f} ms"


async def filled(box: Box) -> dict[str, str]:
    """Put runs and bars into the database and return what the questions are about."""
    await migrate.upgrade(box.settings.database_url)
    engine, sessions = make_sessions(box.settings.database_url, 2)
    for _ in range(RUNS):
        run = await submit(sessions)
        await finish(sessions, run)
    await engine.dispose()
    bars = depeg_weekend(1).bars
    key, frame = next((key, frame) for key, frame in bars.items() if str(key) == "synthetic-alpha USDC/USD")
    start = frame["ts"][0]
    long = pl.concat([frame] * 4).head(BARS).with_columns(ts=pl.datetime_range(start, start + timedelta(minutes=BARS - 1), "1m", eager=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.parquet"
        long.with_columns(pl.col("ts").cast(frame.schema["ts"])).write_parquet(path)
        await imports.import_files(box.settings.libpq_uri, [path], venue=key.venue, instrument=key.instrument, interval="1m")
    ends = {"start": start.isoformat(), "end": (start + timedelta(minutes=BARS)).isoformat()}
    return {"id": str(run.id), **ends}


def questions(about: Mapping[str, str], token: str) -> list[Question]:
    """Return the three questions."""
    ends = {name: about[name] for name in ("start", "end")}
    return [
        Question("(a) 100 runs", _post(LIST, {}, token), _get("/list", {}), 0.15),
        Question("(b) 10,000 bars", _post(SERIES, ends, token), _get("/series", {**ends, "instrument": "1"}), 0.6),
        Question("(c) one run", _post(ONE, {"id": about["id"]}, token), _get("/one", {"id": about["id"]}), 0.4),
    ]


def _post(query: str, variables: Mapping[str, str], token: str) -> bytes:
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _get(path: str, query: Mapping[str, str]) -> bytes:
    return f"GET {path}?{urlencode(query)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@contextmanager
def serving(kind: str, box: Box) -> Iterator[int]:
    """Run one of the two servers and yield its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        process = subprocess.Popen([sys.executable, "-m", "tests.bench.api_child", kind], stdin=listening, env={**os.environ, **box.variables})
        try:
            yield int(listening.getsockname()[1])
        finally:
            process.terminate()
            process.wait()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """Send a request on a connection that stays open and return the body of the answer."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        sys.exit(f"expected 200, found {head.decode()}")
    return await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))


async def once(port: int, request: bytes) -> bytes:
    """Return one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    try:
        return await answer(reader, writer, request)
    finally:
        writer.close()


async def load(port: int, request: bytes, clients: int) -> Measured:
    """Have clients ask for some seconds, each anew as soon as it has its answer."""
    taken: list[float] = []
    begin = time.perf_counter() + WARM
    end = begin + SECONDS

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        while (asked := time.perf_counter()) < end:
            await answer(reader, writer, request)
            if asked >= begin:
                taken.append(time.perf_counter() - asked)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    ordered = sorted(taken)
    return Measured(len(taken) / SECONDS, 1e3 * statistics.median(ordered), 1e3 * ordered[int(0.99 * (len(ordered) - 1))])


async def compare(api: int, bare: int, asked: list[Question]) -> None:
    """Hold the answers against each other byte for byte, then the speeds."""
    for question in asked:
        ours, theirs = await once(api, question.api), await once(bare, question.bare)
        if ours != theirs:
            sys.exit(f"{question.name}: the answers differ: {ours[:300]!r} and {theirs[:300]!r}")
        print(f"{question.name}: {len(ours):,} bytes, the same from both")
    print(f"{'':16}{'clients':>8}  {'GraphQL':38}{'(i) bare route':38}{'share':>6}")
    for question, clients in itertools.product(asked, CLIENTS):
        ours, theirs = await load(api, question.api, clients), await load(bare, question.bare, clients)
        share = ours.rate / theirs.rate
        print(f"{question.name:16}{clients:>8}  {ours!s:38}{theirs!s:38}{share:6.2f}  (wanted {question.bar})", flush=True)


async def main() -> None:
    """Print what was measured."""
    print(machine())
    print(f"two threads of arithmetic: {two_thread_speedup():.2f} × one")
    print("(ii) PostGraphile: not measured")
    with tempfile.TemporaryDirectory() as folder:
        async with servers(Path(folder) / "data") as box:
            asked = questions(await filled(box), box.settings.api_secret_key.get_secret_value())
            with serving("api", box) as api, serving("bare", box) as bare:
                await asyncio.sleep(3.0)
                await compare(api, bare, asked)


if __name__ == "__main__":
    asyncio.run(main())
