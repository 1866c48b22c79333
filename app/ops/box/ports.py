"""Ports on loopback: a default moves when it is taken, a port that was asked for does not."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from app.errors import Conflict

LOOPBACK = "127.0.0.1"
_TRIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A port that somebody asked for (`asked`), or else the default to begin with."""

    purpose: str
    default: int
    asked: int | None = None

    def candidates(self) -> Iterator[int]:
        """Yield free ports, the best first; Conflict where the port asked for is taken or no port is left."""
        if self.asked is not None:
            if not is_free(self.asked):
                raise self.taken(self.asked)
            yield self.asked
            return
        yield from (port for port in range(self.default, self.default + _TRIES) if is_free(port))
        raise Conflict(f"no port for {self.purpose} is free from {self.default} to {self.default + _TRIES - 1}; ask for a free one")

    def reserved(self) -> socket.socket:
        """Return a socket that listens on the best free port: whoever is handed it answers there, and nobody can come first."""
        for port in self.candidates():
            with suppress(OSError):  # somebody was faster
                return socket.create_server((LOOPBACK, port))
        raise self.taken(self.asked or self.default)

    def taken(self, port: int) -> Conflict:
        """Return the error for a port that is in use."""
        return Conflict(
            f"port {port} on {LOOPBACK}, asked for as the port of {self.purpose}, is taken by another program; stop that, ask for another port, "
            "or ask for none and let the box choose"
        )


@contextmanager
def claim(port: int) -> Iterator[bool]:
    """Keep other boxes of this machine off a port inside, also while its server is started again; tell whether no other box had it.

    A claim is a name of Linux's abstract sockets: no file, gone with its process, seen by whoever shares our ports, whatever their user.
    Elsewhere there are no claims.
    """
    with socket.socket(socket.AF_UNIX) as name:
        try:
            name.bind(f"\0usdc-arb/port/{port}" if sys.platform == "linux" else "")
        except OSError:
            yield sys.platform != "linux"
        else:
            yield True


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port now (connections of the past that linger do not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True
