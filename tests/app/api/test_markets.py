"""Market data by the named operations: what is stored, and bars as columns."""

from datetime import timedelta
from pathlib import Path

import httpx2
import polars as pl
import pytest
from sqlalchemy import text

from app.db.session import Sessions
from app.services import imports
from engine.schema import SeriesKey
from engine.synth import depeg_weekend
from tests.app.api.asking import Form, ask, post
from tests.app.api.conftest import Counting
from tests.app.sources.files import write
from tests.app.sources.test_pools import MINUTES as MINUTES_OF_POOLS
from tests.app.sources.test_pools import UNISWAP, minute

MINUTES = 600
ALPHA, GAMMA = SeriesKey("synthetic-alpha", "USDC/USD"), SeriesKey("synthetic-gamma", "BTC/USD")


@pytest.fixture
async def stored(libpq_uri: str, tmp_path: Path) -> dict[SeriesKey, pl.DataFrame]:
    """The first bars of two series, imported from files as users do it."""
    weekend = depeg_weekend(1)
    bars = {key: weekend.bars[key].head(MINUTES) for key in (ALPHA, GAMMA)}
    for key, frame in bars.items():
        path = tmp_path / f"{key.venue}.parquet"
        frame.write_parquet(path)
        await imports.import_files(libpq_uri, [path], venue=key.venue, instrument=key.instrument, interval="1m")
    return bars


def asked(key: SeriesKey, frame: pl.DataFrame, **more: object) -> Form:
    ends = {"start": frame["ts"][0].isoformat(), "end": (frame["ts"][-1] + timedelta(minutes=1)).isoformat()}
    return {"venue": key.venue, "instrument": key.instrument, "interval": "1m", **ends, **more}


async def test_venues_and_their_instruments_are_listed_by_name(client: httpx2.AsyncClient, stored: object) -> None:
    assert (await ask(client, "Venues"))["venues"] == [
        {"name": "synthetic-alpha", "synthetic": True, "instruments": [{"name": "USDC/USD"}]},
        {"name": "synthetic-gamma", "synthetic": True, "instruments": [{"name": "BTC/USD"}]},
    ]


async def test_instruments_tell_what_is_stored_of_them(client: httpx2.AsyncClient, stored: dict[SeriesKey, pl.DataFrame]) -> None:
    (found,) = (await ask(client, "Instruments", venue="synthetic-gamma"))["instruments"]
    frame = stored[GAMMA]
    ends = [frame["ts"][i].isoformat().replace("+00:00", "Z") for i in (0, -1)]
    assert found == {
        "venue": {"name": "synthetic-gamma", "synthetic": True},
        "name": "BTC/USD",
        "base": "BTC",
        "quote": "USD",
        "coverage": [{"data": "BARS", "interval": "1m", "first": ends[0], "last": ends[1], "rows": frame.height}],
    }
    assert len((await ask(client, "Instruments"))["instruments"]) == 2
    assert (await ask(client, "Instruments", venue="nowhere"))["instruments"] == []


async def test_instruments_tell_of_pools_and_funding(client: httpx2.AsyncClient, libpq_uri: str, tmp_path: Path) -> None:
    write(tmp_path, ["2024-08-08 00:00:05,1650.5,12,0,inf"], header="ts,price,liquidity,lower,upper", name="somepool_ETH-USDC.csv")
    write(tmp_path, [minute("2023-08-17 23:59:00")], header=MINUTES_OF_POOLS, name=UNISWAP)
    write(tmp_path, ["2024-08-08,0.0001"], header="ts,rate", name="binance-futures_BTC-USDT_funding.csv")
    await imports.import_files(libpq_uri, [tmp_path])
    query = "{ instruments { venue { name } coverage { data interval first rows quality { day } } } }"
    found = {one["venue"]["name"]: one["coverage"] for one in (await post(client, query))["data"]["instruments"]}
    expected = {
        "binance-futures": ("FUNDING", None, "2024-08-08T00:00:00Z"),
        "somepool": ("POOL", None, "2024-08-08T00:00:05Z"),
        "uniswap-v3-polygon-5bps": ("POOL_BARS", "1m", "2023-08-18T00:00:00Z"),
    }
    assert {venue: (one["data"], one["interval"], one["first"]) for venue, (one,) in found.items()} == expected


async def test_bars_come_as_columns_exactly_as_they_were_imported(client: httpx2.AsyncClient, stored: dict[SeriesKey, pl.DataFrame]) -> None:
    for key, frame in stored.items():
        found = (await ask(client, "Bars", **asked(key, frame, maxPoints=10_000)))["bars"]
        assert (found["__typename"], found["interval"], found["synthetic"], found["points"]) == ("BarSeries", "1m", True, frame.height)
        assert found["columns"].pop("ts") == frame["ts"].dt.epoch("ms").to_list()
        assert found["columns"] == frame.drop("ts").to_dict(as_series=False)


async def test_more_bars_than_points_are_thinned_and_lose_no_extreme(client: httpx2.AsyncClient, stored: dict[SeriesKey, pl.DataFrame]) -> None:
    frame = stored[ALPHA]
    found = (await ask(client, "Bars", **asked(ALPHA, frame, maxPoints=50)))["bars"]
    columns = found["columns"]
    assert 25 <= found["points"] <= 50
    assert {len(column) for column in columns.values()} == {found["points"]}
    assert (max(columns["high"]), min(columns["low"])) == (frame["high"].max(), frame["low"].min())
    assert (columns["open"][0], columns["close"][-1]) == (frame["open"][0], frame["close"][-1])
    assert sum(columns["volume"]) == pytest.approx(frame["volume"].sum())


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"venue": "nowhere"}, "NotFound", "nowhere USDC/USD: not stored"),
        ({"instrument": "BTC/USD"}, "NotFound", "not stored"),
        ({"interval": "7m"}, "NotFound", "no bars of 7m are stored, only bars of 1m"),
        ({"start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z"}, "NotFound", "no bars of 1m from 2030-01-01"),
        ({"start": "2030-01-01T00:00:00Z"}, "BadInput", "a start before the end"),
        ({"maxPoints": 0}, "BadInput", "maxPoints: expected 1 to 10000, found 0"),
        ({"maxPoints": 10_001}, "BadInput", "maxPoints: expected 1 to 10000, found 10001"),
    ],
)
async def test_bars_that_cannot_be_shown_are_refused_with_what_to_do(
    client: httpx2.AsyncClient, stored: dict[SeriesKey, pl.DataFrame], change: Form, kind: str, said: str
) -> None:
    found = (await ask(client, "Bars", **asked(ALPHA, stored[ALPHA]) | change))["bars"]
    assert found["__typename"] == kind
    assert said in found["message"]


async def test_numbers_that_are_missing_are_null(client: httpx2.AsyncClient, stored: dict[SeriesKey, pl.DataFrame], sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(text("UPDATE bars SET close = 'NaN'"))
    found = (await ask(client, "Bars", **asked(ALPHA, stored[ALPHA], maxPoints=10_000)))["bars"]
    assert set(found["columns"]["close"]) == {None}


async def test_nothing_stored_is_an_empty_list(client: httpx2.AsyncClient) -> None:
    assert await ask(client, "Venues") == {"venues": []}
    assert await ask(client, "Instruments") == {"instruments": []}


async def test_each_operation_on_market_data_sends_as_many_statements_as_it_needs(
    client: httpx2.AsyncClient, counting: Counting, stored: dict[SeriesKey, pl.DataFrame]
) -> None:
    expected: list[tuple[str, Form, int]] = [
        ("Venues", {}, 2),  # the venues, the instruments of all of them
        ("Instruments", {}, 1),
        ("Bars", asked(ALPHA, stored[ALPHA]), 2),  # what there is, the bars
    ]
    for name, variables, count in expected:
        with counting() as sent:
            await ask(client, name, **variables)
        assert len(sent) == count, (name, sent)


async def test_instruments_lead_back_to_their_venue_without_a_statement_each(client: httpx2.AsyncClient, counting: Counting, stored: object) -> None:
    with counting() as sent:
        answer = await post(client, "{ venues { instruments { venue { instruments { name venue { name } } } } } }")
    assert len(answer["data"]["venues"]) == 2
    assert len(sent) == 2
