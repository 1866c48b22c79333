"""A running box: where its parts are, for its own processes and for whoever looks for it in the data folder."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Final
from urllib.parse import quote

from app.errors import Forbidden, NotFound
from app.ops import hardware
from app.ops.box import credentials, folder, lock
from app.ops.box.credentials import Credentials
from app.ops.box.folder import Folder
from app.ops.box.ports import LOOPBACK
from app.settings import Settings, load_settings
from infra.sizing import BOX, Plan

ADMIN: Final = "postgres"
USER: Final = "usdc_arb"
DATABASE: Final = "usdc_arbitrage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of a box, all on loopback."""

    api: int
    db: int
    redis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box that runs: its folder, its share of the machine, its settings, and the same settings as environment variables."""

    folder: Folder
    plan: Plan = field(repr=False)
    ports: Ports
    settings: Settings
    variables: Mapping[str, str] = field(repr=False)
    admin_uri: str = field(repr=False)
    """The database server's address for its superuser, for libpq."""
    listener: socket | None = field(default=None, repr=False)
    """What listens on the API's port as long as the box lives; only the box itself has it."""

    @property
    def api_url(self) -> str:
        """Return where the API is."""
        return f"http://{LOOPBACK}:{self.ports.api}"


def describe(where: Folder, known: Credentials, plan: Plan, ports: Ports) -> Box:
    """Return the box with these ports."""
    variables = _variables(where, known, ports)
    admin = f"postgresql://{ADMIN}:{quote(known.db_admin_password, safe='')}@{LOOPBACK}:{ports.db}/postgres"
    return Box(folder=where, plan=plan, ports=ports, settings=load_settings(variables), variables=variables, admin_uri=admin)


def publish(box: Box) -> None:
    """Write down that the box is ready, and where; no secret is in it."""
    found = {"pid": os.getpid(), "started": datetime.now(UTC).isoformat(timespec="seconds"), "api_url": box.api_url}
    ports = {"api_port": box.ports.api, "db_port": box.ports.db, "redis_port": box.ports.redis}
    folder.write_private(box.folder.record, {**found, **ports})


def withdraw(box: Box) -> None:
    """Take the record away: the box is about to stop."""
    box.folder.record.unlink(missing_ok=True)


def connect(data: Path) -> Box:
    """Return the box that runs in a data folder; NotFound says how to start one."""
    where = folder.at(data)
    try:
        found = json.loads(where.record.read_text(encoding="utf-8")) if lock.is_held(where.lock) else None
    except FileNotFoundError:
        found = None
    except PermissionError as error:
        raise Forbidden(f"the box in {where.root} belongs to somebody else; run as its owner, or choose another data folder") from error
    if found is None:
        raise NotFound(f"no box is ready in {where.root}; start one with: usdc-arb up")
    ports = Ports(api=found["api_port"], db=found["db_port"], redis=found["redis_port"])
    return describe(where, credentials.read(where), hardware.planned(where.root, BOX), ports)


def _variables(where: Folder, known: Credentials, ports: Ports) -> dict[str, str]:
    database = {"DB_HOST": LOOPBACK, "DB_PORT": str(ports.db), "DB_NAME": DATABASE, "DB_USER": USER, "DB_PASSWORD": known.db_password}
    queue = {"REDIS_HOST": LOOPBACK, "REDIS_PORT": str(ports.redis), "REDIS_PASSWORD": known.redis_password}
    api = {"API_HOST": LOOPBACK, "API_PORT": str(ports.api), "API_SECRET_KEY": known.api_secret_key, "JWT_SECRET": known.jwt_secret}
    return {**database, **queue, **api, "USDC_ARB_DATA": str(where.root)}
