"""The one sentence that says how a bet on a peg went, and what decided it; in bps of turnover, from the attribution."""

from collections.abc import Mapping
from dataclasses import dataclass

_TRADING = ("gross", "slippage", "leg_misses", "fees", "transfers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bet:
    """What a headline is made from; amounts in the numeraire, coins in units."""

    coin: str
    lines: Mapping[str, float]  # the attribution
    turnover: float  # sum of |flow| of all fills, above 0
    back: float  # what trading back to the starting balances brings
    indicative: bool  # whether anything but recorded quotes was used
    held: float  # coins beyond the starting balances at the end, what the desk has not paid for included
    at_desk: float  # of these, what is on its way to the desk, or there

    @property
    def price(self) -> float:
        """What the prices of the coin, and of what it was bought with, brought while it was held."""
        return self.lines["peg"] + self.lines["inventory"]

    @property
    def redemption(self) -> float:
        """What the desk paid beyond the market."""
        return self.lines.get("redemption", 0.0)

    @property
    def trading(self) -> float:
        """What buying, selling and moving brought at marks, after all costs."""
        return sum(self.lines[name] for name in _TRADING)

    @property
    def result(self) -> float:
        """What the run earned after trading back."""
        return self.price + self.redemption + self.trading + self.back

    def bps(self, amount: float) -> str:
        """Return an amount in bps of turnover, with its sign."""
        return f"{1e4 * amount / self.turnover:+z,.1f}"


def headline(bet: Bet) -> str:
    """Return the sentence.

    Notes
    -----
    A bet is no arbitrage, whatever it won: nothing but the peg, and a desk that pays, bound the price to come back. The sentence says so, and
    tells the price of the coin, redemption at par, trading after all costs, and trading back apart.
    """
    word = "won" if bet.result > 0 else "lost"
    redeemed = f", redemption at par {bet.bps(bet.redemption)}" if "redemption" in bet.lines else ""
    made = f"the price of {bet.coin} {bet.bps(bet.price)}{redeemed}, trading {bet.bps(bet.trading)}, trading back {bet.bps(bet.back)}"
    how = ", indicatively" if bet.indicative else ""
    return f"A bet on the peg, no arbitrage, {word}{how}: {bet.bps(bet.result)} bps of turnover ({made})."


def remainder(bet: Bet) -> list[str]:
    """Return a sentence about what is still held, if anything is."""
    waiting = f", {bet.at_desk:,.2f} of them unpaid at the desk or on the way there" if round(bet.at_desk, 2) > 0 else ""
    return [f"{bet.held:,.2f} {bet.coin} are still held{waiting}."] if round(bet.held, 2) > 0 else []
