"""When an edge was there, for how long, and what became of it."""

from dataclasses import replace

import numpy as np
import pytest

from engine import opportunities
from engine.events import DECISIONS, Opportunities
from engine.schema import instant
from engine.wording import PASSED_OVER
from tests.engine.paper import IDLE, OPPORTUNITIES, SPEC, minutes
from tests.engine.small import bars, small


def test_the_table_has_a_row_an_opportunity_in_the_order_of_the_path() -> None:
    table = opportunities.opportunities_table(SPEC, OPPORTUNITIES)
    assert table.columns == ["ts", "legs", "edge_bps", "episode", "outcome", "package"]
    assert table["ts"].to_list() == [instant(int(at)) for at in minutes(1, 2, 2, 3, 5)]
    dear, cheap = "sell bravo BTC/USDC, buy alfa BTC/USD", "sell alfa BTC/USD, buy bravo BTC/USDC"
    assert table.drop("ts").rows() == [
        (dear, 80.0, 0, "sent", 0),
        (dear, 60.0, 0, "cool_down", None),
        (cheap, 15.0, 1, "sent", 1),
        (dear, 1400.0, 0, "alarm", None),
        (cheap, 12.0, 2, "no_funds", None),
    ]


def test_where_there_is_none_the_table_is_empty_and_has_its_columns() -> None:
    empty = opportunities.opportunities_table(SPEC, IDLE.opportunities)
    assert empty.is_empty()
    assert empty.schema == opportunities.opportunities_table(SPEC, OPPORTUNITIES).schema


def test_decisions_are_counted_by_name_and_all_have_words_but_what_was_sent() -> None:
    found = opportunities.decisions(OPPORTUNITIES)
    assert {name: count for name, count in found.items() if count} == {"sent": 2, "alarm": 1, "cool_down": 1, "no_funds": 1}
    assert tuple(found) == DECISIONS
    assert set(PASSED_OVER) == set(DECISIONS) - {"sent"}


def test_an_episode_lasts_from_its_first_opportunity_to_its_last() -> None:
    first, length_us = opportunities.episodes(OPPORTUNITIES)
    assert first.tolist() == [0, 2, 4]
    assert length_us.tolist() == [120_000_000, 0, 0]


def test_episodes_are_a_table_with_length_best_edge_and_packages_of_each() -> None:
    # 0 from minute 1 to 3 (80, 60, 1,400 bps; one sent), 1 at minute 2 (15; sent), 2 at minute 5 (12)
    found = opportunities.episodes_table(SPEC, OPPORTUNITIES)
    assert found.columns == ["ts", "legs", "length_s", "opportunities", "best_bps", "packages"]
    assert found["ts"].to_list() == [instant(int(at)) for at in minutes(1, 2, 5)]
    assert found.drop("ts").rows() == [
        ("sell bravo BTC/USDC, buy alfa BTC/USD", 120.0, 3, 1400.0, 1),
        ("sell alfa BTC/USD, buy bravo BTC/USDC", 0.0, 1, 15.0, 1),
        ("sell alfa BTC/USD, buy bravo BTC/USDC", 0.0, 1, 12.0, 0),
    ]
    none = opportunities.episodes_table(SPEC, IDLE.opportunities)
    assert none.is_empty()
    assert none.schema == found.schema


def figures(episodes: list[int], at: tuple[float, ...], **venues: str) -> dict[str, float | None]:
    """Return the figures of opportunities of the two legs, sold at alfa, of such episodes and minutes, with these order latencies."""
    world = small(
        {"alfa BTC/USD": bars(), "bravo BTC/USD": bars()},
        venues={name: {"order_latency": latency} for name, latency in venues.items()},
    )
    columns = {name: getattr(OPPORTUNITIES, name)[:1].repeat(len(at)) for name in ("edge_bps", "outcome", "package")}
    found = Opportunities(
        at_us=minutes(*at),
        combination=np.zeros(len(at), np.int32),
        episode=np.array(episodes, dtype=np.int64),
        **columns,
    )
    return opportunities.episode_figures(world.spec, found)


def test_episodes_are_held_against_the_slower_of_their_two_orders() -> None:
    # lengths of 2, 1 and 0 minutes; orders take 0 s and 60 s
    found = figures([0, 1, 0, 1, 2, 0], (1, 1, 2, 2, 2, 3), bravo="60s")
    assert found == {"median_episode_s": 60.0, "outlast_rate": pytest.approx(2 / 3)}
    assert figures([0, 0], (1, 2), alfa="61s")["outlast_rate"] == 0.0
    assert figures([0], (1,))["outlast_rate"] == 1.0  # nothing takes no time


def test_without_opportunities_episodes_have_no_figures() -> None:
    nothing = replace(IDLE.opportunities)
    assert opportunities.episode_figures(SPEC, nothing) == {"median_episode_s": None, "outlast_rate": None}
