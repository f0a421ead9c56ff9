"""The kubelets of all simulated nodes: each pod that is bound to a living node gets a life, and an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from bot.sandbox.cluster.contract import Object, Process, Program
from bot.sandbox.cluster.controllers.context import Context
from bot.sandbox.cluster.controllers.meta import (
    CONTROLLER_MANAGER,
    NODES,
    PODS,
    Key,
    is_deleting,
    uid_of,
)
from bot.sandbox.cluster.controllers.podstate import is_finished
from bot.sandbox.cluster.kubelet_images import NodeImages, Registry
from bot.sandbox.cluster.kubelet_nodes import Node, address_of, network_of, node_object, silent, well
from bot.sandbox.cluster.kubelet_pod import Host, PodLife

MANAGER = "kubelet"
# How long a node may be silent before it is Unknown: --node-monitor-grace-period of Kubernetes 1.36.
_GRACE_PERIOD = 50.0
_WRITES = 8

_Conditions = Callable[[list[Object], str], list[Object]]


class _Addresses:
    """The pod addresses of one node, handed out in turn so that a freed one is not reused at once."""

    def __init__(self, number: int, node: Node) -> None:
        self._network = network_of(number, node)
        self._hosts: Iterator[object] = self._network.hosts()
        self._taken: dict[str, str] = {}

    def take(self, uid: str) -> str:
        """A free address."""
        for _ in range(self._network.num_addresses):
            address = str(next(self._hosts, ""))
            if not address:
                self._hosts = self._network.hosts()
            elif address not in self._taken:
                self._taken[address] = uid
                return address
        raise RuntimeError(f"no pod address is free in {self._network}")

    def free(self, address: str) -> None:
        """Gives an address back."""
        self._taken.pop(address, None)


class _Machine:
    """One node: its host values, addresses, and whether it is up."""

    def __init__(self, host: Host, addresses: _Addresses) -> None:
        self.host, self.addresses = host, addresses
        self.up = True


class Kubelet:
    """Runs on pods. Its methods `kill`, `down` and `up` hurt the nodes on purpose."""

    def __init__(
        self, context: Context, *, nodes: Sequence[Node], registry: Registry, programs: Sequence[Program]
    ) -> None:
        self._context = context
        self._nodes = tuple(nodes)
        self._client = context.client.acting_as(MANAGER)
        self._pods = context.informers.of(PODS)
        self._machines = {
            node.name: self._machine(number, node, registry, programs) for number, node in enumerate(nodes)
        }
        self._lives: dict[str, tuple[PodLife, asyncio.Task[None]]] = {}
        self._ending: set[str] = set()

    def _machine(self, number: int, node: Node, registry: Registry, programs: Sequence[Program]) -> _Machine:
        host = Host(
            name=node.name,
            address=address_of(number),
            client=self._client,
            clock=self._context.clock,
            pods=self._pods,
            images=NodeImages(registry),
            timings=registry.timings,
            events=self._context.events.recorder("kubelet", MANAGER, node.name),
            programs=programs,
            gate=asyncio.Semaphore(_WRITES),
        )
        return _Machine(host, _Addresses(number, node))

    async def register(self) -> None:
        """Makes the node objects, and begins to look after pods."""
        for number, node in enumerate(self._nodes):
            await self._client.create(node_object(number, node, self._context.clock.stamp()))
        self._pods.listen(self._pod_changed)

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        uid = uid_of(after or before or {})
        if after is None:
            self._forget(uid)
            return
        machine = self._machines.get(after["spec"].get("nodeName", ""))
        if machine is None or not machine.up or uid in self._ending:
            return
        if is_deleting(after):
            self._ending.add(uid)
            self._context.tasks.spawn(self._terminate(machine, after), f"end of pod {after['metadata']['name']}")
        elif uid not in self._lives and not is_finished(after):
            self._begin(machine, after)

    def _begin(self, machine: _Machine, pod: Object) -> None:
        life = PodLife(machine.host, pod, machine.addresses.take(uid_of(pod)))
        task = self._context.tasks.spawn(life.run(), f"pod {pod['metadata']['name']}")
        self._lives[life.uid] = (life, task)

    async def _terminate(self, machine: _Machine, pod: Object) -> None:
        life, task = self._lives.get(uid_of(pod), (PodLife(machine.host, pod, ""), None))
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await life.terminate(pod["metadata"].get("deletionGracePeriodSeconds", 30))

    def _forget(self, uid: str) -> None:
        """The pod is gone from the API: whatever still runs for it is stopped."""
        self._ending.discard(uid)
        life, task = self._lives.pop(uid, (None, None))
        if life is None or task is None:
            return
        self._machines[life.host.name].addresses.free(life.address)
        task.cancel()
        if life.process is not None:
            self._context.tasks.spawn(life.abandon(), f"end of pod {life.key.name}")

    def process(self, pod: Object) -> Process | None:
        """The program that answers for a pod, once it has started."""
        life, _ = self._lives.get(uid_of(pod), (None, None))
        return life.process if life else None

    def is_up(self, node: str) -> bool:
        """Whether the node answers."""
        return node in self._machines and self._machines[node].up

    def kill(self, key: Key, code: int) -> bool:
        """Ends the pod's containers with this exit code; False when it has none that run."""
        pod = self._pods.get(key)
        life, _ = self._lives.get(uid_of(pod), (None, None)) if pod else (None, None)
        if life is None:
            return False
        life.kill(code)
        return True

    async def down(self, name: str) -> None:
        """The node loses power: its programs stop at once, and after the grace period the cluster notices."""
        machine = self._machines[name]
        machine.up = False
        there = [uid for uid, (life, _) in self._lives.items() if life.host.name == name]
        for uid in there:
            life, task = self._lives.pop(uid)
            machine.addresses.free(life.address)
            task.cancel()
            await life.abandon()
        self._context.tasks.spawn(self._notice(machine), f"silence of {name}")

    async def _notice(self, machine: _Machine) -> None:
        await self._context.clock.sleep(_GRACE_PERIOD)
        if not machine.up:
            await self._say(machine, silent, CONTROLLER_MANAGER)

    async def up(self, name: str) -> None:
        """The node comes back: its pods start anew, those that were deleted meanwhile go."""
        machine = self._machines[name]
        machine.up = True
        await self._say(machine, lambda _, stamp: well(stamp), MANAGER)
        for pod in self._pods.all():
            if pod["spec"].get("nodeName") == name:
                self._pod_changed(pod, pod)

    async def _say(self, machine: _Machine, conditions: _Conditions, manager: str) -> None:
        name = machine.host.name
        node = await self._client.get(NODES, name)
        if node is not None:
            told = conditions(node["status"]["conditions"], self._context.clock.stamp())
            client = self._client.acting_as(manager)
            await client.merge(NODES, name, "", {"status": {"conditions": told}}, subresource="status")

    async def stop(self) -> None:
        """Stops every program; the tasks belong to the context."""
        for life, _ in tuple(self._lives.values()):
            await life.abandon()
