"""The verdict, the counts and the warnings of a result, from parts made by hand."""

from dataclasses import replace

import polars as pl
import pytest

from engine import attribution, ledger, summary
from engine.config import Spec, parse_spec_toml
from engine.kernels.path import new_orders
from engine.synth import depeg_weekend
from tests.engine.paper import MARKS, ORDERS, SPEC
from tests.engine.small import bars, small

LINES = attribution.fill_lines(SPEC, ORDERS, MARKS)
HELD = ledger.holdings(SPEC, ORDERS)


def found_opportunities(count: int) -> pl.DataFrame:
    """Return opportunities, two to an episode; a summary reads no more of them."""
    return pl.DataFrame({"episode": [n // 2 for n in range(count)]}, schema={"episode": pl.Int64})


GOOD = {
    "venue": "alfa",
    "instrument": "BTC/USD",
    "bars": 10,
    "no_trade": 0,
    "missing": 0,
    "longest_gap_s": 0.0,
    "wicks": 0,
    "first": None,
    "last": None,
}
PARTS = summary.Parts(
    fills=ledger.fills_table(SPEC, ORDERS),
    packages=attribution.packages_table(SPEC, ORDERS, LINES),
    equity=ledger.equity(SPEC, HELD, MARKS),
    opportunities=found_opportunities(5),
    attribution=attribution.attribute(SPEC, ORDERS, LINES, HELD, MARKS),
    lines=LINES,
    dropped={"cool_down": 1, "no_volume": 2, "no_funds": 3, "below_minimum": 4},
    best_edge_bps=None,
    quality=[{**GOOD}],
    stale_marks={"BTC": 0, "USD": 0, "USDC": 0},
)
NOTHING_SENT = replace(
    PARTS,
    fills=ledger.fills_table(SPEC, new_orders(0)),
    packages=PARTS.packages.clear(),
    lines=attribution.fill_lines(SPEC, new_orders(0), MARKS),
)


def test_the_verdict_says_what_was_earned_or_lost_and_how_much_of_it_by_trading() -> None:
    # on paper: excess 10.01845 - 25 of hold = -14.98155; trading 0.392 - 0.39 - 0.297 - 0.136625 = -0.431625; the rest -14.549925
    assert summary.verdict(SPEC, PARTS) == (
        "Lost 14.98 USD against holding: -0.43 from trading 2 packages, after fees, slippage and missed legs, "
        "and -14.55 as what was left behind changed in value."
    )
    gain = replace(PARTS, equity=PARTS.equity.with_columns(excess=pl.lit(1234.5)), packages=PARTS.packages.head(1))
    assert summary.verdict(SPEC, gain) == (
        "Earned 1,234.50 USD against holding: -0.43 from trading 1 package, after fees, slippage and missed legs, "
        "and +1,234.93 as what was left behind changed in value."
    )


def test_less_than_a_cent_is_neither_lost_nor_negative() -> None:
    even = replace(PARTS, equity=PARTS.equity.with_columns(excess=pl.lit(-1e-9)), attribution=dict.fromkeys(attribution.LINES, -1e-10))
    assert summary.verdict(SPEC, even).startswith("Earned 0.00 USD against holding: +0.00 from trading 2 packages")
    assert summary.verdict(SPEC, even).endswith("and +0.00 as what was left behind changed in value.")


@pytest.mark.parametrize(
    ("best", "said"), [(-12.345, "the best was -12.35 bps"), (0.5, "the best was +0.50 bps"), (None, "no two legs ever had a price at one time")]
)
def test_no_edge_after_costs_is_a_verdict_of_its_own(best: float | None, said: str) -> None:
    nothing = replace(NOTHING_SENT, opportunities=found_opportunities(0), best_edge_bps=best)
    assert summary.verdict(SPEC, nothing) == f"No edge after costs: no instant reached 1 bps net of fees and spread; {said}."


def test_opportunities_that_nothing_could_take_are_a_verdict_of_their_own() -> None:
    assert summary.verdict(SPEC, NOTHING_SENT) == "Nothing traded: 5 opportunities, but no funds, volume or minimum size allowed a package."


def test_the_summary_counts_by_outcome_and_reason() -> None:
    assert summary.summarise(SPEC, PARTS, "abc")["counts"] == {
        "opportunities": 5,
        "episodes": 3,
        "packages": 2,
        "fills": 2,
        "partial": 1,
        "missed": 1,
        "missed_limit": 1,
        "missed_volume": 0,
        "missed_no_trade": 0,
        "open": 1,
        "dropped_cool_down": 1,
        "dropped_no_volume": 2,
        "dropped_no_funds": 3,
        "dropped_below_minimum": 4,
    }


def test_every_kind_of_miss_is_a_miss() -> None:
    kinds = PARTS.fills.with_columns(outcome=pl.Series(["limit", "volume", "no_trade", "no_trade"]))
    counts = summary.summarise(SPEC, replace(PARTS, fills=kinds), "abc")["counts"]
    assert isinstance(counts, dict)
    assert [counts[name] for name in ("missed", "missed_limit", "missed_volume", "missed_no_trade", "fills", "open")] == [4, 1, 1, 2, 0, 0]


def test_the_summary_leads_with_excess_and_says_what_it_is_counted_in() -> None:
    found = summary.summarise(SPEC, PARTS, "abc")
    assert found["manifest_hash"] == "abc"
    assert (found["name"], found["strategy"], found["numeraire"], found["comparison_currency"]) == ("small", "spatial", "USD", "USD")
    assert (found["start"], found["end"]) == ("2024-01-01T01:00:00Z", "2024-01-01T01:05:00Z")
    assert (found["equity_start"], found["equity_end"], found["excess"]) == pytest.approx((1705.0, 1715.01845, -14.98155), abs=1e-9)
    assert found["attribution"] == [{"line": line, "amount": PARTS.attribution[line]} for line in attribution.LINES]
    assert found["quality"] == [GOOD]


def test_the_figures_are_those_of_performance_and_trading() -> None:
    figures = summary.summarise(SPEC, PARTS, "abc")["metrics"]
    assert isinstance(figures, dict)
    # |flow| × mark: 101.5 × 0.95 and 40.2; of two packages none paid and both missed a leg
    assert figures["turnover"] == pytest.approx(136.625)
    assert (figures["hit_rate"], figures["miss_rate"]) == (0.0, 1.0)
    assert figures["breakeven_bps"] == pytest.approx(-14.98155 / 136.625 * 1e4)
    assert figures["mean_edge_bps"] == pytest.approx(37.5)
    assert figures["excess"] == pytest.approx(-14.98155)


def test_results_on_invented_venues_are_synthetic_and_all_on_bars_indicative() -> None:
    found = summary.summarise(SPEC, PARTS, "abc")
    assert (found["synthetic"], found["indicative"]) == (False, True)
    one = small({"alfa BTC/USD": bars(), "synthetic-bravo BTC/USDC": bars(), "alfa USDC/USD": bars(level=1.0)})
    assert summary.summarise(one.spec, PARTS, "abc")["synthetic"] is True


def weekend_spec(**parts: object) -> Spec:
    return parse_spec_toml(depeg_weekend(0).spec_toml).model_copy(update=parts)


def test_assumptions_follow_the_spec() -> None:
    usual, worst = weekend_spec(), weekend_spec(assume_par=("USDC", "USDT"))
    execution = worst.execution.model_copy(update={"fill_price": "worst", "volume_share": 0.025})
    found = summary.assumptions(worst.model_copy(update={"execution": execution}))
    assert found[1] == "An order takes at most 2.5 % of a bar's volume and does not move its price."
    assert found[2] == "Fills at the worst price of the first traded bar that opens after an order arrives."
    assert found[-2:] == ["Decisions count USDC as one USD.", "Decisions count USDT as one USD."]
    assert summary.assumptions(usual)[2] == "Fills at the open of the first traded bar that opens after an order arrives."
    assert len(summary.assumptions(usual)) == len(found) - 2


@pytest.mark.parametrize(
    ("row", "warned"),
    [
        ({"bars": 10, "missing": 0, "no_trade": 2}, None),
        ({"bars": 9, "missing": 1, "no_trade": 1}, None),
        ({"bars": 6, "missing": 2, "no_trade": 0}, None),  # a quarter: not more
        ({"bars": 6, "missing": 2, "no_trade": 1}, "data: alfa BTC/USD traded in only 62 % of its intervals"),  # 5 of 8
        ({"bars": 0, "missing": 10, "no_trade": 0}, "data: alfa BTC/USD traded in only 0 % of its intervals"),
        ({"bars": 0, "missing": 0, "no_trade": 0}, None),
    ],
)
def test_a_series_that_is_silent_for_more_than_a_quarter_is_warned_of(row: dict[str, int], warned: str | None) -> None:
    found = summary.summarise(SPEC, replace(PARTS, quality=[{**GOOD, **row}]), "abc")["warnings"]
    assert found == ([] if warned is None else [warned])


def test_stale_marks_are_warned_of_after_what_the_spec_warns_of() -> None:
    stale = replace(PARTS, stale_marks={"USDC": 7, "BTC": 0, "USD": 2})
    found = summary.summarise(SPEC.model_copy(update={"assume_par": ("USDC",)}), stale, "abc")["warnings"]
    assert isinstance(found, list)
    assert found[0].startswith("assume_par: ")
    assert found[1:] == [
        "marks: USD had no fresh source on 2 rows; its last mark stood",
        "marks: USDC had no fresh source on 7 rows; its last mark stood",
    ]
