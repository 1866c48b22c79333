"""Sweeps of the box: list them, look at one, cancel one."""

import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from httpx2 import Client
from rich.table import Table

from app import client
from app.cli import connection, output, saved, sweep_result
from app.cli.newest import meant, newest

_BEST = 10


def show_list(*, limit: int, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print the newest sweeps."""
    with client.connect(*connection.api(data, url)) as http:
        sweeps, more = newest(http, "Sweeps", limit)
    if as_json:
        output.document({"sweeps": sweeps, "more": more})
        return
    rows = output.table("submitted", "sweep", "state", "trials", "name", numbers={"trials"})
    for sweep in sweeps:
        rows.add_row(sweep["createdAt"][:19].replace("T", " "), sweep["id"], state(sweep), f"{sweep['trials']:,}", sweep["name"])
    output.show(rows if sweeps else "no sweeps yet: usdc-arb sweep run SWEEP")
    if more:
        output.note(f"older sweeps are left out: --limit {limit * 5}")


def show_one(sweep_id: str, *, out: Path | None, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print where a sweep stands, its best trials so far, and its result once it has one."""
    with client.connect(*connection.api(data, url)) as http:
        sweep = client.sweep_state(http, meant(http, "Sweeps", sweep_id))
        if sweep["state"] == "DONE":
            show_done(http, sweep, out=out, as_json=as_json, save_by_default=False)
            return
        found = client.ask(http, "SweepRows", id=sweep["id"], first=_BEST)["sweep"]
        rows = client.choose(found["rows"], "SweepRows")
    if as_json:
        output.document({"sweep": sweep, "rows": rows["columns"], "summary": None, "files": {}})
        return
    output.show(f"sweep {sweep['id']}: {state(sweep)}", *([sweep["error"]["message"]] if sweep["error"] else []))
    if rows["points"]:
        output.show("", "The best trials so far:", _told(found))


def cancel(sweep_id: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """Cancel a sweep."""
    with client.connect(*connection.api(data, url)) as http:
        sweep = client.choose(client.ask(http, "CancelSweep", id=meant(http, "Sweeps", sweep_id))["cancelSweep"], "Sweep")
    if as_json:
        output.document({"sweep": sweep})
    else:
        output.show(f"sweep {sweep['id']}: {'cancelled' if sweep['state'] == 'CANCELLED' else 'will stop within seconds'}")


def show_done(http: Client, sweep: client.Form, *, out: Path | None, as_json: bool, save_by_default: bool) -> None:
    """Print the result of a sweep that is done; save it where a folder was given, or by default."""
    summary, files = client.summary(http, sweep["id"]), dict[str, str]()
    if out or save_by_default:
        with output.progress() as report:
            files = saved.save(dict(_fetched(http, sweep["id"], report)), out or saved.place(summary))
    trials = pl.read_parquet(io.BytesIO(client.download(http, sweep["id"], "trials.parquet")))
    sweep_result.tell(summary, trials, files, sweep=sweep, as_json=as_json)


def state(sweep: client.Form) -> str:
    """Return where a sweep stands, in a few words."""
    if sweep["state"] != "RUNNING":
        return str(sweep["state"]).lower()
    left = "" if sweep["etaS"] is None else f", about {sweep['etaS']:,.0f} s to go"
    return f"running, {sweep['trialsDone']:,} of {sweep['trials']:,} trials{left}"


def _fetched(http: Client, sweep_id: str, report: output.Report) -> Iterator[tuple[str, bytes]]:
    result = client.ask(http, "SweepFiles", id=sweep_id)["sweep"]["result"]
    names = [file["name"] for part in (result, *result["best"]) for file in part["files"]]
    for at, name in enumerate(names):
        report("fetching files", at / len(names))
        yield name, client.download(http, sweep_id, name)


def _told(found: client.Form) -> Table:
    names = dict.fromkeys(("rank", "trial", found["rankBy"], "after_trading_back", "packages", *found["parameters"]))
    columns = [found["rows"]["columns"][name] for name in names]
    shown = output.table(*names, numbers=set(names))
    for row in zip(*columns, strict=True):
        shown.add_row(*(f"{value:,.6g}" if isinstance(value, float) else "–" if value is None else str(value) for value in row))
    return shown
