"""Worlds of cycles: instruments that lead back to where they began, at prices that nearly agree."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from engine.config import parse_spec
from tests.strategies.markets import COIN_PRICES, FEE_ASSET, Data, Market, instruments, windows
from tests.strategies.policies import triangular
from tests.strategies.tape import Tape
from tests.strategies.world import World
from tests.strategies.worlds import KEPT, KINDS, forms, tables, tapes

Leg = tuple[str, str]

PLACES = (
    (("BTC/USD", "BTC/USDC", "USDC/USD"), ("USD", "USDC", "USD", "BTC")),
    (("BTC/USD", "ETH/BTC", "ETH/USD"), ("USD", "BTC", "ETH")),
    (("BTC/USD", "ETH/BTC", "ETH/USD", "USDC/USD", "ETH/USDC"), ("USD", "USDC", "BTC")),
    (("BTC/USDC", "USD/USDC", "BTC/USD", "ETH/USD"), ("USDC", "USD")),
    (("BTC/USD", "BNB/USD", "BNB/BTC"), ("USD", "BNB")),
    (("ETH/USD", "BTC/USD", "ETH/BTC", "BTC/USDC", "USDC/USD"), ("USD", "ETH")),
)
"""What a venue has, and what three of its instruments lead back to."""
VENUES = ("alfa", "bravo")
LONGEST = 4


def cycle_worlds(*, most: int = 40, data: Data | None = None) -> st.SearchStrategy[World]:
    """Draw worlds in which most runs send packages of cycles, some of which miss, or fill in part."""
    return st.builds(cycles_of, st.integers(0, 2**32 - 1), st.sampled_from(KEPT), most=st.just(most), data=st.just(data))


def cycles_of(seed: int, kept: tuple[float, float] = (1.0, 1.0), *, most: int = 40, data: Data | None = None) -> World:
    """Return the world of cycles of a seed."""
    tape, for_data = tapes(seed, kept)
    kind = tape.pick(KINDS) if data is None else data
    market, start = _market(tape, kind)
    window = windows(tape, kind, most=most, midnight=tape.once_in(3))
    strategy = triangular(tape, start)
    strategy |= _chosen(tape, market.legs, start, in_sequence=strategy["send"] == "sequence")
    form = forms(tape, market, window, name=f"cycles {seed} {kept}", other=strategy)
    if not tape.once_in(3):
        form["venues"] = {name: _funded(venue, market) for name, venue in form["venues"].items()}
    spec = parse_spec(form)
    return World(form=form, spec=spec, data=tables(for_data, spec, form, window))


def _market(tape: Tape, data: Data) -> tuple[Market, str]:
    # one or two venues, of which the first has a cycle
    places = {venue: tape.pick(PLACES) for venue in VENUES[: tape.pick((1, 2, 2))]}
    found = [_lasting(tape, instruments(tape, venue, name, "trade", data)) for venue, (names, _) in places.items() for name in names]
    traded = {str(i["name"]) for i in found}
    numeraire = "USDC" if tape.once_in(4) and traded & {"USDC/USD", "USD/USDC"} else "USD"
    if tape.once_in(3) and "BNB/USD" not in traded:
        found.append(instruments(tape, tape.pick(("alfa", "charlie")), f"{FEE_ASSET}/{numeraire}", "mark", data))
    return Market(numeraire=numeraire, base="", par=[], instruments=found), tape.pick(places["alfa"][1])


def _funded(venue: dict[str, Any], market: Market) -> dict[str, Any]:
    # money for some packages in every wallet that trades, as all of a cycle's must have some
    traded = {currency for _, name in market.legs for currency in name.split("/")}
    least = {c: Decimal(1_000) / Decimal(COIN_PRICES.get(c, 1.0)) for c in traded}
    balances = {c: f"{max(Decimal(amount), least.get(c, Decimal(0))):f}" for c, amount in venue.get("balances", {}).items()}
    return {**venue, "balances": balances}


def _lasting(tape: Tape, terms: dict[str, object]) -> dict[str, object]:
    # three or four quotes must be young enough at once
    return {**terms, "max_age": "30s"} if terms["data"] == "quotes" and not tape.once_in(3) else terms


def _chosen(tape: Tape, legs: Sequence[Leg], start: str, *, in_sequence: bool) -> dict[str, object]:
    # those of three within a venue, or over all, or some of two to four steps
    way = tape.pick(("one", "listed", "one", "all", "listed"))
    if way == "one" or (in_sequence and way == "all"):
        return {}
    if way == "all":
        return {"venues": "all"}
    every = [cycle for cycle in ways(legs, start) if not in_sequence or len({venue for venue, _ in cycle}) == 1]
    return {"cycles": [[f"{venue} {name}" for venue, name in cycle] for cycle in tape.some(every, 1, 4)]}


def ways(legs: Sequence[Leg], start: str) -> list[tuple[Leg, ...]]:
    """Return all cycles of two to four steps, the longer ones first."""
    return sorted(_ways(legs, start, start, ()), key=lambda way: (-len(way), way))


def _ways(legs: Sequence[Leg], start: str, currency: str, gone: tuple[Leg, ...]) -> Iterator[tuple[Leg, ...]]:
    passed = {c for _, name in gone for c in name.split("/")}
    for leg in legs:
        sides = leg[1].split("/")
        if leg in gone or currency not in sides:
            continue
        (other,) = set(sides) - {currency}
        if other == start and gone:
            yield (*gone, leg)
        elif other not in passed and other != start and len(gone) + 1 < LONGEST:
            yield from _ways(legs, start, other, (*gone, leg))
