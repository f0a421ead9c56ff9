"""The garbage collector: what belongs to a removed object goes too (background, foreground, or
orphaned)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sandbox.cluster.contract import ApiError, Object, Ref
from sandbox.cluster.controllers.context import ControllerContext
from sandbox.cluster.controllers.namespace import ServedKind
from sandbox.cluster.machinery.meta import CRDS, Key, is_deleting, key_of, owners_of, uid_of
from sandbox.cluster.machinery.work_queue import RequeueError, WorkQueue

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_UNKNOWN: Object = {"metadata": {}}
_ABSENT = 5000  # how many removed uids are remembered


class ObjectReference(NamedTuple):
    """A reference to one object of any type."""

    ref: Ref
    key: Key
    uid: str


class GarbageCollector:
    """Watches every type that can be deleted, but Events. `gone` is told of each object that has
    been removed."""

    def __init__(
        self,
        context: ControllerContext,
        kinds: Iterable[ServedKind],
        gone: Callable[[Object], None],
    ) -> None:
        self._context = context
        self._kinds = kinds
        self._gone = gone
        self._items: dict[str, ObjectReference] = {}
        self._dependents: dict[str, dict[str, ObjectReference]] = {}
        self._watched: set[Ref] = set()
        self._absent: dict[str, None] = {}
        self.queue: WorkQueue[ObjectReference] = WorkQueue(
            "garbage", self.sync, clock=context.clock, tasks=context.tasks
        )
        self.queue.start(20)
        self._watch_served_types()
        context.informers.for_resource(CRDS).add_listener(lambda *_: self._watch_served_types())

    def _watch_served_types(self) -> None:
        served = {
            kind.ref
            for kind in self._kinds
            if kind.kind != "Event" and {"delete", "watch"} <= set(kind.verbs)
        }
        for ref in served - self._watched:
            self._watched.add(ref)
            self._context.informers.for_resource(ref).add_listener(self._make_listener(ref))
        for ref in self._watched - served:
            self._watched.discard(ref)
            self._context.informers.stop_informer(ref)

    def _make_listener(self, ref: Ref) -> Callable[[Object | None, Object | None], None]:
        def changed(before: Object | None, after: Object | None) -> None:
            if after is None:
                self._on_removed(ref, before or {})
            else:
                self._on_stored(ref, before, after)

        return changed

    def _on_stored(self, ref: Ref, before: Object | None, after: Object) -> None:
        item = ObjectReference(ref, key_of(after), uid_of(after))
        self._items[item.uid] = item
        old, new = owners_of(before) if before else [], owners_of(after)
        if old != new:
            self._unlink_owners(item, old)
            for owner in new:
                self._dependents.setdefault(owner["uid"], {})[item.uid] = item
        absent = before is None and any(owner["uid"] not in self._items for owner in new)
        if absent or (is_deleting(after) and _has_deletion_finalizer(after)):
            self.queue.add(item)

    def _on_removed(self, ref: Ref, obj: Object) -> None:
        item = ObjectReference(ref, key_of(obj), uid_of(obj))
        self._items.pop(item.uid, None)
        self._absent[item.uid] = None
        if len(self._absent) > _ABSENT:
            del self._absent[next(iter(self._absent))]
        self._unlink_owners(item, owners_of(obj))
        for dependent in self._dependents.get(item.uid, {}).values():
            self.queue.add(dependent)
        for owner in owners_of(obj):
            waiting = self._items.get(owner["uid"])
            if waiting and is_deleting(self._get_object(waiting) or {"metadata": {}}):
                self.queue.add(waiting)
        self._gone(obj)

    def _unlink_owners(self, item: ObjectReference, owners: list[Object]) -> None:
        for owner in owners:
            of_owner = self._dependents.get(owner["uid"], {})
            of_owner.pop(item.uid, None)
            if not of_owner:
                self._dependents.pop(owner["uid"], None)

    def _get_object(self, item: ObjectReference) -> Object | None:
        if item.ref not in self._watched:
            return None
        obj = self._context.informers.for_resource(item.ref).get(item.key)
        return obj if obj is not None and uid_of(obj) == item.uid else None

    async def sync(self, item: ObjectReference) -> None:
        """Reconcile one object: delete it when all its owners are gone.

        Of an object that is being deleted, remove the finalizer once its dependents are dealt
        with.
        """
        obj = self._get_object(item)
        if obj is None:
            return
        if is_deleting(obj):
            await self._finish_deletion(item, obj)
            return
        owners = owners_of(obj)
        if not owners:
            return
        found = [(owner, await self._find_owner(owner, item.key.namespace)) for owner in owners]
        staying = [
            ref
            for ref, owner in found
            if owner is not None and not _is_deleting_in_foreground(owner)
        ]
        if staying and len(staying) < len(owners):
            await self._patch_object(
                item, {"metadata": {"uid": item.uid, "ownerReferences": staying}}
            )
        elif not staying:
            await self._collect_object(
                item, obj, foreground=any(owner is not None for _, owner in found)
            )
        if any(
            owner is not None and owner is not _UNKNOWN and uid_of(owner) not in self._items
            for _, owner in found
        ):
            raise RequeueError(
                "an owner exists that no watch has shown yet, so that its end might be missed"
            )

    async def _find_owner(self, reference: Object, namespace: str) -> Object | None:
        """Return the owner as it stands, or None when it is gone.

        _UNKNOWN (whose dependents stay) when its type is not served.
        """
        if reference["uid"] in self._absent:
            return None
        known = self._items.get(reference["uid"])
        if known is not None and (obj := self._get_object(known)) is not None:
            return obj
        group = reference["apiVersion"].rpartition("/")[0]
        for kind in self._kinds:
            if kind.kind == reference["kind"] and kind.group == group:
                place = namespace if kind.namespaced else ""
                obj = await self._context.client.get(kind.ref, reference["name"], place)
                return obj if obj is not None and uid_of(obj) == reference["uid"] else None
        return _UNKNOWN

    async def _collect_object(
        self, item: ObjectReference, obj: Object, *, foreground: bool
    ) -> None:
        if foreground and self._dependents.get(item.uid):
            finalizers = [*(obj["metadata"].get("finalizers") or ()), FOREGROUND]
            await self._patch_object(
                item, {"metadata": {"uid": item.uid, "finalizers": finalizers}}
            )
        try:
            await self._context.client.delete(item.ref, item.key.name, item.key.namespace)
        except ApiError as error:
            if error.code != 404:
                raise
        await self._context.informers.for_resource(item.ref).refresh(item.key)

    async def _finish_deletion(self, item: ObjectReference, obj: Object) -> None:
        finalizers = obj["metadata"].get("finalizers") or []
        dependents = tuple(self._dependents.get(item.uid, {}).values())
        if ORPHAN in finalizers:
            for each in dependents:
                await self._remove_owner_reference(each, item.uid)
            await self._remove_finalizer(item, obj, ORPHAN)
        elif FOREGROUND in finalizers:
            blocking = [each for each in dependents if self._is_blocking_owner(each, item.uid)]
            for each in dependents:
                self.queue.add(each)
            if not blocking:
                await self._remove_finalizer(item, obj, FOREGROUND)

    def _is_blocking_owner(self, dependent: ObjectReference, owner: str) -> bool:
        obj = self._get_object(dependent)
        return obj is not None and any(
            each["uid"] == owner and each.get("blockOwnerDeletion") for each in owners_of(obj)
        )

    async def _remove_owner_reference(self, dependent: ObjectReference, owner: str) -> None:
        obj = self._get_object(dependent)
        if obj is not None:
            left = [each for each in owners_of(obj) if each["uid"] != owner]
            await self._patch_object(
                dependent, {"metadata": {"uid": dependent.uid, "ownerReferences": left}}
            )

    async def _remove_finalizer(self, item: ObjectReference, obj: Object, done: str) -> None:
        """Remove one finalizer, unless the object has changed.

        Another controller's finalizer must not come back.
        """
        metadata = obj["metadata"]
        left = [each for each in metadata["finalizers"] if each != done]
        patch = {
            "uid": item.uid,
            "resourceVersion": metadata["resourceVersion"],
            "finalizers": left,
        }
        try:
            await self._patch_object(item, {"metadata": patch})
        except ApiError as error:
            if error.code != 409:
                raise
            await self._context.informers.for_resource(item.ref).refresh(item.key)
            raise RequeueError("the object changed while its finalizer was taken off") from error
        await self._context.informers.for_resource(item.ref).refresh(item.key)

    async def _patch_object(self, item: ObjectReference, patch: Object) -> None:
        try:
            stored = await self._context.client.merge(
                item.ref, item.key.name, item.key.namespace, patch
            )
        except ApiError as error:
            if error.code != 404:
                raise
            return
        if not is_deleting(stored):
            self._context.informers.for_resource(item.ref).observe(stored)


def _has_deletion_finalizer(obj: Object) -> bool:
    finalizers = obj["metadata"].get("finalizers") or ()
    return FOREGROUND in finalizers or ORPHAN in finalizers


def _is_deleting_in_foreground(owner: Object) -> bool:
    return is_deleting(owner) and FOREGROUND in (owner["metadata"].get("finalizers") or ())
