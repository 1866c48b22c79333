"""What a command says: results to standard output, everything about the way there to standard error."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Report = Callable[[str, float], None]
"""Told a stage and the fraction that is done, 0 to 1."""

WIDTH_PIPED = 110
"""Columns where standard output is no terminal: tables keep one shape in logs and files."""


def show(*parts: RenderableType) -> None:
    """Print a result; without colours, and without blanks at the ends of lines, where nobody but a file watches."""
    watched = sys.stdout.isatty()
    console = Console(highlight=False, width=None if watched else WIDTH_PIPED)
    with console.capture() as capture:
        console.print(*parts, sep="\n", markup=False)
    for line in capture.get().splitlines():
        print(line if watched else line.rstrip())


def note(text: str) -> None:
    """Say something about the way there."""
    print(text, file=sys.stderr, flush=True)


def command() -> str:
    """Return our own name as the reader can type it: set-up by make leaves it in a virtual environment that is not on the path."""
    if shutil.which("usdc-arb"):
        return "usdc-arb"
    return sys.argv[0] if Path(sys.argv[0]).name == "usdc-arb" else "python -m app.cli"


def document(form: object) -> None:
    """Print one JSON document."""
    print(json.dumps(form, indent=2, default=_plain, ensure_ascii=False))


@contextmanager
def progress() -> Iterator[Report]:
    """Show how far something is, on standard error, and only where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _stage, _fraction: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda stage, fraction: bar.update(task, description=stage, completed=fraction)


def table(*columns: str, numbers: frozenset[str] | set[str] = frozenset()) -> Table:
    """Return an empty table without frame; the columns in `numbers` lie to the right, and only the last one is ever wrapped."""
    empty = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        empty.add_column(name, justify="right" if name in numbers else "left", no_wrap=name != columns[-1])
    return empty


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
