"""The queue of what is to come."""

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.kernels.hand import fresh, log, observations
from tests.engine.kernels.plain import state

events = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 9)), max_size=16)


@given(events)
def test_what_waits_comes_by_time_then_kind_then_number(given_: list[tuple[int, int, int]]) -> None:
    found, counts = log(), fresh(observations([], [])).counts
    for event in given_:
        state.push(found.queue, counts, event)
    assert [state.pop(found.queue, counts) for _ in given_] == sorted(given_)
    assert counts[0].queue == 0


@given(events, events)
def test_what_comes_later_queues_among_what_is_left(first: list[tuple[int, int, int]], then: list[tuple[int, int, int]]) -> None:
    found, counts = log(), fresh(observations([], [])).counts
    for event in first:
        state.push(found.queue, counts, event)
    half = [state.pop(found.queue, counts) for _ in first[::2]]
    for event in then:
        state.push(found.queue, counts, event)
    rest = [state.pop(found.queue, counts) for _ in range(counts[0].queue)]
    assert half == sorted(first)[: len(half)]
    assert rest == sorted([*sorted(first)[len(half) :], *then])


def test_a_credit_comes_before_a_fill_and_a_fill_before_a_notice() -> None:
    assert sorted(("notice", "resolve", "credit"), key=lambda kind: getattr(state, kind.upper())) == ["credit", "resolve", "notice"]
