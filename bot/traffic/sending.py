"""The requests of one visitor, each timed from when it was meant to start; few enough at once to bear."""

from __future__ import annotations

import asyncio
import time

from bot.errors import ClusterError
from bot.traffic.tally import Tally
from bot.traffic.visitor import Door, Visitor

AT_ONCE = 32
"""Requests under way at the same time; more wait, and their waiting counts."""
HOPELESS = 5
"""Requests without any answer after which the rest of a load is not sent."""


class Sending:
    """Sends requests for one visitor and adds up in `tally` what they meet; `heard` is when something last answered."""

    def __init__(self, visitor: Visitor, tally: Tally) -> None:
        self.visitor, self.tally = visitor, tally
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._begun = self._last = 0.0
        self.heard = time.monotonic()

    async def all(self, place: Door, count: int, rate: float) -> float:
        """Sends them all; gives the seconds over which they were sent, the last one's share of time included."""
        begun = self._begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await self.one(group, place, begun + number / rate)
                if self.tally.silent >= HOPELESS and not self.tally.answered:
                    break
        return self._last - begun + 1 / rate

    async def one(self, group: asyncio.TaskGroup, place: Door, intended: float) -> None:
        """Starts one request at its time (by the monotonic clock), or later when too many are under way."""
        await asyncio.sleep(max(0.0, intended - time.monotonic()))
        await self._gate.acquire()
        self.tally.sent += 1
        self._last = time.monotonic()
        group.create_task(self._ask(place, intended))

    async def _ask(self, place: Door, intended: float) -> None:
        try:
            answer = await self.visitor.look(place)
            self.heard = time.monotonic()
            self.tally.answer(answer, self.heard - intended, intended - self._begun)
        except ClusterError as problem:
            self.tally.silence(problem.message, time.monotonic() - intended, intended - self._begun)
        finally:
            self._gate.release()
