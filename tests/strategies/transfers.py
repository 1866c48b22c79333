"""Money between venues: routes, opening hours, suspensions, and the rebalancing that uses them."""

from collections.abc import Sequence
from typing import Any

from engine.schema import instant
from tests.strategies.markets import COIN_PRICES, Market, Window
from tests.strategies.tape import Tape
from tests.strategies.world import DAY, MINUTE, SECOND, iso, scaled

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DESK = "desk"
"""A venue without instruments: money can be sent there and back."""
WEIGHTS = {
    1: ((1.0,),),
    2: ((0.5, 0.5), (0.25, 0.75), (0.0, 1.0)),
    3: ((0.3, 0.3, 0.4), (0.1, 0.2, 0.7)),
    4: ((0.25, 0.25, 0.25, 0.25), (0.7, 0.1, 0.1, 0.1)),
}


def transfers(tape: Tape, market: Market, window: Window) -> dict[str, Any]:
    """Draw routes, suspensions and rebalancing of one or two currencies, or nothing of the kind."""
    if tape.once_in(2):
        return {}
    moved = tape.some(sorted(_places(market)), 1, 2)
    places = {c: sorted(set(_places(market)[c]) | ({DESK} if tape.once_in(4) else set())) for c in moved}
    routes = [_routes(tape, c, n, places[c], window) for c in moved if len(places[c]) > 1 for n in range(tape.number(1, 4))]
    pairs = sorted({(place, r["currency"]) for r in routes for place in (r["source"], r["destination"])})
    closed = [suspensions(tape, pairs, window) for _ in range(tape.pick((0, 0, 1, 2)))] if pairs else []
    wallets = {c: _in_use(c, places[c], routes) for c in moved if len(places[c]) > 1}
    rebalance = {"rebalance": _rebalancing(tape, wallets, window)} if wallets else {}
    return {"routes": routes, "suspensions": closed, **rebalance}


def _places(market: Market) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for venue, name in sorted(market.legs):
        for currency in name.split("/"):
            found.setdefault(currency, []).append(venue)
    return found


def _in_use(currency: str, places: list[str], routes: list[dict[str, object]]) -> list[str]:
    # nothing may be kept at a desk that no route leads to
    named = {r[end] for r in routes for end in ("source", "destination") if r["currency"] == currency}
    return [place for place in places if place != DESK or DESK in named]


def _amount(tape: Tape, currency: str, *amounts: str) -> str:
    # of a coin that costs 100, or a hundred times as much money
    return scaled(tape.pick(amounts), 100 / COIN_PRICES[currency] if currency in COIN_PRICES else 100)


def _routes(tape: Tape, currency: str, number: int, places: list[str], window: Window) -> dict[str, object]:
    source, destination = tape.some(places, 2, 2)
    form: dict[str, object] = {
        "name": f"{currency}-{number}",
        "currency": currency,
        "source": source,
        "destination": destination,
        "fee": _amount(tape, currency, "0", "0.001", "0.00333333"),
        "minimum": _amount(tape, currency, "0", "0", "0.1"),
        "delay": tape.pick(("0s", f"{window.clock}us", "7s", "7s", "1d")),
    }
    limit = {"daily_limit": _amount(tape, currency, "0.2", "2")} if tape.once_in(4) else {}
    return form | limit | ({"hours": opening_hours(tape, window)} if tape.once_in(3) else {})


def opening_hours(tape: Tape, window: Window) -> dict[str, object]:
    """Draw hours that are open for some minutes of a day; Tokyo's nine o'clock is midnight here, New York's day is another one."""
    zone, ahead = tape.pick((("UTC", 0), ("Asia/Tokyo", 9 * 60), ("America/New_York", -5 * 60)))
    begin = window.start // MINUTE + ahead + tape.number(-3, 6)
    opens, closes = begin % 1440, (begin + tape.pick((1, 4, 600))) % 1440
    if opens >= closes:
        opens, closes = 0, max(closes, 1)
    days = tape.pick((WEEK, WEEK, ("mon",), ("tue", "sun")))
    holidays = [f"{instant(window.end):%Y-%m-%d}"] if tape.once_in(6) else []
    return {"days": list(days), "opens": _clock(opens), "closes": _clock(closes), "zone": zone, "holidays": holidays}


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def suspensions(tape: Tape, pairs: Sequence[tuple[str, object]], window: Window) -> dict[str, object]:
    """Draw a suspension of one of these wallets."""
    venue, currency = tape.pick(pairs)
    length = (window.end - window.start) // SECOND
    begin = tape.number(-5, length)
    lasts = tape.pick((1, 10, max(length // 3, 1), DAY // SECOND))
    return {
        "venue": venue,
        "currency": currency,
        "what": tape.pick(("withdrawals", "deposits", "both")),
        "start": iso(window.start + begin * SECOND),
        "end": iso(window.start + (begin + lasts) * SECOND),
    }


def _rebalancing(tape: Tape, wallets: dict[str, list[str]], window: Window) -> dict[str, object]:
    form: dict[str, object] = {"policy": tape.pick(("threshold", "weights"))}
    if DAY % (2 * window.clock) == 0 and tape.once_in(3):
        form["every"] = f"{2 * window.clock}us"
    if form["policy"] == "threshold":
        targets = [{"venue": venue, "currency": c, **_floors(tape, c)} for c, places in wallets.items() for venue in places if not tape.once_in(8)]
        return {**form, "wallets": targets or [{"venue": places[0], "currency": c, **_floors(tape, c)} for c, places in wallets.items()]}
    weights = {c: tape.pick(WEIGHTS[min(len(places), 4)]) for c, places in wallets.items()}
    targets = [{"venue": v, "currency": c, "weight": w} for c, places in wallets.items() for v, w in zip(places, weights[c], strict=False)]
    return {**form, "band": tape.pick((0.0, 0.1, 0.5)), "wallets": targets}


def _floors(tape: Tape, currency: str) -> dict[str, str]:
    floor, target = tape.pick((("1", "2"), ("0.1", "0.1"), ("4", "5"), ("20", "30"), ("0", "0"), ("5", "10")))
    by = 100 / COIN_PRICES[currency] if currency in COIN_PRICES else 100
    return {"floor": scaled(floor, by), "target": scaled(target, by)}
