"""Who owns whom, by uid: the graph that the garbage collector keeps of every object it watches."""

from __future__ import annotations

from typing import NamedTuple

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.machinery.meta import Key, owners_of

_ABSENT = 5000
"""How many removed uids are remembered."""


class ObjectReference(NamedTuple):
    """A reference to one object of any type."""

    ref: Ref
    key: Key
    uid: str


class OwnershipGraph:
    """The objects that exist, their dependents, and the uids of those that are gone.

    Dependents are kept under their owner's uid whether the owner has been seen or not: the watches
    of two types run independently, and a ReplicaSet may be shown before its Deployment.
    """

    def __init__(self) -> None:
        self._items: dict[str, ObjectReference] = {}
        self._dependents: dict[str, dict[str, ObjectReference]] = {}
        self._absent: dict[str, None] = {}

    def find(self, uid: str) -> ObjectReference | None:
        """Return the object with that uid, or None when no watch has shown it (any more)."""
        return self._items.get(uid)

    def is_absent(self, uid: str) -> bool:
        """Tell whether a watch has shown that the object with that uid is gone."""
        return uid in self._absent

    def list_dependents(self, uid: str) -> tuple[ObjectReference, ...]:
        """Return the objects that name this uid as an owner."""
        return tuple(self._dependents.get(uid, {}).values())

    def add(self, item: ObjectReference, before: Object | None, after: Object) -> None:
        """Take in an object that is new, or whose owners may have changed."""
        self._items[item.uid] = item
        old, new = owners_of(before) if before else [], owners_of(after)
        if old != new:
            self._unlink_owners(item, old)
            for owner in new:
                self._dependents.setdefault(owner["uid"], {})[item.uid] = item

    def remove(self, item: ObjectReference, obj: Object) -> None:
        """Forget an object that is gone, but keep in mind that it is."""
        self._items.pop(item.uid, None)
        # A uid is never used again, so one that was removed need not be asked for any more.
        self._absent[item.uid] = None
        if len(self._absent) > _ABSENT:
            del self._absent[next(iter(self._absent))]
        self._unlink_owners(item, owners_of(obj))

    def _unlink_owners(self, item: ObjectReference, owners: list[Object]) -> None:
        for owner in owners:
            of_owner = self._dependents.get(owner["uid"], {})
            of_owner.pop(item.uid, None)
            if not of_owner:
                self._dependents.pop(owner["uid"], None)
