"""States of pools are read as they are recorded, in whole units; what is none is refused with its place."""

from datetime import UTC, datetime
from decimal import Decimal
from math import inf
from pathlib import Path

import polars as pl
import pytest

from app.errors import BadInput
from app.services.folder import read_folder
from app.sources.detect import Found, detect
from app.sources.errors import BadRow
from app.sources.files import Source
from app.sources.formats import Format
from app.sources.kinds import POOL, Kind
from engine.schema import POOL_EXACT, POOL_STATES, SeriesKey, check_pool_states
from tests.app.sources.files import frame, write

MINUTE_US = 60_000_000
STATES = "ts,block,price,liquidity,lower,upper"
ROW = "2023-08-17 21:40:00,46430000,1650.5,672646.887005,1649.2,1651.7"
NAME = "somepool_ETH-USDC.csv"
MINUTES = "timestamp,netAmount0,netAmount1,closeTick,openTick,lowestTick,highestTick,inAmount0,inAmount1,currentLiquidity"
UNISWAP = "polygon-0x45dda9cb7c25131df268515131f647d726f50608-2023-08-17.minute.csv"
REAL = Path(__file__).parents[4] / "shared" / "data" / "uniswap-v3-polygon"
POLYGON = SeriesKey("uniswap-v3-polygon-5bps", "ETH/USDC")


def minute(at: str, tick: object = 201101, liquidity: object = 2391553663290390168) -> str:
    """Return a minute of a pool as its file has it; what came in of its second token outgrows 64 bits."""
    return f"{at},-1970524626,1066799650715290921,{tick},{tick},{tick},{tick},0,98446744073709551616,{liquidity}"


def look(path: Path) -> Found:
    """Detect a file."""
    return detect(Source(path=path))


def test_a_table_of_states_is_read_with_its_blocks(tmp_path: Path) -> None:
    path = write(tmp_path, [ROW, ROW.replace("1650.5", "1650.9")], header=STATES, name=NAME)
    found, states = look(path), frame(path)
    assert (found.format, found.key, found.kind) == (Format.CSV, SeriesKey("somepool", "ETH/USDC"), POOL)
    assert found.why == "CSV with a header; states of a pool; event times as UTC dates"
    assert states.schema == {**POOL_STATES, **POOL_EXACT}
    assert states.row(0)[1:] == (None, 46430000, 1650.5, 672646.887005, 1649.2, 1651.7, None, None)
    assert check_pool_states(states.select(*POOL_STATES), key=found.key).height == 2


def test_a_constant_product_is_told_by_its_range_and_blocks_may_be_unknown(tmp_path: Path) -> None:
    path = write(tmp_path, ["1692308400000,2000,1000000,0,inf"], header="timestamp_ms,price,liquidity,lower_price,upper_price", name=NAME)
    assert frame(path).row(0)[2:7] == (None, 2000.0, 1e6, 0.0, inf)
    frame(path).drop("received", "block").write_parquet(tmp_path / "other_ETH-USDC.parquet")
    assert frame(tmp_path / "other_ETH-USDC.parquet").row(0)[3:7] == (2000.0, 1e6, 0.0, inf)


def test_what_outgrows_64_bits_is_kept_digit_by_digit_up_to_what_the_chain_can_say(tmp_path: Path) -> None:
    columns = f"{STATES},raw_liquidity,sqrtPriceX96"
    path = write(tmp_path, [f"{ROW},{2**128 - 1},{2**160 - 1}", f"{ROW},,", f"{ROW}, 007,0"], header=columns, name=NAME)
    assert frame(path).select(*POOL_EXACT).rows() == [(str(2**128 - 1), str(2**160 - 1)), (None, None), ("7", "0")]
    frame(path).drop("received").write_parquet(tmp_path / "again_ETH-USDC.parquet")
    assert frame(tmp_path / "again_ETH-USDC.parquet").equals(frame(path))
    for broken, said in ((f"{2**128},1", "liquidity"), (f"{'9' * 45},1", "liquidity"), ("1,-1", "X96"), (f"1,{2**160}", "X96")):
        with pytest.raises(BadRow, match=rf"line 2, \w*{said}: found '.*', expected an integer from 0 to 2\^1\d\d - 1, digit by digit"):
            frame(write(tmp_path, [f"{ROW},{broken}"], header=columns, name="broken_ETH-USDC.csv"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ROW, ROW.replace("46430000", "46429999")], r"line 3, block: found '46429999', expected a block that is not before that of the row above"),
        ([ROW.replace("46430000", "4643.5")], r"line 2, block: found '4643.5', expected the number of a block"),
        ([ROW, ROW.replace("1650.5", "much")], r"line 3, price: found 'much', expected a finite number"),
        ([ROW, ROW.replace("2023-08-17 21:40:00", "later")], r"line 3, ts: found 'later', expected a UTC time"),
    ],
)
def test_a_row_that_is_no_state_is_refused_with_its_place(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(BadRow, match=said):
        frame(write(tmp_path, rows, header=STATES, name=NAME))


def test_receive_times_must_be_near_the_blocks(tmp_path: Path) -> None:
    row = "2023-08-17 21:40:00,2023-08-17 23:40:00,1650.5,672646.8,1649.2,1651.7"
    with pytest.raises(BadRow, match=r"received: .* expected a receive time within an hour of the block's time"):
        frame(write(tmp_path, [row], header="ts,received,price,liquidity,lower,upper", name=NAME))


def test_columns_that_are_missing_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, ["1650.5,672646.8,1649.2"], header="price,liquidity,lower", name=NAME)
    with pytest.raises(BadInput, match=r"expected one column each of upper \(upper, upper_price, price_upper\); ts \(.*a constant product has"):
        look(path)


def test_minutes_of_a_uniswap_pool_are_states_at_their_ends_in_whole_units(tmp_path: Path) -> None:
    path = write(tmp_path, [minute("2023-08-17 21:45:00"), minute("2023-08-17 21:46:00", tick=201110)], header=MINUTES, name=UNISWAP)
    found, states = look(path), frame(path)
    assert (found.format, found.key, found.kind) == (Format.UNISWAP, POLYGON, Kind("pool_bars", MINUTE_US))
    assert found.why == "Uniswap v3 minutes of a pool; pool bars of 1m, as the states at their ends"
    # token 0 is USDC of 6 decimals, token 1 ether of 18: 1.0001^tick is raw ether for raw USDC, and its inverse, times 1e12, USDC for ether
    one, lower, upper = (Decimal(10) ** 12 / Decimal("1.0001") ** tick for tick in (201101, 201110, 201100))
    assert states.row(0)[3:7] == pytest.approx((float(one), 2391553.663290390168, float(lower), float(upper)), rel=1e-11)
    assert states.row(0)[7:] == ("2391553663290390168", None)
    assert states["ts"].dt.strftime("%H:%M").to_list() == ["21:46", "21:47"]
    # a range begins at its lower tick, where ether is dearest
    assert states["price"][1] == states["upper"][1] > states["lower"][1]


def test_the_price_of_a_pool_whose_first_token_is_the_base_is_not_turned_round(tmp_path: Path) -> None:
    name = "ethereum-0x11b815efb8f581194ae79006d24e0d814b7697f6-2023-08-17.minute.csv"
    states = frame(write(tmp_path, [minute("2023-08-17 21:45:00", tick=-202000)], header=MINUTES, name=name))
    assert states["price"][0] == pytest.approx(float(Decimal(10) ** 12 / Decimal("1.0001") ** 202000), rel=1e-11)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (minute("2023-08-17 21:45:00"), "line 3, timestamp: .* expected a whole minute later than the row before"),
        (minute("2023-08-17 21:46:30"), "line 3, timestamp: .* expected a whole minute later"),
        (minute("soon"), "line 3, timestamp: found 'soon', expected a UTC time"),
        (minute("2023-08-17 21:46:00", tick=900000), "line 3, closeTick: found '900000', expected a tick from -887272 to 887272"),
        (minute("2023-08-17 21:46:00", liquidity=-1), "line 3, currentLiquidity: found '-1', expected an integer from 0 to 2.128 - 1, digit"),
        (minute("2023-08-17 21:46:00", liquidity=""), "line 3, currentLiquidity: found '', expected an integer"),
    ],
)
def test_a_minute_that_is_none_is_refused_with_its_place(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(BadRow, match=said):
        frame(write(tmp_path, [minute("2023-08-17 21:45:00"), row], header=MINUTES, name=UNISWAP))


def test_a_pool_whose_tokens_are_not_known_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [minute("2023-08-17 21:45:00")], header=MINUTES, name=UNISWAP.replace("0x45", "0x46"))
    with pytest.raises(BadInput, match=r"expected a name that begins with a pool whose tokens we know, polygon-0x45dda9\w+ \(ETH/USDC\), "):
        look(path)


def test_files_of_a_pool_follow_each_other(tmp_path: Path) -> None:
    key = SeriesKey("somepool", "ETH/USDC")
    write(tmp_path, [ROW.replace("21:40", "21:42")], header=STATES, name="somepool_ETH-USDC_b.csv")
    write(tmp_path, [ROW, ROW.replace("21:40", "21:41")], header=STATES, name="somepool_ETH-USDC_a.csv")
    assert read_folder(tmp_path, {key: POOL})[key]["ts"].dt.minute().to_list() == [40, 41, 42]
    write(tmp_path, [ROW.replace("21:40", "21:41")], header=STATES, name="somepool_ETH-USDC_c.csv")
    write(tmp_path, [ROW.replace("21:40:00", "21:40:30")], header=STATES, name="somepool_ETH-USDC_d.csv")
    with pytest.raises(BadInput, match="somepool ETH/USDC: expected files that follow each other, found some that overlap"):
        read_folder(tmp_path, {key: POOL})


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs real pool minutes in {REAL}")
def test_real_minutes_of_uniswap_load_and_cover_the_crash() -> None:
    states = read_folder(REAL, {POLYGON: Kind("pool_bars", MINUTE_US)})[POLYGON]
    assert states.height == 7_199
    evening = states.filter(pl.col("ts").is_between(datetime(2023, 8, 17, 21, 30, tzinfo=UTC), datetime(2023, 8, 17, 21, 50, tzinfo=UTC)))
    assert evening["price"][0] > 1_710
    assert evening["price"].min() < 1_600
    assert states.select((pl.col("lower") <= pl.col("price")) & (pl.col("price") <= pl.col("upper"))).to_series().all()
