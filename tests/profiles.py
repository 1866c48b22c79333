"""How many examples a property is tried on: so many in the profile `house`, and as many times more as another profile asks for."""

from collections.abc import Iterator
from contextlib import contextmanager

from coverage import Coverage
from hypothesis import settings

HOUSE_EXAMPLES = 100
"""What `max_examples` is in the profile `house`; `pytest --hypothesis-profile=long` takes twenty times as many."""


def examples(count: int) -> settings:
    """Return settings for a property that the profile `house` tries on so many examples."""
    return settings(max_examples=max(count * settings().max_examples // HOUSE_EXAMPLES, 1))


@contextmanager
def untraced() -> Iterator[None]:
    """Measure no coverage for the length of the block: it draws hundreds of worlds, as properties do, which tracing makes six times as slow."""
    measured = Coverage.current()
    if measured is not None:
        measured.stop()
    try:
        yield
    finally:
        if measured is not None:
            measured.start()
