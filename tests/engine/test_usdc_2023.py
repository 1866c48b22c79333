"""The days on which USDC began to lose its peg, as three venues recorded them: what it was worth, and prices that nobody paid.

What is expected is worked out from the files by plain arithmetic, beside the engine.
"""

import csv
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl
import pytest

from engine import bar_series, panel, quality
from engine.config import Spec, parse_spec
from engine.panel import Panel
from engine.schema import BARS, TIMESTAMP, SeriesKey, micros
from engine.series import room

MINUTE = 60_000_000
FIVE_MINUTES = 5 * MINUTE
END = micros(datetime(2023, 3, 11, tzinfo=UTC))
PEG = SeriesKey("kraken", "USDC/USD")
"""What USDC was worth: the only venue here that traded it for dollars."""

Closes = dict[int, float]
"""End of a minute [µs] → what the last trade in it paid; no entry where there was no trade."""


@pytest.fixture(scope="module")
def folder(market_data: Path) -> Path:
    found = market_data / "usdc-2023-03"
    if not found.is_dir():
        pytest.skip(f"no {found}")
    return found


def file(folder: Path, key: SeriesKey) -> Path:
    return folder / f"{key.venue}_{key.instrument.replace('/', '-')}_1m.csv"


def bars(folder: Path, key: SeriesKey) -> pl.DataFrame:
    columns = pl.read_csv(file(folder, key), schema_overrides=dict.fromkeys(list(BARS)[1:], pl.Float64))
    opened = pl.from_epoch("open_time_ms", time_unit="ms").dt.replace_time_zone("UTC").cast(TIMESTAMP)
    return columns.select(opened.alias("ts"), *list(BARS)[1:])


def closes(folder: Path, key: SeriesKey) -> Closes:
    with file(folder, key).open(newline="") as lines:
        return {int(row["open_time_ms"]) * 1_000 + MINUTE: float(row["close"]) for row in csv.DictReader(lines) if float(row["volume"]) > 0}


def last_hours(instruments: dict[str, str], *, hours: int = 3) -> Spec:
    """Return a run over the last hours of the data; instruments are named "venue BASE/QUOTE" with their use."""
    keys = {SeriesKey(*name.split(" ")): use for name, use in instruments.items()}
    venue = {"fee_bps": 10.0, "feed_latency": "0s", "order_latency": "0s", "balances": {"BTC": "1", "USD": "1", "USDC": "1"}}
    near = {"half_spread_bps": 0.5, "tick": "0.0001", "lot": "0.0001", "min_notional": "1"}
    return parse_spec(
        {
            "version": 2,
            "name": "USDC, March 2023",
            "start": f"2023-03-10T{24 - hours:02d}:00:00Z",
            "end": "2023-03-11T00:00:00Z",
            "interval": "1m",
            "strategy": {"kind": "spatial", "threshold_bps": 10.0},
            "venues": dict.fromkeys((key.venue for key in keys), venue),
            "instruments": [{"venue": key.venue, "name": key.instrument, "use": use, **near} for key, use in keys.items()],
        }
    )


def build(spec: Spec, folder: Path) -> Panel:
    return panel.build(spec, {key: bars(folder, key) for key in spec.series})


def as_of(prices: Closes, at: int) -> float:
    """Return the last price at or before a time, at most five minutes old."""
    return prices[max(end for end in prices if at - FIVE_MINUTES <= end <= at)]


def expected_gaps(folder: Path, venue: str, *, peg: bool) -> Closes:
    """Return how far BTC/USDC stood above BTC/USD at a venue [bps] in the minutes of the last two hours in which both traded."""
    dollars, coins, worth = (closes(folder, key) for key in (SeriesKey(venue, "BTC/USD"), SeriesKey(venue, "BTC/USDC"), PEG))
    both = [end for end in sorted(dollars) if end in coins and end > END - 120 * MINUTE]
    return {end: 1e4 * (coins[end] * (as_of(worth, end) if peg else 1.0) / dollars[end] - 1) for end in both}


def found_gaps(seen: Panel, venue: str, *, peg: bool) -> Closes:
    """Return the same by the engine's observations and marks."""
    dollars, coins = (seen.of(SeriesKey(venue, name)) for name in ("BTC/USD", "BTC/USDC"))
    both = np.intersect1d(dollars.event_us, coins.event_us)
    both = both[both > END - 120 * MINUTE]
    a, b = (series.prices(np.searchsorted(series.event_us, both)) for series in (coins, dollars))
    worth = seen.marks.at(both)["USDC"] if peg else np.ones(both.size)
    return dict(zip(both.tolist(), (1e4 * (a * worth / b - 1)).tolist(), strict=True))


INSTRUMENTS = {
    "kraken BTC/USD": "trade",
    "kraken BTC/USDC": "trade",
    "kraken USDC/USD": "convert",
    "binanceus BTC/USD": "trade",
    "binanceus BTC/USDC": "trade",
}


@pytest.mark.parametrize(
    ("venue", "minutes", "as_quoted", "marked"),
    [
        ("kraken", 105, 38, -9),  # what looks like edge is the price of USDC
        ("binanceus", 88, 0, -44),  # the price stood still, and was real edge for who held USDC there
    ],
)
def test_the_gap_between_dollars_and_usdc_as_quoted_and_with_usdc_at_its_mark(
    folder: Path, venue: str, minutes: int, as_quoted: int, marked: int
) -> None:
    seen = build(last_hours(INSTRUMENTS), folder)
    for peg, mean in ((False, as_quoted), (True, marked)):
        found, expected = found_gaps(seen, venue, peg=peg), expected_gaps(folder, venue, peg=peg)
        assert found == pytest.approx(expected, abs=1e-9)
        assert len(expected) == minutes
        assert round(fmean(expected.values())) == mean


def test_no_mark_of_the_last_two_hours_is_stale(folder: Path) -> None:
    seen = build(last_hours(INSTRUMENTS), folder)
    assert seen.marks.stale == {"BTC": 0, "USD": 0, "USDC": 0}


SPIKED = SeriesKey("binanceus", "USDC/USDT")
COINS = {"kraken USDC/USD": "mark", "kraken USDC/USDT": "mark", "kraken USDT/USD": "mark", "binanceus USDC/USDT": "mark"}


def spikes(folder: Path) -> list[int]:
    """Return the opening times of the traded minutes of 10 March in which a USDC went through 0.95 or 1.05 USDT."""
    with file(folder, SPIKED).open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if float(row["volume"]) > 0]
    far = [int(row["open_time_ms"]) * 1_000 for row in rows if float(row["high"]) > 1.05 or float(row["low"]) < 0.95]
    return [opened for opened in far if opened >= END - 24 * 60 * MINUTE]


def test_the_spikes_of_one_market_are_found_and_are_no_word_against_it_while_too_few_others_trade(folder: Path) -> None:
    spec = last_hours({"kraken BTC/USD": "trade", "binanceus BTC/USD": "trade", **COINS}, hours=24)
    seen = build(spec, folder)
    read = [bar_series.read(spec, i, bars(folder, i.key)) for i in spec.instruments if i.key.base == "USDC"]
    usdc = [bar_series.fill(spec, one, room(one.rows, one.bars, one.levels)) for one in read]
    wicks = quality.wicks(500.0, [quality.Bars(o.series, o.high, o.low) for o in usdc], seen.marks)
    found = {o.series.key: o.series.open_us[w.found].tolist() for o, w in zip(usdc, wicks, strict=True)}
    expected = spikes(folder)
    assert len(expected) == 2
    assert found == {SPIKED: expected, PEG: [], SeriesKey("kraken", "USDC/USDT"): []}
    # in neither minute did both others trade
    others = [closes(folder, key) for key in found if key != SPIKED]
    assert [sum(opened + MINUTE in other for other in others) for opened in expected] == [0, 1]
    assert [(row["wicks"], row["blocked"]) for row in seen.quality if row["instrument"] == "USDC/USDT"] == [(2, 0), (0, 0)]
