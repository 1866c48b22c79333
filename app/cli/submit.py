"""A backtest in the box: submitted, followed to its end, fetched."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote

from app import client
from app.cli import connection, output, runs, specs
from app.errors import BadInput, Unavailable
from engine.units import parse_duration

_PRIORITIES = ("high", "normal", "low")


def wish(priority: str, within: str | None) -> client.Form:
    """Return how soon something is wanted, as the API takes it; BadInput says what was expected."""
    if priority.lower() not in _PRIORITIES:
        raise BadInput(f"--priority: expected high, normal or low, found {priority!r}")
    try:
        left = None if within is None else timedelta(microseconds=parse_duration(within))
    except ValueError as error:
        raise BadInput(f"--within: {error}") from None
    return {"priority": priority.upper(), "deadline": None if left is None else (datetime.now(UTC) + left).isoformat()}


def run(path: Path, wanted: client.Form, *, out: Path | None, data: Path | None, url: str | None, as_json: bool) -> None:
    """Run a spec in the box, show what came out and save it; Ctrl-C leaves the run alone."""
    _, text = specs.read(path)
    address, token = _api(data, url)
    with client.connect(address, token) as http:
        submitted = client.submit(http, text, wanted)["id"]
        output.note(f"run {submitted}")
        try:
            with output.progress() as report:
                run = client.done(client.follow(http, submitted, on_progress=report))
        except KeyboardInterrupt:
            output.note(_goes_on(submitted, f" --url {url}" if url else f" --data {quote(str(data))}" if data else ""))
            raise
        runs.show_done(http, run, out=out, as_json=as_json, save_by_default=True)


def _api(data: Path | None, url: str | None) -> tuple[str, str]:
    try:
        return connection.api(data, url)
    except Unavailable as error:
        raise Unavailable(f"{error}, or run without any server on the files of a folder: --files DIR") from None


def _goes_on(run_id: str, options: str) -> str:
    show, stop = (f"usdc-arb backtest {verb} {run_id}{options}" for verb in ("show", "cancel"))
    return f"\nThe run goes on without you. To see it:\n  {show}\nTo stop it:\n  {stop}"
