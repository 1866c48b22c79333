"""Redemption at par, worked out by hand: coins that go to the issuer's desk, and what comes back (docs/model.md, "Redemption")."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.small import START, Book, after, coins
from tests.engine.test_model_peg import at, coin, pegged
from tests.strategies import World, iso

both_engines = pytest.mark.parametrize("engine", ENGINES)

OUT = {"name": "out", "currency": "USDC", "source": "alfa", "destination": "issuer", "delay": "20s", "fee": "1"}
HOME = {"name": "home", "currency": "USD", "source": "issuer", "destination": "alfa", "delay": "30s"}
TERMS = {"desk": "issuer", "fee_bps": 10.0, "fee": "2", "minimum": "100", "delay": "60s", "gain_bps": 100.0}
DEEP = {10: at(0.9790, 0.9800), 130: at(0.9690, 0.9990), 300: at(0.9690, 0.9990)}
"""1,000 coins are bought for 980 at 10 s; a coin is worth 0.9840 from 130 s on."""


def redeemed(
    changes: Mapping[float, Book] | None = None,
    *,
    terms: Mapping[str, object] | None = None,
    routes: tuple[Mapping[str, object], ...] = (OUT, HOME),
    **parts: Any,
) -> World:
    """Return a world in which what is bought at alfa may go to the desk of the issuer."""
    strategy = {"exit_bps": -500.0, **parts.pop("strategy", {}), "redemption": {**TERMS, **(terms or {})}}
    alfa = {"balances": {"USD": "980"}, **parts.pop("alfa", {})}
    return pegged(
        DEEP if changes is None else changes,
        strategy=strategy,
        alfa=alfa,
        venues={"issuer": {}, **parts.pop("venues", {})},
        routes=list(routes),
        **parts,
    )


def seconds(us: int | None) -> float | None:
    """Return a time as seconds after the start."""
    return None if us is None else (us - START) / 1e6


def sent(found: Outcome) -> list[tuple[object, ...]]:
    """Return route, amount, request, credit, payment [s after the start] and what was paid of each transfer."""
    return [(t.route, t.amount / 1e8, seconds(t.requested), seconds(t.credited), seconds(t.paid_us), t.paid / 1e8) for t in found.transfers]


def shut(currency: str, what: str, first: float, last: float) -> dict[str, object]:
    """Return a suspension at the desk from so many seconds after the start to so many."""
    return {"venue": "issuer", "currency": currency, "what": what, "start": iso(after(first)), "end": iso(after(last))}


# ---- the way of a coin ----


@both_engines
def test_a_position_goes_to_the_desk_at_a_tick_is_paid_at_par_and_comes_back(engine: Engine) -> None:
    # 999 arrive at 80 s; 10 bps of them are 0.999: 996.001 are paid a minute later, and sent back at the next tick
    found = engine(redeemed())
    assert sent(found) == [("out", 1_000, 60, 80, 140, 996.001), ("home", 996.001, 180, 210, None, 0)]
    assert found.balances["alfa", "USD"] == (coins(996.001), 0, 0)
    assert found.balances["alfa", "USDC"] == found.balances["issuer", "USDC"] == found.balances["issuer", "USD"] == (0, 0, 0)
    assert [o.side for o in found.orders] == ["buy"]


@both_engines
def test_what_the_desk_has_not_paid_is_in_equity_at_its_mark_and_in_no_wallet(engine: Engine) -> None:
    found = engine(redeemed({10: at(0.9790, 0.9800), 70: at(0.9590, 0.9610)}, minutes=2))
    assert sent(found) == [("out", 1_000, 60, 80, None, 0)]
    assert {wallet: parts for wallet, parts in found.balances.items() if any(parts)} == {}
    # 0.9795 at the first tick; 0.96 while it is under way, at 60 s, and in redemption, at 120 s
    assert [equity for _, equity, _ in found.equity] == pytest.approx([980, 979.5 - 0.9795, 999 * 0.96], rel=1e-12)


@both_engines
def test_redemption_is_a_line_of_its_own_what_was_paid_less_what_the_coins_were_worth_then(engine: Engine) -> None:
    found = engine(redeemed())
    lines = {line: amount for line, amount in found.attribution.items() if abs(amount) > 1e-9}
    # bought at 0.98 with a mark of 0.9795, one coin gone at that mark, and 0.9840 at 140 s
    expected = {"gross": -0.5, "transfers": -0.9795, "peg": 999 * (0.9840 - 0.9795), "redemption": 996.001 - 999 * 0.9840}
    assert lines == pytest.approx(expected, abs=1e-6)
    assert sum(lines.values()) == pytest.approx(996.001 - 980, abs=1e-6)
    ((_, day),) = found.attribution_days
    assert day == pytest.approx(found.attribution, abs=1e-9)


@both_engines
def test_coins_at_the_desk_are_no_position_any_more(engine: Engine) -> None:
    found = engine(redeemed({10: at(0.9790, 0.9800), 65: at(1.0600, 1.0700)}))
    assert [(o.side, found.opportunities[o.package].outcome) for o in found.orders] == [("buy", "sent")]
    assert len(found.opportunities) == 1


# ---- whether it goes ----


@both_engines
@pytest.mark.parametrize(
    ("terms", "requested"),
    [
        ({"minimum": "999"}, 60),
        ({"minimum": "999.00000001"}, None),
        ({"gain_bps": 173.0}, 60),  # 996.001 / 979 is 173.65 bps
        ({"gain_bps": 174.0}, 180),  # 996.001 / 969 is 278.6
        ({"fee": "998.001", "minimum": "0"}, None),  # it would pay nothing
        ({"after": "50s"}, 60),
        ({"after": "51s"}, 180),
    ],
)
def test_it_goes_once_it_is_enough_brings_enough_and_was_held_long_enough(engine: Engine, terms: dict[str, object], requested: float | None) -> None:
    # at 120 s the desk pays 99.6 bps more than the bid
    changes = {10: at(0.9790, 0.9800), 100: at(0.9865, 0.9990), 130: at(0.9690, 0.9990)}
    found = [t[2] for t in sent(engine(redeemed(changes, terms={"gain_bps": 100.0, **terms}, minutes=4))) if t[0] == "out"]
    assert found == ([] if requested is None else [requested])


@both_engines
def test_where_nobody_bids_it_goes_whatever_it_gains(engine: Engine) -> None:
    found = engine(redeemed({10: at(0.9790, 0.9800)}, terms={"gain_bps": 5_000.0}, minutes=7))
    assert [t[:3] for t in sent(found)] == [("out", 1_000, 360)]  # at 310 s the bid is five minutes old
    nothing = redeemed({10: at(0.9790, 0.9800)}, terms={"gain_bps": 5_000.0, "fee": "998.001", "minimum": "0"}, minutes=7)
    assert sent(engine(nothing)) == []  # of 999 coins 0.999 and the fee are all


@both_engines
def test_it_waits_while_withdrawals_at_the_venue_are_suspended(engine: Engine) -> None:
    closed = {"venue": "alfa", "currency": "USDC", "what": "withdrawals", "start": iso(START), "end": iso(after(120))}
    assert sent(engine(redeemed(suspensions=[closed])))[0][:3] == ("out", 1_000, 120)


@both_engines
def test_of_the_routes_the_cheapest_that_takes_part_carries_what_it_may(engine: Engine) -> None:
    routes = (OUT, {**OUT, "name": "cheap", "fee": "0.5", "daily_limit": "300"}, {**OUT, "name": "small", "fee": "0", "daily_limit": "50"}, HOME)
    found = engine(redeemed(routes=routes, minutes=3))
    # the desk takes no 50; 300 by the cheap one at the first tick, what is left by the other at the second
    assert [t[:3] for t in sent(found) if t[0] != "home"] == [("cheap", 300, 60), ("out", 700, 120)]


@both_engines
def test_no_more_is_under_way_or_at_the_desk_than_the_limit_on_transfers(engine: Engine) -> None:
    found = engine(redeemed(risk={"max_in_flight": "587.7"}, terms={"delay": "100s"}, minutes=4))
    # 600 at 0.9795; 599 of them are at the desk until 180 s. Then the last 400 go, and 399 of those, worth 392.616, leave 195.084.
    assert [t[:3] for t in sent(found)][:3] == [("out", 600, 60), ("out", 400, 180), ("home", 195.084, 180)]


@both_engines
def test_a_limit_that_was_lifted_lets_the_rest_go(engine: Engine) -> None:
    routes = ({**OUT, "daily_limit": "600"}, {**OUT, "name": "way", "fee": "3", "daily_limit": "700"}, HOME)
    found = engine(redeemed(routes=routes, minutes=4))
    assert [t[:2] for t in sent(found) if t[0] != "home"] == [("out", 600), ("way", 400)]


# ---- when it is paid ----


@both_engines
@pytest.mark.parametrize(
    ("suspended", "paid"),
    [
        (shut("USDC", "withdrawals", 70, 100), 160),  # it begins at 100 s
        (shut("USDC", "withdrawals", 90, 300), 140),  # it has begun
        (shut("USD", "deposits", 130, 200), 200),
        (shut("USD", "both", 0, 100), 140),
        (shut("USDC", "deposits", 70, 100), 160),  # the transfer arrives at 100 s
    ],
)
def test_a_suspension_of_the_desk_delays_what_it_touches(engine: Engine, suspended: dict[str, object], paid: float) -> None:
    assert sent(engine(redeemed(suspensions=[suspended])))[0][4] == paid


@both_engines
def test_a_redemption_asked_for_before_the_closure_is_paid_after_it(engine: Engine) -> None:
    # open to 01:02 and from 01:00 of the next day on, which is a minute before the end
    hours = {"days": ["mon", "tue"], "opens": "01:00", "closes": "01:02"}
    found = engine(redeemed({**DEEP, 86_000: at(0.9690, 0.9990)}, terms={"hours": hours}, minutes=24 * 60 + 1))
    assert sent(found)[0] == ("out", 1_000, 60, 80, 24 * 3_600, 996.001)
    assert sent(found)[1][:3] == ("home", 996.001, 24 * 3_600)  # paid at the tick, and sent with it


@both_engines
def test_a_redemption_that_comes_to_a_shut_desk_begins_when_it_opens(engine: Engine) -> None:
    hours = {"days": ["mon"], "opens": "01:03", "closes": "02:00"}
    assert sent(engine(redeemed(terms={"hours": hours})))[0][4] == 240


@both_engines
def test_what_was_paid_waits_at_the_desk_until_a_route_takes_part(engine: Engine) -> None:
    found = engine(redeemed(suspensions=[shut("USD", "withdrawals", 150, 200)]))
    assert sent(found)[1][:3] == ("home", 996.001, 240)
    daily = engine(redeemed(routes=(OUT, {**HOME, "daily_limit": "600"})))
    assert sent(daily)[1:] == [("home", 600, 180, 210, None, 0)]
    assert daily.balances["issuer", "USD"] == (coins(396.001), 0, 0)
    rich = engine(redeemed(venues={"issuer": {"balances": {"USD": "500"}}}))  # its own money stays
    assert rich.balances["issuer", "USD"] == (coins(500), 0, 0)
    assert [t[:3] for t in sent(rich)][1:] == [("home", 996.001, 180)]


@both_engines
def test_money_goes_back_to_the_venue_that_its_coins_came_from(engine: Engine) -> None:
    far = {**OUT, "name": "far out", "source": "bravo"}, {**HOME, "name": "far home", "destination": "bravo"}
    both = redeemed(
        more={"bravo USDC/USD": coin({10: at(0.9780, 0.9790)})},
        instruments={"bravo USDC/USD": {"use": "trade", "tick": "0.0001", "lot": "1"}},
        venues={"bravo": {"balances": {"USD": "979"}}},
        routes=(OUT, HOME, *far),
    )
    found = engine(both)
    assert [t[:3] for t in sent(found)] == [
        ("out", 1_000, 60),
        ("far out", 1_000, 60),
        ("home", 996.001, 180),
        ("far home", 996.001, 180),
    ]
