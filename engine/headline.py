"""The one sentence that says what became of a run's edge, and which cost decided it; in bps of turnover, from the attribution."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COSTS = {"slippage": "slippage", "leg_misses": "missed legs", "fees": "fees", "gas": "gas", "transfers": "transfers"}
"""The lines that take of the gross edge, in words."""


def gross_of(lines: Mapping[str, float]) -> float:
    """Return what packages promised, at marks, and the funding that a position brought, which is what it is held for."""
    return lines["gross"] + max(lines.get("funding", 0.0), 0.0)


def costs_of(lines: Mapping[str, float]) -> dict[str, float]:
    """Return the lines that take of it, or happen to bring something; gas only where it was burnt, funding where it was paid."""
    paid = min(lines.get("funding", 0.0), 0.0)
    return {name: lines[name] for name in COSTS if name != "gas" or lines[name]} | ({"funding": paid} if paid else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What a headline is made from; amounts in the numeraire."""

    lines: Mapping[str, float]  # the attribution
    turnover: float  # sum of |flow| of all fills, above 0
    back: float  # what trading back to the starting balances brings
    indicative: bool  # whether anything but recorded quotes was used
    stablecoins: Sequence[str]  # whose revaluation is the line `peg`

    @property
    def gross(self) -> float:
        """What packages promised, at marks, and funding that came in."""
        return gross_of(self.lines)

    @property
    def costs(self) -> dict[str, float]:
        """What took of it, by its name in words."""
        return {COSTS.get(name, name): amount for name, amount in costs_of(self.lines).items()}

    @property
    def sure(self) -> float:
        """What was left of it after all that costs took, without what slippage or missed legs happened to bring."""
        return self.gross + sum(min(amount, 0.0) for amount in self.costs.values())

    @property
    def left(self) -> float:
        """The same with what they happened to bring."""
        return self.gross + sum(self.costs.values())

    @property
    def revalued(self) -> float:
        """What became of the coins that were left behind, and of a position."""
        return self.lines["peg"] + self.lines["inventory"] + self.lines.get("variation", 0.0)

    @property
    def result(self) -> float:
        """What the run earned after trading back."""
        return self.left + self.revalued + self.back

    def bps(self, amount: float) -> str:
        """Return an amount in bps of turnover."""
        bps = 1e4 * amount / self.turnover
        if abs(bps) >= 1:
            return f"{bps:,.1f}"
        return f"{bps:.2f}" if abs(bps) >= 0.005 else "under 0.01"


def headline(edge: Edge) -> str:
    """Return the sentence.

    Notes
    -----
    Gross, less slippage, missed legs, fees and transfers, is the edge; what was left behind is revalued after that, and then traded back. The
    sentence names the first of these steps after which nothing is left. Slippage and missed legs that happen to bring something are luck: an
    edge has to be there without them.
    """
    if edge.gross <= 0:
        return f"No edge: what was decided on was worth {edge.bps(edge.gross)} bps of turnover at marks, before any cost{_despite(edge)}."
    if edge.sure <= 0:
        brought = _despite(edge) or (_luck(edge) if edge.left > 0 else "")
        return f"No edge after costs: {_deciding(edge)} of {edge.bps(edge.gross)} bps gross{_funded(edge)}{brought}."
    kept = f"{edge.bps(edge.sure)} of {edge.bps(edge.gross)} bps gross{_funded(edge)} were left after {_costs(edge)}"
    if edge.result > 0 and edge.sure + edge.back > 0:
        return f"Edge after costs{', indicatively' if edge.indicative else ' on recorded quotes'}: {kept}{_luck(edge)}."
    if edge.left + edge.revalued <= 0:
        return f"An edge, lost again: {kept}, but {_moved(edge)} took {edge.bps(-edge.revalued)}."
    return f"An edge at marks only: {kept}, but trading back to the starting balances takes {edge.bps(-edge.back)}{_despite(edge)}."


def _despite(edge: Edge) -> str:
    # where there is a gain without an edge: what it is
    if edge.result <= 0:
        return ""
    if edge.revalued > 0:
        return f"; the gain is {_moved(edge).rstrip(',')}: a bet, no arbitrage"
    return f"; the gain is luck{_luck(edge).replace(';', ':')}" if _luck(edge) else "; the gain is what trading back above marks brings"


def _luck(edge: Edge) -> str:
    lucky = {words: edge.bps(amount) for words, amount in edge.costs.items() if amount > 0}
    return f"; {_listed([f'{words} happened to bring {bps}' for words, bps in lucky.items()])}" if lucky else ""


def _deciding(edge: Edge) -> str:
    # the largest costs, as many as it takes to use up the gross edge
    costs = sorted(((-amount, words) for words, amount in edge.costs.items() if amount < 0), key=lambda cost: -cost[0])
    needed = 1 + sum(taken < edge.gross for taken in itertools.accumulate(amount for amount, _ in costs))
    return _listed([f"{words} {'' if k else 'took '}{edge.bps(amount)}" for k, (amount, words) in enumerate(costs[:needed])])


def _costs(edge: Edge) -> str:
    return _listed([f"{words} ({edge.bps(-amount)})" for words, amount in edge.costs.items() if amount < 0]) or "no costs"


def _funded(edge: Edge) -> str:
    funding = edge.lines.get("funding", 0.0)
    return f" ({edge.bps(funding)} of it funding)" if funding > 0 else ""


def _moved(edge: Edge) -> str:
    if "variation" in edge.lines:
        return "what was still open, or left behind by unequal legs,"
    if abs(edge.lines["peg"]) < abs(edge.lines["inventory"]):
        return "the revaluation of coins that were left behind"
    return f"the revaluation of {edge.stablecoins[0] if len(edge.stablecoins) == 1 else 'stablecoins'}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
