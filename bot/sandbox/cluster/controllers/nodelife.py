"""The node lifecycle controller: a silent node is tainted, its pods count as not ready and are evicted."""

from __future__ import annotations

from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.controllers.context import Context, enqueue_self
from bot.sandbox.cluster.controllers.meta import (
    NODES,
    PODS,
    Key,
    condition_of,
    is_deleting,
    is_true,
    key_of,
    parse_time,
    uid_of,
)
from bot.sandbox.cluster.controllers.placement import tolerates
from bot.sandbox.cluster.controllers.podstate import is_ready

UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"


class NodeLifecycleController:
    """Runs on nodes and on the pods of nodes in trouble."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._nodes = context.informers.of(NODES)
        self._pods = context.informers.of(PODS)
        self._pods.index("node", lambda pod: (pod["spec"].get("nodeName", ""),))
        self._events = context.recorder("node-controller")
        self.queue = context.queue("nodelife", self.sync, workers=1)
        self._evictions = context.queue("taint-eviction", self._evict, workers=1)
        self._nodes.listen(enqueue_self(self.queue))
        self._known: set[str] = set()

    async def sync(self, key: Key) -> None:
        """Brings one node's taints, and what its pods say of themselves, in line with its Ready condition."""
        node = self._nodes.get(key)
        if node is None:
            return
        if uid_of(node) not in self._known:
            self._known.add(uid_of(node))
            message = f"Node {key.name} event: Registered Node {key.name} in Controller"
            self._events.normal(node, "RegisteredNode", message)
        taint = _taint_of(node)
        others = [each for each in node["spec"].get("taints") or () if each["key"] not in (UNREACHABLE, NOT_READY)]
        wanted = [*others, *taint]
        if [_plain(each) for each in wanted] != [_plain(each) for each in node["spec"].get("taints") or ()]:
            stamp = self._context.clock.stamp()
            taints = [{**each, "timeAdded": stamp} if each["effect"] == "NoExecute" else each for each in wanted]
            patch = {"spec": {"taints": taints or None}}
            self._nodes.observe(await self._context.client.merge(NODES, key.name, "", patch))
        if taint:
            await self._doubt_pods(node, taint)

    async def _doubt_pods(self, node: Object, taints: list[Object]) -> None:
        name = node["metadata"]["name"]
        for pod in self._pods.by("node", name):
            if is_ready(pod):
                self._events.warning(pod, "NodeNotReady", "Node is not ready")
                await self._mark_not_ready(pod)
            seconds = _bearing(pod, taints[-1])
            if seconds is not None and not is_deleting(pod):
                self._evictions.add_after(key_of(pod), seconds)

    async def _mark_not_ready(self, pod: Object) -> None:
        ready = condition_of(pod, "Ready") or {"type": "Ready"}
        changed = {**ready, "status": "False", "lastTransitionTime": self._context.clock.stamp()}
        conditions = [changed if each["type"] == "Ready" else each for each in pod["status"]["conditions"]]
        key = key_of(pod)
        patch = {"status": {"conditions": conditions}}
        try:
            stored = await self._context.client.merge(PODS, key.name, key.namespace, patch, subresource="status")
        except ApiError as error:
            if error.code != 404:
                raise
        else:
            self._pods.observe(stored)

    async def _evict(self, key: Key) -> None:
        pod = self._pods.get(key)
        node = self._nodes.get(Key("", pod["spec"].get("nodeName", ""))) if pod else None
        if pod is None or node is None or is_deleting(pod):
            return
        for taint in node["spec"].get("taints") or ():
            if taint["effect"] != "NoExecute":
                continue
            seconds = _bearing(pod, taint)
            since = parse_time(taint.get("timeAdded") or pod["metadata"]["creationTimestamp"])
            passed = (self._context.clock.now() - since).total_seconds()
            if seconds is not None and passed + 1 >= seconds:
                message = f"Marking for deletion Pod {key.namespace}/{key.name}"
                self._context.recorder("taint-eviction-controller").normal(pod, "TaintManagerEviction", message)
                await self._context.remove(PODS, key)
                return


def _taint_of(node: Object) -> list[Object]:
    ready = condition_of(node, "Ready")
    if is_true(ready):
        return []
    name = UNREACHABLE if ready is None or ready["status"] == "Unknown" else NOT_READY
    return [{"key": name, "effect": "NoSchedule"}, {"key": name, "effect": "NoExecute"}]


def _plain(taint: Object) -> tuple[str, str, str]:
    return taint["key"], taint.get("value", ""), taint["effect"]


def _bearing(pod: Object, taint: Object) -> float | None:
    """Seconds that the pod bears the taint; None for ever."""
    if not tolerates(pod, taint):
        return 0.0
    borne = [
        each.get("tolerationSeconds")
        for each in pod["spec"].get("tolerations") or ()
        if tolerates({"spec": {"tolerations": [each]}}, taint)
    ]
    limits = [float(seconds) for seconds in borne if seconds is not None]
    return min(limits) if len(limits) == len(borne) else None
