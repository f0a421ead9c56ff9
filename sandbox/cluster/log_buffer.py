"""What one container has written, line by line, for `kubectl logs`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.clock import Clock

_MOST = 10_000
"""Lines that are kept of one container."""


@dataclass(frozen=True)
class LogLine:
    """One line, and when it was written."""

    stamp: datetime
    text: str


class LogBuffer:
    """The lines of one container by the clock of whoever writes them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: deque[LogLine] = deque(maxlen=_MOST)
        self._written = 0
        self._more = asyncio.Event()

    def write(self, text: str) -> None:
        """Write a line, now."""
        self._lines.append(LogLine(self._clock.now(), text))
        self._written += 1
        # Whoever waits holds this event; those that come later wait for the next one.
        self._more.set()
        self._more = asyncio.Event()

    def select(
        self, *, seconds: float | None = None, since: datetime | None = None
    ) -> list[LogLine]:
        """Return the lines of the last so many seconds, or since a moment; else all."""
        if seconds is not None:
            since = self._clock.now() - timedelta(seconds=seconds)
        return [line for line in self._lines if since is None or line.stamp >= since]

    async def follow(self) -> AsyncIterator[LogLine]:
        """Yield the lines that are written from now on."""
        seen = self._written
        while True:
            more = self._more
            fresh = min(self._written - seen, len(self._lines))
            seen = self._written
            for line in list(self._lines)[len(self._lines) - fresh :]:
                yield line
            if seen == self._written:
                await more.wait()


class LogBook:
    """The logs of many containers, by their pod's uid and their name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buffers: dict[tuple[str, str], LogBuffer] = {}

    def open(self, uid: str, container: str) -> LogBuffer:
        """Return a container's log; a new one when there is none."""
        key = (uid, container)
        if key not in self._buffers:
            self._buffers[key] = LogBuffer(self._clock)
        return self._buffers[key]

    def renew(self, uid: str, container: str) -> LogBuffer:
        """Return a new, empty log for a container that runs again."""
        self._buffers.pop((uid, container), None)
        return self.open(uid, container)

    def find(self, uid: str, container: str) -> LogBuffer | None:
        """Return a container's log, None when there is none."""
        return self._buffers.get((uid, container))

    def remove(self, uid: str) -> None:
        """Forget a pod's containers."""
        for key in [key for key in self._buffers if key[0] == uid]:
            del self._buffers[key]
