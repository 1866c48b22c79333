"""What looks like edge against BTC/USDC as USDC begins to lose its peg, told apart by the attribution: a price, or money.

On Kraken BTC/USDC rises as USDC falls: to who takes a USDC for a dollar that is an edge of some 38 bps. On Binance.US it stands
still, so who holds USDC there buys coins with it that elsewhere cost what it used to be worth.
"""

from pathlib import Path

import polars as pl
import pytest

from engine.backtest import run
from engine.config import parse_spec
from engine.result import Result
from engine.schema import SeriesKey
from tests.engine.test_usdc_2023 import PEG, bars, folder

SELLS_FOR_USDC = pl.col("legs").str.contains("sell [a-z]+ BTC/USDC,")

__all__ = ["folder"]


def last_two_hours(folder: Path, venue: str, *, par: list[str]) -> Result:
    """Return a run of BTC/USD against BTC/USDC of one venue, without fees or spread, so that prices alone decide."""
    keys = {SeriesKey(venue, "BTC/USD"): "trade", SeriesKey(venue, "BTC/USDC"): "trade", PEG: "convert"}
    near = {"half_spread_bps": 0.0, "tick": "0.0001", "lot": "0.0001", "min_notional": "1"}
    account = {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s", "balances": {"BTC": 50, "USD": 1_000_000, "USDC": 1_000_000}}
    spec = parse_spec(
        {
            "version": 2,
            "name": "BTC against USD and USDC on one venue",
            "start": "2023-03-10T22:00:00Z",
            "end": "2023-03-11T00:00:00Z",
            "interval": "1m",
            "assume_par": par,
            "strategy": {"kind": "spatial", "threshold_bps": 20.0, "max_notional": 5_000},
            "execution": {"tolerance_bps": 100.0},
            "venues": dict.fromkeys((key.venue for key in keys), account),
            "instruments": [{"venue": key.venue, "name": key.instrument, "use": use, **near} for key, use in keys.items()],
        }
    )
    return run(spec, {key: bars(folder, key) for key in spec.series}, stress=False)


def _gross_bps(result: Result) -> float:
    sold_for_usdc = result.packages.filter(SELLS_FOR_USDC).height
    assert sold_for_usdc in {0, result.packages.height}
    fills = result.fills.filter(role="leg")
    return 1e4 * float(result.packages["gross"].sum()) / (float((fills["filled"] * fills["price"]).sum()) / 2)


def test_on_kraken_what_looks_like_edge_is_the_price_of_usdc(folder: Path) -> None:
    believer = last_two_hours(folder, "kraken", par=["USDC"])
    assert believer.packages.height > 30
    assert believer.packages.filter(SELLS_FOR_USDC).height == believer.packages.height
    assert believer.packages["edge_bps"].mean() > 30  # as quoted
    assert _gross_bps(believer) < 0  # at marks: it sold coins for a currency that is worth less than it took it for
    at_market = last_two_hours(folder, "kraken", par=[]).packages.filter(SELLS_FOR_USDC)
    assert at_market.height < believer.packages.height / 10  # two minutes in which it really was so


def test_on_binanceus_the_same_gap_is_money_to_who_holds_usdc_there(folder: Path) -> None:
    holder = last_two_hours(folder, "binanceus", par=[])
    assert holder.packages.height > 10
    assert holder.packages["legs"].str.ends_with("BTC/USDC").all()
    assert _gross_bps(holder) == pytest.approx(float(holder.packages["edge_bps"].mean()), abs=25)  # the edge decided on is there at marks
    assert _gross_bps(holder) > 20
    at_par = last_two_hours(folder, "binanceus", par=["USDC"]).packages
    assert not at_par["legs"].str.ends_with("BTC/USDC").any()  # who counts it at par sees none
