"""The figures of a result as the schema shows them: metrics, where the money came from, counts, what the data was like."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

import strawberry

from app.api.markets import SeriesData
from app.api.scalars import Amount, amount
from app.api.types import field
from engine.report import QUALITY_COLUMNS
from engine.wording import STRESS


@strawberry.type(description="One number that the run is judged by; docs/model.md says what each means.")
class Metric:
    """A metric by its name."""

    name: str = field(description="Its name, with its unit where it has one: `max_drawdown_bps`.")
    value: float | None = field(description="Its value; null where it is not defined, such as a ratio without trades.")


@strawberry.type(description="One line of the explanation of the change of equity; the lines sum to it.")
class AttributionLine:
    """A line of the attribution."""

    line: str = field(description="gross, slippage, leg_misses, fees, gas, transfers, funding, variation, redemption, peg, inventory or hold.")
    amount: float = field(description="Its part of the change, in the numeraire.")


@strawberry.type(description="How many of what the run saw and did.")
class Counts:
    """Opportunities, packages, orders, and what was dropped for which reason."""

    opportunities: int = field(description="Times at which a pair's edge reached the threshold on a new observation.")
    episodes: int = field(description="Unbroken stretches of such times of a pair.")
    packages: int = field(description="Pairs of orders that were sent.")
    residual_orders: int = field(description="Orders sent to trade away what unequal legs left; they count as fills or missed, too.")
    fills: int = field(description="Orders that traded.")
    partial: int = field(description="Orders that traded a part of their quantity.")
    missed: int = field(description="Orders that traded nothing, for the four reasons that follow.")
    missed_limit: int = field(description="Orders that missed because the price had moved past their limit.")
    missed_volume: int = field(description="Orders that missed because what was left for us was less than a lot.")
    missed_no_trade: int = field(description="Orders that missed because no bar with volume came in time.")
    missed_absent: int = field(description="Orders that missed because the venue showed no price then, or none that could be trusted.")
    open: int = field(description="Orders still under way when the run ended.")
    transfers: int = field(description="Transfers between venues that were requested.")
    alarms: int = field(description="Opportunities beyond what an edge can be: a fault of the data, and not traded.")
    dropped_stopped: int = field(description="Opportunities passed over after a limit had stopped trading for good.")
    dropped_halted: int = field(description="Opportunities passed over while a guarded currency was off par.")
    dropped_residual: int = field(description="Opportunities passed over because too much was left of unequal legs.")
    dropped_cool_down: int = field(description="Opportunities passed over within the cool-down after a package.")
    dropped_no_volume: int = field(description="Opportunities passed over because too little was offered.")
    dropped_no_funds: int = field(description="Opportunities passed over because a wallet was empty.")
    dropped_below_minimum: int = field(description="Opportunities passed over because the order would have been below the least notional.")
    dropped_venue_limit: int = field(description="Opportunities passed over because too much was under way at a venue.")
    dropped_asset_limit: int = field(description="Opportunities passed over because too much of a currency was held.")


@strawberry.type(description="What one check found in a series.")
class QualityCheck:
    """A check and its count."""

    name: str = field(description="The check, as docs/model.md names it: crossed, gaps, no_trade.")
    count: int = field(description="How many rows or times it found.")


@strawberry.type(description="What the data of one series was like in the run's window.")
class SeriesQuality:
    """Rows, ends and checks of a series."""

    venue: str = field(description="The venue's name.")
    instrument: str = field(description="The instrument's name, BASE/QUOTE.")
    data: SeriesData = field(description="What the rows are.")
    rows: int = field(description="Rows read.")
    longest_gap_s: float = field(description="The longest stretch without an observation, in seconds, the window's ends included.")
    first: datetime | None = field(description="Time of the first row; null where there is none.")
    last: datetime | None = field(description="Time of the last row; null where there is none.")
    checks: list[QualityCheck] = field(description="What the checks found, those that found nothing with 0.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return a row of the summary's `quality`; earlier versions knew bars only."""
        times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in ("first", "last")}
        counts = [QualityCheck(name=name, count=count) for name, count in row.items() if name not in {*QUALITY_COLUMNS, "bars"}]
        kind, rows = SeriesData(row.get("data", "bars")), row.get("rows", row.get("bars"))
        return cls(**{name: row[name] for name in ("venue", "instrument", "longest_gap_s")} | times, data=kind, rows=rows, checks=counts)


@strawberry.type(description="What trading back to the starting balances at the end would bring.")
class TradeBack:
    """The difference to marks."""

    amount: float = field(description="The difference to what is held at marks, in the numeraire; negative where it costs.")
    excess: float = field(description="The excess after it, which the verdict tells, in the numeraire.")
    at_mark: list[str] = field(description="Currencies that count at their mark, since nothing in view at the end trades them.")


@strawberry.type(description="What the run would have come to where one of its conditions was worse.")
class StressCase:
    """A condition and the excess under it."""

    name: str = field(description="latencies_doubled, worse_tier or shares_halved.")
    description: str = field(description="The condition in words.")
    excess: float = field(description="The excess at marks, in the numeraire.")

    @classmethod
    def all_of(cls, stress: Mapping[str, float]) -> list[Self]:
        """Return those that were walked, in their order."""
        return [cls(name=name, description=words, excess=stress[name]) for name, words in STRESS.items() if name in stress]


@strawberry.type(description="A limit that stopped trading for good.")
class Stop:
    """When, and which."""

    at: datetime = field(description="When.")
    why: str = field(description="drawdown or misses.")


@strawberry.type(description="A stablecoin that left its peg or came back, by the depeg guard.")
class GuardEvent:
    """When, and what."""

    at: datetime = field(description="The tick.")
    currency: str = field(description="The stablecoin.")
    state: str = field(description="off or back.")


@strawberry.type(description="What lay in a wallet at the start and lies there at the end.")
class WalletBalance:
    """A currency at a venue."""

    venue: str = field(description="The venue's name.")
    currency: str = field(description="The currency.")
    start: Amount = field(description="What lay there at the start.")
    free: Amount = field(description="What can be used at the end.")
    reserved: Amount = field(description="What orders that are open at the end hold.")
    pending: Amount = field(description="What we had not learned of by the end.")
    in_flight: Amount = field(description="What is on its way there at the end.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return a row of the summary's `balances`."""
        exact = {name: amount(row[name]) for name in ("start", "free", "reserved", "pending", "in_flight")}
        return cls(venue=row["venue"], currency=row["currency"], **exact)


@strawberry.type(description="What the packages of one combination of legs brought, in the numeraire.")
class CombinationLines:
    """The trade lines of a combination."""

    legs: str = field(description="What each package was to sell and to buy, and where: `sell kraken BTC/USDC, buy coinbase BTC/USD`.")
    packages: int = field(description="How many it sent.")
    gross: float = field(description="Edge as decided, at marks.")
    slippage: float = field(description="Fills worse (or better) than decided.")
    leg_misses: float = field(description="What the unequal part of packages cost or brought.")
    fees: float = field(description="Paid to the venues.")
    gas: float = field(default=0.0, description="Burnt by swaps, filled or reverted.")
    pnl: float = field(description="All of these together.")


@strawberry.type(description="What the orders on one leg brought, in the numeraire.")
class LegLines:
    """The trade lines of a leg."""

    venue: str = field(description="The venue's name.")
    instrument: str = field(description="The instrument's name, BASE/QUOTE.")
    orders: int = field(description="Orders sent.")
    fills: int = field(description="Orders that traded.")
    turnover: float = field(description="What changed hands.")
    gross: float = field(description="Edge as decided, at marks.")
    slippage: float = field(description="Fills worse (or better) than decided.")
    leg_misses: float = field(description="What the unequal part of packages cost or brought.")
    fees: float = field(description="Paid to the venues.")
    gas: float = field(default=0.0, description="Burnt by swaps, filled or reverted.")


@strawberry.type(description="What nobody sees from the orders of a perpetual: what is open at the end, what was paid on it, what the venue closed.")
class PerpetualFigures:
    """The summary's `perpetual`."""

    instrument: str = field(description="Venue and name of the perpetual.")
    position: float = field(description="What is open at the end, in base currency: below 0 sold.")
    largest: float = field(description="The largest position of the run, whichever way, in base currency.")
    funding_payments: int = field(description="Payments of funding that were made on the position.")
    funding_received: float = field(description="What they brought, in quote currency.")
    funding_paid: float = field(description="What they cost, in quote currency.")
    liquidations: int = field(description="Orders by which the venue closed the position, or a part of it.")
    lacking: float = field(description="What the margin wallet did not have when it was due, in quote currency.")


@strawberry.type(description="What the run comes to at another size: balances, sizes and limits of amount multiplied.")
class SizePoint:
    """A row of the summary's `capacity`."""

    scale: float = field(description="By how much everything is multiplied; 1 is the run itself.")
    excess: float = field(description="Excess at marks, in the numeraire.")
    after_trading_back: float = field(description="Excess after trading back to the starting balances, in the numeraire.")
