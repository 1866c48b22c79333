"""The tree of commands."""

import sys

from app.cli import admin, backtest, box, data, failure, jobs, keys, server, sweep, users
from app.cli.options import group

app = group("Backtest cross-venue USDC arbitrage after everything that it costs.")
app.info.name = "usdc-arb"
app.add_typer(box.app)
app.add_typer(data.app, name="data")
app.add_typer(backtest.app, name="backtest")
app.add_typer(sweep.app, name="sweep")
app.add_typer(jobs.app, name="jobs")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(server.app)
app.add_typer(admin.database, name="db")
app.add_typer(admin.token, name="token")
app.add_typer(admin.ops, name="ops")


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app(prog_name="usdc-arb")
    except Exception as error:  # noqa: BLE001 - the last border: everything is told, in the form that was asked for
        sys.exit(failure.tell(error, as_json="--json" in sys.argv))
