"""When an edge was there, and for how long."""

import math

import numpy as np
import pytest

from engine import edges, opportunities, panel
from engine.edges import Quotes
from tests.engine.small import Bar, after, bars, small
from tests.strategies import World

NAN = float("nan")
THREE = small({name: bars() for name in ("alfa BTC/USD", "bravo BTC/USD", "charlie BTC/USD")}, strategy={"threshold_bps": 100.0})


def quoted(*rows: tuple[int, list[float], list[float]]) -> Quotes:
    """Return quotes from (ordinal of the instant, received by leg, spent by leg)."""
    received, spent = np.array([r for _, r, _ in rows]), np.array([s for _, _, s in rows])
    return Quotes(
        at_us=np.array([after(60 * n) for n, _, _ in rows], dtype=np.int64),
        instant=np.array([n for n, _, _ in rows], dtype=np.int64),
        bid=received,
        ask=spent,
        received=received,
        spent=spent,
        ask_value=spent,
        volume_cap=np.zeros(received.shape, np.int64),
    )


FLAT = [100.0, 100.0, 100.0]


def listed(quotes: Quotes, world: World = THREE) -> list[tuple[int, str, str, float, int]]:
    table = opportunities.opportunities(world.spec, quotes)
    assert table.columns == ["ts", "sell_venue", "sell_instrument", "buy_venue", "buy_instrument", "edge_bps", "episode"]
    assert set(table["sell_instrument"]) | set(table["buy_instrument"]) <= {"BTC/USD"}
    minutes = [(at - world.spec.start).seconds // 60 for at in table["ts"]]
    return list(zip(minutes, table["sell_venue"], table["buy_venue"], table["edge_bps"].round(6), table["episode"], strict=True))


def test_an_edge_at_the_threshold_is_an_opportunity_and_one_below_is_not() -> None:
    exact = 1e4 * (101.0 / 100.0 - 1)
    world = small({name: bars() for name in ("alfa BTC/USD", "bravo BTC/USD", "charlie BTC/USD")}, strategy={"threshold_bps": exact})
    found = listed(quoted((0, [101.0, NAN, math.nextafter(101.0, 0)], [NAN, 100.0, NAN])), world)
    assert [row[:3] for row in found] == [(0, "alfa", "bravo")]


def test_a_leg_is_no_pair_with_itself() -> None:
    assert listed(quoted((0, [200.0, NAN, NAN], [100.0, NAN, NAN]))) == []


def test_opportunities_go_by_time_then_edge_then_legs() -> None:
    found = listed(quoted((0, [102.0, 101.0, 103.0], [300.0, 100.0, 300.0]), (1, [105.0, 0.0, 105.0], [105.0, 100.0, 100.0])))
    assert [row[:4] for row in found] == [
        (0, "charlie", "bravo", 300.0),
        (0, "alfa", "bravo", 200.0),
        (1, "alfa", "bravo", 500.0),
        (1, "alfa", "charlie", 500.0),
        (1, "charlie", "bravo", 500.0),
    ]


def test_an_episode_is_a_run_of_consecutive_instants_of_one_ordered_pair() -> None:
    dear_alfa, dear_bravo = [102.0, 100.0, 100.0], [100.0, 102.0, 100.0]
    # instants 0, 1, 2, 4, 5 were kept; 3 was not: alfa over the others twice at 0-1, once at 4; bravo at 2 and 5
    rows = [(0, dear_alfa, FLAT), (1, dear_alfa, FLAT), (2, dear_bravo, FLAT), (4, dear_alfa, FLAT), (5, dear_bravo, FLAT)]
    found = listed(quoted(*rows))
    assert len(found) == 10
    spans: dict[int, list[tuple[int, str, str]]] = {}
    for minute, sell, buy, _, episode in found:
        spans.setdefault(episode, []).append((minute, sell, buy))
    assert sorted(spans.values()) == [
        [(0, "alfa", "bravo"), (1, "alfa", "bravo")],
        [(0, "alfa", "charlie"), (1, "alfa", "charlie")],
        [(2, "bravo", "alfa")],
        [(2, "bravo", "charlie")],
        [(4, "alfa", "bravo")],
        [(4, "alfa", "charlie")],
        [(5, "bravo", "alfa")],
        [(5, "bravo", "charlie")],
    ]
    assert sorted(spans) == list(range(1, 9))


def test_two_pairs_on_neighbouring_instants_are_two_episodes() -> None:
    # the last instant of (alfa, bravo) is 0, the first of (alfa, charlie) is 1: next to each other in the list of pairs
    rows = [(0, [102.0, NAN, NAN], [NAN, 100.0, NAN]), (1, [102.0, NAN, NAN], [NAN, NAN, 100.0])]
    assert [row[4] for row in listed(quoted(*rows))] == [1, 2]


def test_where_there_is_none_the_table_is_empty_and_has_its_columns() -> None:
    empty = opportunities.opportunities(THREE.spec, quoted((0, FLAT, FLAT)))
    full = opportunities.opportunities(THREE.spec, quoted((0, [110.0, NAN, NAN], FLAT)))
    assert empty.is_empty()
    assert empty.schema == full.schema


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([(0, [101.0, 99.0, NAN], [150.0, 100.0, 100.0]), (1, [100.0, 99.0, 99.0], [150.0, 99.5, 99.5])], 100.0),
        ([(0, [90.0, 90.0, NAN], [100.0, NAN, 100.0])], -1000.0),
        ([(0, [101.0, NAN, NAN], [100.0, NAN, NAN])], None),  # one leg alone
        ([(0, [NAN] * 3, [NAN] * 3)], None),
    ],
)
def test_the_best_edge_is_that_of_two_legs_that_met(rows: list[tuple[int, list[float], list[float]]], best: float | None) -> None:
    assert opportunities.best_edge_bps(THREE.spec, quoted(*rows)) == (None if best is None else pytest.approx(best, abs=1e-9))


def test_consecutive_counts_the_instants_of_the_run_and_not_those_with_an_edge() -> None:
    market = small(
        {"alfa BTC/USD": bars({0: Bar(102.0), 1: Bar(102.0), 3: Bar(102.0)}), "bravo BTC/USD": bars({1: None})}, strategy={"threshold_bps": 100.0}
    )
    quotes = edges.quotes(market.spec, panel.build(market.spec, market.bars))
    kept = quotes.take(edges.candidates(quotes, 100.0))
    # bar 1 of bravo is missing: alfa's instant 2 comes between; so does instant 3, on which both close at 100
    assert [(row[0], row[4]) for row in listed(kept, market)] == [(1, 1), (4, 2)]
