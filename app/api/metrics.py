"""What the API counts, for Prometheus: requests, operations, and at each scrape the runs and the queue."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.contract import operations

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OTHER = "other"
"""Stands for names that a client made up: a label for each would grow without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """One application's counters, in a registry of their own."""

    registry: CollectorRegistry
    http: Histogram
    graphql: Histogram
    errors: Counter
    runs: Gauge
    queue: Gauge
    days: Gauge
    up: Gauge

    def operation_done(self, operation: str, *, seconds: float, codes: Iterable[str]) -> None:
        """Count one GraphQL operation and each of its errors."""
        name = operation if operation in operations() else OTHER
        self.graphql.labels(name).observe(seconds)
        for code in codes:
            self.errors.labels(name, code).inc()


def make_metrics() -> Metrics:
    """Return counters at zero."""
    at = CollectorRegistry()
    return Metrics(
        registry=at,
        http=Histogram("usdc_arb_http_request_seconds", "HTTP requests.", ["method", "route", "status"], registry=at, buckets=_SECONDS),
        graphql=Histogram("usdc_arb_graphql_operation_seconds", "GraphQL operations.", ["operation"], registry=at, buckets=_SECONDS),
        errors=Counter("usdc_arb_graphql_errors", "GraphQL errors by their code.", ["operation", "code"], registry=at),
        runs=Gauge("usdc_arb_runs", "Runs by state.", ["state"], registry=at),
        queue=Gauge("usdc_arb_queue_depth", "Jobs that wait in the queue server.", ["queue"], registry=at),
        days=Gauge("usdc_arb_data_days", "Days of stored series by grade, and those that changed since they were looked at.", ["grade"], registry=at),
        up=Gauge("usdc_arb_up", "1 where the part answered this scrape.", ["part"], registry=at),
    )
