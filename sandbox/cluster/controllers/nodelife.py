"""The node lifecycle controller: taints silent nodes and evicts their pods."""

from __future__ import annotations

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.placement import tolerates_taint
from sandbox.cluster.controllers.podstate import is_ready
from sandbox.cluster.machinery.informer import enqueue_for_object
from sandbox.cluster.machinery.meta import (
    NODES,
    PODS,
    Key,
    find_status_condition,
    is_condition_true,
    is_deleting,
    key_of,
    parse_timestamp,
    uid_of,
)

UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"


class NodeLifecycleController:
    """Runs on nodes and on the pods of nodes in trouble."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._nodes = context.informers.for_resource(NODES)
        self._pods = context.informers.for_resource(PODS)
        self._pods.add_index("node", lambda pod: (pod["spec"].get("nodeName", ""),))
        self._events = context.make_recorder("node-controller")
        self.queue = context.start_queue("nodelife", self.sync, workers=1)
        self._evictions = context.start_queue("taint-eviction", self._evict_pod, workers=1)
        self._nodes.add_listener(enqueue_for_object(self.queue))
        self._known: set[str] = set()

    async def sync(self, key: Key) -> None:
        """Reconcile one node's taints and its pods' readiness with its Ready condition."""
        node = self._nodes.get(key)
        if node is None:
            return
        if uid_of(node) not in self._known:
            self._known.add(uid_of(node))
            message = f"Node {key.name} event: Registered Node {key.name} in Controller"
            self._events.normal(node, "RegisteredNode", message)
        taint = _build_taints(node)
        others = [
            each
            for each in node["spec"].get("taints") or ()
            if each["key"] not in (UNREACHABLE, NOT_READY)
        ]
        wanted = [*others, *taint]
        # Compared without timeAdded, from which tolerations count: writing it anew would put every
        # eviction off.
        if [_get_taint_identity(each) for each in wanted] != [
            _get_taint_identity(each) for each in node["spec"].get("taints") or ()
        ]:
            stamp = self._context.clock.format_timestamp()
            taints = [
                {**each, "timeAdded": stamp} if each["effect"] == "NoExecute" else each
                for each in wanted
            ]
            patch = {"spec": {"taints": taints or None}}
            self._nodes.observe(await self._context.client.merge(NODES, key.name, "", patch))
        if taint:
            await self._mark_pods_not_ready(node, taint)

    async def _mark_pods_not_ready(self, node: Object, taints: list[Object]) -> None:
        name = node["metadata"]["name"]
        for pod in self._pods.list_by_index("node", name):
            if is_ready(pod):
                self._events.warning(pod, "NodeNotReady", "Node is not ready")
                await self._mark_pod_not_ready(pod)
            # The last taint is the one that evicts (NoExecute).
            seconds = _get_toleration_seconds(pod, taints[-1])
            if seconds is not None and not is_deleting(pod):
                self._evictions.add_after(key_of(pod), seconds)

    async def _mark_pod_not_ready(self, pod: Object) -> None:
        ready = find_status_condition(pod, "Ready") or {"type": "Ready"}
        changed = {
            **ready,
            "status": "False",
            "lastTransitionTime": self._context.clock.format_timestamp(),
        }
        conditions = [
            changed if each["type"] == "Ready" else each for each in pod["status"]["conditions"]
        ]
        key = key_of(pod)
        patch = {"status": {"conditions": conditions}}
        try:
            stored = await self._context.client.merge(
                PODS, key.name, key.namespace, patch, subresource="status"
            )
        except ApiError as error:
            if error.code != 404:
                raise
        else:
            self._pods.observe(stored)

    async def _evict_pod(self, key: Key) -> None:
        # Much may have happened since the eviction was planned: the node may be well again, and the
        # name may be another pod's, so that everything is looked at anew.
        pod = self._pods.get(key)
        node = self._nodes.get(Key("", pod["spec"].get("nodeName", ""))) if pod else None
        if pod is None or node is None or is_deleting(pod):
            return
        for taint in node["spec"].get("taints") or ():
            if taint["effect"] != "NoExecute":
                continue
            seconds = _get_toleration_seconds(pod, taint)
            since = parse_timestamp(taint.get("timeAdded") or pod["metadata"]["creationTimestamp"])
            passed = (self._context.clock.now() - since).total_seconds()
            # timeAdded is cut to whole seconds.
            if seconds is not None and passed + 1 >= seconds:
                message = f"Marking for deletion Pod {key.namespace}/{key.name}"
                self._context.make_recorder("taint-eviction-controller").normal(
                    pod, "TaintManagerEviction", message
                )
                await self._context.delete_object(PODS, key)
                return


def _build_taints(node: Object) -> list[Object]:
    ready = find_status_condition(node, "Ready")
    if is_condition_true(ready):
        return []
    name = UNREACHABLE if ready is None or ready["status"] == "Unknown" else NOT_READY
    return [{"key": name, "effect": "NoSchedule"}, {"key": name, "effect": "NoExecute"}]


def _get_taint_identity(taint: Object) -> tuple[str, str, str]:
    return taint["key"], taint.get("value", ""), taint["effect"]


def _get_toleration_seconds(pod: Object, taint: Object) -> float | None:
    """Return the seconds that the pod tolerates the taint; None for ever."""
    if not tolerates_taint(pod, taint):
        return 0.0
    borne = [
        each.get("tolerationSeconds")
        for each in pod["spec"].get("tolerations") or ()
        if tolerates_taint({"spec": {"tolerations": [each]}}, taint)
    ]
    limits = [float(seconds) for seconds in borne if seconds is not None]
    return min(limits) if len(limits) == len(borne) else None
