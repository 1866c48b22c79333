"""Balances over time and the table of orders, from a ledger on paper."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from engine import ledger
from engine.kernels.path import new_orders
from engine.schema import TIMESTAMP
from tests.engine.paper import MARKS, ORDERS, SPEC, atoms, minutes

HELD = {holding.currency: holding for holding in ledger.holdings(SPEC, ORDERS)}


def at(minute: int, second: int = 0) -> datetime:
    return datetime(2024, 1, 1, 1, minute, second, tzinfo=UTC)


def test_every_currency_that_is_held_or_traded_has_a_holding_by_name() -> None:
    assert list(HELD) == ["BTC", "USD", "USDC"]
    assert [holding.start for holding in HELD.values()] == atoms(5, 1000, 200).tolist()


@pytest.mark.parametrize(
    ("currency", "before", "then"),
    [
        ("BTC", 5, 4.4),  # 5 - 1 + 0.4
        ("USD", 1000, 959.7598),  # 1000 - 40.2 - 0.0402
        ("USDC", 200, 301.3985),  # 200 + 101.5 - 0.1015
    ],
)
def test_a_fill_changes_holdings_when_it_is_recorded(currency: str, before: float, then: float) -> None:
    holding, times = HELD[currency], minutes(0, 2.99, 3, 3.01, 9)
    assert holding.after(times).tolist() == atoms(before, before, then, then, then).tolist()
    assert holding.before(times).tolist() == atoms(before, before, before, then, then).tolist()


def test_a_holding_that_nothing_changed_stays_what_it_was() -> None:
    still = ledger.holdings(SPEC, new_orders(0))
    assert [holding.after(minutes(0, 9)).tolist() for holding in still] == [atoms(x, x).tolist() for x in (5, 1000, 200)]


def test_changes_come_in_the_order_in_which_they_were_recorded() -> None:
    turned = ORDERS._replace(recorded_us=minutes(4, 3, 4, 6))
    found = {holding.currency: holding for holding in ledger.holdings(SPEC, turned)}
    assert found["BTC"].at_us.tolist() == minutes(3, 4).tolist()
    assert found["BTC"].after(minutes(3, 4)).tolist() == atoms(5.4, 4.4).tolist()


def test_equity_is_holdings_at_marks_on_every_tick_and_hold_is_the_starting_ones() -> None:
    found = ledger.equity(SPEC, ledger.holdings(SPEC, ORDERS), MARKS)
    assert found["ts"].to_list() == [at(n) for n in range(6)]
    # hold: 5 BTC, 1000 USD and 200 USDC
    hold = [505 + 1000 + 200, 505 + 1000 + 198, 505 + 1000 + 198, 500 + 1000 + 190, 500 + 1000 + 190, 550 + 1000 + 180]
    # from minute 3: 4.4 BTC, 959.7598 USD and 301.3985 USDC
    late = [440 + 959.7598 + 301.3985 * 0.95] * 2 + [484 + 959.7598 + 301.3985 * 0.9]
    assert found["hold"].to_list() == pytest.approx(hold, rel=1e-12)
    assert found["equity"].to_list() == pytest.approx(hold[:3] + late, rel=1e-12)
    assert found["excess"].to_list() == pytest.approx([e - h for e, h in zip(hold[:3] + late, hold, strict=True)], abs=1e-9)


def test_the_table_of_orders_has_a_row_an_order_in_units() -> None:
    table = ledger.fills_table(SPEC, ORDERS)
    assert table.to_dict(as_series=False) == {
        "order": [0, 1, 2, 3],
        "package": [0, 0, 1, 1],
        "decided": [at(1), at(1), at(2), at(2)],
        "arrival": [at(1, 30), at(1, 30), at(2, 30), at(4, 30)],
        "recorded": [at(3), at(3), at(4), None],
        "venue": ["bravo", "alfa", "alfa", "bravo"],
        "instrument": ["BTC/USDC", "BTC/USD", "BTC/USD", "BTC/USDC"],
        "side": ["sell", "buy", "sell", "buy"],
        "planned": [1.0, 1.0, 2.0, 2.0],
        "filled": [1.0, 0.4, 0.0, 0.0],
        "decision_price": [102.0, 100.0, 101.0, 102.0],
        "limit_price": [101.0, 101.0, 100.5, 102.0],
        "price": [101.5, 100.5, None, None],
        "flow": [101.5, 40.2, 0.0, 0.0],
        "fee": [0.1015, 0.0402, 0.0, 0.0],
        "outcome": ["filled", "partial", "limit", "open"],
        "edge_bps": [80.0, 80.0, -5.0, -5.0],
    }


def test_the_table_has_the_same_columns_where_nothing_was_sent() -> None:
    empty = ledger.fills_table(SPEC, new_orders(0))
    assert empty.schema == ledger.fills_table(SPEC, ORDERS).schema
    assert empty.schema["recorded"] == TIMESTAMP
    assert empty.schema["order"] == pl.Int64
    assert empty.is_empty()


def test_sides_alternate_and_only_open_orders_are_open() -> None:
    assert ledger.sides(ORDERS).tolist() == [0, 1, 0, 1]
    assert ledger.is_open(ORDERS).tolist() == [False, False, False, True]


def test_atoms_are_units_of_1e8_and_times_are_utc() -> None:
    assert ledger.units(np.array([1, 150_000_000])).tolist() == [1e-8, 1.5]
    assert ledger.timestamps(minutes(0)).to_list() == [at(0)]
