"""The further cost at which nothing is left."""


def breakeven_bps(excess: float, turnover: float) -> float | None:
    """Return the further cost that would take the whole excess, the trades left as they were.

    Parameters
    ----------
    excess : float [numeraire]
        Of the run.
    turnover : float [numeraire]
        Sum of what was paid and received.

    Returns
    -------
    float [bps of turnover], below 0 where the excess is; None without turnover.

    Notes
    -----
    1e4 × excess / turnover. Trades that a higher cost would have prevented still count: a strategy with a threshold makes fewer as costs rise, so a
    run that knows of the cost usually bears more.

    References
    ----------
    H. Bessembinder, K. Chan, "The Profitability of Technical Trading Rules in the Asian Stock Markets", Pacific-Basin Finance Journal 3(2-3), 1995:
    the cost of a trade at which the gain over buying and holding is used up, there for round trips, here for each amount that changed hands.
    """
    return 1e4 * excess / turnover if turnover > 0 else None
