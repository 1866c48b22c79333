"""Settings of every test."""

from hypothesis import HealthCheck, settings

from tests.profiles import HOUSE_EXAMPLES

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("house", calm, max_examples=HOUSE_EXAMPLES, derandomize=True)
settings.register_profile("long", calm, max_examples=20 * HOUSE_EXAMPLES)
settings.load_profile("house")

# A session has one set of servers, so they are registered once, here.
pytest_plugins = ["tests.market_data", "tests.servers", "tests.editions.servers", "tests.s3"]
