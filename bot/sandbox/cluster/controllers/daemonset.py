"""The DaemonSet controller: one pod on each fitting node, replaced node by node when the template changes."""

from __future__ import annotations

from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.controllers.context import Claims, Context, enqueue_owner, enqueue_self
from bot.sandbox.cluster.controllers.meta import (
    DAEMON_SETS,
    NODES,
    PODS,
    Key,
    annotations_of,
    controller_ref,
    hash_of,
    is_deleting,
    key_of,
    labels_of,
    share_of,
    without_zeros,
)
from bot.sandbox.cluster.controllers.placement import selected, untolerated
from bot.sandbox.cluster.controllers.podstate import available_in, is_active, is_finished, is_ready, pod_from
from bot.sandbox.cluster.controllers.queue import Again

_HASH = "controller-revision-hash"
_GENERATION = "pod-template-generation"
# What the DaemonSet controller lets its pods bear (Kubernetes 1.36), so that they run on nodes in trouble too.
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

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sets = context.informers.of(DAEMON_SETS)
        self._pods = context.informers.of(PODS)
        self._nodes = context.informers.of(NODES)
        self._claims = Claims(context, PODS, "apps/v1", "DaemonSet")
        self._events = context.recorder("daemonset-controller")
        self.queue = context.queue("daemonset", self.sync)
        self._sets.listen(enqueue_self(self.queue))
        self._pods.listen(enqueue_owner(self.queue, "DaemonSet"))
        self._nodes.listen(self._node_changed)

    def _node_changed(self, before: Object | None, after: Object | None) -> None:
        if before and after and before["spec"] == after["spec"] and labels_of(before) == labels_of(after):
            return
        for each in self._sets.all():
            self.queue.add(key_of(each))

    async def sync(self, key: Key) -> None:
        """Brings one DaemonSet's pods and status up to date."""
        daemon_set = self._sets.get(key)
        if daemon_set is None:
            return
        pods = await self._claims.of(daemon_set, daemon_set["spec"]["selector"])
        by_node: dict[str, list[Object]] = {}
        for pod in pods:
            if not is_deleting(pod):
                by_node.setdefault(_node_of(pod), []).append(pod)
        wanted = [node["metadata"]["name"] for node in self._nodes.all() if _should_run(daemon_set, node)]
        failure = "" if is_deleting(daemon_set) else await self._manage(daemon_set, by_node, wanted, pods)
        status = self._status(daemon_set, by_node, wanted)
        if status != daemon_set.get("status"):
            await self._context.set_status(DAEMON_SETS, {**daemon_set, "status": status})
        if failure:
            raise Again(failure)

    async def _manage(
        self, daemon_set: Object, by_node: dict[str, list[Object]], wanted: list[str], pods: list[Object]
    ) -> str:
        leaving = {_node_of(pod) for pod in pods if is_deleting(pod)}
        for node, there in by_node.items():
            extra = there[1:] if node in wanted else there
            await self._delete(daemon_set, [*extra, *(pod for pod in there[:1] if is_finished(pod) and node in wanted)])
        await self._roll(daemon_set, by_node, wanted)
        for node in wanted:
            if node in by_node or node in leaving:
                continue
            try:
                made = await self._context.client.create(self._pod(daemon_set, node))
            except ApiError as error:
                if "because it is being terminated" in error.message:
                    return ""
                self._events.warning(daemon_set, "FailedCreate", f"Error creating: {error.message}")
                return error.message
            self._pods.observe(made)
            self._events.normal(daemon_set, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        return ""

    async def _roll(self, daemon_set: Object, by_node: dict[str, list[Object]], wanted: list[str]) -> None:
        strategy = daemon_set["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        limit = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
        budget = max(1, share_of(limit, len(wanted), round_up=True))
        current = [by_node[node][0] for node in wanted if by_node.get(node)]
        suffix = hash_of(daemon_set["spec"]["template"])
        old = [pod for pod in current if labels_of(pod).get(_HASH) != suffix]
        down = len(wanted) - sum(self._available(daemon_set, pod) for pod in current)
        useless = [pod for pod in old if not self._available(daemon_set, pod)]
        healthy = [pod for pod in old if self._available(daemon_set, pod)]
        await self._delete(daemon_set, [*useless, *healthy[: max(0, budget - down)]])

    async def _delete(self, daemon_set: Object, pods: list[Object]) -> None:
        for pod in pods:
            if is_active(pod) and await self._context.remove(PODS, key_of(pod)):
                self._events.normal(daemon_set, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
            elif is_finished(pod):
                await self._context.remove(PODS, key_of(pod))

    def _available(self, daemon_set: Object, pod: Object) -> bool:
        min_ready = daemon_set["spec"].get("minReadySeconds", 0)
        return available_in(pod, min_ready, self._context.clock.now()) == 0

    def _pod(self, daemon_set: Object, node: str) -> Object:
        meta, template = daemon_set["metadata"], daemon_set["spec"]["template"]
        pod = pod_from(template, meta["namespace"], prefix=f"{meta['name']}-")
        labels = {**(pod["metadata"].get("labels") or {}), _HASH: hash_of(template)}
        labels[_GENERATION] = annotations_of(daemon_set).get("deprecated.daemonset.template.generation", "1")
        pod["metadata"].update(labels=labels, ownerReferences=[controller_ref(daemon_set, "apps/v1", "DaemonSet")])
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        pin = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": pin}}
        pod["spec"] = {
            **_tolerant(template["spec"]),
            "affinity": {**(template["spec"].get("affinity") or {}), **affinity},
        }
        return pod

    def _status(self, daemon_set: Object, by_node: dict[str, list[Object]], wanted: list[str]) -> Object:
        there = [by_node[node][0] for node in wanted if by_node.get(node)]
        suffix = hash_of(daemon_set["spec"]["template"])
        available = sum(self._available(daemon_set, pod) for pod in there)
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
        kept = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
        return without_zeros(status, *kept)


def _tolerant(spec: Object) -> Object:
    extra = [{"key": key, "effect": effect, "operator": "Exists"} for key, effect in _ALWAYS]
    return {**spec, "tolerations": [*(spec.get("tolerations") or ()), *extra]}


def _should_run(daemon_set: Object, node: Object) -> bool:
    spec = daemon_set["spec"]["template"]["spec"]
    pod = {"spec": _tolerant(spec)}
    return selected(pod, node) and not untolerated(pod, node, ("NoSchedule", "NoExecute"))


def _node_of(pod: Object) -> str:
    """The node that a daemon's pod is on, or that it was made for."""
    if name := pod["spec"].get("nodeName"):
        return str(name)
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            return str(field["values"][0])
    return ""
