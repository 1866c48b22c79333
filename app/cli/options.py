"""Options that several commands share, and the form of an example in their help."""

from pathlib import Path
from typing import Annotated

import typer

# Paths are not judged here (`readable=False`): whoever opens them can say whose they are and what to do.
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of the box's data [USDC_ARB_DATA, else ~/.local/share/usdc-arb].",
        show_default=False,
        readable=False,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        envvar="USDC_ARB_URL",
        show_envvar=False,
        show_default=False,
        help="Address of another API than the box's; API_SECRET_KEY opens it [USDC_ARB_URL].",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and errors as JSON.")]
Spec = Annotated[
    Path, typer.Argument(metavar="SPEC", help="TOML file of a backtest; see `usdc-arb backtest schema`.", show_default=False, readable=False)
]
Files = Annotated[
    Path | None, typer.Option("--files", metavar="DIR", help="Run on the CSV and Parquet files of a folder, without any server.", readable=False)
]
Stream = Annotated[
    str,
    typer.Option(
        "--stream",
        metavar="NAME",
        help="What to take of WebSocket captures: bookTicker (best prices), depth (the book), trade or aggTrade;"
        " auto: depth where the capture has a snapshot.",
    ),
]
Levels = Annotated[int, typer.Option("--levels", min=1, max=1000, metavar="N", help="Levels of a book that are kept.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for report, ledger and metrics.", readable=False)]

Priority = Annotated[str, typer.Option("--priority", metavar="NAME", help="Before which of one's own it is to run: high, normal or low.")]
Within = Annotated[
    str | None,
    typer.Option("--within", metavar="DURATION", help="Fail where it is not done so soon: 10m, 2h.", show_default=False),
]


def example(*lines: str) -> str:
    """Return the end of a command's help: lines that can be typed as they stand."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def group(text: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(no_args_is_help=True, help=text, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
