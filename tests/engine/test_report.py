"""The page of a result: it needs no network, says the verdict first, and shows what there is."""

import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ledger
from engine.attribution import LINES
from engine.backtest import run
from engine.config import parse_spec_toml
from engine.report import chart_points, checks, figure, render, zero_line
from engine.result import Result
from engine.synth import depeg_weekend
from engine.wording import FIGURES, LINE_MEANINGS, PASSED_OVER, STRESS
from tests.engine.paper import PATH, SPEC, TRANSFERS
from tests.engine.small import dear_alfa

HOSTILE = '<script>alert("1")</script> & </title>'
WIDTH, HEIGHT = 960, 240


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def result() -> Result:
    weekend = depeg_weekend(3)
    return run(parse_spec_toml(weekend.spec_toml), weekend.bars)


@pytest.fixture(scope="module")
def html(result: Result) -> str:
    return rendered(result)


def rendered(result: Result, *, packages: pl.DataFrame | None = None, **summary: object) -> str:
    """Return the page of a result with parts of its summary replaced."""
    shown = result.packages if packages is None else packages
    return render({**result.summary, **summary}, result.manifest, equity=result.equity, packages=shown, transfers=result.transfers)


def test_the_page_needs_nothing_but_itself(html: str) -> None:
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    tags = Page(html).tags
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in tags}
    assert not {"src", "href", "srcset", "data", "action"} & {name for _, attributes in tags for name in attributes}
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)


def test_the_verdict_comes_before_all_figures(result: Result, html: str) -> None:
    verdict = str(result.summary["verdict"])
    assert html.index(verdict) < min(html.index(mark) for mark in ("<table", "<svg", "<h2"))


def test_a_name_cannot_break_out_of_the_page(result: Result) -> None:
    html = rendered(result, name=HOSTILE, verdict=HOSTILE, warnings=[HOSTILE], assumptions=[HOSTILE])
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(") == 5  # title, heading, verdict, warning, assumption
    assert Page(html).text.count(HOSTILE) >= 4


def test_a_name_cannot_break_out_of_the_manifest(result: Result) -> None:
    hostile = {**result.manifest, "spec": {"name": HOSTILE}}
    html = render(result.summary, hostile, equity=result.equity, packages=result.packages, transfers=result.transfers)
    assert "<script" not in html


@pytest.mark.parametrize(
    ("flag", "words"),
    [("synthetic", "SYNTHETIC DATA: invented prices, no market"), ("indicative", "INDICATIVE: not from recorded quotes alone")],
)
def test_a_flag_stands_before_the_verdict_if_it_is_set_and_nowhere_if_not(result: Result, flag: str, words: str) -> None:
    html = rendered(result, **{flag: True})
    assert html.index(words) < html.index('class="verdict"')
    assert words not in rendered(result, **{flag: False})


def test_every_line_of_the_change_of_equity_is_there_with_what_it_means(result: Result, html: str) -> None:
    text = Page(html).text
    assert set(LINE_MEANINGS) == set(LINES)
    for row in result.summary["attribution"]:  # type: ignore[attr-defined]
        assert f"{row['line'].replace('_', ' ')}{row['amount']:z,.2f}{LINE_MEANINGS[row['line']]}" in text
    change = result.equity["equity"][-1] - result.equity["hold"][0]
    assert f"change of equity{change:,.2f}" in text


def test_the_excess_is_shown_before_and_after_trading_back(result: Result) -> None:
    text = Page(rendered(result, excess=5.0, trade_back={"amount": -2.0, "excess": 3.0, "at_mark": ["BNB", "USDC"]})).text
    assert "excess over holding, at marks5.00" in text
    assert "after fees; BNB, USDC at the mark, as nothing in view trades it" in text
    assert re.search(r"trading back-2\.00.*\n.*excess after trading back3\.00what the verdict says", text)
    assert "at the mark, as" not in Page(rendered(result)).text


def test_worse_conditions_are_held_against_the_run_and_those_that_were_not_walked_are_left_out(result: Result) -> None:
    text = Page(rendered(result, excess=5.0, stress={"shares_halved": 1.0, "latencies_doubled": 7.0})).text
    assert "all latencies twice as long7.002.00" in text
    assert "half of the size that counts as ours1.00-4.00" in text
    assert STRESS["worse_tier"] not in text
    assert text.index("all latencies") < text.index("half of the size")
    assert "Had it been worse" not in Page(rendered(result, stress={})).text


def test_every_opportunity_is_counted_by_what_became_of_it(result: Result) -> None:
    zero = dict.fromkeys(result.summary["counts"], 0)  # type: ignore[call-overload]
    for reason, words in PASSED_OVER.items():
        name = "alarms" if reason == "alarm" else f"dropped_{reason}"
        text = Page(rendered(result, counts={**zero, name: 1234})).text
        assert f"{words}1,234" in text
        assert sum(f"{other}0" in text for other in PASSED_OVER.values()) == 0


def test_combinations_and_legs_have_their_lines(result: Result, html: str) -> None:
    text = Page(html).text
    for row in result.summary["combinations"]:  # type: ignore[attr-defined]
        assert f"{row['legs']}{row['packages']}{row['gross']:z,.2f}" in text
        assert f"{row['fees']:z,.2f}{row['pnl']:z,.2f}" in text
    for leg in result.summary["legs"]:  # type: ignore[attr-defined]
        assert f"{leg['venue']} {leg['instrument']}{leg['orders']}{leg['fills']}{leg['turnover']:,.2f}" in text
    assert "Combinations" not in Page(rendered(result, combinations=[])).text


def test_stops_and_the_guard_are_told_where_there_were_any(result: Result) -> None:
    events = [{"at": "2023-03-11T02:00:00Z", "currency": "USDC", "state": state} for state in ("off", "back")]
    text = Page(rendered(result, stops=[{"at": "2023-03-11T03:00:00Z", "why": "drawdown"}], guard=events)).text
    assert "2023-03-11T03:00:00Ztrading stopped for good: limit on the drawdown" in text
    assert "2023-03-11T02:00:00ZUSDC off par" in text
    assert "2023-03-11T02:00:00ZUSDC back at par" in text
    assert "limit on packages missed in a row" in rendered(result, stops=[{"at": "2023-03-11T03:00:00Z", "why": "misses"}])
    assert "<h2>Stops" not in rendered(result, stops=[], guard=[])


def test_transfers_are_listed_up_to_the_fiftieth_and_those_under_way_say_so(result: Result) -> None:
    moved = ledger.transfers_table(SPEC, TRANSFERS)
    for count, more in ((1, False), (25, False), (26, True)):
        html = render(result.summary, result.manifest, equity=result.equity, packages=result.packages, transfers=pl.concat([moved] * count))
        assert html.count('<td class="text">chain</td>') == min(50, 2 * count)
        assert ("(the first 50; 2 more in transfers.parquet)" in html) == more
    text = Page(html).text
    assert "2024-01-01 01:02:00chainbravoalfa50USDC12024-01-01 01:03:00" in text
    assert "2024-01-01 01:04:00chainbravoalfa30USDC1under way at the end" in text
    assert "<h2>Transfers" not in rendered(result)


def test_wallets_are_shown_from_start_to_end(result: Result) -> None:
    text = Page(rendered(result, balances=ledger.balances(SPEC, PATH))).text
    assert "bravo USDC20055.9212102.10210.77530" in text
    assert "alfa USDC0490029" in text


def test_what_checks_found_is_said_in_words() -> None:
    row = {"venue": "a", "instrument": "b", "data": "quotes", "rows": 9, "longest_gap_s": 3.5, "first": None, "last": None}
    assert checks({**row, "crossed": 0, "nan": 0}) == "none"
    assert checks({**row, "zero_or_negative": 1200, "nan": 0, "truncated": 1}) == "1,200 zero or negative, 1 truncated"


def test_figures_counts_data_and_hash_are_there(result: Result, html: str) -> None:
    text = Page(html).text
    assert f"{result.summary['manifest_hash']}" in text
    assert all(label in text for _, label, _ in FIGURES)
    counts = [name for name in result.summary["counts"] if name != "alarms" and not name.startswith("dropped_")]  # type: ignore[attr-defined]
    assert all(f"{name.replace('_', ' ')}{result.summary['counts'][name]:,}" in text for name in counts)  # type: ignore[index]
    assert "synthetic-gamma BTC/USDbars2,8" in text
    assert all(f"{key}" in text for key in depeg_weekend(3).bars)
    assert "spec_sha256" in text


def test_packages_are_listed_in_their_order(result: Result, html: str) -> None:
    decided = [f"{at:%Y-%m-%d %H:%M:%S}" for at in result.packages["decided"]]
    table = html[html.index("<h2>Packages") :]
    places = [table.index(f"<td>{when}</td>") for when in decided]
    assert places == sorted(places)
    assert "mattered most" not in table


def many(result: Result, pnl: list[float]) -> pl.DataFrame:
    """Return as many packages as there are PnLs, that differ in their number, planned quantity and PnL."""
    first = pl.concat([result.packages.head(1)] * len(pnl))
    return first.with_columns(package=pl.arange(len(pnl), eager=True), planned=pl.arange(len(pnl), eager=True) + 0.5, pnl=pl.Series(pnl))


def listed(html: str) -> list[str]:
    return re.findall(r"<td>-?[\d.]+</td><td>(\d+\.5)</td>", html)


def test_of_many_packages_the_50_with_the_largest_gain_or_loss_are_shown(result: Result) -> None:
    html = rendered(result, packages=many(result, [(-1.0) ** n * n for n in range(70)]))
    assert "the 50 that mattered most; 20 more in packages.parquet" in html
    assert listed(html) == [f"{n}.5" for n in range(20, 70)]


def test_of_equal_packages_the_first_are_shown(result: Result) -> None:
    # enough of them, and enough between them, for a sort that is not stable to show
    html = rendered(result, packages=many(result, [float(n % 7) for n in range(5_000)]))
    assert listed(html) == [f"{7 * n + 6}.5" for n in range(50)]


def test_a_run_without_packages_says_so_and_one_without_equity_has_no_ratios() -> None:
    world = dear_alfa(strategy={"threshold_bps": 9_000.0}, venues={name: {"balances": {}} for name in ("alfa", "bravo")})
    html = rendered(run(world.spec, world.data))
    assert "<tr><td>none</td></tr>" in html
    assert "<td>Sharpe ratio</td><td>not defined</td>" in html


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (None, "money", "not defined"),
        (1234.567, "money", "1,234.57"),
        (-0.001, "money", "0.00"),
        (-12.345, "bps", "-12.35 bps"),
        (0.1234, "share", "12.34 %"),
        (1.005, "ratio", "1.00"),
        (59.0, "duration", "0 h 0 min"),
        (3_660.0, "duration", "1 h 1 min"),
        (86_399.0, "duration", "23 h 59 min"),
        (90_061.0, "duration", "1 d 1 h 1 min"),
        (0.0805, "seconds", "0.081 s"),
        (1234.5, "seconds", "1,234.500 s"),
    ],
)
def test_figures_are_written_as_people_read_them(value: float | None, kind: str, shown: str) -> None:
    assert figure(value, kind) == shown


def points(values: list[float]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, _, y in (point.partition(",") for point in chart_points(np.array(values)).split(" "))]


def test_a_short_chart_has_every_value_scaled_with_zero_on_it() -> None:
    # from 0 to 4: 240 high
    assert points([0, 1, 4, 2]) == [(0, 240), (320, 180), (640, 0), (960, 120)]
    assert points([-3, -1]) == [(0, 240), (960, 80)]
    assert points([2, 1]) == [(0, 0), (960, 120)]
    assert points([0, 0]) == [(0, 0), (960, 0)]
    assert points([5]) == [(0, 0)]


@pytest.mark.parametrize(("values", "height"), [([0, 4], 240), ([-3, -1], 0), ([-1, 3], 180), ([0, 0], 0)])
def test_the_line_of_zero_lies_where_zero_is(values: list[float], height: float) -> None:
    assert zero_line(np.array(values, dtype=float)) == height


@given(st.integers(601, 5_000), st.data())
def test_a_long_chart_keeps_both_ends_and_every_extreme(size: int, data: st.DataObject) -> None:
    values = np.sin(np.arange(size) / 7) * 3
    spikes = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    values[spikes] = 10.0, -20.0
    found = points(values.tolist())
    assert len(found) <= 602
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    assert (found[0][0], found[-1][0]) == (0, WIDTH)
    for row, height in zip(spikes, (0, HEIGHT), strict=True):
        assert (pytest.approx(row / (size - 1) * WIDTH, abs=0.06), height) in found
