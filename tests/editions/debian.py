"""Packages of another Debian, unpacked into a folder and run by chroot; nothing is installed on this machine. Needs root."""

import os
import shutil
import subprocess
from pathlib import Path

LISTS = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
_NEVER_RUN = (
    "adduser", "base-", "bash", "debconf", "debianutils", "diffutils", "dpkg", "findutils", "grep", "gzip", "hostname", "init-system", "libdpkg",
    "libjson-perl", "libllvm", "liblocale", "libperl", "libz3", "login", "mount", "ncurses", "openssl", "passwd", "perl", "postgresql-client-common",
    "postgresql-common", "sed", "shadow", "ssl-cert", "tar", "util-linux",
)  # fmt: skip
_DEVICES = {"null": (1, 3), "urandom": (1, 9)}


def missing() -> str | None:
    """Return why packages cannot be had here; None where they can."""
    if os.geteuid() != 0:
        return "only root can run Debian's packages from a folder"
    absent = [name for name in ("apt-get", "dpkg-deb", "chroot") if not shutil.which(name)]
    return f"{', '.join(absent)} is not there" if absent else None


def unpack(suite: str, root: Path, *packages: str) -> None:
    """Unpack packages with what they need, resolved from an empty system."""
    cache = root.with_name(f"{root.name}.apt")
    apt = _apt(suite, cache)
    _run(*apt, "update")
    listed = _run(*apt, "-s", "install", *packages)
    names = [line.split()[1] for line in listed.splitlines() if line.startswith("Inst ")]
    debs = cache / "debs"
    debs.mkdir()
    _run(*apt, "download", *(name for name in names if not name.startswith(_NEVER_RUN)), cwd=debs)
    for deb in debs.glob("*.deb"):
        _run("dpkg-deb", "-x", str(deb), str(root))
    shutil.rmtree(cache)
    _furnish(root)


def inside(root: Path, *command: str) -> list[str]:
    """Return the command line that runs a command in the folder as its user postgres."""
    environment = ["PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin", "HOME=/var/lib/postgresql", "LANG=C.UTF-8"]
    return ["chroot", "--userspec=5432:5432", str(root), "/usr/bin/env", "-i", *environment, *command]


def _apt(suite: str, cache: Path) -> list[str]:
    shutil.rmtree(cache, ignore_errors=True)
    for folder in ("etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg"):
        (cache / folder).mkdir(parents=True)
    (cache / "var/lib/dpkg/status").touch()
    signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    (cache / "etc/apt/sources.list").write_text(f"deb {signed} {_mirror()} {suite} main\n")
    options = {
        "Dir": cache, "Dir::State::status": cache / "var/lib/dpkg/status", "Dir::Etc": cache / "etc/apt", "Dir::Etc::sourceparts": "/nonexistent",
        "Acquire::Languages": "none", "APT::Install-Recommends": "false", "Debug::NoLocking": "1", "APT::Sandbox::User": "root",
        "Acquire::Retries": "3",
    }  # fmt: skip
    return ["apt-get", "-q", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]


def _mirror() -> str:
    for path in filter(Path.exists, LISTS):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] in (["URIs:"], ["deb"]):
                return next(word for word in words if word.startswith("http"))
    raise FileNotFoundError(f"expected a Debian mirror in {LISTS[0]} or {LISTS[1]}")


# What a system would have that packages alone have not; shared memory is taken from files, so that nothing has to be mounted.
def _furnish(root: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("tmp", "dev", "etc", "var/tmp", "var/lib/postgresql"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for name, (major, minor) in _DEVICES.items():
        os.mknod(root / "dev" / name, 0o020666, os.makedev(major, minor))
        (root / "dev" / name).chmod(0o666)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\npostgres:x:5432:5432::/var/lib/postgresql:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\npostgres:x:5432:\n")


def _run(*command: str, cwd: Path | None = None) -> str:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command[:1])} {command[-1]} failed with {ended.returncode}: {ended.stderr[-2000:]}")
    return ended.stdout
