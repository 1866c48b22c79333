"""Measure the machine: what cgroups (v1 and v2), affinity and the data's disk really leave to us."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from app.errors import OutOfMemory
from infra.sizing import Disk, Hardware, Layout, Plan, TooSmall, plan

_ROOT = Path("/")
_VIRTUAL = ("vd", "xvd")  # they claim to rotate, whatever lies below them


def planned(data: Path, layout: Layout) -> Plan:
    """Return the plan for this machine; OutOfMemory says how much is missing where the machine is too small."""
    try:
        return plan(detect(data), layout)
    except TooSmall as error:
        raise OutOfMemory(f"{error}; raise the limits of this machine or container, or use a larger one") from error


def detect(data: Path, *, root: Path = _ROOT, affinity: int | None = None) -> Hardware:
    """Return what this process may use; `data` is where the databases are, or will be."""
    there = next(place for place in (data, *data.parents) if place.exists())
    cores = affinity or len(os.sched_getaffinity(0))
    quota = min(_cpu_limits(root), default=float(cores))
    return Hardware(
        cores=max(1, min(cores, int(quota))),
        memory=min([_total_memory(root), *_memory_limits(root)]),
        disk=shutil.disk_usage(there).total,
        disk_kind=disk_kind(there.stat().st_dev, root),
    )


def disk_kind(device: int, root: Path = _ROOT) -> Disk:
    """Return what a device number stands for; SSD where the kernel does not know (a network, an overlay, a virtual disk)."""
    block = (root / "sys/dev/block" / f"{os.major(device)}:{os.minor(device)}").resolve()
    if block.name.startswith(_VIRTUAL):
        return Disk.SSD
    for place in (block, block.parent):  # a partition has its disk above it
        if (flag := _read(place / "queue/rotational")) is not None:
            return Disk.HDD if flag == "1" else Disk.SSD
    return Disk.SSD


def _total_memory(root: Path) -> int:
    lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:")) * 1024


def _memory_limits(root: Path) -> Iterator[int]:
    for group in _groups(root, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            if (text := _read(group / name)) is not None and text.isdigit():
                yield int(text)


def _cpu_limits(root: Path) -> Iterator[float]:
    for group in _groups(root, "cpu"):
        quota, period = (*(_read(group / "cpu.max") or "").split(), "", "")[:2]
        if not quota:
            quota, period = _read(group / "cpu.cfs_quota_us") or "", _read(group / "cpu.cfs_period_us") or ""
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    # Our control group and all above it, since the tightest of them holds; the mount itself where the path is that of a host.
    mount = root / "sys/fs/cgroup"
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _upwards(mount, path)
            yield from _upwards(mount / "unified", path)
        elif controller in controllers.split(","):
            yield from _upwards(mount / controllers, path)
            yield from _upwards(mount / controller, path)


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    group = mount / path.lstrip("/")
    yield group
    yield from (above for above in group.parents if above.is_relative_to(mount))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None
