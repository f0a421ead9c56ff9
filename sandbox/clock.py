"""Simulated time: the sandbox's programs wait in simulated seconds, so that tests run
fast.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Simulated time that starts at the present and runs `speed` times as fast as the wall's.

    Only durations that stand for something physical (image pulls, start-up, grace periods) go
    through it. What Slack or a client measures for itself (the 3 s acknowledgement) stays in wall
    time.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        self.speed = speed
        self._wall = time.monotonic()
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the simulated moment in UTC."""
        return self._start + timedelta(seconds=(time.monotonic() - self._wall) * self.speed)

    def format_timestamp(self) -> str:
        """Return the simulated moment as Kubernetes writes it: RFC 3339, whole seconds."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    async def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds."""
        await asyncio.sleep(seconds / self.speed)
