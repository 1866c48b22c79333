"""A sweep in the box: submitted, followed to its end, fetched."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import typer
from httpx2 import Client
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from app import client
from app.cli import connection, output, sweep_file, sweeps
from app.errors import BadInput, Unavailable
from engine.sweep import Sweep

Tell = Callable[[client.Form, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a sweep is run in the box."""

    wish: client.Form
    out: Path | None
    yes: bool
    data: Path | None
    url: str | None
    as_json: bool


def run(path: Path, how: How, *, local: bool) -> None:
    """Run a sweep in the box, show what came out and save it; Ctrl-C leaves the sweep alone. `local`: options were given that need --files."""
    if local:
        raise BadInput("--resume and --threads belong to --files: the box resumes by itself, and knows how many cores it may use")
    sweep = sweep_file.read(path)
    with client.connect(*_api(how)) as http:
        submitted = _submitted(http, sweep, how)
        output.note(f"sweep {submitted}")
        try:
            with _progress() as tell:
                found = client.done(client.follow_sweep(http, submitted, on_progress=tell), named="sweep")
        except KeyboardInterrupt:
            output.note(_goes_on(submitted, how))
            raise
        sweeps.show_done(http, found, out=how.out, as_json=how.as_json, save_by_default=True)


def _submitted(http: Client, sweep: Sweep, how: How) -> str:
    # asks where the box finds that it is much
    answer = client.queue(http, "SubmitSweep", sweep={"document": sweep.canonical()}, wish=how.wish, large=how.yes)["submitSweep"]
    if answer["__typename"] == "TooLarge":
        size = answer["message"].partition(": submit it")[0]
        if not sys.stdin.isatty():
            raise BadInput(f"{size}: expected somebody to ask whether that is meant, found no terminal; add --yes to run it, or take fewer trials")
        typer.confirm(f"{size}. Run it?", err=True, abort=True)
        answer = client.queue(http, "SubmitSweep", sweep={"document": sweep.canonical()}, wish=how.wish, large=True)["submitSweep"]
    return str(client.choose(answer, "Sweep")["id"])


@contextmanager
def _progress() -> Iterator[Tell]:
    if not sys.stderr.isatty():
        yield lambda _sweep, _stage: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, said="")
        yield lambda sweep, stage: bar.update(task, description=stage, completed=sweep["progress"], said=sweeps.state(sweep))


def _api(how: How) -> tuple[str, str]:
    try:
        return connection.api(how.data, how.url)
    except Unavailable as error:
        raise Unavailable(f"{error}, or run without any server on the files of a folder: --files DIR") from None


def _goes_on(sweep_id: str, how: How) -> str:
    options = f" --url {how.url}" if how.url else f" --data {quote(str(how.data))}" if how.data else ""
    show, stop = (f"usdc-arb sweep {verb} {sweep_id}{options}" for verb in ("show", "cancel"))
    return f"\nThe sweep goes on without you. To see it:\n  {show}\nTo stop it:\n  {stop}"
