"""The example of a bet on USDC, on what two venues recorded in March 2023; what is expected is worked out from the files beside the engine."""

import csv
import tomllib
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import polars as pl
import pytest

from engine.backtest import run
from engine.config import parse_spec
from engine.result import Result
from engine.schema import BARS, TIMESTAMP, SeriesKey, micros

EXAMPLE = Path(__file__).parents[2] / "examples" / "peg-usdc-2023-03.toml"
MINUTE = 60_000_000
PEG = SeriesKey("kraken", "USDC/USD")


@pytest.fixture(scope="module")
def folder(market_data: Path) -> Path:
    found = market_data / "usdc-2023-03"
    if not found.is_dir():
        pytest.skip(f"no {found}")
    return found


def bars(folder: Path, key: SeriesKey) -> pl.DataFrame:
    columns = pl.read_csv(
        folder / f"{key.venue}_{key.instrument.replace('/', '-')}_1m.csv", schema_overrides=dict.fromkeys(list(BARS)[1:], pl.Float64)
    )
    opened = pl.from_epoch("open_time_ms", time_unit="ms").dt.replace_time_zone("UTC").cast(TIMESTAMP)
    return columns.select(opened.alias("ts"), *list(BARS)[1:])


def example(folder: Path, **strategy: object) -> Result:
    """Return the example's result, or that of another strategy in its place."""
    form: dict[str, Any] = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    spec = parse_spec({**form, "strategy": strategy or form["strategy"]})
    return run(spec, {key: bars(folder, key) for key in spec.series}, stress=False)


def test_while_the_desk_is_shut_nothing_is_paid_and_what_is_there_counts_at_market(folder: Path) -> None:
    found = example(folder)
    fills, summary = found.fills.filter(pl.col("filled") > 0), found.summary
    bought, sold = (fills.filter(pl.col("side") == side)["filled"].sum() for side in ("buy", "sell"))
    sent = found.transfers.filter(pl.col("destination") == "issuer")
    assert sent.height >= 2
    assert sent["credited"].null_count() == 0
    assert sent["paid"].null_count() == sent.height  # the desk begins nothing before Monday
    held = {(row["venue"], row["currency"]): row for row in summary["balances"]}  # type: ignore[attr-defined]
    at_desk, left = held["issuer", "USDC"], sum(row["free"] for (_, currency), row in held.items() if currency == "USDC")
    assert (at_desk["free"], at_desk["in_flight"]) == pytest.approx((0, (sent["amount"] - sent["fee"]).sum()))
    assert left + at_desk["in_flight"] == pytest.approx(bought - sold - sent["fee"].sum(), abs=1e-6)
    assert str(summary["headline"]).startswith("A bet on the peg, no arbitrage, ")
    assert f"{bought - sold - sent['fee'].sum():,.2f} USDC are still held, {at_desk['in_flight']:,.2f} of them unpaid at the desk" in str(
        summary["verdict"]
    )


def test_every_coin_is_bought_below_the_band_and_every_order_goes_by_prices_that_were_known(folder: Path) -> None:
    found = example(folder)
    known = {key: _closes(folder, key) for key in (PEG, SeriesKey("kraken", "USDC/USDT"), SeriesKey("binanceus", "USDC/USDT"))}
    for row in found.fills.filter(pl.col("side") == "buy").iter_rows(named=True):
        close = known[SeriesKey(row["venue"], row["instrument"])][micros(row["decided"]) - 80_000]  # the bar that ended 80 ms before
        assert row["decision_price"] == pytest.approx(close, abs=2.1e-4)  # half a basis point or one, and a tick
        assert 1e4 * (1 / row["decision_price"] - 1) > 15


def test_a_z_score_is_that_of_the_minutes_before(folder: Path) -> None:
    found = example(folder, kind="peg", signal="zscore", threshold_bps=1, entry_z=1.5, exit_z=0, window="1h", cool_down="10m", max_notional=5_000)
    bought = found.fills.filter((pl.col("side") == "buy") & (pl.col("venue") == "kraken") & (pl.col("instrument") == "USDC/USD"))
    closes = _closes(folder, PEG)
    assert bought.height >= 5
    for row in bought.iter_rows(named=True):
        at = micros(row["decided"]) - 80_000
        window = [price for tick in range(at - 59 * MINUTE, at + 1, MINUTE) if (price := _known(closes, tick)) is not None]
        cost = row["decision_price"] * 1.0002
        assert cost <= fmean(window) - 1.5 * stdev(window) + 1e-12
        assert row["edge_bps"] == pytest.approx(1e4 * (fmean(window) / cost - 1), rel=1e-6)


# End of a minute [µs] → what the last trade in it paid.
def _closes(folder: Path, key: SeriesKey) -> dict[int, float]:
    with (folder / f"{key.venue}_{key.instrument.replace('/', '-')}_1m.csv").open(newline="") as lines:
        return {int(row["open_time_ms"]) * 1_000 + MINUTE: float(row["close"]) for row in csv.DictReader(lines) if float(row["volume"]) > 0}


# At a tick the bar that ends there is not known yet, and the one before it may be old.
def _known(closes: dict[int, float], tick: int) -> float | None:
    ends = [end for end in range(tick - MINUTE, tick - 5 * MINUTE - 1, -MINUTE) if end in closes]
    return closes[ends[0]] if ends else None
