"""Worlds of bets on a peg: a stablecoin at one to three places, whose price leaves par and comes back, or does not."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from engine.config import parse_spec
from tests.strategies.cycles import cycle_worlds
from tests.strategies.markets import FEE_ASSET, Data, Market, Window, instruments, windows
from tests.strategies.policies import pegs
from tests.strategies.tape import Tape
from tests.strategies.transfers import opening_hours, suspensions
from tests.strategies.world import World
from tests.strategies.worlds import KEPT, KINDS, forms, tables, tapes, worlds

COIN, ISSUER = "USDC", "issuer"
LEGS = (("alfa", "USDC/USD"), ("bravo", "USDC/USD"), ("alfa", "USDC/USDT"), ("charlie", "USDC/USDT"))


def peg_worlds(*, most: int = 40, data: Data | None = None) -> st.SearchStrategy[World]:
    """Draw worlds in which most runs open positions, and some of these are closed, or stopped."""
    return st.builds(peg_of, st.integers(0, 2**32 - 1), st.sampled_from(KEPT), most=st.just(most), data=st.just(data))


def any_worlds(*, data: Data | None = None) -> st.SearchStrategy[World]:
    """Draw worlds of any strategy."""
    return worlds(data=data) | cycle_worlds(data=data) | peg_worlds(data=data)


def peg_of(seed: int, kept: tuple[float, float] = (1.0, 1.0), *, most: int = 40, data: Data | None = None) -> World:
    """Return the world of bets on a peg of a seed."""
    tape, for_data = tapes(seed, kept)
    kind = tape.pick(KINDS) if data is None else data
    market = _market(tape, kind)
    window = windows(tape, kind, most=most, midnight=tape.once_in(3))
    form = forms(tape, market, window, name=f"pegs {seed} {kept}", other=pegs(tape, window))
    if not tape.once_in(3):
        form = _redeemed(tape, form, market, window)
    form["risk"].pop("max_residual", None)
    if not tape.once_in(3):
        form["venues"] = {name: _funded(venue) for name, venue in form["venues"].items()}
    spec = parse_spec(form)
    return World(form=form, spec=spec, data=tables(for_data, spec, form, window))


def _market(tape: Tape, data: Data) -> Market:
    # a USDT is worth what one of its instruments says
    traded = tape.some(LEGS, 1, 3)
    found = [_lasting(tape, instruments(tape, venue, name, "trade", data)) for venue, name in traded]
    quotes = {name.partition("/")[2] for _, name in traded}
    numeraire = "USDT" if quotes == {"USDT"} and tape.once_in(3) else "USD"
    if numeraire == "USD" and "USDT" in quotes:
        found.append(instruments(tape, tape.pick(("delta", "alfa")), "USDT/USD", "mark", data))
    if tape.once_in(4):
        found.append(instruments(tape, "delta", f"{FEE_ASSET}/{numeraire}", "mark", data))
    return Market(numeraire=numeraire, base=COIN, par=[], instruments=found)


def _redeemed(tape: Tape, form: dict[str, Any], market: Market, window: Window) -> dict[str, Any]:
    # an issuer's desk, with one or two routes from each venue and one back
    pays = market.numeraire
    venues = sorted({venue for venue, _ in market.legs})
    routes = [desk_routes(tape, venue, pays, window, way=way) for venue in venues for way in range(tape.pick((2, 3)))]
    issuer = {ISSUER: {"fee_bps": 0.0, "feed_latency": "0us", "order_latency": "0us"}}
    wallets = [(ISSUER, COIN), (ISSUER, pays), *((venue, currency) for venue in venues for currency in (COIN, pays))]
    closed = [suspensions(tape, wallets, window) for _ in range(tape.pick((0, 0, 1, 2)))]
    terms, ways = redemptions(tape, pays, window), [route for route in routes if route["destination"] == ISSUER]
    if terms["minimum"] == "30" and all(route.get("daily_limit") == "20" for route in ways):
        terms["minimum"] = "5"  # what no route may carry is refused
    return {
        **form,
        "strategy": {**form["strategy"], "redemption": terms},
        "venues": form["venues"] | issuer,
        "routes": [*form.get("routes", []), *routes],
        "suspensions": [*form.get("suspensions", []), *closed],
    }


def redemptions(tape: Tape, pays: str, window: Window) -> dict[str, object]:
    """Draw what a desk asks, and when a position goes there."""
    form: dict[str, object] = {
        "desk": ISSUER,
        "pays": pays,
        "fee_bps": tape.pick((0.0, 1.0, 10.0)),
        "fee": tape.pick(("0", "0.00000001", "0.5")),
        "minimum": tape.pick(("0", "0", "30", "5")),
        "delay": tape.pick(("0s", "5s", f"{window.clock}us", f"{4 * window.clock}us")),
        "after": tape.pick(("0s", "0s", f"{window.clock}us", "90s")),
        "gain_bps": tape.pick((0.0, -50.0, 10.0, -500.0)),
    }
    return form | ({"hours": opening_hours(tape, window)} if tape.once_in(3) else {})


def desk_routes(tape: Tape, venue: str, pays: str, window: Window, *, way: int) -> dict[str, object]:
    """Draw a route to the desk, back from it, or another one there."""
    source, destination, currency = (ISSUER, venue, pays) if way == 1 else (venue, ISSUER, COIN)
    form: dict[str, object] = {
        "name": f"{source} {destination} {way}",
        "currency": currency,
        "source": source,
        "destination": destination,
        "fee": tape.pick(("0", "0.1", "0.33333333")),
        "minimum": tape.pick(("0", "0", "10")),
        "delay": tape.pick(("0s", f"{window.clock}us", "7s", "7s")),
    }
    limit = {"daily_limit": tape.pick(("20", "200"))} if tape.once_in(4) else {}
    return form | limit | ({"hours": opening_hours(tape, window)} if tape.once_in(4) else {})


def _funded(venue: dict[str, Any]) -> dict[str, Any]:
    # money to buy with
    balances = {c: held if c in {COIN, FEE_ASSET} else f"{max(Decimal(held), Decimal(1_000)):f}" for c, held in venue.get("balances", {}).items()}
    return {**venue, "balances": balances}


def _lasting(tape: Tape, terms: dict[str, Any]) -> dict[str, Any]:
    return {**terms, "max_age": "30s"} if terms["data"] == "quotes" and not tape.once_in(3) else terms
