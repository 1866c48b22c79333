"""`up` and `demo`: the box with everything in it, on this machine."""

from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from app.cli.options import Data, Json, example, group

app = group("")


def _port(purpose: str, default: int) -> OptionInfo:
    text = f"Port of {purpose} [{default}, or the next that is free]."
    found: OptionInfo = typer.Option(min=1, max=65535, metavar="PORT", help=text, show_default=False)
    return found


ApiPort = Annotated[int | None, _port("the API", 8000)]
DbPort = Annotated[int | None, _port("the database", 5432)]
RedisPort = Annotated[int | None, _port("the queue", 6379)]
DEMO = Path(".demo")


@app.command(epilog=example("usdc-arb up", "usdc-arb up --data ~/arb --api-port 8080"))
def up(data: Data = None, api_port: ApiPort = None, db_port: DbPort = None, redis_port: RedisPort = None) -> None:
    """Start the box and keep it running until Ctrl-C.

    The box is a database, a queue, the API and a worker, on this machine alone, with all its data in one folder.
    """
    from app.cli import up

    up.run(data, api_port=api_port, db_port=db_port, redis_port=redis_port)


@app.command(epilog=example("usdc-arb demo"))
def demo(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder for the demo's box and files.", readable=False)] = DEMO,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the invented prices.")] = 1,
    as_json: Json = False,
) -> None:
    """Show one backtest whole, on invented prices.

    Starts a box, imports a made-up depeg weekend with a planted arbitrage, runs the backtest through the API, and proves
    that the ledger holds just what was planted.
    """
    from app.cli import demo

    demo.run(data, seed=seed, as_json=as_json)
