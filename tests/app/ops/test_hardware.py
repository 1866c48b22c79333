"""The machine is measured by what control groups, affinity and disk leave to us."""

import os
from pathlib import Path

import pytest

from app.errors import OutOfMemory, answer
from app.ops.hardware import detect, disk_kind, planned
from infra.sizing import BOX, GIB, HOST, MIB, Disk, Layout, Plan

UNLIMITED_V1 = str(0x7FFF_FFFF_FFFF_F000)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the root of a machine with 64 GiB and no limits."""
    _write(tmp_path, {"proc/meminfo": f"MemTotal:       {64 * GIB // 1024} kB\nMemFree: 1 kB\n", "proc/self/cgroup": "0::/\n"})
    return tmp_path


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


def _found(root: Path, affinity: int = 16) -> tuple[int, float]:
    hardware = detect(root, root=root, affinity=affinity)
    return hardware.cores, hardware.memory / GIB


def test_without_limits_everything_is_ours(machine: Path) -> None:
    assert _found(machine) == (16, 64)


def test_the_affinity_of_the_process_counts_and_not_the_machines_cores(machine: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert detect(machine, root=machine).cores == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", 16), ("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1)])
def test_the_processor_limit_of_cgroup_v2_is_rounded_down_to_whole_cores(machine: Path, quota: str, cores: int) -> None:
    _write(machine, {"sys/fs/cgroup/cpu.max": quota})
    assert _found(machine)[0] == cores


def test_the_tightest_control_group_on_the_way_up_holds(machine: Path) -> None:
    _write(
        machine,
        {
            "proc/self/cgroup": "0::/pod/box",
            "sys/fs/cgroup/pod/box/memory.max": "max",
            "sys/fs/cgroup/pod/box/cpu.max": "800000 100000",
            "sys/fs/cgroup/pod/memory.max": str(8 * GIB),
            "sys/fs/cgroup/pod/cpu.max": "300000 100000",
        },
    )
    assert _found(machine) == (3, 8)


def test_memory_that_is_throttled_beyond_is_not_counted(machine: Path) -> None:
    _write(machine, {"sys/fs/cgroup/memory.max": str(8 * GIB), "sys/fs/cgroup/memory.high": str(6 * GIB)})
    assert _found(machine) == (16, 6)


def test_a_container_that_sees_the_hosts_path_finds_its_limits_at_the_mount(machine: Path) -> None:
    _write(machine, {"proc/self/cgroup": "0::/system.slice/docker-1234.scope", "sys/fs/cgroup/memory.max": str(2 * GIB)})
    assert _found(machine) == (16, 2)


def test_the_limits_of_cgroup_v1_hold(machine: Path) -> None:
    _write(
        machine,
        {
            "proc/self/cgroup": "12:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n0::/",
            "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": str(4 * GIB),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED_V1,
            "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "200000",
            "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000",
        },
    )
    assert _found(machine) == (2, 4)


def test_unlimited_in_cgroup_v1_is_no_limit(machine: Path) -> None:
    _write(
        machine,
        {
            "proc/self/cgroup": "12:memory:/\n4:cpu:/",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED_V1,
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        },
    )
    assert _found(machine) == (16, 64)


def test_a_machine_without_control_groups_works(machine: Path) -> None:
    (machine / "proc/self/cgroup").unlink()
    assert _found(machine) == (16, 64)


def test_the_disk_is_that_of_the_data_folder_even_before_it_exists(machine: Path) -> None:
    status = os.statvfs(machine)
    assert detect(machine / "not" / "yet", root=machine).disk == status.f_frsize * status.f_blocks


@pytest.mark.parametrize(("flag", "kind"), [("1", Disk.HDD), ("0", Disk.SSD)])
def test_a_disk_and_its_partitions_are_known_by_their_kind(tmp_path: Path, flag: str, kind: Disk) -> None:
    _write(tmp_path, {"sys/devices/sda/queue/rotational": flag, "sys/devices/sda/sda1/partition": "1", "sys/dev/block/x": ""})
    (tmp_path / "sys/dev/block/8:0").symlink_to("../../devices/sda")
    (tmp_path / "sys/dev/block/8:1").symlink_to("../../devices/sda/sda1")
    assert [disk_kind(os.makedev(8, minor), tmp_path) for minor in (0, 1, 2)] == [kind, kind, Disk.SSD]


def test_a_virtual_disk_that_claims_to_rotate_is_not_believed(tmp_path: Path) -> None:
    _write(tmp_path, {"sys/devices/vda/queue/rotational": "1", "sys/dev/block/x": ""})
    (tmp_path / "sys/dev/block/254:0").symlink_to("../../devices/vda")
    assert disk_kind(os.makedev(254, 0), tmp_path) is Disk.SSD


def test_this_machine_can_be_measured() -> None:
    found = detect(Path.cwd())
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert 100 * MIB < found.memory <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_plan_is_made_for_this_machine(tmp_path: Path) -> None:
    assert isinstance(planned(tmp_path, BOX), Plan)


def test_a_machine_that_is_too_small_is_an_error_with_an_exit_code(tmp_path: Path) -> None:
    huge = Layout(**{name: getattr(HOST, name) for name in HOST.__slots__} | {"disk_least": 1 << 60})
    with pytest.raises(OutOfMemory, match=r"disk: .* short\); raise the limits") as caught:
        planned(tmp_path, huge)
    assert answer(caught.value).exit_code == 71
