"""Jobs of the box: list, look, cancel, queue again; its workers and shares."""

from pathlib import Path

from httpx2 import Client

from app import client
from app.cli import connection, output
from app.errors import BadInput, NotFound

_STATES = ("queued", "running", "done", "failed", "cancelled")


def show_list(*, limit: int, state: str | None, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print the newest jobs."""
    if state is not None and state.lower() not in _STATES:
        raise BadInput(f"--state: expected one of {', '.join(_STATES)}, found {state!r}")
    with client.connect(*connection.api(data, url)) as http:
        jobs = client.ask(http, "Jobs", first=limit, state=state and state.upper())["jobs"]
    if as_json:
        output.document({"jobs": jobs})
        return
    rows = output.table("submitted", "job", "kind", "state", "by", "name")
    for job in jobs:
        rows.add_row(_time(job["createdAt"]), job["id"], job["kind"].lower(), _state(job), job["createdBy"], job["name"])
    output.show(rows if jobs else "no jobs")


def show_one(job_id: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print all that the queue knows of a job."""
    with client.connect(*connection.api(data, url)) as http:
        job = _find(http, job_id)
    if as_json:
        output.document({"job": job})
        return
    rows = output.table("", "")
    for name, value in _told(job).items():
        if value is not None:
            rows.add_row(name, str(value))
    output.show(rows)
    if job["events"]:
        happened = output.table("at", "attempt", "what", "why", numbers={"attempt"})
        for event in job["events"]:
            happened.add_row(_time(event["at"]), str(event["attempt"]), event["event"].replace("_", " "), event["reason"])
        output.show("", happened)


def cancel(job_id: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """Cancel a run or a sweep."""
    with client.connect(*connection.api(data, url)) as http:
        kind = _find(http, job_id)["kind"]
        if kind == "PART":
            raise BadInput(f"{job_id} is a part of a sweep: cancel the sweep")
        name, wanted = ("CancelSweep", "Sweep") if kind == "SWEEP" else ("CancelRun", "Run")
        job = client.choose(client.ask(http, name, id=job_id)[f"cancel{wanted}"], wanted)
    _say(job, f"job {job_id}: {'cancelled' if job['state'] == 'CANCELLED' else 'will stop within seconds'}", as_json=as_json)


def retry(job_id: str, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """Queue a job again."""
    with client.connect(*connection.api(data, url)) as http:
        answer = client.ask(http, "Retry", id=job_id)["retry"]
        job = client.choose(answer, "Sweep" if answer["__typename"] == "Sweep" else "Run")
    _say(job, f"job {job_id}: queued again", as_json=as_json)


def show_queue(*, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print the queue, the workers, the shares."""
    with client.connect(*connection.api(data, url)) as http:
        queue = client.ask(http, "Queue")["queue"]
    if as_json:
        output.document({"queue": queue})
        return
    workers = output.table("worker", "busy", "memory", "", numbers={"busy", "memory"})
    for worker in queue["workers"]:
        state = "drains" if worker["draining"] else ""
        workers.add_row(worker["name"], f"{worker['busy']} of {worker['slots']}", f"{int(worker['childrenBytes']) >> 20:,} MiB", state)
    users = output.table("user", "queued", "running", "weight", "limits", numbers={"queued", "running", "weight"})
    for user in queue["users"]:
        share = user["share"]
        users.add_row(share["user"], f"{user['queued']:,}", f"{user['running']:,}", f"{share['weight']:g}", _limits(share))
    waits = f", the oldest for {queue['oldestS']:,.0f} s" if queue["queued"] else ""
    output.show(f"{queue['queued']:,} jobs wait{waits}", "", workers if queue["workers"] else "no worker is up", "", users)


def show_schedules(*, data: Path | None, url: str | None, as_json: bool) -> None:
    """Print the tasks of upkeep."""
    with client.connect(*connection.api(data, url)) as http:
        tasks = client.ask(http, "Schedules")["queue"]["schedules"]
    if as_json:
        output.document({"schedules": tasks})
        return
    rows = output.table("task", "due", "last", "missed", "how it went", numbers={"missed"})
    for task in tasks:
        last = _time(task["endedAt"]) if task["endedAt"] else ""
        went = task["error"] or ("well" if last else "")
        missed = f"{task['missed']} (last {_time(task['missedAt'])})" if task["missedAt"] else ""
        rows.add_row(task["name"], _time(task["dueAt"]), last, missed, went)
    output.show(rows if tasks else "no worker has made its tasks known yet")


def drain(worker: str, *, draining: bool, data: Path | None, url: str | None, as_json: bool) -> None:
    """Drain a worker, or let it take jobs again."""
    with client.connect(*connection.api(data, url)) as http:
        found = client.choose(client.ask(http, "DrainWorker", name=worker, draining=draining)["drainWorker"], "Worker")
    ends = f"takes nothing more from within seconds on; {found['busy']} jobs go on" if draining else "takes jobs again within seconds"
    _say(found, f"worker {worker}: {ends}", as_json=as_json)


def set_share(asked: client.Form, *, data: Path | None, url: str | None, as_json: bool) -> None:
    """Set a user's share."""
    with client.connect(*connection.api(data, url)) as http:
        share = client.choose(client.ask(http, "SetShare", **asked)["setShare"], "Share")
    _say(share, f"{share['user']}: weight {share['weight']:g}, {_limits(share) or 'limits as everybody'}", as_json=as_json)


def _find(http: Client, job_id: str) -> client.Form:
    job: client.Form | None = client.ask(http, "Job", id=job_id)["job"]
    if job is None:
        raise NotFound(f"there is no job {job_id}; `usdc-arb jobs list` shows which there are")
    return job


def _told(job: client.Form) -> dict[str, object]:
    error = job["error"]
    return {
        "job": f"{job['id']} ({job['kind'].lower()}, {job['name']})",
        "part of": job["parentId"],
        "state": f"{_state(job)}, {job['stage']}" if job["state"] == "RUNNING" and job["stage"] else _state(job),
        "open parts": job["openParts"] or None,
        "submitted": f"{_time(job['createdAt'])} by {job['createdBy']}, priority {job['priority'].lower()}",
        "deadline": job["deadlineAt"] and _time(job["deadlineAt"]),
        "started": job["startedAt"] and _time(job["startedAt"]),
        "ended": job["finishedAt"] and _time(job["finishedAt"]),
        "worker": job["worker"] and (f"{job['worker']}, until {_time(job['leaseUntil'])} if not heard of" if job["leaseUntil"] else job["worker"]),
        "attempt": f"{job['attempt']}, broken {job['crashes']} times" if job["attempt"] else None,
        "error": error and f"{error['code']}: {error['message']}",
    }


def _limits(share: client.Form) -> str:
    said = (("under way", share["maxRunning"]), ("waiting", share["maxQueued"]))
    return ", ".join(f"{most} {what}" for what, most in said if most is not None)


def _say(form: client.Form, sentence: str, *, as_json: bool) -> None:
    if as_json:
        output.document(form)
    else:
        output.show(sentence)


def _state(job: client.Form) -> str:
    return f"running {job['progress']:.0%}" if job["state"] == "RUNNING" else str(job["state"]).lower()


def _time(text: str) -> str:
    return text[:19].replace("T", " ")
