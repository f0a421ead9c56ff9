"""The in-process way to the API: what controllers and programs inside the cluster use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from sandbox.cluster.api import Api
from sandbox.cluster.api_refusals import bad_request_error, unknown_path_error
from sandbox.cluster.contract import ApiError, Client, Object, Ref, WatchEvent
from sandbox.cluster.machinery import selectors
from sandbox.cluster.merging import patches
from sandbox.cluster.operations import DeleteOptions, Target, WriteOptions


class LocalClient:
    """`contract.Client` on an Api."""

    def __init__(self, api: Api, manager: str) -> None:
        self._api, self.manager = api, manager

    def _build_target(
        self, ref: Ref, name: str = "", namespace: str = "", subresource: str = ""
    ) -> Target:
        kind = self._api.kinds.get(ref)
        if kind is None:
            raise unknown_path_error()
        return Target(kind, namespace if kind.namespaced else "", name, subresource)

    def _build_object_target(self, obj: Object, subresource: str = "") -> Target:
        group_version = str(obj.get("apiVersion", ""))
        kind = self._api.kinds.find_for_object(group_version, str(obj.get("kind", "")))
        if kind is None:
            raise ApiError(
                404,
                "NotFound",
                f'no matches for kind "{obj.get("kind")}" in version "{group_version}"',
            )
        metadata = obj["metadata"]
        target = self._build_target(
            kind.ref, metadata.get("name", ""), metadata.get("namespace", ""), subresource
        )
        if kind.namespaced and not target.namespace:
            raise bad_request_error(f"an object of kind {kind.kind} needs a namespace")
        return replace(target, version=group_version.rpartition("/")[2])

    async def get(self, ref: Ref, name: str, namespace: str = "") -> Object | None:
        target = self._build_target(ref, name, namespace)
        record = self._api.store.get(ref, target.namespace, name)
        return record.obj if record else None

    async def list(self, ref: Ref, namespace: str = "", labels: str = "") -> list[Object]:
        self._build_target(ref)
        matches = selectors.make_matcher(labels, "", ref.plural)
        records = self._api.store.iterate_records(ref, namespace)
        return [record.obj for record in records if matches is None or matches(record.obj)]

    async def create(self, obj: Object) -> Object:
        target = replace(self._build_object_target(obj), name="")
        return (await self._api.create(target, obj, WriteOptions(self.manager))).obj

    async def update(self, obj: Object, *, subresource: str = "") -> Object:
        return (
            await self._api.update(
                self._build_object_target(obj, subresource), obj, WriteOptions(self.manager)
            )
        ).obj

    async def merge(
        self, ref: Ref, name: str, namespace: str, patch: Object, *, subresource: str = ""
    ) -> Object:
        target = self._build_target(ref, name, namespace, subresource)
        record = await self._api.patch(
            target, lambda live: patches.apply_merge_patch(live, patch), WriteOptions(self.manager)
        )
        return record.obj

    async def apply(self, obj: Object, *, force: bool = True, subresource: str = "") -> Object:
        record, _ = await self._api.apply(
            self._build_object_target(obj, subresource),
            obj,
            WriteOptions(self.manager, force=force),
        )
        return record.obj

    async def delete(
        self, ref: Ref, name: str, namespace: str = "", *, grace: int | None = None
    ) -> None:
        await self._api.delete(
            self._build_target(ref, name, namespace),
            DeleteOptions(grace=grace),
            WriteOptions(self.manager),
        )

    async def watch(self, ref: Ref, namespace: str = "") -> AsyncIterator[WatchEvent]:
        self._build_target(ref)
        watcher = self._api.store.watch(ref)
        existing = list(self._api.store.iterate_records(ref, namespace))
        try:
            for record in existing:
                yield WatchEvent("ADDED", record.obj)
            async for change in watcher.iterate_changes():
                if not namespace or change.record.key[0] == namespace:
                    yield WatchEvent(change.type, change.record.obj)
        finally:
            watcher.close()

    def acting_as(self, manager: str) -> Client:
        """Return the same API under another field manager."""
        return LocalClient(self._api, manager)
