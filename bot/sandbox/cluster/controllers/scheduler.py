"""The scheduler: binds each new pod to the node with the most room, or says in its events why there is none."""

from __future__ import annotations

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.controllers.binding import Bind
from bot.sandbox.cluster.controllers.context import Context
from bot.sandbox.cluster.controllers.meta import NODES, PODS, Key, condition_of, is_deleting, key_of, uid_of
from bot.sandbox.cluster.controllers.placement import Load, Refusal, explain, host_ports, refusal
from bot.sandbox.cluster.controllers.podstate import is_finished
from bot.sandbox.cluster.controllers.quantities import Amount, amount_of, requests_of

MANAGER = "kube-scheduler"


class Scheduler:
    """Runs on unbound pods; a node that changes or a pod that leaves gives the waiting ones another chance."""

    def __init__(self, context: Context, bind: Bind) -> None:
        self._context = context
        self._bind_to = bind
        self._client = context.client.acting_as(MANAGER)
        self._pods = context.informers.of(PODS)
        self._nodes = context.informers.of(NODES)
        self._events = context.events.recorder("default-scheduler", MANAGER)
        self._loads: dict[str, Load] = {}
        self._charged: dict[str, tuple[str, Amount, list[tuple[str, int]]]] = {}
        self._waiting: set[Key] = set()
        self.queue = context.queue("scheduler", self.sync, workers=1)
        self._pods.listen(self._pod_changed)
        self._nodes.listen(lambda *_: self._retry())

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        pod = after or before or {}
        taken = after is not None and after["spec"].get("nodeName") and not is_finished(after)
        if taken:
            self._charge(pod)
        elif self._discharge(uid_of(pod)):
            self._retry()
        if after is None or is_finished(after):
            self._waiting.discard(key_of(pod))
        elif not taken and not is_deleting(after) and before is None:
            self.queue.add(key_of(after))

    def _charge(self, pod: Object) -> None:
        if uid_of(pod) in self._charged:
            return
        charge = (pod["spec"]["nodeName"], requests_of(pod), host_ports(pod))
        self._charged[uid_of(pod)] = charge
        load = self._loads.setdefault(charge[0], Load())
        load.amount = load.amount.plus(charge[1])
        load.pods += 1
        load.ports.update(charge[2])

    def _discharge(self, uid: str) -> bool:
        charge = self._charged.pop(uid, None)
        if charge is None:
            return False
        load = self._loads[charge[0]]
        load.amount = load.amount.minus(charge[1])
        load.pods -= 1
        load.ports.subtract(charge[2])
        return True

    def _retry(self) -> None:
        for key in self._waiting:
            self.queue.add(key)

    async def sync(self, key: Key) -> None:
        """Finds a node for one pod."""
        pod = self._pods.get(key)
        if pod is None or pod["spec"].get("nodeName") or is_deleting(pod):
            self._waiting.discard(key)
            return
        wanted = requests_of(pod)
        refusals: list[Refusal] = []
        fitting: list[Object] = []
        for node in self._nodes.all():
            why = refusal(pod, wanted, node, self._loads.get(node["metadata"]["name"], Load()))
            if why is None:
                fitting.append(node)
            else:
                refusals.append(why)
        if fitting:
            self._bind(pod, min(fitting, key=self._fullness))
        else:
            await self._refuse(pod, explain(refusals))

    def _fullness(self, node: Object) -> tuple[float, int, str]:
        name = node["metadata"]["name"]
        load, room = self._loads.get(name, Load()), amount_of(node["status"]["allocatable"])
        share = load.amount.cpu / max(room.cpu, 1) + load.amount.memory / max(room.memory, 1)
        return round(share, 2), load.pods, name

    def _bind(self, pod: Object, node: Object) -> None:
        key, target = key_of(pod), node["metadata"]["name"]
        bound = self._bind_to(key, uid_of(pod), target)
        if bound is None:
            return
        self._pods.observe(bound)
        self._waiting.discard(key)
        message = f"Successfully assigned {key.namespace}/{key.name} to {target}"
        self._events.normal(pod, "Scheduled", message, action="Binding")

    async def _refuse(self, pod: Object, message: str) -> None:
        key = key_of(pod)
        self._waiting.add(key)
        known = condition_of(pod, "PodScheduled")
        if known and known.get("message") == message:
            return
        self._events.warning(pod, "FailedScheduling", message, action="Scheduling")
        now = self._context.clock.stamp()
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "observedGeneration": pod["metadata"].get("generation", 1),
            "lastProbeTime": None,
            "lastTransitionTime": known["lastTransitionTime"] if known else now,
        }
        others = [each for each in pod.get("status", {}).get("conditions") or [] if each["type"] != "PodScheduled"]
        patch = {"status": {"conditions": [*others, condition]}}
        self._pods.observe(await self._client.merge(PODS, key.name, key.namespace, patch, subresource="status"))
