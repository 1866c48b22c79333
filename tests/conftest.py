"""Settings of every test: how many examples, what is traced for coverage, and in which order files are handed out."""

import re

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.detection import is_hypothesis_test

from tests.profiles import HOUSE_EXAMPLES

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("house", calm, max_examples=HOUSE_EXAMPLES, derandomize=True)
settings.register_profile("long", calm, max_examples=20 * HOUSE_EXAMPLES)
settings.load_profile("house")

# A session has one set of servers, so they are registered once, here.
pytest_plugins = ["tests.market_data", "tests.servers", "tests.editions.servers", "tests.s3"]

FIRST = (
    "tests/engine/test_kernel_equals_oracle.py",  # compiles the path, while the other worker has what needs no kernel
    "tests/app/ops/",
    "tests/app/db/",
    "tests/app/sources/",
    "tests/engine/sweep/",  # compiles the trials
    "tests/e2e/",
    "tests/engine/test_invariants_",
    "tests/app/jobs/",
    "tests/engine/test_model_",
)
"""What takes long, in this order; the short files follow, so that the workers end together (`--no-loadscope-reorder`)."""

WORLDS = re.compile(r"tests/engine/test_\w+\.py::")
"""Where whole worlds are drawn; the folders beside these files draw numbers."""


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark below where pytest-cov is not loaded: the list of mutations runs without it."""
    config.addinivalue_line("markers", "no_cover: a test without coverage (pytest-cov's own)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hand out long files first, and do not trace the engine on drawn worlds.

    A line that only a drawn world reaches has no test that names it, so coverage counts without them; and tracing made them
    four times as slow.
    """
    items.sort(key=lambda item: next((rank for rank, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST)))
    for item in items:
        if WORLDS.match(item.nodeid) and is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("no_cover")
