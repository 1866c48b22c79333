"""`backtest`: run a spec, look at runs and their results."""

from typing import Annotated

import typer

from app.cli.options import Data, Files, Json, Levels, Out, Priority, Spec, Stream, Url, Within, example, group

app = group("Backtests: run a spec, look at runs and their results.")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's identifier, or `last`.", show_default=False)]


@app.command(
    epilog=example(
        "usdc-arb backtest run examples/spatial-demo.toml",
        "usdc-arb backtest run examples/spatial-btc-2023-03.toml --files market-data",
    )
)
def run(
    spec: Spec,
    *,
    files: Files = None,
    stream: Stream = "auto",
    levels: Levels = 10,
    out: Out = None,
    priority: Priority = "normal",
    within: Within = None,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Run a backtest in the box or, with --files, right here without any server; show and save what came out."""
    if files is not None:
        from app.cli import local

        local.run(spec, files, stream=stream, levels=levels, out=out, as_json=as_json)
    else:
        from app.cli import submit

        submit.run(spec, submit.wish(priority, within), out=out, data=data, url=url, as_json=as_json)


@app.command("list", epilog=example("usdc-arb backtest list", "usdc-arb backtest list --limit 100 --json"))
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Most runs to list.")] = 20,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    from app.cli import runs

    runs.show_list(limit=limit, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb backtest show last", "usdc-arb backtest show last --out results"))
def show(run: RunId, out: Out = None, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Show a run: its result, or how far it is, or why it failed."""
    from app.cli import runs

    runs.show_one(run, out=out, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb backtest cancel last"))
def cancel(run: RunId, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Cancel a run: at once where it waits, within seconds where a worker computes it."""
    from app.cli import runs

    runs.cancel(run, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb backtest validate examples/spatial-demo.toml"))
def validate(spec: Spec, as_json: Json = False) -> None:
    """Check a spec without running it: every problem at once, and what looks like a mistake."""
    from app.cli import specs

    specs.validate(spec, as_json=as_json)


@app.command(epilog=example("usdc-arb backtest schema > spec.schema.json"))
def schema() -> None:
    """Print the JSON Schema of a spec; editors complete and check with it."""
    from app.cli import specs

    specs.print_schema()
