"""The data contract: times, keys, and what bars must keep to."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DataError
from engine.schema import BARS, QUOTES, TIMESTAMP, SeriesKey, check_bars, check_quotes, instant, level_columns, micros, quote_levels, quotes_schema
from tests.strategies import EPOCH_US, MINUTE, frame, quote_frame

KEY = SeriesKey("alfa", "BTC/USD")
GOOD = [(EPOCH_US + n * MINUTE, 100.0, 101.0, 99.0, 100.5, float(n)) for n in range(3)]


def changed(**column: object) -> pl.DataFrame:
    """Return good bars with a value of the second replaced."""
    name, value = next(iter(column.items()))
    rows: list[dict[str, object]] = [dict(zip(BARS, row, strict=True)) for row in GOOD]
    rows[1][name] = value
    return pl.DataFrame(rows, schema=BARS)


def refused(bars: pl.DataFrame) -> str:
    """Return what the check says about bars."""
    with pytest.raises(DataError) as error:
        check_bars(bars, key=KEY, interval_us=MINUTE)
    return str(error.value)


def test_good_bars_pass_as_they_are() -> None:
    bars = frame(GOOD)
    assert check_bars(bars, key=KEY, interval_us=MINUTE) is bars
    assert check_bars(bars.clear(), key=KEY, interval_us=MINUTE).is_empty()


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("close", None, "a number in every column"),
        ("volume", float("nan"), "a number in every column"),
        ("low", 0.0, "prices that are finite and above 0"),
        ("low", -1.0, "prices that are finite and above 0"),
        ("high", float("inf"), "prices that are finite and above 0"),
        ("volume", -0.1, "a volume that is finite and not negative"),
        ("volume", float("inf"), "a volume that is finite and not negative"),
        ("high", 100.4, "a high that is the highest price"),
        ("low", 100.1, "a low that is the lowest price"),
        ("ts", EPOCH_US + MINUTE + 1, "open times on multiples of 60 s"),
        ("ts", EPOCH_US, "open times that increase, each once"),
        ("ts", EPOCH_US + 5 * MINUTE, "open times that increase, each once"),
    ],
)
def test_a_bar_that_breaks_a_rule_is_refused_and_the_rule_is_named(column: str, value: object, expected: str) -> None:
    message = refused(changed(**{column: value}))
    assert message.startswith(f"alfa BTC/USD: expected {expected}, found {{'ts': datetime.datetime(2024, 1, 1, 0, ")
    assert message.endswith("(1 of 3 bars)")


def test_the_first_bar_that_is_wrong_is_shown_and_all_are_counted() -> None:
    bars = frame([(ts, o, h, low, c, -1.0 if n else v) for n, (ts, o, h, low, c, v) in enumerate(GOOD)])
    message = refused(bars)
    assert "datetime.datetime(2024, 1, 1, 0, 1, " in message
    assert "'volume': -1.0" in message
    assert message.endswith("(2 of 3 bars)")


@pytest.mark.parametrize(
    "bars",
    [
        frame(GOOD).drop("volume"),
        frame(GOOD).with_columns(extra=1),
        frame(GOOD).with_columns(pl.col("ts").dt.replace_time_zone(None)),
        frame(GOOD).with_columns(pl.col("ts").dt.cast_time_unit("ms")),
        frame(GOOD).with_columns(pl.col("close").cast(pl.Float32)),
    ],
)
def test_other_columns_than_those_of_bars_are_refused_by_name_and_type(bars: pl.DataFrame) -> None:
    message = refused(bars)
    assert message.startswith("alfa BTC/USD: expected columns {'ts': Datetime(time_unit='us', time_zone='UTC'), 'open': Float64, ")
    assert f"found {dict(bars.schema)}" in message


QUOTE = (100.0, 1.0, 101.0, 2.0)


def refused_quotes(quotes: pl.DataFrame) -> str:
    with pytest.raises(DataError) as error:
        check_quotes(quotes, key=KEY)
    return str(error.value)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_quotes_pass_as_they_are_whatever_their_depth_and_order(levels: int) -> None:
    quotes = quote_frame([(EPOCH_US + at, EPOCH_US, *QUOTE * levels) for at in (5, 3, 4)])
    assert check_quotes(quotes, key=KEY) is quotes
    assert (quote_levels(quotes), quotes.schema) == (levels, quotes_schema(levels))
    assert check_quotes(quotes.clear(), key=KEY).is_empty()


def test_a_time_that_is_nowhere_known_may_be_left_out_of_quotes() -> None:
    check_quotes(quote_frame([(EPOCH_US, None, *QUOTE), (EPOCH_US, None, *QUOTE)]), key=KEY)
    check_quotes(quote_frame([(None, EPOCH_US, *QUOTE), (None, EPOCH_US, *QUOTE)]), key=KEY)


def test_a_time_that_is_known_here_and_there_is_refused_and_so_are_quotes_without_any() -> None:
    some = quote_frame([(EPOCH_US, EPOCH_US, *QUOTE), (EPOCH_US, None, *QUOTE), (EPOCH_US, None, *QUOTE)])
    assert refused_quotes(some) == (
        "alfa BTC/USD: expected ts and received to be known on every row or on none, found nulls: {'ts': 0, 'received': 2} of 3 rows"
    )
    assert "on every row or on none" in refused_quotes(quote_frame([(EPOCH_US, EPOCH_US, *QUOTE), (None, EPOCH_US, *QUOTE)]))
    assert (
        refused_quotes(quote_frame([(None, None, *QUOTE)]))
        == "alfa BTC/USD: expected event times (ts), receive times (received) or both, found neither"
    )


@pytest.mark.parametrize(
    "quotes",
    [
        quote_frame([(EPOCH_US, None, *QUOTE)]).drop("ask_size"),
        quote_frame([(EPOCH_US, None, *QUOTE)]).drop("received"),
        quote_frame([(EPOCH_US, None, *QUOTE)]).with_columns(bid_2=99.0),
        quote_frame([(EPOCH_US, None, *QUOTE)]).with_columns(bid_2=99.0, ask_2=102.0, bid_size_2=1.0, ask_size_2=1.0),
        quote_frame([(EPOCH_US, None, *QUOTE)]).with_columns(bid_3=99.0, bid_size_3=1.0, ask_3=102.0, ask_size_3=1.0),
        quote_frame([(EPOCH_US, None, *QUOTE)]).with_columns(pl.col("bid").cast(pl.Float32)),
        quote_frame([(EPOCH_US, None, *QUOTE)]).with_columns(pl.col("ts").dt.replace_time_zone(None)),
        frame(GOOD),
    ],
)
def test_other_columns_than_those_of_quotes_are_refused_by_name_and_type(quotes: pl.DataFrame) -> None:
    message = refused_quotes(quotes)
    assert message.startswith("alfa BTC/USD: expected columns {'ts': Datetime(time_unit='us', time_zone='UTC'), 'received': Datetime(")
    assert "and four of each further level (bid_2, …), found {" in message
    assert message.endswith(f"{dict(quotes.schema)}")


def test_levels_are_named_by_their_number_but_for_the_best() -> None:
    assert level_columns(1) == tuple(QUOTES)[2:] == ("bid", "bid_size", "ask", "ask_size")
    assert level_columns(12) == ("bid_12", "bid_size_12", "ask_12", "ask_size_12")


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_times_survive_as_microseconds(when: datetime) -> None:
    assert instant(micros(when)) == when


def test_microseconds_count_from_1970_in_utc_wherever_the_time_was_written() -> None:
    assert micros(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
    assert micros(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0
    assert micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
    assert instant(1).tzinfo is UTC


def test_a_series_is_named_by_venue_and_instrument_and_sorts_so() -> None:
    assert (str(KEY), KEY.base, KEY.quote) == ("alfa BTC/USD", "BTC", "USD")
    assert min(SeriesKey("b", "A/B"), SeriesKey("a", "C/D"), SeriesKey("a", "A/B")) == ("a", "A/B")


def test_timestamps_are_microseconds_in_utc() -> None:
    assert pl.Datetime("us", "UTC") == TIMESTAMP == BARS["ts"]
