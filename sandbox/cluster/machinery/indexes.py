"""What an informer keeps beside its objects: indexes to find them by, and the uids of those that
are gone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import controller_of, owners_of

Index = Callable[[Object], Iterable[str]]
"""Gives the values under which an object is to be found."""

Place = tuple[str, str]
"""(namespace, name); the namespace of cluster-scoped objects is ""."""

_TOMBSTONES = 5000
"""Uids of removed objects that are remembered, so that a late answer does not bring one back."""


class Indexes:
    """Objects by the values of index functions.

    There are always three: `namespace`, `owner` (uid), `orphan` (the namespace of those that no
    controller owns).
    """

    def __init__(self) -> None:
        self._functions: dict[str, Index] = {
            "namespace": _index_by_namespace,
            "owner": _index_by_owner,
            "orphan": _index_orphans,
        }
        self._found: dict[str, dict[str, dict[Place, Object]]] = {
            name: {} for name in self._functions
        }

    def add(self, name: str, function: Index, objects: Mapping[Place, Object]) -> None:
        """Add an index of the objects that are there; safe to call again with the same name."""
        if name in self._functions:
            return
        self._functions[name] = function
        self._found[name] = {}
        for place, obj in objects.items():
            self._update_index(name, place, None, obj)

    def list_objects(self, name: str, value: str) -> list[Object]:
        """Return the objects that an index holds under a value."""
        return list(self._found[name].get(value, {}).values())

    def update(self, place: Place, before: Object | None, after: Object | None) -> None:
        """Take in that the object at a place has come, changed or gone."""
        for name in self._functions:
            self._update_index(name, place, before, after)

    def _update_index(
        self, name: str, place: Place, before: Object | None, after: Object | None
    ) -> None:
        function, index = self._functions[name], self._found[name]
        new = set(function(after)) if after is not None else set()
        for value in set(function(before)) - new if before is not None else ():
            bucket = index.get(value, {})
            bucket.pop(place, None)
            # Owners' uids never come back, so that empty buckets would only pile up.
            if not bucket:
                index.pop(value, None)
        for value in new:
            index.setdefault(value, {})[place] = after or {}


class Tombstones:
    """The uids of the objects that were removed last."""

    def __init__(self) -> None:
        self._order: deque[str] = deque(maxlen=_TOMBSTONES)
        self._uids: set[str] = set()

    def __contains__(self, uid: str) -> bool:
        return uid in self._uids

    def add(self, uid: str) -> None:
        """Remember a uid; the oldest is forgotten when there are too many."""
        if uid in self._uids:
            return
        if len(self._order) == _TOMBSTONES:
            self._uids.discard(self._order[0])
        self._order.append(uid)
        self._uids.add(uid)


def _index_by_namespace(obj: Object) -> Iterable[str]:
    return (obj["metadata"].get("namespace", ""),)


def _index_by_owner(obj: Object) -> Iterable[str]:
    return tuple(owner["uid"] for owner in owners_of(obj))


def _index_orphans(obj: Object) -> Iterable[str]:
    return () if controller_of(obj) else _index_by_namespace(obj)
