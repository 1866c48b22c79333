"""`sweep`: many backtests of one spec, and whether the best of them is more than luck."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Data, Json, Levels, Out, Priority, Stream, Url, Within, example, group

app = group("Sweeps: many backtests of one spec, and whether the best of them is more than luck.")

SweepFile = Annotated[
    Path, typer.Argument(metavar="SWEEP", help="TOML file of a sweep; see `usdc-arb sweep schema`.", show_default=False, readable=False)
]
SweepId = Annotated[str, typer.Argument(metavar="SWEEP", help="A sweep's identifier, or `last`.", show_default=False)]
_FILES = "Folder of the CSV and Parquet files that the sweep runs on."


@app.command(
    epilog=example(
        "usdc-arb sweep run examples/sweep-depeg.toml",
        "usdc-arb sweep run examples/sweep-depeg.toml --files .demo/market --resume",
    )
)
def run(
    sweep: SweepFile,
    *,
    files: Annotated[
        Path | None, typer.Option("--files", metavar="DIR", help=f"{_FILES[:-1]}, without any server.", show_default=False, readable=False)
    ] = None,
    stream: Stream = "auto",
    levels: Levels = 10,
    out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="With --files: go on with the trials that an earlier start left.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Run it without asking, however large it is.")] = False,
    threads: Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="With --files: cores [all].", show_default=False)] = None,
    priority: Priority = "normal",
    within: Within = None,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Run a sweep in the box or, with --files, right here without any server; show and save what came out."""
    if files is None:
        from app.cli import submit, sweep_submit

        how_there = sweep_submit.How(wish=submit.wish(priority, within), out=out, yes=yes, data=data, url=url, as_json=as_json)
        sweep_submit.run(sweep, how_there, local=resume or threads is not None)
        return
    from app.cli import sweep_run
    from app.cli.sweep_file import Source

    how = sweep_run.How(out=out, resume=resume, yes=yes, threads=threads, as_json=as_json)
    sweep_run.run(sweep, Source(folder=files, stream=stream, levels=levels), how)


@app.command("list", epilog=example("usdc-arb sweep list", "usdc-arb sweep list --limit 100 --json"))
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Most sweeps to list.")] = 20,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List sweeps of the box, newest first."""
    from app.cli import sweeps

    sweeps.show_list(limit=limit, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb sweep show last", "usdc-arb sweep show last --out results"))
def show(sweep: SweepId, out: Out = None, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Show a sweep of the box: its result, or how far it is and its best trials so far, or why it failed."""
    from app.cli import sweeps

    sweeps.show_one(sweep, out=out, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb sweep cancel last"))
def cancel(sweep: SweepId, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Cancel a sweep of the box: at once where it waits, within seconds where a worker computes it; rows that are done stay readable."""
    from app.cli import sweeps

    sweeps.cancel(sweep, data=data, url=url, as_json=as_json)


@app.command(
    epilog=example(
        "usdc-arb sweep validate examples/sweep-depeg.toml",
        "usdc-arb sweep validate examples/sweep-depeg.toml --files .demo/market",
    )
)
def validate(
    sweep: SweepFile,
    files: Annotated[
        Path | None, typer.Option("--files", metavar="DIR", help=f"{_FILES[:-1]}: its rows are counted.", show_default=False, readable=False)
    ] = None,
    stream: Stream = "auto",
    levels: Levels = 10,
    as_json: Json = False,
) -> None:
    """Check a sweep without running it: every problem at once, how many trials it has, about how long they take."""
    from app.cli import sweep_file

    source = sweep_file.Source(folder=files, stream=stream, levels=levels) if files else None
    sweep_file.validate(sweep, source, as_json=as_json)


@app.command(epilog=example("usdc-arb sweep schema > sweep.schema.json"))
def schema() -> None:
    """Print the JSON Schema of a sweep; editors complete and check with it."""
    from app.cli import sweep_file

    sweep_file.print_schema()
