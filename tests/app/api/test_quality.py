"""How good days are, by the named operation and at a scrape."""

from pathlib import Path

import httpx2
import pytest

from app.db.objects import Place
from app.services.imports import import_files
from app.services.quality import validate
from app.services.snapshots import Archive
from tests.app.api.asking import ask, post
from tests.app.api.conftest import Counting
from tests.app.sources.files import row, write


@pytest.fixture
async def archive(libpq_uri: str, tmp_path: Path) -> Archive:
    """Return an archive with a whole day of two venues, and the morning of the next of one."""
    for name, minutes in (("alfa_BTC-USDC_1m.csv", 1440 + 720), ("bravo_BTC-USDC_1m.csv", 1440)):
        await import_files(libpq_uri, [write(tmp_path, [row(minute, "2,2,2,2,1") for minute in range(minutes)], name=name)])
    return Archive(libpq_uri=libpq_uri, read_uri=libpq_uri, place=Place(url=str(tmp_path / "snapshots")))


async def test_the_days_of_a_series_tell_what_was_found(client: httpx2.AsyncClient, counting: Counting, archive: Archive) -> None:
    (alfa, bravo) = (await ask(client, "DataQuality"))["instruments"]
    assert [(day["day"], day["current"], day["grade"], day["rows"], day["counts"]) for day in alfa["coverage"][0]["quality"]] == [
        ("2023-03-08", False, None, None, {}), ("2023-03-09", False, None, None, {}),
    ]  # fmt: skip
    validate(archive)
    with counting() as sent:
        (alfa, bravo) = (await ask(client, "DataQuality"))["instruments"]
    assert len(sent) == 2, "the instruments, the days of all of them"
    assert [(day["day"], day["grade"], day["rows"], day["covered"], day["findings"]) for day in alfa["coverage"][0]["quality"]] == [
        ("2023-03-08", "GOOD", 1440, 1.0, []), ("2023-03-09", "GOOD", 720, 0.5, []),
    ]  # fmt: skip
    (day,) = bravo["coverage"][0]["quality"]
    assert (bravo["venue"]["name"], day["current"], day["counts"]["apart_bps"]) == ("bravo", True, 0)
    assert day["checkedAt"].endswith("Z")
    (alfa,) = (await ask(client, "DataQuality", venue="alfa", first="2023-03-09", last="2023-03-09"))["instruments"]
    assert [day["day"] for day in alfa["coverage"][0]["quality"]] == ["2023-03-09"]


async def test_a_fault_comes_with_what_to_do(client: httpx2.AsyncClient, archive: Archive, libpq_uri: str, tmp_path: Path) -> None:
    await import_files(libpq_uri, [write(tmp_path, [row(minute, "3,3,3,3,1") for minute in range(1440)], name="charlie_BTC-USDC_1m.csv")])
    validate(archive)
    (charlie,) = (await ask(client, "DataQuality", venue="charlie"))["instruments"]
    (finding,) = charlie["coverage"][0]["quality"][0]["findings"]
    assert (finding["check"], finding["grade"]) == ("outliers", "BAD")
    assert finding["advice"].startswith("compare with another source of charlie BTC/USDC")


@pytest.mark.parametrize(("first", "last"), [("2023-03-09", "2023-03-08"), ("2022-03-07", "2023-03-08")])
async def test_more_days_than_may_be_asked_for_at_once_are_refused(client: httpx2.AsyncClient, archive: Archive, first: str, last: str) -> None:
    query = "query($first: Date, $last: Date) { instruments { coverage { quality(first: $first, last: $last) { day } } } }"
    answer = await post(client, query, variables={"first": first, "last": last})
    assert answer["errors"][0]["extensions"] == {"code": "BAD_INPUT"}
    assert f"expected 1 to 366 days, found {first} to {last}" in answer["errors"][0]["message"]


async def test_a_scrape_counts_the_days_by_grade(stranger: httpx2.AsyncClient, archive: Archive) -> None:
    async def days() -> dict[str, float]:
        lines = [line for line in (await stranger.get("/metrics")).text.splitlines() if line.startswith("usdc_arb_data_days{")]
        return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines}

    assert await days() == {"good": 0, "doubtful": 0, "bad": 0, "unchecked": 3}
    validate(archive)
    assert await days() == {"good": 3, "doubtful": 0, "bad": 0, "unchecked": 0}
