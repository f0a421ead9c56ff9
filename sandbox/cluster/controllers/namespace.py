"""The namespace controller: fills new namespaces and empties terminating ones.

Each namespace gets a service account and the root certificate; the contents of a
terminating namespace go first, then itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from sandbox.cluster.contract import ApiError, Object, Ref
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import (
    CONFIG_MAPS,
    EVENTS,
    NAMESPACES,
    SERVICE_ACCOUNTS,
    Key,
    find_condition,
    is_deleting,
    key_of,
)

ROOT_CA = "kube-root-ca.crt"
_DESCRIPTION = "kubernetes.io/description"
_ABOUT_ROOT_CA = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across "
    "distributions of Kubernetes "
    "clusters."
)


class ServedKind(Protocol):
    """The facts of a resource type that the controllers of this package need."""

    @property
    def ref(self) -> Ref: ...
    @property
    def kind(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def namespaced(self) -> bool: ...
    @property
    def verbs(self) -> tuple[str, ...]: ...


class NamespaceController:
    """Runs on namespaces. `kinds` is asked anew each time, since CRDs add types."""

    def __init__(
        self, context: ControllerContext, kinds: Iterable[ServedKind], root_ca: str
    ) -> None:
        self._context = context
        self._kinds = kinds
        self._root_ca = root_ca
        self._namespaces = context.informers.for_resource(NAMESPACES)
        self._accounts = context.informers.for_resource(SERVICE_ACCOUNTS)
        self._maps = context.informers.for_resource(CONFIG_MAPS)
        self.queue = context.start_queue("namespace", self.sync, workers=10)
        self._namespaces.add_listener(enqueue_for_object(self.queue))
        # Both are made again for as long as the namespace lives.
        self._accounts.add_listener(self._on_content_removed)
        self._maps.add_listener(self._on_content_removed)

    def _on_content_removed(self, before: Object | None, after: Object | None) -> None:
        if after is None and before is not None:
            self.queue.add(Key("", before["metadata"]["namespace"]))

    def on_object_removed(self, obj: Object) -> None:
        """Requeue a terminating namespace that waited for this object.

        The garbage collector calls it, because it watches every type.
        """
        key = Key("", obj["metadata"].get("namespace", ""))
        namespace = self._namespaces.get(key)
        if namespace is not None and is_deleting(namespace):
            self.queue.add(key)

    async def sync(self, key: Key) -> None:
        """Reconcile one namespace: create its default objects, or delete its contents."""
        namespace = self._namespaces.get(key)
        if namespace is None:
            return
        if not is_deleting(namespace):
            await self._create_default_objects(key.name)
        elif "kubernetes" in (namespace["spec"].get("finalizers") or ()):
            await self._delete_contents(namespace)

    async def _create_default_objects(self, name: str) -> None:
        wanted = []
        if self._maps.get(Key(name, ROOT_CA)) is None:
            meta = {
                "name": ROOT_CA,
                "namespace": name,
                "annotations": {_DESCRIPTION: _ABOUT_ROOT_CA},
            }
            data = {"ca.crt": self._root_ca}
            wanted.append(
                (
                    self._maps,
                    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data},
                )
            )
        if self._accounts.get(Key(name, "default")) is None:
            account = {"name": "default", "namespace": name}
            wanted.append(
                (
                    self._accounts,
                    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
                )
            )
        for informer, obj in wanted:
            try:
                informer.observe(await self._context.client.create(obj))
            except ApiError as error:
                # Somebody has made it already, or the namespace is going: both are well.
                if error.code != 409 and "because it is being terminated" not in error.message:
                    raise

    async def _delete_contents(self, namespace: Object) -> None:
        name = namespace["metadata"]["name"]
        left: dict[str, int] = {}
        finalizers: Counter[str] = Counter()
        for kind in self._list_deletable_kinds():
            await asyncio.sleep(0)  # fifty types in one go would hold up the loop
            remaining = await self._delete_all_of_type(kind.ref, name)
            if remaining:
                left[f"{kind.ref.plural}.{kind.group}"] = len(remaining)
            for obj in remaining:
                finalizers.update(obj["metadata"].get("finalizers") or ())
        if left:
            await self._write_conditions(namespace, left, finalizers)
            return
        # Events come last and nothing waits for them: the end of everything else makes more.
        await self._delete_all_of_type(EVENTS, name)
        spec = {
            **namespace["spec"],
            "finalizers": [f for f in namespace["spec"]["finalizers"] if f != "kubernetes"],
        }
        try:
            await self._context.client.update({**namespace, "spec": spec}, subresource="finalize")
        except ApiError as error:
            if error.code != 404:
                raise
        await self._namespaces.refresh(key_of(namespace))

    def _list_deletable_kinds(self) -> list[ServedKind]:
        return [
            kind
            for kind in self._kinds
            if kind.namespaced and kind.kind != "Event" and {"delete", "list"} <= set(kind.verbs)
        ]

    async def _delete_all_of_type(self, ref: Ref, namespace: str) -> list[Object]:
        """Delete all objects of one type and return what remains.

        What remains waits for its finalizers or its grace period.
        """
        try:
            objects = await self._context.client.list(ref, namespace)
            for obj in objects:
                if not is_deleting(obj):
                    await self._context.delete_object(
                        ref, key_of(obj)
                    ) if ref != EVENTS else await self._context.client.delete(
                        ref, obj["metadata"]["name"], namespace
                    )
            return await self._context.client.list(ref, namespace) if objects else []
        except ApiError as error:
            if error.code == 404:
                return []
            raise

    async def _write_conditions(
        self, namespace: Object, left: Mapping[str, int], finalizers: Counter[str]
    ) -> None:
        stamp = self._context.clock.format_timestamp()
        known: list[Object] = namespace.get("status", {}).get("conditions") or []
        conditions = []
        for kind, status, reason, message in _describe_remaining_content(left, finalizers):
            before = find_condition(known, kind)
            same = before is not None and before["status"] == status
            since = before["lastTransitionTime"] if before and same else stamp
            conditions.append(
                {
                    "type": kind,
                    "status": status,
                    "reason": reason,
                    "message": message,
                    "lastTransitionTime": since,
                }
            )
        if conditions != known:
            status_now = {**namespace.get("status", {}), "conditions": conditions}
            await self._context.update_status(NAMESPACES, {**namespace, "status": status_now})


def _describe_remaining_content(
    left: Mapping[str, int], finalizers: Counter[str]
) -> list[tuple[str, str, str, str]]:
    """Return a terminating namespace's five conditions: (type, status, reason, message)."""
    remaining = ", ".join(
        f"{name} has {count} resource instances" for name, count in sorted(left.items())
    )
    waiting = ", ".join(
        f"{name} in {count} resource instances" for name, count in sorted(finalizers.items())
    )
    content = (
        ("True", "SomeResourcesRemain", f"Some resources are remaining: {remaining}")
        if left
        else ("False", "ContentRemoved", "All content successfully removed")
    )
    final = (
        (
            "True",
            "SomeFinalizersRemain",
            f"Some content in the namespace has finalizers remaining: {waiting}",
        )
        if finalizers
        else ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished")
    )
    return [
        (
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        ("NamespaceContentRemaining", *content),
        ("NamespaceFinalizersRemaining", *final),
    ]
