"""The spread of two markets, worked out by the database."""

from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import polars as pl
import pytest

from app.services import imports
from engine.synth import depeg_weekend
from tests.app.api.asking import Form, ask
from tests.app.api.conftest import Counting

HEADER = "ts,open,high,low,close,volume"
MARKETS: Form = {"market": {"venue": "here", "instrument": "BTC/USD"}, "other": {"venue": "there", "instrument": "BTC/USDC"}}
RANGE: Form = {"interval": "1m", "start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z"}


async def stored(uri: str, folder: Path, venue: str, instrument: str, closes: dict[str, float]) -> None:
    rows = [f"2024-01-01T00:{minute}:00Z,{close},{close},{close},{close},1" for minute, close in closes.items()]
    path = folder / f"{venue}.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    await imports.import_files(uri, [path], venue=venue, instrument=instrument, interval="1m")


@pytest.fixture
async def two(libpq_uri: str, tmp_path: Path) -> None:
    await stored(libpq_uri, tmp_path, "here", "BTC/USD", {"00": 100.0, "01": 200.0, "03": 400.0, "04": 100.0})
    await stored(libpq_uri, tmp_path, "there", "BTC/USDC", {"01": 201.0, "02": 300.0, "03": 396.0, "04": 100.5, "05": 7.0})
    await stored(libpq_uri, tmp_path, "synthetic-eth", "ETH/USD", {"01": 1.0})


async def test_a_spread_is_how_much_dearer_the_other_is_where_both_have_a_bar(client: httpx2.AsyncClient, two: None, counting: Counting) -> None:
    with counting() as sent:
        found = (await ask(client, "Spread", **MARKETS, **RANGE))["spread"]
    columns = found["columns"]
    first = datetime.fromisoformat("2024-01-01T00:00:00Z")
    assert columns.pop("ts") == [(first + timedelta(minutes=m)).timestamp() * 1e3 for m in (1, 3, 4)]
    for column in columns.values():  # 201 / 200, 396 / 400, 100.5 / 100
        assert column == pytest.approx([50.0, -100.0, 50.0])
    assert (found["points"], found["synthetic"], found["interval"]) == (3, False, "1m")
    assert len(sent) == 2  # what there is, the spread


async def test_a_point_for_several_has_the_last_the_lowest_and_the_highest(client: httpx2.AsyncClient, two: None) -> None:
    found = (await ask(client, "Spread", **MARKETS, **RANGE, maxPoints=1))["spread"]
    assert {name: column[0] for name, column in found["columns"].items() if name != "ts"} == pytest.approx(
        {"last": 50.0, "low": -100.0, "high": 50.0}
    )


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"other": {"venue": "synthetic-eth", "instrument": "ETH/USD"}}, "BadInput", "one base"),
        ({"other": {"venue": "there", "instrument": "BTC"}}, "BadInput", "BASE/QUOTE"),
        ({"other": {"venue": "nowhere", "instrument": "BTC/USD"}}, "NotFound", "not stored"),
        ({"end": "2024-01-01T00:00:30Z"}, "NotFound", "no bars"),
        ({"end": "2023-01-01T00:00:00Z"}, "BadInput", "a start before the end"),
        ({"interval": "1h"}, "NotFound", "no bars of 1h"),
        ({"maxPoints": 0}, "BadInput", "maxPoints"),
    ],
)
async def test_a_spread_that_cannot_be_is_refused_with_the_reason(client: httpx2.AsyncClient, two: None, change: Form, kind: str, said: str) -> None:
    found = (await ask(client, "Spread", **{**MARKETS, **RANGE, **change}))["spread"]
    assert found["__typename"] == kind
    assert said in found["message"]


async def test_the_spread_of_a_synthetic_weekend_is_that_of_its_bars(client: httpx2.AsyncClient, libpq_uri: str, tmp_path: Path) -> None:
    bars = depeg_weekend(1).bars
    one, other = [(key, frame) for key, frame in bars.items() if key.base == "USDC"][:2]
    for key, frame in (one, other):
        path = tmp_path / f"{key.venue}.parquet"
        frame.write_parquet(path)
        await imports.import_files(libpq_uri, [path], venue=key.venue, instrument=key.instrument, interval="1m")
    asked = [{"venue": key.venue, "instrument": key.instrument} for key, _ in (one, other)]
    ends = {"start": one[1]["ts"][0].isoformat(), "end": (one[1]["ts"][-1] + timedelta(minutes=1)).isoformat()}
    found = (await ask(client, "Spread", market=asked[0], other=asked[1], interval="1m", **ends, maxPoints=100))["spread"]
    joined = one[1].join(other[1], on="ts", suffix="_other").select(1e4 * (pl.col("close_other") / pl.col("close") - 1)).to_series()
    assert found["synthetic"] is True
    assert 50 <= found["points"] <= 100
    assert (max(found["columns"]["high"]), min(found["columns"]["low"])) == pytest.approx((joined.max(), joined.min()))
    assert found["columns"]["last"][-1] == pytest.approx(joined[-1])
