"""One hardware plan for everything: how a machine's memory, cores and connections are shared out.

Pure: no I/O, nothing but the standard library. PostgreSQL's part follows timescaledb-tune 0.19 (`upstream`), fed with the
database's share of the memory instead of all of it, and is then held to a proof that the worst case fits into that share
(`_proven`). Whoever changes a share or a formula finds the invariants in `tests/infra/test_sizing.py`.

Monotone in memory and cores: all shares, runs at a time, threads, API processes, connections, and PostgreSQL's buffers and
workers. Not monotone, by construction: what is divided among those (memory per run, pool size, work_mem).
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor
from typing import Final

from infra import chunks
from infra.chunks import Stream

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30

RUN_LEAST: Final = 512 * MIB
"""Memory that one run needs at least: Polars, numba and a few million bars."""
WORKER: Final = 256 * MIB
"""Memory of the worker that hands out runs and computes none itself."""
BACKEND: Final = 4 * MIB
"""Memory of a PostgreSQL process besides its share of the buffers and its work_mem."""
RESERVED: Final = 8
"""Connections kept for the superuser (3), migrations, backup and whoever looks on (5)."""
POOL_LEAST: Final = 4
"""Connections below which the pool of a process makes requests wait for one another."""
_AUXILIARY = 8  # checkpointer, writers, launchers, I/O workers
_AUTOVACUUM_WORKERS = 10
_BACKGROUND_WORKERS = 16
STEP: Final = 25 * MIB
"""Memory is shared out in steps of which every share (a multiple of 4 %) is whole MiB, so that more never leaves less for runs."""
_SEARCHED_STEPS = 1 << 20


class Disk(StrEnum):
    """What the data lies on."""

    SSD = "ssd"
    HDD = "hdd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What there is: cores, memory [bytes], the data's disk [bytes] and its kind, a disk for the WAL alone [bytes] (0: none)."""

    cores: int
    memory: int
    disk: int
    disk_kind: Disk = Disk.SSD
    wal_disk: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of the memory: per cent of all (a multiple of 4), at least `least` and at most `most` bytes (whole MiB)."""

    percent: int
    least: int
    most: int

    def of(self, memory: int) -> int:
        """Return the bytes of this share."""
        return min(max(memory // STEP * STEP * self.percent // 100, self.least), self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a machine is shared out; runs get what the others leave."""

    database: Share
    queue: Share
    cache: Share
    system: Share
    api: Share
    api_least: int
    cores_per_api: int
    database_cores_percent: int
    disk_least: int
    timescaledb: bool
    streams: Mapping[str, Stream]
    """What the tables of market data are made ready for."""


_NONE = Share(percent=0, least=0, most=0)
BOX: Final = Layout(
    database=Share(percent=12, least=384 * MIB, most=2 * GIB),
    queue=Share(percent=4, least=64 * MIB, most=256 * MIB),
    cache=_NONE,
    system=Share(percent=20, least=256 * MIB, most=8 * GIB),
    api=Share(percent=0, least=256 * MIB, most=256 * MIB),
    api_least=256 * MIB,
    cores_per_api=4,
    database_cores_percent=50,
    disk_least=256 * MIB,
    timescaledb=False,
    streams={
        "bars": chunks.bars(40),
        "quotes": chunks.quotes(4, rows_a_day=500_000),
        "trades": chunks.trades(4, rows_a_day=200_000),
        "pool_states": chunks.pools(4),
        "funding_rates": chunks.funding(4),
    },
)
"""Somebody's own machine: the database is modest, and other programs need room."""
HOST: Final = Layout(
    database=Share(percent=40, least=1 * GIB, most=1 << 50),
    queue=Share(percent=4, least=128 * MIB, most=4 * GIB),
    cache=Share(percent=4, least=128 * MIB, most=4 * GIB),
    system=Share(percent=12, least=512 * MIB, most=16 * GIB),
    api=Share(percent=8, least=512 * MIB, most=2 * GIB),
    api_least=512 * MIB,
    cores_per_api=4,
    database_cores_percent=100,
    disk_least=20 * GIB,
    timescaledb=True,
    streams={
        "bars": chunks.bars(200),
        "quotes": chunks.quotes(10, rows_a_day=1_000_000),
        "trades": chunks.trades(10, rows_a_day=400_000),
        "pool_states": chunks.pools(10),
        "funding_rates": chunks.funding(10),
    },
)
"""A machine that is there for this system alone, with all of it on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What there is too little of."""

    resource: str
    have: int
    need: int

    def __str__(self) -> str:
        unit, one = ("", 1) if self.resource == "cores" else (" MiB", MIB)
        have, need, short = (f"{value / one:.6g}{unit}" for value in (self.have, self.need, self.need - self.have))
        return f"{self.resource}: {have} where {need} are needed ({short} short)"


class TooSmall(ValueError):  # noqa: N818 - the name says what is wrong
    """The machine is below the minimum; each shortfall is exact."""

    def __init__(self, shortfalls: list[Shortfall]) -> None:
        self.shortfalls = shortfalls
        super().__init__("the machine is too small: " + "; ".join(map(str, shortfalls)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that follows from the hardware; memory in bytes, one value for each consumer that renders it."""

    postgres: Mapping[str, str]
    postgres_memory: int
    max_connections: int
    queue_memory: int
    queue_maxmemory: int
    cache_memory: int
    cache_maxmemory: int
    api_processes: int
    api_memory: int
    pool_size: int
    workers: int
    threads_per_run: int
    memory_per_run: int
    worker_memory: int
    system_memory: int
    chunk_hours: Mapping[str, int]

    @property
    def run_environment(self) -> dict[str, str]:
        """Return the variables that hold a computing process to its threads."""
        threads = str(self.threads_per_run)
        return {"POLARS_MAX_THREADS": threads, "NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}

    @property
    def total_memory(self) -> int:
        """Return the sum of all shares."""
        shared = self.postgres_memory + self.queue_memory + self.cache_memory + self.system_memory + self.worker_memory
        return shared + self.api_processes * self.api_memory + self.workers * self.memory_per_run

    @property
    def total_connections(self) -> int:
        """Return how many connections are open at most: a pool for each API process and the worker, one for each run."""
        return self.pool_size * (self.api_processes + 1) + self.workers


def plan(hardware: Hardware, layout: Layout = HOST) -> Plan:
    """Return the plan for a machine; TooSmall, with the exact shortfall, where the machine is below the layout's minimum."""
    _require_enough(hardware, layout)
    memory, cores = hardware.memory // STEP * STEP, hardware.cores
    database, queue, cache, system = (share.of(memory) for share in (layout.database, layout.queue, layout.cache, layout.system))
    connections = upstream_connections(database)
    apis = max(1, min(cores // layout.cores_per_api, layout.api.of(memory) // layout.api_least, connections // 25))
    left = _left_for_runs(layout, memory)
    workers = min(max(1, cores // 2), left // RUN_LEAST, connections - RESERVED - POOL_LEAST * (apis + 1))
    return Plan(
        postgres=_postgres(hardware, layout, database),
        postgres_memory=database,
        max_connections=connections,
        queue_memory=queue,
        queue_maxmemory=queue * 3 // 4,
        cache_memory=cache,
        cache_maxmemory=cache * 3 // 4,
        api_processes=apis,
        api_memory=layout.api.of(memory) // apis // MIB * MIB,
        pool_size=min(20, (connections - RESERVED - workers) // (apis + 1)),
        workers=workers,
        threads_per_run=min(2, cores),
        memory_per_run=left // workers // MIB * MIB,
        worker_memory=WORKER,
        system_memory=system,
        chunk_hours=chunks.chunk_hours(layout.streams, database),
    )


def minimum_memory(layout: Layout) -> int:
    """Return the least memory [bytes] on which a layout works."""
    return STEP * bisect_left(range(_SEARCHED_STEPS), True, key=lambda steps: _left_for_runs(layout, steps * STEP) >= RUN_LEAST)


def _require_enough(hardware: Hardware, layout: Layout) -> None:
    needs = {
        "cores": (hardware.cores, 1),
        "memory": (hardware.memory, minimum_memory(layout)),
        "memory of the database": (layout.database.of(hardware.memory), chunks.least_memory(layout.streams)),
        "disk": (hardware.disk, layout.disk_least),
        "WAL disk": (hardware.wal_disk, GIB if hardware.wal_disk else 0),
    }
    shortfalls = [Shortfall(resource=name, have=have, need=need) for name, (have, need) in needs.items() if have < need]
    if shortfalls:
        raise TooSmall(shortfalls)


def _left_for_runs(layout: Layout, memory: int) -> int:
    # From memory alone, so that more cores, and with them more API processes, take nothing from the runs.
    shares = (layout.database, layout.queue, layout.cache, layout.system, layout.api)
    return memory - WORKER - sum(share.of(memory) for share in shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """PostgreSQL's memory [bytes] and workers as timescaledb-tune has them."""

    shared_buffers: int
    effective_cache_size: int
    maintenance_work_mem: int
    work_mem: int
    wal_buffers: int
    max_wal_size: int
    min_wal_size: int
    max_locks_per_transaction: int
    max_worker_processes: int
    max_parallel_workers: int
    max_parallel_workers_per_gather: int


def upstream(*, memory: int, cores: int, connections: int, wal_disk: int = 0, background_workers: int = _BACKGROUND_WORKERS) -> Tuned:
    """Return what timescaledb-tune 0.19 recommends (units of 1024; halves are rounded away from zero, as Go does)."""
    gigabytes = memory / GIB
    half = max(1, floor(cores / 2 + 0.5))
    max_wal = ceil(wal_disk * 60 / 100 / (16 * MIB)) * 16 * MIB or GIB
    return Tuned(
        shared_buffers=memory // 4,
        effective_cache_size=memory * 3 // 4,
        maintenance_work_mem=min(memory // 8, 2047 * MIB),
        work_mem=max(64 * KIB, int(gigabytes * (400 * MIB / connections) / half)),
        wal_buffers=16 * MIB if memory >= 2 * GIB else int(gigabytes * 7864 * KIB),
        max_wal_size=max_wal,
        min_wal_size=max_wal // 2,
        max_locks_per_transaction=next(locks for least, locks in ((32, 1024), (16, 512), (8, 256), (0, 128)) if memory >= least * GIB),
        max_worker_processes=3 + background_workers + cores,
        max_parallel_workers=cores,
        max_parallel_workers_per_gather=half if cores > 1 else 0,
    )


def upstream_connections(memory: int) -> int:
    """Return timescaledb-tune's max_connections for a memory [bytes]."""
    return next(connections for most, connections in ((2, 25), (4, 50), (6, 75), (1 << 30, 100)) if memory <= most * GIB)


def size(value: int) -> str:
    """Return bytes as PostgreSQL writes them, in the largest unit that divides them; what is below a kB is cut off."""
    value = value // KIB * KIB
    unit, name = next((unit, name) for unit, name in ((GIB, "GB"), (MIB, "MB"), (KIB, "kB")) if value % unit == 0 and value >= unit)
    return f"{value // unit}{name}"


def worst_case(*, tuned: Tuned, connections: int, work_mem: int, autovacuum_work_mem: int) -> int:
    """Return the memory [bytes] that PostgreSQL can come to: two sorts in every connection while autovacuum is at full work."""
    sorting = connections * work_mem * 2
    return tuned.shared_buffers + sorting + _AUTOVACUUM_WORKERS * autovacuum_work_mem + _processes(tuned, connections)


def _processes(tuned: Tuned, connections: int) -> int:
    return BACKEND * (connections + tuned.max_worker_processes + _AUTOVACUUM_WORKERS + _AUXILIARY)


def _proven(tuned: Tuned, *, memory: int, connections: int) -> tuple[int, int]:
    # Upstream's work_mem alone can come to 78 % of the memory on one or two cores, and ten autovacuum workers with its
    # maintenance_work_mem to more than all of it. So three quarters of what is free go to sorting at most, the rest to them.
    free = memory - tuned.shared_buffers - _processes(tuned, connections)
    work_mem = min(tuned.work_mem, free * 3 // 4 // (2 * connections)) // KIB * KIB
    autovacuum = min(tuned.maintenance_work_mem, (free - 2 * connections * work_mem) // _AUTOVACUUM_WORKERS) // KIB * KIB
    return work_mem, autovacuum


def _postgres(hardware: Hardware, layout: Layout, memory: int) -> dict[str, str]:
    connections = upstream_connections(memory)
    cores = max(1, hardware.cores * layout.database_cores_percent // 100)
    background = _BACKGROUND_WORKERS if layout.timescaledb else 0
    cores = min(cores, _most_cores(memory, background))
    tuned = upstream(memory=memory, cores=cores, connections=connections, wal_disk=hardware.wal_disk, background_workers=background)
    work_mem, autovacuum = _proven(tuned, memory=memory, connections=connections)
    return {
        **_memory_settings(tuned, work_mem, autovacuum),
        **_wal_settings(tuned, hardware),
        **_worker_settings(tuned, connections, layout),
        **_planner_settings(hardware.disk_kind),
    }


def _most_cores(memory: int, background: int) -> int:
    # Every worker is a process: as many as fit into an eighth of the memory beside the connections, one at least.
    return max(1, memory // 8 // BACKEND - background - 3)


def _memory_settings(tuned: Tuned, work_mem: int, autovacuum: int) -> dict[str, str]:
    return {
        "shared_buffers": size(tuned.shared_buffers),
        "effective_cache_size": size(tuned.effective_cache_size),
        "maintenance_work_mem": size(tuned.maintenance_work_mem),
        "work_mem": size(work_mem),
        "autovacuum_work_mem": size(autovacuum),
    }


def _wal_settings(tuned: Tuned, hardware: Hardware) -> dict[str, str]:
    most = hardware.disk // 16 // (32 * MIB) * 32 * MIB  # on a small disk the log must not crowd out the data
    max_wal = tuned.max_wal_size if hardware.wal_disk else max(64 * MIB, min(tuned.max_wal_size, most))
    return {
        "wal_buffers": size(tuned.wal_buffers),
        "max_wal_size": size(max_wal),
        "min_wal_size": size(max_wal // 2),
        "checkpoint_completion_target": "0.9",
    }


def _worker_settings(tuned: Tuned, connections: int, layout: Layout) -> dict[str, str]:
    workers = {
        "max_connections": str(connections),
        "max_worker_processes": str(tuned.max_worker_processes),
        "max_parallel_workers": str(tuned.max_parallel_workers),
        "max_parallel_workers_per_gather": str(tuned.max_parallel_workers_per_gather),
        "max_locks_per_transaction": str(tuned.max_locks_per_transaction),
        "autovacuum_max_workers": str(_AUTOVACUUM_WORKERS),
        "autovacuum_naptime": "10",
    }
    return workers | ({"timescaledb.max_background_workers": str(_BACKGROUND_WORKERS)} if layout.timescaledb else {})


def _planner_settings(disk: Disk) -> dict[str, str]:
    access = (
        {"random_page_cost": "1.1", "effective_io_concurrency": "256"}
        if disk is Disk.SSD
        else {"random_page_cost": "4", "effective_io_concurrency": "2"}
    )
    return {**access, "default_statistics_target": "100", "jit": "off"}
