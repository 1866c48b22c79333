"""The worker: `usdc-arb worker`."""

import asyncio
from dataclasses import asdict, replace

from app import log
from app.db.models import Json
from app.db.session import Sessions, make_sessions
from app.jobs.chores import Chore
from app.jobs.process import ChildOptions
from app.jobs.wire import ARCHIVE
from app.jobs.worker import WorkerOptions, serve, stop_on_signals
from app.main.database import archive, lifecycle
from app.main.servers import connected
from app.ops import hardware
from app.services import quality, reviews, schedules, snapshot_removal, storage
from app.services.schedules import Cadence
from app.settings import Settings, load_settings
from infra.sizing import BOX, Plan


def work() -> None:
    """Compute queued runs until SIGTERM or SIGINT, then give back what is under way."""
    settings = load_settings()
    log.configure(level=settings.log_level, style=settings.log_format, secrets=settings.secrets)
    asyncio.run(_work(settings, hardware.planned(settings.usdc_arb_data, BOX)))


def options(settings: Settings, plan: Plan) -> WorkerOptions:
    """Return how the worker of this plan computes: so many runs at once, each in a child with its share of memory and threads."""
    environment = {ARCHIVE: archive(settings).text, **plan.run_environment}
    children = ChildOptions(environment=environment, threads=plan.threads_per_run, memory_bytes=plan.memory_per_run)
    return WorkerOptions(slots=plan.workers, children=children, most_running=settings.jobs_running_per_user or None)


def chores(settings: Settings, sessions: Sessions) -> dict[str, Chore]:
    """Return the tasks of upkeep that need no more than database and snapshots."""
    place = archive(settings)

    async def reviewed() -> Json:
        known = {task.name: task.report for task in await schedules.every(sessions)}
        return await reviews.performance(sessions, known.get("performance-review"))

    async def maintained() -> Json:
        engine, _ = make_sessions(settings.database_url, 1)
        try:
            return {"gone": await storage.maintain(engine, lifecycle(settings))}
        finally:
            await engine.dispose()

    async def validated() -> Json:
        return asdict(await asyncio.to_thread(quality.validate, place))

    async def collected() -> Json:
        return asdict(await asyncio.to_thread(snapshot_removal.collect, place))

    return {
        "data-validation": Chore(cadence=Cadence.DAILY, work=validated),
        "database-maintenance": Chore(cadence=Cadence.DAILY, work=maintained),
        "snapshot-collection": Chore(cadence=Cadence.DAILY, work=collected),
        "performance-review": Chore(cadence=Cadence.WEEKLY, work=reviewed),
        "access-review": Chore(cadence=Cadence.MONTHLY, work=lambda: reviews.access(sessions)),
    }


async def _work(settings: Settings, plan: Plan) -> None:
    stop = stop_on_signals()
    async with connected(settings, pool_size=plan.pool_size) as servers:
        chosen = replace(options(settings, plan), chores=chores(settings, servers.sessions))
        await serve(servers.sessions, servers.redis, chosen, stop=stop)
