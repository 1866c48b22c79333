"""The hardware plan: upstream's golden vectors, the guide's two machines, and what holds on every machine."""

import ast
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from infra import chunks, sizing
from infra.sizing import BOX, GIB, HOST, KIB, MIB, Disk, Hardware, Layout, Plan, TooSmall, minimum_memory, plan, size, upstream, upstream_connections

LAYOUTS = st.sampled_from([BOX, HOST])
UNITS = {"kB": KIB, "MB": MIB, "GB": GIB}


@st.composite
def machines(draw: st.DrawFn, layout: Layout) -> Hardware:
    """Draw a machine that is large enough, small ones as often as huge ones."""
    extra = draw(st.integers(0, 64)) if draw(st.booleans()) else draw(st.integers(0, 4 << 20))
    return Hardware(
        cores=draw(st.one_of(st.integers(1, 16), st.integers(1, 512))),
        memory=minimum_memory(layout) + extra * MIB + draw(st.integers(0, MIB - 1)),
        disk=draw(st.integers(layout.disk_least, 1 << 44)),
        disk_kind=draw(st.sampled_from(Disk)),
        wal_disk=draw(st.sampled_from([0, GIB, 8 * GIB, 100 * GIB])),
    )


def _bytes(setting: str) -> int:
    return int(setting[:-2]) * UNITS[setting[-2:]]


@pytest.mark.parametrize(
    ("memory", "cores", "connections", "expected"),
    [
        (10, 4, 20, {"shared_buffers": "2560MB", "effective_cache_size": "7680MB", "maintenance_work_mem": "1280MB", "work_mem": "100MB"}),
        (12, 5, 50, {"work_mem": "32MB"}),
        (32, 1, 20, {"work_mem": "640MB"}),
        (
            8,
            4,
            100,
            {"shared_buffers": "2GB", "effective_cache_size": "6GB", "maintenance_work_mem": "1GB", "work_mem": "16MB", "wal_buffers": "16MB"},
        ),
        (32, 8, 100, {"maintenance_work_mem": "2047MB"}),
        (1, 4, 25, {"wal_buffers": "7864kB"}),
        (64, 2, 1_000_000_000, {"work_mem": "64kB"}),
    ],
)
def test_memory_follows_upstream(memory: int, cores: int, connections: int, expected: dict[str, str]) -> None:
    tuned = upstream(memory=memory * GIB, cores=cores, connections=connections)
    assert {name: size(getattr(tuned, name)) for name in expected} == expected


@pytest.mark.parametrize(("memory", "cores", "workers"), [(10, 4, (23, 4, 2)), (12, 5, (24, 5, 3)), (10, 1, (20, 1, 0))])
def test_workers_follow_upstream(memory: int, cores: int, workers: tuple[int, int, int]) -> None:
    tuned = upstream(memory=memory * GIB, cores=cores, connections=50)
    assert (tuned.max_worker_processes, tuned.max_parallel_workers, tuned.max_parallel_workers_per_gather) == workers


@pytest.mark.parametrize(("wal_disk", "most", "least"), [(8, "4928MB", "2464MB"), (0, "1GB", "512MB")])
def test_the_write_ahead_log_follows_upstream(wal_disk: int, most: str, least: str) -> None:
    tuned = upstream(memory=16 * GIB, cores=8, connections=100, wal_disk=wal_disk * GIB)
    assert (size(tuned.max_wal_size), size(tuned.min_wal_size)) == (most, least)


@pytest.mark.parametrize(("memory", "connections"), [(1, 25), (2, 25), (3, 50), (4, 50), (5, 75), (6, 75), (7, 100), (512, 100)])
def test_connections_follow_upstream(memory: int, connections: int) -> None:
    assert upstream_connections(memory * GIB) == connections


@pytest.mark.parametrize(("memory", "locks"), [(7, 128), (8, 256), (16, 512), (32, 1024)])
def test_locks_follow_upstream(memory: int, locks: int) -> None:
    assert upstream(memory=memory * GIB, cores=4, connections=100).max_locks_per_transaction == locks


@pytest.mark.parametrize(
    ("value", "written"), [(GIB, "1GB"), (1536 * MIB, "1536MB"), (64 * KIB, "64kB"), (MIB + 1, "1MB"), (MIB + KIB + 1, "1025kB")]
)
def test_sizes_are_written_in_the_largest_unit_that_divides_them(value: int, written: str) -> None:
    assert size(value) == written


def _facts(made: Plan) -> dict[str, object]:
    names = ("shared_buffers", "work_mem", "autovacuum_work_mem", "max_connections", "max_worker_processes", "max_wal_size")
    return {
        "postgres": made.postgres_memory // MIB,
        "queue": (made.queue_memory // MIB, made.queue_maxmemory // MIB),
        "cache": (made.cache_memory // MIB, made.cache_maxmemory // MIB),
        "api": (made.api_processes, made.pool_size),
        "runs": (made.workers, made.threads_per_run, made.memory_per_run // MIB),
        **{name: made.postgres[name] for name in names},
    }


def test_the_guides_smaller_machine() -> None:
    assert _facts(plan(Hardware(cores=8, memory=16 * GIB, disk=500 * GIB))) == {
        "postgres": 6550,
        "queue": (655, 491),
        "cache": (655, 491),
        "api": (2, 20),
        "runs": (4, 2, 1246),
        "shared_buffers": "1676800kB",
        "work_mem": "6550kB",
        "autovacuum_work_mem": "312648kB",
        "max_connections": "100",
        "max_worker_processes": "27",
        "max_wal_size": "1GB",
    }


def test_the_guides_larger_machine() -> None:
    assert _facts(plan(Hardware(cores=16, memory=32 * GIB, disk=1000 * GIB))) == {
        "postgres": 13100,
        "queue": (1310, 982),
        "cache": (1310, 982),
        "api": (4, 16),
        "runs": (8, 2, 1349),
        "shared_buffers": "3275MB",
        "work_mem": "6550kB",
        "autovacuum_work_mem": "812411kB",
        "max_connections": "100",
        "max_worker_processes": "35",
        "max_wal_size": "1GB",
    }


def test_a_box_leaves_the_machine_to_its_owner() -> None:
    made = plan(Hardware(cores=2, memory=24 * GIB, disk=80 * GIB), BOX)
    assert made.postgres_memory == 2 * GIB
    assert made.cache_memory == 0
    assert (made.workers, made.threads_per_run, made.api_processes) == (1, 2, 1)
    assert not any(name.startswith("timescaledb") for name in made.postgres)


@given(st.data(), LAYOUTS)
def test_the_shares_fit_into_the_machine(data: st.DataObject, layout: Layout) -> None:
    machine = data.draw(machines(layout))
    made = plan(machine, layout)
    assert made.total_memory <= machine.memory
    assert made.workers >= 1
    assert made.workers * made.threads_per_run <= machine.cores
    assert made.memory_per_run >= sizing.RUN_LEAST


@given(st.data(), LAYOUTS)
def test_the_pools_fit_into_the_connections(data: st.DataObject, layout: Layout) -> None:
    made = plan(data.draw(machines(layout)), layout)
    assert made.total_connections + sizing.RESERVED <= made.max_connections == int(made.postgres["max_connections"])
    assert made.pool_size >= sizing.POOL_LEAST


@given(st.data(), LAYOUTS)
def test_redis_keeps_a_quarter_free_for_its_copies(data: st.DataObject, layout: Layout) -> None:
    made = plan(data.draw(machines(layout)), layout)
    assert 0 < made.queue_maxmemory * 4 <= made.queue_memory * 3
    assert made.cache_maxmemory * 4 <= made.cache_memory * 3


@given(st.data(), LAYOUTS)
def test_postgres_stays_within_its_share_at_its_worst(data: st.DataObject, layout: Layout) -> None:
    made = plan(data.draw(machines(layout)), layout)
    values = made.postgres
    processes = made.max_connections + int(values["max_worker_processes"]) + int(values["autovacuum_max_workers"])
    sorting = made.max_connections * _bytes(values["work_mem"]) * 2
    vacuum = int(values["autovacuum_max_workers"]) * _bytes(values["autovacuum_work_mem"])
    assert _bytes(values["shared_buffers"]) + sorting + vacuum + processes * sizing.BACKEND <= made.postgres_memory
    assert _bytes(values["work_mem"]) >= 64 * KIB
    assert _bytes(values["autovacuum_work_mem"]) >= MIB


@given(st.data(), LAYOUTS)
def test_postgres_would_accept_the_settings(data: st.DataObject, layout: Layout) -> None:
    values = plan(data.draw(machines(layout)), layout).postgres
    assert _bytes(values["min_wal_size"]) >= 32 * MIB
    assert _bytes(values["max_wal_size"]) >= _bytes(values["min_wal_size"])
    assert int(values["max_parallel_workers"]) < int(values["max_worker_processes"]) <= 1024
    assert int(values["max_parallel_workers_per_gather"]) <= int(values["max_parallel_workers"])


def _growing(made: Plan) -> dict[str, int]:
    shares = {
        name: getattr(made, name)
        for name in ("postgres_memory", "queue_memory", "queue_maxmemory", "cache_memory", "cache_maxmemory", "system_memory")
    }
    counts = {name: getattr(made, name) for name in ("max_connections", "api_processes", "workers", "threads_per_run")}
    sizes = {name: _bytes(made.postgres[name]) for name in ("shared_buffers", "effective_cache_size", "maintenance_work_mem", "wal_buffers")}
    numbers = {name: int(made.postgres[name]) for name in ("max_worker_processes", "max_parallel_workers", "max_locks_per_transaction")}
    return {**shares, **counts, **sizes, **numbers}


@given(st.data(), LAYOUTS, st.integers(0, 64), st.integers(0, 1 << 20))
@example(None, HOST, 1, 0)
def test_more_never_gives_less(data: st.DataObject | None, layout: Layout, cores: int, memory: int) -> None:
    small = Hardware(cores=7, memory=16 * GIB, disk=GIB * 100) if data is None else data.draw(machines(layout))
    large = replace(small, cores=small.cores + cores, memory=small.memory + memory * MIB)
    before, after = _growing(plan(small, layout)), _growing(plan(large, layout))
    assert {name: (value, after[name]) for name, value in before.items() if after[name] < value} == {}


@given(LAYOUTS, st.integers(0, 512), st.integers(0, 1 << 38), st.integers(0, 1 << 40), st.integers(0, 1 << 31))
def test_a_machine_below_the_minimum_is_refused_with_the_exact_shortfall(layout: Layout, cores: int, memory: int, disk: int, wal_disk: int) -> None:
    least = {"cores": 1, "memory": minimum_memory(layout), "disk": layout.disk_least, "WAL disk": GIB if wal_disk else 0}
    have = {"cores": cores, "memory": memory, "disk": disk, "WAL disk": wal_disk}
    missing = {name: need for name, need in least.items() if have[name] < need}
    assume(missing)
    with pytest.raises(TooSmall) as caught:
        plan(Hardware(cores=cores, memory=memory, disk=disk, wal_disk=wal_disk), layout)
    assert {short.resource: short.need for short in caught.value.shortfalls} == missing
    assert all(short.have == have[short.resource] for short in caught.value.shortfalls)


@pytest.mark.parametrize("layout", [BOX, HOST])
def test_the_minimum_is_exact(layout: Layout) -> None:
    least = Hardware(cores=1, memory=minimum_memory(layout), disk=layout.disk_least)
    plan(least, layout)
    with pytest.raises(TooSmall, match=r"memory: .* MiB are needed"):
        plan(replace(least, memory=least.memory - 1), layout)


def test_a_refusal_can_be_acted_upon() -> None:
    with pytest.raises(TooSmall) as caught:
        plan(Hardware(cores=0, memory=1024 * MIB, disk=100 * MIB), BOX)
    assert str(caught.value) == (
        "the machine is too small: cores: 0 where 1 are needed (1 short); memory: 1024 MiB where 1875 MiB are needed (851 MiB short); "
        "disk: 100 MiB where 256 MiB are needed (156 MiB short)"
    )


def test_a_run_is_held_to_its_threads() -> None:
    made = plan(Hardware(cores=8, memory=16 * GIB, disk=500 * GIB))
    assert made.run_environment == {"POLARS_MAX_THREADS": "2", "NUMBA_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}


def test_a_spinning_disk_is_read_in_order() -> None:
    made = plan(Hardware(cores=8, memory=16 * GIB, disk=500 * GIB, disk_kind=Disk.HDD))
    assert (made.postgres["random_page_cost"], made.postgres["effective_io_concurrency"]) == ("4", "2")


def test_a_small_disk_is_not_filled_by_the_write_ahead_log() -> None:
    made = plan(Hardware(cores=2, memory=4 * GIB, disk=2 * GIB), BOX)
    assert (made.postgres["max_wal_size"], made.postgres["min_wal_size"]) == ("128MB", "64MB")


@pytest.mark.parametrize("module", [sizing, chunks])
def test_the_plan_is_pure(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert imported
    assert {name.split(".")[0] for name in imported} <= {"infra"} | sys.stdlib_module_names - {"os", "pathlib", "shutil", "subprocess", "socket"}
