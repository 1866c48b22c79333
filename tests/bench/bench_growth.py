"""What the API, workers and snapshots ask, on 1, 10 and 100 times the data: `python -m tests.bench.bench_growth [--small]`.

The box's own PostgreSQL, in a folder of its own. Bars of a minute and as many quotes: of two series in 25 days, of two in 250 days, of twenty
in 250 days, each day an import. Equality first: what a question about the same time says must not change. Then the least of twenty times, warm.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from app.db import adbc, migrate
from app.db import snapshots as stored
from app.db.session import Sessions, make_sessions
from app.db.snapshots import Line
from app.ops.box.supervisor import servers
from app.services import market
from app.services.market import Coverage
from app.services.wanted import Reach
from app.sources.kinds import Kind
from engine.schema import SeriesKey
from tests.bench.bench_import import MINUTE_US, execute
from tests.bench.probe import copy_gib_per_s, machine

TIMES = 20
SCALES = {"1 ×": (2, 25), "10 ×": (2, 250), "100 ×": (20, 250)}
KEY = SeriesKey("v", "B1/USD")
START, DAY = datetime(2022, 1, 1, tzinfo=UTC), timedelta(days=1)
AT = "timestamptz '2022-01-01Z' + n * interval '1 minute'"
DAYS = "timestamptz '2022-01-01Z' + d * interval '1 day'"
EMPTY = "TRUNCATE bars, quotes, imports, series_days, instruments, venues RESTART IDENTITY CASCADE"

Ask = Callable[[], Coroutine[Any, Any, object]]


def filling(series: int, days: int) -> tuple[str, ...]:
    """Return the statements that store so many series of so many days."""
    of = f"FROM generate_series(1, {series}) i, generate_series(0, {days * 1440 - 1}) n"
    return (
        EMPTY,
        "INSERT INTO venues (name) VALUES ('v')",
        f"INSERT INTO instruments (venue_id, name, base, quote) SELECT 1, 'B' || n || '/USD', 'B' || n, 'USD' FROM generate_series(1, {series}) n",
        f"INSERT INTO bars SELECT i, {MINUTE_US}, {AT}, 100 + n % 97, 200 + n % 89, 50 - n % 31, 100 + n % 83, n % 7 {of}",
        f"INSERT INTO quotes SELECT i, 0, {AT}, 0, NULL, {AT}, 100 + n % 97, 1, 101 + n % 97, n % 7 + 1, NULL {of}",
        f"""INSERT INTO imports (id, path, sha256, format, instrument_id, data, interval_us, rows_read, rows_new, first_ts, last_ts)
            SELECT gen_random_uuid(), 'a', 'b', 'c', i, data, CASE data WHEN 'bars' THEN {MINUTE_US} ELSE 0 END, 1440, 1440, {DAYS},
            {DAYS} + interval '23:59' FROM generate_series(1, {series}) i, generate_series(0, {days - 1}) d,
            unnest('{{bars, quotes}}'::text[]) data""",
        "VACUUM ANALYZE",
    )


def questions(uri: str, sessions: Sessions) -> Mapping[str, Ask]:
    """Return what is asked, by what people would call it."""
    of = {"venue": KEY.venue, "instrument": KEY.instrument, "interval_us": MINUTE_US}
    bars, quotes = (
        Coverage(instrument_id=1, data=d, interval_us=i, first=START, last=START, count=0) for d, i in (("bars", MINUTE_US), ("quotes", 0))
    )  # type: ignore[arg-type]
    reach = {KEY: Reach(Kind("bars", MINUTE_US), START, START + 25 * DAY)}

    def bulk(work: Callable[[Any], object]) -> Ask:
        def asked() -> object:
            with adbc.transaction(uri) as cursor:
                return work(cursor)

        return lambda: asyncio.to_thread(asked)

    hours = {**of, "interval_us": 60 * MINUTE_US}
    return {
        "API: a day of bars": lambda: market.bars(sessions, **of, start=START + DAY, end=START + 2 * DAY, max_points=2_000),  # type: ignore[arg-type]
        "API: 25 days of bars in 1,500 points": lambda: market.bars(sessions, **of, start=START, end=START + 25 * DAY, max_points=1_500),  # type: ignore[arg-type]
        "API: 25 days of hours, made of minutes": lambda: market.bars(sessions, **hours, start=START, end=START + 25 * DAY, max_points=1_500),  # type: ignore[arg-type]
        "API: what is stored": lambda: market.list_instruments(sessions),
        "worker: what a run's series cover": bulk(lambda cursor: market.covers(cursor, reach)),
        "snapshots: days of a series that changed": bulk(
            lambda cursor: stored.days(cursor, Line(1, "bars", MINUTE_US), date(2022, 1, 1), date(2022, 1, 25))
        ),
        "snapshots: the rows of a day of bars": bulk(lambda cursor: market.rows(cursor, bars, START + DAY, START + 2 * DAY)),
        "snapshots: the rows of a day of quotes": bulk(lambda cursor: market.rows(cursor, quotes, START + DAY, START + 2 * DAY)),
    }


async def least_ms(ask: Ask) -> float:
    """Return the least time of a question [ms]."""
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await ask()
        found.append(time.perf_counter() - began)
    return 1_000 * min(found)


async def answers(asked: Mapping[str, Ask]) -> dict[str, str]:
    """Return what the questions about a stretch of time say, as text."""
    return {name: str(await ask()) for name, ask in asked.items() if name not in {"API: what is stored", "worker: what a run's series cover"}}


async def measure(uri: str, sessions: Sessions, scales: Mapping[str, tuple[int, int]]) -> None:
    """Print the table."""
    asked = questions(uri, sessions)
    took: dict[str, list[float]] = {name: [] for name in asked}
    first: dict[str, str] = {}
    for name, (series, days) in scales.items():
        await execute(uri, *filling(series, days), "SELECT 1")
        said = await answers(asked)
        first = first or said
        if different := [question for question in said if said[question] != first[question]]:
            sys.exit(f"{name}: expected the same answers as before to {', '.join(different)}")
        for question, ask in asked.items():
            took[question].append(await least_ms(ask))
        print(f"{name:6} {2 * series * days * 1440:12,} rows, {2 * series * days:6,} imports", flush=True)
    print("equality: the answers about the same days are the same at every size")
    print(f"{'[ms]':44}" + "".join(f"{name:>10}" for name in scales))
    for question, times in took.items():
        print(f"{question:44}" + "".join(f"{one:10.2f}" for one in times))


async def main() -> None:
    """Start a box, measure, stop it."""
    small = "--small" in sys.argv[1:]
    print(machine())
    print(f"probe: memory copy {copy_gib_per_s():.1f} GiB/s")
    with tempfile.TemporaryDirectory() as name:
        async with servers(Path(name) / "data") as box:
            await migrate.upgrade(box.settings.database_url)
            engine, sessions = make_sessions(box.settings.database_url, 2)
            await measure(box.settings.libpq_uri, sessions, {"1 ×": (2, 25), "2 ×": (4, 25)} if small else SCALES)
            await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
