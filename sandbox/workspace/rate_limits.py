"""Slack's rate limits, in wall time: tiers per method and minute, and one message per second per
channel."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

TIERS: Mapping[int, float] = {1: 1, 2: 20, 3: 50, 4: 100}
"""Calls per minute and method."""

POSTS_PER_SECOND, POST_BURST = 1.0, 10
"""chat.postMessage: about one a second per channel, short bursts allowed; the size of a burst is
not documented."""


class Throttled(Exception):
    """Too many calls; `retry_after` in whole seconds, as the header has it."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


@dataclass
class _Bucket:
    capacity: float
    per_second: float
    tokens: float
    filled: float = field(default_factory=time.monotonic)

    def take_token(self) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        now = time.monotonic()
        self.tokens = min(self.capacity, self.tokens + (now - self.filled) * self.per_second)
        self.filled = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0
        return (1 - self.tokens) / self.per_second


class RateLimits:
    """Counts calls; `enforced` False lets everything pass, for tests of other things."""

    def __init__(self, *, enforced: bool = True) -> None:
        self.enforced = enforced
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def count_method_call(self, method: str, tier: int) -> None:
        """Count one call of a method of this tier (0: not limited).

        Raises Throttled.
        """
        if tier:
            self._take_token((method, ""), TIERS[tier], TIERS[tier] / 60)

    def count_posted_message(self, channel: str) -> None:
        """Count one message posted into a channel.

        Raises Throttled.
        """
        self._take_token(("chat.postMessage", channel), POST_BURST, POSTS_PER_SECOND)

    def _take_token(self, key: tuple[str, str], capacity: float, per_second: float) -> None:
        if not self.enforced:
            return
        bucket = self._buckets.setdefault(key, _Bucket(capacity, per_second, capacity))
        wait = bucket.take_token()
        if wait > 0:
            raise Throttled(max(1, math.ceil(wait)))
