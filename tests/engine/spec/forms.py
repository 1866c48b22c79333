"""Forms of specs as users write them, and how they are changed and refused."""

import copy
import tomllib

import pytest

from engine.config import Spec, parse_spec
from engine.errors import SpecError

GONE = object()
"""Put at a path: the key is taken away."""

FORM = tomllib.loads("""
version = 2
name = "BTC on three venues"
start = 2023-03-11T00:00:00Z
end = 2023-03-13T00:00:00Z
interval = "1m"
strategy = { kind = "spatial", threshold_bps = 10 }

[venues.alfa]
fee_bps = 5
feed_latency = "40ms"
order_latency = "60ms"
balances = { USD = 1_000_000, BTC = 40 }

[venues.bravo]
fee_bps = 8
feed_latency = "80ms"
order_latency = "120ms"
balances = { USDC = 1_000_000, BTC = 40 }

[venues.charlie]
fee_bps = 25
feed_latency = "60ms"
order_latency = "90ms"
balances = { USD = 1_000_000, BTC = 40 }

[[instruments]]
venue = "alfa"
name = "BTC/USD"
half_spread_bps = 0.5
tick = 0.01
lot = 0.0001
min_notional = 10

[[instruments]]
venue = "bravo"
name = "BTC/USDC"
half_spread_bps = 1
tick = 0.01
lot = 0.0001
min_notional = 10

[[instruments]]
venue = "charlie"
name = "BTC/USD"
half_spread_bps = 1.5
tick = 0.01
lot = 0.0001
min_notional = 10

[[instruments]]
venue = "alfa"
name = "USDC/USD"
use = "convert"
half_spread_bps = 1
tick = 0.0001
lot = 0.01
min_notional = 5

[[instruments]]
venue = "bravo"
name = "USDC/USD"
use = "mark"
half_spread_bps = 1
tick = 0.0001
lot = 0.01
min_notional = 5
""")
"""Bars, a fee a venue, nothing moved and nothing limited."""

ALFA_USDC = FORM["instruments"][3]

ROUTE = {"name": "usdc", "currency": "USDC", "source": "alfa", "destination": "bravo", "delay": "5m"}
SUSPENSION = {"venue": "alfa", "currency": "USDC", "what": "both", "start": "2023-03-11T01:00:00Z", "end": "2023-03-11T02:00:00Z"}
BUSINESS = {"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "17:00", "zone": "America/New_York"}

RICH_PARTS: dict[str, object] = {
    "risk": {"max_residual": 5_000, "max_asset": {"USDC": 500_000, "USD": "2e6"}, "max_misses": 3, "depeg_guard": {"currencies": ["USDC"]}},
    "rebalance": {
        "policy": "threshold",
        "every": "1h",
        "wallets": [
            {"venue": "bravo", "currency": "USDC", "floor": 100, "target": 200},
            {"venue": "alfa", "currency": "USDC", "floor": 0, "target": 50},
            {"venue": "alfa", "currency": "USD", "floor": 5, "target": 50},
            {"venue": "bank", "currency": "USD", "floor": 0, "target": 0},
        ],
    },
    "routes": [
        {"name": "wire", "currency": "USD", "source": "bank", "destination": "alfa", "fee": 25, "delay": "4h", "hours": BUSINESS},
        {**ROUTE, "name": "chain", "fee": 5, "minimum": 10, "daily_limit": 100_000},
        {**ROUTE, "name": "back", "source": "bravo", "destination": "alfa"},
    ],
    "suspensions": [SUSPENSION, {**SUSPENSION, "what": "deposits", "start": "2023-03-11T00:30:00.5Z"}, {**SUSPENSION, "venue": "bravo"}],
    "venues.bank": {"balances": {"USD": 1_000}},
    "venues.charlie.fee_bps": GONE,
    "venues.charlie.volume_30d": 2_000_000,
    "venues.charlie.clock_offset": "-20ms",
    "venues.charlie.outages": [
        {"start": "2023-03-12T03:00:00Z", "end": "2023-03-12T04:00:00Z"},
        {"start": "2023-03-11T03:00:00Z", "end": "2023-03-11T03:00:30Z"},
    ],
    "venues.charlie.fees": [
        {
            "start": "2023-03-12T00:00:00Z",
            "tiers": [{"volume": 0, "taker_bps": 30}, {"volume": 1_000_000, "taker_bps": 20}],
            "charged_in": "received",
        },
        {"end": "2023-03-12T00:00:00Z", "taker_bps": 25},
        {"start": "2023-03-12T12:00:00Z", "taker_bps": 1, "instruments": ["BTC/USD"]},
    ],
}
"""What else a spec can say, by path."""


def changed(*changes: tuple[str, object], form: dict[str, object] = FORM) -> dict[str, object]:
    """Return a form with values put at dotted paths, or taken away (GONE)."""
    form = copy.deepcopy(form)
    for path, value in changes:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place = form
        for part in way:
            place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]  # type: ignore[assignment]
        if value is GONE:
            del place[last]  # type: ignore[arg-type]
        else:
            place[last] = copy.deepcopy(value)  # type: ignore[index]
    return form


def on_quotes() -> dict[str, object]:
    """Return the form with recorded quotes in place of bars."""
    return changed(
        ("interval", GONE), *[(f"instruments.{n}.half_spread_bps", GONE) for n in range(5)], *[(f"instruments.{n}.data", "quotes") for n in range(5)]
    )


def rich() -> dict[str, object]:
    """Return the form with everything that a spec can say."""
    return changed(*RICH_PARTS.items())


def spec(*changes: tuple[str, object]) -> Spec:
    """Return the spec of the changed form."""
    return parse_spec(changed(*changes))


def said(form: object) -> list[str]:
    """Return the sentences with which a form is refused."""
    with pytest.raises(SpecError) as error:
        parse_spec(form)  # type: ignore[arg-type]
    assert str(error.value) == "\n".join(map(str, error.value.problems))
    return [str(problem) for problem in error.value.problems]
