"""The best of many are the same whatever the order and the blocks in which they came."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.sweep import rows as trial_rows
from engine.sweep.gather import Gathered, Judged


@given(count=st.integers(1, 120), most=st.integers(1, 40), random=st.randoms(use_true_random=True))
def test_what_is_judged_are_the_best_by_score_then_by_ordinal(count: int, most: int, random: Random) -> None:
    scored = random.choices([-np.inf, -1.0, 0.0, 0.5, 2.0], k=count)
    judged, order = Judged(count, 3, most=most, block=8), list(range(count))
    random.shuffle(order)
    while order:
        part = np.array([order.pop() for _ in range(min(len(order), 13))])
        judged.add(part, np.array(scored)[part], np.column_stack([part, part + 0.5, -part]))
    trials, periods = judged.best()
    expected = sorted(sorted(range(len(scored)), key=lambda trial: (-scored[trial], trial))[:most])
    assert trials.tolist() == expected
    assert periods.tolist() == [[trial, trial + 0.5, -trial] for trial in expected]


@given(sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=9), random=st.randoms(use_true_random=True))
def test_rows_are_by_ordinal_whatever_the_order_in_which_parts_come(sizes: list[int], random: Random) -> None:
    count, parts = sum(sizes), []
    for size, first in zip(sizes, np.cumsum([0, *sizes[:-1]]), strict=True):
        rows = trial_rows.empty(size, 2)
        rows.figures.excess[:] = rows.figures.start_equity[:] = np.arange(first, first + size) + 1
        parts.append((np.arange(first, first + size), rows))
    random.shuffle(parts)
    gathered = Gathered(count, 2, span_us=86_400_000_000, lines=(), rank_by="excess")
    for part in parts:
        gathered.add(*part)
    columns, judged, periods = gathered.whole()
    assert columns["excess"].to_list() == list(range(1, count + 1))
    assert set(columns["excess_return_bps"]) == {10_000.0}
    assert judged.tolist() == list(range(max(count - 20_000, 0), count))
    assert periods.shape == (min(count, 20_000), 2)
