"""File names tell venue, instrument and interval, as far as they do."""

import pytest

from app.errors import BadInput
from app.sources.names import Hints, check_instrument, check_interval, check_venue, hints, overridden, split
from engine.schema import US_PER_SECOND

MINUTE = 60 * US_PER_SECOND


@pytest.mark.parametrize(
    ("name", "venue", "instrument", "interval_us"),
    [
        ("kraken_BTC-USDC_1m.csv", "kraken", "BTC/USDC", MINUTE),
        ("Kraken_btc_usdc_1h.parquet", "kraken", "BTC/USDC", 60 * MINUTE),
        ("coinbase_USDT-USD.csv", "coinbase", "USDT/USD", None),
        ("binance.us_BTC-USD_15min_2023.csv", "binance.us", "BTC/USD", 15 * MINUTE),
        ("synthetic-alfa_BTC-USD_1m.csv", "synthetic-alfa", "BTC/USD", MINUTE),
        ("BTCUSDT-1m-2023-03-08.csv", None, "BTC/USDT", MINUTE),
        ("BTCFDUSD-4h-2024-01.csv", None, "BTC/FDUSD", 240 * MINUTE),
        ("BTCUSDT-1M-2023-03.csv", None, None, None),
        ("BTCUSD_PERP-1m-2023-03.csv", None, None, None),
        ("BTCUSD_230630-1m-2023-03.csv", None, None, None),
        ("XBTUSDC_1.csv", None, "BTC/USDC", MINUTE),
        ("XDGUSD_1440.csv", None, "DOGE/USD", 1440 * MINUTE),
        ("BTCUSDT.csv", None, "BTC/USDT", None),
        ("BTC-USD.csv", None, "BTC/USD", None),
        ("WHATEVER.csv", None, None, None),
        ("prices of march.csv", None, None, None),
        ("kraken_BTC-USDC_0m.csv", "kraken", "BTC/USDC", None),
    ],
)
def test_a_name_tells(name: str, venue: str | None, instrument: str | None, interval_us: int | None) -> None:
    assert hints(name) == Hints(venue=venue, instrument=instrument, interval_us=interval_us)


@pytest.mark.parametrize(
    ("pair", "instrument"),
    [("USDCUSDT", "USDC/USDT"), ("BTCFDUSD", "BTC/FDUSD"), ("XBTUSD", "BTC/USD"), ("BTCTUSD", "BTC/TUSD"), ("USDTUSD", "USDT/USD"),
     ("USDTBUSD", "USDT/BUSD"),     ("PEPEUSDT", "PEPE/USDT"), ("ABCTUSD", None), ("USD", None), ("AUSD", None)],
)  # fmt: skip
def test_a_pair_is_split_where_that_is_clear(pair: str, instrument: str | None) -> None:
    assert split(pair) == instrument


def test_what_the_user_says_goes_before_the_name() -> None:
    said = overridden(hints("kraken_BTC-USDC_1m.csv"), venue="Coinbase", instrument="eth-usd", interval_us=None)
    assert said == Hints(venue="coinbase", instrument="ETH/USD", interval_us=MINUTE)


def test_what_cannot_be_a_venue_an_instrument_or_an_interval_is_refused() -> None:
    with pytest.raises(BadInput, match='expected a venue such as "kraken"'):
        check_venue("kraken pro")
    with pytest.raises(BadInput, match="expected an instrument such as \"BTC/USD\", found 'BTCUSD'"):
        check_instrument("BTCUSD")
    for interval_us in (0, -MINUTE, 7 * MINUTE, 7 * 1440 * MINUTE):
        with pytest.raises(BadInput, match="expected an interval that divides a day"):
            check_interval(interval_us)
