"""What counts and words mean, for somebody who has never seen the system."""

from collections.abc import Mapping

from engine.wording import NAMES

COUNTS = (
    ("opportunities", "opportunities", "times at which something could be sent"),
    ("episodes", "episodes", "unbroken stretches of such times of one pair or cycle; each counts once"),
    ("packages", "packages sent", "what was decided together"),
    ("fills", "orders filled", "that traded, whole or in part"),
    ("partial", "of them in part", "that traded less than was planned"),
    ("missed", "orders missed", "that traded nothing"),
    ("missed_limit", "missed by price", "the price had moved beyond the order's limit when it arrived"),
    ("missed_volume", "missed by size", "what was left for us was less than the smallest tradable quantity"),
    ("missed_no_trade", "missed by silence", "no bar with volume came in time"),
    ("missed_absent", "missed by absence", "the venue showed no price then, or none to be trusted"),
    ("open", "orders open at the end", "the run ended before they did"),
    ("residual_orders", "residual orders", "sent to trade away what unequal legs had left"),
    ("transfers", "transfers", "of funds between venues"),
)
"""Name in the summary, label, and meaning, in the order in which they are shown."""

PERPETUAL_COUNTS = (
    ("funding_payments", "funding payments", "made on the position in the perpetual, to us or by us"),
    ("liquidations", "liquidations", "times that the venue closed the position, as the margin wallet no longer held it"),
)
"""The same of the perpetual of a run that has one."""

LINES = {
    "leg_misses": "missed legs",
    "variation": "variation: the position revalued",
    "redemption": "redemption at par",
    "peg": "peg: stablecoins revalued",
    "inventory": "inventory: coins revalued",
}
"""Lines of the attribution that are called otherwise here."""

WORDS = {
    "bps": "a hundredth of a per cent: 1 bps of 10,000 USD is 1 USD",
    "bps of turnover": "of all that was bought and sold together; a package is two legs, so 1 bps of turnover is 2 bps of what one leg moved",
    "venue": "an exchange, or any place with an account",
    "pair": "two markets: one to sell at, one to buy at",
    "leg": "one of the two orders of a package; also the market that it goes to",
    "package": "one sell and one buy, decided together",
    "edge": "what a package promises: what selling brings over what buying costs, after both fees",
    "gross": "the same before fees, with every currency at what it is worth",
    "mark": "what a unit of a currency is worth, the median over venues",
    "position": "coins that a bet on a peg bought and has not sold or redeemed yet",
    "redemption": "giving a stablecoin back to its issuer, whose desk pays a dollar for it, less a fee, when it is open",
    "peg": "that a stablecoin is worth a dollar, which it need not be",
    "hold": "the starting balances, left alone",
    "excess": "what the run is worth beyond that; what prices do to the starting balances is not in it",
    "trading back": "selling at the end what is held beyond the start and buying what lacks, so that nothing is left to hope",
    "residual": "what is left where one leg of a package filled more than the other",
    "indicative": "not from recorded quotes alone, so a hint and no proof",
}
"""The words of the page."""

SWEEP_WORDS = {
    "trial": "one backtest with one set of parameters",
    "Sharpe ratio": "return for each unit of swing; of many trials the best has a high one by luck alone",
    "deflated Sharpe ratio": "how sure one can be that the best trial's Sharpe ratio is above what the luckiest of as many trials without skill has",
    "PBO": "probability of backtest overfitting: of all ways to take half of the time, the share in which what was best there is below the middle "
    "in the other half",
    "walk forward": "choosing the best trial on a stretch of the past, again and again, and earning what it earns on the stretch that follows",
    "bootstrap": "the run's own periods drawn again in blocks, many times, to see how far the result depends on a few of them",
    "neighbourhood": "the trials whose parameters are next to those of the best",
    **{word: WORDS[word] for word in ("bps", "excess", "trading back", "package", "indicative")},
}
"""The words of the page of a sweep."""

_OPTIONAL = ("gas", "transfers")  # lines that are shown only where there is something


def names_of(strategy: str) -> dict[str, str]:
    """Return the lines of the attribution that are called otherwise on the page of a strategy."""
    return LINES | {"gross": NAMES[strategy].gross}


def shown_lines(lines: Mapping[str, float]) -> dict[str, float]:
    """Return the lines of the attribution that a page shows."""
    return {line: amount for line, amount in lines.items() if line != "hold" and (amount or line not in _OPTIONAL)}


def steps_of(lines: Mapping[str, float], strategy: str) -> list[tuple[str, float]]:
    """Return the lines of the attribution as the waterfall of a strategy's page names them."""
    named = names_of(strategy)
    return [(named.get(line, line), amount) for line, amount in shown_lines(lines).items()]
