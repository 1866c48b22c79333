"""Bars as observations: when each is known, what it offers, and what an outage takes away."""

from datetime import UTC

import polars as pl
import pytest

from engine.config import MARK_MAX_AGE_US
from engine.errors import DataError
from engine.observations import window
from engine.schema import SeriesKey, micros
from engine.series import Series
from tests.engine.small import START, Bar, alone, bars, small
from tests.strategies import MINUTE, World

ALFA, BRAVO = SeriesKey("alfa", "BTC/USD"), SeriesKey("bravo", "BTC/USD")


def world(bravo: pl.DataFrame, **changes: object) -> World:
    return small({"alfa BTC/USD": bars(), "bravo BTC/USD": bravo}, **changes)  # type: ignore[arg-type]


def read(market: World) -> Series:
    """Return what becomes of bravo's bars."""
    return alone(market.spec, market.spec.instruments[1], market.data[BRAVO]).series


def refused(market: World) -> str:
    with pytest.raises(DataError) as error:
        read(market)
    return str(error.value)


def test_a_series_holds_the_bars_with_volume_of_the_window_and_when_each_is_known() -> None:
    # six minutes: bars that end from five minutes before the start to the end; bars begin two minutes before; 3 is missing, 4 is silent
    found = read(world(bars({3: None, 4: Bar(100.0, volume=0.0)}), venues={"alfa": {"feed_latency": "5s"}, "bravo": {"feed_latency": "1s"}}))
    opens = [START + n * MINUTE for n in (-2, -1, 0, 1, 2, 5)]
    assert found.open_us.tolist() == opens
    assert found.event_us.tolist() == [at + MINUTE for at in opens]
    # the largest feed latency of the run's venues holds for all
    assert found.available_us.tolist() == [at + MINUTE + 5_000_000 for at in opens]


def test_the_window_reaches_from_five_minutes_before_the_start_to_the_end() -> None:
    market = world(bars(first=-30, last=30))
    kept = window(market.spec, market.spec.instruments[1], market.data[BRAVO])["ts"]
    # a bar is read by its end: that of -6 ends at -5 min, that of 5 at the end, minute 6
    assert (kept[0] - market.spec.start.astimezone(UTC)).total_seconds() == -6 * 60
    assert micros(kept[0]) + MINUTE == START - MARK_MAX_AGE_US
    assert micros(kept[-1]) + MINUTE == micros(market.spec.end)
    assert len(kept) == 12


def test_a_bar_offers_its_close_less_half_a_spread_and_our_share_of_its_volume_on_both_sides() -> None:
    found = read(world(bars({0: Bar(200.0, volume=3.0)}), instruments={"bravo BTC/USD": {"half_spread_bps": 10.0}}, execution={"volume_share": 0.5}))
    assert (found.bid[2, 0], found.ask[2, 0]) == (199.8, pytest.approx(200.2, rel=1e-15))
    assert found.close[2] == 200.0
    assert found.bid.shape == found.ask.shape == found.bid_size.shape == found.ask_size.shape == (8, 1)
    assert found.bid_size[2, 0] == found.ask_size[2, 0] == found.volume_cap[2] == 150_000_000


def test_an_order_fills_at_the_open_or_at_the_worst_price_of_the_bar() -> None:
    bar = {0: Bar(100.0, open=101.0, high=102.004, low=99.006)}
    spread = {"bravo BTC/USD": {"half_spread_bps": 100.0}}
    at_open, at_worst = (read(world(bars(bar), instruments=spread, execution={"fill_price": price})) for price in ("open", "worst"))
    assert (at_open.fill_bid[2], at_open.fill_ask[2]) == (pytest.approx(99.99), pytest.approx(102.01))
    assert (at_worst.fill_bid[2], at_worst.fill_ask[2]) == (pytest.approx(99.0), pytest.approx(102.01))


def test_a_bar_whose_bid_rounds_to_nothing_offers_nothing_and_still_has_a_price() -> None:
    found = read(world(bars({0: Bar(0.004)})))
    assert str(found.bid[2, 0]) == str(found.ask[2, 0]) == "nan"
    assert (found.good[2], found.close[2]) == (True, 0.004)


def test_our_share_of_a_volume_is_rounded_down_to_atoms() -> None:
    # 31 atoms × 0.1 = 3.1
    assert read(world(bars({0: Bar(100.0, volume=0.00000031)}), execution={"volume_share": 0.1})).volume_cap.tolist()[:4] == [10**8, 10**8, 3, 10**8]


def test_our_share_is_taken_before_atoms_are_counted() -> None:
    # 0.1 × 21.95 is 2.1949999999999998; 0.1 × 2,195,000,000 would be 219,500,000
    assert read(world(bars({0: Bar(100.0, volume=21.95)}), execution={"volume_share": 0.1})).volume_cap.tolist()[2] == 219_499_999


@pytest.mark.parametrize(
    ("start", "end", "latency", "flagged", "blocked"),
    [
        # bar n is [n, n + 1) minutes, ends at n + 1 and is known a latency later
        ("01:02:00", "01:03:00", "0s", [1, 2], [2]),  # 1 ends, and is known, as it begins; 2 lies in it, and is known after it
        ("01:02:00", "01:03:00", "10s", [1, 2], [2]),
        ("01:02:00", "01:02:05", "10s", [1, 2], [2]),  # 1 is known when it is over, but ended in it
        ("01:02:30", "01:02:40", "0s", [2], [2]),
        ("01:02:05", "01:02:40", "10s", [1, 2], [2]),  # 1 is known in it, and what filled in it stays filled
        ("01:01:59", "01:02:00", "0s", [1], [1]),
    ],
)
def test_an_outage_takes_away_bars_that_overlap_it_end_in_it_or_become_known_in_it(
    start: str, end: str, latency: str, flagged: list[int], blocked: list[int]
) -> None:
    outage = {"start": f"2024-01-01T{start}Z", "end": f"2024-01-01T{end}Z"}
    found = read(world(bars(), venues={"alfa": {"feed_latency": latency}, "bravo": {"outages": [outage]}}))
    minutes = [(int(us) - START) // MINUTE for us in found.open_us]
    assert [n for n, good in zip(minutes, found.good, strict=True) if not good] == flagged
    assert [n for n, stops in zip(minutes, found.blocked, strict=True) if stops] == blocked
    assert [n for n, bid in zip(minutes, found.bid[:, 0].tolist(), strict=True) if str(bid) == "nan"] == flagged


def test_a_series_without_volume_in_the_window_is_refused_with_what_it_has() -> None:
    silent = bars(dict.fromkeys(range(-2, 10), Bar(100.0, volume=0.0)))
    message = refused(world(silent))
    assert message.startswith(
        "bravo BTC/USD: expected bars with volume between 2024-01-01 01:00:00+00:00 and 2024-01-01 01:06:00+00:00, found none; "
    )
    assert message.endswith(
        "it has 12 rows from 2024-01-01 00:58:00+00:00 to 2024-01-01 01:09:00+00:00, outages of the venue apart: "
        "choose start and end within that, or add data"
    )
    assert refused(world(silent.clear())).endswith("found none; the series is empty: add data")


def test_a_series_that_is_all_outage_is_refused() -> None:
    gone = {"outages": [{"start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z"}]}
    assert "expected bars with volume" in refused(world(bars(), venues={"bravo": gone}))


@pytest.mark.parametrize("change", [{"ts": pl.String}, {"ts": pl.Int64}, {"close": pl.Float32}])
def test_bars_of_other_types_are_refused_by_the_contract(change: dict[str, type[pl.DataType]]) -> None:
    wrong = bars().with_columns(pl.lit(1).cast(kind).alias(name) for name, kind in change.items())
    market = world(bars())
    assert refused(market.on({BRAVO: wrong})).startswith("bravo BTC/USD: expected columns {'ts': Datetime")
    assert refused(market.on({BRAVO: wrong.drop(list(change))})).startswith("bravo BTC/USD: expected columns {'ts': Datetime")


def test_only_bars_of_the_window_must_keep_the_contract() -> None:
    read(world(bars({9: Bar(100.0, high=50.0)})))
    assert "expected a high that is the highest price" in refused(world(bars({5: Bar(100.0, high=50.0)})))


def test_volumes_and_prices_whose_product_leaves_int64_are_refused() -> None:
    assert refused(world(bars({0: Bar(100.0, volume=5e8)}))) == "bravo BTC/USD: expected volumes × prices below 4.6e10, found 5e+08 × 100"


def test_volumes_of_a_cheap_coin_must_fit_int64_by_themselves() -> None:
    cheap = {n: Bar(0.01, volume=4.7e10) for n in range(-2, 10)}
    assert refused(world(bars(cheap))) == "bravo BTC/USD: expected volumes × prices below 4.6e10, found 4.7e+10 × 0.01"


@pytest.mark.parametrize(
    "changes",
    [
        {"instruments": {"bravo BTC/USD": {"half_spread_bps": 900.0}}},
        {"execution": {"tolerance_bps": 900.0}},
        {"execution": {"residual_bps": 900.0}},
        {"venues": {"bravo": {"fee_bps": 900.0}}},
        {"venues": {"bravo": {"fees": [{"tiers": [{"volume": 0, "taker_bps": 900.0}, {"volume": 10, "taker_bps": 1.0}]}]}}},
    ],
)
def test_what_may_come_on_top_of_a_flow_counts_against_int64_too(changes: dict[str, object]) -> None:
    # 4.3e8 × 100 = 4.3e10 fits with nothing on top; with 9 % more it does not
    flood = bars({0: Bar(100.0, volume=4.3e8)})
    read(world(flood, execution={"residual_bps": 0.0}))
    with_it = {**changes, "execution": {"residual_bps": 0.0, **changes.get("execution", {})}}  # type: ignore[dict-item]
    assert "expected volumes × prices below 4.6e10" in refused(world(flood, **with_it))
