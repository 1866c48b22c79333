"""When the depeg guard halts a run, and when it lets go, by hand."""

from typing import Any

import numpy as np
import pytest

from engine import guard, panel
from engine.guard import Guard
from engine.marks import Marks
from tests.engine.small import Bar, after, bars, small
from tests.strategies import World

RULE = {"off_par_bps": 100.0, "ticks": 2}


def world(rule: dict[str, Any] | None, **changes: Any) -> World:
    series = {"alfa BTC/USDC": bars(), "bravo BTC/USDT": bars(), "alfa USDC/USD": bars(level=1.0), "alfa USDT/USD": bars(level=1.0)}
    risk: dict[str, Any] = {} if rule is None else {"risk": {"depeg_guard": rule}}
    return small(series, **risk, **changes)


def watched(usdc: list[float], rule: dict[str, Any] | None = RULE, usdt: list[float] | None = None) -> Guard:
    """Return what the guard says of marks at ticks, a minute apart."""
    spec = world(rule).spec
    times = np.array([after(60 * n) for n in range(len(usdc))], np.int64)
    ticks = {"USDC": np.array(usdc), "USDT": np.array(usdt or [1.0] * len(usdc)), "BTC": np.full(len(usdc), 9.0)}
    stale = dict.fromkeys(ticks, 0)
    return guard.build(spec, Marks(numeraire="USD", currencies=tuple(sorted(ticks)), sources=(), ticks_us=times, ticks=ticks, stale=stale))


def halts(usdc: list[float], **rule: Any) -> str:
    """Return a letter a tick: h where it halts."""
    return "".join("h" if halted else "." for halted in watched(usdc, {**RULE, **rule}).halted)


@pytest.mark.parametrize(
    ("usdc", "expected"),
    [
        ([1.0, 0.98, 0.98, 0.98], "..hh"),  # from the second tick off par
        ([1.0, 0.98, 0.995, 0.98, 0.98], "....h"),  # in a row
        ([1.02, 1.02, 1.0], ".hh"),  # above par as well
        ([0.98, 1.02, 1.0], ".hh"),  # one way and then the other
        ([0.98, 0.98, 0.998, 0.998, 0.998], ".hh.."),  # back with the second
        ([0.98, 0.98, 0.993, 0.993, 0.993], ".hhhh"),  # not off, but not back either
        ([0.98, 0.98, 0.998, 0.993, 0.998, 0.998], ".hhhh."),  # in a row
        ([0.98, 0.98, 1.0, 1.0, 0.98, 0.98], ".hh..h"),
        ([0.98, 0.98, 0.98, 0.98, 1.0, 1.0, 0.98, 1.0], ".hhhh..."),
    ],
)
def test_a_currency_off_par_for_so_many_ticks_halts_until_as_many_are_within_half(usdc: list[float], expected: str) -> None:
    assert halts(usdc) == expected


def test_both_bounds_are_reached_when_they_are_met() -> None:
    # in binary 0.75 and 1.25 are exact, and 2,500 bps and half of it too
    assert halts([0.75, 1.25, 0.875, 1.125], off_par_bps=2_500.0) == ".hh."
    assert halts([0.750001, 0.75, 0.75, 0.874999, 0.875, 0.875], off_par_bps=2_500.0) == "..hhh."


def test_one_tick_is_enough_where_the_rule_says_so() -> None:
    assert halts([1.0, 0.98, 1.0, 0.98], ticks=1) == ".h.h"


def test_any_guarded_currency_halts_and_each_is_listed_by_time_and_name() -> None:
    found = watched([1.0, 0.98, 0.98, 1.0, 1.0, 1.0], usdt=[1.0, 1.0, 0.98, 0.98, 1.0, 1.0])
    assert found.halted.tolist() == [False, False, True, True, True, False]
    assert found.events == [
        (after(120), "USDC", "off"),
        (after(180), "USDT", "off"),
        (after(240), "USDC", "back"),
        (after(300), "USDT", "back"),
    ]
    assert watched([0.98] * 3, usdt=[0.98] * 3).events == [(after(60), "USDC", "off"), (after(60), "USDT", "off")]


def test_a_guard_that_goes_on_lists_and_does_not_halt() -> None:
    found = watched([0.98] * 4, {**RULE, "action": "go_on"})
    assert not found.halted.any()
    assert found.events == [(after(60), "USDC", "off")]


def test_without_a_guard_nothing_is_watched() -> None:
    found = watched([0.5] * 4, None)
    assert (found.halted.tolist(), found.events) == ([False] * 4, [])


def test_only_the_currencies_that_are_named_are_watched() -> None:
    assert watched([0.98] * 4, {**RULE, "currencies": ["USDT"]}).events == []
    assert watched([1.0] * 4, {**RULE, "currencies": ["USDT"]}, usdt=[0.9] * 4).events == [(after(60), "USDT", "off")]


def test_the_guard_of_a_run_goes_by_its_marks_at_ticks() -> None:
    series = {
        "alfa BTC/USD": bars(),
        "bravo BTC/USDC": bars(),
        "alfa USDC/USD": bars({1: Bar(0.97), 2: Bar(0.97), 3: Bar(0.97)}, level=1.0),
    }
    market = small(series, risk={"depeg_guard": {"ticks": 2}})
    # bars 1 to 3 are known with minutes 2 to 4
    found = guard.build(market.spec, panel.build(market.spec, market.data).marks)
    assert found.events == [(after(180), "USDC", "off"), (after(360), "USDC", "back")]
    assert found.halted.tolist() == [False, False, False, True, True, True, False]
