"""Which combinations stand, what forbids a package whatever its size, and what is written of an opportunity."""

import pytest

from tests.engine.kernels.hand import BTC, Quote, coins, fresh, log, observations, rules, world
from tests.engine.kernels.plain import decisions, market, state

QUOTES = observations([Quote(0, [(101.0, 9.0)], [(102.0, 9.0)])], [Quote(0, [(99.0, 9.0)], [(100.0, 4.0)])])
LAST = state.NEVER_US


@pytest.mark.parametrize(
    ("limits", "counts", "halted", "last", "outcome"),
    [
        ({}, {}, False, LAST, "SENT"),
        ({"max_gross_edge_bps": 99.9}, {"stopped_us": 3}, True, 120, "ALARM"),
        ({"max_gross_edge_bps": 100.0}, {}, False, LAST, "SENT"),
        ({}, {"stopped_us": 3}, True, 120, "STOPPED"),
        ({"max_residual": 200.0}, {"net_residual": coins(9)}, True, 120, "HALTED"),
        ({"max_residual": 200.0}, {"net_residual": coins(2.01)}, False, 120, "RESIDUAL"),
        ({"max_residual": 200.0}, {"net_residual": coins(-2.01)}, False, 120, "RESIDUAL"),
        ({"max_residual": 200.0, "cool_down_us": 10}, {"net_residual": coins(9)}, False, 120, "RESIDUAL"),
        ({"max_residual": 200.0}, {"net_residual": coins(2)}, False, LAST, "SENT"),
        ({"cool_down_us": 10}, {}, False, 111, "COOL_DOWN"),
        ({"cool_down_us": 10}, {}, False, 110, "SENT"),
    ],
)
def test_the_first_reason_against_a_package_counts(limits: dict[str, object], counts: dict[str, int], halted: bool, last: int, outcome: str) -> None:
    one, now = world(QUOTES, rules=rules(**limits)), fresh(QUOTES)
    one.halted[2] = halted  # from 120 on
    for name, value in counts.items():
        now.counts[0][name] = value
    assert decisions.forbidden(one, now, 100.0, last, 120) == getattr(state, outcome)


def test_a_residual_counts_at_the_mark_of_the_last_tick() -> None:
    one, now = world(QUOTES, rules=rules(max_residual=200.0, base_currency=BTC)), fresh(QUOTES)
    one.mark[1, BTC], now.counts[0].net_residual = 101.0, coins(2)
    found = [decisions.forbidden(one, now, 0.0, LAST, at) for at in (59, 60, 119, 120)]
    assert found == [state.SENT, state.RESIDUAL, state.RESIDUAL, state.SENT]


@pytest.mark.parametrize("sends", [market.TOGETHER, market.SEQUENCE])
def test_what_cycles_leave_counts_in_every_currency_whatever_its_sign(sends: int) -> None:
    one, now = world(QUOTES, rules=rules(max_residual=250.0, sends=sends, base_currency=-1)), fresh(QUOTES)
    now.currencies.residual = [coins(-1), coins(100), coins(-5)]
    now.counts[0].net_residual = coins(1000)
    # 1 at 100, 100 at 1 and 5 at 10
    assert decisions.residual_value(one, now, 0) == 250.0
    assert decisions.forbidden(one, now, 0.0, LAST, 0) == state.SENT
    one.mark[1] = [100.0, 1.0, 10.01]
    assert [decisions.forbidden(one, now, 0.0, LAST, at) for at in (59, 60)] == [state.SENT, state.RESIDUAL]


@pytest.mark.parametrize(("stood", "episode"), [(4, 7), (3, -1), (-2, -1)])
def test_an_episode_goes_on_where_the_combination_stood_at_the_instant_before(stood: int, episode: int) -> None:
    now = fresh(QUOTES)
    now.combinations.stood, now.combinations.episode = stood, 7
    decisions.stand(now, 1, 5)
    assert now.combinations.episode.tolist() == [7, episode, 7, 7]
    assert now.combinations.stood.tolist() == [stood, 5, stood, stood]


def test_an_opportunity_is_listed_with_its_episode_and_only_a_package_begins_a_cool_down() -> None:
    now, done = fresh(QUOTES), log()
    now.counts[0].episodes, now.counts[0].packages = 4, 9
    for at, outcome in ((60, state.NO_FUNDS), (70, state.SENT), (80, state.ALARM)):
        decisions.list_opportunity(now, done, 2, at, 12.0, outcome)
    first, second, _ = done.opportunities[:3]
    assert (first.at_us, first.combination, first.edge_bps) == (60, 2, 12.0)
    assert (first.outcome, first.package, second.outcome, second.package) == (state.NO_FUNDS, -1, state.SENT, 8)
    assert done.opportunities.episode[:3].tolist() == [4, 4, 4]
    assert (now.counts[0].episodes, now.counts[0].opportunities) == (5, 3)
    assert now.combinations[2].last_decision_us == 70
    decisions.list_opportunity(now, done, 1, 90, 12.0, state.NO_FUNDS)
    assert (done.opportunities[3].episode, now.combinations[1].last_decision_us) == (5, state.NEVER_US)
