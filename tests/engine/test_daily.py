"""The lines of every UTC day: by hand across a midnight, and on random worlds that each day adds up and all days to the run."""

from typing import Any

import pytest
from hypothesis import given

from engine import backtest, daily
from engine.attribution import LINES
from engine.schema import ATOMS_PER_UNIT, micros
from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.small import START, Bar, Book, after, bars, books, small
from tests.profiles import examples
from tests.strategies import DAY, MINUTE, World, iso, months, worlds

both_engines = pytest.mark.parametrize("engine", ENGINES)

LAST = 1378
"""The bar that ends at 23:59."""


def night(**alfa: object) -> World:
    """Return a run from 23:58 to 00:03 that sells a coin at alfa for 101 and buys half of one at bravo for 100, both decided at 23:59.

    A coin is worth 100 at the start, 100.5 at 23:59 and at midnight, 100 at 00:01, and 103 at the end.
    """
    dear = {LAST: Bar(101.0, open=100.0), LAST + 1: Bar(101.0), LAST + 2: Bar(100.0, open=101.0), LAST + 4: Bar(103.0)}
    thin = {LAST + 1: Bar(100.0, volume=0.5), LAST + 4: Bar(103.0)}
    series = {f"{venue} BTC/USD": bars(changes, first=LAST - 3, last=LAST + 5) for venue, changes in (("alfa", dear), ("bravo", thin))}
    span = {"start": iso(START + (LAST) * MINUTE), "end": iso(START + (LAST + 5) * MINUTE)}
    return small(series, strategy={"max_notional": "100", "cool_down": "1h"}, venues={"alfa": {"fee_bps": 10, **alfa}}, **span)


def lines(**given: float) -> dict[str, Any]:
    """Return all lines, 0 but for those given."""
    return dict.fromkeys(LINES, 0.0) | given


@both_engines
def test_what_is_recorded_at_midnight_is_of_the_day_that_ends(engine: Engine) -> None:
    # at midnight half of the sell's 0.5 and all of the buy's 0.25 of gross; the fee of 101; 20 coins that rose by 0.5. From then on there
    # is half a coin less, and a coin rises by 2.5
    first = lines(gross=0.5, leg_misses=0.25, fees=-0.101, hold=10.0)
    second = lines(inventory=-1.25, hold=50.0)
    found = engine(night())
    assert [(day, dict(row)) for day, row in found.attribution_days] == [
        ("2024-01-01", pytest.approx(first, abs=1e-9)),
        ("2024-01-02", pytest.approx(second, abs=1e-9)),
    ]


@both_engines
def test_a_fill_is_of_the_day_on_which_it_is_recorded_whatever_it_was_decided_on(engine: Engine) -> None:
    # the sell arrives at 23:59:30 and fills at 00:01, when a coin is worth 0.5 less than when it was decided: drift 0.5; it then rises by
    # 3. The half coin that was bought at midnight rises by 2.5
    found = engine(night(order_latency="30s"))
    assert [o.recorded for o in found.orders] == [after(60 * (LAST + 3)), after(60 * (LAST + 2))]
    assert [(day, dict(row)) for day, row in found.attribution_days] == [
        ("2024-01-01", pytest.approx(lines(gross=0.25, hold=10.0), abs=1e-9)),
        ("2024-01-02", pytest.approx(lines(gross=0.25, leg_misses=0.25, fees=-0.101, inventory=1.25 - 3.0 + 0.5, hold=50.0), abs=1e-9)),
    ]


@both_engines
def test_a_transfer_costs_on_the_day_of_its_request(engine: Engine) -> None:
    # bravo lacks 1,000 USD from the start; alfa lets them go from 00:01 on
    world = night().but(
        strategy={"kind": "spatial", "threshold_bps": 9_000.0},
        routes=[{"name": "wire", "currency": "USD", "source": "alfa", "destination": "bravo", "fee": "3", "delay": "1h"}],
        suspensions=[{"venue": "alfa", "currency": "USD", "what": "withdrawals", "start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:01:00Z"}],
        rebalance={
            "policy": "threshold",
            "wallets": [{"venue": v, "currency": "USD", "floor": f, "target": f} for v, f in (("alfa", "0"), ("bravo", "11000"))],
        },
    )
    found = engine(world)
    assert [(t.requested, t.fee) for t in found.transfers] == [(after(60 * (LAST + 3)), 3 * ATOMS_PER_UNIT)]
    assert [row["transfers"] for _, row in found.attribution_days] == [0.0, -3.0]


def test_the_summary_has_every_day_and_by_how_much_equity_changed_on_it() -> None:
    world = night(order_latency="30s")
    result = backtest.run(world.spec, world.data, stress=False)
    days: Any = result.summary["attribution_days"]
    assert [list(row) for row in days] == [["day", *LINES, "change"]] * 2
    # 22,000 at the start, 10.25 more at midnight; at the end 19.5 coins at 103 and 20,050.899 USD
    assert [row["change"] for row in days] == pytest.approx([10.25, 19.5 * 103 + 20_050.899 - 22_010.25])


def test_the_first_day_begins_before_what_happens_at_the_start() -> None:
    # sold at 101 and bought at 100, both at the start, when a coin is worth 100.5
    world = small({"alfa BTC/USD": books({0: Book(101.0, 101.0)}), "bravo BTC/USD": books()}, strategy={"max_notional": "100"}, minutes=1)
    result = backtest.run(world.spec, world.data, stress=False)
    days: Any = result.summary["attribution_days"]
    (day,) = days
    assert (day["gross"], day["change"]) == (pytest.approx(1.0), pytest.approx(1.0))


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [(60, 70, []), (0, 1440, []), (0, 1441, [1440]), (-1, 1440, [0]), (1439, 1441, [1440]), (60, 4 * 1440, [1440, 2880, 4320])],
)
def test_days_begin_at_the_start_and_at_each_midnight_before_the_end(start: int, end: int, inside: list[int]) -> None:
    minutes = [START - 60 * MINUTE + n * MINUTE for n in (start, *inside, end)]
    spec = night().but(start=iso(minutes[0]), end=iso(minutes[-1])).spec
    assert daily.bounds_us(spec).tolist() == minutes


@both_engines
@examples(20)
@given(world=worlds())
def test_every_day_adds_up_to_its_change_of_equity_and_a_flipped_sign_in_any_line_is_caught(engine: Engine, world: World) -> None:
    assert_adds_up(world, engine(world))


@both_engines
@examples(3)
@given(world=months())
def test_every_day_of_weeks_adds_up_to_its_change_of_equity(engine: Engine, world: World) -> None:
    assert_adds_up(world, engine(world))


def assert_adds_up(world: World, found: Outcome) -> None:
    """Hold each day's lines to what equity did on it, and all days' to the run's."""
    start, end = micros(world.spec.start), micros(world.spec.end)
    bounds = [start, *range((start // DAY + 1) * DAY, end, DAY), end]
    equity = {t: value for t, value, _ in found.equity} | {start: found.equity[0][2]}
    assert [day for day, _ in found.attribution_days] == [iso(begin)[:10] for begin in bounds[:-1]]
    for begin, until, (_, row) in zip(bounds, bounds[1:], found.attribution_days, strict=False):
        bound = bound_of(found, begin, until)
        missing = equity[until] - equity[begin] - sum(row.values())
        assert abs(missing) <= bound
        assert all(abs(missing + 2 * amount) > bound for amount in row.values() if abs(amount) > 1.01 * bound)
    for line, amount in found.attribution.items():
        assert sum(row[line] for _, row in found.attribution_days) == pytest.approx(amount, rel=1e-9, abs=bound_of(found, start - 1, end))


def bound_of(found: Outcome, begin: int, until: int) -> float:
    """Return by how much the lines of a stretch may miss its change: 1e-9 of its turnover and of equity at the start."""
    turnover = sum(o.flow for o in found.orders if o.recorded is not None and begin <= o.recorded <= until) / ATOMS_PER_UNIT
    return 1e-9 * (turnover + abs(found.equity[0][2]))
