"""`sweep`: many backtests of one spec, and whether the best of them is more than luck."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json, Levels, Out, Stream, example, group

app = group("Sweeps: many backtests of one spec, and whether the best of them is more than luck.")

SweepFile = Annotated[
    Path, typer.Argument(metavar="SWEEP", help="TOML file of a sweep; see `usdc-arb sweep schema`.", show_default=False, readable=False)
]
_FILES = "Folder of the CSV and Parquet files that the sweep runs on."


@app.command(
    epilog=example(
        "usdc-arb sweep run examples/sweep-depeg.toml --files .demo/market",
        "usdc-arb sweep run examples/sweep-depeg.toml --files .demo/market --resume",
    )
)
def run(
    sweep: SweepFile,
    files: Annotated[Path, typer.Option("--files", metavar="DIR", help=_FILES, show_default=False, readable=False)],
    *,
    stream: Stream = "auto",
    levels: Levels = 10,
    out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the trials that an earlier start left.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Run it without asking, however large it is.")] = False,
    threads: Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="Cores to use [all].", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Run a sweep on the files of a folder, without any server; show and save what came out."""
    from app.cli import sweep_run
    from app.cli.sweep_file import Source

    how = sweep_run.How(out=out, resume=resume, yes=yes, threads=threads, as_json=as_json)
    sweep_run.run(sweep, Source(folder=files, stream=stream, levels=levels), how)


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
