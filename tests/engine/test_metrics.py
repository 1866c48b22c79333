"""Figures of a run against plain Python and against cases made by hand."""

import itertools
import math
import statistics
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import metrics

START = datetime(2024, 1, 1, 22, 30, tzinfo=UTC)
MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000


def equity(excess: list[float], *, step: timedelta, start: float = 1000.0, first: datetime = START) -> pl.DataFrame:
    """Return ticks with an excess over a hold that rises by 1 a tick."""
    hold = [start + n for n in range(len(excess))]
    rows = [(first + n * step, h + x, h, x) for n, (h, x) in enumerate(zip(hold, excess, strict=True))]
    times = {"ts": pl.Datetime("us", "UTC"), "equity": pl.Float64, "hold": pl.Float64, "excess": pl.Float64}
    return pl.DataFrame(rows, schema=times, orient="row")


def in_plain_python(table: pl.DataFrame) -> dict[str, float | None]:
    """Return the ratios from the table's rows, by the book."""
    rows = table.rows(named=True)
    is_long = rows[-1]["ts"] - rows[0]["ts"] >= timedelta(days=30)
    marks = [r["excess"] for r in rows if (r["ts"].minute, r["ts"].second) == (0, 0) and (not is_long or r["ts"].hour == 0)]
    returns = [(b - a) / rows[0]["equity"] for a, b in itertools.pairwise(marks)]
    a_year = 365.0 if is_long else 365.0 * 24
    if len(returns) < 2:
        return {"annual_volatility": None, "sharpe": None, "sortino": None}
    mean, deviation = statistics.fmean(returns), statistics.stdev(returns)
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in returns) / len(returns))
    return {
        "annual_volatility": deviation * math.sqrt(a_year),
        "sharpe": mean / deviation * math.sqrt(a_year) if deviation else None,
        "sortino": mean / downside * math.sqrt(a_year) if downside else None,
    }


moves = st.sampled_from((0.0, 1.0, -1.0, 2.5, -0.5, 7.0))


short = st.tuples(st.lists(moves, min_size=1, max_size=80), st.sampled_from((timedelta(minutes=30), timedelta(hours=1))))
long = st.tuples(st.lists(moves, min_size=60, max_size=80), st.just(timedelta(hours=12)))


@given(short | long)
def test_ratios_are_those_of_plain_python(run: tuple[list[float], timedelta]) -> None:
    steps, step = run
    excess = [0.0, *np.cumsum(steps).tolist()]
    table = equity(excess, step=step)
    found = metrics.performance(table)
    for name, value in in_plain_python(table).items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), name


def test_a_run_of_30_days_is_measured_by_days_and_a_shorter_one_by_hours() -> None:
    # 31 midnights bound 30 days, 720 hours bound 719
    month = equity([float(n % 7) for n in range(61)], step=timedelta(hours=12), first=datetime(2024, 1, 1, tzinfo=UTC))
    assert (metrics.performance(month)["return_period_s"], metrics.performance(month)["return_periods"]) == (86_400, 30)
    shorter = equity([float(n % 7) for n in range(720)], step=timedelta(hours=1), first=datetime(2024, 1, 1, tzinfo=UTC))
    assert (metrics.performance(shorter)["return_period_s"], metrics.performance(shorter)["return_periods"]) == (3_600, 719)


def test_returns_are_of_whole_hours_only() -> None:
    # ticks at 22:30, 22:45, 23:00 … 00:15: one whole hour, from 23:00 to 00:00, in which the excess rises from 2 to 60
    at_us = np.array([(22 * 60 + 30 + 15 * n) * MINUTE_US for n in range(8)])
    excess = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 60.0, 7.0])
    assert metrics.period_returns(at_us, excess, HOUR_US).tolist() == [58.0]
    assert metrics.period_returns(at_us[:2], excess[:2], HOUR_US).size == 0


def test_the_figures_of_two_hours_by_hand() -> None:
    # excess 0, 10, 5 on 1000: returns 100 and -50 bps; a year has 8760 hours
    found = metrics.performance(equity([0.0, 10.0, 5.0], step=timedelta(hours=1), first=datetime(2024, 1, 1, tzinfo=UTC)))
    deviation, downside = math.sqrt(2 * 0.0075**2), math.sqrt(0.005**2 / 2)
    assert found["excess"] == 5.0
    assert found["excess_return_bps"] == pytest.approx(50.0)
    assert found["annual_return"] == pytest.approx(0.005 * 8760 / 2)
    assert found["annual_volatility"] == pytest.approx(deviation * math.sqrt(8760))
    assert found["sharpe"] == pytest.approx(0.0025 / deviation * math.sqrt(8760))
    assert found["sortino"] == pytest.approx(0.0025 / downside * math.sqrt(8760))
    # 5 of 1000 lost from the high of 10, from the first hour to the end
    assert (found["max_drawdown"], found["max_drawdown_s"]) == (5.0, 3600.0)
    assert found["calmar"] == pytest.approx(21.9 / 0.005)
    assert found["return_periods"] == 2


def test_figures_are_relative_to_the_starting_balances_whatever_happened_in_the_first_microsecond() -> None:
    # 1000 held, 100 of them gone at the first tick
    found = metrics.performance(equity([-100.0, -100.0, -90.0], step=timedelta(hours=1)))
    assert found["excess_return_bps"] == pytest.approx(-900.0)
    assert (found["max_drawdown"], found["max_drawdown_s"]) == (100.0, 7200.0)


@pytest.mark.parametrize("returns", [[], [0.01]])
def test_fewer_than_two_returns_have_no_ratios(returns: list[float]) -> None:
    assert metrics.ratios(np.array(returns), periods_a_year=365) == {"annual_volatility": None, "sharpe": None, "sortino": None}


def test_returns_that_never_differ_have_no_sharpe_and_without_a_loss_no_sortino() -> None:
    assert metrics.ratios(np.zeros(5), periods_a_year=365) == {"annual_volatility": 0.0, "sharpe": None, "sortino": None}
    # the mean of three times 0.1 is not 0.1
    assert metrics.ratios(np.full(3, 0.1), periods_a_year=365) == {"annual_volatility": 0.0, "sharpe": None, "sortino": None}
    rising = metrics.ratios(np.array([0.5, 0.5, 0.25]), periods_a_year=365)
    assert rising["sharpe"] is not None
    assert rising["sortino"] is None


def test_without_equity_at_the_start_nothing_is_relative() -> None:
    found = metrics.performance(equity([0.0, 0.0, 0.0], step=timedelta(hours=1), start=0.0))
    assert [found[name] for name in ("excess_return_bps", "annual_return", "annual_volatility", "sharpe", "sortino", "calmar")] == [None] * 6
    assert found["excess"] == 0.0


@pytest.mark.parametrize(
    ("excess", "fall", "seconds"),
    [
        ([0, 0, 0, 0], 0, 0),
        ([0, 1, 2, 3], 0, 0),
        ([0, 5, 2, 5, 4], 3, 120),  # from the second tick to the fourth, where it is made good
        ([0, 5, 5, 2, 3, 6], 3, 180),  # from the last tick on the high
        ([0, -1, -4, -2], 4, 180),  # never made good: to the end
        ([0, 3, 1, 3, 9, 8, 4, 8], 5, 180),  # the deepest counts, not the first or the longest
        ([0, 4, 0, 4, 0, 0], 4, 120),  # of two equally deep, the first
        ([-1, -3, -1, -2], 3, 180),  # what is lost in the first microsecond falls from 0
        ([-1, -1, 0, 2], 1, 120),
    ],
)
def test_the_largest_drawdown_lasts_from_its_high_to_its_recovery_or_the_end(excess: list[float], fall: float, seconds: float) -> None:
    at_us = np.arange(len(excess)) * MINUTE_US
    assert metrics.max_drawdown(at_us, np.array(excess, dtype=float)) == (fall, seconds)


@given(st.lists(moves, min_size=1, max_size=40))
def test_no_fall_is_larger_than_the_largest_drawdown(steps: list[float]) -> None:
    excess = np.cumsum([0.0, *steps])
    falls = [max(a, 0) - b for n, a in enumerate(excess) for b in excess[n:]]
    assert metrics.max_drawdown(np.arange(excess.size), excess)[0] == pytest.approx(max(falls), abs=1e-12)


def packages(*rows: tuple[float, float], edge: float = 12.0) -> pl.DataFrame:
    """Return packages from (PnL, share that both legs filled)."""
    columns = {"pnl": [pnl for pnl, _ in rows], "kept": [kept for _, kept in rows], "edge_bps": [edge + n for n in range(len(rows))]}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))


def test_rates_count_packages_that_paid_and_that_missed() -> None:
    found = metrics.trading(packages((1.0, 1.0), (-1.0, 0.4), (0.0, 0.0), (2.0, 1.0)), turnover=4000.0, excess=-2.0)
    # 2 of 4 above 0; 2 of 4 not whole; edges 12, 13, 14, 15; 2 of 4000 lost
    assert found == {"turnover": 4000.0, "hit_rate": 0.5, "miss_rate": 0.5, "mean_edge_bps": 13.5, "breakeven_bps": pytest.approx(-5.0)}


def test_rates_of_no_packages_are_not_defined() -> None:
    found = metrics.trading(packages(), turnover=0.0, excess=0.0)
    assert found == {"turnover": 0.0, "hit_rate": None, "miss_rate": None, "mean_edge_bps": None, "breakeven_bps": None}
