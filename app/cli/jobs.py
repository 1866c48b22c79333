"""`jobs`: what waits and what runs, as an operator sees it."""

from typing import Annotated

import typer

from app.cli.options import Data, Json, Url, example, group

app = group("Jobs: what waits and runs, retries, workers, shares.")

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The identifier of a run, a sweep or a part.", show_default=False)]


@app.command("list", epilog=example("usdc-arb jobs list", "usdc-arb jobs list --state failed --json"))
def list_(
    limit: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Most jobs to list.")] = 20,
    state: Annotated[str | None, typer.Option(metavar="STATE", help="Only queued, running, done, failed or cancelled ones.")] = None,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List jobs of all kinds, newest first: runs, sweeps and their parts."""
    from app.cli import job_board

    job_board.show_list(limit=limit, state=state, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb jobs show 01a22e71-7962-7183-b27a-1ebb38619a75"))
def show(job: JobId, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Show a job: where it stands, who has it, and what happened to it, with the reasons."""
    from app.cli import job_board

    job_board.show_one(job, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb jobs cancel 01a22e71-7962-7183-b27a-1ebb38619a75"))
def cancel(job: JobId, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Cancel a run or a sweep: at once where it waits, within seconds where workers compute it."""
    from app.cli import job_board

    job_board.cancel(job, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb jobs retry 01a22e71-7962-7183-b27a-1ebb38619a75"))
def retry(job: JobId, data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Queue a run or a sweep again that failed or was cancelled; a sweep goes on with the rows that it has."""
    from app.cli import job_board

    job_board.retry(job, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb jobs queue", "usdc-arb jobs queue --json"))
def queue(data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Show how much waits and for how long, which workers are up, and whose share is what."""
    from app.cli import job_board

    job_board.show_queue(data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb jobs schedules", "usdc-arb jobs schedules --json"))
def schedules(data: Data = None, url: Url = None, as_json: Json = False) -> None:
    """Show the tasks of upkeep: when each is due, how it went, and which times were missed; --json has what each found."""
    from app.cli import job_board

    job_board.show_schedules(data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb jobs drain box:4711:9f2c", "usdc-arb jobs drain box:4711:9f2c --resume"))
def drain(
    worker: Annotated[str, typer.Argument(metavar="WORKER", help="A worker's name, as `usdc-arb jobs queue` shows it.", show_default=False)],
    resume: Annotated[bool, typer.Option("--resume", help="Let it take jobs again.")] = False,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Have a worker end what it has and take nothing more, before its machine is stopped."""
    from app.cli import job_board

    job_board.drain(worker, draining=not resume, data=data, url=url, as_json=as_json)


@app.command(epilog=example("usdc-arb jobs share ada --weight 2 --max-running 4"))
def share(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose share.", show_default=False)],
    *,
    weight: Annotated[float, typer.Option("--weight", metavar="W", help="How many turns where another of weight 1 gets one.")] = 1.0,
    max_running: Annotated[int | None, typer.Option("--max-running", min=0, metavar="N", help="Jobs under way [as everybody's].")] = None,
    max_queued: Annotated[int | None, typer.Option("--max-queued", min=0, metavar="N", help="Jobs that wait [as everybody's].")] = None,
    data: Data = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Set a user's share of the workers; what is not given goes back to what everybody has."""
    from app.cli import job_board

    asked = {"user": user, "weight": weight, "maxRunning": max_running, "maxQueued": max_queued}
    job_board.set_share(asked, data=data, url=url, as_json=as_json)
