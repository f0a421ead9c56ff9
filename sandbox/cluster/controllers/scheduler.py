"""The scheduler: binds each new pod to the node with the most room, or says in its events why there
is none."""

from __future__ import annotations

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.controllers.binding import Bind
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.neighbours import (
    BESIDE,
    UNEVEN,
    find_affinity_problem,
    find_claim_problem,
    find_spread_problem,
    list_missing_resources,
)
from sandbox.cluster.controllers.placement import (
    FilterFailure,
    NodeLoad,
    explain_claim,
    explain_unschedulable,
    filter_node,
    list_host_ports,
)
from sandbox.cluster.controllers.podstate import is_finished
from sandbox.cluster.machinery.meta import (
    NODES,
    PODS,
    Key,
    find_status_condition,
    is_deleting,
    key_of,
    uid_of,
)
from sandbox.cluster.machinery.quantities import ResourceAmount, parse_resources, sum_pod_requests

MANAGER = "kube-scheduler"
DEFAULT_SCHEDULER = "default-scheduler"
_CLAIMS = Ref("", "persistentvolumeclaims")
_CLASSES = Ref("storage.k8s.io", "storageclasses")


def is_for_scheduler(pod: Object) -> bool:
    """Tell whether a pod is this scheduler's to place: it names no other one, and no gate holds
    it."""
    spec = pod["spec"]
    own = spec.get("schedulerName") or DEFAULT_SCHEDULER
    return own == DEFAULT_SCHEDULER and not spec.get("schedulingGates")


class Scheduler:
    """Runs on unbound pods; tries waiting ones again when a node changes or a pod goes."""

    def __init__(self, context: ControllerContext, bind: Bind) -> None:
        self._context = context
        self._bind_to = bind
        self._client = context.client.acting_as(MANAGER)
        self._pods = context.informers.for_resource(PODS)
        self._nodes = context.informers.for_resource(NODES)
        self._claims = context.informers.for_resource(_CLAIMS)
        self._classes = context.informers.for_resource(_CLASSES)
        self._events = context.events.make_recorder(DEFAULT_SCHEDULER, MANAGER)
        self._loads: dict[str, NodeLoad] = {}
        self._charged: dict[str, tuple[str, ResourceAmount, list[tuple[str, int]]]] = {}
        self._waiting: set[Key] = set()
        # One at a time: two pods that are placed side by side would both see the same room.
        self.queue = context.start_queue("scheduler", self.sync, workers=1)
        self._pods.add_listener(self._on_pod_changed)
        for what in (self._nodes, self._claims, self._classes):
            what.add_listener(lambda *_: self._requeue_waiting())

    def _on_pod_changed(self, before: Object | None, after: Object | None) -> None:
        pod = after or before or {}
        taken = after is not None and after["spec"].get("nodeName") and not is_finished(after)
        if taken:
            self._reserve_resources(pod)
        elif self._release_resources(uid_of(pod)):
            self._requeue_waiting()
        if after is None or is_finished(after):
            self._waiting.discard(key_of(pod))
        # Only new pods: one that waits is tried again when a node changes or another pod goes, not
        # when its own condition does.
        elif (
            not taken
            and not is_deleting(after)
            and is_for_scheduler(after)
            and (before is None or not is_for_scheduler(before))
        ):
            self.queue.add(key_of(after))

    def _reserve_resources(self, pod: Object) -> None:
        if uid_of(pod) in self._charged:
            return
        charge = (pod["spec"]["nodeName"], sum_pod_requests(pod), list_host_ports(pod))
        self._charged[uid_of(pod)] = charge
        load = self._loads.setdefault(charge[0], NodeLoad())
        load.amount = load.amount.plus(charge[1])
        load.pods += 1
        load.ports.update(charge[2])

    def _release_resources(self, uid: str) -> bool:
        charge = self._charged.pop(uid, None)
        if charge is None:
            return False
        load = self._loads[charge[0]]
        load.amount = load.amount.minus(charge[1])
        load.pods -= 1
        load.ports.subtract(charge[2])
        return True

    def _requeue_waiting(self) -> None:
        for key in self._waiting:
            self.queue.add(key)

    async def sync(self, key: Key) -> None:
        """Find a node for one pod and bind it, or mark it unschedulable."""
        pod = self._pods.get(key)
        if pod is None or pod["spec"].get("nodeName") or is_deleting(pod):
            self._waiting.discard(key)
            return
        if problem := self._find_claim_problem(pod):
            await self._mark_unschedulable(pod, explain_claim(problem, len(self._nodes_by_name())))
            return
        refusals: list[FilterFailure] = []
        fitting: list[Object] = []
        for node in self._nodes.list_objects():
            why = self._filter_node(pod, node)
            if why is None:
                fitting.append(node)
            else:
                refusals.append(why)
        if fitting:
            self._bind_pod(pod, min(fitting, key=self._rank_node))
        else:
            await self._mark_unschedulable(pod, explain_unschedulable(refusals))

    def _find_claim_problem(self, pod: Object) -> str:
        if not any("persistentVolumeClaim" in each for each in pod["spec"].get("volumes") or ()):
            return ""
        claims = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): each
            for each in self._claims.list_objects()
        }
        classes = (each["metadata"]["name"] for each in self._classes.list_objects())
        return find_claim_problem(pod, claims, classes)

    def _nodes_by_name(self) -> dict[str, Object]:
        return {each["metadata"]["name"]: each for each in self._nodes.list_objects()}

    def _filter_node(self, pod: Object, node: Object) -> FilterFailure | None:
        load = self._loads.get(node["metadata"]["name"], NodeLoad())
        if why := filter_node(pod, sum_pod_requests(pod), node, load):
            return why
        if missing := list_missing_resources(pod, node):
            return FilterFailure(tuple(missing))
        if not any(pod["spec"].get(each) for each in ("affinity", "topologySpreadConstraints")):
            return None
        placed = [each for each in self._pods.list_objects() if not is_finished(each)]
        nodes = self._nodes_by_name()
        problem = find_spread_problem(pod, node, placed, nodes) or find_affinity_problem(
            pod, node, placed, nodes
        )
        curable = problem in (BESIDE, UNEVEN)
        return FilterFailure((problem,), curable=curable) if problem else None

    def _rank_node(self, node: Object) -> tuple[float, int, str]:
        name = node["metadata"]["name"]
        load, room = (
            self._loads.get(name, NodeLoad()),
            parse_resources(node["status"]["allocatable"]),
        )
        share = load.amount.cpu / max(room.cpu, 1) + load.amount.memory / max(room.memory, 1)
        # Nodes that are as good as equally full are told apart by their pods, then by name.
        return round(share, 2), load.pods, name

    def _bind_pod(self, pod: Object, node: Object) -> None:
        key, target = key_of(pod), node["metadata"]["name"]
        bound = self._bind_to(key, uid_of(pod), target)
        if bound is None:
            return
        # At once and not by the watch: the next pod has to find this one's share taken.
        self._pods.observe(bound)
        self._waiting.discard(key)
        message = f"Successfully assigned {key.namespace}/{key.name} to {target}"
        self._events.normal(pod, "Scheduled", message, action="Binding")

    async def _mark_unschedulable(self, pod: Object, message: str) -> None:
        key = key_of(pod)
        self._waiting.add(key)
        known = find_status_condition(pod, "PodScheduled")
        # Each change of a node tries the pod again; an Event for every try would say nothing new.
        if known and known.get("message") == message:
            return
        self._events.warning(pod, "FailedScheduling", message, action="Scheduling")
        now = self._context.clock.format_timestamp()
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "observedGeneration": pod["metadata"].get("generation", 1),
            "lastProbeTime": None,
            "lastTransitionTime": known["lastTransitionTime"] if known else now,
        }
        others = [
            each
            for each in pod.get("status", {}).get("conditions") or []
            if each["type"] != "PodScheduled"
        ]
        patch = {"status": {"conditions": [*others, condition]}}
        self._pods.observe(
            await self._client.merge(PODS, key.name, key.namespace, patch, subresource="status")
        )
