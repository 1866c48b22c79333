"""What a file was taken for is said at length, of those that are nothing, too."""

from pathlib import Path

from app.sources.detect import Said
from app.sources.explain import _HEADER, _OTHERS, look
from app.sources.files import expand
from app.sources.formats import Format

from .files import row, write


def test_each_file_is_explained_whatever_the_others_are(tmp_path: Path) -> None:
    write(tmp_path, [row(0)], name="a_BTC-USD_1m.csv", header="Date,O,H,L,C,Vol")
    write(tmp_path, ["<html>"], name="b_BTC-USD_1m.csv", header=None)
    write(tmp_path, ["1678233600,1,2"], name="c.csv", header=None)
    bars, page, trades = look(expand([tmp_path]), Said(venue="kraken", instrument="BTC/USD"))
    assert bars.found is not None
    assert (bars.found.format, bars.error) == (Format.CSV, "")
    assert bars.told_by == "a header that names open, high, low and close"
    assert bars.otherwise == "with a bid and an ask it would be quotes, with a price and a size trades"
    assert bars.columns == {"Date": "ts", "O": "open", "H": "high", "L": "low", "C": "close", "Vol": "volume"}
    assert page.found is None
    assert page.error.startswith("expected a table of bars, quotes or trades")
    assert trades.told_by == "3 columns without header"


def test_every_format_has_an_explanation() -> None:
    assert set(_OTHERS) == set(Format) - {Format.CSV, Format.PARQUET}
    assert {"bars", "quotes", "trades", "pool", "funding"} == set(_HEADER)


def test_a_capture_is_explained_without_columns(tmp_path: Path) -> None:
    from tests.app.sources.captures import ticker
    from tests.app.sources.captures import write as write_capture

    (found,) = look(expand([write_capture(tmp_path, [ticker(0, (1, 1), (2, 1))])]), Said())
    assert (found.columns, found.told_by) == ({}, "lines of a receive time and a JSON message")
