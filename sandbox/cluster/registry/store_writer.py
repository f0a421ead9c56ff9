"""The last step of a write: the object is stored or dropped, and who acts on stored changes hears
of it."""

from __future__ import annotations

from typing import Protocol

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.operations import Target
from sandbox.cluster.registry import deletion
from sandbox.cluster.registry.allocation import ServiceAllocator
from sandbox.cluster.store import Record, Store


class WriteListener(Protocol):
    """Something that acts at once on each stored change (the CRDs' controller does)."""

    def stored(self, kind_ref: Ref, new: Object | None, old: Object | None) -> None: ...


class StoreWriter:
    """Writes to the store. Nothing here waits, so no other write comes between the last check of
    the caller and the store."""

    def __init__(self, store: Store, addresses: ServiceAllocator, listener: WriteListener) -> None:
        self._store, self._addresses, self._listener = store, addresses, listener

    def write_object(self, target: Target, new: Object, old: Object | None) -> Record:
        """Store a new or changed object and return its record."""
        ref = target.kind.stored
        # The write that takes the last finalizer off is what deletes: nothing else comes back to
        # an object that waited for it.
        if old is not None and deletion.is_deletion_complete(new):
            record = self._store.drop(ref, target.namespace, target.name, last=new)
            self._listener.stored(ref, None, old)
            return record or Record(new, 0)
        record = self._store.put(ref, new)
        self._listener.stored(ref, record.obj, old)
        return record

    def drop_object(self, target: Target, live: Record, last: Object) -> Record:
        """Remove an object and return its last record."""
        ref = target.kind.stored
        record = self._store.drop(ref, target.namespace, target.name, last=last) or live
        if target.kind.kind == "Service":
            self._addresses.release_address(live.obj)
        self._listener.stored(ref, None, live.obj)
        return record

    def write_terminating(self, target: Target, live: Record, left: Object) -> Record:
        """Store an object that is being deleted, unless it was marked so before."""
        # A repeated delete that changes nothing must not wake the watches.
        if left == live.obj:
            return live
        record = self._store.put(target.kind.stored, left)
        self._listener.stored(target.kind.stored, record.obj, live.obj)
        return record
