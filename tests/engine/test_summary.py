"""The verdict, the counts and the warnings of a result, from parts made by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine import attribution, ledger, summary
from engine.config import Spec, parse_spec
from engine.events import DECISIONS, OUTCOMES
from engine.trading_back import TradeBack
from tests.engine.paper import IDLE, MARKS, OPPORTUNITIES, ORDERS, PATH, SPEC, decided, ordinals
from tests.engine.small import after, bars, books, dear_alfa, level, small

LINES = attribution.fill_lines(SPEC, PATH, MARKS)
HELD = ledger.holdings(SPEC, PATH)

BARS = {"venue": "alfa", "instrument": "BTC/USD", "data": "bars", "rows": 10, "no_trade": 0, "missing": 0, "wicks": 0, "longest_gap_s": 0.0}
QUOTES = {
    **dict.fromkeys(("nan", "zero_or_negative", "crossed", "disordered_levels", "locked"), 0),
    **dict.fromkeys(("disorder", "duplicates", "negative_latency", "gaps", "truncated"), 0),
    "venue": "alfa",
    "instrument": "BTC/USD",
    "data": "quotes",
    "rows": 1000,
    "first": "2024-01-01T01:00:00Z",
    "last": "2024-01-01T01:05:00Z",
}
PARTS = summary.Parts(
    path=replace(PATH, stops=[]),
    held=HELD,
    packages=attribution.packages_table(SPEC, PATH, LINES),
    equity=ledger.equity(HELD, MARKS),
    attribution=attribution.attribute(SPEC, PATH, LINES, held=HELD, marks=MARKS),
    attribution_days=[],
    lines=LINES,
    combinations=attribution.by_combination(SPEC, PATH, LINES),
    legs=attribution.by_leg(SPEC, PATH, LINES),
    balances=ledger.balances(SPEC, PATH),
    execution={"mean_age_s": 2.5},
    trade_back=TradeBack(amount=-0.5, at_mark=[]),
    stress={"shares_halved": -3.0},
    capacity=[{"scale": 2.0, "excess": 1.0, "after_trading_back": 0.5}],
    guard=[(after(60), "USDC", "off"), (after(240.5), "USDC", "back")],
    quality=[{**BARS}],
    unmet=[],
    stale_marks={"BTC": 0, "USD": 0, "USDC": 0},
)
IDLY = replace(
    PARTS,
    path=replace(IDLE, opportunities=replace(OPPORTUNITIES, outcome=decided("cool_down", "no_funds", "alarm", "no_funds", "stopped"))),
    packages=PARTS.packages.clear(),
    lines=attribution.fill_lines(SPEC, IDLE, MARKS),
    attribution=dict.fromkeys(attribution.LINES, 0.0),
    attribution_days=[],
)
"""Five opportunities, and none of them was sent."""


def test_the_verdict_says_what_was_earned_or_lost_after_trading_back_and_by_what() -> None:
    # on paper: -9.76535 at marks; trading 0.392 - 0.39 - 0.266 - 0.756425 = -1.020425; transfers -1.93; the rest -6.814925
    # turnover 101.5 * 0.95 + 40.2 + 52.6 * 0.94 = 186.069: gross 0.392 is 21.1 bps, fees 0.756425 are 40.7
    assert summary.verdict(SPEC, PARTS) == (
        "No edge after costs: transfers took 103.7 of 21.1 bps gross. "
        "Lost 10.27 USD against holding: -1.02 from trading 2 packages, after fees, slippage and missed legs, -1.93 by transfers, "
        "-6.81 as what was left behind changed in value, and -0.50 by trading back to the starting balances."
    )
    still = replace(PARTS.path, transfers=IDLE.transfers)
    gain = replace(
        PARTS,
        path=still,
        attribution={**PARTS.attribution, "transfers": 0.0},
        equity=PARTS.equity.with_columns(excess=pl.lit(1234.5)),
        packages=PARTS.packages.head(1),
        trade_back=TradeBack(amount=0.25, at_mark=["BNB", "USDC"]),
        stress={"shares_halved": 3.0},
    )
    assert summary.verdict(SPEC, gain) == (
        "No edge after costs: fees took 40.7 of 21.1 bps gross. "
        "Earned 1,234.75 USD against holding: -1.02 from trading 1 package, after fees, slippage and missed legs, "
        "+1,235.52 as what was left behind changed in value, "
        "and +0.25 by trading back to the starting balances (BNB, USDC at the mark: nothing in view trades it)."
    )


def test_a_gain_that_trading_back_takes_is_a_loss() -> None:
    taken = replace(PARTS, equity=PARTS.equity.with_columns(excess=pl.lit(3.0)), trade_back=TradeBack(amount=-4.0, at_mark=[]))
    assert ". Lost 1.00 USD against holding: " in summary.verdict(SPEC, taken)


def test_less_than_a_cent_is_neither_lost_nor_negative() -> None:
    even = replace(
        PARTS,
        equity=PARTS.equity.with_columns(excess=pl.lit(-1e-9)),
        attribution=dict.fromkeys(attribution.LINES, -1e-10),
        trade_back=TradeBack(amount=-1e-9, at_mark=[]),
    )
    assert ". Earned 0.00 USD against holding: +0.00 from trading 2 packages" in summary.verdict(SPEC, even)
    assert summary.verdict(SPEC, even).endswith("+0.00 as what was left behind changed in value, and +0.00 by trading back to the starting balances.")


@pytest.mark.parametrize(
    ("best", "said"),
    [(-12.345, "the best was -12.35 bps"), (0.5, "the best was +0.50 bps"), (None, "what is traded together never had prices at one time")],
)
def test_no_edge_after_costs_is_a_verdict_of_its_own(best: float | None, said: str) -> None:
    nothing = replace(IDLY, path=replace(IDLE, best_edge_bps=best))
    assert summary.verdict(SPEC, nothing) == f"No edge after costs: no instant reached 1 bps net of fees and spread; {said}."


def test_opportunities_that_were_all_passed_over_are_a_verdict_of_their_own_with_every_reason() -> None:
    assert summary.verdict(SPEC, IDLY) == (
        "Nothing traded: 5 opportunities, all passed over: 1 beyond what an edge can be, 1 after a stop, 1 within the cool-down, 2 without funds."
    )


def test_opportunities_that_mostly_found_no_funds_are_an_edge_without_funds() -> None:
    outcome = decided("no_funds", "no_funds", "alarm", "no_funds", "stopped")
    poor = replace(IDLY, path=replace(IDLE, opportunities=replace(OPPORTUNITIES, outcome=outcome)))
    assert summary.verdict(SPEC, poor) == (
        "An edge, but no funds for it: 5 opportunities, all passed over: 1 beyond what an edge can be, 1 after a stop, 3 without funds."
    )


def test_packages_of_which_no_leg_filled_have_a_verdict_of_their_own() -> None:
    missed = replace(PARTS, lines=replace(LINES, turnover=np.zeros(5)))
    assert summary.headline(SPEC, missed) == "Nothing filled: no leg of 2 packages met a price within its limit."
    one = replace(missed, packages=PARTS.packages.head(1))
    assert summary.headline(SPEC, one) == "Nothing filled: no leg of 1 package met a price within its limit."


def test_a_gain_that_worse_conditions_take_says_which() -> None:
    gain = replace(PARTS, equity=PARTS.equity.with_columns(excess=pl.lit(50.0)), stress={"shares_halved": 1.0})
    assert "would have been" not in summary.verdict(SPEC, gain)
    worse = replace(gain, stress={"latencies_doubled": -1.0, "worse_tier": 0.0, "shares_halved": 1.0})
    assert summary.verdict(SPEC, worse).endswith(
        "balances. It would have been a loss with all latencies twice as long or with the next worse fee tier at every venue."
    )
    loss = replace(worse, equity=PARTS.equity)
    assert "would have been" not in summary.verdict(SPEC, loss)


def test_the_verdict_begins_with_the_headline() -> None:
    for parts in (PARTS, IDLY, replace(IDLY, path=IDLE)):
        found = summary.summarise(SPEC, parts, "abc")
        assert str(found["verdict"]).startswith(str(found["headline"]))
    assert "the revaluation of USDC" in summary.headline(SPEC, replace(PARTS, attribution={**PARTS.attribution, "peg": 90.0}))


def test_transfers_are_told_where_nothing_traded_and_a_stop_wherever_there_was_one() -> None:
    moved = replace(IDLY, attribution={**IDLY.attribution, "transfers": -1.93})
    assert summary.verdict(SPEC, moved).endswith("2 without funds. Transfers cost 1.93 USD.")
    for why, words in (("misses", "packages missed in a row"), ("drawdown", "the drawdown")):
        stopped = replace(PARTS, path=replace(PARTS.path, stops=[(after(300.25), why)]))
        assert summary.verdict(SPEC, stopped).endswith(f"balances. Stopped at 2024-01-01T01:05:00.250000Z by the limit on {words}.")


def test_the_summary_counts_by_outcome_and_decision() -> None:
    assert summary.summarise(SPEC, PARTS, "abc")["counts"] == {
        "opportunities": 5,
        "episodes": 3,
        "packages": 2,
        "residual_orders": 1,
        "fills": 3,
        "partial": 2,
        "missed": 1,
        "missed_limit": 1,
        "missed_volume": 0,
        "missed_no_trade": 0,
        "missed_absent": 0,
        "open": 1,
        "transfers": 2,
        "alarms": 1,
        "dropped_stopped": 0,
        "dropped_halted": 0,
        "dropped_residual": 0,
        "dropped_cool_down": 1,
        "dropped_no_volume": 0,
        "dropped_no_funds": 1,
        "dropped_below_minimum": 0,
        "dropped_venue_limit": 0,
        "dropped_asset_limit": 0,
    }


def counted(**columns: np.ndarray[tuple[int], np.dtype[np.int32]]) -> dict[str, int]:
    """Return the counts where orders' or opportunities' outcomes are others."""
    orders = replace(ORDERS, outcome=columns.get("orders", ORDERS.outcome))
    found = replace(OPPORTUNITIES, outcome=columns.get("opportunities", OPPORTUNITIES.outcome))
    counts = summary.summarise(SPEC, replace(PARTS, path=replace(PATH, orders=orders, opportunities=found)), "abc")["counts"]
    assert isinstance(counts, dict)
    return counts


def test_every_kind_of_miss_is_a_miss() -> None:
    counts = counted(orders=ordinals(*(OUTCOMES.index(kind) for kind in ("limit", "volume", "no_trade", "no_trade", "absent"))))
    names = ("missed", "missed_limit", "missed_volume", "missed_no_trade", "missed_absent", "fills", "open")
    assert [counts[name] for name in names] == [5, 1, 1, 2, 1, 0, 0]


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_opportunity_is_a_package_an_alarm_or_dropped_for_one_reason(decision: str) -> None:
    counts = counted(opportunities=decided(*[decision] * 5))
    name = {"sent": "packages", "alarm": "alarms"}.get(decision, f"dropped_{decision}")
    assert counts[name] == 5
    assert sum(count for key, count in counts.items() if key.startswith("dropped_") or key in {"packages", "alarms"}) == counts["opportunities"]


def test_the_summary_leads_with_excess_and_says_what_it_is_counted_in() -> None:
    found = summary.summarise(SPEC, PARTS, "abc")
    assert found["manifest_hash"] == "abc"
    assert (found["name"], found["strategy"], found["numeraire"], found["comparison_currency"]) == ("small", "spatial", "USD", "USD")
    assert (found["start"], found["end"]) == ("2024-01-01T01:00:00Z", "2024-01-01T01:05:00Z")
    assert (found["equity_start"], found["equity_end"], found["excess"]) == pytest.approx((2005.0, 2050 - 9.76535, -9.76535), abs=1e-9)
    assert found["trade_back"] == {"amount": -0.5, "excess": pytest.approx(-10.26535), "at_mark": []}
    assert found["attribution"] == [{"line": line, "amount": PARTS.attribution[line]} for line in attribution.LINES]
    assert (found["combinations"], found["legs"], found["balances"]) == (PARTS.combinations, PARTS.legs, PARTS.balances)
    assert (found["stress"], found["quality"]) == ({"shares_halved": -3.0}, [BARS])


def test_the_change_of_equity_begins_with_the_starting_balances() -> None:
    at_once = PARTS.equity.with_columns(equity=pl.col("equity") - 7.0, excess=pl.col("excess") - 7.0)
    found = summary.summarise(SPEC, replace(PARTS, equity=at_once), "abc")
    assert (found["equity_start"], found["equity_end"]) == pytest.approx((2005.0, 2043 - 9.76535))


def test_stops_and_the_guard_are_told_with_their_times() -> None:
    found = summary.summarise(SPEC, replace(PARTS, path=PATH), "abc")
    assert found["stops"] == [{"at": "2024-01-01T01:05:00Z", "why": "misses"}]
    assert found["guard"] == [
        {"at": "2024-01-01T01:01:00Z", "currency": "USDC", "state": "off"},
        {"at": "2024-01-01T01:04:00.500000Z", "currency": "USDC", "state": "back"},
    ]


def test_of_many_combinations_the_first_twenty_are_in_the_summary() -> None:
    rows = [{**PARTS.combinations[0], "packages": n} for n in range(30)]
    found = summary.summarise(SPEC, replace(PARTS, combinations=rows), "abc")["combinations"]
    assert isinstance(found, list)
    assert [row["packages"] for row in found] == list(range(20))


def test_the_figures_are_those_of_performance_trading_and_execution() -> None:
    figures = summary.summarise(SPEC, PARTS, "abc")["metrics"]
    assert isinstance(figures, dict)
    # |flow| × mark: 101.5 × 0.95, 40.2 and 52.6 × 0.94; of two packages none paid and both missed a leg
    assert figures["turnover"] == pytest.approx(186.069)
    assert (figures["hit_rate"], figures["miss_rate"]) == (0.0, 1.0)
    assert figures["breakeven_bps"] == pytest.approx(-9.76535 / 186.069 * 1e4)
    assert figures["mean_edge_bps"] == pytest.approx(47.5)
    assert figures["excess"] == pytest.approx(-9.76535)
    assert figures["mean_age_s"] == 2.5


ON_QUOTES = {"alfa BTC/USD": books(), "bravo BTC/USDC": books(), "bravo USDC/USD": level(1.0)}


def test_only_recorded_quotes_of_real_venues_with_nothing_at_par_are_more_than_indicative() -> None:
    assert not summary.is_indicative(small(ON_QUOTES).spec)
    assert not summary.is_indicative(small({**ON_QUOTES, "alfa USDT/USD": bars()}, instruments={"alfa USDT/USD": {"use": "mark"}}).spec)
    assert summary.is_indicative(small(ON_QUOTES, assume_par=["USDC"]).spec)
    assert summary.is_indicative(small({**ON_QUOTES, "bravo USDC/USD": bars(level=1.0)}).spec)
    assert summary.is_indicative(small(ON_QUOTES, instruments={"alfa BTC/USD": {"data": "quote_bars", "max_age": None}} | QUOTE_BARS).spec)
    invented = {name.replace("bravo", "synthetic-bravo"): data for name, data in ON_QUOTES.items()}
    assert summary.is_indicative(small(invented).spec)


QUOTE_BARS = {"bravo BTC/USDC": {"data": "quote_bars", "max_age": None}}


def test_results_on_invented_venues_are_synthetic_and_all_on_bars_indicative() -> None:
    found = summary.summarise(SPEC, PARTS, "abc")
    assert (found["synthetic"], found["indicative"]) == (False, True)
    one = small({"alfa BTC/USD": bars(), "synthetic-bravo BTC/USDC": bars(), "alfa USDC/USD": bars(level=1.0)})
    assert summary.summarise(one.spec, PARTS, "abc")["synthetic"] is True


def on_bars(**execution: object) -> Spec:
    return dear_alfa(execution=execution).spec


def test_assumptions_on_bars_are_about_their_volume_and_price() -> None:
    found = summary.assumptions(on_bars(fill_price="worst", volume_share=0.025))
    assert found[0].startswith("Bars, not quotes: ")
    assert found[1] == "An order takes at most 2.5 % of a bar's volume and does not move its price."
    assert found[2] == "Fills at the worst price of the first traded bar that opens after an order arrives."
    assert summary.assumptions(on_bars())[2] == "Fills at the open of the first traded bar that opens after an order arrives."
    assert not any("displays" in sentence for sentence in found)


def test_assumptions_on_quotes_are_about_what_they_display() -> None:
    found = summary.assumptions(small(ON_QUOTES, execution={"take_share": 0.5}).spec)
    assert found[0] == (
        "An order takes at most 50 % of what a price displays, less what earlier ones took since it was best, and nobody else reacts to it."
    )
    assert not any("ar's" in sentence for sentence in found)
    mixed = summary.assumptions(small({**ON_QUOTES, "bravo USDC/USD": bars(level=1.0)}).spec)
    assert mixed[0].startswith("Bars, not quotes: ")
    assert "displays" in mixed[1]
    assert not any("a bar's volume" in sentence or "traded bar" in sentence for sentence in mixed)


def test_quote_bars_are_told_apart_from_quotes() -> None:
    both = {name: {"data": "quote_bars", "max_age": None} for name in ON_QUOTES if "BTC" in name}
    found = summary.assumptions(small(ON_QUOTES, instruments=both).spec)
    assert found[0] == "Quote bars, not quotes: one bid and ask stand for the end of an interval, so the result is indicative."
    assert "displays" in found[1]


@pytest.mark.parametrize(
    ("residual", "said"),
    [
        ("carry", "Unequal legs are carried and revalued at marks; they are not unwound."),
        ("unwind", "What unequal legs leave is unwound where too much was filled, once, within 25 bps of the quote in view at the later notice;"),
        ("hedge", "What unequal legs leave is hedged where the net price is best, once, within 25 bps of the quote in view at the later notice;"),
    ],
)
def test_what_happens_to_unequal_legs_is_an_assumption(residual: str, said: str) -> None:
    found = summary.assumptions(on_bars(residual=residual, residual_bps=25))
    assert sum(sentence.startswith(said) for sentence in found) == 1


def test_whether_funds_move_is_an_assumption_and_so_is_par() -> None:
    still, moved = summary.assumptions(on_bars()), summary.assumptions(with_transfers())
    assert "Balances stay where trades leave them: no transfers between venues." in still
    assert "Transfers take the fees and delays of the 1 route given, and meet no suspension but those given." in moved
    assert len(moved) == len(still)
    par = summary.assumptions(SPEC.model_copy(update={"assume_par": ("USDC", "USDT")}))
    assert par[-2:] == ["Decisions count USDC as one USD.", "Decisions count USDT as one USD."]


def with_transfers() -> Spec:
    wallets = [{"venue": venue, "currency": "USD", "weight": 0.5} for venue in ("alfa", "bravo")]
    route = {"name": "wire", "currency": "USD", "source": "alfa", "destination": "bravo", "delay": "1m"}
    return parse_spec({**dear_alfa().form, "routes": [route], "rebalance": {"policy": "weights", "wallets": wallets}})


def warned(row: dict[str, object], **counts: object) -> list[str]:
    """Return the warnings of a result on a series with such counts."""
    found = summary.summarise(SPEC, replace(PARTS, quality=[{**row, **counts}]), "abc")["warnings"]  # type: ignore[dict-item]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"rows": 10, "missing": 0, "no_trade": 2}, []),
        ({"rows": 9, "missing": 1, "no_trade": 1}, []),
        ({"rows": 6, "missing": 2, "no_trade": 0}, []),  # a quarter: not more
        ({"rows": 6, "missing": 2, "no_trade": 1}, ["data: alfa BTC/USD traded in only 62 % of its intervals"]),  # 5 of 8
        ({"rows": 0, "missing": 10, "no_trade": 0}, ["data: alfa BTC/USD traded in only 0 % of its intervals"]),
        ({"rows": 0, "missing": 0, "no_trade": 0}, []),
    ],
)
def test_bars_that_are_silent_for_more_than_a_quarter_are_warned_of(counts: dict[str, int], said: list[str]) -> None:
    assert warned({**BARS}, **counts) == said


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, []),
        ({"nan": 5, "zero_or_negative": 2, "crossed": 2, "disordered_levels": 1, "locked": 900}, []),  # a hundredth: not more
        (
            {"nan": 5, "zero_or_negative": 2, "crossed": 3, "disordered_levels": 1},
            ["data: alfa BTC/USD has 11 of 1,000 rows that are no quotes; it was away from each until the next good one"],
        ),
        ({"truncated": 1}, ["data: alfa BTC/USD ends at 2024-01-01T01:05:00Z, before the run does"]),
    ],
)
def test_quotes_that_are_often_none_or_end_early_are_warned_of(counts: dict[str, int], said: list[str]) -> None:
    assert warned({**QUOTES}, **counts) == said


def test_stale_marks_are_warned_of_after_what_the_spec_warns_of_whatever_version_it_was_written_in() -> None:
    old = {**SPEC.canonical(), "assume_par": ["USDC"], "version": 1}
    spec = parse_spec({key: value for key, value in old.items() if key not in {"risk", "quality"}})
    assert len(spec.warnings()) > len(spec.doubts())
    found = summary.summarise(spec, replace(PARTS, stale_marks={"USDC": 7, "BTC": 0, "USD": 2}), "abc")["warnings"]
    assert isinstance(found, list)
    assert found[0].startswith("assume_par: ")
    assert found[1:] == [
        "marks: USD had no fresh source at 2 ticks; its last mark stood",
        "marks: USDC had no fresh source at 7 ticks; its last mark stood",
    ]
