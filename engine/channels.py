"""What several instruments of a venue were sent by: any message says that the quotes of all of them are still what they were."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.arrays import Int64s
from engine.config import Spec
from engine.panel import Panel
from engine.series import Series

Channel = tuple[str, str]
"""Venue and name."""


class Messages(NamedTuple):
    """The messages of a channel, (G,)."""

    happened_us: Int64s  # [µs] their events, increasing
    heard_us: Int64s  # [µs] when they became available, increasing
    latest_us: Int64s  # [µs] the latest event of those that were available then


def named(spec: Spec) -> list[Channel]:
    """Return the channels of a spec, sorted."""
    return sorted({(i.venue, i.channel) for i in spec.instruments if i.channel is not None})


def messages(panel: Panel, channel: Channel) -> Messages:
    """Return all that was sent by a channel: the observations of its instruments, good or not."""
    return _merged([s for s in panel.series if (s.instrument.venue, s.instrument.channel) == channel])


def _merged(series: Sequence[Series]) -> Messages:
    happened, heard = (np.concatenate(columns) for columns in ([s.event_us for s in series], [s.available_us for s in series]))
    order = np.argsort(heard, kind="stable")
    return Messages(happened_us=np.sort(happened), heard_us=heard[order], latest_us=np.maximum.accumulate(happened[order]))


def true_since(panel: Panel, series: Series, rows: Int64s, at_us: Int64s) -> Int64s:
    """Return the events that the ages of observations in force, some rows of a series, count from at some times [µs]."""
    if series.instrument.channel is None:
        return series.event_us[rows]
    happened_us = messages(panel, (series.instrument.venue, series.instrument.channel)).happened_us
    return happened_us[np.searchsorted(happened_us, at_us, side="right") - 1]
