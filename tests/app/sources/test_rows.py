"""The rules of a bar: each bad row is refused with its place, field, value, what was expected and what to do."""

import re
from pathlib import Path

import pytest

from app.sources.errors import BadRow
from engine.schema import BARS

from .files import HEADER, START_MS, bars, minutes, row, write

GOOD = "100,110,90,105,1.5"


def refusal(folder: Path, rows: list[str], **kwargs: str | None) -> BadRow:
    """Return the error of a table."""
    with pytest.raises(BadRow) as caught:
        bars(write(folder, rows, **kwargs))  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    ("values", "field", "value", "expected"),
    [
        ("-100,110,90,105,1", "open", "-100", "a price above 0"),
        ("100,110,0,105,1", "low", "0", "a price above 0"),
        ("100,nan,90,105,1", "high", "nan", "a finite number"),
        ("100,110,90,inf,1", "close", "inf", "a finite number"),
        ("100,1e999,90,105,1", "high", "1e999", "a finite number"),
        ("100,110,90,about 105,1", "close", "about 105", "a finite number"),
        ("100,110,90,1_05,1", "close", "1_05", "a finite number"),
        ("100,110,90,105,", "volume", "", "a finite number"),
        ("100,110,90,105,-1", "volume", "-1", "a volume of 0 or more"),
        ("100,90,110,105,1", "high", "90", "the highest price of the bar, at least 110.0"),
        ("100,104,90,105,1", "high", "104", "the highest price of the bar, at least 105.0"),
        ("100,110,101,105,1", "low", "101", "the lowest price of the bar, at most 100.0"),
    ],
)
def test_a_bar_with_an_impossible_value_is_refused(tmp_path: Path, values: str, field: str, value: str, expected: str) -> None:
    error = refusal(tmp_path, [row(0), row(1), row(2, values), row(3, "x")])
    assert (error.place, error.field, error.value) == ("line 4", field, value)
    assert error.expected.startswith(expected)
    assert re.fullmatch(rf".*kraken_BTC-USDC_1m.csv, line 4, {field}: found '{re.escape(value)}', expected .+; .+", str(error))


@pytest.mark.parametrize(
    ("time", "expected", "advice"),
    [
        (f"{START_MS // 1000 + 120}", "a time of 2009 to 2099 in ms", "it would be 2023-03-08 00:02:00 in s: give all rows one unit"),
        (f"{START_MS + 120_000}000", "a time of 2009 to 2099 in ms", "it would be 2023-03-08 00:02:00 in us: give all rows one unit"),
        ("5", "a time of 2009 to 2099 in ms", "correct it or take the row out"),
        ("99999999999999999999", "a time of 2009 to 2099 in ms", "correct it or take the row out"),
        ("2023-03-08", "a time of 2009 to 2099 in ms", "correct it or take the row out"),
        ("", "a time of 2009 to 2099 in ms", "correct it or take the row out"),
        (f"{START_MS + 120_001}", "the open time of a bar of 1m, a multiple of it", "2023-03-08 00:02:00.001000 is none; .* --interval"),
        (f"{START_MS}", "a time after 2023-03-08 00:01:00 of the row before", "sort the file by time, oldest first"),
        (f"{START_MS + 60_000}", "each time once, or again with the same values", "the row before has this time and other values"),
    ],
)
def test_a_bar_with_a_time_that_cannot_be_is_refused(tmp_path: Path, time: str, expected: str, advice: str) -> None:
    error = refusal(tmp_path, [row(0), row(1), f"{time},100,110,90,105,7", row(3)])
    assert (error.place, error.field, error.value) == ("line 4", "open_time_ms", time)
    assert error.expected.startswith(expected)
    assert re.match(advice, error.advice)


def test_a_time_as_text_that_is_none_is_refused(tmp_path: Path) -> None:
    rows = [f"2023-03-08 00:00:00,{GOOD}", f"2023-03-08 00:01:00+02:00,{GOOD}"]
    error = refusal(tmp_path, rows, header=HEADER.replace("open_time_ms", "time"))
    assert (error.place, error.field, error.value) == ("line 3", "time", "2023-03-08 00:01:00+02:00")
    assert "UTC" in error.expected


@pytest.mark.parametrize("line", ["1678233660000,100,110,90,105", "1678233660000,100,110,90,105,1,2", "# a remark", "1,5;2;3"])
def test_a_row_with_another_number_of_columns_is_refused(tmp_path: Path, line: str) -> None:
    error = refusal(tmp_path, [row(0), line, row(2)])
    assert (error.place, error.field, error.value) == ("line 3", "the whole line", line)
    assert error.expected == f"6 columns, not {line.count(',') + 1}"


def test_two_wrong_rows_whose_columns_add_up_are_refused_all_the_same(tmp_path: Path) -> None:
    times = ",".join(["x"] * 6)
    rows = [f"{row(0)},{times}", f"{row(1)},{times},x", f"{row(2)},{times.removesuffix(',x')}"]
    error = refusal(tmp_path, rows, header=None, name="BTCUSDT-1m-2023-03-08.csv")
    assert error.place == "line 2"


def test_the_row_before_counts_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": 100, "longest": 65_536})
    error = refusal(tmp_path, [*map(row, range(20)), row(19, "100,110,90,105,7")])
    assert (error.place, error.expected) == ("line 22", "each time once, or again with the same values")
    assert minutes(bars(write(tmp_path, [*map(row, range(20)), row(19), row(19), row(20)]))) == list(range(21))


def test_rows_that_repeat_the_one_before_are_left_out(tmp_path: Path) -> None:
    frame = bars(write(tmp_path, [row(0), row(0), row(1), row(1), row(1), row(2)]))
    assert minutes(frame) == [0, 1, 2]


def test_what_passes_keeps_the_contract_of_bars(tmp_path: Path) -> None:
    frame = bars(write(tmp_path, [row(0), row(7, "1e2,1.1e2, 90 ,+105,0")]))
    assert frame.schema == BARS
    assert frame.row(1)[1:] == (100.0, 110.0, 90.0, 105.0, 0.0)


def test_empty_lines_say_nothing_and_the_numbers_of_lines_still_count_them(tmp_path: Path) -> None:
    assert minutes(bars(write(tmp_path, ["", row(0), "", "", row(1), ""]))) == [0, 1]
    assert refusal(tmp_path, ["", row(0), "", row(1, "x,110,90,105,1")]).place == "line 5"


def test_quotes_windows_lines_and_a_byte_order_mark_are_read_over(tmp_path: Path) -> None:
    path = tmp_path / "kraken_BTC-USDC_1m.csv"
    lines = [f'"{name}"' for name in HEADER.split(",")]
    path.write_bytes(b"\xef\xbb\xbf" + f'{",".join(lines)}\r\n{row(0)}\r\n"{START_MS + 60_000}",{GOOD}'.encode())
    assert minutes(bars(path)) == [0, 1]


def test_a_byte_order_mark_before_a_table_without_header_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "XBTUSDC_1.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{START_MS // 1000},{GOOD},3\n".encode())
    assert minutes(bars(path)) == [0]
