"""The page of a result: it needs no network, says the verdict first, and shows what there is."""

import base64
import hashlib
import html as htmllib
import itertools
import re
from collections import Counter

import polars as pl
import pytest

from engine import ledger
from engine.attribution import LINES, PERPETUAL_LINES
from engine.backtest import run
from engine.config import parse_spec_toml
from engine.report.forms import when
from engine.report.words import COUNTS
from engine.report.words import LINES as NAMES
from engine.result import TABLES, Result
from engine.synth import depeg_weekend
from engine.wording import FIGURES, LINE_MEANINGS, NOT_MODELLED, PASSED_OVER, STRESS
from engine.wording import NAMES as STRATEGY_NAMES
from tests.engine.paper import PATH, SPEC, TRANSFERS
from tests.engine.report.pages import HOSTILE, Page, rendered
from tests.engine.small import dear_alfa

SECTIONS = [
    "figures", "time", "spread", "origin", "episodes", "legs", "costs", "waiting", "worse", "packages", "wallets",
    "data", "assumptions", "manifest", "words",
]  # fmt: skip


@pytest.fixture(scope="module")
def result() -> Result:
    weekend = depeg_weekend(3)
    return run(parse_spec_toml(weekend.spec_toml), weekend.bars)


@pytest.fixture(scope="module")
def html(result: Result) -> str:
    return rendered(result)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_is_well_formed_and_every_name_on_it_is_of_one_thing(page: Page) -> None:
    assert (page.wrong, page.open) == ([], [])
    assert [ident for ident, count in Counter(page.of("id")).items() if count > 1] == []


def test_the_page_needs_nothing_but_itself(page: Page, html: str) -> None:
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.names)
    names = {name for _, attributes in page.tags for name in attributes}
    assert not {"src", "srcset", "data", "action", "style"} & names
    assert not any(name.startswith("on") for name in names)
    assert {href[0] for href in page.of("href")} == {"#"}


def test_its_policy_allows_its_own_style_and_nothing_else(page: Page, html: str) -> None:
    policy = next(attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy")
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert html.index("Content-Security-Policy") < html.index("<style>")


def test_sections_come_in_their_order_and_every_link_leads_to_one(page: Page) -> None:
    assert [attributes["id"] for tag, attributes in page.tags if tag == "section"] == SECTIONS
    assert [href for href in page.of("href") if href[1:] not in page.of("id")] == []
    assert [href[1:] for href in page.of("href")][1:] == SECTIONS


def test_tables_and_charts_can_be_reached_and_are_named(page: Page) -> None:
    regions = [attributes for _, attributes in page.tags if attributes.get("role") == "region"]
    assert len(regions) == page.names.count("table")
    assert all(region["tabindex"] == "0" and region["aria-label"] for region in regions)
    charts = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    names = ["chart-excess", "chart-drawdown", "chart-spread", "chart-waterfall", "chart-episodes", "chart-capacity"]
    assert [chart["id"] for chart in charts] == names
    labels = " ".join(str(chart["aria-labelledby"]) for chart in charts).split()
    assert set(labels) <= set(page.of("id"))


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag in page.names if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_verdict_comes_before_all_figures_its_headline_first(result: Result, html: str) -> None:
    headline, verdict = htmllib.escape(str(result.summary["headline"])), str(result.summary["verdict"])
    detail = htmllib.escape(verdict.removeprefix(str(result.summary["headline"])).strip())
    first = min(html.index(mark) for mark in ("<table", "<svg", "<h2"))
    assert html.index(headline) < html.index(detail) < first
    assert html.count(headline) == 1


def test_a_name_cannot_break_out_of_the_page(result: Result) -> None:
    html = rendered(result, name=HOSTILE, headline=HOSTILE, verdict=f"{HOSTILE} {HOSTILE}", warnings=[HOSTILE], assumptions=[HOSTILE])
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(") == 6  # title, heading, headline, detail, warning, assumption
    assert Page(html).text.count(HOSTILE) >= 5


def test_a_name_cannot_break_out_of_manifest_tables_or_charts(result: Result) -> None:
    hostile = pl.lit(HOSTILE)
    tables = {name: getattr(result, name).with_columns(legs=hostile) for name in ("packages", "opportunities", "episodes")}
    spec = {**result.spec.canonical(), "name": HOSTILE}
    html = rendered(result, tables=tables, manifest={"spec": spec, "python": HOSTILE})
    assert "<script" not in html
    assert Page(html).wrong == []
    assert ", &lt;script&gt;" in html  # what the pointer is told of a mark


@pytest.mark.parametrize(
    ("flag", "words"),
    [("synthetic", "SYNTHETIC DATA: invented prices, no market"), ("indicative", "INDICATIVE: not from recorded quotes alone")],
)
def test_a_flag_stands_before_the_verdict_if_it_is_set_and_nowhere_if_not(result: Result, flag: str, words: str) -> None:
    html = rendered(result, **{flag: True})
    assert html.index(words) < html.index('class="verdict"')
    assert words not in rendered(result, **{flag: False})


def test_every_line_of_the_change_of_equity_is_there_with_what_it_means(result: Result, page: Page) -> None:
    assert set(LINE_MEANINGS) == {*LINES, *PERPETUAL_LINES, "redemption"}
    turnover = result.summary["metrics"]["turnover"]  # type: ignore[index]
    for line, amount in [(row["line"], row["amount"]) for row in result.summary["attribution"]]:  # type: ignore[attr-defined]
        if line in {"gas", "transfers"}:  # there were none
            assert not any(row and row[0] == line and len(row) == 4 and row[3] == LINE_MEANINGS[line] for row in page.rows)
            continue
        bps = "" if line == "hold" else f"{1e4 * amount / turnover:z,.2f}"
        assert [
            {"gross": "gross edge", **NAMES}.get(line, line),
            f"{amount:+,.2f}" if round(amount, 2) else "0.00",
            bps,
            LINE_MEANINGS[line],
        ] in page.rows
    change = result.equity["equity"][-1] - result.equity["hold"][0]
    assert page.row("change of equity")[0] == f"{change:+,.2f}"


def test_the_excess_is_shown_before_and_after_trading_back(result: Result) -> None:
    found = Page(rendered(result, excess=5.0, trade_back={"amount": -2.0, "excess": 3.0, "at_mark": ["BNB", "USDC"]}))
    assert [found.row(name)[0] for name in ("excess over holding", "trading back", "excess after trading back")] == ["+5.00", "-2.00", "+3.00"]
    assert found.row("trading back")[2].endswith("after fees; BNB, USDC at the mark, as nothing in view trades it")
    assert "at the mark, as" not in Page(rendered(result)).text


def test_costs_are_told_as_shares_of_the_gross_edge(result: Result) -> None:
    lines = dict.fromkeys(LINES, 0.0) | {"gross": 200.0, "fees": -150.0, "slippage": -70.0, "leg_misses": 10.0}
    attribution = [{"line": line, "amount": amount} for line, amount in lines.items()]
    metrics = {**result.summary["metrics"], "turnover": 1_000_000.0}  # type: ignore[dict-item]
    found = Page(rendered(result, attribution=attribution, metrics=metrics))
    costs = [row for row in found.rows if row and len(row) == 4 and (row[3].endswith(" %") or row[0] == "gross edge")][1:]
    assert costs == [
        ["gross edge", "+200.00", "2.00", ""],
        ["slippage", "-70.00", "-0.70", "35.0 %"],
        ["missed legs", "+10.00", "0.10", "-5.0 %"],
        ["fees", "-150.00", "-1.50", "75.0 %"],
        ["transfers", "0.00", "0.00", "0.0 %"],
        ["left", "-10.00", "-0.10", "-5.0 %"],
    ]
    assert "2.00 → -0.20" in found.text  # what missed legs happened to bring is not left of an edge


def test_worse_conditions_are_held_against_the_run_and_those_that_were_not_walked_are_left_out(result: Result) -> None:
    found = Page(rendered(result, excess=5.0, stress={"shares_halved": 1.0, "latencies_doubled": 7.0}))
    assert found.row("all latencies twice as long") == ["+7.00", "+2.00"]
    assert found.row("half of the size that counts as ours") == ["+1.00", "-4.00"]
    assert STRESS["worse_tier"] not in found.text
    assert found.text.index("all latencies") < found.text.index("half of the size")
    assert "No worse condition was tried" in Page(rendered(result, stress={})).text


def test_capacity_is_drawn_where_it_was_worked_out(result: Result) -> None:
    assert "chart-capacity" not in rendered(result, capacity=[])
    capacity = [{"scale": scale, "excess": 10 * scale, "after_trading_back": 12 * scale - scale**2} for scale in (0.5, 1.0, 2.0, 4.0, 8.0)]
    found = Page(rendered(result, capacity=capacity))
    assert "chart-capacity" in found.of("id")
    assert [found.row(f"{scale} ×") for scale in ("0.5", "8")] == [["+5.00", "+5.75"], ["+80.00", "+32.00"]]
    alone = Page(rendered(result, capacity=capacity[:1]))
    assert "chart-capacity" not in alone.of("id")
    assert alone.row("0.5 ×") == ["+5.00", "+5.75"]


def test_every_opportunity_is_counted_by_what_became_of_it(result: Result) -> None:
    zero = dict.fromkeys(result.summary["counts"], 0)  # type: ignore[call-overload]
    for reason, words in PASSED_OVER.items():
        name = "alarms" if reason == "alarm" else f"dropped_{reason}"
        found = Page(rendered(result, counts={**zero, "opportunities": 2468, name: 1234}))
        assert found.row(words) == ["1,234", "50.0 %"]
        assert [other for other in PASSED_OVER.values() if other != words and [other, "0", "0.0 %"] in found.rows] == []


def test_combinations_and_legs_have_their_lines(result: Result, page: Page) -> None:
    for one in result.summary["combinations"]:  # type: ignore[attr-defined]
        numbers = [f"{one[name]:z,.2f}" for name in ("gross", "slippage", "leg_misses", "fees")]
        assert [one["legs"], f"{one['packages']}", *numbers, f"{one['pnl']:+,.2f}"] in page.rows
    for leg in result.summary["legs"]:  # type: ignore[attr-defined]
        found = page.row(f"{leg['venue']} {leg['instrument']}") if not result.summary["combinations"] else None
        wanted = [f"{leg['orders']}", f"{leg['fills']}", f"{leg['turnover']:,.2f}"]
        assert any(row[1:4] == wanted for row in page.rows if row and row[0] == f"{leg['venue']} {leg['instrument']}"), found
    assert "By what was traded together" not in Page(rendered(result, combinations=[])).text


def test_stops_and_the_guard_are_told_where_there_were_any(result: Result) -> None:
    events = [{"at": "2023-03-11T02:00:00Z", "currency": "USDC", "state": state} for state in ("off", "back")]
    found = Page(rendered(result, stops=[{"at": "2023-03-11T03:00:00Z", "why": "drawdown"}], guard=events))
    assert ["2023-03-11 03:00:00", "trading stopped for good: limit on the drawdown"] in found.rows
    assert [["2023-03-11 02:00:00", f"USDC {words}"] in found.rows for words in ("off par", "back at par")] == [True, True]
    assert "limit on packages missed in a row" in rendered(result, stops=[{"at": "2023-03-11T03:00:00Z", "why": "misses"}])
    assert "<h3>Stops" not in rendered(result, stops=[], guard=[])


def test_transfers_are_listed_up_to_the_fiftieth_and_those_under_way_say_so(result: Result) -> None:
    moved = ledger.transfers_table(SPEC, TRANSFERS)
    for count, more in ((1, False), (25, False), (26, True)):
        html = rendered(result, tables={"transfers": pl.concat([moved] * count)})
        assert html.count('<td class="text">chain</td>') == min(50, 2 * count)
        assert ("the first 50; 2 more in transfers.parquet" in html) == more
    found = Page(html)
    assert found.row("2024-01-01 01:02:00") == ["chain", "bravo", "alfa", "50", "USDC", "1", "2024-01-01 01:03:00"]
    assert found.row("2024-01-01 01:04:00") == ["chain", "bravo", "alfa", "30", "USDC", "1", "under way at the end"]
    assert "No funds were moved" in rendered(result)


def test_wallets_are_shown_from_start_to_end(result: Result) -> None:
    found = Page(rendered(result, balances=ledger.balances(SPEC, PATH)))
    assert found.row("bravo USDC") == ["200", "55.92119", "102.102", "10.77531", "0"]
    assert found.row("alfa USDC") == ["0", "49", "0", "0", "29"]


def test_every_figure_and_count_has_its_unit_and_what_it_means(result: Result, page: Page) -> None:
    for name, label, _, meaning in FIGURES:
        value, told = page.row(label)
        assert told == meaning
        assert value.endswith("USD") == (name in {"excess", "max_drawdown", "turnover", "peak_capital"}), label
    own = {"opportunities": STRATEGY_NAMES["spatial"].chance, "packages": "a sell and a buy each"}
    for name, label, meaning in COUNTS:
        assert page.row(label) == [f"{result.summary['counts'][name]:,}", own.get(name, meaning)]  # type: ignore[index]


@pytest.mark.parametrize("strategy", sorted(STRATEGY_NAMES))
def test_each_strategy_has_its_own_words_for_its_figures(result: Result, strategy: str) -> None:
    named, page = STRATEGY_NAMES[strategy], Page(rendered(result, strategy=strategy))
    assert page.row(f"mean {named.edge} when decided")[1] == named.edge_means
    assert page.row(named.missed)[1] == named.missed_means
    assert all(words in page.text for words in (named.chances, named.chance, named.lasts, named.stands, named.package))
    assert any(row and row[-1] == named.gross_means and row[0] == named.gross for row in page.rows)
    assert ("packages that paid" in page.text) == named.pays


def test_a_bet_has_no_edge_on_its_page(result: Result) -> None:
    spread, packages = (getattr(result, name).with_columns(legs=pl.lit("buy alfa USDC/USD")) for name in ("spread", "packages"))
    text = Page(rendered(result, strategy="peg", headline="A bet", verdict="A bet", tables={"spread": spread, "packages": packages})).text
    before = text.partition("The manifest names all that")[0].partition("Not modelled in any")[0]
    assert not re.search(r"\bedges?\b", before)
    assert "Price of the coin / trading it" in before


def test_data_latencies_assumptions_and_what_is_not_modelled_are_there(result: Result, page: Page) -> None:
    for row in result.summary["quality"]:  # type: ignore[attr-defined]
        found = page.row(f"{row['venue']} {row['instrument']}") if not result.summary["combinations"] else None
        assert found or any(when(row["first"]) in cells for cells in page.rows if cells and cells[0] == f"{row['venue']} {row['instrument']}")
    assert page.row("synthetic-beta")[:2] == ["80ms", "120ms"]
    assert all(sentence in page.text for sentence in (*result.summary["assumptions"], *NOT_MODELLED))  # type: ignore[misc]


def test_the_page_says_how_to_make_the_result_again(result: Result, html: str) -> None:
    assert html.count(str(result.summary["manifest_hash"])) == 1
    assert str(result.manifest["engine_sha256"]) in html.partition("<ol>")[2].partition("</ol>")[0]
    toml = htmllib.unescape(re.search(r"The spec \(TOML\)</summary><pre[^>]*>(.*?)</pre>", html, re.DOTALL)[1])  # type: ignore[index]
    assert parse_spec_toml(toml) == result.spec


def test_fees_of_all_legs_are_a_level_of_the_spread_where_there_are_any(result: Result) -> None:
    # alpha 5 and beta 8 bps
    assert "fees of all legs: 13.0 bps" in rendered(result)
    free = [{**leg, "fees": 0.0} for leg in result.summary["legs"]]  # type: ignore[attr-defined]
    assert "the legs paid no fees" in rendered(result, legs=free)
    idle = [{**leg, "turnover": 0.0} for leg in free]
    assert not any(words in rendered(result, legs=idle) for words in ("fees of all legs", "paid no fees", "paid in fees"))


def test_packages_are_listed_in_their_order(result: Result, page: Page, html: str) -> None:
    decided = [f"{at:%Y-%m-%d %H:%M:%S}" for at in result.packages["decided"]]
    listed = [row[0] for row in page.rows if len(row) == 10][1:]
    assert listed == decided
    assert "largest gain or loss" not in html


def test_what_packages_brought_is_judged_by_episode(result: Result) -> None:
    # four packages in three episodes: 3, 1 and 2 USD. Mean 2, deviation 1, standard error 1 / √3, Student's t of 2 degrees at 97.5 %: 4.303
    packages = pl.concat([result.packages.head(1)] * 4).with_columns(package=pl.Series([0, 1, 2, 3]), pnl=pl.Series([1.0, 2.0, 1.0, 2.0]))
    seen = pl.concat([result.opportunities.head(1)] * 4).with_columns(package=pl.Series([0, 1, 2, 3]), episode=pl.Series([0, 0, 1, 2]))
    text = " ".join(Page(rendered(result, tables={"packages": packages, "opportunities": seen})).text.split())
    assert "the 4 packages were sent in 3 episodes. An episode brought +2.00 USD on average" in text
    assert "between -0.48 and +4.48, so it may as well be nothing (t = 3.46)" in text
    equal = Page(rendered(result, tables={"packages": packages.head(2), "opportunities": seen.head(2)})).text
    assert "one chance, taken in parts" not in equal


def many(result: Result, pnl: list[float]) -> dict[str, pl.DataFrame]:
    """Return as many packages as there are PnLs, that differ in their number, turnover and PnL."""
    first = pl.concat([result.packages.head(1)] * len(pnl))
    return {
        "packages": first.with_columns(package=pl.arange(len(pnl), eager=True), turnover=pl.arange(len(pnl), eager=True) + 0.5, pnl=pl.Series(pnl))
    }


def turnovers(html: str) -> list[str]:
    return [row[3] for row in Page(html).rows if len(row) == 10][1:]


def test_of_many_packages_the_50_with_the_largest_gain_or_loss_are_shown(result: Result) -> None:
    html = rendered(result, tables=many(result, [(-1.0) ** n * n for n in range(70)]))
    assert "The 50 with the largest gain or loss; 20 more in packages.parquet" in html
    assert turnovers(html) == [f"{n}.50" for n in range(20, 70)]


def test_of_equal_packages_the_first_are_shown(result: Result) -> None:
    # enough of them, and enough between them, for a sort that is not stable to show
    html = rendered(result, tables=many(result, [float(n % 7) for n in range(5_000)]))
    assert turnovers(html) == [f"{7 * n + 6}.50" for n in range(50)]


def test_a_run_without_packages_says_so_and_one_without_equity_has_no_ratios() -> None:
    world = dear_alfa(strategy={"threshold_bps": 9_000.0}, venues={name: {"balances": {}} for name in ("alfa", "bravo")})
    html = rendered(run(world.spec, world.data))
    found = Page(html)
    assert (found.wrong, found.open) == ([], [])
    assert "None was sent." in found.text
    assert found.row("Sharpe ratio")[0] == "not defined"
    assert "There were none." in found.text
    assert "chart-episodes" not in html


def test_a_hundred_thousand_trades_fit_in_a_megabyte(result: Result) -> None:
    count = 100_000
    rows = pl.arange(count, eager=True)
    start = result.packages["decided"][0]
    times = pl.Series([start]).dt.epoch("us")[0] + rows * 100_000
    packages = pl.concat([result.packages.head(1)] * count).with_columns(package=rows, decided=times.cast(pl.Datetime("us", "UTC")))
    spread = pl.concat([result.spread.head(1)] * count).with_columns(
        ts=times.cast(pl.Datetime("us", "UTC")), package=rows, spread_bps=((rows * 7919) % 1000).cast(pl.Float64)
    )
    seen = pl.concat([result.opportunities.head(1)] * count).with_columns(ts=times.cast(pl.Datetime("us", "UTC")), episode=rows, package=rows)
    equity = pl.concat([result.equity] * 40).with_columns(ts=result.equity["ts"][0] + pl.duration(minutes=pl.int_range(40 * result.equity.height)))
    each = pl.concat([result.episodes.head(1)] * count)
    html = rendered(result, tables={"packages": packages, "spread": spread, "opportunities": seen, "episodes": each, "equity": equity})
    assert len(html.encode()) < 1_000_000
    assert "100,000 packages are marked" in html


def test_the_same_result_gives_the_same_page(result: Result, html: str) -> None:
    assert rendered(result) == html
    assert set(TABLES) >= {"packages", "spread"}
