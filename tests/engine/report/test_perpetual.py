"""What the page of a run says about its perpetual."""

from engine import backtest
from tests.engine.futures import basis, payments
from tests.engine.small import Book


def test_the_page_tells_payments_and_liquidations_and_the_verdict_tells_funding() -> None:
    funding = payments((-60, None, 0.1), (30, None, 0.001), (90, None, 0.001), (900, None, 0.0))
    poor = {"bravo": {"balances": {"USD": "102"}}}
    world = basis(perpetual={5: Book(102.0, 102.0), 65: Book(108.0, 108.0)}, funding=funding, venues=poor)
    result = backtest.run(world.spec, world.data)
    page = result.files()["report.html"].decode()
    assert "times that the venue closed the position" in page
    assert "the position in the perpetual, revalued" in page
    found = result.summary["perpetual"]
    assert isinstance(found, dict)
    assert (found["funding_payments"], found["liquidations"], found["position"], found["largest"]) == (2, 1, 0.0, 10.0)
    assert "+2.10 by funding (2 payments)" in str(result.summary["verdict"])
