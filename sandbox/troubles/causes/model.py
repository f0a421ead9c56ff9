"""The vocabulary of the causes: a cause, what it changes in the cluster, and what it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.merging.patches import apply_json_patch, apply_merge_patch


@dataclass(frozen=True)
class Target:
    """The objects that a change is about: one by name, or all whose labels fit the selector.

    Namespace "" means cluster-scoped, or all namespaces.
    """

    ref: Ref
    namespace: str = ""
    name: str = ""
    labels: str = ""


@dataclass(frozen=True)
class Patch:
    """A change of objects that are there: a merge patch (RFC 7386), then a JSON patch (RFC 6902),
    then `text`, which are (JSON pointer, regular expression, replacement) for fields that hold a
    document of their own, as those of a ConfigMap.
    """

    target: Target
    merge: Object = field(default_factory=dict)
    operations: tuple[Object, ...] = ()
    text: tuple[tuple[str, str, str], ...] = ()

    def edit(self, obj: Object) -> Object:
        """Return the object as it is after the patch.

        Raises ApiError where the JSON patch does not fit.
        """
        changed: Object = apply_merge_patch(obj, self.merge)
        changed = apply_json_patch(changed, [*self.operations])
        for pointer, pattern, replacement in self.text:
            *path, last = pointer.removeprefix("/").split("/")
            holder = changed
            for part in path:
                holder = holder[part]
            holder[last] = re.sub(pattern, replacement, holder[last])
        return changed


@dataclass(frozen=True)
class Create:
    """An object that comes; where it is there already, its spec is replaced."""

    ref: Ref
    manifest: Object


@dataclass(frozen=True)
class Delete:
    """Objects that go."""

    target: Target


@dataclass(frozen=True)
class Replace:
    """Pods that are deleted, so that others come in their place: now, and when it is undone."""

    target: Target


@dataclass(frozen=True)
class Pause:
    """Simulated seconds until the next change, for what is told by the age of objects."""

    seconds: float


Change = Patch | Create | Delete | Replace | Pause


@dataclass(frozen=True)
class Requirement:
    """Something that has to be in the cluster, or with `absent` must not be: objects, with that
    annotation if one is named. `missing` says in words that it is not so.
    """

    target: Target
    missing: str
    annotation: str = ""
    absent: bool = False


@dataclass(frozen=True)
class Cause:
    """One entry: the id of docs/causes.md, what is done and what to expect in plain words, names of
    requirements, and the changes in their order.
    """

    id: str
    subject: str
    label: str
    expect: str
    needs: tuple[str, ...]
    changes: tuple[Change, ...]


Requirements = Mapping[str, Requirement]
