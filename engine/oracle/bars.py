"""From a frame of bars to observations."""

import polars as pl

from engine.config import Instrument, Spec
from engine.oracle import rules
from engine.oracle.observations import Bar, Observation, in_window, outages
from engine.oracle.rules import Level
from engine.schema import micros


def read_bars(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> list[Observation]:
    """Return the bars with volume whose ends the run reads."""
    found = [_observation(spec, instrument, row) for row in frame.iter_rows(named=True) if row["volume"] > 0]
    return [row for row in found if in_window(spec, row.event)]


def _observation(spec: Spec, instrument: Instrument, row: dict[str, object]) -> Observation:
    assert spec.interval is not None, "a spec with bars has an interval"
    opens = micros(row["ts"])  # type: ignore[arg-type]
    event = opens + spec.interval
    available = event + spec.feed_latency_us
    opened, high, low, close, volume = (float(row[name]) for name in ("open", "high", "low", "close", "volume"))  # type: ignore[arg-type]
    cap = rules.volume_cap(spec.execution.volume_share, volume)
    blocked = any(_is_blocked(opens, event, available, outage) for outage in outages(spec, instrument))
    flagged = blocked or any(start <= event < end for start, end in outages(spec, instrument))
    return Observation(
        event=event,
        available=available,
        good=not flagged,
        bids=[Level(rules.bid(close, instrument), cap)],
        asks=[Level(rules.ask(close, instrument), cap)],
        price=close,
        bar=Bar(opens=opens, open=opened, high=high, low=low, volume_cap=cap, blocked=blocked),
    )


# It overlaps the outage, or becomes available in it.
def _is_blocked(opens: int, event: int, available: int, outage: tuple[int, int]) -> bool:
    start, end = outage
    return (opens < end and start < event) or start <= available < end
