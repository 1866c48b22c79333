"""What a finished run brought."""

import io
from uuid import UUID, uuid4

import polars as pl
import pytest

from app.db.session import Sessions
from app.errors import Conflict, NotFound
from app.services import leases, results
from app.services.leases import Product
from tests.app.jobs.stage import submit

FRAME = pl.DataFrame({"order": range(250), "price": [float(n) for n in range(250)]})


async def finished(sessions: Sessions) -> UUID:
    run_id = await submit(sessions, "a")
    claim = await leases.claim(sessions, worker="w", lease_s=60)
    assert claim is not None
    parquet = io.BytesIO()
    FRAME.write_parquet(parquet)
    files = {results.FILLS: parquet.getvalue(), "report.html": b"<html>"}
    assert await leases.finish(sessions, claim, Product(summary={"n": 1}, manifest={}, manifest_hash="ab", files=files))
    return run_id


async def test_fills_come_page_by_page_in_the_order_of_the_run(sessions: Sessions) -> None:
    run_id = await finished(sessions)
    pages = [await results.fills(sessions, run_id=run_id, offset=offset, limit=100) for offset in (0, 100, 200, 300)]
    assert [frame.height for frame, _ in pages] == [100, 100, 50, 0]
    assert {total for _, total in pages} == {250}
    assert pl.concat([frame for frame, _ in pages]).equals(FRAME)


async def test_files_and_summary_are_what_the_run_stored(sessions: Sessions) -> None:
    run_id = await finished(sessions)
    assert await results.file(sessions, run_id=run_id, name="report.html") == b"<html>"
    assert await results.file(sessions, run_id=run_id, name="report.html") == b"<html>"
    assert await results.summary(sessions, run_id) == {"n": 1}


async def test_a_file_that_is_not_there_is_named_beside_those_that_are(sessions: Sessions) -> None:
    run_id = await finished(sessions)
    with pytest.raises(NotFound, match=r"has no file 'fils\.parquet'; it has fills\.parquet, report\.html"):
        await results.file(sessions, run_id=run_id, name="fils.parquet")


async def test_a_run_without_a_result_says_what_it_waits_for(sessions: Sessions) -> None:
    run_id = await submit(sessions, "a")
    with pytest.raises(Conflict, match="is queued and has no result"):
        await results.summary(sessions, run_id)
    with pytest.raises(Conflict, match="is queued and has no files"):
        await results.file(sessions, run_id=run_id, name=results.FILLS)


async def test_an_unknown_run_has_no_result(sessions: Sessions) -> None:
    with pytest.raises(NotFound):
        await results.fills(sessions, run_id=uuid4(), offset=0, limit=1)


async def test_the_memory_for_files_is_bounded(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = await finished(sessions)
    results._cache.clear()
    monkeypatch.setattr(results, "_CACHE_BYTES", 30)
    await results.file(sessions, run_id=run_id, name="report.html")
    assert list(results._cache) == [(run_id, "report.html")]
    await results.file(sessions, run_id=run_id, name=results.FILLS)
    assert list(results._cache) == [(run_id, "report.html")]
    others = [await finished(sessions) for _ in range(6)]
    for other in others:
        await results.file(sessions, run_id=other, name="report.html")
    assert list(results._cache) == [(other, "report.html") for other in others[-5:]]
    results._cache.clear()
