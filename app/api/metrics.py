"""What the API counts, for Prometheus: requests, operations, and at each scrape the runs and the queue."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.contract import operations
from app.services.board import Numbers

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OTHER = "other"
"""Stands for names that a client made up: a label for each would grow without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Jobs as PostgreSQL knows them: every API shows the same, and one of them is enough to ask."""

    queued: Gauge
    oldest: Gauge
    claims: Gauge
    events: Gauge
    outbox: Gauge
    workers: Gauge
    slots: Gauge
    memory: Gauge

    def show(self, found: Numbers | None) -> None:
        """Take over what was read, or that nothing could be: not a number."""
        self.events.clear()
        self.slots.clear()
        for name, gauge in (("queued", self.queued), ("oldest_s", self.oldest), ("claims", self.claims), ("outbox_s", self.outbox)):
            gauge.set(getattr(found, name, nan))
        for name, gauge in (("workers", self.workers), ("children_bytes", self.memory)):
            gauge.set(getattr(found, name, nan))
        if found is not None:
            self.slots.labels("busy").set(found.busy)
            self.slots.labels("free").set(max(found.slots - found.busy, 0))
            for event, count in found.events.items():
                self.events.labels(event.value).set(count)


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
    connections: Gauge
    subscriptions: Gauge
    jobs: Jobs

    def operation_done(self, operation: str, *, seconds: float, codes: Iterable[str]) -> None:
        """Count one GraphQL operation and each of its errors."""
        name = operation if operation in operations() else OTHER
        self.graphql.labels(name).observe(seconds)
        for code in codes:
            self.errors.labels(name, code).inc()


def _jobs(at: CollectorRegistry) -> Jobs:
    return Jobs(
        queued=Gauge("usdc_arb_jobs_queued", "Runs that wait for their turn.", registry=at),
        oldest=Gauge("usdc_arb_jobs_oldest_seconds", "How long the oldest of them has waited.", registry=at),
        claims=Gauge("usdc_arb_jobs_claims", "Runs begun so far; it only grows.", registry=at),
        events=Gauge("usdc_arb_jobs_events", "What happened to runs out of the ordinary so far; it only grows.", ["event"], registry=at),
        outbox=Gauge("usdc_arb_jobs_outbox_seconds", "How long the oldest ring has not been sent.", registry=at),
        workers=Gauge("usdc_arb_workers", "Workers that are up.", registry=at),
        slots=Gauge("usdc_arb_worker_slots", "Their slots, busy and free.", ["use"], registry=at),
        memory=Gauge("usdc_arb_worker_children_bytes", "Memory that their computing processes hold.", registry=at),
    )


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
        connections=Gauge("usdc_arb_websockets", "WebSockets that are open.", registry=at),
        subscriptions=Gauge("usdc_arb_subscriptions", "Subscriptions that go on.", registry=at),
        jobs=_jobs(at),
    )
