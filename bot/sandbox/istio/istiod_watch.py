"""How the programs of the mesh follow the cluster: mirrors of resource types, and a queue of what to look at again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import ApiError, Client, Event, Object, Ref

log = logging.getLogger(__name__)
RETRY_SECONDS = 2.0
"""Simulated seconds before a watch that ended is begun again."""
LONGEST_RETRY_SECONDS = 30.0
"""Simulated seconds: the longest pause between two attempts at one key."""
CRDS = Ref("apiextensions.k8s.io", "customresourcedefinitions")


class Key(NamedTuple):
    """One thing to look at again: a kind of work and the object it is about."""

    work: str
    namespace: str = ""
    name: str = ""


class Mirror:
    """One resource type as the API server shows it, by (namespace, name)."""

    def __init__(self, ref: Ref, changed: Callable[[Event], None] | None = None) -> None:
        self.ref = ref
        self.objects: dict[tuple[str, str], Object] = {}
        self._changed = changed

    def get(self, name: str, namespace: str = "") -> Object | None:
        """The object, or None when it is not (yet) known."""
        return self.objects.get((namespace, name))

    async def follow(self, client: Client, clock: Clock, served: Served | None = None) -> None:
        """Keeps the mirror right for ever; a type of a CRD is followed while `served` says that it is there."""
        while True:
            if served is not None:
                await served.wait(self.ref)
            try:
                await self._forget_what_went(client)
                async for event in client.watch(self.ref):
                    self._take(event)
            except ApiError as refusal:
                log.debug("watch of %s: %s", self.ref.plural, refusal.message)
            await clock.sleep(RETRY_SECONDS)

    async def _forget_what_went(self, client: Client) -> None:
        """A watch that was cut does not say what was deleted meanwhile."""
        live = {_place(obj) for obj in await client.list(self.ref)}
        for key in [key for key in self.objects if key not in live]:
            self._take(Event("DELETED", self.objects[key]))

    def _take(self, event: Event) -> None:
        key = _place(event.object)
        if event.type == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = event.object
        if self._changed is not None:
            self._changed(event)


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class Served:
    """Which types of CRDs are served just now; feed it the events of the CRDs themselves."""

    def __init__(self) -> None:
        self._flags: dict[tuple[str, bool], asyncio.Event] = {}

    def _flag(self, name: str, *, away: bool) -> asyncio.Event:
        """Set while the type is there (or, with `away`, while it is not)."""
        if (name, away) not in self._flags:
            self._flags[name, away] = asyncio.Event()
            if away:
                self._flags[name, away].set()
        return self._flags[name, away]

    def changed(self, event: Event) -> None:
        """Takes one event of the CRDs' watch."""
        conditions = (event.object.get("status") or {}).get("conditions") or []
        there = any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
        away = event.type == "DELETED" or not there
        name = event.object["metadata"]["name"]
        self._flag(name, away=away).set()
        self._flag(name, away=not away).clear()

    async def wait(self, ref: Ref, *, away: bool = False) -> None:
        """Returns once the type is served (or, with `away`, no longer)."""
        await self._flag(f"{ref.plural}.{ref.group}", away=away).wait()


class WorkQueue:
    """Keys to look at, each once however often it was added; a key whose handler was refused comes back later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[Key, None] = {}
        self._filled = asyncio.Event()
        self._failures: dict[Key, int] = {}
        self._later: set[asyncio.Task[None]] = set()

    def add(self, *keys: Key) -> None:
        """Asks for these keys to be handled."""
        self._waiting.update(dict.fromkeys(keys))
        self._filled.set()

    async def run(self, handler: Callable[[Key], Awaitable[None]]) -> None:
        """Handles keys one after the other, for ever."""
        while True:
            await self._filled.wait()
            while self._waiting:
                key = next(iter(self._waiting))
                del self._waiting[key]
                await self._handle(key, handler)
            self._filled.clear()

    async def _handle(self, key: Key, handler: Callable[[Key], Awaitable[None]]) -> None:
        try:
            await handler(key)
            self._failures.pop(key, None)
        except ApiError as refusal:
            log.debug("%s: %s", key, refusal.message)
            self._retry(key)
        except Exception:
            log.exception("%s failed", key)
            self._retry(key)

    def _retry(self, key: Key) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        task = asyncio.create_task(self._add_later(key, min(2.0 ** (failures - 1), LONGEST_RETRY_SECONDS)))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _add_later(self, key: Key, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.add(key)

    async def close(self) -> None:
        """Forgets the keys that wait for another attempt."""
        tasks = list(self._later)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Tasks:
    """Background work of one running program: supervised, and ended together."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Awaitable[None], name: str) -> None:
        """Begins work that belongs to the program; a failure of it is logged."""
        task = asyncio.ensure_future(_logged(work, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Ends all of it and waits until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(work: Awaitable[None], name: str) -> None:
    try:
        await work
    except Exception:
        log.exception("%s ended", name)
