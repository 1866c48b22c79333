"""Channels of docs/model.md, worked out by hand, on both engines: a quiet book is there while anything comes by what it came by."""

import numpy as np
import polars as pl
import pytest

from engine import channels, panel
from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.small import FLAT, NONE, Book, after, books, small
from tests.strategies import World, quote_frame

both_engines = pytest.mark.parametrize("engine", ENGINES)

DEAR, ONE, CROSSED = Book(101.0, 101.5), Book(1.0, 1.0), Book(1.1, 1.0)
ON = {"max_age": None, "channel": "books"}
COIN = "alfa USDC/USD"


def quiet(coin: pl.DataFrame, *, later: float, alfa: dict[str, object] | None = None, **changes: object) -> World:
    """Return the world in which alfa's BTC is at 101 from 0 s on, counts for 5 s, and shares its channel with a coin; bravo tells at a time."""
    series = {"alfa BTC/USD": books({0: DEAR}), COIN: coin, "bravo BTC/USD": books({later: FLAT})}
    terms = {"alfa BTC/USD": ON, COIN: ON, **changes}
    return small(series, minutes=1, instruments=terms, venues={} if alfa is None else {"alfa": alfa}, strategy={"max_notional": "100"})


def times(found: Outcome) -> list[float]:
    """Return when opportunities were [s after the start]."""
    return [(o.t - after(0)) / 1e6 for o in found.opportunities]


@both_engines
@pytest.mark.parametrize(("later", "seen"), [(9, [0, 9]), (9.000001, [0])])
def test_the_last_message_of_a_channel_says_that_all_on_it_are_still_there(engine: Engine, later: float, seen: list[float]) -> None:
    # the coin's message of 4 s counts for five seconds, and is no news of BTC; by itself BTC would be there until 5 s
    assert times(engine(quiet(books({4: ONE}, first=ONE), later=later))) == seen
    assert times(engine(quiet(books({4: ONE}, first=ONE), later=later, **{"alfa BTC/USD": {"max_age": None}, COIN: NONE}))) == [0]


@both_engines
def test_a_message_that_is_no_quote_is_one(engine: Engine) -> None:
    assert times(engine(quiet(books({4: CROSSED}, first=ONE), later=9))) == [0, 9]


@both_engines
@pytest.mark.parametrize(("later", "there"), [(6.5, False), (7.5, True), (9, True), (9.000001, False), (13, True)])
def test_a_decision_knows_of_a_message_when_it_is_available_and_counts_from_its_event(engine: Engine, later: float, there: bool) -> None:
    # alfa's BTC of 0 s is seen at 3 s; the coin's messages of 4 and 10 s at 7 and 13 s: BTC is there from 3 to 5, 7 to 9 and 13 to 15 s
    found = engine(quiet(books({4: ONE, 10: ONE}, first=ONE), later=later, alfa={"feed_latency": "3s"}))
    assert times(found) == ([3, later] if there else [3])


@both_engines
def test_what_was_silent_for_too_long_is_there_again_with_the_next_message(engine: Engine) -> None:
    series = {"alfa BTC/USD": books({0: DEAR}), COIN: books({7: ONE}, first=ONE), "bravo BTC/USD": books({6: FLAT, 7: FLAT, 8: FLAT})}
    found = engine(small(series, minutes=1, instruments={"alfa BTC/USD": ON, COIN: {"use": "mark", **ON}}, strategy={"max_notional": "100"}))
    assert times(found) == [0, 7, 8]


@both_engines
def test_what_came_too_late_to_count_is_there_with_the_next_message(engine: Engine) -> None:
    # alfa's BTC of 0 s is 6 s old when it comes; the coin's message of 6.5 s comes at 7 s, bravo's news at 8 s
    dear = quote_frame([(after(-10), after(-10), 100.0, 10.0, 100.0, 10.0), (after(0), after(6), 101.0, 10.0, 101.5, 10.0)])
    coin = quote_frame([(after(-10), after(-10), 1.0, 10.0, 1.0, 10.0), (after(6.5), after(7), 1.0, 10.0, 1.0, 10.0)])
    world = quiet(coin, later=8)
    assert times(engine(world.on({**world.data, SeriesKey("alfa", "BTC/USD"): dear}))) == [8]


@both_engines
def test_what_is_no_quote_is_away_whatever_its_channel_says(engine: Engine) -> None:
    series = {"alfa BTC/USD": books({0: DEAR, 2: Book(102.0, 101.0)}), COIN: books({4: ONE}, first=ONE), "bravo BTC/USD": books({5: FLAT})}
    found = engine(small(series, minutes=1, instruments={"alfa BTC/USD": ON, COIN: {"use": "mark", **ON}}, strategy={"max_notional": "100"}))
    assert times(found) == [0]


@both_engines
def test_a_late_message_of_an_earlier_event_makes_nothing_older(engine: Engine) -> None:
    # BTC of 6 s is known at once; the coin's message of 1 s comes at 7 s; bravo's news at 11 s is within five seconds of 6 s
    dear = quote_frame([(after(at), after(at), price, 10.0, price, 10.0) for at, price in ((-10, 100.0), (6, 101.0))])
    coin = quote_frame([(after(at), after(come), 1.0, 10.0, 1.0, 10.0) for at, come in ((-10, -10), (1, 7))])
    world = quiet(coin, later=11)
    assert times(engine(world.on({**world.data, SeriesKey("alfa", "BTC/USD"): dear}))) == [6, 11]


@both_engines
@pytest.mark.parametrize(("latency", "outcome"), [("9s", "filled"), ("9000001us", "absent")])
def test_an_order_meets_what_the_last_message_that_happened_bears_out(engine: Engine, latency: str, outcome: str) -> None:
    found = engine(quiet(books({4: ONE}, first=ONE), later=30, alfa={"order_latency": latency}))
    assert found.orders[0].outcome == outcome


@both_engines
def test_an_order_counts_what_happened_and_not_what_is_known(engine: Engine) -> None:
    # seen at 2 s, sent, there at 8 s; the coin's message of 7 s happened by then, and is known at 9 s only
    found = engine(quiet(books({7: ONE}, first=ONE), later=30, alfa={"feed_latency": "2s", "order_latency": "6s"}))
    assert found.orders[0].outcome == "filled"


@both_engines
def test_what_converts_counts_from_its_channel_too(engine: Engine) -> None:
    # bravo's coin of -10 s is there at 8 s by the message of bravo's BTC of 4 s
    series = {"alfa BTC/USD": books({8: DEAR}), "bravo BTC/USDC": books({4: FLAT}), "bravo USDC/USD": books(first=ONE)}
    for terms, seen in ((ON, [8]), ({"max_age": None}, [])):
        on_channel = {"bravo BTC/USDC": terms, "bravo USDC/USD": terms}
        assert times(engine(small(series, minutes=1, instruments=on_channel, strategy={"max_notional": "100"}))) == seen


@both_engines
def test_a_channel_of_another_venue_is_another(engine: Engine) -> None:
    coins = dict.fromkeys((COIN, "bravo USDC/USD"), books(first=ONE))
    series = {"alfa BTC/USD": books({0: DEAR}), "bravo BTC/USD": books({4: FLAT, 9: FLAT}), **coins}
    terms = {name: {"use": "mark", **ON} if "USDC" in name else ON for name in series}
    # alfa's BTC is there until 5 s, bravo's from 4 to 14 s
    assert times(engine(small(series, minutes=1, instruments=terms, strategy={"max_notional": "100"}))) == [4]


def test_ages_of_what_is_in_force_count_from_messages_for_the_chart_too() -> None:
    world, at = quiet(books({4: ONE}, first=ONE), later=9), np.array([after(3.9), after(30)])
    seen = panel.build(world.spec, world.data)
    found = {str(series.key): channels.true_since(seen, series, np.array([1, 1]), at).tolist() for series in seen.series}
    assert found == {"alfa BTC/USD": [after(0), after(4)], COIN: [after(0), after(4)], "bravo BTC/USD": [after(9)] * 2}
