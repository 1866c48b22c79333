"""Rows of runs, made by the services that make them in earnest."""

from functools import cache

from app.db import models
from app.db.session import Sessions
from app.services import leases, runs
from engine.backtest import run as compute
from engine.config import Spec, parse_spec_toml
from engine.result import Result
from engine.synth import depeg_weekend


@cache
def weekend() -> tuple[Spec, Result]:
    """Return a spec and its result, computed once."""
    made = depeg_weekend(1)
    spec = parse_spec_toml(made.spec_toml)
    return spec, compute(spec, made.bars)


async def submit(sessions: Sessions, *, by: str = "tester") -> models.Run:
    return await runs.submit(sessions, spec=weekend()[0], submitted_by=by)


async def claim(sessions: Sessions, run: models.Run) -> leases.Claim:
    held = await leases.claim(sessions, worker="test", lease_s=60)
    assert held is not None
    assert held.run_id == run.id
    return held


async def finish(sessions: Sessions, run: models.Run) -> Result:
    """Have a run done, as a worker does it."""
    _, result = weekend()
    product = leases.Product(
        summary=result.summary, manifest=result.manifest, manifest_hash=str(result.summary["manifest_hash"]), files=result.files()
    )
    assert await leases.finish(sessions, await claim(sessions, run), product)
    return result
