"""The further cost at which nothing is left."""

import pytest

from engine.statistics.breakeven import breakeven_bps


def test_it_is_excess_over_turnover() -> None:
    # 12.50 left of 50,000: 2.5 bps; what is lost already is below 0
    assert breakeven_bps(12.5, 50_000.0) == pytest.approx(2.5)
    assert breakeven_bps(-12.5, 50_000.0) == pytest.approx(-2.5)
    assert breakeven_bps(12.5, 0.0) is None
