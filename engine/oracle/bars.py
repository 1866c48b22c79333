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
    down = outages(spec, instrument)
    blocked = any(opens < end and start < event for start, end in down)
    flagged = blocked or any(start <= event < end or start <= available < end for start, end in down)
    return Observation(
        event=event,
        available=available,
        good=not flagged,
        bids=[Level(rules.bid(close, instrument), cap)],
        asks=[Level(rules.ask(close, instrument), cap)],
        price=close,
        bar=Bar(opens=opens, open=opened, high=high, low=low, volume_cap=cap, blocked=blocked),
    )
