"""The verbs of the API, independent of HTTP: the in-process client and the HTTP handlers both come
through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from sandbox.clock import Clock
from sandbox.cluster.admission import pods
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.kinds import Kinds
from sandbox.cluster.merging import managed_fields
from sandbox.cluster.operations import AdmissionRequest, DeleteOptions, Target, WriteOptions
from sandbox.cluster.refusals import (
    already_exists_error,
    bad_request_error,
    conflict_error,
    forbidden_error,
    missing_version_error,
    not_found_error,
)
from sandbox.cluster.registry import deletion, event_versions, strategy
from sandbox.cluster.registry.allocation import ServiceAllocator
from sandbox.cluster.store import Record, Store

NAMESPACES = Ref("", "namespaces")
_ACCOUNTS = Ref("", "serviceaccounts")
_TRIES = 20
"""How often a write that carries no version starts again when another write came between."""


class Admission(Protocol):
    """The admission step: it may change or refuse an object before it is stored."""

    async def mutate(self, review: AdmissionRequest) -> Object: ...

    async def validate(self, review: AdmissionRequest) -> None: ...


class WriteListener(Protocol):
    """Something that acts at once on each stored change (the CRDs' controller does)."""

    def stored(self, kind_ref: Ref, new: Object | None, old: Object | None) -> None: ...


class Api:
    """All verbs on all types. Reads are synchronous; writes wait for admission."""

    def __init__(
        self,
        store: Store,
        kinds: Kinds,
        clock: Clock,
        admission: Admission,
        follower: WriteListener,
    ) -> None:
        self.store, self.kinds, self.clock = store, kinds, clock
        self._admission, self._follower = admission, follower
        self._addresses = ServiceAllocator()

    def get(self, target: Target) -> Record:
        """Return one object's record; raise ApiError(404) when it is not there."""
        record = self.store.get(target.kind.stored, target.namespace, target.name)
        if record is None:
            raise not_found_error(target.kind, target.name)
        return record

    async def create(self, target: Target, obj: Any, write: WriteOptions) -> Record:
        """Store a new object and return its record."""
        new = strategy.decode_object(target, obj)
        strategy.ensure_name(new, target.kind)
        return await self._create_object(target, new, write, applied=False)

    async def _create_object(
        self, target: Target, obj: Object, write: WriteOptions, *, applied: bool
    ) -> Record:
        target = replace(target, name=obj["metadata"]["name"])
        self._require_live_namespace(target)
        now = self.clock.format_timestamp()
        if applied:
            entry = strategy.build_writer_entry(target, write, now, managed_fields.APPLY)
            owned = managed_fields.apply_configuration(
                _build_empty_object(obj), obj, strategy.get_merge_schema(target), entry, force=True
            )
            new = strategy.prepare_new_object(target, obj, now)
            new["metadata"]["managedFields"] = owned["metadata"].get("managedFields", [])
        else:
            new = strategy.track_creation(
                target, strategy.prepare_new_object(target, obj, now), write, now
            )
        self._complete_object(target, new)
        new = await self._run_admission(target, "CREATE", new, None, write)
        if self.store.get(target.kind.stored, target.namespace, target.name):
            raise already_exists_error(target.kind, target.name)
        self._require_live_namespace(target)
        if write.dry_run:
            return Record(new, 0)
        return self._commit_change(target, new, None)

    def _complete_object(self, target: Target, new: Object) -> None:
        """Add what Kubernetes' own admission adds to pods and Services."""
        if target.kind.custom:
            return
        if target.kind.kind == "Service":
            self._addresses.allocate_addresses(new)
        elif target.kind.kind == "Pod":
            name = new.get("spec", {}).get("serviceAccountName") or "default"
            account = self.store.get(_ACCOUNTS, target.namespace, name)
            if account is None and name != "default":
                missing = (
                    f"error looking up service account {target.namespace}/{name}: serviceaccount "
                    f'"{name}" not found'
                )
                raise forbidden_error(
                    target.kind, new["metadata"].get("generateName") or target.name, missing
                )
            pods.complete_pod(new, account=account.obj if account else None)

    async def _run_admission(
        self, target: Target, operation: str, new: Object, old: Object | None, write: WriteOptions
    ) -> Object:
        labels = self._read_namespace_labels(target)
        review = AdmissionRequest(target, operation, new, old, write, labels)
        if target.subresource not in ("status", "finalize"):
            changed = await self._admission.mutate(review)
            if changed is not new:
                strategy.set_defaults(target, changed)
                new = strategy.bump_generation(target, old, changed) if old else changed
        strategy.validate_object(target, new, old)
        await self._admission.validate(replace(review, obj=new))
        return new

    def _read_namespace_labels(self, target: Target) -> dict[str, str]:
        name = target.name if target.kind.ref == NAMESPACES else target.namespace
        record = self.store.get(NAMESPACES, "", name) if name else None
        return (record.obj["metadata"].get("labels") or {}) if record else {}

    def _require_live_namespace(self, target: Target) -> None:
        if not target.kind.namespaced:
            return
        record = self.store.get(NAMESPACES, "", target.namespace)
        if record is None:
            raise not_found_error(self.kinds.get(NAMESPACES) or target.kind, target.namespace)
        if record.obj["metadata"].get("deletionTimestamp"):
            cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace",
                     "message": f"namespace {target.namespace} is being terminated"}  # fmt: skip
            why = (
                f"unable to create new content in namespace {target.namespace} because it is "
                f"being terminated"
            )
            raise forbidden_error(target.kind, target.name, why, [cause])

    async def update(self, target: Target, obj: Any, write: WriteOptions) -> Record:
        """Replace an object (PUT) and return its record."""
        new = strategy.decode_object(target, obj)

        def change(live: Object) -> Object:
            strategy.require_current_version(target, new, live)
            if (
                target.kind.custom
                and not new["metadata"].get("resourceVersion")
                and not target.subresource
            ):
                raise missing_version_error(target.kind, target.name)
            return strategy.prepare_update(target, live, new, write, self.clock.format_timestamp())

        return await self._change_with_retries(
            target, change, write, versioned=bool(new["metadata"].get("resourceVersion"))
        )

    async def patch(
        self, target: Target, patched: Callable[[Object], Any], write: WriteOptions
    ) -> Record:
        """Change an object by a function from the live one to the wanted one.

        The wanted object may share parts of the live one.
        """

        def change(live: Object) -> Object:
            shown = event_versions.to_events_v1(live) if target.kind.stored_as else live
            wanted = patched({**shown, "apiVersion": target.api_version})
            new = strategy.decode_object(target, wanted)
            strategy.require_current_version(target, new, live)
            return strategy.prepare_update(target, live, new, write, self.clock.format_timestamp())

        return await self._change_with_retries(target, change, write)

    async def apply(self, target: Target, config: Any, write: WriteOptions) -> tuple[Record, bool]:
        """Apply a configuration (server-side apply).

        The flag returned says whether the object was created.
        """
        wanted = strategy.decode_object(target, config)
        wanted["metadata"]["name"] = target.name
        if wanted["metadata"].get("managedFields"):
            raise bad_request_error("metadata.managedFields must be nil")
        exists = self.store.get(target.kind.stored, target.namespace, target.name)
        if exists is None:
            if target.subresource:
                raise not_found_error(target.kind, target.name)
            return await self._create_object(target, wanted, write, applied=True), True

        def change(live: Object) -> Object:
            strategy.require_current_version(target, wanted, live)
            return strategy.prepare_apply(
                target, live, wanted, write, self.clock.format_timestamp()
            )

        return await self._change_with_retries(target, change, write), False

    async def _change_with_retries(
        self,
        target: Target,
        change: Callable[[Object], Object],
        write: WriteOptions,
        *,
        versioned: bool = False,
    ) -> Record:
        for _ in range(1 if versioned else _TRIES):
            live = self.get(target)
            new = change(live.obj)
            if new == live.obj:
                return live
            if target.kind.kind == "Service" and not target.kind.custom and not target.subresource:
                self._addresses.allocate_addresses(new)
            new = await self._run_admission(target, "UPDATE", new, live.obj, write)
            if self.store.get(target.kind.stored, target.namespace, target.name) is not live:
                continue
            if write.dry_run or new == live.obj:
                return Record(new, live.revision)
            return self._commit_change(target, new, live.obj)
        raise conflict_error(target.kind, target.name)

    def _commit_change(self, target: Target, new: Object, old: Object | None) -> Record:
        ref = target.kind.stored
        if old is not None and deletion.is_deletion_complete(new):
            record = self.store.drop(ref, target.namespace, target.name, last=new) or Record(new, 0)
            self._follower.stored(ref, None, old)
            return record
        record = self.store.put(ref, new)
        self._follower.stored(ref, record.obj, old)
        return record

    async def delete(
        self, target: Target, options: DeleteOptions, write: WriteOptions
    ) -> tuple[Record, bool]:
        """Delete an object and return its last record.

        The flag says whether it is gone already; otherwise it waits for finalizers or its grace
        period.
        """
        for _ in range(_TRIES):
            live = self.get(target)
            deletion.check_preconditions(target, live.obj, options)
            labels = self._read_namespace_labels(target)
            await self._admission.validate(
                AdmissionRequest(target, "DELETE", None, live.obj, write, labels)
            )
            if self.store.get(target.kind.stored, target.namespace, target.name) is not live:
                continue
            left, gone = deletion.mark_for_deletion(target, live.obj, options, self.clock.now())
            if write.dry_run:
                return Record(left, live.revision), gone
            return self._commit_delete(target, live, left, gone=gone)
        raise conflict_error(target.kind, target.name)

    def _commit_delete(
        self, target: Target, live: Record, left: Object, *, gone: bool
    ) -> tuple[Record, bool]:
        ref = target.kind.stored
        if gone:
            record = self.store.drop(ref, target.namespace, target.name, last=left) or live
            if target.kind.kind == "Service":
                self._addresses.release_address(live.obj)
            self._follower.stored(ref, None, live.obj)
            return record, True
        if left == live.obj:
            return live, False
        record = self.store.put(ref, left)
        self._follower.stored(ref, record.obj, live.obj)
        return record, False


def _build_empty_object(obj: Object) -> Object:
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": {}}
