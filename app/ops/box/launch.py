"""Become a program that dies with its parent: `launch.py PARENT SIGNAL IDENTITY PROGRAM ARGUMENT…`.

Run as a script by a bare interpreter, between the fork and the program, so that nothing has to run in a forked copy of a
process with threads. IDENTITY is `same`, `map:UID:GID` (a user namespace in which we are that user; servers refuse to run as
root) or `drop:UID:GID`. The order matters: a change of identity clears the death signal, so that comes second; and a parent
that died before it was set sends no signal any more, so the parent is looked at third.
"""

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Take the identity, tie our life to the parent's, and become the program."""
    parent, death_signal, identity, *program = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    kind, _, ids = identity.partition(":")
    if kind == "map":
        _map(libc, *map(int, ids.split(":")))
    elif kind == "drop":
        _drop(*map(int, ids.split(":")))
    _check(libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0), "prctl")
    if os.getppid() != int(parent):
        sys.exit("the parent is gone already")
    os.execv(program[0], program)  # noqa: S606 - that is the purpose


def _map(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    outside = os.geteuid(), os.getegid()
    _check(libc.unshare(_CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside[0]} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {outside[1]} 1", encoding="ascii")


def _drop(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    os.umask(0o077)
    main(sys.argv[1:])
