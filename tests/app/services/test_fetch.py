"""Fetching from an exchange on this machine: page by page, only what is missing, whatever the exchange does wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import polars as pl
import pytest

from app.errors import AppError, BadInput, NotFound, Unavailable
from app.services.fetch import Fetched, Request, fetch, missing
from app.services.wanted import Reach
from app.sources.exchange import Exchange
from app.sources.kinds import TRADES, Kind
from engine.schema import SeriesKey
from tests.app.services.stored import load

from .exchange_server import Market, served, utc

BARS = Kind("bars", 60_000_000)
START = utc("2024-03-01 00:00")
LATER = utc("2024-03-02 00:00")
MINUTES = 700


@pytest.fixture
def there() -> Market:
    """Return an exchange with bars of most minutes, and trades of several a microsecond."""
    begin = int(START.timestamp())
    bars = [(begin + 60 * minute, 100.0, 101.0, 99.0, 100.5, 1.0 + minute) for minute in range(2_000) if minute % 10 != 3]
    trades = [(begin + 0.001 * (number // 3), 100.0 + number % 7, 0.5, "buy" if number % 2 else "sell", number) for number in range(2_500)]
    return Market(now=LATER, bars=bars, trades=trades)


@pytest.fixture
def pauses() -> list[float]:
    """Return what was waited."""
    return []


@pytest.fixture
def get(libpq_uri: str, there: Market, pauses: list[float]) -> Iterator[Callable[..., Fetched]]:
    """Return what fetches from it."""
    with served(there) as url:

        def call(name: str = "coinbase", *, kind: Kind = BARS, minutes: int = MINUTES, start: datetime = START, **more: object) -> Fetched:
            exchange = Exchange(name, url=url, pause=pauses.append)
            exchange._client.rateLimit = 1
            end = more.pop("end", start + timedelta(minutes=minutes))
            return fetch(libpq_uri, exchange, Request(instrument="BTC/USD", kind=kind, start=start, end=end), **more)  # type: ignore[arg-type]

        yield call


def stored(libpq_uri: str, venue: str = "coinbase", kind: Kind = BARS) -> pl.DataFrame:
    """Return what is in the database."""
    key = SeriesKey(venue, "BTC/USD")
    return load(libpq_uri, {key: Reach(kind, START - timedelta(days=1), LATER + timedelta(days=1))})[key]


def times(there: Market, minutes: int) -> list[datetime]:
    """Return the open times of the exchange's bars."""
    return [one for bar in there.bars if (one := datetime.fromtimestamp(bar[0], tz=START.tzinfo)) < START + timedelta(minutes=minutes)]


def test_bars_are_fetched_page_by_page_and_not_again(libpq_uri: str, there: Market, get: Callable[..., Fetched]) -> None:
    found = get()
    assert (found.summaries[0].rows_new, found.not_offered, found.retries) == (630, [], 0)
    assert stored(libpq_uri)["ts"].to_list() == times(there, MINUTES)
    assert stored(libpq_uri).row(0)[1:] == (100, 101, 99, 100.5, 1)
    asked = len(there.asked)
    assert get().summaries == []
    assert len(there.asked) == asked
    assert get(minutes=MINUTES + 60).summaries[0].rows_new == 54
    assert stored(libpq_uri)["ts"].to_list() == times(there, MINUTES + 60)


def test_gaps_before_and_between_are_filled_on_the_next_call(libpq_uri: str, there: Market, get: Callable[..., Fetched]) -> None:
    get(start=START + timedelta(minutes=100), minutes=50)
    get(start=START + timedelta(minutes=300), minutes=50)
    found = get()
    assert [one.rows_new for one in found.summaries] == [90, 135, 315]
    assert stored(libpq_uri)["ts"].to_list() == times(there, MINUTES)


def test_a_bar_that_goes_on_by_the_exchanges_clock_is_left_for_the_next_call(libpq_uri: str, there: Market, get: Callable[..., Fetched]) -> None:
    there.now = START + timedelta(minutes=30, seconds=59)
    found = get(end=None)
    assert stored(libpq_uri)["ts"].to_list() == times(there, 30)
    assert abs(found.skew_us) > 86_400_000_000  # the machine's clock is years ahead
    there.now = START + timedelta(minutes=31)
    assert [one.rows_new for one in get(end=None).summaries] == [1]


@pytest.mark.parametrize(("fault", "waited"), [("429", [7.0]), ("503", [1.0]), ("cut", [1.0]), ("short", [1.0])])
def test_a_fault_is_waited_out_and_costs_nothing(
    libpq_uri: str, there: Market, get: Callable[..., Fetched], pauses: list[float], fault: str, waited: list[float]
) -> None:
    there.faults = ["", fault]
    found = get()
    assert (found.retries, pauses) == (1, waited)
    assert stored(libpq_uri)["ts"].to_list() == times(there, MINUTES)


def test_an_exchange_that_stays_away_is_said_and_the_next_call_goes_on(libpq_uri: str, there: Market, get: Callable[..., Fetched]) -> None:
    there.faults = ["", *["503"] * 6]
    with pytest.raises(Unavailable, match=r"did not answer as it should, 6 times: .*; the 270 rows before are stored: the same command goes on"):
        get()
    asked = len(there.asked)
    found = get()
    assert found.summaries[0].rows_new == 630 - 270
    assert "start=2024-03-01T05%3A00" in there.asked[asked], "not from the beginning"
    assert stored(libpq_uri)["ts"].to_list() == times(there, MINUTES)


def test_bars_that_an_exchange_gives_no_more_are_said_and_asked_for_again(libpq_uri: str, there: Market, get: Callable[..., Fetched]) -> None:
    there.now = START + timedelta(minutes=1_999)
    found = get("kraken", minutes=1_999)
    first = stored(libpq_uri, "kraken")["ts"][0]
    assert found.not_offered == [(1_709_251_200_000_000, round(first.timestamp() * 1e6))]
    assert stored(libpq_uri, "kraken")["ts"].to_list() == times(there, 1_999)[-719:]  # Kraken's 720th still goes on
    assert get("kraken", minutes=1_999).not_offered == found.not_offered


def test_trades_are_fetched_whole_though_pages_end_within_a_microsecond(libpq_uri: str, there: Market, get: Callable[..., Fetched]) -> None:
    get("kraken", kind=TRADES, start=START + timedelta(seconds=0.5), end=START + timedelta(seconds=0.6))
    found = get("kraken", kind=TRADES)
    assert sum(one.rows_new for one in found.summaries) == 2_500 - 300
    trades = stored(libpq_uri, "kraken", TRADES)
    assert trades["trade_id"].to_list() == list(range(2_500))
    assert trades["side"].to_list()[:2] == [-1, 1]
    assert get("kraken", kind=TRADES).summaries == []


@contextmanager
def refused(error: type[AppError], match: str) -> Iterator[None]:
    """Expect an error of ours."""
    with pytest.raises(error, match=match):
        yield


def test_what_cannot_be_fetched_is_said(libpq_uri: str, there: Market, get: Callable[..., Fetched]) -> None:
    with refused(NotFound, "expected an exchange that ccxt knows, found 'krakn'; did you mean 'kraken'"):
        get("krakn")
    with refused(BadInput, "expected a length of its bars, one of 1m, .*, found 7m"):
        get(kind=Kind("bars", 420_000_000))
    with refused(BadInput, "coinbase: ccxt gets trades from a time on of kraken, binance, binanceus alone"):
        get(kind=TRADES)
    with refused(BadInput, "expected a start before 2024-03-02 00:00:00 UTC, found 2024-03-03"):
        get(start=LATER + timedelta(days=1))
    there.trades = [(START.timestamp(), 100.0, 1.0, "buy", number) for number in range(1_001)]
    with refused(Unavailable, "1000 trades or more in the µs of 2024-03-01 00:00:00"):
        get("kraken", kind=TRADES)


@pytest.mark.parametrize(
    ("there", "left"),
    [([], [(0, 10)]), ([(0, 10)], []), ([(2, 4), (3, 5), (7, 20)], [(0, 2), (5, 7)]), ([(-5, 1), (9, 10)], [(1, 9)]), ([(20, 30)], [(0, 10)])],
)
def test_what_is_missing_of_a_stretch(there: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    assert list(missing((0, 10), there)) == left
