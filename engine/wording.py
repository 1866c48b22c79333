"""What results call things, in words: for report, command line and verdict."""

from engine.strategies.registry import STRATEGIES

LINE_MEANINGS = {
    "gross": "edge as decided, at marks",
    "slippage": "fills worse (or better) than decided",
    "leg_misses": "what the unequal part of packages cost or brought, unwinding included",
    "fees": "paid to the venues",
    "gas": "burnt by swaps, filled or reverted",
    "transfers": "fees of moving funds between venues",
    "funding": "received for holding the perpetual; below 0 paid",
    "variation": "the position in the perpetual, revalued: while legs are equal, against inventory",
    "redemption": "what the issuer's desk paid, less what the coins were worth at market then",
    "peg": "stablecoins traded into, revalued",
    "inventory": "other coins traded into, revalued",
    "hold": "starting balances, revalued: not from trading",
}
FIGURES = (
    ("excess", "excess over holding, at marks", "money", "what the run is worth at the end beyond its starting balances left alone"),
    ("excess_return_bps", "on starting equity", "bps", "the excess as a share of what the run began with; 100 bps are 1 %"),
    ("annual_return", "annualised return of the excess", "share", "that share, had the whole year been like this run"),
    ("annual_volatility", "annualised volatility", "share", "how much the excess swings from period to period, scaled to a year"),
    ("sharpe", "Sharpe ratio", "ratio", "annual return for each unit of swing; from few periods it says little"),
    ("sortino", "Sortino ratio", "ratio", "the same, counting only swings downwards"),
    ("calmar", "Calmar ratio", "ratio", "annual return for each unit of the largest drawdown"),
    ("max_drawdown", "largest drawdown", "money", "the deepest fall of the excess from an earlier high"),
    ("max_drawdown_s", "its length", "duration", "from that high until it was reached again, or the end"),
    ("turnover", "turnover", "money", "all that was paid and received in fills, buys and sells added up"),
    ("peak_capital", "most tied up at one time", "money", "what orders had reserved and transfers had under way, at the worst moment"),
    ("breakeven_bps", "further cost that would take it all", "bps", "of turnover: below 0 the excess is a loss already"),
    ("mean_edge_bps", "mean edge when decided", "bps", "what packages promised after fees, before anything went wrong"),
    ("hit_rate", "packages that paid", "share", "that were above 0 after slippage, missed legs and fees"),
    ("miss_rate", "packages with a leg missed, whole or in part", "share", "where less was filled than was planned, so that the legs were not equal"),
    ("markout_short_bps", "mid moved our way 1 s (bars: 1) after fills", "bps", "below 0 the market moved against us: we met those who knew more"),
    ("markout_medium_bps", "5 s (bars: 5) after", "bps", "the same, later"),
    ("markout_long_bps", "60 s (bars: 15) after", "bps", "the same, later still"),
    ("mean_age_s", "mean age of what was decided on", "seconds", "how old the prices were, by the venue's clock, when we decided"),
    ("median_episode_s", "median length of episodes", "seconds", "half of all episodes were over by then"),
    ("outlast_rate", "episodes that outlast the orders' latency", "share", "the others were gone before an order could have arrived"),
)
"""Metrics in the order in which they are shown: name, label, kind, and what it means to somebody who sees it for the first time."""

FLAGS = {"synthetic": "SYNTHETIC DATA: invented prices, no market", "indicative": "INDICATIVE: not from recorded quotes alone"}
"""What stands before the verdict where the summary says so."""

PASSED_OVER = {
    "alarm": "beyond what an edge can be",
    "stopped": "after a stop",
    "halted": "while a currency was off par",
    "residual": "with too much left of unequal legs",
    "cool_down": "within the cool-down",
    "no_volume": "without volume",
    "no_funds": "without funds",
    "below_minimum": "below the minimum",
    "venue_limit": "at a venue's limit",
    "asset_limit": "at a currency's limit",
}
"""What became of an opportunity that was not sent, in words."""

NAMES = {kind: strategy.names for kind, strategy in STRATEGIES.items()}
"""What a strategy calls its figures."""


def meanings_of(strategy: str) -> dict[str, str]:
    """Return what the lines of the attribution mean in a run of a strategy."""
    return LINE_MEANINGS | {"gross": NAMES[strategy].gross_means}


def figures_of(strategy: str) -> tuple[tuple[str, str, str, str], ...]:
    """Return the metrics of a run of a strategy, as `FIGURES`, by its own words, without what means nothing there."""
    named = NAMES[strategy]
    own = {"mean_edge_bps": (f"mean {named.edge} when decided", named.edge_means), "miss_rate": (named.missed, named.missed_means)}
    shown = [figure for figure in FIGURES if named.pays or figure[0] != "hit_rate"]
    return tuple((name, *((own[name][0], kind, own[name][1]) if name in own else (label, kind, meaning))) for name, label, kind, meaning in shown)


STOPS = {"drawdown": "the drawdown", "misses": "packages missed in a row"}
"""What a limit that stopped a run was on."""

STRESS = {
    "latencies_doubled": "all latencies twice as long",
    "worse_tier": "the next worse fee tier at every venue",
    "shares_halved": "half of the size that counts as ours",
}
"""The worse conditions under which a run is walked again, in the order in which they are shown."""

NOT_MODELLED = (
    "Bars are not quotes: depth, queues and the path inside a bar are unknown, and the half-spread is an assumption of the spec.",
    "No market impact beyond what we take at a price until it changes; nobody reacts to us.",
    "No maker fills, no borrowing; nothing is sold short but a perpetual.",
    "Outages, suspensions and fee changes that the spec does not name; the insolvency of a venue.",
    "Trading back at the end meets the best bid or ask, whatever its size.",
)
"""What no run knows, whatever its spec says."""
