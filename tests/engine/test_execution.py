"""How good fills were and what they tied up, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from engine import attribution, execution, panel
from engine.config import parse_spec
from engine.events import Orders
from tests.engine.paper import IDLE, MARKS, ORDERS, PANEL, PATH, SPEC, TRANSFERS, minutes
from tests.engine.small import Book, books, dear_alfa, small

LINES = attribution.fill_lines(SPEC, PATH, MARKS)
MINUTE = 60_000_000


def test_a_markout_is_how_the_mid_moved_our_way_weighted_by_what_fills_were_worth() -> None:
    # bravo's closes at minutes 3, 4 and 5 are 105, 106 and 122, alfa's 100, 100 and 110
    sold, bought, unwound = 96.425, 40.2, 49.444
    minute = (-sold * (106 / 105 - 1) + 0 + unwound * (122 / 106 - 1)) / (sold + bought + unwound)
    assert execution.markout_bps(SPEC, PATH, LINES, panel=PANEL, after_us=MINUTE) == pytest.approx(1e4 * minute)
    # two minutes after the last fill the run is over: it is left out
    two = (-sold * (122 / 105 - 1) + bought * 0.1) / (sold + bought)
    assert execution.markout_bps(SPEC, PATH, LINES, panel=PANEL, after_us=2 * MINUTE) == pytest.approx(1e4 * two)
    assert execution.markout_bps(SPEC, PATH, LINES, panel=PANEL, after_us=3 * MINUTE) is None


def test_the_market_is_looked_at_after_1_5_and_15_bars_or_1_5_and_60_seconds() -> None:
    assert execution.horizons_us(SPEC) == (MINUTE, 5 * MINUTE, 15 * MINUTE)
    quotes = small({"alfa BTC/USD": books(), "bravo BTC/USD": books()}).spec
    assert execution.horizons_us(quotes) == (1_000_000, 5_000_000, 60_000_000)


def test_a_mid_that_is_older_than_five_minutes_tells_nothing() -> None:
    still = small({"alfa BTC/USD": books({0: Book(99, 101)}), "bravo BTC/USD": books({0: Book(99, 101), 400: Book(109, 111)})}, minutes=10)
    orders = replace(ORDERS, recorded_us=minutes(5, 5, 4, 6, 1), leg=np.array([0, 1, 0, 1, 1], dtype=np.int32))
    path = replace(PATH, orders=orders)
    # at 5 min 0 s the quotes of 0 s count, a second later they do not; at 1 min nothing moves
    seen = panel.build(still.spec, still.data)
    lines = replace(LINES, turnover=np.ones(5))
    assert execution.markout_bps(still.spec, path, lines, panel=seen, after_us=1_000_000) == pytest.approx(0.0)
    # from 5 min to 6 min 40 s: bravo alone tells, of a buy, 110 after 100
    assert execution.markout_bps(still.spec, path, replace(lines, turnover=np.array([1.0, 1, 1, 1, 0])), panel=seen, after_us=100_000_000) == (
        pytest.approx(1e4 * 0.1)
    )


def test_the_age_of_a_decision_is_that_of_its_legs_by_event_time() -> None:
    world = dear_alfa()
    slow = parse_spec({**world.form, "venues": {**world.form["venues"], "bravo": {**world.form["venues"]["bravo"], "feed_latency": "3s"}}})
    orders = replace(ORDERS, leg=np.array([0, 1, 0, 1, 1], dtype=np.int32), decided_us=minutes(1.05, 1.05, 2.1, 2.1, 2.5))
    # bars of both are known 3 s after their end: 3 s and 6 s after it, the residual order's leg does not count
    assert execution.mean_age_s(slow, replace(PATH, orders=orders), panel.build(slow, world.data)) == pytest.approx(4.5)
    assert execution.mean_age_s(SPEC, IDLE, PANEL) is None


def test_the_peak_of_capital_is_the_most_that_orders_and_transfers_tied_up_at_once() -> None:
    # from minute 2 to 3: 1 BTC and 101 USD of package 0, 1 BTC and 102.102 USDC of package 1, 50 USDC on their way
    assert execution.peak_capital(SPEC, PATH, MARKS) == pytest.approx(101 + 101 + 101 + 102.102 * 0.99 + 50 * 0.99)
    assert execution.peak_capital(SPEC, replace(PATH, transfers=IDLE.transfers), MARKS) == pytest.approx(303 + 102.102 * 0.99)
    assert execution.peak_capital(SPEC, IDLE, MARKS) == 0.0
    # from minute 4 on, when the residual order is filled but not noticed: what it reserved, and 30 USDC
    late = replace(ORDERS, **{name: getattr(ORDERS, name)[4:] for name in Orders.__slots__})
    assert execution.peak_capital(SPEC, replace(PATH, orders=late), MARKS) == pytest.approx(63.375312 * 0.95 + 30 * 0.94)


def test_what_ends_makes_room_for_what_begins_at_the_same_time() -> None:
    moved = replace(TRANSFERS, requested_us=minutes(2, 3), credited_us=minutes(3, 4))
    only = replace(IDLE, transfers=moved)
    # 50 at 0.99, then 30 at 0.95
    assert execution.peak_capital(SPEC, only, MARKS) == pytest.approx(49.5)
    longer = replace(IDLE, transfers=replace(moved, credited_us=minutes(3.1, 4)))
    assert execution.peak_capital(SPEC, longer, MARKS) == pytest.approx(49.5 + 28.5)


def test_all_figures_are_there_and_not_defined_where_nothing_happened() -> None:
    assert list(execution.figures(SPEC, PATH, LINES, PANEL)) == [*execution.MARKOUTS, "mean_age_s", "peak_capital"]
    nothing = execution.figures(SPEC, IDLE, attribution.fill_lines(SPEC, IDLE, MARKS), PANEL)
    assert nothing == {**dict.fromkeys(execution.MARKOUTS), "mean_age_s": None, "peak_capital": 0.0}
