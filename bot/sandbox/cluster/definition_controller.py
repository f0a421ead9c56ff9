"""Serves the types of CustomResourceDefinitions as they come and go, and clears up after the ones that go."""

from __future__ import annotations

import asyncio
import logging

from bot.sandbox.clock import Clock
from bot.sandbox.cluster import deletion, managers, schema
from bot.sandbox.cluster.contract import Object, Ref
from bot.sandbox.cluster.definitions import (
    CLEANUP,
    DEFINITIONS,
    MANAGER,
    accepted_status,
    kind_of,
    terminating_status,
)
from bot.sandbox.cluster.kinds import Kinds
from bot.sandbox.cluster.managers import Manager
from bot.sandbox.cluster.operations import DeleteOptions, Target
from bot.sandbox.cluster.store import Store

_LOG = logging.getLogger(__name__)
_API_VERSION = "apiextensions.k8s.io/v1"


class DefinitionController:
    """Follows what the Api stores; a definition's type is served before the write that made it is answered."""

    def __init__(self, store: Store, kinds: Kinds, clock: Clock) -> None:
        self._store, self._kinds, self._clock = store, kinds, clock
        self._leaving: dict[Ref, asyncio.Task[None]] = {}

    def stored(self, kind_ref: Ref, new: Object | None, old: Object | None) -> None:
        """Acts on one write of any type."""
        if kind_ref != DEFINITIONS:
            return
        if new is None:
            if old is not None:
                self._forget(old)
        elif "deletionTimestamp" in new["metadata"]:
            self._start_leaving(new)
        else:
            self._kinds.add(kind_of(new))
            self._write_status(new, accepted_status(new, self._clock.stamp()))

    def _write_status(self, definition: Object, status: Object) -> Object:
        if status == definition.get("status"):
            return definition
        changed = {**definition, "metadata": dict(definition["metadata"]), "status": status}
        writer = Manager(MANAGER, managers.UPDATE, _API_VERSION, "status", self._clock.stamp(), {})
        node = schema.built_in("CustomResourceDefinition")
        return self._store.put(DEFINITIONS, managers.after_update(definition, changed, node, writer)).obj

    def _forget(self, definition: Object) -> None:
        ref = kind_of(definition).ref
        self._kinds.remove(ref)
        self._store.forget_type(ref)

    def _start_leaving(self, definition: Object) -> None:
        ref = kind_of(definition).ref
        if CLEANUP not in (definition["metadata"].get("finalizers") or ()) or ref in self._leaving:
            return
        self._write_status(definition, terminating_status(definition, self._clock.stamp()))
        task = asyncio.get_running_loop().create_task(self._leave(definition["metadata"]["name"], ref))
        self._leaving[ref] = task
        task.add_done_callback(lambda done: self._left(ref, done))

    def _left(self, ref: Ref, task: asyncio.Task[None]) -> None:
        self._leaving.pop(ref, None)
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("removing the objects of %s failed", ref.plural, exc_info=error)

    async def _leave(self, name: str, ref: Ref) -> None:
        """Deletes the type's objects, waits for those with finalizers, and then lets the definition go."""
        watcher = self._store.watch(ref)
        try:
            self._delete_all(ref)
            while any(self._store.all(ref)):
                await watcher.wait()
                watcher.take()
        finally:
            watcher.close()
        record = self._store.get(DEFINITIONS, "", name)
        if record is None:
            return
        metadata = dict(record.obj["metadata"])
        metadata["finalizers"] = [each for each in metadata.get("finalizers") or () if each != CLEANUP]
        left = {**record.obj, "metadata": metadata}
        if deletion.is_over(left):
            self._store.drop(DEFINITIONS, "", name)
            self._forget(left)
        else:
            self._store.put(DEFINITIONS, left)

    def _delete_all(self, ref: Ref) -> None:
        kind = self._kinds.get(ref)
        for record in list(self._store.all(ref)) if kind else ():
            assert kind is not None
            namespace, name = record.key
            target = Target(kind, namespace, name)
            left, gone = deletion.marked(target, record.obj, DeleteOptions(), self._clock.now())
            if gone:
                self._store.drop(ref, namespace, name)
            elif left != record.obj:
                self._store.put(ref, left)

    async def stop(self) -> None:
        """Ends what is still clearing up."""
        for task in list(self._leaving.values()):
            task.cancel()
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)
