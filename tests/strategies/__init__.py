"""Hypothesis strategies that the engine's tests share: small random worlds, a spec and the data that it runs on."""

from tests.strategies.basis import basis_of, basis_worlds
from tests.strategies.cycles import cycle_worlds, cycles_of
from tests.strategies.dirt import dirty_world_of, dirty_worlds
from tests.strategies.pegs import any_worlds, peg_of, peg_worlds
from tests.strategies.special import bystanders, flat_cycles, flat_markets, free_books, free_pairs, peg_walks, price_columns, size_columns
from tests.strategies.world import DAY, EPOCH_US, LEVEL_COLUMNS, MINUTE, PRICES, SECOND, QuoteRow, World, frame, iso, quote_frame, scaled
from tests.strategies.worlds import month_of, months, unmarked_worlds, world_of, worlds

__all__ = [
    "DAY",
    "EPOCH_US",
    "LEVEL_COLUMNS",
    "MINUTE",
    "PRICES",
    "SECOND",
    "QuoteRow",
    "World",
    "any_worlds",
    "basis_of",
    "basis_worlds",
    "bystanders",
    "cycle_worlds",
    "cycles_of",
    "dirty_world_of",
    "dirty_worlds",
    "flat_cycles",
    "flat_markets",
    "frame",
    "free_books",
    "free_pairs",
    "iso",
    "month_of",
    "months",
    "peg_of",
    "peg_walks",
    "peg_worlds",
    "price_columns",
    "quote_frame",
    "scaled",
    "size_columns",
    "unmarked_worlds",
    "world_of",
    "worlds",
]
