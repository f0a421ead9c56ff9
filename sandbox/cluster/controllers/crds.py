"""Serves the types of CRDs as they come and go, and deletes the objects of those that go."""

from __future__ import annotations

import asyncio
import logging

from sandbox.clock import Clock
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.crds.definitions import (
    CLEANUP,
    DEFINITIONS,
    MANAGER,
    build_accepted_status,
    build_kind,
    build_terminating_status,
)
from sandbox.cluster.kinds import Kinds
from sandbox.cluster.merging import managed_fields, merge_keys
from sandbox.cluster.merging.managed_fields import ManagedFieldsEntry
from sandbox.cluster.operations import DeleteOptions, Target
from sandbox.cluster.registry import deletion
from sandbox.cluster.store import Store

_LOG = logging.getLogger(__name__)
_API_VERSION = "apiextensions.k8s.io/v1"


class DefinitionController:
    """Follows what the Api stores; a definition's type is served before the write that made it is
    answered."""

    def __init__(self, store: Store, kinds: Kinds, clock: Clock) -> None:
        self._store, self._kinds, self._clock = store, kinds, clock
        self._leaving: dict[Ref, asyncio.Task[None]] = {}

    def stored(self, kind_ref: Ref, new: Object | None, old: Object | None) -> None:
        """Act on one stored change of any type."""
        if kind_ref != DEFINITIONS:
            return
        if new is None:
            if old is not None:
                self._remove_type(old)
        elif "deletionTimestamp" in new["metadata"]:
            self._start_type_removal(new)
        else:
            self._kinds.add(build_kind(new))
            self._write_status(new, build_accepted_status(new, self._clock.format_timestamp()))

    def _write_status(self, definition: Object, status: Object) -> Object:
        if status == definition.get("status"):
            return definition
        changed = {**definition, "metadata": dict(definition["metadata"]), "status": status}
        writer = ManagedFieldsEntry(
            MANAGER,
            managed_fields.UPDATE,
            _API_VERSION,
            "status",
            self._clock.format_timestamp(),
            {},
        )
        node = merge_keys.get_builtin_schema("CustomResourceDefinition")
        # Straight into the store: through the Api it would come back here as one more change.
        return self._store.put(
            DEFINITIONS, managed_fields.track_update(definition, changed, node, writer)
        ).obj

    def _remove_type(self, definition: Object) -> None:
        ref = build_kind(definition).ref
        self._kinds.remove(ref)
        self._store.forget_type(ref)

    def _start_type_removal(self, definition: Object) -> None:
        ref = build_kind(definition).ref
        # Each write to a definition that is going comes by here; its objects are deleted once.
        if CLEANUP not in (definition["metadata"].get("finalizers") or ()) or ref in self._leaving:
            return
        self._write_status(
            definition, build_terminating_status(definition, self._clock.format_timestamp())
        )
        task = asyncio.get_running_loop().create_task(
            self._remove_type_with_instances(definition["metadata"]["name"], ref)
        )
        self._leaving[ref] = task
        task.add_done_callback(lambda done: self._on_removal_done(ref, done))

    def _on_removal_done(self, ref: Ref, task: asyncio.Task[None]) -> None:
        self._leaving.pop(ref, None)
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("removing the objects of %s failed", ref.plural, exc_info=error)

    async def _remove_type_with_instances(self, name: str, ref: Ref) -> None:
        """Delete the type's objects, wait for those with finalizers, then remove the definition."""
        # Opened before anything is deleted, so that no removal falls between looking and waiting.
        watcher = self._store.watch(ref)
        try:
            self._delete_instances(ref)
            while any(self._store.iterate_records(ref)):
                await watcher.wait()
                watcher.take_changes()
        finally:
            watcher.close()
        record = self._store.get(DEFINITIONS, "", name)
        if record is None:
            return
        metadata = dict(record.obj["metadata"])
        metadata["finalizers"] = [
            each for each in metadata.get("finalizers") or () if each != CLEANUP
        ]
        left = {**record.obj, "metadata": metadata}
        if deletion.is_deletion_complete(left):
            self._store.drop(DEFINITIONS, "", name)
            self._remove_type(left)
        else:
            self._store.put(DEFINITIONS, left)

    def _delete_instances(self, ref: Ref) -> None:
        kind = self._kinds.get(ref)
        for record in list(self._store.iterate_records(ref)) if kind else ():
            assert kind is not None
            namespace, name = record.key
            target = Target(kind, namespace, name)
            left, gone = deletion.mark_for_deletion(
                target, record.obj, DeleteOptions(), self._clock.now()
            )
            if gone:
                self._store.drop(ref, namespace, name)
            elif left != record.obj:
                self._store.put(ref, left)

    async def stop(self) -> None:
        """Cancel the removals that are still under way."""
        for task in list(self._leaving.values()):
            task.cancel()
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)
