"""The box: the whole system on one machine, below one data folder, without root, Docker or a package manager."""

from app.ops.box.readiness import http_ok
from app.ops.box.record import Box, connect
from app.ops.box.supervisor import Child, box, servers

__all__ = ["Box", "Child", "box", "connect", "http_ok", "servers"]
