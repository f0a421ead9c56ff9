"""Simulated time: the sandbox's programs wait in simulated seconds, so that tests run
fast.
"""

from __future__ import annotations

import asyncio
import copy
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
        self._pace = speed

    def for_requests(self) -> Clock:
        """Return this clock for what is measured of requests.

        Its moments are the wall's, by which clients send requests and ask for rates; it waits in
        simulated seconds all the same.
        """
        other = copy.copy(self)
        other._pace = 1.0
        return other

    def now(self) -> datetime:
        """Return the moment in UTC."""
        return self._start + timedelta(seconds=(time.monotonic() - self._wall) * self._pace)

    def measure_age(self, made: datetime) -> float:
        """Return how many of this clock's seconds ago an object of the cluster was made."""
        simulated = (made - self._start).total_seconds()
        now = (time.monotonic() - self._wall) * self.speed
        return self.shorten(now - simulated)

    def shorten(self, seconds: float) -> float:
        """Return how many of this clock's own seconds simulated ones take."""
        return seconds * self._pace / self.speed

    def format_timestamp(self) -> str:
        """Return the simulated moment as Kubernetes writes it: RFC 3339, whole seconds."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    async def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds."""
        await asyncio.sleep(seconds / self.speed)
