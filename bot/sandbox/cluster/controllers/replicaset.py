"""The ReplicaSet controller: keeps the wanted number of pods, and says in its status and events why it can't."""

from __future__ import annotations

from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.controllers.context import Claims, Context, enqueue_owner, enqueue_self
from bot.sandbox.cluster.controllers.meta import (
    PODS,
    REPLICA_SETS,
    Key,
    controller_of,
    controller_ref,
    find_condition,
    is_deleting,
    key_of,
    labels_of,
    without_zeros,
)
from bot.sandbox.cluster.controllers.podstate import (
    available_in,
    deletion_rank,
    is_active,
    is_finished,
    is_ready,
    pod_from,
)
from bot.sandbox.cluster.controllers.queue import Again
from bot.sandbox.cluster.controllers.selectors import contains, matches

_BURST = 500  # the most pods that one sync creates or deletes, as in Kubernetes


class ReplicaSetController:
    """Runs on ReplicaSets and their pods."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sets = context.informers.of(REPLICA_SETS)
        self._pods = context.informers.of(PODS)
        self._claims = Claims(context, PODS, "apps/v1", "ReplicaSet")
        self._events = context.recorder("replicaset-controller")
        self.queue = context.queue("replicaset", self.sync)
        self._sets.listen(enqueue_self(self.queue))
        self._pods.listen(enqueue_owner(self.queue, "ReplicaSet"))
        self._pods.listen(self._orphan_changed)

    def _orphan_changed(self, _: Object | None, after: Object | None) -> None:
        if after is None or controller_of(after):
            return
        namespace = after["metadata"]["namespace"]
        for each in self._sets.by("namespace", namespace):
            if matches(each["spec"]["selector"], labels_of(after)):
                self.queue.add(key_of(each))

    async def sync(self, key: Key) -> None:
        """Brings one ReplicaSet's pods and status up to date."""
        replica_set = self._sets.get(key)
        if replica_set is None:
            return
        pods = await self._claims.of(replica_set, replica_set["spec"]["selector"])
        active = [pod for pod in pods if is_active(pod)]
        failure = None if is_deleting(replica_set) else await self._manage(replica_set, active)
        status = self._status(replica_set, pods, active, failure)
        if status != replica_set.get("status"):
            await self._context.set_status(REPLICA_SETS, {**replica_set, "status": status})
        if failure:
            raise Again(failure[1])
        self._come_back_for_availability(key, replica_set, active)

    async def _manage(self, replica_set: Object, active: list[Object]) -> tuple[str, str] | None:
        """Creates or deletes pods; gives (reason, message) of what went wrong."""
        missing = replica_set["spec"].get("replicas", 1) - len(active)
        if missing > 0:
            return await self._create(replica_set, min(missing, _BURST))
        for pod in sorted(active, key=deletion_rank)[: min(-missing, _BURST)]:
            try:
                if await self._context.remove(PODS, key_of(pod)):
                    self._events.normal(replica_set, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
            except ApiError as error:
                self._events.warning(replica_set, "FailedDelete", f"Error deleting: {error.message}")
                return ("FailedDelete", error.message)
        return None

    async def _create(self, replica_set: Object, count: int) -> tuple[str, str] | None:
        meta = replica_set["metadata"]
        pod = pod_from(replica_set["spec"]["template"], meta["namespace"], prefix=f"{meta['name']}-")
        pod["metadata"]["ownerReferences"] = [controller_ref(replica_set, "apps/v1", "ReplicaSet")]
        for _ in range(count):
            try:
                made = self._pods.observe(await self._context.client.create(pod))
            except ApiError as error:
                if "because it is being terminated" in error.message:
                    return None
                self._events.warning(replica_set, "FailedCreate", f"Error creating: {error.message}")
                return ("FailedCreate", error.message)
            self._events.normal(replica_set, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        return None

    def _status(
        self, replica_set: Object, pods: list[Object], active: list[Object], failure: tuple[str, str] | None
    ) -> Object:
        spec, now = replica_set["spec"], self._context.clock.now()
        wanted = (spec["template"].get("metadata") or {}).get("labels") or {}
        min_ready = spec.get("minReadySeconds", 0)
        status: Object = {
            "replicas": len(active),
            "fullyLabeledReplicas": sum(contains(labels_of(pod), wanted) for pod in active),
            "readyReplicas": sum(map(is_ready, active)),
            "availableReplicas": sum(available_in(pod, min_ready, now) == 0 for pod in active),
            "terminatingReplicas": sum(is_deleting(pod) and not is_finished(pod) for pod in pods),
            "observedGeneration": replica_set["metadata"].get("generation", 0),
            "conditions": self._conditions(replica_set, failure),
        }
        return without_zeros(status, "replicas", "terminatingReplicas")

    def _conditions(self, replica_set: Object, failure: tuple[str, str] | None) -> list[Object]:
        conditions: list[Object] = replica_set.get("status", {}).get("conditions") or []
        if failure is None:
            return [each for each in conditions if each["type"] != "ReplicaFailure"]
        if find_condition(conditions, "ReplicaFailure"):
            return conditions
        reason, message = failure
        new = {
            "type": "ReplicaFailure",
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": self._context.clock.stamp(),
        }
        return [*conditions, new]

    def _come_back_for_availability(self, key: Key, replica_set: Object, active: list[Object]) -> None:
        min_ready = replica_set["spec"].get("minReadySeconds", 0)
        if not min_ready:
            return
        now = self._context.clock.now()
        waits = [wait for pod in active if 0 < (wait := available_in(pod, min_ready, now)) < float("inf")]
        if waits:
            self.queue.add_after(key, min(waits) + 0.1)


def replicas_of(replica_set: Object) -> int:
    """How many pods it is asked to keep."""
    return int(replica_set["spec"].get("replicas", 1))
