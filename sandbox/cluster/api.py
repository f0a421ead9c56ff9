"""The verbs of the API, independent of HTTP: the in-process client and the HTTP handlers both come
through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from sandbox.clock import Clock
from sandbox.cluster.admission import pods
from sandbox.cluster.api_refusals import (
    UnknownFieldError,
    already_exists_error,
    bad_request_error,
    conflict_error,
    forbidden_error,
    missing_version_error,
    not_found_error,
    untyped_patch_error,
)
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.kinds import Kinds
from sandbox.cluster.merging import managed_fields
from sandbox.cluster.operations import AdmissionRequest, DeleteOptions, Target, WriteOptions
from sandbox.cluster.registry import conversions, deletion, strategy
from sandbox.cluster.registry.allocation import ServiceAllocator
from sandbox.cluster.registry.namespace_rules import read_namespace_labels, require_live_namespace
from sandbox.cluster.registry.store_writer import StoreWriter, WriteListener
from sandbox.cluster.store import Record, Store

_ACCOUNTS = Ref("", "serviceaccounts")
_PRIORITY_CLASSES = Ref("scheduling.k8s.io", "priorityclasses")
_TRIES = 20
"""How often a write that carries no version starts again when another write came between."""


class Admission(Protocol):
    """The admission step: it may change or refuse an object before it is stored."""

    async def mutate(self, review: AdmissionRequest) -> Object: ...

    async def validate(self, review: AdmissionRequest) -> None: ...


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
        self._admission = admission
        self._addresses = ServiceAllocator()
        self._writer = StoreWriter(store, self._addresses, follower)

    def get(self, target: Target) -> Record:
        """Return one object's record; raise ApiError(404) when it is not there."""
        record = self.store.get(target.kind.stored, target.namespace, target.name)
        if record is None:
            raise not_found_error(target.kind, target.name)
        return record

    async def create(self, target: Target, obj: Any, write: WriteOptions) -> Record:
        """Store a new object and return its record."""
        new = strategy.decode_object(target, obj, write)
        strategy.ensure_name(new, target.kind)
        return await self._create_object(target, new, write, applied=False)

    async def _create_object(
        self, target: Target, obj: Object, write: WriteOptions, *, applied: bool
    ) -> Record:
        target = replace(target, name=obj["metadata"]["name"])
        require_live_namespace(self.store, self.kinds, target)
        now = self.clock.format_timestamp()
        if applied:
            new = _prepare_applied(target, obj, write, now)
        else:
            new = strategy.track_creation(
                target, strategy.prepare_new_object(target, obj, now), write, now
            )
        self._complete_object(target, new)
        new = await self._run_admission(target, "CREATE", new, None, write)
        # Webhooks take time: another request may have taken the name or ended the namespace.
        if self.store.get(target.kind.stored, target.namespace, target.name):
            raise already_exists_error(target.kind, target.name)
        require_live_namespace(self.store, self.kinds, target)
        if write.dry_run:
            return Record(new, 0)
        return self._writer.write_object(target, new, None)

    def _complete_object(self, target: Target, new: Object) -> None:
        """Add what Kubernetes' own admission adds to pods and Services."""
        if target.kind.custom:
            return
        if target.kind.kind == "Service":
            self._addresses.allocate_addresses(new)
        elif target.kind.kind == "Pod":
            _check_priority_class(self.store, target, new)
            account = _find_service_account(self.store, target, new)
            pods.complete_pod(new, account=account)

    async def _run_admission(
        self, target: Target, operation: str, new: Object, old: Object | None, write: WriteOptions
    ) -> Object:
        labels = read_namespace_labels(self.store, target)
        review = AdmissionRequest(target, operation, new, old, write, labels)
        if target.subresource not in ("status", "finalize"):
            changed = await self._admission.mutate(review)
            if changed is not new:
                strategy.set_defaults(target, changed)
                new = strategy.bump_generation(target, old, changed) if old else changed
        strategy.validate_object(target, new, old)
        await self._admission.validate(replace(review, obj=new))
        return new

    async def update(self, target: Target, obj: Any, write: WriteOptions) -> Record:
        """Replace an object (PUT) and return its record."""
        new = strategy.decode_object(target, obj, write)

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
            wanted = patched(conversions.convert_from_stored(target.kind, live, target.api_version))
            new = strategy.decode_object(target, wanted, write)
            strategy.require_current_version(target, new, live)
            return strategy.prepare_update(target, live, new, write, self.clock.format_timestamp())

        return await self._change_with_retries(target, change, write)

    async def apply(self, target: Target, config: Any, write: WriteOptions) -> tuple[Record, bool]:
        """Apply a configuration (server-side apply).

        The flag returned says whether the object was created.
        """
        try:
            wanted = strategy.decode_object(
                target, config, replace(write, field_validation="Strict")
            )
        except UnknownFieldError as refused:
            place = f"{config['metadata'].get('namespace', '')}/{target.name}"
            kind = target.kind.kind
            raise untyped_patch_error(target.api_version, kind, place, refused.fields[0]) from None
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
        # A client that names a version means that version alone: a second try could only fail.
        for _ in range(1 if versioned else _TRIES):
            live = self.get(target)
            new = change(live.obj)
            # A write that changes nothing keeps its resourceVersion and wakes no watch.
            if new == live.obj:
                return live
            if target.kind.kind == "Service" and not target.kind.custom and not target.subresource:
                self._addresses.keep_addresses(live.obj, new)
                self._addresses.allocate_addresses(new)
            new = await self._run_admission(target, "UPDATE", new, live.obj, write)
            # Another write came while admission waited. The change is made again from what is
            # stored now, so that neither write is lost.
            if self.store.get(target.kind.stored, target.namespace, target.name) is not live:
                continue
            if write.dry_run or new == live.obj:
                return Record(new, live.revision)
            return self._writer.write_object(target, new, live.obj)
        raise conflict_error(target.kind, target.name)

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
            labels = read_namespace_labels(self.store, target)
            await self._admission.validate(
                AdmissionRequest(target, "DELETE", None, live.obj, write, labels)
            )
            if self.store.get(target.kind.stored, target.namespace, target.name) is not live:
                continue
            left, gone = deletion.mark_for_deletion(target, live.obj, options, self.clock.now())
            if write.dry_run:
                return Record(left, live.revision), gone
            if gone:
                return self._writer.drop_object(target, live, left), True
            return self._writer.write_terminating(target, live, left), False
        raise conflict_error(target.kind, target.name)


def _build_empty_object(obj: Object) -> Object:
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": {}}


def _prepare_applied(target: Target, config: Object, write: WriteOptions, now: str) -> Object:
    """Return the object that an applied configuration creates, owned by its applier."""
    entry = strategy.build_writer_entry(target, write, now, managed_fields.APPLY)
    owned = managed_fields.apply_configuration(
        _build_empty_object(config), config, strategy.get_merge_schema(target), entry, force=True
    )
    new = strategy.prepare_new_object(target, config, now)
    new["metadata"]["managedFields"] = owned["metadata"].get("managedFields", [])
    return new


def _check_priority_class(store: Store, target: Target, pod: Object) -> None:
    """Raise ApiError(403) for a pod whose PriorityClass is missing; two are Kubernetes' own."""
    name = pod.get("spec", {}).get("priorityClassName", "")
    if name in ("", *pods.PRIORITIES) or store.get(_PRIORITY_CLASSES, "", name) is not None:
        return
    who = pod["metadata"].get("generateName") or target.name
    raise forbidden_error(target.kind, who, f"no PriorityClass with name {name} was found")


def _find_service_account(store: Store, target: Target, pod: Object) -> Object | None:
    """Return the ServiceAccount of a new pod; raise ApiError(403) when the one named is missing."""
    name = pod.get("spec", {}).get("serviceAccountName") or "default"
    account = store.get(_ACCOUNTS, target.namespace, name)
    if account is not None:
        return account.obj
    # A controller makes each namespace's account "default" in its own time; the pods that come
    # before it are let in without one.
    if name == "default":
        return None
    missing = (
        f"error looking up service account {target.namespace}/{name}: serviceaccount "
        f'"{name}" not found'
    )
    raise forbidden_error(target.kind, pod["metadata"].get("generateName") or target.name, missing)
