"""The funding of a perpetual: its contract, and what of it a run needs."""

import polars as pl
import pytest

from engine import manifest, payments
from engine.errors import DataError
from engine.oracle.settlement import position_of
from engine.schema import FUNDING, check_funding, funding_key
from tests.engine.futures import FAR, PERPETUAL, basis
from tests.engine.futures import payments as table
from tests.engine.small import after, dear_alfa

KEY = funding_key(PERPETUAL)


def test_rates_are_known_from_the_latest_publication_so_far_on() -> None:
    world = basis(funding=table((-60, None, 0.1), (100, 20, 0.2), (200, 10, 0.3), (900, 150, 0.4)))
    found = payments.read(world.spec, world.data)
    assert found.due_us.tolist() == [after(-60), after(100), after(200), after(900)]
    assert found.known_us.tolist() == [after(-60), after(20), after(20), after(150)]
    assert found.rate.tolist() == [0.1, 0.2, 0.3, 0.4]


def test_what_is_due_more_than_30_days_off_is_not_read_and_not_named() -> None:
    day = 86_400.0
    near = ((-30 * day, None, 0.1), (-60.0, None, 0.2), (300.0, None, 0.3), (360 + 30 * day, None, 0.4))
    world = basis(funding=table(*near))
    far = {**world.data, KEY: table((-30 * day - 1, None, 0.5), *near, (361 + 30 * day, None, 0.5))}
    assert payments.read(world.spec, far).rate.tolist() == [0.1, 0.2, 0.3, 0.4]
    position = position_of(world.spec, far)
    assert position is not None
    assert [payment.rate for payment in position.payments] == [0.1, 0.2, 0.3, 0.4]
    assert manifest.build(world.spec, far, assumptions=[]) == manifest.build(world.spec, world.data, assumptions=[])


def test_a_run_without_a_perpetual_has_none() -> None:
    world = dear_alfa()
    assert payments.read(world.spec, world.data).due_us.size == 0


def test_a_perpetual_without_funding_is_refused() -> None:
    world = basis()
    alone = {key: frame for key, frame in world.data.items() if key != KEY}
    with pytest.raises(DataError, match=r"bravo BTC/USD: expected its funding \(ts, published, rate\) beside its prices, found none"):
        payments.read(world.spec, alone)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([(-60.0, None, 0.1)], "expected at least two payments"),
        ([(60.0, None, 0.1), (100.0, None, 0.1), (140.0, None, 0.1), (900.0, None, 0.1)], r"expected payments from 2024-01-01 01:00 to"),
        ([(-60.0, None, 0.1), (60.0, None, 0.1), (180.0, None, 0.1)], r"found them from 2024-01-01 00:59 to 2024-01-01 01:03"),
        ([(-60.0, None, 1.0), (FAR, None, 0.1)], "expected rates between -1 and 1"),
        ([(-60.0, None, float("nan")), (FAR, None, 0.1)], "expected rates between -1 and 1"),
        ([(FAR, None, 0.1), (-60.0, None, 0.1)], "expected times that increase"),
        ([(-60.0, -50.0, 0.1), (FAR, None, 0.1)], "expected rates that are published by when they are paid"),
    ],
)
def test_funding_that_is_none_or_not_all_of_the_run_is_refused(rows: list[tuple[float, float | None, float]], sentence: str) -> None:
    world = basis()
    with pytest.raises(DataError, match=f"bravo BTC/USD funding: .*{sentence}"):
        payments.read(world.spec, {**world.data, KEY: table(*rows)})


def test_the_columns_of_funding_are_its_contract() -> None:
    frame = table((0, None, 0.1))
    assert check_funding(frame, key=KEY) is frame
    assert frame.schema == FUNDING
    with pytest.raises(DataError, match="bravo BTC/USD funding: expected columns"):
        check_funding(frame.drop("published"), key=KEY)
    with pytest.raises(DataError, match="expected a time and a rate on every row"):
        check_funding(frame.with_columns(rate=pl.lit(None, dtype=pl.Float64)), key=KEY)


def test_a_manifest_names_the_funding() -> None:
    world = basis()
    found = manifest.build(world.spec, world.data, assumptions=[])["data"]
    assert isinstance(found, list)
    assert [row["instrument"] for row in found][-1] == "BTC/USD funding"
    other = {**world.data, KEY: world.data[KEY].with_columns(rate=pl.lit(0.25))}
    assert manifest.build(world.spec, other, assumptions=[])["data"] != found
