"""The DaemonSet controller: one pod on each fitting node, replaced node by node when the template
changes."""

from __future__ import annotations

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.controller_context import (
    ControllerContext,
    ControllerRefManager,
    enqueue_for_owner,
)
from sandbox.cluster.controllers.placement import has_untolerated_taint, matches_node_affinity
from sandbox.cluster.controllers.podstate import (
    build_pod_from_template,
    is_active,
    is_finished,
    is_ready,
    seconds_until_available,
)
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import (
    DAEMON_SETS,
    NODES,
    PODS,
    Key,
    annotations_of,
    build_controller_ref,
    drop_zero_counters,
    hash_pod_template,
    is_deleting,
    key_of,
    labels_of,
    resolve_int_or_percent,
)
from sandbox.cluster.machinery.work_queue import RequeueError

_HASH = "controller-revision-hash"
_GENERATION = "pod-template-generation"
# What the DaemonSet controller lets its pods bear (Kubernetes 1.36), so that they run on nodes in
# trouble too.
_ALWAYS = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


class DaemonSetController:
    """Runs on DaemonSets, their pods, and nodes."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._sets = context.informers.for_resource(DAEMON_SETS)
        self._pods = context.informers.for_resource(PODS)
        self._nodes = context.informers.for_resource(NODES)
        self._claims = ControllerRefManager(context, PODS, "apps/v1", "DaemonSet")
        self._events = context.make_recorder("daemonset-controller")
        self.queue = context.start_queue("daemonset", self.sync)
        self._sets.add_listener(enqueue_for_object(self.queue))
        self._pods.add_listener(enqueue_for_owner(self.queue, "DaemonSet"))
        self._nodes.add_listener(self._on_node_changed)

    def _on_node_changed(self, before: Object | None, after: Object | None) -> None:
        # What a node may run depends on its labels and taints, not on its status.
        if (
            before
            and after
            and before["spec"] == after["spec"]
            and labels_of(before) == labels_of(after)
        ):
            return
        for each in self._sets.list_objects():
            self.queue.add(key_of(each))

    async def sync(self, key: Key) -> None:
        """Reconcile one DaemonSet: its pods and its status."""
        daemon_set = self._sets.get(key)
        if daemon_set is None:
            return
        pods = await self._claims.claim_objects(daemon_set, daemon_set["spec"]["selector"])
        by_node: dict[str, list[Object]] = {}
        for pod in pods:
            if not is_deleting(pod):
                by_node.setdefault(_node_of(pod), []).append(pod)
        wanted = [
            node["metadata"]["name"]
            for node in self._nodes.list_objects()
            if _can_run_on_node(daemon_set, node)
        ]
        failure = (
            ""
            if is_deleting(daemon_set)
            else await self._manage_pods(daemon_set, by_node, wanted, pods)
        )
        status = self._compute_status(daemon_set, by_node, wanted)
        if status != daemon_set.get("status"):
            await self._context.update_status(DAEMON_SETS, {**daemon_set, "status": status})
        if failure:
            raise RequeueError(failure)

    async def _manage_pods(
        self,
        daemon_set: Object,
        by_node: dict[str, list[Object]],
        wanted: list[str],
        pods: list[Object],
    ) -> str:
        # A daemon has its node to itself: the next one waits until the one before has ended, or
        # they would want the same host ports.
        leaving = {_node_of(pod) for pod in pods if is_deleting(pod)}
        for node, there in by_node.items():
            extra = there[1:] if node in wanted else there
            await self._delete_pods(
                daemon_set,
                [*extra, *(pod for pod in there[:1] if is_finished(pod) and node in wanted)],
            )
        await self._replace_outdated_pods(daemon_set, by_node, wanted)
        for node in wanted:
            if node in by_node or node in leaving:
                continue
            try:
                made = await self._context.client.create(self._build_pod(daemon_set, node))
            except ApiError as error:
                # The namespace takes nothing more; to try again would be for nothing.
                if "because it is being terminated" in error.message:
                    return ""
                self._events.warning(daemon_set, "FailedCreate", f"Error creating: {error.message}")
                return error.message
            self._pods.observe(made)
            self._events.normal(
                daemon_set, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}"
            )
        return ""

    async def _replace_outdated_pods(
        self, daemon_set: Object, by_node: dict[str, list[Object]], wanted: list[str]
    ) -> None:
        strategy = daemon_set["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        limit = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
        budget = max(1, resolve_int_or_percent(limit, len(wanted), round_up=True))
        current = [by_node[node][0] for node in wanted if by_node.get(node)]
        suffix = hash_pod_template(daemon_set["spec"]["template"])
        old = [pod for pod in current if labels_of(pod).get(_HASH) != suffix]
        down = len(wanted) - sum(self._is_available(daemon_set, pod) for pod in current)
        # An old pod that is not available counts as down already: to replace it costs nothing.
        useless = [pod for pod in old if not self._is_available(daemon_set, pod)]
        healthy = [pod for pod in old if self._is_available(daemon_set, pod)]
        await self._delete_pods(daemon_set, [*useless, *healthy[: max(0, budget - down)]])

    async def _delete_pods(self, daemon_set: Object, pods: list[Object]) -> None:
        for pod in pods:
            if is_active(pod) and await self._context.delete_object(PODS, key_of(pod)):
                self._events.normal(
                    daemon_set, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}"
                )
            elif is_finished(pod):
                await self._context.delete_object(PODS, key_of(pod))

    def _is_available(self, daemon_set: Object, pod: Object) -> bool:
        min_ready = daemon_set["spec"].get("minReadySeconds", 0)
        return seconds_until_available(pod, min_ready, self._context.clock.now()) == 0

    def _build_pod(self, daemon_set: Object, node: str) -> Object:
        meta, template = daemon_set["metadata"], daemon_set["spec"]["template"]
        pod = build_pod_from_template(template, meta["namespace"], prefix=f"{meta['name']}-")
        labels = {**(pod["metadata"].get("labels") or {}), _HASH: hash_pod_template(template)}
        labels[_GENERATION] = annotations_of(daemon_set).get(
            "deprecated.daemonset.template.generation", "1"
        )
        pod["metadata"].update(
            labels=labels,
            ownerReferences=[build_controller_ref(daemon_set, "apps/v1", "DaemonSet")],
        )
        # The scheduler binds daemons like any pod; the affinity leaves it one node to choose.
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        pin = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": pin}}
        pod["spec"] = {
            **_add_daemon_tolerations(template["spec"]),
            "affinity": {**(template["spec"].get("affinity") or {}), **affinity},
        }
        return pod

    def _compute_status(
        self, daemon_set: Object, by_node: dict[str, list[Object]], wanted: list[str]
    ) -> Object:
        there = [by_node[node][0] for node in wanted if by_node.get(node)]
        suffix = hash_pod_template(daemon_set["spec"]["template"])
        available = sum(self._is_available(daemon_set, pod) for pod in there)
        status: Object = {
            "currentNumberScheduled": len(there),
            "numberMisscheduled": sum(node not in wanted for node in by_node),
            "desiredNumberScheduled": len(wanted),
            "numberReady": sum(map(is_ready, there)),
            "observedGeneration": daemon_set["metadata"].get("generation", 0),
            "updatedNumberScheduled": sum(labels_of(pod).get(_HASH) == suffix for pod in there),
            "numberAvailable": available,
            "numberUnavailable": len(wanted) - available,
        }
        kept = (
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
        )
        return drop_zero_counters(status, *kept)


def _add_daemon_tolerations(spec: Object) -> Object:
    extra = [{"key": key, "effect": effect, "operator": "Exists"} for key, effect in _ALWAYS]
    return {**spec, "tolerations": [*(spec.get("tolerations") or ()), *extra]}


def _can_run_on_node(daemon_set: Object, node: Object) -> bool:
    spec = daemon_set["spec"]["template"]["spec"]
    pod = {"spec": _add_daemon_tolerations(spec)}
    return matches_node_affinity(pod, node) and not has_untolerated_taint(
        pod, node, ("NoSchedule", "NoExecute")
    )


def _node_of(pod: Object) -> str:
    """Return the node that a daemon's pod is on, or that it was made for."""
    if name := pod["spec"].get("nodeName"):
        return str(name)
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            return str(field["values"][0])
    return ""
