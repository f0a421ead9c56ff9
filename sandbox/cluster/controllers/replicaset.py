"""The ReplicaSet controller: keeps the wanted number of pods, and says in its status and events why
it can't."""

from __future__ import annotations

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.controller_context import (
    ControllerContext,
    ControllerRefManager,
    enqueue_for_owner,
)
from sandbox.cluster.controllers.podstate import (
    build_pod_from_template,
    deletion_rank,
    is_active,
    is_finished,
    is_ready,
    seconds_until_available,
)
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import (
    PODS,
    REPLICA_SETS,
    Key,
    build_controller_ref,
    controller_of,
    drop_zero_counters,
    find_condition,
    is_deleting,
    key_of,
    labels_of,
)
from sandbox.cluster.machinery.selectors import has_labels, matches_label_selector
from sandbox.cluster.machinery.work_queue import RequeueError

_BURST = 500  # the most pods that one sync creates or deletes, as in Kubernetes


class ReplicaSetController:
    """Runs on ReplicaSets and their pods."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._sets = context.informers.for_resource(REPLICA_SETS)
        self._pods = context.informers.for_resource(PODS)
        self._claims = ControllerRefManager(context, PODS, "apps/v1", "ReplicaSet")
        self._events = context.make_recorder("replicaset-controller")
        self.queue = context.start_queue("replicaset", self.sync)
        self._sets.add_listener(enqueue_for_object(self.queue))
        self._pods.add_listener(enqueue_for_owner(self.queue, "ReplicaSet"))
        self._pods.add_listener(self._on_orphan_changed)

    def _on_orphan_changed(self, _: Object | None, after: Object | None) -> None:
        # A pod without a controller enqueues no owner; whoever selects it may adopt it.
        if after is None or controller_of(after):
            return
        namespace = after["metadata"]["namespace"]
        for each in self._sets.list_by_index("namespace", namespace):
            if matches_label_selector(each["spec"]["selector"], labels_of(after)):
                self.queue.add(key_of(each))

    async def sync(self, key: Key) -> None:
        """Reconcile one ReplicaSet: its pods and its status."""
        replica_set = self._sets.get(key)
        if replica_set is None:
            return
        pods = await self._claims.claim_objects(replica_set, replica_set["spec"]["selector"])
        active = [pod for pod in pods if is_active(pod)]
        failure = None if is_deleting(replica_set) else await self._manage_pods(replica_set, active)
        status = self._compute_status(replica_set, pods, active, failure)
        # Before the failure sends the key back: a Deployment reads it in this status.
        if status != replica_set.get("status"):
            await self._context.update_status(REPLICA_SETS, {**replica_set, "status": status})
        if failure:
            raise RequeueError(failure[1])
        self._requeue_for_availability(key, replica_set, active)

    async def _manage_pods(
        self, replica_set: Object, active: list[Object]
    ) -> tuple[str, str] | None:
        """Create or delete pods; return (reason, message) of what went wrong, or None."""
        missing = replica_set["spec"].get("replicas", 1) - len(active)
        if missing > 0:
            return await self._create_pods(replica_set, min(missing, _BURST))
        for pod in sorted(active, key=deletion_rank)[: min(-missing, _BURST)]:
            try:
                if await self._context.delete_object(PODS, key_of(pod)):
                    self._events.normal(
                        replica_set, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}"
                    )
            except ApiError as error:
                self._events.warning(
                    replica_set, "FailedDelete", f"Error deleting: {error.message}"
                )
                return ("FailedDelete", error.message)
        return None

    async def _create_pods(self, replica_set: Object, count: int) -> tuple[str, str] | None:
        meta = replica_set["metadata"]
        pod = build_pod_from_template(
            replica_set["spec"]["template"], meta["namespace"], prefix=f"{meta['name']}-"
        )
        pod["metadata"]["ownerReferences"] = [
            build_controller_ref(replica_set, "apps/v1", "ReplicaSet")
        ]
        for _ in range(count):
            try:
                made = self._pods.observe(await self._context.client.create(pod))
            except ApiError as error:
                # The namespace takes nothing more; to try again would be for nothing.
                if "because it is being terminated" in error.message:
                    return None
                self._events.warning(
                    replica_set, "FailedCreate", f"Error creating: {error.message}"
                )
                return ("FailedCreate", error.message)
            self._events.normal(
                replica_set, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}"
            )
        return None

    def _compute_status(
        self,
        replica_set: Object,
        pods: list[Object],
        active: list[Object],
        failure: tuple[str, str] | None,
    ) -> Object:
        spec, now = replica_set["spec"], self._context.clock.now()
        wanted = (spec["template"].get("metadata") or {}).get("labels") or {}
        min_ready = spec.get("minReadySeconds", 0)
        status: Object = {
            "replicas": len(active),
            "fullyLabeledReplicas": sum(has_labels(labels_of(pod), wanted) for pod in active),
            "readyReplicas": sum(map(is_ready, active)),
            "availableReplicas": sum(
                seconds_until_available(pod, min_ready, now) == 0 for pod in active
            ),
            "terminatingReplicas": sum(is_deleting(pod) and not is_finished(pod) for pod in pods),
            "observedGeneration": replica_set["metadata"].get("generation", 0),
            "conditions": self._compute_conditions(replica_set, failure),
        }
        return drop_zero_counters(status, "replicas", "terminatingReplicas")

    def _compute_conditions(
        self, replica_set: Object, failure: tuple[str, str] | None
    ) -> list[Object]:
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
            "lastTransitionTime": self._context.clock.format_timestamp(),
        }
        return [*conditions, new]

    def _requeue_for_availability(
        self, key: Key, replica_set: Object, active: list[Object]
    ) -> None:
        min_ready = replica_set["spec"].get("minReadySeconds", 0)
        # When minReadySeconds have passed, nothing changes that a watch would show.
        if not min_ready:
            return
        now = self._context.clock.now()
        waits = [
            wait
            for pod in active
            if 0 < (wait := seconds_until_available(pod, min_ready, now)) < float("inf")
        ]
        if waits:
            self.queue.add_after(key, min(waits) + 0.1)


def replicas_of(replica_set: Object) -> int:
    """Return the number of pods that the ReplicaSet is asked to keep."""
    return int(replica_set["spec"].get("replicas", 1))
