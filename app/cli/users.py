"""`users`: who may do what."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Data, Json, Url, example, group

app = group("Users: who there is, what each may do, and what was done.")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The user's email.", show_default=False)]
RoleName = Annotated[
    str, typer.Option("--role", metavar="ROLE", help="viewer reads, analyst runs, operator maintains, admin decides who may do what.")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="File whose first line is the password, - for standard input [asked for].", readable=False),
]


@app.command(epilog=example("usdc-arb users create ada@example.com --role admin", "usdc-arb users create bot@example.com --role analyst --service"))
def create(
    email: Email,
    role: RoleName = "viewer",
    password_file: PasswordFile = None,
    service: Annotated[bool, typer.Option("--service", help="A service account: without a password, with keys alone.")] = False,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a user; the password is asked for, or read from a file, and never stands in the command line."""
    from app.cli import accounts

    accounts.create(email, role=role, password_file=password_file, service=service, data=data, url=url, as_json=as_json)


@app.command("list", epilog=example("usdc-arb users list", "usdc-arb users list --json"))
def list_(data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """List the users: role, last sign-in, and where they are signed in."""
    from app.cli import accounts

    accounts.show(data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb users role ada@example.com --role operator"))
def role(email: Email, role: RoleName, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Give a user another role, at once."""
    from app.cli import accounts

    accounts.set_role(email, role=role, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb users disable ada@example.com"))
def disable(email: Email, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Shut a user out at once: tokens, sessions, password."""
    from app.cli import accounts

    accounts.set_disabled(email, disabled=True, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb users enable ada@example.com"))
def enable(email: Email, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Let a user in again, also one that wrong passwords shut out."""
    from app.cli import accounts

    accounts.set_disabled(email, disabled=False, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb users password ada@example.com"))
def password(email: Email, password_file: PasswordFile = None, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Give a user another password, which ends all that they are signed in to."""
    from app.cli import accounts

    accounts.set_password(email, password_file=password_file, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb users sign-out ada@example.com"))
def sign_out(email: Email, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """End all that a user is signed in to."""
    from app.cli import accounts

    accounts.end_sign_ins(email, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb users audit", "usdc-arb users audit --limit 200 --json"))
def audit(
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="Most entries to show.")] = 50,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show what was done by whom, the latest first: accounts, roles, passwords, sign-ins."""
    from app.cli import accounts

    accounts.show_audit(limit=limit, data=data, url=url, as_json=as_json)
