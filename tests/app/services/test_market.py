"""What is stored is listed without counting it, and read for charts and for runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from app.db.session import Sessions
from app.errors import BadInput, NotFound
from app.services import market
from app.services.imports import import_files
from app.services.wanted import Reach
from app.sources.kinds import Kind
from engine.schema import BARS, SeriesKey, check_bars
from tests.app.services.stored import load
from tests.app.sources.files import row, write

START = datetime(2023, 3, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINUTE_US = 60_000_000
KEY = SeriesKey("kraken", "BTC/USDC")
COUNT = 1_000


def bars_of(*keys: SeriesKey, interval_us: int = MINUTE_US, start: datetime, end: datetime) -> dict[SeriesKey, Reach]:
    """Return what a run on bars reads."""
    return {key: Reach(Kind("bars", interval_us), start, end) for key in keys}


@pytest.fixture
async def stored(libpq_uri: str, tmp_path: Path) -> str:
    """Store a series whose prices rise by one a minute, in two files, and another of 5 minutes."""
    rows = [row(minute, f"{minute + 1},{minute + 1.5},{minute + 0.5},{minute + 1.25},{minute % 3}") for minute in range(COUNT)]
    await import_files(libpq_uri, [write(tmp_path, rows[400:])])
    await import_files(libpq_uri, [write(tmp_path, rows[:500])])
    await import_files(libpq_uri, [write(tmp_path, [row(0), row(5), row(10)], name="kraken_BTC-USDC_5m.csv")])
    await import_files(libpq_uri, [write(tmp_path, [row(0)], name="coinbase_BTC-USD_1m.csv")])
    return libpq_uri


async def chart(sessions: Sessions, max_points: int, *, start: datetime = START, end: datetime = START + COUNT * MINUTE) -> pl.DataFrame:
    """Return a chart's bars."""
    return await market.bars(sessions, venue=KEY.venue, instrument=KEY.instrument, interval_us=MINUTE_US, start=start, end=end, max_points=max_points)


@pytest.mark.usefixtures("stored")
async def test_venues_and_instruments_are_listed_with_what_is_stored(sessions: Sessions) -> None:
    assert await market.list_venues(sessions) == ["coinbase", "kraken"]
    found = await market.list_instruments(sessions)
    assert [(one.key, one.base, one.quote) for one in found] == [(SeriesKey("coinbase", "BTC/USD"), "BTC", "USD"), (KEY, "BTC", "USDC")]
    covers = [(cover.interval_us, cover.first, cover.last, cover.count) for cover in found[1].coverage]
    assert covers == [(MINUTE_US, START, START + (COUNT - 1) * MINUTE, COUNT), (5 * MINUTE_US, START, START + 10 * MINUTE, 3)]
    assert [one.key for one in await market.list_instruments(sessions, venue="coinbase")] == [SeriesKey("coinbase", "BTC/USD")]
    assert await market.list_instruments(sessions, venue="nowhere") == []


@pytest.mark.usefixtures("stored")
async def test_bars_that_are_few_enough_come_as_they_are(sessions: Sessions) -> None:
    frame = await chart(sessions, COUNT)
    assert frame.schema == BARS
    assert frame.height == COUNT
    check_bars(frame, key=KEY, interval_us=MINUTE_US)
    window = await chart(sessions, COUNT, start=START + 10 * MINUTE, end=START + 13 * MINUTE)
    assert window["open"].to_list() == [11.0, 12.0, 13.0]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("points", [1, 2, 7, 300, 999])
async def test_a_point_that_stands_for_several_bars_keeps_their_open_high_low_close_and_volume(sessions: Sessions, points: int) -> None:
    whole = await chart(sessions, COUNT)
    width = -(-COUNT // points)
    expected = whole.group_by_dynamic("ts", every=f"{width}m", offset="0m", start_by="datapoint").agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum()
    )
    found = await chart(sessions, points)
    assert found.height <= points
    assert found.equals(expected)


@pytest.mark.usefixtures("stored")
async def test_points_are_spread_over_what_there_is_not_over_what_was_asked_for(sessions: Sessions) -> None:
    assert (await chart(sessions, COUNT, start=START - timedelta(days=900), end=START + timedelta(days=900))).height == COUNT


@pytest.mark.usefixtures("stored")
async def test_a_chart_of_nothing_is_refused_with_what_there_is(sessions: Sessions) -> None:
    with pytest.raises(BadInput, match="expected a start before the end"):
        await chart(sessions, 5, end=START)
    with pytest.raises(BadInput, match="at least one point"):
        await chart(sessions, 0)
    with pytest.raises(
        NotFound, match="no bars of 1m from 2024-01-01 00:00 to 2025-01-01 00:00 UTC; stored are 1000 from 2023-03-08 00:00 to 2023-03-08 16:39"
    ):
        await chart(sessions, 5, start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2025, 1, 1, tzinfo=UTC))


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(("points", "minutes"), [(100, 60), (5, 240)])
async def test_bars_of_an_hour_that_are_not_stored_are_worked_out_from_finer_ones(sessions: Sessions, points: int, minutes: int) -> None:
    whole = await chart(sessions, COUNT)
    asked = {"venue": KEY.venue, "instrument": KEY.instrument, "interval_us": 60 * MINUTE_US, "max_points": points}
    found = await market.bars(sessions, **asked, start=START, end=START + timedelta(days=9))  # type: ignore[arg-type]
    expected = whole.group_by_dynamic("ts", every=f"{minutes}m").agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum()
    )
    assert found.equals(expected)
    assert found.schema == BARS
    with pytest.raises(NotFound, match="no bars of 15m are stored, only bars of 1m, bars of 5m"):
        await market.bars(sessions, **asked | {"interval_us": 15 * MINUTE_US}, start=START, end=START + timedelta(days=9))  # type: ignore[arg-type]
    window = await market.bars(sessions, **asked, start=START + timedelta(minutes=30), end=START + timedelta(minutes=130))  # type: ignore[arg-type]
    assert window["ts"].to_list() == [START + timedelta(hours=1), START + timedelta(hours=2)]


def test_a_run_gets_all_bars_of_its_window(stored: str) -> None:
    keys = [KEY, SeriesKey("coinbase", "BTC/USD")]
    found = load(stored, bars_of(*keys, start=START - timedelta(days=1), end=START + 600 * MINUTE))
    assert [frame.height for frame in found.values()] == [600, 1]
    for key, frame in found.items():
        check_bars(frame, key=key, interval_us=MINUTE_US)
    assert found[KEY]["close"][-1] == 600.25


@pytest.mark.parametrize(
    ("venue", "instrument", "interval_us", "said"),
    [
        ("krakn", "BTC/USDC", MINUTE_US, r"krakn BTC/USDC: not stored; did you mean kraken BTC/USDC\? stored are coinbase BTC/USD, kraken BTC/USDC"),
        ("x", "Y/Z", MINUTE_US, "x Y/Z: not stored; stored are coinbase BTC/USD, kraken BTC/USDC"),
        ("kraken", "BTC/USDC", 60 * MINUTE_US, "kraken BTC/USDC: no bars of 1h are stored, only bars of 1m, bars of 5m"),
        ("coinbase", "BTC/USD", MINUTE_US, "no bars of 1m from 2023-03-08 01:40 to 2023-03-08 16:40 UTC; stored are 1 from 2023-03-08 00:00"),
    ],
)
def test_what_a_run_needs_and_is_not_there_is_said_beside_what_is(stored: str, venue: str, instrument: str, interval_us: int, said: str) -> None:
    asked = bars_of(SeriesKey(venue, instrument), interval_us=interval_us, start=START + 100 * MINUTE, end=START + COUNT * MINUTE)
    with pytest.raises(NotFound, match=said):
        load(stored, asked)


def test_a_gap_that_is_asked_for_is_said(libpq_uri: str, tmp_path: Path, stored: str) -> None:
    assert stored == libpq_uri
    with pytest.raises(NotFound, match="kraken BTC/USDC: no bars of 5m from 2023-03-08 00:06 to 2023-03-08 00:10 UTC; stored are 3"):
        load(libpq_uri, bars_of(KEY, interval_us=5 * MINUTE_US, start=START + 6 * MINUTE, end=START + 10 * MINUTE))


def test_an_empty_database_says_so(libpq_uri: str) -> None:
    with pytest.raises(NotFound, match="not stored; nothing is: import files with usdc-arb data import"):
        load(libpq_uri, bars_of(KEY, start=START, end=START + MINUTE))
