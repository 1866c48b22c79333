"""Settings of every test: how many examples, and in which order files are handed out."""

import os
from collections.abc import Generator
from contextlib import nullcontext

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, is_hypothesis_test, settings

from tests.profiles import HOUSE_EXAMPLES, untraced

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
"""What takes long, in this order; the short files follow, so that all workers end together (`--no-loadscope-reorder`)."""


def pytest_configure() -> None:
    """Trace once: in a worker of pytest-xdist pytest-cov begins twice, and what stops the second would go on in the first."""
    begun = Coverage.current()
    if begun is not None and "PYTEST_XDIST_WORKER" in os.environ:
        begun.stop()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Have a worker more than processors: a third of the tests waits for servers most of the time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Trace neither readers, whose coverage is not counted, nor the engine's properties: worlds by hand reach its rules at a third of the cost."""
    drawn = item.nodeid.startswith("tests/engine/") and is_hypothesis_test(getattr(item, "obj", None))
    with untraced() if drawn or item.nodeid.startswith("tests/app/sources/") else nullcontext():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hand out long files first."""
    items.sort(key=lambda item: next((rank for rank, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST)))
