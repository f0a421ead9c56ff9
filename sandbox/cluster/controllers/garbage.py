"""The garbage collector: what belongs to a removed object goes too (background, foreground, or
orphaned)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandbox.cluster.contract import ApiError, Object, Ref
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.namespace import ServedKind
from sandbox.cluster.controllers.object_patches import patch_object, remove_finalizer
from sandbox.cluster.controllers.ownership import ObjectReference, OwnershipGraph
from sandbox.cluster.machinery.meta import CRDS, is_deleting, key_of, owners_of, uid_of
from sandbox.cluster.machinery.work_queue import RequeueError, WorkQueue

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_UNKNOWN: Object = {"metadata": {}}


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
        self._graph = OwnershipGraph()
        self._watched: set[Ref] = set()
        self.queue: WorkQueue[ObjectReference] = WorkQueue(
            "garbage", self.sync, clock=context.clock, tasks=context.tasks
        )
        self.queue.start(20)
        self._watch_served_types()
        context.informers.for_resource(CRDS).add_listener(lambda *_: self._watch_served_types())

    def _watch_served_types(self) -> None:
        # Kubernetes' collector ignores Events too: they are many, and name no owner.
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
        self._graph.add(item, before, after)
        # Almost every owner is there, so an object is worth a turn only where one is missing. The
        # owner may also just not have been shown yet; `sync` then asks the API.
        absent = before is None and any(
            self._graph.find(owner["uid"]) is None for owner in owners_of(after)
        )
        if absent or (is_deleting(after) and _has_deletion_finalizer(after)):
            self.queue.add(item)

    def _on_removed(self, ref: Ref, obj: Object) -> None:
        item = ObjectReference(ref, key_of(obj), uid_of(obj))
        self._graph.remove(item, obj)
        self.queue.add(*self._graph.list_dependents(item.uid))
        # An owner that is being deleted in the foreground waits for its last dependent.
        for owner in owners_of(obj):
            waiting = self._graph.find(owner["uid"])
            if waiting and is_deleting(self._get_object(waiting) or {"metadata": {}}):
                self.queue.add(waiting)
        self._gone(obj)

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
            await patch_object(
                self._context, item, {"metadata": {"uid": item.uid, "ownerReferences": staying}}
            )
        elif not staying:
            await self._collect_object(
                item, obj, foreground=any(owner is not None for _, owner in found)
            )
        if any(
            owner is not None and owner is not _UNKNOWN and self._graph.find(uid_of(owner)) is None
            for _, owner in found
        ):
            raise RequeueError(
                "an owner exists that no watch has shown yet, so that its end might be missed"
            )

    async def _find_owner(self, reference: Object, namespace: str) -> Object | None:
        """Return the owner as it stands, or None when it is gone.

        _UNKNOWN (whose dependents stay) when its type is not served.
        """
        if self._graph.is_absent(reference["uid"]):
            return None
        known = self._graph.find(reference["uid"])
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
        # An owner that is deleted in the foreground waits for this object, and so this object has
        # to wait for its own dependents in turn.
        if foreground and self._graph.list_dependents(item.uid):
            finalizers = [*(obj["metadata"].get("finalizers") or ()), FOREGROUND]
            await patch_object(
                self._context, item, {"metadata": {"uid": item.uid, "finalizers": finalizers}}
            )
        try:
            await self._context.client.delete(item.ref, item.key.name, item.key.namespace)
        except ApiError as error:
            if error.code != 404:
                raise
        await self._context.informers.for_resource(item.ref).refresh(item.key)

    async def _finish_deletion(self, item: ObjectReference, obj: Object) -> None:
        finalizers = obj["metadata"].get("finalizers") or []
        dependents = self._graph.list_dependents(item.uid)
        if ORPHAN in finalizers:
            # The dependents come first: were the finalizer taken off before, the owner would be
            # gone and they would be collected.
            for each in dependents:
                await self._remove_owner_reference(each, item.uid)
            await remove_finalizer(self._context, item, obj, ORPHAN)
        elif FOREGROUND in finalizers:
            blocking = [each for each in dependents if self._is_blocking_owner(each, item.uid)]
            self.queue.add(*dependents)
            # Only a dependent with blockOwnerDeletion holds its owner up; the others are collected
            # after it.
            if not blocking:
                await remove_finalizer(self._context, item, obj, FOREGROUND)

    def _is_blocking_owner(self, dependent: ObjectReference, owner: str) -> bool:
        obj = self._get_object(dependent)
        return obj is not None and any(
            each["uid"] == owner and each.get("blockOwnerDeletion") for each in owners_of(obj)
        )

    async def _remove_owner_reference(self, dependent: ObjectReference, owner: str) -> None:
        obj = self._get_object(dependent)
        if obj is not None:
            left = [each for each in owners_of(obj) if each["uid"] != owner]
            await patch_object(
                self._context,
                dependent,
                {"metadata": {"uid": dependent.uid, "ownerReferences": left}},
            )


def _has_deletion_finalizer(obj: Object) -> bool:
    finalizers = obj["metadata"].get("finalizers") or ()
    return FOREGROUND in finalizers or ORPHAN in finalizers


def _is_deleting_in_foreground(owner: Object) -> bool:
    return is_deleting(owner) and FOREGROUND in (owner["metadata"].get("finalizers") or ())
