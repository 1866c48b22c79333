"""`keys`: what programs open the API with."""

from typing import Annotated

import typer

from app.cli.options import Data, Json, Url, example, group

app = group("Keys: what programs open the API with, in the name of a user.")


@app.command(epilog=example("usdc-arb keys create nightly --user bot@example.com --role analyst --days 90"))
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.", show_default=False)],
    user: Annotated[str | None, typer.Option("--user", metavar="EMAIL", help="In whose name it asks [whoever asks].", show_default=False)] = None,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="How far it reaches: viewer, analyst, operator or admin.")] = "viewer",
    days: Annotated[int, typer.Option("--days", metavar="N", help="For how long it opens anything.")] = 90,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: it is kept as a hash."""
    from app.cli import accounts

    accounts.create_key(name, user=user, role=role, days=days, data=data, url=url, as_json=as_json)


@app.command("list", epilog=example("usdc-arb keys list", "usdc-arb keys list --json"))
def list_(data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """List the keys that open something: whose, for what, until when, when last used."""
    from app.cli import accounts

    accounts.show_keys(data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb keys revoke 01a22e71-7962-7183-b27a-1ebb38619a75"))
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its identifier, as `usdc-arb keys list` shows it.", show_default=False)],
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Have a key open nothing from now on."""
    from app.cli import accounts

    accounts.revoke_key(key, data=data, url=url, as_json=as_json)
