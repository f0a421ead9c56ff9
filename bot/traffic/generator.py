"""Bursts that are waited for, and streams that go on in the background of this process. Requests
start at their intended times, whatever became of the ones before, so that slowness is seen and not
hidden."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bot.errors import ClusterError
from bot.jobs import Jobs
from bot.ports import Burst, LoadSpec, Stream, TrafficReport, Web
from bot.text import verbatim
from bot.traffic.request_log import RequestLog
from bot.traffic.sending import RequestSender
from bot.traffic.tally import Tally
from bot.traffic.visitor import EntryPoint, Visitor

MOST_RATE = 50.0
MOST_COUNT = 2000
MOST_SECONDS = 86400.0
LOCATE_SECONDS = 5.0
"""Seconds for which a stream takes the Service of the page to be the same."""

SILENCE_SECONDS = 300.0
"""Seconds without any answer after which a stream ends by itself: the application is gone."""

FindEntryPoint = Callable[[str], Awaitable[EntryPoint]]


@dataclass
class RunningStream:
    """A stream whose requests are being sent."""

    namespace: str
    every: float
    user: str
    since: float
    until: float
    sending: RequestSender
    task: asyncio.Task[None] | None = None

    def to_stream(self) -> Stream:
        """Return the stream with what its requests have met so far."""
        tally, passed = (
            self.sending.tally,
            max(min(time.time(), self.until) - self.since, self.every),
        )
        tally.asked = max(tally.sent, int(passed / self.every))
        return Stream(
            self.namespace,
            self.every,
            self.user,
            self.since,
            self.until,
            tally.build_report(passed),
        )


class Generator:
    """Sends for `bot.schedule.Streams`, which remembers the streams; `find` says through which
    Service a namespace's page is reached, `silence` after how many seconds without an
    answer a stream ends."""

    def __init__(self, web: Web, find: FindEntryPoint, *, silence: float = SILENCE_SECONDS) -> None:
        self._web, self._find, self._silence = web, find, silence
        self._streams: dict[tuple[str, str], RunningStream] = {}
        self._last: dict[str, tuple[float, TrafficReport]] = {}
        self._bursts: dict[str, Burst] = {}
        self.request_log = RequestLog()
        self._jobs = Jobs()

    def with_web(self, web: Web, find: FindEntryPoint) -> Generator:
        """Return a generator with the same streams and memory that sends from now on through
        another `web`.
        """
        other = copy.copy(self)
        other._web, other._find = web, find
        return other

    async def send(self, namespace: str, load: LoadSpec) -> TrafficReport:
        """Send a load (at most 2000 requests, 50 a second), wait for all answers and return what
        was met.
        """
        count, rate = min(max(load.count, 1), MOST_COUNT), min(max(load.rate, 0.01), MOST_RATE)
        note = partial(self.request_log.note, namespace, proof=load.proof)
        tally = Tally(count, each=True, note=note)
        sending = RequestSender(Visitor(self._web, namespace, load.user), tally)
        place = await self._locate_page(namespace, sending)
        seen = tally.build_report(await sending.send_all(place, count, rate) if place else 0.0)
        self._last[namespace] = time.time(), seen
        if len(seen.samples) > 1 and not load.proof:
            self._bursts[namespace] = Burst(time.time(), load, seen)
        return seen

    def start(
        self, namespace: str, *, every: float, user: str = "", seconds: float = MOST_SECONDS
    ) -> Stream:
        """Start a stream in the background (at least 0.02 s between requests, at most a day); it
        replaces the same user's.
        """
        self.stop_stream(namespace, user)
        now = time.time()
        note = partial(self.request_log.note, namespace, proof=False)
        sending = RequestSender(Visitor(self._web, namespace, user), Tally(0, note=note))
        running = RunningStream(
            namespace,
            max(every, 1 / MOST_RATE),
            user,
            now,
            now + min(seconds, MOST_SECONDS),
            sending,
        )
        running.task = self._jobs.spawn(
            self._run_stream(running), f"traffic {namespace} {user}".strip()
        )
        self._streams[namespace, user] = running
        return running.to_stream()

    def stop(self, namespace: str) -> list[Stream]:
        """Stop all streams of a namespace and return them."""
        users = [user for place, user in self._streams if place == namespace]
        return [stream for user in users if (stream := self.stop_stream(namespace, user))]

    def list_streams(self) -> list[Stream]:
        """Return the streams that are running now."""
        return [running.to_stream() for running in self._streams.values()]

    def get_last_report(self, namespace: str) -> tuple[float, TrafficReport] | None:
        """Return when (epoch seconds) the newest load or stream of a namespace ended, and what
        it met; None when there was none.
        """
        return self._last.get(namespace)

    def get_last_burst(self, namespace: str) -> Burst | None:
        """Return the newest load of several requests that somebody asked for, None without one."""
        return self._bursts.get(namespace)

    async def close(self) -> None:
        """Stop all streams and end their tasks."""
        for place, user in list(self._streams):
            self.stop_stream(place, user)
        await self._jobs.drain(0)

    def stop_stream(self, namespace: str, user: str) -> Stream | None:
        """Stop one stream and return it; None when there is no such stream."""
        running = self._streams.pop((namespace, user), None)
        if running is None or running.task is None:
            return None
        running.task.cancel()
        return self._remember_report(running)

    def _remember_report(self, running: RunningStream) -> Stream:
        stream = running.to_stream()
        self._last[running.namespace] = min(time.time(), stream.until), stream.seen
        return stream

    async def _run_stream(self, running: RunningStream) -> None:
        """Send until the time is over or the application has been silent for too long; one that
        is away for a while is asked again.
        """
        begun, looked, number = time.monotonic(), -LOCATE_SECONDS, 0
        place: EntryPoint | None = None
        try:
            async with asyncio.TaskGroup() as group:
                while (
                    time.time() < running.until
                    and time.monotonic() - running.sending.answered_at < self._silence
                ):
                    if time.monotonic() - looked >= LOCATE_SECONDS:
                        # The gateway may come or go while the stream runs; when it cannot be read,
                        # the last one is asked.
                        place = await self._locate_page(running.namespace, running.sending) or place
                        looked = time.monotonic()
                    intended = begun + number * running.every
                    if place:
                        await running.sending.start_request(group, place, intended)
                    else:
                        await asyncio.sleep(max(0.0, intended - time.monotonic()))
                    number += 1
        finally:
            # A newer stream of the same user may have its place by now.
            if self._streams.get((running.namespace, running.user)) is running:
                del self._streams[running.namespace, running.user]
                self._remember_report(running)

    async def _locate_page(self, namespace: str, sending: RequestSender) -> EntryPoint | None:
        """Return the Service of the page, with the visitor logged in there; None, with the
        reason in the tally, when nothing serves it.
        """
        try:
            place = await self._find(namespace)
            await sending.visitor.log_in(place)
        except ClusterError as problem:
            sending.tally.trouble = problem.message
            return None
        sending.tally.via = verbatim(place.service)
        return place
