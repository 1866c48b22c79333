"""Files of a result come whole, by token, and once."""

import io
from uuid import UUID

import httpx2
import polars as pl
import pytest

from app.db.session import Sessions
from tests.app.api.asking import ask
from tests.app.api.rows import submit, weekend

TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet"}


async def test_each_file_that_a_result_names_comes_as_the_engine_wrote_it(client: httpx2.AsyncClient, done: UUID) -> None:
    result = (await ask(client, "RunResult", id=str(done)))["run"]["result"]
    assert len(result["files"]) == 10
    for file in result["files"]:
        response = await client.get(file["path"])
        assert response.status_code == 200
        assert response.content == weekend()[1].files()[file["name"]]
        assert response.headers["content-type"] == TYPES[file["name"].rsplit(".")[-1]]
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_notebook_reads_a_result_in_one_line(client: httpx2.AsyncClient, done: UUID) -> None:
    frame = pl.read_parquet(io.BytesIO((await client.get(f"/runs/{done}/files/fills.parquet")).content))
    assert frame.equals(weekend()[1].fills)


async def test_a_client_that_has_the_file_gets_no_second_copy(client: httpx2.AsyncClient, done: UUID) -> None:
    path = f"/runs/{done}/files/summary.json"
    tag = (await client.get(path)).headers["etag"]
    again = await client.get(path, headers={"If-None-Match": tag})
    other = await client.get(path, headers={"If-None-Match": '"another"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert other.status_code == 200


async def test_a_report_is_shown_as_a_page_that_can_reach_nothing(client: httpx2.AsyncClient, done: UUID) -> None:
    headers = (await client.get(f"/runs/{done}/files/report.html")).headers
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert headers["content-disposition"] == 'inline; filename="report.html"'


async def test_head_tells_the_size_without_the_file(client: httpx2.AsyncClient, done: UUID) -> None:
    response = await client.head(f"/runs/{done}/files/report.html")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) == len(weekend()[1].files()["report.html"])


@pytest.mark.parametrize("name", ["nothing.parquet", "..%2F..%2Fetc%2Fpasswd", "%00"])
async def test_a_file_that_is_not_there_is_answered_404(client: httpx2.AsyncClient, done: UUID, name: str) -> None:
    response = await client.get(f"/runs/{done}/files/{name}")
    assert response.status_code == 404


async def test_files_of_no_run_and_of_an_unfinished_run_are_refused_with_the_reason(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    queued = await client.get(f"/runs/{(await submit(sessions)).id}/files/report.html")
    nobody = await client.get("/runs/018f3c2e-0000-7000-8000-000000000000/files/report.html")
    nonsense = await client.get("/runs/nonsense/files/report.html")
    assert [r.status_code for r in (queued, nobody, nonsense)] == [409, 404, 404]
    assert [r.json()["errors"][0]["extensions"]["code"] for r in (queued, nobody, nonsense)] == ["CONFLICT", "NOT_FOUND", "NOT_FOUND"]


RANGES: list[tuple[str, int, str | None, slice]] = [
    ("bytes=0-3", 206, "bytes 0-3/{size}", slice(0, 4)),
    ("bytes=4-", 206, "bytes 4-{last}/{size}", slice(4, None)),
    ("bytes=-8", 206, "bytes {tail}-{last}/{size}", slice(-8, None)),
    ("bytes=-99999999", 206, "bytes 0-{last}/{size}", slice(None)),
    ("bytes=10-99999999", 206, "bytes 10-{last}/{size}", slice(10, None)),
    ("bytes=99999999-", 416, "bytes */{size}", slice(0, 0)),
    ("bytes=-0", 416, "bytes */{size}", slice(0, 0)),
    ("bytes=5-4", 200, None, slice(None)),
    ("bytes=-", 200, None, slice(None)),
    ("bytes=0-1,4-5", 200, None, slice(None)),
    ("lines=0-1", 200, None, slice(None)),
]


async def test_a_range_of_a_file_is_what_lies_there(client: httpx2.AsyncClient, done: UUID) -> None:
    whole = weekend()[1].files()["fills.parquet"]
    sizes = {"size": len(whole), "last": len(whole) - 1, "tail": len(whole) - 8}
    for asked, status, said, part in RANGES:
        response = await client.get(f"/runs/{done}/files/fills.parquet", headers={"Range": asked})
        assert (response.status_code, response.content) == (status, whole[part]), asked
        assert response.headers.get("content-range") == (said.format(**sizes) if said else None)
        assert response.headers["accept-ranges"] == "bytes"


async def test_a_range_of_another_version_is_answered_with_the_whole(client: httpx2.AsyncClient, done: UUID) -> None:
    path, whole = f"/runs/{done}/files/summary.json", weekend()[1].files()["summary.json"]
    tag = (await client.head(path)).headers["etag"]
    same, other = [await client.get(path, headers={"Range": "bytes=1-2", "If-Range": of}) for of in (tag, '"another"')]
    assert [(same.status_code, same.content), (other.status_code, other.content)] == [(206, whole[1:3]), (200, whole)]
