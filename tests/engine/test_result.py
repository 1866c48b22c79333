"""The files of a result."""

import io
import json

import polars as pl
import pytest

from engine.manifest import digest
from engine.report import render
from engine.result import FILES, TABLES, Result
from tests.engine.digests import weekend


@pytest.fixture(scope="module")
def result() -> Result:
    return weekend()


def test_a_result_has_ten_files(result: Result) -> None:
    assert sorted(result.files()) == [
        "episodes.parquet",
        "equity.parquet",
        "fills.parquet",
        "manifest.json",
        "opportunities.parquet",
        "packages.parquet",
        "report.html",
        "spread.parquet",
        "summary.json",
        "transfers.parquet",
    ]
    assert sorted(result.files()) == sorted(FILES)


@pytest.mark.parametrize("name", TABLES)
def test_tables_come_back_from_parquet_as_they_were(result: Result, name: str) -> None:
    table: pl.DataFrame = getattr(result, name)
    assert (table.height > 0) == (name != "transfers")  # the weekend has none
    assert pl.read_parquet(io.BytesIO(result.files()[f"{name}.parquet"])).equals(table)


@pytest.mark.parametrize("name", ["summary", "manifest"])
def test_summary_and_manifest_are_json_with_sorted_keys(result: Result, name: str) -> None:
    text = result.files()[f"{name}.json"].decode()
    assert json.loads(text) == getattr(result, name)
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert text.endswith("}\n")
    # a number that is none is not JSON
    assert not {"NaN", "Infinity", "-Infinity"} & set(text.replace(",", " ").split())


def test_the_report_is_the_page_of_this_result(result: Result) -> None:
    page = render(result.summary, result.manifest, {name: getattr(result, name) for name in TABLES})
    assert result.files()["report.html"].decode() == page


def test_summary_and_report_name_the_manifest_that_they_come_from(result: Result) -> None:
    assert result.summary["manifest_hash"] == digest(result.manifest)
    assert digest(result.manifest) in result.files()["report.html"].decode()
    assert result.manifest["spec_sha256"] == result.spec.hash()
    assert result.manifest["quality"] == result.summary["quality"]
