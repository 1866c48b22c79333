"""What a world trades, and when: currencies, instruments, the window of its run, and what everything is worth in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from engine.schema import SeriesKey
from tests.strategies.tape import Tape
from tests.strategies.world import DAY, EPOCH_US, MINUTE, SECOND, scaled

Data = Literal["bars", "quotes", "quote_bars"]

VENUES = ("alfa", "bravo", "charlie", "delta")
COIN_PRICES = {"BTC": 100.0, "SHIB": 0.0001, "GOLD": 1_000_000.0, "BNB": 100.0, "ETH": 5.0}
"""Ticks, lots, volumes and balances of a coin go with its price: amounts here are those of one that costs 100."""
FEE_ASSET = "BNB"
CURRENCIES = (
    ("USD", ["USD"]),
    ("USD", ["USD", "USDC"]),
    ("USD", ["USDC"]),
    ("USDC", ["USD", "USDC"]),
    ("USD", ["USD", "USDC", "USDT"]),
)
OTHERS: dict[Data, tuple[Data, ...]] = {
    "bars": ("bars", "bars", "bars", "quote_bars"),
    "quotes": ("quotes", "quotes", "quotes", "quotes", "bars", "quote_bars"),
    "quote_bars": ("quote_bars", "quote_bars", "bars"),
}
"""What conversions and marks are made of beside legs of one kind."""
TICKS, COIN_TICKS = ("0.0001", "0.00001"), ("0.01", "0.01", "0.05", "0.03", "0.1")
RECORDED_TICKS = ("0.01", "0.01", "0.01", "0.01", "0.01", "0.05")
"""Quotes are recorded in cents; on a coarser tick an order without tolerance would miss them."""
LOTS = ("0.001", "0.00000001", "0.001", "0.002", "0.003", "0.04")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a world runs, on what clock, and from when to when its data goes [µs]."""

    data: Data
    start: int
    end: int
    clock: int
    interval: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What is traded, what it is counted in, and what is assumed at par."""

    numeraire: str
    base: str
    par: list[str]
    instruments: list[dict[str, object]]

    @property
    def legs(self) -> list[tuple[str, str]]:
        """Venue and name of what is traded."""
        return [(str(i["venue"]), str(i["name"])) for i in self.instruments if i["use"] == "trade"]

    @property
    def venues(self) -> list[str]:
        """The names of the venues that have an instrument, sorted."""
        return sorted({str(i["venue"]) for i in self.instruments})

    @property
    def marks_fee_asset(self) -> bool:
        """Whether fees may be charged in the fee asset."""
        return any(str(i["name"]).startswith(FEE_ASSET) for i in self.instruments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a coin and a stablecoin are worth from one step to the next, against what they cost at first."""

    first: int
    step: int
    level: list[float]
    peg: list[float]

    def of(self, key: SeriesKey, t: int) -> float:
        """Return the fair price of an instrument at a time."""
        n = min(max((t - self.first) // self.step, 0), len(self.level) - 1)
        return fair(key, self.level[n], self.peg[n])


def fair(key: SeriesKey, level: float, peg: float) -> float:
    """Return the price that follows from a level of all coins and a USDC worth so much (a USDT the other way)."""
    worth = {**{coin: price * level for coin, price in COIN_PRICES.items()}, "USD": 1.0, "USDC": peg, "USDT": 2 - peg}
    return worth[key.base] / worth[key.quote]


def unit(key: SeriesKey) -> float:
    """Return the quantity of the base that is worth as much as one of a coin that costs 100."""
    return 100 / COIN_PRICES.get(key.base, 1.0)


def price_of(name: str) -> float:
    """Return what an instrument costs at first."""
    base, _, quote = name.partition("/")
    return COIN_PRICES.get(base, 1.0) / COIN_PRICES.get(quote, 1.0)


def windows(tape: Tape, data: Data, *, most: int, midnight: bool) -> Window:
    """Draw the time of a run of some observations, across midnight or within an hour."""
    if data == "quotes":
        interval, clock = tape.pick((10, 20, 60)) * SECOND, tape.pick((20, 10, 5, 60)) * SECOND
        length, lead = max(tape.number(8, most) * 3 * SECOND // clock, 1) * clock, 30 * SECOND
        start = EPOCH_US + (DAY - max(length // 2 // clock, 1) * clock if midnight else 60 * MINUTE)
        return Window(data=data, start=start, end=start + length, clock=clock, interval=interval, first=start - lead, last=start + length)
    interval = tape.pick((MINUTE, MINUTE, MINUTE, MINUTE // 2, 5 * MINUTE, 10 * MINUTE))
    clock = tape.pick((60, 60, 30, 20)) * SECOND
    count = tape.number(5, most)
    length = max(count * interval // MINUTE, 1) * MINUTE
    whole = max(interval, MINUTE)  # the last bar before the start ends a minute before it at most
    start = EPOCH_US + (DAY - max(length // 2 // whole, 1) * whole if midnight else 60 * MINUTE) + (MINUTE if interval > MINUTE else 0)
    before, after = tape.pick((2, 12)), tape.pick((0, 3))
    first = start // interval * interval - before * interval
    last = first + (before + count + after) * interval
    return Window(data=data, start=start, end=start + length, clock=clock, interval=interval, first=first, last=last)


def worths(tape: Tape, window: Window) -> Worth:
    """Draw what coins and stablecoins are worth over a window: still, a walk, or a stablecoin that leaves its peg and may come back."""
    step = max(12 * SECOND, (window.last - window.first) // 250) if window.data == "quotes" else window.interval
    count = (window.last - window.first) // step + 1
    level, peg = (tape.take(count) for _ in range(2))
    return Worth(first=window.first, step=step, level=_walk(level, 0.0005), peg=_walk(peg, tape.pick((0.0005, 0.0005, 0.004))))


def _walk(code: bytes, step: float) -> list[float]:
    # 1 at first; a quarter of the bytes move it by a step or four, up or down
    return list(accumulate(code[1:], lambda value, byte: value + step * {1: 1, 2: -1, 3: 4, 4: -4}.get(byte % 16, 0), initial=1.0))


def markets(tape: Tape, data: Data, *, mixed: bool = True) -> Market:
    """Draw legs of one coin at two to four places, what converts their quotes, and what marks the rest."""
    numeraire, quotes = tape.pick(CURRENCIES)
    foreign = [c for c in quotes if c != numeraire]
    par = tape.some(foreign, 0, 2) if tape.once_in(4) else []
    base = tape.pick(("BTC", "BTC", "BTC", "SHIB", "GOLD"))
    places = [(venue, quote) for venue in VENUES for quote in quotes]
    traded = tape.some(places, 2, 4)
    found = [instruments(tape, venue, f"{base}/{quote}", "trade", data) for venue, quote in traded]
    home = quotes[0] if len({quote for _, quote in traded}) == 1 else numeraire
    other = tape.pick(OTHERS[data]) if mixed else data
    for currency in sorted({quote for _, quote in traded} - {numeraire}):
        uses = ("mark", "convert") if currency in par or home != numeraire else ("convert",)
        found += links(tape, currency, numeraire, uses, other)
    if tape.once_in(3):
        found.append(instruments(tape, tape.pick(VENUES), f"{FEE_ASSET}/{numeraire}", "mark", other))
    return Market(numeraire=numeraire, base=base, par=par, instruments=found)


def instruments(tape: Tape, venue: str, name: str, use: str, data: Data) -> dict[str, object]:
    """Draw the terms of an instrument."""
    price, (base, _, quote) = price_of(name), name.partition("/")
    form: dict[str, object] = {
        "venue": venue,
        "name": name,
        "use": use,
        "data": data,
        "tick": tape.pick(TICKS) if price == 1 else scaled(tape.pick(COIN_TICKS if data == "bars" else RECORDED_TICKS), price / 100),
        "lot": scaled(tape.pick(LOTS), 100 / COIN_PRICES.get(base, 1.0)),
        "min_notional": scaled(tape.pick(("0", "0.5", "0", "0", "0", "0", "0", "5")), 1 / COIN_PRICES.get(quote, 1.0)),
    }
    if data == "bars":
        return {**form, "half_spread_bps": tape.pick((0.0, 0.5, 1.0, 3.3))}
    ages = (None, None, "1s", "3s", "30s") if data == "quotes" else (None, None, None, "90s")
    age = tape.pick(ages)
    return form if age is None else {**form, "max_age": age}


def on_channels(tape: Tape, terms: list[dict[str, object]]) -> list[dict[str, object]]:
    """Draw the venues all of whose quotes come by one channel, and name it."""
    quoted = [i["venue"] for i in terms if i["data"] == "quotes"]
    shared = {venue for venue in sorted(set(map(str, quoted))) if quoted.count(venue) > 1 and tape.once_in(2)}
    return [{**i, "channel": "one"} if i["data"] == "quotes" and i["venue"] in shared else i for i in terms]


def links(tape: Tape, foreign: str, numeraire: str, uses: Sequence[str], data: Data) -> list[dict[str, object]]:
    """Draw instruments of a foreign currency against the numeraire."""
    places = tape.some(VENUES, 1, 2)
    names = (f"{foreign}/{numeraire}", f"{foreign}/{numeraire}", f"{numeraire}/{foreign}")
    linking = [instruments(tape, venue, tape.pick(names), uses[-1], data) for venue in places]
    return [{**link, "use": tape.pick(uses)} for link in linking]
