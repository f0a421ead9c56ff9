"""The StatefulSet controller: numbered pods, one after the other (or all together), replaced from
the highest down."""

from __future__ import annotations

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.controller_context import (
    ControllerContext,
    ControllerRefManager,
    enqueue_for_owner,
)
from sandbox.cluster.controllers.podstate import (
    build_pod_from_template,
    is_active,
    is_finished,
    is_ready,
)
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import (
    PODS,
    STATEFUL_SETS,
    Key,
    build_controller_ref,
    drop_zero_counters,
    hash_pod_template,
    is_deleting,
    key_of,
    labels_of,
)
from sandbox.cluster.machinery.work_queue import RequeueError

_HASH = "controller-revision-hash"


class StatefulSetController:
    """Runs on StatefulSets and their pods. Volume claims are not made: the cluster has no
    storage."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._sets = context.informers.for_resource(STATEFUL_SETS)
        self._pods = context.informers.for_resource(PODS)
        self._claims = ControllerRefManager(context, PODS, "apps/v1", "StatefulSet")
        self._events = context.make_recorder("statefulset-controller")
        self.queue = context.start_queue("statefulset", self.sync)
        self._sets.add_listener(enqueue_for_object(self.queue))
        self._pods.add_listener(enqueue_for_owner(self.queue, "StatefulSet"))

    async def sync(self, key: Key) -> None:
        """Reconcile one StatefulSet: its pods and its status."""
        stateful_set = self._sets.get(key)
        if stateful_set is None:
            return
        pods = await self._claims.claim_objects(stateful_set, stateful_set["spec"]["selector"])
        failure = "" if is_deleting(stateful_set) else await self._manage_pods(stateful_set, pods)
        status = self._compute_status(stateful_set, [pod for pod in pods if is_active(pod)])
        if status != stateful_set.get("status"):
            await self._context.update_status(STATEFUL_SETS, {**stateful_set, "status": status})
        if failure:
            raise RequeueError(failure)

    async def _manage_pods(self, stateful_set: Object, pods: list[Object]) -> str:
        spec = stateful_set["spec"]
        ordered = spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        wanted = [
            f"{stateful_set['metadata']['name']}-{number}"
            for number in range(spec.get("replicas", 1))
        ]
        there = {pod["metadata"]["name"]: pod for pod in pods}
        for name in wanted:
            pod = there.get(name)
            if pod is None:
                if failure := await self._create_pod(stateful_set, name):
                    return failure
            elif is_finished(pod) and not is_deleting(pod):
                await self._delete_pod(stateful_set, pod)
            # Each pod waits for the one before it, whose changes bring the set back here.
            if ordered and (pod is None or not is_ready(pod) or is_deleting(pod)):
                return ""
        surplus = sorted(
            (pod for name, pod in there.items() if name not in wanted),
            key=_get_ordinal,
            reverse=True,
        )
        # From the highest number down, so that those that stay are numbered without a gap.
        for pod in surplus[:1] if ordered else surplus:
            await self._delete_pod(stateful_set, pod)
        if not surplus:
            await self._replace_outdated_pods(
                stateful_set, [there[name] for name in wanted if name in there]
            )
        return ""

    async def _replace_outdated_pods(self, stateful_set: Object, pods: list[Object]) -> None:
        if (stateful_set["spec"].get("updateStrategy") or {}).get(
            "type", "RollingUpdate"
        ) != "RollingUpdate":
            return
        revision = _build_revision_name(stateful_set)
        for pod in sorted(pods, key=_get_ordinal, reverse=True):
            if labels_of(pod).get(_HASH) != revision:
                await self._delete_pod(stateful_set, pod)
                return
            # The one replaced before has to be ready first.
            if not is_ready(pod):
                return

    async def _create_pod(self, stateful_set: Object, name: str) -> str:
        meta, spec = stateful_set["metadata"], stateful_set["spec"]
        pod = build_pod_from_template(spec["template"], meta["namespace"], name=name)
        number = name.rpartition("-")[2]
        identity = {
            "apps.kubernetes.io/pod-index": number,
            "statefulset.kubernetes.io/pod-name": name,
            _HASH: _build_revision_name(stateful_set),
        }
        pod["metadata"]["labels"] = {**(pod["metadata"].get("labels") or {}), **identity}
        pod["metadata"]["ownerReferences"] = [
            build_controller_ref(stateful_set, "apps/v1", "StatefulSet")
        ]
        pod["spec"] = {**pod["spec"], "hostname": name, "subdomain": spec.get("serviceName", "")}
        title = f"Pod {name} in StatefulSet {meta['name']}"
        try:
            self._pods.observe(await self._context.client.create(pod))
        except ApiError as error:
            if "because it is being terminated" in error.message:
                return ""
            self._events.warning(
                stateful_set, "FailedCreate", f"create {title} failed error: {error.message}"
            )
            return error.message
        self._events.normal(stateful_set, "SuccessfulCreate", f"Create {title} successful")
        return ""

    async def _delete_pod(self, stateful_set: Object, pod: Object) -> None:
        if is_deleting(pod) or not await self._context.delete_object(PODS, key_of(pod)):
            return
        title = f"Pod {pod['metadata']['name']} in StatefulSet {stateful_set['metadata']['name']}"
        self._events.normal(stateful_set, "SuccessfulDelete", f"Delete {title} successful")

    def _compute_status(self, stateful_set: Object, pods: list[Object]) -> Object:
        revision = _build_revision_name(stateful_set)
        updated = sum(labels_of(pod).get(_HASH) == revision for pod in pods)
        before = stateful_set.get("status", {}).get("currentRevision", revision)
        # The old revision is the current one until the last pod has been replaced.
        current = revision if updated == len(pods) else before
        ready = sum(map(is_ready, pods))
        status: Object = {
            "observedGeneration": stateful_set["metadata"].get("generation", 0),
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": sum(labels_of(pod).get(_HASH) == current for pod in pods),
            "updatedReplicas": updated,
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
        }
        return drop_zero_counters(status, "replicas", "availableReplicas", "collisionCount")


def _build_revision_name(stateful_set: Object) -> str:
    return (
        f"{stateful_set['metadata']['name']}-{hash_pod_template(stateful_set['spec']['template'])}"
    )


def _get_ordinal(pod: Object) -> int:
    number = str(pod["metadata"]["name"]).rpartition("-")[2]
    return int(number) if number.isdigit() else -1
