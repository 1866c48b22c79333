"""Users of the box: make, list, change; passwords come from a prompt or a file."""

import getpass
import sys
from pathlib import Path

from app import client
from app.cli import connection, output
from app.client import Form
from app.errors import BadInput

_ROLES = ("viewer", "analyst", "operator", "admin")


def create(email: str, *, role: str, password_file: Path | None, service: bool, data: Path | None, url: str | None, as_json: bool) -> None:
    """Make a user."""
    given = {"email": email, "role": _role(role), "password": None if service else _password(password_file)}
    _change("CreateUser", given, f"{email.strip().lower()} is there, as {role.lower()}", data=data, url=url, as_json=as_json)


def set_role(email: str, *, role: str, data: Path | None, url: str | None, as_json: bool) -> None:
    """Give a user another role."""
    _change("SetRole", {"email": email, "role": _role(role)}, f"{email} is {role.lower()} from now on", data=data, url=url, as_json=as_json)


def set_disabled(email: str, *, disabled: bool, data: Path | None, url: str | None, as_json: bool) -> None:
    """Shut a user out, or let them in again."""
    said = f"{email} is shut out" if disabled else f"{email} may sign in again"
    _change("SetDisabled", {"email": email, "disabled": disabled}, said, data=data, url=url, as_json=as_json)


def set_password(email: str, *, password_file: Path | None, data: Path | None, url: str | None, as_json: bool) -> None:
    """Give a user another password."""
    said = f"{email} has another password, and is signed in nowhere"
    _change("SetPassword", {"email": email, "password": _password(password_file)}, said, data=data, url=url, as_json=as_json)


def end_sign_ins(email: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """End all that a user is signed in to."""
    _change("EndSignIns", {"email": email}, f"{email} is signed in nowhere", data=data, url=url, as_json=as_json)


def show(*, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print the users."""
    with client.connect(*connection.api(data, url)) as http:
        users = client.ask(http, "Users")["users"]
    if as_json:
        output.document({"users": users})
        return
    rows = output.table("email", "role", "last sign-in", "signed in", "", numbers={"signed in"})
    for user in users:
        rows.add_row(user["email"], user["role"].lower(), _time(user["lastSignIn"]), str(len(user["signIns"])), _state(user))
    output.show(rows if users else "no users: make the first by `usdc-arb users create EMAIL --role admin`")


def show_audit(*, limit: int, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print what was done."""
    with client.connect(*connection.api(data, url)) as http:
        page = client.choose(client.ask(http, "Audit", first=limit, after=None)["audit"], "AuditConnection")
    entries = [edge["node"] for edge in page["edges"]]
    if as_json:
        output.document({"audit": entries, "more": page["pageInfo"]["hasNextPage"]})
        return
    rows = output.table("at", "by", "what", "to", "")
    for entry in entries:
        detail = ", ".join(f"{name} {value}" for name, value in entry["detail"].items())
        rows.add_row(_time(entry["at"]), entry["actor"], entry["action"].replace("_", " "), entry["subject"], detail)
    output.show(rows if entries else "nothing was done yet")


def create_key(name: str, *, user: str | None, role: str, days: int, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print a new key alone on its line."""
    with client.connect(*connection.api(data, url)) as http:
        made = client.choose(client.ask(http, "CreateKey", name=name, user=user, role=_role(role), days=days)["createKey"], "NewKey")
    if as_json:
        output.document({"text": made["text"], "key": made["key"]})
        return
    print(made["text"])
    key = made["key"]
    output.note(f"in the name of {key['user']}, as {key['role'].lower()}, until {_time(key['expiresAt'])}; shown this once; its name: {key['id']}")


def show_keys(*, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print the keys."""
    with client.connect(*connection.api(data, url)) as http:
        keys = client.ask(http, "Keys")["keys"]
    if as_json:
        output.document({"keys": keys})
        return
    rows = output.table("key", "user", "role", "until", "last used", "for")
    for key in keys:
        rows.add_row(key["id"], key["user"], key["role"].lower(), _time(key["expiresAt"]), _time(key["usedAt"]), key["name"])
    output.show(rows if keys else "no keys")


def revoke_key(key_id: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """Have a key open nothing from now on."""
    with client.connect(*connection.api(data, url)) as http:
        key = client.choose(client.ask(http, "RevokeKey", id=key_id)["revokeKey"], "Key")
    if as_json:
        output.document({"key": {name: value for name, value in key.items() if name != "__typename"}})
    else:
        output.show(f"key {key_id} ({key['name']}, of {key['user']}) opens nothing from now on")


def _change(name: str, given: Form, said: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    with client.connect(*connection.api(data, url)) as http:
        user = client.choose(client.ask(http, name, **given)[name[0].lower() + name[1:]], "User")
    if as_json:
        output.document({"user": {key: value for key, value in user.items() if key != "__typename"}})
    else:
        output.show(said)


def _role(name: str) -> str:
    if name.lower() not in _ROLES:
        raise BadInput(f"--role: expected one of {', '.join(_ROLES)}, found {name!r}")
    return name.upper()


def _password(path: Path | None) -> str:
    if path is not None:
        try:
            text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"--password-file: {path} cannot be read as text: {error}") from None
        return text.split("\n")[0].rstrip("\r")
    if not sys.stdin.isatty():
        raise BadInput("there is nobody to ask for the password; give it by --password-file FILE, or - for standard input")
    first = getpass.getpass("Password (12 characters or more): ")
    if getpass.getpass("Once more: ") != first:
        raise BadInput("the two passwords are not the same; nothing was done")
    return first


def _state(user: Form) -> str:
    if user["disabled"]:
        return "disabled"
    return f"shut until {_time(user['lockedUntil'])}, after wrong passwords" if user["lockedUntil"] else ""


def _time(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "never"
