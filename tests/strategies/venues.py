"""The venues of a world: what they charge and in what, how far they are, when they are down, what lies there."""

from collections.abc import Mapping
from typing import Any

from tests.strategies.markets import COIN_PRICES, FEE_ASSET, Market, Window
from tests.strategies.tape import Tape
from tests.strategies.world import SECOND, iso, scaled

COINS = ("3", "1000", "0.5", "10", "3", "10", "0.0123", "0")
MONEY = ("3000", "1000000", "300", "100000", "1000", "10000", "41.07", "0")
FEES = (0.0, 1.0, 2.5, 10.0, 26.0)
TIERS = (
    [("0", 10.0), ("100", 4.0)],
    [("0", 5.0), ("1", 2.5), ("1000", 0.0)],
    [("0", 26.0), ("40", 26.0), ("100000", 2.0)],
)
LOW_TIERS = ([("0", 3.0), ("50", 1.0), ("300", 0.0)], [("0", 2.0), ("1000", 1.0)], [("0", 5.0), ("100", 5.0), ("101", 0.5)])
LATENCIES_US = {  # feed, order
    "bars": ((0, 50_000, SECOND), (0, 80_000, 1)),
    "quotes": ((0, 0, 50_000, 250_000, SECOND), (0, 0, 250_000, 1, SECOND, 3 * SECOND)),
    "quote_bars": ((0, 50_000, SECOND), (0, 80_000, 1, SECOND)),
}
OFFSETS_US = (0, 0, 1_270_000, -20_000)


def venues(tape: Tape, name: str, market: Market, window: Window) -> dict[str, object]:
    """Draw the terms of a venue."""
    feeds, orders = LATENCIES_US[window.data]
    if window.data != "quotes":
        feeds += (min(window.interval // 2, 40 * SECOND),)
        orders += (window.interval, 5 * window.interval // 2)
    form: dict[str, object] = {
        **_charges(tape, name, market, window),
        "feed_latency": f"{tape.pick(feeds)}us",
        "order_latency": f"{tape.pick(orders)}us",
        "balances": _balances(tape, name, market),
    }
    offset = tape.pick(OFFSETS_US) if window.data == "quotes" else 0
    outages = [_outages(tape, window)] if tape.once_in(8) else []
    return form | ({"clock_offset": f"{offset}us"} if offset else {}) | ({"outages": outages} if outages else {})


def feed_latency(venue: Mapping[str, object]) -> int:
    """Return the feed latency of a drawn venue [µs]."""
    return int(str(venue["feed_latency"]).removesuffix("us"))


def clock_offset(venue: Mapping[str, object]) -> int:
    """Return the clock offset of a drawn venue [µs]."""
    return int(str(venue.get("clock_offset", "0us")).removesuffix("us"))


def _outages(tape: Tape, window: Window) -> dict[str, str]:
    # whole seconds, which observations may meet; after the start, where everything needs a mark
    length = (window.end - window.start) // SECOND
    begin = tape.number(1, length)
    return {"start": iso(window.start + begin * SECOND), "end": iso(window.start + (begin + tape.number(1, max(length // 4, 1))) * SECOND)}


def _charges(tape: Tape, name: str, market: Market, window: Window) -> dict[str, object]:
    currency = tape.pick(_charged(market))
    if tape.once_in(2):
        form: dict[str, object] = {"fee_bps": tape.pick(FEES)}
        return form if currency == "quote" else {**form, "fee_currency": currency}
    rows = [{**_rates(tape), "charged_in": currency}]
    if tape.once_in(2):  # another price from some time in the run on
        change = iso(tape.number(window.start // SECOND, window.end // SECOND) * SECOND)
        rows = [{**rows[0], "end": change}, {**_rates(tape), "charged_in": tape.pick(_charged(market)), "start": change}]
    traded = [leg for venue, leg in market.legs if venue == name]
    if traded and tape.once_in(3):  # one pair has its own price, for good or for a while
        row = {**_rates(tape), "charged_in": tape.pick(_charged(market)), "instruments": [tape.pick(traded)]}
        rows.append({**row, "start": iso(window.start + window.clock)} if tape.once_in(2) else row)
    stated = {"volume_30d": tape.pick(("50", "1000000"))} if tape.once_in(4) else {}
    return {"fees": rows, **stated}


def tiered(tape: Tape, venue: Mapping[str, Any]) -> dict[str, object]:
    """Return the terms of a venue with a schedule of low tiers, and with funds for weeks."""
    tiers = [{"volume": volume, "taker_bps": bps} for volume, bps in tape.pick(LOW_TIERS)]
    others = {key: value for key, value in venue.items() if key not in {"fee_bps", "fees", "fee_currency"}}
    rich = {c: scaled("1000", 100 / COIN_PRICES[c]) if c in COIN_PRICES else "100000" for c in venue.get("balances", {})}
    return {**others, "balances": rich, "fees": [{"tiers": tiers, "charged_in": tape.pick(("quote", "received"))}]}


def _charged(market: Market) -> list[str]:
    assets = [FEE_ASSET] if market.marks_fee_asset else []
    return ["quote", "quote", "received", *assets, *assets]


def _rates(tape: Tape) -> dict[str, object]:
    if tape.once_in(2):
        return {"taker_bps": tape.pick(FEES)}
    return {"tiers": [{"volume": volume, "taker_bps": bps} for volume, bps in tape.pick(TIERS)]}


def _balances(tape: Tape, name: str, market: Market) -> dict[str, str]:
    held = {currency for venue, leg in market.legs if venue == name for currency in leg.split("/")}
    amounts = {c: [scaled(x, 100 / COIN_PRICES[c]) for x in COINS] if c in COIN_PRICES else MONEY for c in held}
    found = {c: tape.pick(amounts[c]) for c in sorted(amounts)}
    # a few coins of the asset that fees are charged in, which run out, or none
    assets = tape.pick(({}, {FEE_ASSET: "5"}, {FEE_ASSET: "0.001"})) if market.marks_fee_asset else {}
    return found | assets
