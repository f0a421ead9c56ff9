"""Memory of keys that were seen a while ago.

Slack may deliver the same thing twice, and a forger replays it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class SeenKeys:
    """Keys seen within `ttl` seconds, at most `most` of them, the oldest forgotten first."""

    def __init__(
        self,
        *,
        # Slack delivers an event again for up to six minutes (at once, after one and after five).
        ttl: float = 900.0,
        most: int = 10_000,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl, self._most, self._now = ttl, most, now
        self._seen: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def claim_key(self, key: str) -> bool:
        """Tell whether this key is seen for the first time; an empty key is always new."""
        if not key:
            return True
        now = self._now()
        # In the order in which they came, so that the oldest are in front.
        while self._seen and next(iter(self._seen.values())) <= now - self._ttl:
            self._seen.popitem(last=False)
        if key in self._seen:
            return False
        self._seen[key] = now
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True
