"""What the events of a run come to: the tables that figures are taken from, those of a summary and those of a trial's row alike."""

from dataclasses import dataclass

import polars as pl

from engine import attribution, ledger, trading_back
from engine.attribution import FillLines
from engine.config import Spec
from engine.events import Path
from engine.ledger import Holding
from engine.panel import Panel
from engine.trading_back import TradeBack


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The books of a run."""

    path: Path
    lines: FillLines
    held: list[Holding]
    packages: pl.DataFrame  # (engine.attribution.packages_table)
    equity: pl.DataFrame  # (engine.ledger.equity)
    attribution: dict[str, float]
    trade_back: TradeBack

    @property
    def excess(self) -> float:
        """Equity less hold at the end, at marks [numeraire]."""
        return float(self.equity["excess"][-1])


def accounts(spec: Spec, path: Path, seen: Panel) -> Accounts:
    """Return the books of what happened.

    Parameters
    ----------
    spec, path, seen : Spec, Path, Panel
        The run, its events, and the prices that mark them.
    """
    held, lines = ledger.holdings(spec, path), attribution.fill_lines(spec, path, seen.marks)
    return Accounts(
        path=path,
        lines=lines,
        held=held,
        packages=attribution.packages_table(spec, path, lines),
        equity=ledger.equity(held, seen.marks, open_value=ledger.open_values(spec, path, seen.marks)),
        attribution=attribution.attribute(spec, path, lines, held=held, marks=seen.marks),
        trade_back=trading_back.trade_back(spec, path, seen, held),
    )
