"""What a day of a series shows, by hand."""

from collections.abc import Sequence

import polars as pl
import pytest

from engine.day_checks import DAY_US, check_day
from engine.schema import BARS, POOL_STATES, QUOTES, TRADES, quotes_schema

DAY = 19_424 * DAY_US  # 2023-03-08
SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
NAN = float("nan")


def bars(*opened: tuple[int, float]) -> pl.DataFrame:
    """Return bars by (µs of the day, volume)."""
    return pl.DataFrame([(DAY + us, 2.0, 3.0, 1.0, 2.0, volume) for us, volume in opened], schema=BARS, orient="row")


def quotes(*rows: tuple[int | None, int | None, float, float]) -> pl.DataFrame:
    """Return quotes by (event, receipt, bid, ask), times in µs of the day."""
    filled = [(None if ts is None else DAY + ts, None if got is None else DAY + got, bid, 1.0, ask, 1.0) for ts, got, bid, ask in rows]
    return pl.DataFrame(filled, schema=QUOTES, orient="row")


def trades(*rows: tuple[int, float, int, int | None]) -> pl.DataFrame:
    """Return trades by (event in µs of the day, price, side, number)."""
    return pl.DataFrame([(DAY + ts, None, price, 1.0, side, number) for ts, price, side, number in rows], schema=TRADES, orient="row")


def pools(*rows: tuple[int, float]) -> pl.DataFrame:
    """Return states of a pool by (event in µs of the day, price), in the range from 1 to 3."""
    return pl.DataFrame([(DAY + ts, None, None, price, 5.0, 1.0, 3.0) for ts, price in rows], schema=POOL_STATES, orient="row")


def seen(frame: pl.DataFrame, data: str, interval_us: int = 0) -> dict[str, float]:
    """Return what a day shows."""
    return check_day(frame, data=data, interval_us=interval_us, day=(DAY, DAY + DAY_US))


def test_bars_are_counted_by_what_traded_and_what_is_missing_within_and_around_them() -> None:
    # hours 2, 3 (silent), 5 and 7 of 24: three observations; between the first and the last there are six intervals
    found = seen(bars((2 * HOUR, 1), (3 * HOUR, 0), (5 * HOUR, 1), (7 * HOUR, 1)), "bars", HOUR)
    assert found == {
        "rows": 4,
        "no_trade": 1,
        "missing": 20,
        "missing_within": 2,
        "covered": 3 / 24,
        "longest_gap_s": 2 * 3600,  # from 3:00, where the bar of hour 2 ends, to 5:00
        "late_s": 2 * 3600,
        "early_s": 16 * 3600,  # from 8:00
    }


@pytest.mark.parametrize(
    ("frame", "data", "interval"),
    [(bars(), "bars", HOUR), (quotes(), "quotes", 0), (quotes(), "quote_bars", HOUR), (trades(), "trades", 0), (pools(), "pool", 0)],
)
def test_a_day_without_rows_is_empty_from_end_to_end(frame: pl.DataFrame, data: str, interval: int) -> None:
    found = seen(frame, data, interval)
    assert {name: found[name] for name in ("rows", "covered", "longest_gap_s", "late_s", "early_s")} == {
        "rows": 0, "covered": 0, "longest_gap_s": 86_400, "late_s": 86_400, "early_s": 86_400,
    }  # fmt: skip


def test_a_day_of_silent_bars_has_no_observation() -> None:
    found = seen(bars(*((hour * HOUR, 0.0) for hour in range(24))), "bars", HOUR)
    assert (found["rows"], found["no_trade"], found["missing"], found["covered"], found["late_s"]) == (24, 24, 0, 0, 86_400)


def test_quotes_cover_five_seconds_after_each_good_event() -> None:
    # good at 10 s, 12 s, 30 s and 24:00 less 2 s: 2 + 5 + 5 + 2 s; what is crossed at 20 s tells nothing
    frame = quotes(
        (10 * SECOND, None, 1, 2), (12 * SECOND, None, 1, 2), (20 * SECOND, None, 3, 2), (30 * SECOND, None, 1, 1), (DAY_US - 2 * SECOND, None, 1, 2)
    )
    found = seen(frame, "quotes")
    assert found["covered"] == pytest.approx(14 / 86_400, rel=1e-12)
    assert (found["rows"], found["flagged"], found["crossed"], found["locked"]) == (5, 1, 1, 1)
    assert (found["late_s"], found["longest_gap_s"], found["early_s"]) == (10, 86_400 - 2 - 30, 2)
    assert "least_delay_us" not in found, "nobody knows when they were received"


def test_an_event_of_the_day_before_covers_the_beginning_of_the_day_on_which_it_arrived() -> None:
    found = seen(quotes((-2 * SECOND, 1, 1, 2), (-1 * SECOND, 2, 1, 2)), "quotes")
    assert found["covered"] == pytest.approx(4 / 86_400, rel=1e-12)
    assert found["late_s"] == 0


def test_times_and_repetitions_of_quotes_are_counted() -> None:
    # received 5 ms early, 2 ms early, 1 ms late, again the same row, and one that happened before
    rows = [(1000, -4000, 1.0, 2.0), (3000, 1000, 1.0, 2.0), (9000, 10_000, 1.0, 2.0), (9000, 10_000, 1.0, 2.0), (8000, 11_000, 1.0, 2.0)]
    found = seen(quotes(*rows), "quotes")
    assert (found["negative_latency"], found["disorder"], found["duplicates"]) == (2, 1, 1)
    assert (found["least_delay_us"], found["median_delay_us"]) == (-5000, 1000)


def test_quotes_without_event_times_are_as_old_as_their_receipt() -> None:
    found = seen(quotes((None, 10 * SECOND, 1, 2), (None, 40 * SECOND, NAN, 2)), "quotes")
    assert (found["flagged"], found["nan"], found["disorder"], found["negative_latency"]) == (1, 1, 0, 0)
    assert (found["late_s"], found["early_s"]) == (10, 86_400 - 10)


def test_all_levels_of_a_book_are_looked_at() -> None:
    schema = quotes_schema(2)
    deep = quotes((SECOND, None, 10, 11), (2 * SECOND, None, 10, 11)).with_columns(
        bid_2=pl.Series([9.0, 10.5]), bid_size_2=1.0, ask_2=12.0, ask_size_2=1.0
    )
    found = seen(deep.select(schema.names()).cast(schema), "quotes")
    assert (found["flagged"], found["disordered_levels"]) == (1, 1)


def test_a_quote_bar_covers_its_interval() -> None:
    found = seen(quotes((0, None, 1, 2), (HOUR, None, 1, 2), (4 * HOUR, None, 1, 2), (23 * HOUR, None, 2, 1)), "quote_bars", HOUR)
    assert (found["covered"], found["flagged"]) == (3 / 24, 1)
    assert (found["late_s"], found["longest_gap_s"], found["early_s"]) == (0, 2 * 3600, 19 * 3600)


def test_trades_cover_the_minutes_in_which_there_is_one() -> None:
    frame = trades((5 * SECOND, 1.0, 1, 7), (6 * SECOND, 1.0, 0, 8), (MINUTE, 1.0, -1, 8), (HOUR, 0.0, 1, None), (2 * HOUR, 1.0, 1, None))
    found = seen(frame, "trades")
    assert found["covered"] == pytest.approx(3 / 1440, rel=1e-12)
    names: Sequence[str] = ("rows", "zero_or_negative", "no_side", "duplicates", "disorder", "longest_gap_s", "late_s")
    assert [found[name] for name in names] == [5, 1, 1, 1, 0, 2 * 3600 - 60, 5]


def test_states_of_a_pool_cover_five_minutes_each() -> None:
    frame = pools((MINUTE, 2.0), (2 * MINUTE, 2.0), (2 * MINUTE, 2.0), (HOUR, 4.0), (2 * HOUR, 2.0))
    found = seen(frame, "pool")
    assert (found["rows"], found["flagged"], found["outside"], found["duplicates"]) == (5, 1, 1, 1)
    assert found["covered"] == pytest.approx((1 + 5 + 5) / 1440, rel=1e-12)
    assert seen(frame, "pool_bars", HOUR)["covered"] == pytest.approx((59 + 60 + 2) / 1440, rel=1e-12)
