"""From what is in view at an instant to the combinations that stand and have news."""

from engine.oracle.edges import net_edge_bps
from engine.oracle.legs import Legs, has_news
from engine.oracle.state import Opportunity, Run


def opportunities_at(run: Run, legs: Legs, t: int) -> list[Opportunity]:
    """Return the combinations that stand and have news at t, best first, ties by their order; keep count of episodes."""
    there = {n: found for n, found in enumerate(run.combinations) if all(step.leg in legs for step in found)}
    edges = {n: net_edge_bps(legs, found, in_cycles=run.spec.strategy.is_listed) for n, found in there.items()}
    standing = {n: edge for n, edge in edges.items() if edge >= run.spec.strategy.threshold_bps}
    run.standing = {n: run.standing.get(n) for n in standing}
    told = {ordinal for ordinal, leg in legs.items() if has_news(run, leg, t)}
    new = [(edge, n) for n, edge in standing.items() if any(step.leg in told for step in there[n])]
    ranked = sorted(new, key=lambda found: (-found[0], found[1]))
    return [Opportunity(at=t, combination=n, edge_bps=edge, episode=episode_of(run, n)) for edge, n in ranked]


def episode_of(run: Run, combination: int) -> int:
    """Return the number of a standing combination's episode, which begins here if it had no opportunity since it stands."""
    number = run.standing[combination]
    if number is None:
        number = run.standing[combination] = run.episodes
        run.episodes += 1
    return number
