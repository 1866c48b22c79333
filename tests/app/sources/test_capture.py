"""Raw captures of Binance become quotes: message by message, with what is missing said."""

import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path

import polars as pl
import pytest

from app.errors import BadInput
from app.sources.detect import Found, Said, detect, detect_all
from app.sources.errors import BadRow
from app.sources.files import Source
from app.sources.formats import Format
from app.sources.kinds import QUOTES
from app.sources.read import Books, read
from engine.schema import SeriesKey, check_quotes

from .captures import BEHIND_MS, change, line, snapshot, ticker, trade, wrapped, write

START = datetime(2024, 8, 9, tzinfo=UTC)
BEHIND = timedelta(milliseconds=BEHIND_MS)
BIDS, ASKS = [(99.0, 1.0), (98.0, 2.0)], [(101.0, 1.0), (102.0, 3.0)]
SPOT = SeriesKey("binance", "BTC/USDT")

Quote = tuple[float | None, float | None, list[float]]


def look(path: Path, **said: str | int) -> Found:
    """Detect a file."""
    return detect(Source(path=path), Said(**said))  # type: ignore[arg-type]


def quotes(path: Path, books: Books | None = None, **said: str | int) -> tuple[list[Quote], Counter[str]]:
    """Return event and receive time [ms after the start, by the recorder's clock] and numbers of each row, and what was left aside."""
    found = look(path, **said)
    batches = list(read(found, books))
    frame = check_quotes(pl.concat([batch.frame for batch in batches]), key=found.key)
    return [(_ms(row[0]), _ms(row[1]), list(row[2:])) for row in frame.rows()], sum((Counter(batch.aside) for batch in batches), Counter[str]())


def _ms(time: datetime | None) -> float | None:
    return None if time is None else (time - START) / timedelta(milliseconds=1)


def test_best_prices_of_spot_have_a_receive_time_alone(tmp_path: Path) -> None:
    path = write(tmp_path, [ticker(0, (100, 1.5), (101, 2)), trade(1), ticker(2, (100.5, 0.25), (101, 2))])
    found = look(path)
    assert (found.format, found.key, found.kind) == (Format.CAPTURE, SPOT, QUOTES)
    assert found.why == "Binance WebSocket capture of spot BTCUSDT; receive times in ns; best prices of bookTicker, not trade (--stream)"
    rows, aside = quotes(path)
    assert rows == [(None, -1270, [100, 1.5, 101, 2]), (None, -1268, [100.5, 0.25, 101, 2])]
    assert aside == {"trade": 1}


def test_best_prices_of_usdm_have_the_matching_engines_time(tmp_path: Path) -> None:
    path = write(tmp_path, [ticker(7, (100, 1), (101, 2), usdm=True)], name="usdm_btcusdt_20240809.gz")
    found = look(path)
    assert (found.key, "USD-M" in found.why) == (SeriesKey("binance-usdm", "BTC/USDT"), True)
    assert quotes(path)[0] == [(7, -1263, [100, 1, 101, 2])]


def test_a_book_begins_with_its_snapshot_and_every_change_is_a_row(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [change(0, 90, 95), ticker(1, BIDS[0], ASKS[0]), change(100, 96, 103, [(99.5, 4)]), snapshot(150, 100, BIDS, ASKS), trade(160),
         change(200, 104, 110, [(99, 0)]), change(300, 111, 111, [], [(101, 7)])],
    )  # fmt: skip
    found = look(path, levels=2)
    assert found.why.endswith(
        "2 levels of the book of depth@100ms, which begins with the snapshot at line 4, not bookTicker (--stream), not trade (--stream)"
    )
    rows, aside = quotes(path, levels=2)
    assert rows == [(200, -1070, [99.5, 4, 101, 1, 98, 2, 102, 3]), (300, -970, [99.5, 4, 101, 7, 98, 2, 102, 3])]
    assert aside == {"updates without a snapshot": 2, "bookTicker": 1, "trade": 1}


def test_levels_that_a_side_does_not_have_are_nan(tmp_path: Path) -> None:
    path = write(tmp_path, [snapshot(0, 100, BIDS, ASKS), change(1, 101, 101, [], [(101, 0), (102, 0)])])
    ((_, _, numbers),) = quotes(path, levels=3)[0]
    assert [number for number in numbers if not isnan(number)] == [99, 1, 98, 2]
    assert len(numbers) == 12


def test_changes_of_usdm_follow_by_the_number_before(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [change(0, 95, 99, before=90), snapshot(5, 100, BIDS, ASKS), change(10, 107, 120, [(99.5, 1)], before=99),
         change(20, 500, 501, [(99.6, 1)], before=120)],
        name="usdm_btcusdt_20240809.gz",
    )  # fmt: skip
    rows, aside = quotes(path, levels=1)
    assert [(row[0], row[2][0]) for row in rows] == [(10, 99.5), (20, 99.6)]
    assert aside == {"updates without a snapshot": 1}


def test_where_changes_are_missing_the_book_is_unknown_until_the_next_snapshot_and_that_is_said(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [snapshot(0, 100, BIDS, ASKS), change(100, 101, 102), change(200, 104, 105, [(99.5, 1)]), change(300, 106, 107),
         snapshot(350, 107, BIDS, ASKS), change(400, 108, 108, [(99.7, 1)])],
    )  # fmt: skip
    rows, aside = quotes(path, levels=1)
    assert [row[0] for row in rows] == [100, 200, 400]
    assert all(isnan(number) for number in rows[1][2]), "an observation without a price takes the instrument away"
    assert rows[2][2] == [99.7, 1, 101, 1]
    assert aside == {"gaps in the sequence": 1, "updates without a snapshot": 1}


def test_a_snapshot_older_than_the_changes_is_of_no_use_and_what_to_do_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, [change(0, 201, 202), snapshot(50, 150, BIDS, ASKS), change(100, 203, 204), ticker(110, BIDS[0], ASKS[0])])
    with pytest.raises(BadInput, match=r"found 1 bookTicker, 1 snapshots that do not fit, 2 updates without a snapshot; .* --stream bookTicker"):
        quotes(path)
    assert len(quotes(path, stream="bookTicker")[0]) == 1


def test_a_capture_goes_on_from_the_file_before(tmp_path: Path) -> None:
    first = write(tmp_path, [snapshot(0, 100, BIDS, ASKS), change(100, 101, 102, [(99.5, 1)]), ticker(101, BIDS[0], ASKS[0])], name="b.gz")
    second = write(tmp_path, [change(200, 103, 104, [], [(101, 9)]), ticker(201, BIDS[0], ASKS[0])], name="a.gz")
    found = detect_all([Source(path=second), Source(path=first)], Said(levels=1))
    assert [one.source.path for one in found] == [first, second]
    assert found[1].why.endswith("which begins in an earlier file, not bookTicker (--stream)")
    books: Books = {}
    frames = [pl.concat([batch.frame for batch in read(one, books)]) for one in found]
    assert [frame.row(-1)[2:] for frame in frames] == [(99.5, 1, 101, 1), (99.5, 1, 101, 9)]
    (alone,) = detect_all([Source(path=second)])
    assert "best prices of bookTicker" in alone.why
    with pytest.raises(BadInput, match=r"a.gz: expected a snapshot .*, found 1 bookTicker, 1 updates without a snapshot; name the capture"):
        quotes(second, stream="depth")


def test_a_stream_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [ticker(0, BIDS[0], ASKS[0]), trade(1)])
    with pytest.raises(BadInput, match="expected messages of depth, found bookTicker, trade"):
        look(path, stream="depth")
    with pytest.raises(BadInput, match="expected a stream out of auto, bookTicker, depth, trade, aggTrade, found 'trades'"):
        look(path, stream="trades")
    with pytest.raises(BadInput, match="expected messages of bookTicker, depth, trade, aggTrade, found kline_1m; capture one of them"):
        look(write(tmp_path, [line(0, wrapped("kline_1m", {}))]))
    with pytest.raises(BadInput, match="expected at least one level, found 0"):
        look(path, levels=0)


def test_messages_are_read_without_the_wrapper_of_combined_streams_too(tmp_path: Path) -> None:
    bare = [line(0, {"u": 1, "s": "BTCUSDT", "b": "99", "B": "1", "a": "101", "A": "2"}), line(1, {"e": "trade", "s": "BTCUSDT"})]
    assert quotes(write(tmp_path, bare, name="spot_btcusdt_20240809.jsonl"))[0] == [(None, -1270, [99, 1, 101, 2])]
    spaced = line(0, wrapped("bookTicker", {"u": 1, "s": "BTCUSDT", "b": "99", "B": "1", "a": "101", "A": "2"})).replace('":', '": ')
    assert quotes(write(tmp_path, [spaced]))[0] == [(None, -1270, [99, 1, 101, 2])]


@pytest.mark.parametrize(("unit", "per_ms"), [("us", 1_000), ("ms", 1), ("s", 0.001)])
def test_receive_times_may_be_in_other_units(tmp_path: Path, unit: str, per_ms: float) -> None:
    lines = [one.split(" ", 1) for one in (ticker(270, BIDS[0], ASKS[0]), ticker(5_270, BIDS[0], ASKS[0]))]
    path = write(tmp_path, [f"{int(int(time) * per_ms / 1_000_000)} {message}" for time, message in lines])
    assert f"receive times in {unit}" in look(path).why
    assert [row[1] for row in quotes(path)[0]] == [-1_000, 4_000]


def test_crossed_and_locked_and_empty_quotes_stand_as_they_are(tmp_path: Path) -> None:
    pairs = [((101, 1), (100, 1)), ((100, 1), (100, 1)), ((0, 0), (100, 1))]
    rows, _ = quotes(write(tmp_path, [ticker(at, *pair) for at, pair in enumerate(pairs)]))
    assert [(row[2][0], row[2][2]) for row in rows] == [(101, 100), (100, 100), (0, 100)]


def test_rows_keep_the_order_of_the_file_whatever_their_times(tmp_path: Path) -> None:
    rows, _ = quotes(write(tmp_path, [ticker(at, (at + 1, 1), (at + 2, 1), usdm=True) for at in (5, 3, 4, 4)]))
    assert [row[0] for row in rows] == [5, 3, 4, 4]


@pytest.mark.parametrize(
    ("bad", "field", "expected"),
    [
        ('{"stream":"btcusdt@bookTicker","da', "the message", "a JSON object after the receive time"),
        ('{"stream":"btcusdt@bookTicker","data":[]}', "data", "a JSON object in the message"),
        ("[1, 2]", "the message", "a JSON object"),
        ('{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"1","B":"1","a":"2"}}', "A", "this field, as Binance sends it"),
        ('{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"1","B":"one","a":"2","A":"1"}}', "B", "a price or size: a finite number"),
        ('{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"nan","B":"1","a":"2","A":"1"}}', "b", "a price or size: a finite number"),
        ('{"stream":"ethusdt@bookTicker","data":{"s":"ETHUSDT","b":"1","B":"1","a":"2","A":"1"}}', "s", "messages of BTCUSDT alone"),
    ],
)
def test_a_line_that_is_no_message_is_refused(tmp_path: Path, bad: str, field: str, expected: str) -> None:
    good = ticker(0, BIDS[0], ASKS[0])
    path = write(tmp_path, [good] * 40_000 + [f"{good.split(' ')[0]} {bad}"])
    with pytest.raises(BadRow, match="btcusdt") as caught:
        quotes(path)
    assert (caught.value.place, caught.value.field) == ("line 40001", field)
    assert caught.value.expected.startswith(expected)


@pytest.mark.parametrize(
    ("time", "value", "expected"),
    [("yesterday", "yesterday", "a time of 2009 to 2099 in ns, as in the first line"),
     ("1723161600000", "1723161600000", "a time of 2009 to 2099 in ns"),
     ("1723175998730000000", "2024-08-09 03:59:58.730000+00:00", "a receive time within an hour of the event time 2024-08-09 00:00:00")],
)  # fmt: skip
def test_a_receive_time_that_cannot_be_is_refused(tmp_path: Path, time: str, value: str, expected: str) -> None:
    good = ticker(0, BIDS[0], ASKS[0], usdm=True)
    with pytest.raises(BadRow) as caught:
        quotes(write(tmp_path, [good] * 3 + [f"{time} {good.split(' ', 1)[1]}"]))
    assert (caught.value.place, caught.value.field, caught.value.value) == ("line 4", "receive time", value)
    assert caught.value.expected.startswith(expected)


def test_changes_with_levels_that_are_none_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [snapshot(0, 100, BIDS, ASKS), change(1, 101, 101), change(2, 102, 102).replace('"b":[]', '"b":[["x","1"]]')])
    with pytest.raises(BadRow, match=r"line 3, b: found 'x', expected a price or size"):
        quotes(path)
    path = write(tmp_path, [snapshot(0, 100, BIDS, ASKS), change(1, 101, 101), change(2, 102, 102).replace('"U":102', '"U":"102"')])
    with pytest.raises(BadRow, match=r"line 3, the message: .* times and numbers of updates as integers"):
        quotes(path)


def test_captures_of_several_symbols_and_of_coin_margined_futures_are_refused(tmp_path: Path) -> None:
    both = write(tmp_path, [ticker(0, BIDS[0], ASKS[0]), ticker(0, BIDS[0], ASKS[0], symbol="ETHUSDT")])
    with pytest.raises(BadInput, match=r"expected messages of one symbol, .* found BTCUSDT, ETHUSDT; write a file for each"):
        look(both)
    coin = write(tmp_path, [ticker(0, BIDS[0], ASKS[0], usdm=True, symbol="BTCUSD_PERP").replace('"u":', '"ps":"BTCUSD","u":')])
    with pytest.raises(BadInput, match="expected sizes in base units, found COIN-M futures of BTCUSD_PERP, which count contracts"):
        look(coin)


def test_a_capture_whose_archive_or_last_line_is_cut_off_is_refused(tmp_path: Path) -> None:
    lines = [ticker(at, (100 + at % 7, 1 + at), (110 + at % 5, 2)) for at in range(20_000)]
    path = write(tmp_path, lines)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"expected a sound archive, found .*; get the file again"):
        quotes(path)
    path.write_bytes(gzip.decompress(whole)[:-40])
    with pytest.raises(BadRow, match=r"line 20000, the message: .*was the file cut off"):
        quotes(path)


def test_what_the_user_says_goes_before_the_content(tmp_path: Path) -> None:
    path = write(tmp_path, [ticker(0, BIDS[0], ASKS[0], symbol="BTCUSDT_240927")], name="quarterly.gz")
    with pytest.raises(BadInput, match=r"does not tell the instrument \(--instrument\)"):
        look(path)
    assert look(path, venue="binance-quarterly", instrument="BTC/USDT").key == SeriesKey("binance-quarterly", "BTC/USDT")


def test_a_capture_passes_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [snapshot(0, 100, BIDS, ASKS), *(change(at, 100 + at, 100 + at, [(90 + at % 9, at)]) for at in range(1, 500))]
    path = write(tmp_path, lines)
    whole = quotes(path, levels=3)
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": 5_000, "longest": 65_536})
    assert len(list(read(look(path)))) > 10
    assert str(quotes(path, levels=3)) == str(whole)
