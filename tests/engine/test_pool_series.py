"""States of pools mark what their tokens are worth; what is no state takes the pool away, and both engines say so alike."""

from math import inf, nan

import pytest

from engine import panel
from engine.errors import DataError, SpecError
from tests.engine.engines import ENGINES, Engine, by_kernel, by_oracle
from tests.engine.small import after, bars, small
from tests.engine.test_kernel_equals_oracle import assert_same
from tests.strategies import World
from tests.strategies.pools import PoolRow, pool_frame

GOOD = (100.0, 5_000.0, 90.0, 110.0)
POOL = "pond ETH/USD"


def state(seconds: float, block: int | None = None, *numbers: float | None, received: float | None = None) -> PoolRow:
    """Return a state so many seconds after the start."""
    return (after(seconds), None if received is None else after(received), block, *(numbers or GOOD))  # type: ignore[return-value]


def marked(*rows: PoolRow, **changes: object) -> World:
    """Return a world with a pool that only marks an ether that lies at alfa."""
    series = {"alfa BTC/USD": bars(), "bravo BTC/USD": bars(), POOL: pool_frame(rows)}
    pond = {"instruments": {POOL: {"use": "mark", "data": "pool", "half_spread_bps": None, "max_age": None}}}
    held = {"alfa": {"balances": {"BTC": "10", "USD": "10000", "ETH": "2"}}, "pond": {"balances": {}}}
    return small(series, **{"venues": held, **pond, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pool_marks_at_its_price(engine: Engine) -> None:
    found = engine(marked(state(-10), state(90, None, 105.0, 5_000.0, 90.0, 110.0)))
    # two ether at 100, from 90 s on at 105
    assert [round(equity - found.equity[0][1], 6) for _, equity, _ in found.equity] == [0.0, 0.0, *[10.0] * 5]


DIRT = {
    "nan": [(nan, 5_000.0, 90.0, 110.0), (100.0, None, 90.0, 110.0), (100.0, inf, 90.0, 110.0), (100.0, 5_000.0, 90.0, nan)],
    "zero_or_negative": [(0.0, 5_000.0, 0.0, 110.0), (100.0, 0.0, 90.0, 110.0), (100.0, 5_000.0, -1.0, 110.0)],
    "outside": [(89.0, 5_000.0, 90.0, 110.0), (111.0, 5_000.0, 90.0, 110.0)],
}


@pytest.mark.parametrize("fault", DIRT)
def test_what_is_no_state_is_counted_and_flagged(fault: str) -> None:
    rows = [state(-10), *(state(10.0 * n, None, *numbers) for n, numbers in enumerate(DIRT[fault], 1)), state(100)]
    world = marked(*rows)
    (said,) = [row for row in by_kernel(world).quality if row["data"] == "pool"]
    assert {name: said[name] for name in ("rows", "flagged", *DIRT)} == {
        "rows": len(rows), "flagged": len(DIRT[fault]), **dict.fromkeys(DIRT, 0), fault: len(DIRT[fault])
    }  # fmt: skip
    assert_same(by_kernel(world), by_oracle(world))


def test_the_ends_of_a_range_are_within_it_and_a_constant_product_has_none() -> None:
    ends = [(90.0, 5_000.0, 90.0, 110.0), (110.0, 5_000.0, 90.0, 110.0), (100.0, 5_000.0, 0.0, inf)]
    world = marked(state(-10), *(state(10.0 * n, None, *numbers) for n, numbers in enumerate(ends, 1)))
    assert [row["flagged"] for row in by_kernel(world).quality if row["data"] == "pool"] == [0]
    assert_same(by_kernel(world), by_oracle(world))


def test_outages_disorder_repetitions_and_silence_are_told_alike() -> None:
    outage = [{"start": "2024-01-01T01:01:00Z", "end": "2024-01-01T01:01:30Z"}]
    rows = [state(-10, 1), state(-10, 1), state(20, 2), state(10, 3), state(70, 4), state(100, 4), state(100, 5)]
    world = marked(*rows, venues={"pond": {"outages": outage}, "alfa": {"balances": {"BTC": "10", "USD": "10000", "ETH": "2"}}})
    found = by_kernel(world)
    (said,) = [row for row in found.quality if row["data"] == "pool"]
    assert (said["rows"], said["flagged"], said["disorder"], said["duplicates"], said["longest_gap_s"]) == (7, 1, 1, 1, 260.0)
    assert_same(found, by_oracle(world))
    seen = panel.build(world.spec, world.data).series[-1]
    # the row that an outage puts in has no state, and those behind it keep theirs
    assert seen.states is not None
    assert seen.states.root.tolist() == [10.0, 10.0, 10.0, 10.0, 0.0, 0.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([state(-10, 2), state(10, 1)], "expected blocks in the order of the chain, found"),
        ([state(-10, 2), state(10)], "expected ts, received and block to be known on every row or on none each, found nulls"),
        ([(None, None, 1, *GOOD)], "expected times of blocks"),
        (
            [state(-10, None, 100.0, 4.7e11, 90.0, 110.0)],
            r"expected less than 4.6e10 USD within the active range, found 2.41\d*e\+11; are .* whole units",
        ),
        ([state(-10, None, 1e-8, 1e16, 0.0, inf)], r"expected less than 4.6e10 ETH within the active range, found 9.99999e\+19"),
        ([state(-10, None, 100.0, 1e300, 90.0, 110.0)], "expected less than 4.6e10 ETH within the active range, found 4.65"),
        ([state(-10, None, nan, 1.0, 0.0, inf)], "expected good states of the pool between"),
        ([state(-1000)], "expected good states of the pool between"),
        ([state(10, received=5)], "found 1 of 1 received before"),
    ],
)
def test_data_that_is_no_pools_is_refused_with_a_sentence(rows: list[PoolRow], said: str) -> None:
    with pytest.raises(DataError, match=f"pond ETH/USD: .*{said}"):
        by_kernel(marked(*rows))


def test_pool_bars_have_no_receive_times() -> None:
    bars_of = {"instruments": {POOL: {"use": "mark", "data": "pool_bars", "half_spread_bps": None, "max_age": None}}}
    assert by_kernel(marked(state(-60), state(0), **bars_of)).quality[-1]["gaps"] == 0
    with pytest.raises(DataError, match="expected pool bars without receive times, found some"):
        by_kernel(marked(state(-60, received=-50), **bars_of))


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"use": "trade"}, 'block_time, gas, gas_currency must be given with data = "pool" and use = "trade"'),
        ({"use": "convert"}, 'use = "convert" is not for data = "pool"'),
        ({"half_spread_bps": 1.0}, 'half_spread_bps has no meaning with data = "pool", which has a price of its own'),
    ],
)
def test_terms_that_a_pool_cannot_have_are_refused(terms: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        marked(state(-10), instruments={POOL: {"use": "mark", "data": "pool", "half_spread_bps": None, "max_age": None, **terms}})
