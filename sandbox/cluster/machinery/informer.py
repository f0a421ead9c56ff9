"""A live copy of the objects of one type, with indexes and listeners, so that no controller scans
or polls.

What a controller has just written is put in at once (`observe`), so that its next turn never acts
on an older picture.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from sandbox.cluster.contract import ApiError, Client, Object, Ref, WatchEvent
from sandbox.cluster.machinery.indexes import Index, Indexes, Place, Tombstones
from sandbox.cluster.machinery.meta import Key, key_of, uid_of
from sandbox.cluster.machinery.served_types import ServedTypes
from sandbox.cluster.machinery.work_queue import WorkQueue
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

Listener = Callable[[Object | None, Object | None], None]
"""Told of each change: (before, after); None before for a new object, None after for a removed one.
"""

_EVENTS_PER_TURN = 20
"""Events taken in before other tasks have their turn."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 5.0
"""Wall seconds before a watch that ended is opened again; doubled while the API refuses."""


class Informer:
    """The objects of one type as last seen. Always indexed by `namespace`, `owner` (uid), `orphan`
    (namespace)."""

    def __init__(self, client: Client, ref: Ref) -> None:
        self.ref = ref
        self.synced = asyncio.Event()
        self._client = client
        self._objects: dict[Place, Object] = {}
        self._listeners: list[Listener] = []
        self._indexes = Indexes()
        self._gone = Tombstones()

    def add_index(self, name: str, function: Index) -> None:
        """Add an index; safe to call again with the same name."""
        self._indexes.add(name, function, self._objects)

    def add_listener(self, listener: Listener) -> None:
        """Call the listener for every change from now on, and for everything known as new."""
        self._listeners.append(listener)
        for obj in tuple(self._objects.values()):
            listener(None, obj)

    @property
    def objects(self) -> Mapping[Place, Object]:
        """The objects by (namespace, name): a live view."""
        return self._objects

    def get(self, key: Place) -> Object | None:
        """Return the object with that key, or None when it is not (yet) known."""
        return self._objects.get(key)

    def list_objects(self) -> list[Object]:
        """Return every object, in the order in which their keys were first seen."""
        return list(self._objects.values())

    def list_by_index(self, index: str, value: str) -> list[Object]:
        """Return the objects that an index holds under a value."""
        return self._indexes.list_objects(index, value)

    def observe(self, obj: Object) -> Object:
        """Take in what the API has just answered, ahead of the watch, and return it."""
        if uid_of(obj) not in self._gone:
            self._store_object(obj)
        return obj

    def clear(self) -> None:
        """Forget every object, and tell the listeners that each was removed."""
        for obj in self.list_objects():
            self._remove_object(obj)

    async def refresh(self, key: Place) -> None:
        """Read one object again from the API."""
        namespace, name = key
        obj = await self._client.get(self.ref, name, namespace)
        if obj is not None:
            self.observe(obj)
        elif key in self._objects:
            self._remove_object(self._objects[key])

    async def run(self, served: ServedTypes | None = None) -> None:
        """Follow the API until cancelled; a type of a CRD is watched while `served` knows it.

        When the watch ends, list again and forget what has gone.
        """
        pause = _FIRST_PAUSE
        while True:
            if served is not None:
                await served.wait(self.ref)
            # The watch is opened before the list is read: what changes in between arrives twice
            # (and is dropped by its resourceVersion), where the other order would lose it.
            changes = aiter(self._client.watch(self.ref))
            first = asyncio.ensure_future(anext(changes, None))
            try:
                # The task that opens the watch begins only when the loop has its turn.
                await asyncio.sleep(0)
                await self.relist()
                self.synced.set()
                pause = _FIRST_PAUSE
                await self._follow_watch(await first, changes)
            except ApiError as error:
                log.info("watch of %s was cut: %s", self.ref.plural, error.message)
            finally:
                first.cancel()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def relist(self) -> None:
        """Take in what the API lists now, and forget what it no longer lists."""
        listed = {uid_of(obj): obj for obj in await self._client.list(self.ref)}
        for obj in self.list_objects():
            if uid_of(obj) not in listed:
                self._remove_object(obj)
        for obj in listed.values():
            self.observe(obj)

    async def _follow_watch(
        self, first: WatchEvent | None, changes: AsyncIterator[WatchEvent]
    ) -> None:
        if first is None:
            return
        self._apply_event(first)
        count = 0
        async for event in changes:
            self._apply_event(event)
            count += 1
            if count % _EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)

    def _apply_event(self, event: WatchEvent) -> None:
        if event.type != "DELETED":
            self.observe(event.object)
            return
        # The name may belong to a newer object already, which an answer brought ahead of the watch.
        known = self._objects.get(key_of(event.object))
        if known is not None and uid_of(known) == uid_of(event.object):
            self._remove_object(known)
        self._gone.add(uid_of(event.object))

    def _store_object(self, obj: Object) -> None:
        key = key_of(obj)
        before = self._objects.get(key)
        if before is not None:
            # The watch brings again what `observe` has taken in, and brings a version that lies
            # before it: neither is news.
            if int(obj["metadata"]["resourceVersion"]) <= int(
                before["metadata"]["resourceVersion"]
            ):
                return
            # Removed and made again under the same name while nobody looked: listeners must hear
            # that the first one is gone, or its dependents would be left.
            if uid_of(before) != uid_of(obj):
                self._remove_object(before)
                before = None
        self._objects[key] = obj
        self._indexes.update(key, before, obj)
        _notify_listeners(self.ref, self._listeners, before, obj)

    def _remove_object(self, obj: Object) -> None:
        key = key_of(obj)
        self._objects.pop(key, None)
        self._gone.add(uid_of(obj))
        self._indexes.update(key, obj, None)
        _notify_listeners(self.ref, self._listeners, obj, None)


def _notify_listeners(
    ref: Ref, listeners: Iterable[Listener], before: Object | None, after: Object | None
) -> None:
    for listener in listeners:
        try:
            listener(before, after)
        except Exception:
            # One controller's mistake must not keep the change from the others, nor end the watch.
            log.exception("a listener of %s failed", ref.plural)


def enqueue_for_object(queue: WorkQueue[Key]) -> Listener:
    """Return a listener that puts each changed object's key into the queue."""

    def changed(before: Object | None, after: Object | None) -> None:
        queue.add(key_of(after or before or {}))

    return changed


class Informers:
    """The informers of one cluster, one for each type that somebody asked for."""

    def __init__(self, client: Client, tasks: Tasks) -> None:
        self._client = client
        self._tasks = tasks
        self._informers: dict[Ref, Informer] = {}
        self._runs: dict[Ref, asyncio.Task[None]] = {}

    def for_resource(self, ref: Ref) -> Informer:
        """Return the informer of that type, started when first asked for."""
        if ref not in self._informers:
            informer = Informer(self._client, ref)
            self._informers[ref] = informer
            self._runs[ref] = self._tasks.spawn(informer.run(), f"informer {ref.plural}")
        return self._informers[ref]

    def stop_informer(self, ref: Ref) -> None:
        """Stop the informer of a type that is no longer served.

        Everything it held counts as removed.
        """
        informer = self._informers.pop(ref, None)
        if informer is not None:
            self._runs.pop(ref).cancel()
            informer.clear()

    async def wait_for_sync(self) -> None:
        """Wait until every informer knows what exists."""
        await asyncio.gather(
            *(informer.synced.wait() for informer in tuple(self._informers.values()))
        )
