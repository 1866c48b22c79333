"""What results call things, in words: for report, command line and verdict."""

LINE_MEANINGS = {
    "gross": "edge as decided, at marks",
    "slippage": "fills worse (or better) than decided",
    "leg_misses": "what the unequal part of packages cost or brought, unwinding included",
    "fees": "paid to the venues",
    "transfers": "fees of moving funds between venues",
    "peg": "stablecoins traded into, revalued",
    "inventory": "other coins traded into, revalued",
    "hold": "starting balances, revalued: not from trading",
}
FIGURES = (
    ("excess", "excess over holding, at marks", "money"),
    ("excess_return_bps", "on starting equity", "bps"),
    ("annual_return", "annualised return of the excess", "share"),
    ("annual_volatility", "annualised volatility", "share"),
    ("sharpe", "Sharpe ratio", "ratio"),
    ("sortino", "Sortino ratio", "ratio"),
    ("calmar", "Calmar ratio", "ratio"),
    ("max_drawdown", "largest drawdown", "money"),
    ("max_drawdown_s", "its length", "duration"),
    ("turnover", "turnover", "money"),
    ("peak_capital", "most tied up at one time", "money"),
    ("breakeven_bps", "further cost that would take it all", "bps"),
    ("mean_edge_bps", "mean net edge when decided", "bps"),
    ("hit_rate", "packages that paid", "share"),
    ("miss_rate", "packages with a leg missed, whole or in part", "share"),
    ("markout_short_bps", "mid moved our way 1 s (bars: 1) after fills", "bps"),
    ("markout_medium_bps", "5 s (bars: 5) after", "bps"),
    ("markout_long_bps", "60 s (bars: 15) after", "bps"),
    ("mean_age_s", "mean age of what was decided on", "seconds"),
    ("median_episode_s", "median length of episodes", "seconds"),
    ("outlast_rate", "episodes that outlast the orders' latency", "share"),
)
"""Metrics in the order in which they are shown: name, label, kind."""

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

SENT_AS = {"spatial": "a sell and a buy each", "triangular": "the steps of a cycle each"}
"""What a package of a strategy is made of."""

STOPS = {"drawdown": "the drawdown", "misses": "packages missed in a row"}
"""What a limit that stopped a run was on."""

STRESS = {
    "latencies_doubled": "all latencies twice as long",
    "worse_tier": "the next worse fee tier at every venue",
    "shares_halved": "half of the size that counts as ours",
}
"""The worse conditions under which a run is walked again, in the order in which they are shown."""
