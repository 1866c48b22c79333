"""What a viewer may ask for in a while: requests and cost, as buckets that fill up again at a steady pace.

Each process of the API keeps its own, without asking anybody, so that they hold while the queue server is away; behind a balancer over n
processes a viewer has up to n times as much.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException

WINDOW_S = 60.0
_VIEWERS = 10_000  # remembered at once; whoever was not seen for longest has a full bucket again


@dataclass(slots=True)
class _Bucket:
    spent: dict[str, float]
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of what a viewer may spend in a minute; 0 is no limit."""

    requests: int
    cost: int
    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)

    def spend(self, viewer: str, *, requests: int = 0, cost: int = 0) -> Mapping[str, str]:
        """Take so much off a viewer's budget and return the headers that tell what is left; HTTPException 429 where it does not suffice."""
        bucket = self._refilled(viewer)
        for what, amount, most in (("requests", requests, self.requests), ("cost", cost, self.cost)):
            if most and amount and bucket.spent[what] + amount > most:
                raise self._refusal(bucket, what, amount, most)
        bucket.spent["requests"] += requests
        bucket.spent["cost"] += cost
        return self._headers(bucket)

    def _refilled(self, viewer: str) -> _Bucket:
        now = self.clock()
        bucket = self._buckets.setdefault(viewer, _Bucket({"requests": 0.0, "cost": 0.0}, now))
        self._buckets.move_to_end(viewer)
        if len(self._buckets) > _VIEWERS:
            self._buckets.popitem(last=False)
        share = (now - bucket.at) / WINDOW_S
        bucket.spent["requests"] = max(bucket.spent["requests"] - share * self.requests, 0.0)
        bucket.spent["cost"] = max(bucket.spent["cost"] - share * self.cost, 0.0)
        bucket.at = now
        return bucket

    def _refusal(self, bucket: _Bucket, what: str, amount: int, most: int) -> HTTPException:
        wait = max(math.ceil((bucket.spent[what] + amount - most) / most * WINDOW_S), 1)
        left = max(int(most - bucket.spent[what]), 0)
        message = f"this needs {amount} of the {most} {what} that a viewer has for a minute, and {left} are left; ask again in {wait} s, or for less"
        return HTTPException(429, message, {**self._headers(bucket), "Retry-After": str(wait)})

    def _headers(self, bucket: _Bucket) -> dict[str, str]:
        # The budget that is nearer to its end: clients slow down by these three.
        limits = [(1 - bucket.spent[what] / most, what, most) for what, most in (("cost", self.cost), ("requests", self.requests)) if most]
        if not limits:
            return {}
        left, what, most = min(limits)
        return {
            "RateLimit-Limit": f'{most}, {most};w={WINDOW_S:.0f};comment="{what}"',
            "RateLimit-Remaining": str(max(int(most - bucket.spent[what]), 0)),
            "RateLimit-Reset": str(math.ceil((1 - left) * WINDOW_S)),
        }
