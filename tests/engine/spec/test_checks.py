"""The window of a run: start, end and clock."""

import pytest

from tests.engine.spec.forms import changed, said, spec


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([("clock", "0s")], "clock: must be longer than 0"),
        ([("clock", "1500ms")], "clock: must be a multiple of 1s that divides 1h, found 1500ms"),
        ([("clock", "2h")], "clock: must be a multiple of 1s that divides 1h, found 2h"),
        ([("end", "2023-03-11T00:00:00Z")], "start: 2023-03-11T00:00:00Z must be before end (2023-03-11T00:00:00Z)"),
        ([("end", "2023-03-10T23:00:00Z")], "start: 2023-03-11T00:00:00Z must be before end (2023-03-10T23:00:00Z)"),
        ([("start", "2023-03-11T02:00:30+02:00")], "start: 2023-03-11T00:00:30Z must lie on the clock, a multiple of 1m"),
        ([("clock", "15m"), ("end", "2023-03-12T00:01:00Z")], "end: 2023-03-12T00:01:00Z must lie on the clock, a multiple of 15m"),
        (
            [("start", "2020-01-01T00:00:00Z"), ("end", "2058-01-09T21:20:00Z")],
            "clock: there are 20,000,001 ticks from start to end, 20,000,000 at most are possible: lengthen the clock",
        ),
    ],
)
def test_a_window_that_cannot_be_run_is_refused(changes: list[tuple[str, object]], sentence: str) -> None:
    assert said(changed(*changes)) == [sentence]


def test_a_run_of_twenty_million_ticks_is_possible() -> None:
    assert spec(("start", "2020-01-01T00:00:00Z"), ("end", "2058-01-09T21:19:00Z")).clock == 60_000_000
