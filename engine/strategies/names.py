"""What results call the figures of a strategy, for report and command line: those of an arbitrage, unless a strategy has others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Words of one strategy; a bet has no edge, and no package of it pays by itself."""

    package: str
    """What a package is made of."""
    edge: str = "edge"
    """What a package is decided on [bps]."""
    edge_means: str = "what packages promised after fees, before anything went wrong"
    gross: str = "gross edge"
    """The first line of the attribution."""
    gross_means: str = "edge as decided, at marks"
    chances: str = "Times with an edge"
    """The opportunities."""
    chance: str = "times at which two venues were far enough apart to pay for all fees"
    lasts: str = "how long an edge lasts"
    """What the lengths of episodes say."""
    stands: str = "one pair had an edge after fees"
    """What goes on in an episode."""
    missed: str = "packages with a leg missed, whole or in part"
    missed_means: str = "where less was filled than was planned, so that the legs were not equal"
    pays: bool = True
    """Whether a package by itself gains or loses; of a bet only buying and selling together do."""
