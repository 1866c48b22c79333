"""Runs from the command line: on files alone, or in the box; what came of them is shown and saved."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from httpx2 import Client

from app import client
from app.cli import connection, output, result, specs
from app.errors import Conflict, NotFound
from app.services import folder as market_files
from engine import backtest

_PAGE = 100
_FILES = ("report.html", "summary.json", "manifest.json", "fills.parquet", "packages.parquet", "equity.parquet", "opportunities.parquet")
_LAST = "last"


def run_on_files(path: Path, folder: Path, *, out: Path | None, as_json: bool) -> None:
    """Run a spec on the files of a folder, in this process."""
    spec, _ = specs.read(path)
    with output.progress() as report:
        report("reading files", 0.0)
        bars = market_files.read_folder(folder, spec.series, spec.interval)
        found = backtest.run(spec, bars, on_progress=report)
        files = found.files()
    saved = save(files, out or _place(found.summary))
    _tell(None, found.summary, saved, as_json=as_json)


def run_in_box(path: Path, *, out: Path | None, data: Path | None, url: str | None, as_json: bool) -> None:
    """Submit a spec, follow it to its end, fetch what came out; Ctrl-C leaves the run alone."""
    _, text = specs.read(path)
    with connection.api(data, url) as http:
        run = submit(http, text)
        output.note(f"run {run['id']}")
        try:
            with output.progress() as report:
                run = client.done(client.follow(http, run["id"], on_progress=report))
        except KeyboardInterrupt:
            output.note(_goes_on(run["id"], f" --url {url}" if url else f" --data {data}" if data else ""))
            raise
        _show_done(http, run, out=out, as_json=as_json)


def submit(http: Client, toml: str) -> client.Form:
    """Queue the spec of a TOML text and return the run."""
    return client.choose(client.ask(http, "SubmitRun", spec={"toml": toml})["submitRun"], "Run")


def show_list(*, limit: int, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print the newest runs."""
    with connection.api(data, url) as http:
        runs, more = _newest(http, limit)
    if as_json:
        output.document({"runs": runs, "more": more})
        return
    rows = output.table("submitted", "run", "state", "excess", "name", numbers={"excess"})
    for run in runs:
        rows.add_row(run["createdAt"][:19].replace("T", " "), run["id"], _state(run), _excess(run["result"]), run["name"])
    output.show(rows if runs else "no runs yet: usdc-arb backtest run SPEC")
    if more:
        output.note(f"older runs are left out: --limit {limit * 5}")


def show_one(run_id: str, *, out: Path | None, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print where a run stands, and its result once it has one."""
    with connection.api(data, url) as http:
        run = _find(http, run_id)
        if run["state"] == "DONE":
            _show_done(http, run, out=out, as_json=as_json, save_by_default=False)
        elif as_json:
            output.document({"run": run, "summary": None, "files": {}})
        else:
            output.show(f"run {run['id']}: {_state(run)}", *([run["error"]["message"]] if run["error"] else []))


def cancel(run_id: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """Cancel a run."""
    with connection.api(data, url) as http:
        run_id = _find(http, run_id)["id"]
        run = client.choose(client.ask(http, "CancelRun", id=run_id)["cancelRun"], "Run")
    if as_json:
        output.document({"run": run})
    else:
        output.show(f"run {run['id']}: {'cancelled' if run['state'] == 'CANCELLED' else 'will stop within seconds'}")


def save(files: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """Write the files of a result into a folder, made where needed, and return their paths by name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Conflict(f"{folder} cannot be made, since there is a file of that name in its path; choose another folder with --out") from error
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {name: str(folder / name) for name in files}


def fetch(http: Client, run_id: str) -> tuple[client.Form, dict[str, bytes]]:
    """Return summary and files of a run that is done."""
    return client.summary(http, run_id), {name: client.download(http, run_id, name) for name in _FILES}


def _show_done(http: Client, run: client.Form, *, out: Path | None, as_json: bool, save_by_default: bool = True) -> None:
    if out or save_by_default:
        summary, files = fetch(http, run["id"])
        saved = save(files, out or _place(summary))
    else:
        summary, saved = client.summary(http, run["id"]), {}
    _tell(run, summary, saved, as_json=as_json)


def _tell(run: client.Form | None, summary: Mapping[str, Any], saved: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        output.document({"run": run, "summary": summary, "files": saved})
        return
    result.show(summary)
    if saved:
        output.show(f"Report: {saved['report.html']} (open it in a browser); ledger, equity and manifest lie beside it")
    elif run:
        output.show(f"Report, ledger, equity and manifest: usdc-arb backtest show {run['id']} --out DIR")


def _goes_on(run_id: str, options: str) -> str:
    show, stop = (f"usdc-arb backtest {verb} {run_id}{options}" for verb in ("show", "cancel"))
    return f"\nThe run goes on without you. To see it:\n  {show}\nTo stop it:\n  {stop}"


def _newest(http: Client, limit: int) -> tuple[list[client.Form], bool]:
    runs: list[client.Form] = []
    after, more = None, True
    while more and len(runs) < limit:
        page = client.ask(http, "Runs", first=min(_PAGE, limit - len(runs)), after=after)["runs"]
        runs += [edge["node"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return runs, more


def _find(http: Client, run_id: str) -> client.Form:
    if run_id != _LAST:
        return client.state(http, run_id)
    runs, _ = _newest(http, 1)
    if not runs:
        raise NotFound("there are no runs yet; submit one: usdc-arb backtest run SPEC")
    return client.state(http, runs[0]["id"])


def _place(summary: Mapping[str, Any]) -> Path:
    # The same manifest gives the same bytes, so a second run of it lands on the first.
    name = re.sub(r"[^a-z0-9]+", "-", summary["name"].lower()).strip("-")[:60] or "run"
    return Path("results") / f"{name}-{summary['manifest_hash'][:8]}"


def _state(run: client.Form) -> str:
    return f"{run['state'].lower()} {run['progress']:.0%}" if run["state"] == "RUNNING" else run["state"].lower()


def _excess(found: client.Form | None) -> str:
    return f"{found['excess']:+,.2f} {found['numeraire']}" if found else ""
