"""A level-triggered work queue: a key is worked on once at a time, repeats are merged, failures
come back later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)


class Backoff(NamedTuple):
    """The pauses before a failed key is tried again, in simulated seconds: doubled each time."""

    first: float
    longest: float


CONTROLLER_BACKOFF = Backoff(0.005, 1000.0)
"""client-go's default controller rate limiter, which kube-controller-manager uses."""


class RequeueError(Exception):
    """The sync could not finish for a reason that is known and reported.

    The key comes back after its back-off.
    """


class WorkQueue(Generic[K]):
    """Keys waiting for `sync`, worked on by a few workers (`kube-controller-manager` uses five)."""

    def __init__(
        self,
        name: str,
        sync: Callable[[K], Awaitable[None]],
        *,
        clock: Clock,
        tasks: Tasks,
        backoff: Backoff = CONTROLLER_BACKOFF,
    ) -> None:
        self._name, self._sync, self._clock, self._tasks = name, sync, clock, tasks
        self._backoff = backoff
        self._ready: asyncio.Queue[K] = asyncio.Queue()
        self._dirty: set[K] = set()
        self._busy: set[K] = set()
        self._failures: dict[K, int] = {}
        self._delayed: dict[K, tuple[float, asyncio.Task[None]]] = {}

    def start(self, workers: int = 5) -> None:
        """Start the workers."""
        for number in range(workers):
            self._tasks.spawn(self._run_worker(), f"{self._name} worker {number}")

    def add(self, *keys: K) -> None:
        """Add keys, to be synced as soon as a worker is free."""
        for key in keys:
            if key in self._dirty:
                continue
            self._dirty.add(key)
            # A key that is worked on now must not be worked on beside itself: the worker puts it
            # back when it is done.
            if key not in self._busy:
                self._ready.put_nowait(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Add a key after simulated seconds; of two such calls the earlier moment stands."""
        moment = asyncio.get_running_loop().time() + seconds / self._clock.speed
        if before := self._delayed.get(key):
            if before[0] <= moment:
                return
            before[1].cancel()
        self._delayed[key] = (
            moment,
            self._tasks.spawn(self._add_later(key, seconds), f"{self._name} delay"),
        )

    async def _add_later(self, key: K, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._delayed.pop(key, None)
        self.add(key)

    async def _run_worker(self) -> None:
        while True:
            key = await self._ready.get()
            self._dirty.discard(key)
            self._busy.add(key)
            try:
                await self._sync_key(key)
            finally:
                self._busy.discard(key)
            if key in self._dirty:
                self._ready.put_nowait(key)
            # In-process calls need not suspend, and other tasks must have their turn.
            await asyncio.sleep(0)

    async def _sync_key(self, key: K) -> None:
        try:
            await self._sync(key)
        except RequeueError:
            self._requeue_with_backoff(key)
        except ApiError as error:
            log.debug("%s %s will be tried again: %s", self._name, key, error.message)
            self._requeue_with_backoff(key)
        except Exception:
            log.exception("%s failed on %s", self._name, key)
            self._requeue_with_backoff(key)
        else:
            self._failures.pop(key, None)

    def _requeue_with_backoff(self, key: K) -> None:
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        first, longest = self._backoff
        # The longest pause is reached long before: without a bound the power would grow for ever.
        self.add_after(key, min(first * 2 ** min(count, 30), longest))
