"""The kubelets of all simulated nodes: they start, run and terminate the bound pods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from sandbox.cluster.contract import Object, PodProgram, Process
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.podstate import is_finished
from sandbox.cluster.kubelet.images import ImageRegistry, NodeImages
from sandbox.cluster.kubelet.node_runtime import NodeRuntime
from sandbox.cluster.kubelet.nodes import (
    SimulatedNode,
    build_node_object,
    build_ready_conditions,
    build_unknown_conditions,
    compute_node_address,
    compute_pod_network,
)
from sandbox.cluster.kubelet.own_commands import OwnCommands
from sandbox.cluster.kubelet.pod import PodWorker
from sandbox.cluster.machinery.meta import (
    CONTROLLER_MANAGER,
    NODES,
    PODS,
    Key,
    is_deleting,
    uid_of,
)

MANAGER = "kubelet"
# How long a node may be silent before it is Unknown: --node-monitor-grace-period of Kubernetes
# 1.36.
_GRACE_PERIOD = 50.0
_WRITES = 8

_Conditions = Callable[[list[Object], str], list[Object]]


class _PodAddresses:
    """The pod addresses of one node, handed out in turn so that a freed one is not reused at
    once."""

    def __init__(self, number: int, node: SimulatedNode) -> None:
        self._network = compute_pod_network(number, node)
        self._hosts: Iterator[object] = self._network.hosts()
        self._taken: dict[str, str] = {}

    def allocate_address(self, uid: str) -> str:
        """Return a free address and mark it as taken.

        Raises RuntimeError when none is free.
        """
        for _ in range(self._network.num_addresses):
            address = str(next(self._hosts, ""))
            # At the end of the network: begin again, with what has been freed.
            if not address:
                self._hosts = self._network.hosts()
            elif address not in self._taken:
                self._taken[address] = uid
                return address
        raise RuntimeError(f"no pod address is free in {self._network}")

    def release_address(self, address: str) -> None:
        """Give an address back."""
        self._taken.pop(address, None)


class _NodeState:
    """One node: its host values, addresses, and whether it is up."""

    def __init__(self, host: NodeRuntime, addresses: _PodAddresses) -> None:
        self.host, self.addresses = host, addresses
        self.up = True


class Kubelet:
    """Runs the pods of all nodes. `kill_pod`, `stop_node` and `start_node` inject faults."""

    def __init__(
        self,
        context: ControllerContext,
        *,
        nodes: Sequence[SimulatedNode],
        registry: ImageRegistry,
        programs: Sequence[PodProgram],
    ) -> None:
        self._context = context
        self._nodes = tuple(nodes)
        self.commands = OwnCommands(context.clock)
        self._client = context.client.acting_as(MANAGER)
        self._pods = context.informers.for_resource(PODS)
        self._machines = {
            node.name: self._build_node_state(number, node, registry, programs)
            for number, node in enumerate(nodes)
        }
        self._lives: dict[str, tuple[PodWorker, asyncio.Task[None]]] = {}
        self._ending: set[str] = set()

    def _build_node_state(
        self,
        number: int,
        node: SimulatedNode,
        registry: ImageRegistry,
        programs: Sequence[PodProgram],
    ) -> _NodeState:
        host = NodeRuntime(
            name=node.name,
            address=compute_node_address(number),
            client=self._client,
            clock=self._context.clock,
            pods=self._pods,
            images=NodeImages(registry),
            timings=registry.timings,
            events=self._context.events.make_recorder("kubelet", MANAGER, node.name),
            programs=programs,
            gate=asyncio.Semaphore(_WRITES),
            commands=self.commands,
        )
        return _NodeState(host, _PodAddresses(number, node))

    async def register_nodes(self) -> None:
        """Create the node objects, and begin to run pods."""
        for number, node in enumerate(self._nodes):
            await self._client.create(
                build_node_object(number, node, self._context.clock.format_timestamp())
            )
        self._pods.add_listener(self._on_pod_changed)

    def _on_pod_changed(self, before: Object | None, after: Object | None) -> None:
        uid = uid_of(after or before or {})
        if after is None:
            self._forget_pod(uid)
            return
        machine = self._machines.get(after["spec"].get("nodeName", ""))
        if machine is None or not machine.up or uid in self._ending:
            return
        if is_deleting(after):
            # A pod goes on changing while it ends, and must end once only.
            self._ending.add(uid)
            self._context.tasks.spawn(
                self._terminate_pod(machine, after), f"end of pod {after['metadata']['name']}"
            )
        elif uid not in self._lives and not is_finished(after):
            self._start_pod(machine, after)

    def _start_pod(self, machine: _NodeState, pod: Object) -> None:
        life = PodWorker(machine.host, pod, machine.addresses.allocate_address(uid_of(pod)))
        task = self._context.tasks.spawn(life.run(), f"pod {pod['metadata']['name']}")
        self._lives[life.reporter.uid] = (life, task)

    async def _terminate_pod(self, machine: _NodeState, pod: Object) -> None:
        life, task = self._lives.get(uid_of(pod), (PodWorker(machine.host, pod, ""), None))
        # The worker's task has to be over first: it would restart the containers that stop now.
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await life.terminate(pod["metadata"].get("deletionGracePeriodSeconds", 30))

    def _forget_pod(self, uid: str) -> None:
        """Stop whatever still runs for a pod that is gone from the API."""
        self._ending.discard(uid)
        self.commands.remove(uid)
        life, task = self._lives.pop(uid, (None, None))
        if life is None or task is None:
            return
        self._machines[life.host.name].addresses.release_address(life.address)
        task.cancel()
        # Deleted with grace 0 by somebody else, so that nothing has stopped the program yet.
        if life.program.process is not None:
            self._context.tasks.spawn(life.program.stop(), f"end of pod {life.reporter.key.name}")

    def get_process(self, pod: Object) -> Process | None:
        """Return the program that answers for a pod, once it has started, or None."""
        life, _ = self._lives.get(uid_of(pod), (None, None))
        return life.program.process if life else None

    def is_node_up(self, node: str) -> bool:
        """Tell whether the node is up."""
        return node in self._machines and self._machines[node].up

    def kill_pod(self, key: Key, code: int) -> bool:
        """End the pod's containers with this exit code.

        Return False when none run.
        """
        pod = self._pods.get(key)
        life, _ = self._lives.get(uid_of(pod), (None, None)) if pod else (None, None)
        if life is None:
            return False
        life.kill_containers(code)
        return True

    async def stop_node(self, name: str) -> None:
        """Cut the node's power: its programs stop at once.

        After the grace period (50 simulated seconds) the cluster notices.
        """
        machine = self._machines[name]
        machine.up = False
        # No status is written: a node without power can't, and the API shows its pods as they were.
        there = [uid for uid, (life, _) in self._lives.items() if life.host.name == name]
        for uid in there:
            life, task = self._lives.pop(uid)
            machine.addresses.release_address(life.address)
            task.cancel()
            await life.program.stop()
        self._context.tasks.spawn(self._report_silent_node(machine), f"silence of {name}")

    async def _report_silent_node(self, machine: _NodeState) -> None:
        await self._context.clock.sleep(_GRACE_PERIOD)
        # It may have come back meanwhile.
        if not machine.up:
            await self._write_node_conditions(machine, build_unknown_conditions, CONTROLLER_MANAGER)

    async def start_node(self, name: str) -> None:
        """Bring the node back.

        Its pods start again; those that were deleted meanwhile go.
        """
        machine = self._machines[name]
        machine.up = True
        await self._write_node_conditions(
            machine, lambda _, stamp: build_ready_conditions(stamp), MANAGER
        )
        # What changed while the node was down was passed over, and what did not change will not
        # come by itself.
        for pod in self._pods.list_objects():
            if pod["spec"].get("nodeName") == name:
                self._on_pod_changed(pod, pod)

    async def _write_node_conditions(
        self, machine: _NodeState, conditions: _Conditions, manager: str
    ) -> None:
        name = machine.host.name
        node = await self._client.get(NODES, name)
        if node is not None:
            told = conditions(node["status"]["conditions"], self._context.clock.format_timestamp())
            client = self._client.acting_as(manager)
            await client.merge(
                NODES, name, "", {"status": {"conditions": told}}, subresource="status"
            )

    async def stop(self) -> None:
        """Stop every program; the tasks belong to the context."""
        for life, _ in tuple(self._lives.values()):
            await life.program.stop()
