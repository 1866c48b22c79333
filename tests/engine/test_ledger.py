"""Balances over time and the tables of orders and transfers, from a run on paper."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from engine import ledger
from engine.schema import TIMESTAMP
from tests.engine.paper import BALANCES, IDLE, MARKS, ORDERS, PATH, SPEC, TRANSFERS, atoms, minutes, ordinals

HELD = {holding.currency: holding for holding in ledger.holdings(SPEC, PATH)}


def at(minute: int, second: int = 0) -> datetime:
    return datetime(2024, 1, 1, 1, minute, second, tzinfo=UTC)


def test_every_currency_that_is_held_traded_moved_or_charged_has_a_holding_by_name() -> None:
    assert list(HELD) == ["BNB", "BTC", "USD", "USDC"]
    assert [holding.start for holding in HELD.values()] == atoms(1, 5, 1000, 200).tolist()


@pytest.mark.parametrize(
    ("currency", "at_minutes_0_2_3_4_9"),
    [
        ("BNB", (1, 1, 1, 0.998, 0.998)),
        ("BTC", (5, 5, 4.3996, 4.8996, 4.8996)),  # 5 - 1 + 0.4 - 0.0004, + 0.5
        ("USD", (1000, 1000, 959.8, 959.8, 959.8)),
        ("USDC", (200, 199, 300.3985, 246.7985, 246.7985)),  # - 1 of a transfer, + 101.5 - 0.1015, - 52.6 - 1
    ],
)
def test_fills_change_holdings_when_they_are_recorded_and_transfers_when_they_are_requested(
    currency: str, at_minutes_0_2_3_4_9: tuple[float, ...]
) -> None:
    holding = HELD[currency]
    assert holding.after(minutes(0, 2, 3, 4, 9)).tolist() == atoms(*at_minutes_0_2_3_4_9).tolist()
    assert holding.after(minutes(1.99, 2.99, 3.99)).tolist() == atoms(*at_minutes_0_2_3_4_9[:3]).tolist()
    assert holding.start + holding.surplus == atoms(at_minutes_0_2_3_4_9[-1])[0]


def test_what_is_held_is_what_lies_in_wallets_and_what_is_in_flight() -> None:
    flying = atoms(29)[0]
    for currency, holding in HELD.items():
        wallets = sum(int(PATH.balances[k].sum()) for k, (_, held) in enumerate(PATH.wallets) if held == currency)
        assert wallets + (flying if currency == "USDC" else 0) == holding.start + holding.surplus


def test_a_holding_that_nothing_changed_stays_what_it_was() -> None:
    still = ledger.holdings(SPEC, IDLE)
    assert [holding.after(minutes(0, 9)).tolist() for holding in still] == [atoms(x, x).tolist() for x in (1, 5, 1000, 200)]


def test_changes_come_in_the_order_in_which_they_were_recorded() -> None:
    turned = replace(PATH, orders=replace(ORDERS, recorded_us=minutes(4, 3, 4, 6, 3.5)))
    found = {holding.currency: holding for holding in ledger.holdings(SPEC, turned)}
    assert found["BTC"].at_us.tolist() == minutes(3, 3, 3.5, 4).tolist()
    assert found["BTC"].after(minutes(3, 3.5, 4)).tolist() == atoms(5.3996, 5.8996, 4.8996).tolist()


def test_equity_is_holdings_at_marks_on_every_tick_and_hold_is_the_starting_ones() -> None:
    found = ledger.equity(ledger.holdings(SPEC, PATH), MARKS)
    assert found["ts"].to_list() == [at(n) for n in range(6)]
    # 1 BNB, 5 BTC, 1000 USD and 200 USDC
    hold = [300 + 505 + 1000 + 200, 300 + 505 + 1000 + 198, 300 + 505 + 1000 + 198, 300 + 500 + 1000 + 190, 310 + 500 + 1000 + 188, 2050]
    # what was held beyond them: -0.6004 BTC, -40.2 USD, 100.3985 USDC at minute 3; -0.1004 BTC, 46.7985 USDC, -0.002 BNB from minute 4
    excess = [0, 0, -0.99, -60.04 - 40.2 + 100.3985 * 0.95, -10.04 - 40.2 + 46.7985 * 0.94 - 0.62, -11.044 - 40.2 + 46.7985 * 0.9 - 0.64]
    assert found["hold"].to_list() == pytest.approx(hold, rel=1e-12)
    assert found["excess"].to_list() == pytest.approx(excess, abs=1e-9)
    assert found["equity"].to_list() == pytest.approx([h + x for h, x in zip(hold, excess, strict=True)], rel=1e-12)
    assert ledger.excess(ledger.holdings(SPEC, PATH), MARKS) == found["excess"][-1]


def test_the_table_of_orders_has_a_row_an_order_in_units() -> None:
    assert ledger.fills_table(SPEC, PATH).to_dict(as_series=False) == {
        "order": [0, 1, 2, 3, 4],
        "package": [0, 0, 1, 1, 0],
        "role": ["leg", "leg", "leg", "leg", "residual"],
        "decided": [at(1), at(1), at(2), at(2), at(3)],
        "arrival": [at(1, 30), at(1, 30), at(2, 30), at(4, 30), at(3, 30)],
        "recorded": [at(3), at(3), at(4), None, at(4)],
        "notice": [at(3), at(3), at(4), None, None],  # the last one's comes after the end
        "venue": ["bravo", "alfa", "alfa", "bravo", "bravo"],
        "instrument": ["BTC/USDC", "BTC/USD", "BTC/USD", "BTC/USDC", "BTC/USDC"],
        "side": ["sell", "buy", "sell", "buy", "buy"],
        "planned": [1.0, 1.0, 1.0, 1.0, 0.6],
        "filled": [1.0, 0.4, 0.0, 0.0, 0.5],
        "decision_price": [102.0, 100.0, 101.0, 102.0, 105.0],
        "limit_price": [101.0, 101.0, 100.5, 102.0, 105.52],
        "price": [101.5, 100.5, None, None, 105.2],
        "flow": [101.5, 40.2, 0.0, 0.0, 52.6],
        "fee": [0.1015, 0.0004, 0.0, 0.0, 0.002],
        "fee_currency": ["USDC", "BTC", None, None, "BNB"],
        "gas": [0.0] * 5,
        "gas_currency": [None] * 5,
        "outcome": ["filled", "partial", "limit", "open", "partial"],
        "edge_bps": [80.0, 80.0, 15.0, 15.0, 80.0],
    }


def test_the_table_of_transfers_has_a_row_a_transfer() -> None:
    assert ledger.transfers_table(SPEC, TRANSFERS).to_dict(as_series=False) == {
        "transfer": [0, 1],
        "requested": [at(2), at(4)],
        "credited": [at(3), None],
        "route": ["chain", "chain"],
        "currency": ["USDC", "USDC"],
        "source": ["bravo", "bravo"],
        "destination": ["alfa", "alfa"],
        "amount": [50.0, 30.0],
        "fee": [1.0, 1.0],
        "redeemed": [None, None],
        "paid": [None, None],
    }


def test_tables_have_the_same_columns_where_nothing_was_sent() -> None:
    empty = ledger.fills_table(SPEC, IDLE)
    assert empty.schema == ledger.fills_table(SPEC, PATH).schema
    assert (empty.schema["recorded"], empty.schema["order"], empty.schema["fee_currency"]) == (TIMESTAMP, pl.Int64, pl.String)
    assert ledger.transfers_table(SPEC, IDLE.transfers).schema == ledger.transfers_table(SPEC, TRANSFERS).schema
    assert empty.is_empty()


def test_wallets_end_with_what_lies_in_them_and_what_is_on_its_way() -> None:
    found = ledger.balances(SPEC, PATH)
    assert [(row["venue"], row["currency"]) for row in found] == sorted(BALANCES)
    assert {(row["venue"], row["currency"]): (row["free"], row["reserved"], row["pending"]) for row in found} == BALANCES
    assert [row["start"] for row in found] == [1.0, 1000.0, 0.0, 1.0, 4.0, 200.0]
    assert [row["in_flight"] for row in found] == [0.0, 0.0, 29.0, 0.0, 0.0, 0.0]


def test_buys_are_positive_and_only_open_orders_are_open() -> None:
    assert ledger.signs(ORDERS).tolist() == [-1, 1, -1, 1, 1]
    assert ledger.is_open(ORDERS).tolist() == [False, False, False, True, False]
    assert ledger.is_filled(ORDERS).tolist() == [True, True, False, False, True]


def test_atoms_are_units_of_1e8_times_are_utc_and_no_ordinal_is_no_name() -> None:
    assert ledger.units(np.array([1, 150_000_000])).tolist() == [1e-8, 1.5]
    assert ledger.timestamps(minutes(0, 1), where=np.array([True, False])).to_list() == [at(0), None]
    assert ledger.names(("a", "b"), ordinals(1, -1, 0)).to_list() == ["b", None, "a"]
