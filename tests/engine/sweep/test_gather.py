"""The best of many are the same whatever the order and the blocks in which they came."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.sweep.gather import Judged


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
