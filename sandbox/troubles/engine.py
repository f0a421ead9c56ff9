"""Producing causes in the embedded cluster, as their files say, and taking them back."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from itertools import product

from sandbox.cluster.contract import ApiError, Object, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.machinery.meta import PODS, annotations_of, is_deleting
from sandbox.troubles.causes import (
    SUBJECTS,
    Cause,
    Change,
    Create,
    Delete,
    Patch,
    Pause,
    Replace,
    Requirement,
    Target,
    load_causes,
    load_requirements,
)
from sandbox.troubles.controls import InjectableFault, Undo
from sandbox.troubles.memory import Memory, Place, find_place

MANAGER = "troublemaker"
ATTEMPTS = 5
"""How often a patch is tried that others' writes get in the way of."""

REPLACED_SECONDS, PAUSE = 5.0, 0.05
"""Wall seconds in which others have come in the place of deleted pods (which need not run yet),
and between two looks."""

Fields = tuple[str, ...]


def build_causes(cluster: EmbeddedCluster, namespace: str) -> tuple[InjectableFault, ...]:
    """Return every cause as a fault that can be injected, for Bookinfo in that namespace."""
    engine = CauseEngine(cluster, namespace)
    return tuple(engine.build_fault(cause) for cause in load_causes(namespace))


class CauseEngine:
    """Changes objects as causes say, and puts them back. Two causes that are in force never change
    the same field, so that each can be taken back alone.
    """

    def __init__(self, cluster: EmbeddedCluster, namespace: str) -> None:
        self._cluster = cluster
        self._client = cluster.client(MANAGER)
        self._requirements = load_requirements(namespace)
        self._held: dict[str, Memory] = {}
        self._met: dict[str, bool] = {}
        self._seen = 0

    def build_fault(self, cause: Cause) -> InjectableFault:
        """Return a cause as the controls show it."""

        async def start(chosen: str) -> Undo:
            return await self.inject(cause)

        return InjectableFault(
            cause.id,
            SUBJECTS[cause.subject],
            cause.label,
            cause.expect,
            start,
            find_obstacle=lambda: self.find_obstacle(cause),
        )

    def find_obstacle(self, cause: Cause) -> str:
        """Return what the cause needs and the cluster lacks, in words, or ""."""
        missing = (self._requirements[name].missing for name in cause.needs if not self._has(name))
        return next(missing, "")

    def _has(self, name: str) -> bool:
        """Tell whether a requirement is met; all causes ask each time that they are shown, so that
        the answer is kept until something changes in the cluster.
        """
        revision = self._cluster.server.store.revision
        if revision != self._seen:
            self._met.clear()
            self._seen = revision
        if name not in self._met:
            self._met[name] = self._is_met(self._requirements[name])
        return self._met[name]

    def _is_met(self, need: Requirement) -> bool:
        target, mark = need.target, need.annotation
        found = self._cluster.list_objects(target.ref, target.namespace, target.labels)
        there = any(
            target.name in ("", obj["metadata"]["name"])
            and (not mark or mark in annotations_of(obj))
            for obj in found
        )
        return there != need.absent

    async def inject(self, cause: Cause) -> Undo:
        """Produce a cause and return what takes it back.

        Raises LookupError when it is not possible now, is so already, or would change what another
        cause in force has changed; nothing is changed then.
        """
        if reason := self.find_obstacle(cause):
            raise LookupError(f"not possible now: {reason}")
        memory = Memory(self._client)
        try:
            await self._produce(cause, memory)
        except ApiError as refusal:
            await memory.restore()
            raise LookupError(refusal.message) from refusal
        except LookupError:
            await memory.restore()
            raise
        self._held[cause.label] = memory
        return lambda: self._take_back(cause, memory)

    async def _take_back(self, cause: Cause, memory: Memory) -> None:
        self._held.pop(cause.label, None)
        failed = await memory.restore()
        for change in cause.changes:
            if isinstance(change, Replace):
                await self._replace_pods(change.target)
        if failed:
            raise LookupError(f"not everything could be put back: {'; '.join(failed)}")

    async def _produce(self, cause: Cause, memory: Memory) -> None:
        """Carry the changes out; raise LookupError when nothing is other than it was."""
        for change in cause.changes:
            await self._carry_out(change, memory)
            if isinstance(change, Replace) and change is not cause.changes[-1]:
                await self._wait_for_pods(change.target)
        if not memory.steps:
            raise LookupError("it is so already")

    async def _carry_out(self, change: Change, memory: Memory) -> None:
        if isinstance(change, Patch):
            found = await self._find(change.target)
            if not found:
                raise LookupError(f"there is no {change.target.name or change.target.ref.plural}")
            for obj in found:
                await self._patch(find_place(change.target.ref, obj), change, memory)
        elif isinstance(change, Create):
            await self._create(change, memory)
        elif isinstance(change, Delete):
            for obj in await self._find(change.target):
                await self._delete(change.target.ref, obj, memory)
        elif isinstance(change, Pause):
            await self._cluster.clock.sleep(change.seconds)
        else:
            await self._replace_pods(change.target)

    async def _find(self, target: Target) -> list[Object]:
        """Return the objects of a target."""
        if not target.name:
            return await self._client.list(target.ref, target.namespace, target.labels)
        found = await self._client.get(target.ref, target.name, target.namespace)
        return [found] if found else []

    async def _patch(self, place: Place, change: Patch, memory: Memory) -> None:
        for left in reversed(range(ATTEMPTS)):
            before = await self._client.get(place.ref, place.name, place.namespace)
            if before is None:
                return
            try:
                after = await self._client.update(change.edit(copy.deepcopy(before)))
            except ApiError as refusal:
                if refusal.reason != "Conflict" or not left:
                    raise
                continue
            memory.remember_patch(place, before, after)
            self._check_alone(memory)
            return

    async def _create(self, change: Create, memory: Memory) -> None:
        place = find_place(change.ref, change.manifest)
        if await self._client.get(place.ref, place.name, place.namespace) is not None:
            wanted = change.manifest["spec"]
            spec = ({"op": "replace", "path": "/spec", "value": wanted},)
            await self._patch(place, Patch(Target(place.ref), operations=spec), memory)
            return
        await self._client.create(copy.deepcopy(change.manifest))
        memory.remember_creation(place)
        self._check_alone(memory)

    async def _delete(self, ref: Ref, obj: Object, memory: Memory) -> None:
        if obj["metadata"].get("ownerReferences"):
            return  # it goes, and comes back, with its owner
        place = find_place(ref, obj)
        await self._client.delete(ref, place.name, place.namespace)
        memory.remember_deletion(place, obj)
        self._check_alone(memory)

    def _check_alone(self, memory: Memory) -> None:
        """Raise LookupError when the last step changed what another cause in force has changed."""
        step = memory.steps[-1] if memory.steps else None
        for label, other in self._held.items():
            for held in other.steps:
                if step and held.place == step.place and overlap(held.fields, step.fields):
                    raise LookupError(f"undo “{label}” first: it changes {step.place.name} as well")

    async def _replace_pods(self, target: Target) -> None:
        """Delete pods; their owners create others."""
        for pod in await self._find(target):
            place = find_place(PODS, pod)
            try:
                await self._client.delete(PODS, place.name, place.namespace)
            except ApiError as refusal:
                if refusal.code != 404:
                    raise

    async def _wait_for_pods(self, target: Target) -> None:
        """Wait until every ReplicaSet of deleted pods has created as many as it wants.

        What comes after would reach them otherwise; they need not run yet.
        """
        for _ in range(round(REPLACED_SECONDS / PAUSE)):
            pods = await self._find(target)
            owners = Counter(find_owner(pod) for pod in pods if not is_deleting(pod))
            if all(owners[find_owner(pod)] for pod in pods if is_deleting(pod)):
                return
            await asyncio.sleep(PAUSE)


def find_owner(pod: Object) -> str:
    """Return the uid of a pod's owner, or ""."""
    return next((str(each["uid"]) for each in pod["metadata"].get("ownerReferences") or ()), "")


def overlap(some: tuple[Fields, ...], others: tuple[Fields, ...]) -> bool:
    """Tell whether a field of one side is, or is inside, a field of the other."""
    return any(
        one[: len(other)] == other or other[: len(one)] == one
        for one, other in product(some, others)
    )
