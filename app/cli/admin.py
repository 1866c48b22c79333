"""`db`, `token`, `ops`: what an operator needs."""

from typing import Annotated

import typer

from app.cli.options import Data, Json, example, group

database = group("The database's schema.")
token = group("Tokens that open the API.")
ops = group("Operations: what this machine is used for.")


@database.command(epilog=example("usdc-arb db upgrade"))
def upgrade(data: Data = None, as_json: Json = False) -> None:
    """Bring the database's schema up to what this version needs; changes nothing where it is."""
    from app.cli import upkeep

    upkeep.upgrade(data=data, as_json=as_json)


@database.command(epilog=example("usdc-arb db current"))
def current(data: Data = None, as_json: Json = False) -> None:
    """Show at which revision the database is, and which one this version needs."""
    from app.cli import upkeep

    upkeep.current(data=data, as_json=as_json)


@database.command(epilog=example("usdc-arb db status", "usdc-arb db status --json"))
def status(data: Data = None, as_json: Json = False) -> None:
    """Show what market data is kept in: which edition of TimescaleDB, the tables, and what is lost without more of it."""
    from app.cli import database

    database.show_status(data=data, as_json=as_json)


@database.command(epilog=example("usdc-arb db maintain"))
def maintain(data: Data = None, as_json: Json = False) -> None:
    """Let go rows past BARS_KEEP_DAYS, QUOTES_KEEP_DAYS and so on, where no policy of the database does; once a day from a timer."""
    from app.cli import database

    database.maintain(data=data, as_json=as_json)


@database.command(epilog=example("usdc-arb db roles"))
def roles(data: Data = None, as_json: Json = False) -> None:
    """Make the roles for application, readers and backups, with no more rights than each needs; changes nothing where they are."""
    from app.cli import database

    database.make_roles(data=data, as_json=as_json)


@token.command(epilog=example("usdc-arb token create --name notebook"))
def create(
    name: Annotated[str, typer.Option(metavar="NAME", help="Whose it is: stands beside what its holder does.")] = "local",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a token for the API, good for JWT_EXPIRATION seconds; give it as `Authorization: Bearer TOKEN`."""
    from app.cli import upkeep

    upkeep.create_token(name, data=data, as_json=as_json)


@ops.command(epilog=example("usdc-arb ops plan", "usdc-arb ops plan --json"))
def plan(as_json: Json = False) -> None:
    """Show what this machine has and how its memory, cores and connections are shared out."""
    from app.cli import upkeep

    upkeep.show_plan(as_json=as_json)
