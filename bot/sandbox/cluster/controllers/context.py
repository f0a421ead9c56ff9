"""What every controller is built from: the API, the clock, shared informers, owned tasks and event recorders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import ApiError, Client, Object, Ref
from bot.sandbox.cluster.controllers.informer import Informers
from bot.sandbox.cluster.controllers.meta import (
    CONTROLLER_MANAGER,
    Key,
    controller_of,
    controller_ref,
    is_deleting,
    key_of,
    labels_of,
    owners_of,
    uid_of,
)
from bot.sandbox.cluster.controllers.queue import WorkQueue
from bot.sandbox.cluster.controllers.recorder import Broadcaster, Recorder
from bot.sandbox.cluster.controllers.selectors import matches
from bot.sandbox.cluster.controllers.tasks import Tasks


@dataclass(frozen=True)
class Context:
    """Shared by the controllers of one cluster. `client` writes as kube-controller-manager."""

    client: Client
    clock: Clock
    informers: Informers
    tasks: Tasks
    events: Broadcaster

    def recorder(self, component: str) -> Recorder:
        """An event recorder for one of the controller manager's controllers."""
        return self.events.recorder(component, CONTROLLER_MANAGER)

    def queue(self, name: str, sync: Callable[[Key], Awaitable[None]], workers: int = 5) -> WorkQueue[Key]:
        """A started work queue for object places."""
        queue: WorkQueue[Key] = WorkQueue(name, sync, clock=self.clock, tasks=self.tasks)
        queue.start(workers)
        return queue

    async def set_status(self, ref: Ref, obj: Object) -> None:
        """Writes an object's status as it stands in `obj`."""
        self.informers.of(ref).observe(await self.client.update(obj, subresource="status"))

    async def remove(self, ref: Ref, key: Key) -> bool:
        """Deletes an object and looks at what is left of it; False when it was gone already."""
        try:
            await self.client.delete(ref, key.name, key.namespace)
        except ApiError as error:
            if error.code != 404:
                raise
            return False
        finally:
            await self.informers.of(ref).refresh(key)
        return True


def enqueue_self(queue: WorkQueue[Key]) -> Callable[[Object | None, Object | None], None]:
    """A listener that puts each changed object's place into the queue."""

    def changed(before: Object | None, after: Object | None) -> None:
        queue.add(key_of(after or before or {}))

    return changed


def enqueue_owner(queue: WorkQueue[Key], kind: str) -> Callable[[Object | None, Object | None], None]:
    """A listener that puts the controlling owner of each changed object into the queue, if it is of that kind."""

    def changed(before: Object | None, after: Object | None) -> None:
        for obj in (before, after):
            owner = controller_of(obj) if obj else None
            if obj and owner and owner["kind"] == kind:
                queue.add(Key(obj["metadata"].get("namespace", ""), owner["name"]))

    return changed


@dataclass(frozen=True)
class Claims:
    """Which objects a controller manages: those it owns, with orphans adopted and strangers let go by its selector."""

    context: Context
    ref: Ref
    api_version: str
    kind: str

    async def of(self, owner: Object, selector: Object | None) -> list[Object]:
        """The objects that `owner` controls after adoption and release."""
        informer = self.context.informers.of(self.ref)
        mine: list[Object] = []
        for obj in informer.by("owner", uid_of(owner)):
            controller = controller_of(obj)
            if controller is None or controller["uid"] != uid_of(owner):
                continue
            if matches(selector, labels_of(obj)) or is_deleting(obj) or is_deleting(owner):
                mine.append(obj)
            else:
                await self._release(obj, owner)
        if is_deleting(owner):
            return mine
        for obj in informer.by("orphan", owner["metadata"]["namespace"]):
            if matches(selector, labels_of(obj)) and not is_deleting(obj):
                mine.append(await self._adopt(obj, owner))
        return mine

    async def _adopt(self, obj: Object, owner: Object) -> Object:
        return await self._own(obj, [*owners_of(obj), controller_ref(owner, self.api_version, self.kind)])

    async def _release(self, obj: Object, owner: Object) -> None:
        await self._own(obj, [each for each in owners_of(obj) if each["uid"] != uid_of(owner)])

    async def _own(self, obj: Object, owners: list[Object]) -> Object:
        key = key_of(obj)
        patch = {"metadata": {"uid": uid_of(obj), "ownerReferences": owners}}
        return self.context.informers.of(self.ref).observe(
            await self.context.client.merge(self.ref, key.name, key.namespace, patch)
        )
