"""Watches of resource types, and a work queue, for the programs of the mesh."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Object, Ref, WatchEvent

log = logging.getLogger(__name__)
RETRY_SECONDS = 2.0
"""Simulated seconds before a watch that ended is begun again."""
LONGEST_RETRY_SECONDS = 30.0
"""Simulated seconds: the longest pause between two attempts at one key."""
CRDS = Ref("apiextensions.k8s.io", "customresourcedefinitions")


class WorkKey(NamedTuple):
    """One item of work: its kind and the object it is about."""

    work: str
    namespace: str = ""
    name: str = ""


class ResourceMirror:
    """The objects of one resource type as the API server shows them, by (namespace, name)."""

    def __init__(self, ref: Ref, changed: Callable[[WatchEvent], None] | None = None) -> None:
        self.ref = ref
        self.objects: dict[tuple[str, str], Object] = {}
        self._changed = changed

    def get(self, name: str, namespace: str = "") -> Object | None:
        """Return the object, or None when it is not (yet) known."""
        return self.objects.get((namespace, name))

    async def run_watch(
        self, client: Client, clock: Clock, served: ServedTypes | None = None
    ) -> None:
        """Keep the mirror up to date, without end.

        A type of a CRD is watched while `served` says that it is there.
        """
        while True:
            if served is not None:
                await served.wait(self.ref)
            try:
                await self._drop_deleted_objects(client)
                async for event in client.watch(self.ref):
                    self._apply_event(event)
            except ApiError as refusal:
                log.debug("watch of %s: %s", self.ref.plural, refusal.message)
            await clock.sleep(RETRY_SECONDS)

    async def _drop_deleted_objects(self, client: Client) -> None:
        """Drop objects that were deleted while no watch was open."""
        live = {_get_object_key(obj) for obj in await client.list(self.ref)}
        for key in [key for key in self.objects if key not in live]:
            self._apply_event(WatchEvent("DELETED", self.objects[key]))

    def _apply_event(self, event: WatchEvent) -> None:
        key = _get_object_key(event.object)
        if event.type == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = event.object
        if self._changed is not None:
            self._changed(event)


def _get_object_key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class ServedTypes:
    """The resource types of CRDs that are served now, learned from events of the CRDs."""

    def __init__(self) -> None:
        self._flags: dict[tuple[str, bool], asyncio.Event] = {}

    def _get_flag(self, name: str, *, away: bool) -> asyncio.Event:
        """Return the flag that is set while the type is served (with `away`, while it is not)."""
        if (name, away) not in self._flags:
            self._flags[name, away] = asyncio.Event()
            if away:
                self._flags[name, away].set()
        return self._flags[name, away]

    def apply_crd_event(self, event: WatchEvent) -> None:
        """Take over one event of the CRDs' watch."""
        conditions = (event.object.get("status") or {}).get("conditions") or []
        there = any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
        away = event.type == "DELETED" or not there
        name = event.object["metadata"]["name"]
        self._get_flag(name, away=away).set()
        self._get_flag(name, away=not away).clear()

    async def wait(self, ref: Ref, *, away: bool = False) -> None:
        """Wait until the type is served (with `away`, until it no longer is)."""
        await self._get_flag(f"{ref.plural}.{ref.group}", away=away).wait()


class WorkQueue:
    """A queue of keys, each handled once however often it was added.

    A key whose handler failed comes back later.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[WorkKey, None] = {}
        self._filled = asyncio.Event()
        self._failures: dict[WorkKey, int] = {}
        self._later: set[asyncio.Task[None]] = set()

    def add(self, *keys: WorkKey) -> None:
        """Enqueue these keys."""
        self._waiting.update(dict.fromkeys(keys))
        self._filled.set()

    async def run(self, handler: Callable[[WorkKey], Awaitable[None]]) -> None:
        """Handle keys one after the other, without end."""
        while True:
            await self._filled.wait()
            while self._waiting:
                key = next(iter(self._waiting))
                del self._waiting[key]
                await self._handle_key(key, handler)
            self._filled.clear()

    async def _handle_key(
        self, key: WorkKey, handler: Callable[[WorkKey], Awaitable[None]]
    ) -> None:
        try:
            await handler(key)
            self._failures.pop(key, None)
        except ApiError as refusal:
            log.debug("%s: %s", key, refusal.message)
            self._schedule_retry(key)
        except Exception:
            log.exception("%s failed", key)
            self._schedule_retry(key)

    def _schedule_retry(self, key: WorkKey) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        task = asyncio.create_task(
            self._add_later(key, min(2.0 ** (failures - 1), LONGEST_RETRY_SECONDS))
        )
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _add_later(self, key: WorkKey, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.add(key)

    async def close(self) -> None:
        """Drop the keys that wait for another attempt."""
        tasks = list(self._later)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class BackgroundTasks:
    """The background tasks of one running program.

    Their failures are logged, and they end together.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Awaitable[None], name: str) -> None:
        """Start a task that belongs to the program; its failure is logged."""
        task = asyncio.ensure_future(_run_logged(work, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run_logged(work: Awaitable[None], name: str) -> None:
    try:
        await work
    except Exception:
        log.exception("%s ended", name)
