"""The verbs of the API, independent of HTTP: the in-process client and the HTTP handlers both come through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from bot.sandbox.clock import Clock
from bot.sandbox.cluster import admission_pods, deletion, event_versions, managers, prepare
from bot.sandbox.cluster.allocation import Allocator
from bot.sandbox.cluster.contract import Object, Ref
from bot.sandbox.cluster.kinds import Kinds
from bot.sandbox.cluster.operations import DeleteOptions, Review, Target, Write
from bot.sandbox.cluster.refusals import already_exists, bad_request, conflict, forbidden, needs_version, not_found
from bot.sandbox.cluster.store import Record, Store

NAMESPACES = Ref("", "namespaces")
_ACCOUNTS = Ref("", "serviceaccounts")
_TRIES = 20
"""How often a write that carries no version starts again when another write came between."""


class Admission(Protocol):
    """What may change or refuse an object before it is stored."""

    async def mutate(self, review: Review) -> Object: ...

    async def validate(self, review: Review) -> None: ...


class Follower(Protocol):
    """What acts at once on what was stored (CRDs)."""

    def stored(self, kind_ref: Ref, new: Object | None, old: Object | None) -> None: ...


class Api:
    """All verbs on all types. Reads are synchronous; writes wait for admission."""

    def __init__(self, store: Store, kinds: Kinds, clock: Clock, admission: Admission, follower: Follower) -> None:
        self.store, self.kinds, self.clock = store, kinds, clock
        self._admission, self._follower = admission, follower
        self._addresses = Allocator()

    def get(self, target: Target) -> Record:
        """One object; raises ApiError(404)."""
        record = self.store.get(target.kind.stored, target.namespace, target.name)
        if record is None:
            raise not_found(target.kind, target.name)
        return record

    async def create(self, target: Target, obj: Any, write: Write) -> Record:
        """Stores a new object."""
        new = prepare.decoded(target, obj)
        prepare.named(new, target.kind)
        return await self._create(target, new, write, applied=False)

    async def _create(self, target: Target, obj: Object, write: Write, *, applied: bool) -> Record:
        target = replace(target, name=obj["metadata"]["name"])
        self._check_namespace(target)
        now = self.clock.stamp()
        if applied:
            entry = prepare.writer(target, write, now, managers.APPLY)
            owned = managers.after_apply(_empty(obj), obj, prepare.node_of(target), entry, force=True)
            new = prepare.stamped(target, obj, now)
            new["metadata"]["managedFields"] = owned["metadata"].get("managedFields", [])
        else:
            new = prepare.created(target, prepare.stamped(target, obj, now), write, now)
        self._complete(target, new)
        new = await self._admit(target, "CREATE", new, None, write)
        if self.store.get(target.kind.stored, target.namespace, target.name):
            raise already_exists(target.kind, target.name)
        self._check_namespace(target)
        if write.dry_run:
            return Record(new, 0)
        return self._commit(target, new, None)

    def _complete(self, target: Target, new: Object) -> None:
        """What Kubernetes' own admission adds to pods and Services."""
        if target.kind.custom:
            return
        if target.kind.kind == "Service":
            self._addresses.complete(new)
        elif target.kind.kind == "Pod":
            name = new.get("spec", {}).get("serviceAccountName") or "default"
            account = self.store.get(_ACCOUNTS, target.namespace, name)
            if account is None and name != "default":
                missing = (
                    f'error looking up service account {target.namespace}/{name}: serviceaccount "{name}" not found'
                )
                raise forbidden(target.kind, new["metadata"].get("generateName") or target.name, missing)
            admission_pods.complete(new, account=account.obj if account else None)

    async def _admit(self, target: Target, operation: str, new: Object, old: Object | None, write: Write) -> Object:
        labels = self._namespace_labels(target)
        review = Review(target, operation, new, old, write, labels)
        if target.subresource not in ("status", "finalize"):
            changed = await self._admission.mutate(review)
            if changed is not new:
                prepare.fill_defaults(target, changed)
                new = prepare.with_generation(target, old, changed) if old else changed
        prepare.check(target, new, old)
        await self._admission.validate(replace(review, obj=new))
        return new

    def _namespace_labels(self, target: Target) -> dict[str, str]:
        name = target.name if target.kind.ref == NAMESPACES else target.namespace
        record = self.store.get(NAMESPACES, "", name) if name else None
        return (record.obj["metadata"].get("labels") or {}) if record else {}

    def _check_namespace(self, target: Target) -> None:
        if not target.kind.namespaced:
            return
        record = self.store.get(NAMESPACES, "", target.namespace)
        if record is None:
            raise not_found(self.kinds.get(NAMESPACES) or target.kind, target.namespace)
        if record.obj["metadata"].get("deletionTimestamp"):
            cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace",
                     "message": f"namespace {target.namespace} is being terminated"}  # fmt: skip
            why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
            raise forbidden(target.kind, target.name, why, [cause])

    async def update(self, target: Target, obj: Any, write: Write) -> Record:
        """Replaces an object (PUT)."""
        new = prepare.decoded(target, obj)

        def change(live: Object) -> Object:
            prepare.require_version(target, new, live)
            if target.kind.custom and not new["metadata"].get("resourceVersion") and not target.subresource:
                raise needs_version(target.kind, target.name)
            return prepare.updated(target, live, new, write, self.clock.stamp())

        return await self._change(target, change, write, versioned=bool(new["metadata"].get("resourceVersion")))

    async def patch(self, target: Target, patched: Callable[[Object], Any], write: Write) -> Record:
        """Changes an object by a function from the live one to the wanted one (which may share its parts)."""

        def change(live: Object) -> Object:
            shown = event_versions.to_new(live) if target.kind.stored_as else live
            wanted = patched({**shown, "apiVersion": target.api_version})
            new = prepare.decoded(target, wanted)
            prepare.require_version(target, new, live)
            return prepare.updated(target, live, new, write, self.clock.stamp())

        return await self._change(target, change, write)

    async def apply(self, target: Target, config: Any, write: Write) -> tuple[Record, bool]:
        """Server-side apply; the flag says whether the object was created."""
        wanted = prepare.decoded(target, config)
        wanted["metadata"]["name"] = target.name
        if wanted["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        exists = self.store.get(target.kind.stored, target.namespace, target.name)
        if exists is None:
            if target.subresource:
                raise not_found(target.kind, target.name)
            return await self._create(target, wanted, write, applied=True), True

        def change(live: Object) -> Object:
            prepare.require_version(target, wanted, live)
            return prepare.applied(target, live, wanted, write, self.clock.stamp())

        return await self._change(target, change, write), False

    async def _change(
        self, target: Target, change: Callable[[Object], Object], write: Write, *, versioned: bool = False
    ) -> Record:
        for _ in range(1 if versioned else _TRIES):
            live = self.get(target)
            new = change(live.obj)
            if new == live.obj:
                return live
            if target.kind.kind == "Service" and not target.kind.custom and not target.subresource:
                self._addresses.complete(new)
            new = await self._admit(target, "UPDATE", new, live.obj, write)
            if self.store.get(target.kind.stored, target.namespace, target.name) is not live:
                continue
            if write.dry_run or new == live.obj:
                return Record(new, live.revision)
            return self._commit(target, new, live.obj)
        raise conflict(target.kind, target.name)

    def _commit(self, target: Target, new: Object, old: Object | None) -> Record:
        ref = target.kind.stored
        if old is not None and deletion.is_over(new):
            record = self.store.drop(ref, target.namespace, target.name, last=new) or Record(new, 0)
            self._follower.stored(ref, None, old)
            return record
        record = self.store.put(ref, new)
        self._follower.stored(ref, record.obj, old)
        return record

    async def delete(self, target: Target, options: DeleteOptions, write: Write) -> tuple[Record, bool]:
        """Deletes; the flag says whether the object is gone already (else it waits for finalizers or its grace)."""
        for _ in range(_TRIES):
            live = self.get(target)
            deletion.check_preconditions(target, live.obj, options)
            labels = self._namespace_labels(target)
            await self._admission.validate(Review(target, "DELETE", None, live.obj, write, labels))
            if self.store.get(target.kind.stored, target.namespace, target.name) is not live:
                continue
            left, gone = deletion.marked(target, live.obj, options, self.clock.now())
            if write.dry_run:
                return Record(left, live.revision), gone
            return self._carry_out(target, live, left, gone=gone)
        raise conflict(target.kind, target.name)

    def _carry_out(self, target: Target, live: Record, left: Object, *, gone: bool) -> tuple[Record, bool]:
        ref = target.kind.stored
        if gone:
            record = self.store.drop(ref, target.namespace, target.name, last=left) or live
            if target.kind.kind == "Service":
                self._addresses.release(live.obj)
            self._follower.stored(ref, None, live.obj)
            return record, True
        if left == live.obj:
            return live, False
        record = self.store.put(ref, left)
        self._follower.stored(ref, record.obj, live.obj)
        return record, False


def _empty(obj: Object) -> Object:
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": {}}
