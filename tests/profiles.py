"""How many examples a property is tried on: so many in the profile `house`, and as many times more as another profile asks for."""

from hypothesis import settings

HOUSE_EXAMPLES = 100
"""What `max_examples` is in the profile `house`; `pytest --hypothesis-profile=long` takes twenty times as many."""


def examples(count: int) -> settings:
    """Return settings for a property that the profile `house` tries on so many examples."""
    return settings(max_examples=max(count * settings().max_examples // HOUSE_EXAMPLES, 1))
