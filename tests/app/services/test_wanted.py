"""What a run reads of each series, told by its spec."""

from datetime import UTC, datetime, timedelta

from app.services.wanted import Reach, reaches, wanted
from app.sources.kinds import QUOTES, Kind
from engine.config import Spec, parse_spec_toml
from engine.schema import SeriesKey

START, END = datetime(2024, 8, 9, tzinfo=UTC), datetime(2024, 8, 9, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPEC = """
version = 2
name = "two venues"
numeraire = "USDT"
start = 2024-08-09T00:00:00Z
end = 2024-08-09T01:00:00Z
strategy = {{ kind = "spatial", threshold_bps = 1 }}
{interval}

[venues.a]
fee_bps = 1
feed_latency = "10ms"
order_latency = "10ms"
clock_offset = "{offset}"
balances = {{ USDT = 1000 }}

[venues.b]
fee_bps = 1
feed_latency = "10ms"
order_latency = "10ms"
balances = {{ BTC = 1 }}

[[instruments]]
venue = "a"
name = "BTC/USDT"
data = "{data}"
{spread}
tick = 0.01
lot = 0.00001
min_notional = 5

[[instruments]]
venue = "b"
name = "BTC/USDT"
data = "{data}"
{spread}
tick = 0.01
lot = 0.00001
min_notional = 5
"""


def spec(data: str, *, offset: str = "0ms") -> Spec:
    """Return a spec on one kind of data."""
    interval = "" if data == "quotes" else 'interval = "1m"'
    return parse_spec_toml(SPEC.format(data=data, offset=offset, interval=interval, spread="half_spread_bps = 1" if data == "bars" else ""))


A, B = SeriesKey("a", "BTC/USDT"), SeriesKey("b", "BTC/USDT")


def test_bars_are_read_from_the_age_of_marks_and_one_interval_before_the_start() -> None:
    assert wanted(spec("bars")) == {A: Kind("bars", 60_000_000), B: Kind("bars", 60_000_000)}
    assert reaches(spec("bars"))[A] == Reach(Kind("bars", 60_000_000), START - 6 * MINUTE, END)


def test_quotes_are_read_an_hour_and_the_clocks_offset_around_that() -> None:
    found = reaches(spec("quotes", offset="-20ms"))
    assert wanted(spec("quotes")) == {A: QUOTES, B: QUOTES}
    assert found[B] == Reach(QUOTES, START - 65 * MINUTE, END + 60 * MINUTE)
    more = timedelta(milliseconds=20)
    assert found[A] == Reach(QUOTES, START - 65 * MINUTE - more, END + 60 * MINUTE + more)


def test_quote_bars_are_read_up_to_one_that_ends_at_the_end() -> None:
    kind = Kind("quote_bars", 60_000_000)
    assert reaches(spec("quote_bars"))[A] == Reach(kind, START - 5 * MINUTE, END + timedelta(microseconds=1))
