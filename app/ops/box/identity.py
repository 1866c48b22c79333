"""As whom PostgreSQL runs: it refuses to be root, and to be a user of whom the machine knows no name; both get another identity."""

import os
import pwd
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import Forbidden, Unavailable
from app.ops.box.process import SAME, finish, start

_SECONDS = 20.0
_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What `launch` takes (`launch`), and the user outside to whom its files have to belong (none: us), and its version."""

    launch: str = SAME
    uid: int | None = None
    gid: int | None = None
    version: str = ""


async def choose(postgres: Path, folder: Path) -> Identity:
    """Return an identity in which `postgres` runs here: our own, else one in a user namespace, else (as root) an unprivileged user's."""
    if os.geteuid() != 0 and _is_known(os.geteuid()):
        return await _required(postgres, Identity())
    somebody = _somebody()
    ids = f"{somebody.pw_uid}:{somebody.pw_gid}"
    if mapped := await _tried(postgres, Identity(launch=f"map:{ids}")):
        return mapped
    if os.geteuid() != 0:
        raise Unavailable(f"PostgreSQL does not run as a user without a name, and uid {os.geteuid()} has none; give it one in /etc/passwd")
    _require_reachable(folder, somebody)
    return await _required(postgres, Identity(launch=f"drop:{ids}", uid=somebody.pw_uid, gid=somebody.pw_gid))


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _somebody() -> pwd.struct_passwd:
    # initdb looks its user up by number, so it has to be one that the machine knows.
    others = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    known = {entry.pw_name: entry for entry in others}
    if not others:
        raise Unavailable("PostgreSQL does not run as root, and this machine knows no other user; run the box as an ordinary user")
    return known.get("postgres") or known.get("nobody") or others[0]


async def _tried(postgres: Path, identity: Identity) -> Identity | None:
    with tempfile.TemporaryFile() as output:
        process = start("postgres --version", [postgres, "--version"], environment={}, output=output, identity=identity.launch)
        code = await finish(process, seconds=_SECONDS)
        output.seek(0)
        found = _VERSION.search(output.read())
    return replace(identity, version=found[1].decode()) if code == 0 and found else None


async def _required(postgres: Path, identity: Identity) -> Identity:
    if found := await _tried(postgres, identity):
        return found
    who = ""
    if identity.uid is not None:
        who = f" as {pwd.getpwuid(identity.uid).pw_name} (it refuses to be root, and user namespaces are not allowed here)"
    raise Unavailable(
        f"{postgres} does not run on this machine{who}; run the box as an ordinary user who can reach it, or use servers of your own (.env.example)"
    )


def _require_reachable(folder: Path, somebody: pwd.struct_passwd) -> None:
    for parent in folder.parents:
        status = parent.stat()
        bit = 0o100 if status.st_uid == somebody.pw_uid else 0o010 if status.st_gid == somebody.pw_gid else 0o001
        if not status.st_mode & bit:
            raise Forbidden(
                f"PostgreSQL refuses to run as root and user namespaces are not allowed here, so it would run as {somebody.pw_name}, who cannot "
                f"reach {folder} (stopped at {parent}); choose a folder that others can reach, such as /var/lib/usdc-arb, or run as an ordinary user"
            )
