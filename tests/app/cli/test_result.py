"""A printed result: the verdict first, warnings of what it is not, and sums that add up before the reader's eyes."""

import re
from typing import Any

import pytest

from app.cli import result
from engine import backtest
from engine.config import parse_spec_toml
from engine.synth import depeg_weekend


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    weekend = depeg_weekend(1)
    return dict(backtest.run(parse_spec_toml(weekend.spec_toml), weekend.bars).summary)


def printed(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    result.show(summary)
    return capsys.readouterr().out


def amounts(text: str) -> dict[str, float]:
    rows = re.findall(r"^  (= )?(\w[\w ]*?)  +([+-]?[\d,]+\.\d\d)\b", text, flags=re.MULTILINE)
    return {f"{sign}{label}": float(amount.replace(",", "")) for sign, label, amount in rows}


def test_the_verdict_comes_before_any_number_and_after_what_the_data_is(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(printed(summary, capsys).split())
    places = [text.index(part) for part in ("SYNTHETIC DATA", "INDICATIVE", summary["verdict"], "Where it came from", "Trades", "Data")]
    assert places == sorted(places)


def test_the_lines_of_the_attribution_add_up_to_the_sums_shown(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    found = amounts(printed(summary, capsys))
    lines = ("gross", "slippage", "leg misses", "fees", "peg", "inventory")
    assert sum(found[line] for line in lines) == pytest.approx(found["= excess over holding"], abs=0.04)
    assert found["= excess over holding"] + found["trading back"] == pytest.approx(found["= after trading back"], abs=0.02)
    assert found["= after trading back"] == pytest.approx(summary["trade_back"]["excess"], abs=0.01)
    assert found["= excess over holding"] + found["hold"] == pytest.approx(found["= change of equity"], abs=0.02)
    assert found["= excess over holding"] == pytest.approx(summary["excess"], abs=0.01)


def test_a_result_that_does_not_add_up_says_so_itself(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    wrong = summary | {"attribution": [row | {"amount": -row["amount"]} if row["line"] == "fees" else row for row in summary["attribution"]]}
    assert "DOES NOT ADD UP" not in printed(summary, capsys)
    assert printed(wrong, capsys).count("DOES NOT ADD UP") == 3


def test_every_order_is_accounted_for(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(summary, capsys)
    filled, missed = (int(found[1]) for name in ("filled", "missed") if (found := re.search(rf"orders {name} +(\d+)", text)))
    assert filled + missed == 2 * summary["counts"]["packages"] + 3
    assert re.search(r"residual orders +3 ", text)
    assert re.search(r"depeg guard +2  USDC off par at 2023-03-11 \d\d:\d\d, USDC back at par at 2023-03-12 \d\d:\d\d", text)


def test_transfers_stops_and_alarms_are_told_where_there_were_any(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    silent = printed(summary, capsys)
    assert not re.search(r"^  (transfers|stopped) ", silent, re.MULTILINE)
    moved = [row | {"amount": -1.5} if row["line"] == "transfers" else row for row in summary["attribution"]]
    stopped = [{"at": "2023-03-11T10:00:00Z", "why": "misses"}]
    wallets = [{"venue": venue, "currency": "USDC", "in_flight": flying} for venue, flying in (("alfa", 0.0), ("bravo", 12_345.5))]
    counts = summary["counts"] | {"transfers": 7, "alarms": 1, "dropped_no_volume": 0, "dropped_cool_down": 0, "dropped_halted": 2}
    text = printed(summary | {"attribution": moved, "counts": counts, "stops": stopped, "balances": wallets, "guard": summary["guard"] * 3}, capsys)
    assert "transfers                   -1.50  fees of moving funds between venues" in text
    assert "passed over: 1 beyond what an edge can be, 2 while a currency was off par" in " ".join(text.split())
    assert re.search(r"transfers +7  under way at the end: 12,345.5 USDC to bravo", text)
    assert re.search(r"stopped +for good at 2023-03-11 10:00 UTC, by the limit on packages missed in a row", text)
    assert "back at par at 2023-03-12 " in text
    assert ", 2 more" in " ".join(text.split())


def test_worse_conditions_are_shown_where_they_were_walked(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(summary | {"excess": summary["excess"], "stress": {"worse_tier": summary["excess"] - 12.5}}, capsys)
    assert re.search(r"the next worse fee tier at every venue +[+-][\d,.]+  excess at marks; against the run: -12\.50", text)
    assert "twice as long" not in text
    assert "Had it been worse" not in printed(summary | {"stress": {}}, capsys)


def test_a_result_of_an_earlier_version_is_shown_too(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    new = ("stress", "stops", "guard", "balances", "trade_back", "combinations", "legs")
    old = {name: value for name, value in summary.items() if name not in new}
    old["counts"] = {
        name: count for name, count in summary["counts"].items() if name not in {"residual_orders", "missed_absent", "transfers", "alarms"}
    }
    old["metrics"] = {name: value for name, value in summary["metrics"].items() if not name.startswith(("markout", "peak"))}
    old["quality"] = [{"bars" if name == "rows" else name: value for name, value in row.items() if name != "data"} for row in summary["quality"]]
    text = printed(old, capsys)
    assert re.search(r"synthetic-alpha BTC/USD +bars +2,880", text)
    assert re.search(r"tied up at most +n/a", text)
    assert "DOES NOT ADD UP" not in text


def test_a_run_on_traded_prices_has_no_synthetic_banner(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert "SYNTHETIC" not in printed(summary | {"synthetic": False, "name": "x"}, capsys).partition("Data\n")[0].replace("synthetic-", "")


def test_a_run_without_trades_is_shown_without_numbers_that_do_not_exist(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    weekend = depeg_weekend(1)
    silent = backtest.run(parse_spec_toml(weekend.spec_toml.replace("threshold_bps = 10 ", "threshold_bps = 500 ")), weekend.bars).summary
    text = printed(dict(silent), capsys)
    assert "No edge after costs" in text
    assert re.search(r"mean edge +n/a", text)
    assert "nan" not in text


def test_what_is_piped_has_no_colours_and_no_blanks_at_line_ends(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(summary, capsys)
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_warnings_are_printed_as_they_are_even_where_they_look_like_markup(summary: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert "- look at [venues.x] and [/b]" in printed(summary | {"warnings": ["look at [venues.x] and [/b]"]}, capsys)
