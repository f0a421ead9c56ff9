"""The garbage collector: what belongs to a removed object goes too (background, foreground, or orphaned)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bot.sandbox.cluster.contract import ApiError, Object, Ref
from bot.sandbox.cluster.controllers.context import Context
from bot.sandbox.cluster.controllers.meta import CRDS, Key, is_deleting, key_of, owners_of, uid_of
from bot.sandbox.cluster.controllers.namespace import Served
from bot.sandbox.cluster.controllers.queue import Again, WorkQueue

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_UNKNOWN: Object = {"metadata": {}}
_ABSENT = 5000  # how many removed uids are remembered


class Item(NamedTuple):
    """One object of any type."""

    ref: Ref
    key: Key
    uid: str


class GarbageCollector:
    """Watches every type that can be deleted, but Events. `gone` is told of each object that has been removed."""

    def __init__(self, context: Context, kinds: Iterable[Served], gone: Callable[[Object], None]) -> None:
        self._context = context
        self._kinds = kinds
        self._gone = gone
        self._items: dict[str, Item] = {}
        self._dependents: dict[str, dict[str, Item]] = {}
        self._watched: set[Ref] = set()
        self._absent: dict[str, None] = {}
        self.queue: WorkQueue[Item] = WorkQueue("garbage", self.sync, clock=context.clock, tasks=context.tasks)
        self.queue.start(20)
        self._types_changed()
        context.informers.of(CRDS).listen(lambda *_: self._types_changed())

    def _types_changed(self) -> None:
        served = {kind.ref for kind in self._kinds if kind.kind != "Event" and {"delete", "watch"} <= set(kind.verbs)}
        for ref in served - self._watched:
            self._watched.add(ref)
            self._context.informers.of(ref).listen(self._listener(ref))
        for ref in self._watched - served:
            self._watched.discard(ref)
            self._context.informers.drop(ref)

    def _listener(self, ref: Ref) -> Callable[[Object | None, Object | None], None]:
        def changed(before: Object | None, after: Object | None) -> None:
            if after is None:
                self._removed(ref, before or {})
            else:
                self._stored(ref, before, after)

        return changed

    def _stored(self, ref: Ref, before: Object | None, after: Object) -> None:
        item = Item(ref, key_of(after), uid_of(after))
        self._items[item.uid] = item
        old, new = owners_of(before) if before else [], owners_of(after)
        if old != new:
            self._unlink(item, old)
            for owner in new:
                self._dependents.setdefault(owner["uid"], {})[item.uid] = item
        absent = before is None and any(owner["uid"] not in self._items for owner in new)
        if absent or (is_deleting(after) and _waits(after)):
            self.queue.add(item)

    def _removed(self, ref: Ref, obj: Object) -> None:
        item = Item(ref, key_of(obj), uid_of(obj))
        self._items.pop(item.uid, None)
        self._absent[item.uid] = None
        if len(self._absent) > _ABSENT:
            del self._absent[next(iter(self._absent))]
        self._unlink(item, owners_of(obj))
        for dependent in self._dependents.get(item.uid, {}).values():
            self.queue.add(dependent)
        for owner in owners_of(obj):
            waiting = self._items.get(owner["uid"])
            if waiting and is_deleting(self._object(waiting) or {"metadata": {}}):
                self.queue.add(waiting)
        self._gone(obj)

    def _unlink(self, item: Item, owners: list[Object]) -> None:
        for owner in owners:
            of_owner = self._dependents.get(owner["uid"], {})
            of_owner.pop(item.uid, None)
            if not of_owner:
                self._dependents.pop(owner["uid"], None)

    def _object(self, item: Item) -> Object | None:
        if item.ref not in self._watched:
            return None
        obj = self._context.informers.of(item.ref).get(item.key)
        return obj if obj is not None and uid_of(obj) == item.uid else None

    async def sync(self, item: Item) -> None:
        """Decides about one object: whether its owners still want it, and whether what it waits for has happened."""
        obj = self._object(item)
        if obj is None:
            return
        if is_deleting(obj):
            await self._finish(item, obj)
            return
        owners = owners_of(obj)
        if not owners:
            return
        found = [(owner, await self._owner(owner, item.key.namespace)) for owner in owners]
        staying = [ref for ref, owner in found if owner is not None and not _in_foreground(owner)]
        if staying and len(staying) < len(owners):
            await self._patch(item, {"metadata": {"uid": item.uid, "ownerReferences": staying}})
        elif not staying:
            await self._collect(item, obj, foreground=any(owner is not None for _, owner in found))
        if any(owner is not None and owner is not _UNKNOWN and uid_of(owner) not in self._items for _, owner in found):
            raise Again("an owner exists that no watch has shown yet, so that its end might be missed")

    async def _owner(self, reference: Object, namespace: str) -> Object | None:
        """The owner as it stands, None when it is gone, _UNKNOWN (which stays) when its type is not served."""
        if reference["uid"] in self._absent:
            return None
        known = self._items.get(reference["uid"])
        if known is not None and (obj := self._object(known)) is not None:
            return obj
        group = reference["apiVersion"].rpartition("/")[0]
        for kind in self._kinds:
            if kind.kind == reference["kind"] and kind.group == group:
                place = namespace if kind.namespaced else ""
                obj = await self._context.client.get(kind.ref, reference["name"], place)
                return obj if obj is not None and uid_of(obj) == reference["uid"] else None
        return _UNKNOWN

    async def _collect(self, item: Item, obj: Object, *, foreground: bool) -> None:
        if foreground and self._dependents.get(item.uid):
            finalizers = [*(obj["metadata"].get("finalizers") or ()), FOREGROUND]
            await self._patch(item, {"metadata": {"uid": item.uid, "finalizers": finalizers}})
        try:
            await self._context.client.delete(item.ref, item.key.name, item.key.namespace)
        except ApiError as error:
            if error.code != 404:
                raise
        await self._context.informers.of(item.ref).refresh(item.key)

    async def _finish(self, item: Item, obj: Object) -> None:
        finalizers = obj["metadata"].get("finalizers") or []
        dependents = tuple(self._dependents.get(item.uid, {}).values())
        if ORPHAN in finalizers:
            for each in dependents:
                await self._disown(each, item.uid)
            await self._drop_finalizer(item, obj, ORPHAN)
        elif FOREGROUND in finalizers:
            blocking = [each for each in dependents if self._blocks(each, item.uid)]
            for each in dependents:
                self.queue.add(each)
            if not blocking:
                await self._drop_finalizer(item, obj, FOREGROUND)

    def _blocks(self, dependent: Item, owner: str) -> bool:
        obj = self._object(dependent)
        return obj is not None and any(
            each["uid"] == owner and each.get("blockOwnerDeletion") for each in owners_of(obj)
        )

    async def _disown(self, dependent: Item, owner: str) -> None:
        obj = self._object(dependent)
        if obj is not None:
            left = [each for each in owners_of(obj) if each["uid"] != owner]
            await self._patch(dependent, {"metadata": {"uid": dependent.uid, "ownerReferences": left}})

    async def _drop_finalizer(self, item: Item, obj: Object, done: str) -> None:
        """Takes one finalizer off, unless the object has changed: another's finalizer must not come back."""
        metadata = obj["metadata"]
        left = [each for each in metadata["finalizers"] if each != done]
        patch = {"uid": item.uid, "resourceVersion": metadata["resourceVersion"], "finalizers": left}
        try:
            await self._patch(item, {"metadata": patch})
        except ApiError as error:
            if error.code != 409:
                raise
            await self._context.informers.of(item.ref).refresh(item.key)
            raise Again("the object changed while its finalizer was taken off") from error
        await self._context.informers.of(item.ref).refresh(item.key)

    async def _patch(self, item: Item, patch: Object) -> None:
        try:
            stored = await self._context.client.merge(item.ref, item.key.name, item.key.namespace, patch)
        except ApiError as error:
            if error.code != 404:
                raise
            return
        if not is_deleting(stored):
            self._context.informers.of(item.ref).observe(stored)


def _waits(obj: Object) -> bool:
    finalizers = obj["metadata"].get("finalizers") or ()
    return FOREGROUND in finalizers or ORPHAN in finalizers


def _in_foreground(owner: Object) -> bool:
    return is_deleting(owner) and FOREGROUND in (owner["metadata"].get("finalizers") or ())
