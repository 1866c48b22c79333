"""The worker: `usdc-arb worker`."""

import asyncio

from app import log
from app.jobs.process import ChildOptions
from app.jobs.wire import ARCHIVE
from app.jobs.worker import WorkerOptions, serve, stop_on_signals
from app.main.database import archive
from app.main.servers import connected
from app.ops import hardware
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


async def _work(settings: Settings, plan: Plan) -> None:
    stop = stop_on_signals()
    async with connected(settings, pool_size=plan.pool_size) as servers:
        await serve(servers.sessions, servers.redis, options(settings, plan), stop=stop)
