"""A box runs for root and for everybody else, and on no folder but one's own."""

import asyncio
import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.errors import Forbidden
from app.ops.box.supervisor import servers
from tests.app.ops.box.support import ROOT, is_locked, processes, ready, supervisor, wait_until_gone

NOBODY = 65534
NAMELESS = 54_321
TRIAL = "import os, sys, app.settings; sys.exit(not os.access(sys.executable, os.X_OK))"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a folder that everybody can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="usdc-arb test "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _environment(home: Path) -> dict[str, str]:
    places = (str(ROOT), sysconfig.get_path("purelib"), os.environ.get("PYTHONPATH", ""))
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": ":".join(filter(None, places)), "PYTHONDONTWRITEBYTECODE": "1"}


def _command(*become: str) -> list[str]:
    # The interpreter of this test where others may reach it, else the system's of the same version.
    names = [sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin") or ""]
    for name in filter(None, names):
        trial = subprocess.run([*become, name, "-c", TRIAL], env=_environment(ROOT), cwd=ROOT, capture_output=True, check=False)
        if trial.returncode == 0:
            return [*become, name, "-m", "tests.app.ops.box.stage"]
    pytest.skip(f"no Python 3.{sys.version_info.minor} with our packages that another user could run")


async def _query(uri: object, query: str) -> object:
    connection = await asyncpg.connect(str(uri))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _become(uid: int) -> list[str]:
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


@as_root
@pytest.mark.parametrize("uid", [NOBODY, NAMELESS])
def test_an_ordinary_user_has_a_box_of_their_own_which_ends_with_its_supervisor(place: Path, uid: int) -> None:
    os.chown(place, uid, uid)
    data = place / "data"
    for _ in ("made", "again"):
        with supervisor(data, command=_command(*_become(uid)), environment=_environment(place)) as process:
            assert asyncio.run(_query(ready(process)["admin_uri"], "SELECT 1")) == 1
            assert {path.lstat().st_uid for path in data.rglob("*")} == {uid}
            assert stat.S_IMODE(data.stat().st_mode) == 0o700
            process.kill()
            process.wait()
            wait_until_gone(data)
            assert not is_locked(data)


@as_root
async def test_root_has_a_box_in_which_no_server_is_root_to_itself(data: Path) -> None:
    async with servers(data) as it:
        assert await _query(it.admin_uri, "SELECT 1") == 1
        pid = (data / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        inside, outside, count = Path(f"/proc/{pid}/uid_map").read_text().split()
        assert (outside, count) == ("0", "1")
        assert int(inside) != 0
        assert {path.lstat().st_uid for path in data.rglob("*")} == {0}


WITHOUT_NAMESPACES = """
import ctypes, os, sys
ready, go = os.pipe(), os.pipe()
if (child := os.fork()) == 0:
    assert ctypes.CDLL(None).unshare(0x10000000) == 0
    os.write(ready[1], b"1"); os.read(go[0], 1)
    open("/proc/sys/user/max_user_namespaces", "w").write("0")
    os.execv(sys.argv[1], sys.argv[1:])
os.read(ready[0], 1)
for kind in ("uid", "gid"):
    open(f"/proc/{child}/{kind}_map", "w").write("0 0 65536")
os.write(go[1], b"1")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@as_root
def test_where_namespaces_are_not_allowed_root_hands_the_database_to_an_unprivileged_user(place: Path) -> None:
    data = place / "data"
    with supervisor(data, command=[sys.executable, "-c", WITHOUT_NAMESPACES, *_command()]) as process:
        assert asyncio.run(_query(ready(process)["admin_uri"], "SELECT 1")) == 1
        owner = (data / "postgres").stat().st_uid
        assert owner != 0
        pid = (data / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        assert Path(f"/proc/{pid}").stat().st_uid == owner
        assert {path.stat().st_mode & 0o077 for path in (data / "secrets.json", data / "logs", data / "valkey", data / "postgres")} == {0}
        assert {path.stat().st_uid for path in (data, data / "secrets.json", data / "valkey")} == {0}
        supervising = int((data / "lock").read_text())
        os.kill(supervising, 9)
        wait_until_gone(data)
    with supervisor(data, command=[sys.executable, "-c", WITHOUT_NAMESPACES, *_command()]) as process:
        assert asyncio.run(_query(ready(process)["admin_uri"], "SELECT 1")) == 1
        os.kill(int((data / "lock").read_text()), 2)
        assert process.communicate(timeout=120)[0] == "stopped\n"
    assert processes(data) == []


@as_root
def test_a_folder_that_the_unprivileged_user_cannot_reach_is_refused_with_what_to_do(place: Path) -> None:
    place.chmod(0o700)
    with supervisor(place / "data", command=[sys.executable, "-c", WITHOUT_NAMESPACES, *_command()]) as process:
        wrong = process.communicate(timeout=120)[1]
    assert f"cannot reach {place / 'data'} (stopped at {place}); choose a folder that others can reach" in wrong
    assert wrong.splitlines()[-1].startswith("app.errors.Forbidden: PostgreSQL refuses to run as root and user namespaces are not allowed here")


@as_root
async def test_a_folder_of_somebody_else_is_refused_with_both_names(data: Path) -> None:
    os.chown(data, NOBODY, NOBODY)
    name = pwd.getpwuid(NOBODY).pw_name
    with pytest.raises(Forbidden, match=rf"belongs to {name} \(uid {NOBODY}\) and you are root \(uid 0\); run as {name}"):
        async with servers(data):
            raise AssertionError("it started")
    os.chown(data, NAMELESS, NAMELESS)
    with pytest.raises(Forbidden, match=rf"belongs to uid {NAMELESS} and"):
        async with servers(data):
            raise AssertionError("it started")


@as_root
def test_a_folder_that_may_not_be_made_is_refused(place: Path) -> None:
    with supervisor(place / "x" / "data", command=_command(*_become(NOBODY)), environment=_environment(place)) as process:
        wrong = process.communicate(timeout=120)[1]
    assert f"the data folder {place}/x/data cannot be made (Permission denied); choose one that you may write to" in wrong


@as_root
def test_the_box_of_somebody_else_is_not_looked_into(data: Path) -> None:
    os.chown(data, NAMELESS, NAMELESS)
    code = f"from pathlib import Path; from app.ops.box.record import connect; connect(Path({str(data)!r}))"
    *become, python, _, _ = _command(*_become(NOBODY))
    found = subprocess.run([*become, python, "-c", code], env=_environment(ROOT), cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.stderr.splitlines()[-1].startswith(f"app.errors.Forbidden: the box in {data} belongs to somebody else; run as its owner")
