"""The requests of one visitor, each timed from when it was meant to start, with a limit
on those under way at once.
"""

from __future__ import annotations

import asyncio
import time

from bot.errors import ClusterError, Unreadable
from bot.ports import NO_ANSWER, UNREAD
from bot.traffic.tally import Tally
from bot.traffic.visitor import EntryPoint, Visitor

MAX_CONCURRENT = 32
"""Requests under way at the same time; more wait, and their waiting counts."""
GIVE_UP_AFTER = 5
"""Requests without any answer after which the rest of a load is not sent."""


class RequestSender:
    """Sends requests for one visitor and adds up in `tally` what they meet; `answered_at` is when
    something last answered."""

    def __init__(self, visitor: Visitor, tally: Tally) -> None:
        self.visitor, self.tally = visitor, tally
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT)
        self._begun = self._last = 0.0
        self.answered_at = time.monotonic()

    async def send_all(self, place: EntryPoint, count: int, rate: float) -> float:
        """Send `count` requests at `rate` a second; return the seconds over which they were
        sent, the last one's share of time included.
        """
        begun = self._begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await self.start_request(group, place, begun + number / rate)
                if self.tally.silent >= GIVE_UP_AFTER and not self.tally.answered:
                    break
        return self._last - begun + 1 / rate

    async def start_request(
        self, group: asyncio.TaskGroup, place: EntryPoint, intended: float
    ) -> None:
        """Start one request at its intended time (monotonic clock), or later when too many are
        under way.
        """
        await asyncio.sleep(max(0.0, intended - time.monotonic()))
        # Waiting here counts as the application's slowness, for the time runs from `intended`.
        await self._semaphore.acquire()
        self.tally.sent += 1
        self._last = time.monotonic()
        group.create_task(self._send_request(place, intended))

    async def _send_request(self, place: EntryPoint, intended: float) -> None:
        try:
            answer = await self.visitor.fetch_page(place)
            self.answered_at = time.monotonic()
            self.tally.add_answer(answer, self.answered_at - intended, intended - self._begun)
        except ClusterError as problem:
            self.tally.add_silence(
                problem.message,
                time.monotonic() - intended,
                intended - self._begun,
                code=UNREAD if isinstance(problem, Unreadable) else NO_ANSWER,
            )
        finally:
            self._semaphore.release()
