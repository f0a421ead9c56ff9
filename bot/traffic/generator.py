"""Bursts that are waited for, and streams that go on in the background of this process. Requests start at their
intended times, whatever became of the ones before, so that slowness is seen and not hidden."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.jobs import Jobs
from bot.ports import Load, Seen, Stream, Web
from bot.traffic.sending import Sending
from bot.traffic.tally import Tally
from bot.traffic.visitor import Door, Visitor

MOST_RATE = 50.0
MOST_COUNT = 2000
MOST_SECONDS = 86400.0
FRESH = 5.0
"""Seconds for which a stream takes the door to be where it was."""

FORSAKEN = 300.0
"""Seconds without any answer after which a stream ends by itself: the application is gone."""

FindDoor = Callable[[str], Awaitable[Door]]


@dataclass
class Running:
    """A stream that goes on."""

    namespace: str
    every: float
    user: str
    since: float
    until: float
    sending: Sending
    task: asyncio.Task[None] | None = None

    def stream(self) -> Stream:
        """How far it is."""
        tally, passed = self.sending.tally, max(min(time.time(), self.until) - self.since, self.every)
        tally.asked = max(tally.sent, int(passed / self.every))
        return Stream(self.namespace, self.every, self.user, self.since, self.until, tally.seen(passed))


class Generator:
    """Sends for `bot.schedule.Streams`, which remembers the streams; `find` says through which Service a namespace's
    page is reached, `patience` after how many seconds of silence a stream ends."""

    def __init__(self, web: Web, find: FindDoor, *, patience: float = FORSAKEN) -> None:
        self._web, self._find, self._patience = web, find, patience
        self._streams: dict[tuple[str, str], Running] = {}
        self._last: dict[str, tuple[float, Seen]] = {}
        self._jobs = Jobs()

    def through(self, web: Web, find: FindDoor) -> Generator:
        """The same streams and memory, with what is sent from now on going another way."""
        other = copy.copy(self)
        other._web, other._find = web, find
        return other

    async def send(self, namespace: str, load: Load) -> Seen:
        """Sends a load (at most 2000 requests, 50 a second) and waits for all answers."""
        count, rate = min(max(load.count, 1), MOST_COUNT), min(max(load.rate, 0.01), MOST_RATE)
        tally = Tally(count, each=True)
        sending = Sending(Visitor(self._web, namespace, load.user), tally)
        place = await self._enter(namespace, sending)
        seen = tally.seen(await sending.all(place, count, rate) if place else 0.0)
        self._last[namespace] = time.time(), seen
        return seen

    def start(self, namespace: str, *, every: float, user: str = "", seconds: float = MOST_SECONDS) -> Stream:
        """Goes on in the background (at least 0.02 s between requests, at most a day); replaces the same user's."""
        self.end(namespace, user)
        now = time.time()
        sending = Sending(Visitor(self._web, namespace, user), Tally(0))
        running = Running(namespace, max(every, 1 / MOST_RATE), user, now, now + min(seconds, MOST_SECONDS), sending)
        running.task = self._jobs.spawn(self._go_on(running), f"traffic {namespace} {user}".strip())
        self._streams[namespace, user] = running
        return running.stream()

    def stop(self, namespace: str) -> list[Stream]:
        """Stops all streams of a namespace."""
        users = [user for place, user in self._streams if place == namespace]
        return [stream for user in users if (stream := self.end(namespace, user))]

    def streams(self) -> list[Stream]:
        """What is going on now."""
        return [running.stream() for running in self._streams.values()]

    def last(self, namespace: str) -> tuple[float, Seen] | None:
        """When the newest load or stream of a namespace ended, and what it met."""
        return self._last.get(namespace)

    async def close(self) -> None:
        """Stops everything."""
        for place, user in list(self._streams):
            self.end(place, user)
        await self._jobs.drain(0)

    def end(self, namespace: str, user: str) -> Stream | None:
        """Stops one stream."""
        running = self._streams.pop((namespace, user), None)
        if running is None or running.task is None:
            return None
        running.task.cancel()
        return self._remember(running)

    def _remember(self, running: Running) -> Stream:
        stream = running.stream()
        self._last[running.namespace] = min(time.time(), stream.until), stream.seen
        return stream

    async def _go_on(self, running: Running) -> None:
        """Sends until the time is over; an application that is away for a while is asked again."""
        begun, looked, number = time.monotonic(), -FRESH, 0
        place: Door | None = None
        try:
            async with asyncio.TaskGroup() as group:
                while time.time() < running.until and time.monotonic() - running.sending.heard < self._patience:
                    if time.monotonic() - looked >= FRESH:
                        place = await self._enter(running.namespace, running.sending) or place
                        looked = time.monotonic()
                    intended = begun + number * running.every
                    if place:
                        await running.sending.one(group, place, intended)
                    else:
                        await asyncio.sleep(max(0.0, intended - time.monotonic()))
                    number += 1
        finally:
            if self._streams.get((running.namespace, running.user)) is running:
                del self._streams[running.namespace, running.user]
                self._remember(running)

    async def _enter(self, namespace: str, sending: Sending) -> Door | None:
        """Where the page is now, with the visitor logged in there; None, and why in the tally, when it is nowhere."""
        try:
            place = await self._find(namespace)
            await sending.visitor.enter(place)
        except ClusterError as problem:
            sending.tally.trouble = problem.message
            return None
        sending.tally.via = place.service
        return place
