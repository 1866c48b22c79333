"""Settings of every test."""

from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True, derandomize=True)
settings.load_profile("house")

pytest_plugins = ["tests.market_data", "tests.servers"]  # a session has one set of servers, so they are registered once, here
