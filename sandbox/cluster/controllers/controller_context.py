"""The parts of every controller: the API, the clock, informers, tasks, event recorders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Object, Ref
from sandbox.cluster.controllers.recorder import EventBroadcaster, EventRecorder
from sandbox.cluster.machinery.informer import Informers, Listener
from sandbox.cluster.machinery.meta import (
    CONTROLLER_MANAGER,
    Key,
    build_controller_ref,
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    owners_of,
    uid_of,
)
from sandbox.cluster.machinery.selectors import matches_label_selector
from sandbox.cluster.machinery.work_queue import WorkQueue
from sandbox.tasks import Tasks


@dataclass(frozen=True)
class ControllerContext:
    """Shared by the controllers of one cluster. `client` writes as kube-controller-manager."""

    client: Client
    clock: Clock
    informers: Informers
    tasks: Tasks
    events: EventBroadcaster

    def make_recorder(self, component: str) -> EventRecorder:
        """Return an event recorder for one of the controller manager's controllers."""
        return self.events.make_recorder(component, CONTROLLER_MANAGER)

    def start_queue(
        self, name: str, sync: Callable[[Key], Awaitable[None]], workers: int = 5
    ) -> WorkQueue[Key]:
        """Return a started work queue for object keys."""
        queue: WorkQueue[Key] = WorkQueue(name, sync, clock=self.clock, tasks=self.tasks)
        queue.start(workers)
        return queue

    async def update_status(self, ref: Ref, obj: Object) -> None:
        """Write an object's status as it stands in `obj`."""
        self.informers.for_resource(ref).observe(
            await self.client.update(obj, subresource="status")
        )

    async def delete_object(self, ref: Ref, key: Key) -> bool:
        """Delete an object and refresh its informer; return False when it was gone already."""
        try:
            await self.client.delete(ref, key.name, key.namespace)
        except ApiError as error:
            if error.code != 404:
                raise
            return False
        # Whatever came of it: the next sync must not count an object that is gone or going.
        finally:
            await self.informers.for_resource(ref).refresh(key)
        return True


def enqueue_for_owner(queue: WorkQueue[Key], kind: str) -> Listener:
    """Return a listener that enqueues the controlling owner of each changed object.

    Owners of another kind are left out.
    """

    def changed(before: Object | None, after: Object | None) -> None:
        # The owner of before counts too: an object that was released leaves a gap there.
        for obj in (before, after):
            owner = controller_of(obj) if obj else None
            if obj and owner and owner["kind"] == kind:
                queue.add(Key(obj["metadata"].get("namespace", ""), owner["name"]))

    return changed


@dataclass(frozen=True)
class ControllerRefManager:
    """The objects that a controller manages by their owner references.

    Orphans that its selector matches are adopted, owned objects that it no longer matches
    are released.
    """

    context: ControllerContext
    ref: Ref
    api_version: str
    kind: str

    async def claim_objects(self, owner: Object, selector: Object | None) -> list[Object]:
        """Return the objects that `owner` controls after adoption and release."""
        informer = self.context.informers.for_resource(self.ref)
        mine: list[Object] = []
        for obj in informer.list_by_index("owner", uid_of(owner)):
            controller = controller_of(obj)
            if controller is None or controller["uid"] != uid_of(owner):
                continue
            # An owner that is being deleted neither adopts nor releases: what becomes of its
            # objects is for the garbage collector to decide.
            if (
                matches_label_selector(selector, labels_of(obj))
                or is_deleting(obj)
                or is_deleting(owner)
            ):
                mine.append(obj)
            else:
                await self._release_object(obj, owner)
        if is_deleting(owner):
            return mine
        for obj in informer.list_by_index("orphan", owner["metadata"]["namespace"]):
            if matches_label_selector(selector, labels_of(obj)) and not is_deleting(obj):
                mine.append(await self._adopt_object(obj, owner))
        return mine

    async def _adopt_object(self, obj: Object, owner: Object) -> Object:
        return await self._patch_owners(
            obj, [*owners_of(obj), build_controller_ref(owner, self.api_version, self.kind)]
        )

    async def _release_object(self, obj: Object, owner: Object) -> None:
        await self._patch_owners(
            obj, [each for each in owners_of(obj) if each["uid"] != uid_of(owner)]
        )

    async def _patch_owners(self, obj: Object, owners: list[Object]) -> Object:
        key = key_of(obj)
        patch = {"metadata": {"uid": uid_of(obj), "ownerReferences": owners}}
        return self.context.informers.for_resource(self.ref).observe(
            await self.context.client.merge(self.ref, key.name, key.namespace, patch)
        )
