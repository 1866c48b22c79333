"""Packages of cycles of docs/model.md, worked out by hand, on both engines: sent together or in sequence, and what they leave."""

import pytest

from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.small import Book, after, books, coins, cyclic, thick
from tests.strategies import World

pytestmark = pytest.mark.parametrize("engine", ENGINES)

BTC, CROSS, ETH = (SeriesKey("alfa", name) for name in ("BTC/USD", "ETH/BTC", "ETH/USD"))
SLOW = {"alfa": {"order_latency": "1s"}}
MAY_MISS = thick(5.1, 5.2)


# At 5 s ETH is bid for 5.1: for 100 USD 1 BTC is bought, for that 20 ETH, which are sold. Orders arrive at 6 s, when the books are as told.
def hundred(
    btc: Book | None = None,
    cross: Book | None = None,
    eth: Book | None = None,
    *,
    later: dict[str, dict[float, Book]] | None = None,
    **changes: object,
) -> World:
    """Return the world of one package of 100 USD, whose orders meet these books."""
    met = {"btc": btc, "cross": cross, "eth": eth}
    shown: dict[str, dict[float, Book]] = {name: ({} if book is None else {6.0: book}) for name, book in met.items()}
    shown["eth"] = {5.0: MAY_MISS, **shown["eth"]}
    for name, further in (later or {}).items():
        shown[name] |= further
    strategy = {"size": "fixed", "fixed_notional": "100", "cool_down": "1h", **changes.pop("strategy", {})}  # type: ignore[dict-item]
    return cyclic(**shown, **{"venues": SLOW, "strategy": strategy, **changes})  # type: ignore[arg-type]


def told(found: Outcome) -> list[tuple[str, str, str, float, str, float]]:
    """Return instrument, role, side, planned, outcome and filled of each order."""
    return [(o.key.instrument, o.role, o.side, o.planned / 1e8, o.outcome, o.filled / 1e8) for o in found.orders]


def in_sequence(*books: Book | None, residual: str = "carry", bps: float = 50.0, **changes: object) -> World:
    """Return the same in sequence; the second order arrives at 7 s, the third at 8 s."""
    execution = {"residual": residual, "residual_bps": bps, **changes.pop("execution", {})}  # type: ignore[dict-item]
    strategy = {"send": "sequence", **changes.pop("strategy", {})}  # type: ignore[dict-item]
    return hundred(*books, strategy=strategy, execution=execution, **changes)


HALF = Book(5.1, 5.2, 10.0, 1_000.0)


# ---- together ----


def test_together_all_steps_are_sent_at_once_in_their_order(engine: Engine) -> None:
    found = engine(hundred())
    assert told(found) == [
        ("BTC/USD", "leg", "buy", 1.0, "filled", 1.0),
        ("ETH/BTC", "leg", "buy", 20.0, "filled", 20.0),
        ("ETH/USD", "leg", "sell", 20.0, "filled", 20.0),
    ]
    assert {(o.decided, o.arrival, o.notice) for o in found.orders} == {(after(5), after(6), after(6))}
    # 102 USD came in for 100: 3 by the ETH that was bought for 5 each and marked 5.15, less 1 by their sale
    assert found.balances == {
        ("alfa", "BTC"): (coins(10), 0, 0),
        ("alfa", "ETH"): (coins(10_000), 0, 0),
        ("alfa", "USD"): (coins(10_002), 0, 0),
    }
    assert found.attribution["gross"] == pytest.approx(2.0, abs=1e-9)
    assert found.trade_back == 0.0


def test_carried_steps_leave_what_they_leave(engine: Engine) -> None:
    # 10 of 20 ETH are sold
    found = engine(hundred(eth=HALF))
    assert [o.filled for o in found.orders] == [coins(1), coins(20), coins(10)]
    assert found.balances["alfa", "ETH"] == (coins(10_010), 0, 0)


def test_unwinding_trades_back_what_goes_beyond_the_least_share(engine: Engine) -> None:
    # the least share is 10 of 20: half a BTC and 10 ETH go back, at the bids of 100 and 0.05
    found = engine(hundred(eth=HALF, execution={"residual": "unwind"}))
    assert told(found)[3:] == [("BTC/USD", "residual", "sell", 0.5, "filled", 0.5), ("ETH/BTC", "residual", "sell", 10.0, "filled", 10.0)]
    assert {(o.decided, o.recorded, o.package) for o in found.residuals} == {(after(6), after(7), 0)}
    assert [(o.decision_price, o.edge_bps) for o in found.residuals] == [(100.0, found.legs[0].edge_bps), (0.05, found.legs[0].edge_bps)]
    # 99.5 and 0.04975, up to 0.0498
    assert [o.limit_price for o in found.residuals] == [pytest.approx(99.5, abs=1e-9), pytest.approx(0.0498, abs=1e-9)]
    # half a package is left: 51 USD for 50
    assert found.balances["alfa", "USD"] == (coins(10_001), 0, 0)
    assert (found.balances["alfa", "BTC"], found.balances["alfa", "ETH"]) == ((coins(10), 0, 0), (coins(10_000), 0, 0))


def test_hedging_sends_again_what_lacks_to_the_most_share(engine: Engine) -> None:
    # 0.4 of 1 BTC, 20 of 20 ETH and 10 of 20 ETH: 0.6 BTC are bought and 10 ETH sold at 7 s
    met = {"btc": Book(99.0, 100.0, 10.0, 0.4), "eth": HALF}
    found = engine(hundred(**met, later={"btc": {6.5: thick(100.0)}, "eth": {6.5: thick(5.0)}}, execution={"residual": "hedge"}))
    assert told(found)[3:] == [("BTC/USD", "residual", "buy", 0.6, "filled", 0.6), ("ETH/USD", "residual", "sell", 10.0, "limit", 0.0)]
    # the bid was 5.1 at 6 s, and 5.0745, up to 5.08, is the least: 5.0 is too little
    assert found.residuals[1].limit_price == pytest.approx(5.08, abs=1e-9)


def test_the_share_that_others_are_cut_to_cuts_nothing_of_its_own_step(engine: Engine) -> None:
    # of 49 lots of BTC 1 was filled, and 49 × (1 / 49) is less than 1 in floats: all the same, none goes back. Of 9.8 ETH a 49th, 0.2, stays
    tiny = Book(99.0, 100.0, 10.0, 0.01)
    found = engine(hundred(btc=tiny, strategy={"fixed_notional": "49"}, execution={"residual": "unwind"}))
    assert told(found)[3:] == [("ETH/BTC", "residual", "sell", 9.6, "filled", 9.6), ("ETH/USD", "residual", "buy", 9.6, "filled", 9.6)]


def test_a_step_that_missed_sends_all_others_back(engine: Engine) -> None:
    gone = Book(0.06, 0.07, 1_000.0, 1_000.0)
    found = engine(hundred(cross=gone, execution={"residual": "unwind"}))
    assert told(found)[1] == ("ETH/BTC", "leg", "buy", 20.0, "limit", 0.0)
    assert told(found)[3:] == [("BTC/USD", "residual", "sell", 1.0, "filled", 1.0), ("ETH/USD", "residual", "buy", 20.0, "filled", 20.0)]
    assert engine(hundred(cross=gone, execution={"residual": "hedge"})).residuals[0].side == "buy"


def test_the_last_notice_decides_over_venues(engine: Engine) -> None:
    # ETH is sold at bravo, which tells of 10 of 20 at 9 s; until then nothing goes back
    more = {"bravo ETH/USD": books({5: MAY_MISS, 6: HALF}, first=thick(5.0))}
    venues = {**SLOW, "bravo": {"order_latency": "1s", "feed_latency": "3s"}}
    names = ["alfa BTC/USD", "alfa ETH/BTC", "bravo ETH/USD"]
    strategy = {"cycles": [names], "size": "fixed", "fixed_notional": "100", "cool_down": "1h"}
    found = engine(cyclic(more=more, venues=venues, strategy=strategy, execution={"residual": "unwind"}))
    assert [(o.decided, o.notice) for o in found.legs] == [(after(8), after(9)), (after(8), after(9)), (after(8), after(12))]
    assert [(o.key, o.decided) for o in found.residuals] == [(BTC, after(12)), (CROSS, after(12))]


# ---- in sequence ----


def test_in_sequence_each_step_spends_what_the_one_before_brought(engine: Engine) -> None:
    found = engine(in_sequence())
    assert [(o.decided, o.arrival, o.planned / 1e8) for o in found.orders] == [
        (after(5), after(6), 1.0),
        (after(6), after(7), 20.0),
        (after(7), after(8), 20.0),
    ]
    assert {o.edge_bps for o in found.orders} == {found.opportunities[0].edge_bps}
    assert found.balances["alfa", "USD"] == (coins(10_002), 0, 0)


def test_in_sequence_a_partial_fill_makes_all_that_follows_smaller(engine: Engine) -> None:
    # 0.4 BTC are there; they buy 8 ETH
    found = engine(in_sequence(Book(99.0, 100.0, 10.0, 0.4)))
    assert told(found) == [
        ("BTC/USD", "leg", "buy", 1.0, "partial", 0.4),
        ("ETH/BTC", "leg", "buy", 8.0, "filled", 8.0),
        ("ETH/USD", "leg", "sell", 8.0, "filled", 8.0),
    ]


def test_in_sequence_fees_come_off_what_goes_on(engine: Engine) -> None:
    # 1 % of what is received: 1 BTC brings 0.99, these 19.80 ETH less 0.198, and 19.60 are sold
    taken = {"alfa": {"order_latency": "1s", "fee_bps": 100.0, "fee_currency": "received"}}
    found = engine(in_sequence(venues=taken, strategy={"threshold_bps": -200.0}))
    assert [o.planned / 1e8 for o in found.orders] == [1.0, 19.8, 19.6]
    # 1 % of the quote: 99 cents buy 0.99 BTC with a fee of 0.99; 0.99 BTC pay for 19.60 ETH with 0.0098
    quoted = {"alfa": {"order_latency": "1s", "fee_bps": 100.0}}
    found = engine(in_sequence(venues=quoted, strategy={"threshold_bps": -200.0}))
    assert [o.planned / 1e8 for o in found.orders] == [0.99, 19.6, 19.6]


def test_in_sequence_nothing_follows_what_brought_nothing(engine: Engine) -> None:
    found = engine(in_sequence(thick(101.0), risk={"max_misses": 1}))
    assert told(found) == [("BTC/USD", "leg", "buy", 1.0, "limit", 0.0)]
    assert found.stops == [(after(6), "misses")]


def test_in_sequence_a_step_is_planned_on_the_levels_in_view_within_the_residual_distance(engine: Engine) -> None:
    # at 6 s ETH costs 0.0504 for 10, 0.0505 for 5, 0.0507 beyond: within 50 bps of 0.0504, down to 0.0506, are 15. 15 cost 0.7565 of 1 BTC
    deep = Book(0.05, 0.0504, 10.0, 10.0, ((0.049, 1.0, 0.0505, 5.0), (0.048, 1.0, 0.0507, 100.0)))
    found = engine(in_sequence(cross=deep, execution={"tolerance_bps": 10.0}))
    _, buy, sell = found.orders
    assert (buy.planned, buy.filled, sell.planned) == (coins(15), coins(15), coins(15))
    assert buy.decision_price == pytest.approx(0.0504 + 0.0001 * 5 / 15, rel=1e-12)
    # the tolerance lies on the price that the last unit comes from: 0.0505 × 1.001 = 0.0505505, down to 0.0505
    assert buy.limit_price == pytest.approx(0.0505, abs=1e-9)
    assert buy.reserve == coins(0.7575)
    near = engine(in_sequence(cross=deep, bps=0.0))
    assert [o.planned / 1e8 for o in near.orders] == [1.0, 10.0, 10.0]


def test_in_sequence_free_balances_cover_a_step_at_its_limit(engine: Engine) -> None:
    # ETH/BTC may move by 10 %: at 0.055 the 1 BTC that was bought reserves for 18.18 ETH, and another 0.1 for 20
    for held, bought in (("0", 18.18), ("0.05", 19.09), ("0.1", 20.0)):
        venues = {"alfa": {"order_latency": "1s", "balances": {"USD": "1000", "BTC": held, "ETH": "0"}}}
        found = engine(in_sequence(venues=venues, execution={"tolerance_bps": 1_000.0}))
        assert [o.planned / 1e8 for o in found.orders] == [1.0, bought, bought]


def test_in_sequence_a_step_below_the_minimum_or_absent_is_not_sent(engine: Engine) -> None:
    # 20 ETH would be sold for 102, and are at 101.99 at least
    for met, least, sent in ((None, "102", 3), (None, "102.01", 0), (Book(5.09, 5.2, 9.0, 9.0), "46", 2), (Book(5.2, 5.1), "0", 2)):
        found = engine(in_sequence(None, None, met, instruments={"alfa ETH/USD": {"min_notional": least}}))
        assert len(found.orders) == sent


def test_in_sequence_a_step_that_is_not_sent_is_a_miss(engine: Engine) -> None:
    # ETH/USD is crossed when the ETH are told of, at 7 s
    assert engine(in_sequence(None, None, Book(5.2, 5.1), risk={"max_misses": 1})).stops == [(after(7), "misses")]


def test_in_sequence_a_second_attempt_is_made_for_what_a_later_step_lacks(engine: Engine) -> None:
    # 12 of 20 ETH are there at 7 s, 5 more at 8 s: what 17 bring goes on at 8 s, and arrives at 9 s
    cross = {7.0: Book(0.049, 0.05, 10.0, 12.0), 7.5: Book(0.049, 0.0501, 10.0, 5.0), 8.5: thick(0.05)}
    found = engine(in_sequence(residual="hedge", later={"cross": cross}))
    assert told(found) == [
        ("BTC/USD", "leg", "buy", 1.0, "filled", 1.0),
        ("ETH/BTC", "leg", "buy", 20.0, "partial", 12.0),
        ("ETH/BTC", "residual", "buy", 8.0, "partial", 5.0),
        ("ETH/USD", "leg", "sell", 17.0, "filled", 17.0),
    ]
    assert [o.decided for o in found.orders] == [after(5), after(6), after(7), after(8)]
    # carried: the 12 go on at once
    assert [o.planned / 1e8 for o in engine(in_sequence(later={"cross": cross})).orders] == [1.0, 20.0, 12.0]


def test_in_sequence_no_second_attempt_is_made_for_the_first_step_or_another_time(engine: Engine) -> None:
    first = engine(in_sequence(Book(99.0, 100.0, 10.0, 0.4), residual="hedge"))
    assert first.residuals == []
    # the last step: 20 wanted, 5 there at 8 s, 4 of 15 at 9 s
    eth = {8.0: Book(5.1, 5.2, 5.0, 5.0), 8.5: Book(5.09, 5.2, 4.0, 4.0)}
    last = engine(in_sequence(residual="hedge", later={"eth": eth}))
    assert told(last)[2:] == [("ETH/USD", "leg", "sell", 20.0, "partial", 5.0), ("ETH/USD", "residual", "sell", 15.0, "partial", 4.0)]


def test_in_sequence_where_a_second_attempt_cannot_be_made_the_next_step_follows_at_once(engine: Engine) -> None:
    # at 7 s, when 12 of 20 ETH are told of, ETH/BTC is crossed: the 12 are sold
    crossed = {7.0: Book(0.049, 0.05, 10.0, 12.0)}
    least = {"alfa ETH/BTC": {"min_notional": "0.5"}}
    found = engine(in_sequence(residual="hedge", later={"cross": crossed}, instruments=least))
    assert [(o.role, o.planned / 1e8, o.decided) for o in found.orders[2:]] == [("leg", 12.0, after(7))]


# ---- what packages leave ----


def test_the_net_residual_counts_every_currency_but_the_start(engine: Engine) -> None:
    # 10 ETH are left, worth 5 each at the last tick, 0 s
    world = {"eth": HALF, "later": {"eth": {8.0: Book(5.1, 5.3, 500.0, 500.0)}}, "strategy": {"cool_down": "0s"}}
    for most, outcome in (("50", "sent"), ("49.99", "residual")):
        found = engine(hundred(**world, risk={"max_residual": most}))  # type: ignore[arg-type]
        assert [o.outcome for o in found.opportunities if o.t == after(8)] == [outcome]


def test_fees_in_the_currencies_of_a_step_are_left_over_too(engine: Engine) -> None:
    # 1 % in base: 1 BTC less 0.01 pays for 19.8 ETH, and of these less 0.198 19.60 are sold: no BTC and 0.002 ETH are left, worth 0.01
    taken = {"alfa": {"order_latency": "1s", "fee_bps": 100.0, "fee_currency": "received"}}
    news = {"eth": {8.0: Book(5.1, 5.3, 500.0, 500.0)}}
    for most, outcome in (("0.01", "sent"), ("0.0099", "residual")):
        strategy = {"cool_down": "0s", "threshold_bps": -200.0}
        found = engine(hundred(venues=taken, later=news, strategy=strategy, risk={"max_residual": most}))
        assert [o.outcome for o in found.opportunities if o.t == after(8)] == [outcome]


def test_a_package_missed_unless_every_step_filled_whole(engine: Engine) -> None:
    assert engine(hundred(risk={"max_misses": 1})).stops == []
    assert engine(hundred(eth=HALF, risk={"max_misses": 1})).stops == [(after(6), "misses")]
    # in sequence, it is complete at 8 s; with a second attempt, which fills the rest, at 9 s, and missed all the same
    eth = {8.0: Book(5.1, 5.2, 5.0, 5.0), 8.5: Book(5.09, 5.2, 40.0, 40.0)}
    assert engine(in_sequence(risk={"max_misses": 1}, later={"eth": eth})).stops == [(after(8), "misses")]
    assert engine(in_sequence(residual="hedge", risk={"max_misses": 1}, later={"eth": eth})).stops == [(after(9), "misses")]


def test_the_attribution_keeps_the_least_share_of_a_package(engine: Engine) -> None:
    # when it was decided, BTC was marked 100 and ETH 5.15. 1 BTC for 100: 0. 20 ETH for 5 each: 3, half of it kept. 10 ETH at 5.1: -0.5, all kept
    found = engine(hundred(eth=HALF))
    assert found.attribution["gross"] == pytest.approx(0.5 * 3.0 - 0.5, abs=1e-9)
    assert found.attribution["leg_misses"] == pytest.approx(1.5, abs=1e-9)
    assert sum(found.attribution.values()) == pytest.approx(found.equity[-1][1] - found.equity[0][1], abs=1e-8)


def test_a_step_that_was_never_sent_makes_all_others_misses(engine: Engine) -> None:
    found = engine(in_sequence(None, None, Book(5.2, 5.1)))
    assert len(found.orders) == 2
    assert found.attribution["gross"] == 0.0
    assert found.attribution["leg_misses"] != 0.0
    assert sum(found.attribution.values()) == pytest.approx(found.equity[-1][1] - found.equity[0][1], abs=1e-8)


def test_cycles_are_traded_back_to_their_start_and_that_to_the_numeraire(engine: Engine) -> None:
    # 1 BTC too many is sold at 99, and marked 99.5; 20 ETH too few are bought at 5.2, and marked 5.15
    found = engine(hundred(None, thick(0.06, 0.07), None, later={"btc": {20.0: thick(99.0, 100.0)}}))
    assert [o.filled for o in found.orders] == [coins(1), 0, coins(20)]
    assert found.trade_back == pytest.approx(1 * (99.0 - 99.5) - 20 * (5.2 - 5.15), abs=1e-9)


def test_what_a_start_that_is_not_the_numeraire_gained_is_sold_last(engine: Engine) -> None:
    # of BTC: 1 brings 100 USD, these 20 ETH, these 1.04 at 0.052. The 0.04 BTC are sold at 99, and marked 99.5
    strategy = {"start": "BTC", "size": "fixed", "fixed_notional": "1", "cool_down": "1h"}
    world = cyclic(cross={5: thick(0.052, 0.053)}, btc={20: thick(99.0, 100.0)}, strategy=strategy)
    found = engine(world)
    assert [(o.key.instrument, o.side, o.filled / 1e8) for o in found.orders] == [
        ("BTC/USD", "sell", 1.0),
        ("ETH/USD", "buy", 20.0),
        ("ETH/BTC", "sell", 20.0),
    ]
    assert found.trade_back == pytest.approx(0.04 * (99.0 - 99.5), abs=1e-9)
