"""The page of a sweep: whether its best trial is more than luck comes first."""

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.report import render_sweep
from engine.report.trials import best_first, grid
from engine.report.trust import checks, headline
from engine.report.words import SWEEP_WORDS
from tests.engine.charts.drawings import words
from tests.engine.report.pages import HOSTILE, Page

PATHS = ["strategy.threshold_bps", "execution.tolerance_bps", "strategy.size"]
DAY = 86_400_000_000
FOLD = {"train_start_us": 0, "train_end_us": 5 * DAY, "test_start_us": 5 * DAY, "test_end_us": 6 * DAY}
CHOSEN = {"fold": FOLD, "trial": 4, "train_sharpe": 0.2, "test_sharpe": 0.1, "train_total": 900.0, "test_total": -120.0, "rank": 0.75}
GOOD: dict[str, Any] = {
    "deflated_sharpe": {"probability": 0.97, "trials": 12.0},
    "pbo": {"pbo": 0.2, "logits": [-4.0, -0.5, 0.0, 0.5, 2.5, 9.0]},
    "stability": {"share": 0.75, "keep": 0.8},
    "bootstrap": {
        "samples": 1000,
        "block_length": 3.25,
        "confidence": 0.95,
        "total": {"estimate": 300.0, "percentile_low": 20.0, "percentile_high": 610.0},
        "mean": {"estimate": 3.0, "percentile_low": 0.2, "percentile_high": 6.1},
        "sharpe": None,
    },
    "walk_forward": {"total": 310.0, "paid": 0.5, "efficiency": 0.3, "folds": [CHOSEN]},
}


def trial(number: int, threshold: float, tolerance: float, size: str, value: float | None) -> dict[str, object]:
    """Return a row of trials, of which `value` is the Sharpe ratio."""
    earned = {"excess": 10 * (value or 0), "after_trading_back": 8 * (value or 0), "sharpe": value, "packages": 5}
    return {"trial": number, **dict(zip(PATHS, (threshold, tolerance, size), strict=True)), **earned}


def trials() -> pl.DataFrame:
    """Return twelve trials; 10 is the best, 0 has no Sharpe ratio."""
    values = [None, 1.0, 0.5, -1.0, 2.0, 0.0, 1.5, 1.5, -2.0, 0.1, 3.0, 0.2]
    settings = itertools.product([1.0, 2.0, 4.0], [0.0, 10.0], ["max", "fixed"])
    return pl.DataFrame([trial(k, *setting, value) for k, (setting, value) in enumerate(zip(settings, values, strict=True))])


def page(
    found: pl.DataFrame | None = None, *, statistics: dict[str, Any] | None = None, axes: tuple[str, str] | None = None, **changes: object
) -> str:
    """Return the page of a sweep."""
    sweep = {
        "name": "a sweep",
        "design": "grid",
        "rank_by": "sharpe",
        "numeraire": "USD",
        "start": "2023-03-08T00:00:00Z",
        "end": "2023-03-11T00:00:00Z",
        "parameters": PATHS,
        "synthetic": False,
        "indicative": True,
        "manifest_hash": "ab" * 32,
        "statistics": GOOD if statistics is None else statistics,
    }
    return render_sweep({**sweep, **changes}, {"sweep": {"name": "a sweep"}}, trials() if found is None else found, axes=axes)


def test_the_page_is_well_formed_needs_nothing_and_begins_with_its_verdict() -> None:
    html = page()
    found = Page(html)
    assert (found.wrong, found.open) == ([], [])
    assert not {"script", "link", "img"} & set(found.names)
    assert {href[0] for href in found.of("href")} == {"#"}
    assert [href for href in found.of("href") if href[1:] not in found.of("id")] == []
    assert html.index("The best of 12 trials holds up: it passes all 6 checks.") < html.index("<table")
    assert html.index("INDICATIVE") < html.index('class="verdict"')
    assert all(word in found.text for word in SWEEP_WORDS)


def test_a_name_cannot_break_out_of_it() -> None:
    found = trials().with_columns(**{PATHS[2]: pl.lit(HOSTILE)})
    html = page(found, name=HOSTILE, axes=(PATHS[2], PATHS[0]))
    assert "<script" not in html
    assert Page(html).wrong == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"deflated_sharpe": {"probability": 0.41}}, "The best of 12 trials is what luck would give: that it has any edge is 41 % sure."),
        ({"deflated_sharpe": {"probability": 0.8}}, "The best of 12 trials is hardly more than luck: that it has any edge is 80 % sure."),
        ({"pbo": {"pbo": 0.62}}, "Choosing the best is no help: in 62 % of the cases it is below the middle on data it was not chosen by."),
        ({"walk_forward": {"total": -12.5, "paid": 0.25}}, "Chosen on the past, it loses afterwards: -12.50 in the tests of the walk forward."),
        (
            {"bootstrap": {"total": {"percentile_low": -3.0, "percentile_high": 9.0}, "confidence": 0.95}},
            "It may as well have lost: the interval of what it earns begins at -3.00.",
        ),
        ({"stability": {"share": 0.12, "keep": 0.8}}, "The best stands alone: 12 % of its neighbours keep 80 % of its result."),
    ],
)
def test_the_first_check_that_fails_is_the_verdict(changes: dict[str, Any], said: str) -> None:
    ranked = best_first(trials(), "sharpe")
    found = checks(ranked, {**GOOD, **changes})
    assert headline(ranked, found) == said
    assert [check.failing for check in found if check.is_passed is False] == [said]


def test_further_failures_follow_the_verdict() -> None:
    found = Page(page(statistics={**GOOD, "deflated_sharpe": {"probability": 0.1}, "stability": {"share": 0.0, "keep": 0.8}}))
    assert found.text.index("is what luck would give") < found.text.index("The best stands alone")


def test_a_best_trial_that_loses_is_no_edge_whatever_else() -> None:
    losing = trials().with_columns(after_trading_back=pl.col("after_trading_back") - 1_000.0)
    assert "No edge: the best of 12 trials loses 976.00 after trading back." in page(losing)
    unknown = trials().with_columns(after_trading_back=pl.lit(None, pl.Float64))
    assert "nothing known" in page(unknown)


def test_what_was_not_worked_out_is_no_pass_and_no_failure() -> None:
    ranked = best_first(trials(), "sharpe")
    found = checks(ranked, {"pbo": None})
    assert [check.is_passed for check in found] == [True, None, None, None, None, None]
    unasked = "luck, overfitting, walking forward, the bootstrap, the neighbourhood"
    assert headline(ranked, found) == f"The best of 12 trials passes 1 of 6 checks; not worked out: {unasked}."
    html = page(statistics={"bootstrap": None, "walk_forward": None})
    assert html.count("? unknown") == 5
    assert "chart-logits" not in html
    assert (html.count("Not worked out"), html.count("The sweep asked for none")) == (1, 1)
    told = {"bootstrap": "expected more periods", "walk_forward": "expected windows that fit"}
    html = page(statistics={"bootstrap": None, "walk_forward": None, "not_worked_out": told})
    assert [html.count(reason) for reason in told.values()] == [2, 2]  # among the checks, and in its place
    losing = {"share": None, "keep": 0.8, "score": -3.0}
    assert "the best earned nothing that they could keep" in page(statistics={"stability": losing, "bootstrap": None, "walk_forward": None})


def test_trials_are_ranked_with_those_without_the_metric_last_and_ties_by_ordinal() -> None:
    assert best_first(trials().reverse(), "sharpe")["trial"].to_list() == [10, 4, 6, 7, 1, 2, 11, 9, 5, 3, 8, 0]
    first = [row[0] for row in Page(page()).rows if row and row[0].isdigit() and len(row) > 6]
    assert first == ["10", "4", "6", "7", "1", "2", "11", "9", "5", "3", "8", "0"]


def test_the_map_has_the_other_parameters_as_in_the_best() -> None:
    cells = grid(best_first(trials(), "sharpe"), "sharpe", down=PATHS[1], across=PATHS[0], others=[PATHS[2]])
    # of size "max": trials 0, 4, 8 (tolerance 0) and 2, 6, 10
    np.testing.assert_array_equal(cells.values, [[np.nan, 2.0, -2.0], [0.5, 1.5, 3.0]])
    assert (cells.rows, cells.columns, cells.best) == (["0", "10"], ["1", "2", "4"], (1, 2))
    assert (cells.is_slice, cells.held) == (True, {PATHS[2]: "max"})


def test_where_no_trial_shares_the_others_the_map_has_the_best_over_all() -> None:
    scattered = pl.DataFrame([trial(k, float(k), float(k % 3), f"size {k}", float(k)) for k in range(30)])
    cells = grid(best_first(scattered, "sharpe"), "sharpe", down=PATHS[1], across=PATHS[0], others=[PATHS[2]])
    assert not cells.is_slice
    assert len(cells.columns) <= 12
    assert cells.columns[0] == "0 to 2"
    assert cells.columns[-1].endswith("to 29")
    assert np.nanmax(cells.values) == 29
    assert cells.values[0, 0] == 0.0  # of 0, 1 and 2, trial 0 alone has this tolerance
    assert cells.best == (2, len(cells.columns) - 1)
    html = page(scattered, design="random")
    assert "Each cell has the best trial of its two values, whatever the other parameters (strategy.size) were." in Page(html).text


def test_a_sweep_of_one_parameter_has_a_map_of_one_row() -> None:
    one = pl.DataFrame([trial(k, float(k), 0.0, "max", float(k)) for k in range(4)])
    html = page(one.drop(PATHS[1:]), parameters=PATHS[:1])
    heat = html[html.index('<svg id="chart-heat"') :].partition("</svg>")[0] + "</svg>"
    assert words(heat) == ["0", "1", "2", "3", "all", "0", "1", "2", "3 ★"]


def test_a_sweep_of_one_trial_and_one_without_any_figure_have_pages() -> None:
    one = trials().head(2).tail(1)
    assert "The best of 1 trial holds up" in page(one)
    html = page(trials().head(1))
    assert Page(html).wrong == []
    assert "legend-heat" not in html


def test_the_parameters_of_the_map_can_be_chosen() -> None:
    assert "Sharpe ratio over strategy.size and strategy.threshold_bps" in page(axes=(PATHS[0], PATHS[2]))
    assert "Sharpe ratio over strategy.threshold_bps and execution.tolerance_bps" in page()


def test_folds_and_intervals_are_listed() -> None:
    found = Page(page())
    assert found.row("1970-01-01 00:00:00") == ["1970-01-06 00:00:00", "1970-01-07 00:00:00", "4", "+900.00", "-120.00", "75 %"]
    assert found.row("total")[:3] == ["+300.00", "+20.00", "+610.00"]
    assert ["sharpe"] not in [row[:1] for row in found.rows]
    assert "earned 30 % of what one in the training did" in found.text
    nothing = {**GOOD["walk_forward"], "efficiency": None}
    assert "of what one in the training did" not in page(statistics={**GOOD, "walk_forward": nothing})


def test_logits_are_counted_below_and_above_the_middle() -> None:
    html = page()
    chart = html[html.index('<svg id="chart-logits"') :].partition("</svg>")[0] + "</svg>"
    said = words(chart)
    assert dict(zip(said[::2], said[1::2], strict=True)) == {
        "below -3": "1", "-3 to -2": "0", "-2 to -1": "0", "-1 to 0": "2", "0 to 1": "1", "1 to 2": "0", "2 to 3": "1", "above 3": "1",
    }  # fmt: skip
    assert "3 of 6 ways ended below the middle." in chart


def test_ten_thousand_trials_fit_in_a_megabyte_and_give_the_same_page() -> None:
    chance = np.random.default_rng(3)
    many = pl.DataFrame([trial(k, *chance.uniform(0, 50, 2).tolist(), "max", float(chance.normal())) for k in range(10_000)])
    statistics = {**GOOD, "pbo": {"pbo": 0.4, "logits": chance.normal(0, 1, 12_870)}}
    html = page(many, statistics=statistics)
    assert len(html.encode()) < 1_000_000
    assert page(many, statistics=statistics) == html
