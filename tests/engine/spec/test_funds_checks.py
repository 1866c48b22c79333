"""Routes, suspensions and rebalancing that lead nowhere or contradict themselves."""

import pytest

from tests.engine.spec.forms import BUSINESS, ROUTE, SUSPENSION, changed, said, spec

NO_ZONE = 'routes.0.hours.zone: expected the IANA name of a time zone such as "America/New_York"'
THRESHOLDS = {
    "policy": "threshold",
    "wallets": [
        {"venue": "alfa", "currency": "USDC", "floor": 1, "target": 2},
        {"venue": "bravo", "currency": "USDC", "floor": 3, "target": 3},
    ],
}
WEIGHTS = {
    "policy": "weights",
    "band": 0.1,
    "wallets": [
        {"venue": "alfa", "currency": "BTC", "weight": 0.1},
        {"venue": "bravo", "currency": "BTC", "weight": 0.2},
        {"venue": "charlie", "currency": "BTC", "weight": 0.7},
    ],
}


@pytest.mark.parametrize(
    ("route", "sentence"),
    [
        ({"source": "alfa", "destination": "alfa"}, "routes.0: source and destination are both 'alfa'; a route leads from one venue to another"),
        ({"source": "alpha"}, "routes: the source of 'usdc' is 'alpha', which [venues] does not have; did you mean 'alfa'?"),
        ({"destination": "x"}, "routes: the destination of 'usdc' is 'x', which [venues] does not have; known: alfa, bravo, charlie"),
        ({"fee": -1}, "routes.0.fee: Input should be greater than or equal to 0, found -1"),
        ({"daily_limit": 0}, "routes.0.daily_limit: Input should be greater than 0, found 0"),
        (
            {"daily_limit": 5, "minimum": 6},
            "routes.0: nothing could ever be sent: daily_limit must be at least the minimum, and above the fee",
        ),
        ({"daily_limit": 5, "fee": 5}, "routes.0: nothing could ever be sent: daily_limit must be at least the minimum, and above the fee"),
        ({"delay": "-1s"}, 'routes.0.delay: expected a duration of 0 or more such as "50ms", "10s", "1m" or "2h", found \'-1s\''),
        ({"currency": "usdc"}, "routes.0.currency: expected 2 to 12 capital letters or digits, found 'usdc'"),
        (
            {"hours": {**BUSINESS, "zone": "America/New_Yrk"}},
            f"{NO_ZONE}, found 'America/New_Yrk'; did you mean 'America/New_York'?",
        ),
        ({"hours": {**BUSINESS, "closes": "09:00"}}, "routes.0.hours: opens must be before closes, on the same day"),
        ({"hours": {**BUSINESS, "days": []}}, "routes.0.hours.days: Tuple should have at least 1 item after validation, not 0, found []"),
    ],
)
def test_a_route_that_cannot_be_used_is_refused(route: dict[str, object], sentence: str) -> None:
    assert said(changed(("routes", [{**ROUTE, **route}]))) == [sentence]


def test_a_route_may_have_a_limit_of_its_minimum() -> None:
    assert spec(("routes", [{**ROUTE, "daily_limit": 5, "minimum": 5, "fee": "4.99999999"}])).routes[0].daily_limit == 5


def test_routes_have_names_of_their_own() -> None:
    assert said(changed(("routes", [ROUTE, {**ROUTE, "delay": "1s"}, ROUTE]))) == ["routes: 'usdc' is there twice; each needs a name of its own"]


@pytest.mark.parametrize(
    ("suspension", "sentence"),
    [
        ({"venue": "alpha"}, "suspensions: one is at 'alpha', which [venues] does not have; did you mean 'alfa'?"),
        ({"currency": "USCD"}, "suspensions: one at alfa is of USCD, which is not in this run; it has BTC, USD, USDC"),
        ({"end": SUSPENSION["start"]}, "suspensions.0: start must be before end"),
        ({"what": "all"}, "suspensions.0.what: Input should be 'withdrawals', 'deposits' or 'both', found 'all'"),
    ],
)
def test_a_suspension_of_nothing_is_refused(suspension: dict[str, object], sentence: str) -> None:
    assert said(changed(("suspensions", [{**SUSPENSION, **suspension}]))) == [sentence]


@pytest.mark.parametrize(
    ("policy", "change", "sentence"),
    [
        (THRESHOLDS, {"band": 0.1}, 'band has no meaning with policy = "threshold": leave it out'),
        (THRESHOLDS, {"floor": None}, 'wallets: alfa USDC needs floor and target with policy = "threshold"'),
        (THRESHOLDS, {"target": None}, 'wallets: alfa USDC needs floor and target with policy = "threshold"'),
        (THRESHOLDS, {"target": "0.5"}, "wallets: alfa USDC has a floor (1) above its target (0.5)"),
        (THRESHOLDS, {"weight": 1}, 'wallets: alfa USDC has a weight, which has no meaning with policy = "threshold": leave it out'),
        (THRESHOLDS, {"venue": "bravo"}, "wallets: bravo USDC is there twice"),
        (WEIGHTS, {"weight": 0.10000001}, "wallets: the weights of BTC must sum to 1, found 1.00000001"),
        (WEIGHTS, {"weight": 0.15}, "wallets: the weights of BTC must sum to 1, found 1.05"),
        (WEIGHTS, {"floor": 1}, 'wallets: alfa BTC has floor or target, which have no meaning with policy = "weights": leave them out'),
        (WEIGHTS, {"target": 1}, 'wallets: alfa BTC has floor or target, which have no meaning with policy = "weights": leave them out'),
        (WEIGHTS, {"currency": "USD"}, "wallets: the weights of BTC must sum to 1, found 0.9"),
    ],
)
def test_a_policy_has_what_it_needs_and_nothing_else(policy: dict[str, object], change: dict[str, object], sentence: str) -> None:
    first, *others = policy["wallets"]  # type: ignore[misc]
    outer, inner = ({}, change) if "band" not in change else (change, {})
    row = {key: value for key, value in {**first, **inner}.items() if value is not None}
    found = said(changed(("rebalance", {**policy, **outer, "wallets": [row, *others]})))
    assert f"rebalance: {sentence}" in found


def test_a_weight_that_is_missing_is_asked_for() -> None:
    wallets = [{"venue": "alfa", "currency": "BTC"}, {"venue": "bravo", "currency": "BTC", "weight": 1}]
    assert said(changed(("rebalance", {"policy": "weights", "wallets": wallets}))) == [
        'rebalance: wallets: alfa BTC needs a weight with policy = "weights"'
    ]


def test_weights_sum_to_one_within_rounding() -> None:
    shares = [{"venue": name, "currency": "BTC", "weight": weight} for name, weight in (("alfa", 0.7), ("bravo", 0.2), ("charlie", 0.1))]
    assert 0.7 + 0.2 + 0.1 < 1
    assert spec(("rebalance", {"policy": "weights", "wallets": shares})).rebalance is not None


@pytest.mark.parametrize("band", [-0.1, 1])
def test_a_band_is_a_share_below_all(band: float) -> None:
    assert said(changed(("rebalance", {**WEIGHTS, "band": band})))[0].startswith("rebalance.band: Input should be ")


@pytest.mark.parametrize(("every", "taken"), [("1m", True), ("90m", True), ("1d", True), ("90s", False), ("7m", False), ("2d", False), ("0s", False)])
def test_rebalancing_looks_at_ticks_that_divide_a_day(every: str, taken: bool) -> None:
    if taken:
        assert spec(("rebalance", {**WEIGHTS, "every": every})).rebalance is not None
        return
    assert said(changed(("rebalance", {**WEIGHTS, "every": every}))) == [
        f"rebalance.every: must be a multiple of the clock (1m) that divides 1d, found {every}"
    ]


def test_targets_are_wallets_of_the_run() -> None:
    far = {"venue": "alpha", "currency": "USDC", "floor": 0, "target": 0}
    none = {"venue": "charlie", "currency": "USDC", "floor": 0, "target": 0}
    assert said(changed(("rebalance", {"policy": "threshold", "wallets": [far]}))) == [
        "rebalance.wallets: one is at 'alpha', which [venues] does not have; did you mean 'alfa'?"
    ]
    sentence = "rebalance.wallets: charlie has no USDC: no leg trades it there, no balance names it, no route moves it"
    assert said(changed(("rebalance", {"policy": "threshold", "wallets": [none]}))) == [sentence]
    assert spec(("rebalance", {"policy": "threshold", "wallets": [none]}), ("routes", [{**ROUTE, "destination": "charlie"}])).rebalance is not None
