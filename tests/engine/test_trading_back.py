"""What it costs to trade back to the starting balances, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from engine import ledger, panel, trading_back
from engine.events import Path
from engine.ledger import Holding
from tests.engine.paper import IDLE, MARKS, ORDERS, PANEL, PATH, SPEC, atoms, minutes, ordinals
from tests.engine.small import START, Book, after, bars, books, small
from tests.strategies import World, frame, iso


def holding(currency: str, surplus: float) -> Holding:
    """Return a currency of which so much is held beyond the start."""
    return Holding(currency=currency, start=0, at_us=minutes(1), change=atoms(surplus))


def idle(world: World) -> Path:
    """Return a path on which nothing happened."""
    wallets = world.spec.wallets
    return replace(IDLE, wallets=wallets, balances=np.zeros((len(wallets), 3), np.int64))


def back(world: World, **surplus: float) -> trading_back.TradeBack:
    """Return what trading back these surpluses comes to, at a path without fills."""
    held = [holding(currency, surplus.get(currency, 0.0)) for currency in world.spec.currencies]
    return trading_back.trade_back(world.spec, idle(world), panel.build(world.spec, world.data), held)


def test_the_run_on_paper_buys_back_its_btc_sells_its_usdc_and_counts_bnb_at_the_mark() -> None:
    # 0.1004 BTC at bravo: 122 USDC and 10 bps, worth 0.9 each, are less than 110 USD of which 10 bps are kept in BTC
    paid = 0.1004 * 122 * 1.001
    # what USDC is left over goes at 0.9 less 10 bps of spread and 10 bps of fee
    expected = 0.1004 * 110 - paid * 0.9 + (46.7985 - paid) * (0.8991 * 0.999 - 0.9)
    found = trading_back.trade_back(SPEC, PATH, PANEL, ledger.holdings(SPEC, PATH))
    assert found.amount == pytest.approx(expected, abs=1e-9)
    assert found.at_mark == ["BNB"]


def test_trading_back_nothing_costs_nothing() -> None:
    assert trading_back.trade_back(SPEC, IDLE, PANEL, ledger.holdings(SPEC, IDLE)) == trading_back.TradeBack(amount=0.0, at_mark=[])


TWO = {"alfa BTC/USD": books({60: Book(99.0, 101.0)}), "bravo BTC/USD": books({60: Book(98.0, 102.0)})}
FEES = {"alfa": {"fee_bps": 300}, "bravo": {"fee_bps": 100}}


def test_a_surplus_goes_at_the_best_net_bid_and_what_lacks_comes_at_the_best_net_ask() -> None:
    world = small(TWO, minutes=3, venues=FEES)
    # bids: 99 × 0.97 = 96.03, 98 × 0.99 = 97.02; asks: 101 × 1.03 = 104.03, 102 × 1.01 = 103.02; the mark is 100
    assert back(world, BTC=2.0).amount == pytest.approx(2 * (97.02 - 100))
    assert back(world, BTC=-2.0).amount == pytest.approx(2 * (100 - 103.02))


def test_a_fee_in_base_makes_a_buy_dearer_by_what_it_takes() -> None:
    world = small(TWO, minutes=3, venues={"alfa": {"fee_bps": 100, "fee_currency": "received"}, "bravo": {"fee_bps": 300}})
    assert back(world, BTC=-1.0).amount == pytest.approx(100 - 101 / 0.99)
    assert back(world, BTC=1.0).amount == pytest.approx(99 * 0.99 - 100)


def test_a_currency_is_traded_against_the_numeraire_either_way_round() -> None:
    series = {"alfa BTC/USD": bars(), "alfa USD/USDC": books({60: Book(1.24, 1.26)}), "bravo BTC/USD": bars()}
    world = small(series, minutes=3, venues={"alfa": {"fee_bps": 100, "balances": {"USDC": "1"}}}, instruments={"alfa USD/USDC": {"max_age": "1h"}})
    # a USDC is marked at 1 / 1.25 = 0.8; selling it buys USD at 1.26 × 1.01, buying it sells USD at 1.24 × 0.99
    assert back(world, USDC=10.0).amount == pytest.approx(10 * (1 / (1.26 * 1.01) - 0.8))
    assert back(world, USDC=-10.0).amount == pytest.approx(10 * (0.8 - 1 / (1.24 * 0.99)))
    assert back(world, USD=50.0).amount == 0.0


def test_a_price_counts_for_five_minutes_after_its_event_and_one_that_is_not_good_or_not_known_yet_not_at_all() -> None:
    quiet = {"alfa BTC/USD": books({60: Book(99.0, 101.0)}), "bravo BTC/USD": books({60: Book(98.0, 102.0)})}
    assert back(small(quiet, minutes=6), BTC=1.0).amount == pytest.approx(-1.0)
    assert back(small(quiet, minutes=7), BTC=1.0).at_mark == ["BTC"]
    crossed = {**quiet, "alfa BTC/USD": books({60: Book(99.0, 101.0), 70: Book(101.0, 99.0)})}
    assert back(small(crossed, minutes=3), BTC=1.0).amount == pytest.approx(-2.0)
    # known 30 s late, at the end not yet: the first quote of alfa, 10 s before the start, stands
    late = {**quiet, "alfa BTC/USD": books({170: Book(150.0, 151.0)})}
    found = back(small(late, minutes=3, venues={"alfa": {"feed_latency": "30s"}}), BTC=1.0)
    assert found.amount == pytest.approx(0.0)


def test_a_market_that_only_marks_is_not_traded_on() -> None:
    world = small(
        {**TWO, "alfa USDC/USD": books()}, instruments={"alfa USDC/USD": {"use": "mark"}}, venues={"alfa": {"balances": {"USDC": "5"}}}, minutes=3
    )
    assert back(world, USDC=-5.0).at_mark == ["USDC"]


def test_the_fee_is_the_one_in_force_at_the_end_at_the_tier_of_that_day() -> None:
    # an order sent at the end, after 180 s, may arrive 2 s later: what holds by then is known, but not in force yet
    first, last = iso(START + 60_000_000), iso(START + 181_000_000)
    tiers = [{"volume": 0, "taker_bps": 50}, {"volume": 1000, "taker_bps": 20}]
    rows = [{"end": first, "taker_bps": 900}, {"start": first, "end": last, "tiers": tiers}, {"start": last, "taker_bps": 800}]
    for stated, fee in (("0", 0.005), ("999.99999999", 0.005), ("1000", 0.002), ("5000", 0.002)):
        alfa = {"fees": rows, "volume_30d": stated, "order_latency": "2s"}
        world = small(TWO, minutes=3, venues={"alfa": alfa, "bravo": {"fee_bps": 9000}})
        assert len(world.spec.fee_rows(world.spec.legs[0])) == 3
        assert back(world, BTC=1.0).amount == pytest.approx(99 * (1 - fee) - 100), stated


DAY = 1_440
JANUARY = small({name: frame([(START - 3_600_000_000, 100.0, 100.0, 100.0, 100.0, 1.0)]) for name in TWO}, minutes=31 * DAY, interval="1h")


def test_the_volume_of_a_tier_is_what_was_stated_and_our_fills_of_the_30_days_before_the_day_of_the_end() -> None:
    # the run is from 01:00 of January 1 to 01:00 of February 1: January 2 is the first of the 30 days, January 31 the last
    orders = replace(
        ORDERS,
        leg=ordinals(0, 0, 0, 0, 1),
        filled=atoms(1, 1, 0, 1, 1),
        flow=atoms(10, 20, 40, 80, 160),
        recorded_us=minutes(23 * 60, 23 * 60, 30 * DAY, 31 * DAY - 60, 2 * DAY) - np.array([1, 0, 0, 0, 0]),
    )
    world = JANUARY.but(venues={**JANUARY.form["venues"], "alfa": {**JANUARY.form["venues"]["alfa"], "volume_30d": "7"}})
    marks = panel.build(world.spec, world.data).marks
    found = trading_back.venue_volumes(world.spec, replace(idle(world), orders=orders), marks)
    assert found == {"alfa": atoms(7 + 20)[0], "bravo": atoms(160)[0]}
    # all fills on paper are of the day of the end
    assert trading_back.venue_volumes(SPEC, PATH, MARKS) == {"alfa": 0, "bravo": 0}


def test_notionals_are_at_the_mark_of_their_quote_at_the_last_tick() -> None:
    peg = books({at: Book(price, price) for at, price in ((0, 1.0), (60, 0.9), (90, 0.8))})
    world = small({"alfa BTC/USD": books(), "bravo BTC/USDC": books(), "bravo USDC/USD": peg}, minutes=DAY)
    orders = replace(ORDERS, recorded_us=np.full(5, after(100)), leg=ordinals(1, 1, 1, 1, 1))
    found = trading_back.venue_volumes(world.spec, replace(idle(world), orders=orders), panel.build(world.spec, world.data).marks)
    assert found == {"alfa": 0, "bravo": atoms(0.9 * (101.5 + 40.2 + 52.6))[0]}
