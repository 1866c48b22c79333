"""The passwords and keys of a box: made once, in a file of their own, shown to nobody."""

import json
import secrets
from dataclasses import asdict, dataclass, field, fields

from app.errors import Conflict
from app.ops.box.folder import Folder, write_private


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the box makes up for itself."""

    db_admin_password: str = field(repr=False)
    db_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    api_secret_key: str = field(repr=False)
    jwt_secret: str = field(repr=False)


def load(folder: Folder) -> Credentials:
    """Return the folder's credentials, made on first use."""
    if folder.secrets.exists():
        return read(folder)
    if folder.postgres.exists():
        raise Conflict(
            f"{folder.secrets} is missing, and {folder.postgres} cannot be opened without it; restore it from a backup, or choose another data folder"
        )
    made = Credentials(**{each.name: secrets.token_urlsafe(32) for each in fields(Credentials)})
    write_private(folder.secrets, asdict(made))
    return made


def read(folder: Folder) -> Credentials:
    """Return the folder's credentials as they are."""
    try:
        found = json.loads(folder.secrets.read_text(encoding="utf-8"))
        return Credentials(**{each.name: str(found[each.name]) for each in fields(Credentials)})
    except (ValueError, KeyError, TypeError):
        raise Conflict(f"{folder.secrets} is damaged; restore it from a backup, or choose another data folder") from None
