"""Runs of the box: list them, look at one, cancel one."""

from pathlib import Path

from httpx2 import Client

from app import client
from app.cli import connection, output
from app.cli.newest import meant, newest


def show_list(*, limit: int, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print the newest runs."""
    with client.connect(*connection.api(data, url)) as http:
        runs, more = newest(http, "Runs", limit)
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
    with client.connect(*connection.api(data, url)) as http:
        run = client.state(http, meant(http, "Runs", run_id))
        if run["state"] == "DONE":
            show_done(http, run, out=out, as_json=as_json, save_by_default=False)
        elif as_json:
            output.document({"run": run, "summary": None, "files": {}})
        else:
            output.show(f"run {run['id']}: {_state(run)}", *([run["error"]["message"]] if run["error"] else []))


def cancel(run_id: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """Cancel a run."""
    with client.connect(*connection.api(data, url)) as http:
        run_id = meant(http, "Runs", run_id)
        run = client.choose(client.ask(http, "CancelRun", id=run_id)["cancelRun"], "Run")
    if as_json:
        output.document({"run": run})
    else:
        output.show(f"run {run['id']}: {'cancelled' if run['state'] == 'CANCELLED' else 'will stop within seconds'}")


def show_done(http: Client, run: client.Form, *, out: Path | None, as_json: bool, save_by_default: bool) -> None:
    """Print the result of a run that is done; save it where a folder was given, or by default."""
    from app.cli import saved  # brings the engine with it, which the other commands do not need

    files: dict[str, str] = {}
    if out or save_by_default:
        summary, contents = fetch(http, run["id"])
        files = saved.save(contents, out or saved.place(summary))
    else:
        summary = client.summary(http, run["id"])
    saved.tell(summary, files, run=run, as_json=as_json)


def fetch(http: Client, run_id: str) -> tuple[client.Form, dict[str, bytes]]:
    """Return summary and files of a run that is done."""
    return client.summary(http, run_id), {name: client.download(http, run_id, name) for name in client.files(http, run_id)}


def _state(run: client.Form) -> str:
    return f"{run['state'].lower()} {run['progress']:.0%}" if run["state"] == "RUNNING" else run["state"].lower()


def _excess(found: client.Form | None) -> str:
    return f"{found['excess']:+,.2f} {found['numeraire']}" if found else ""
