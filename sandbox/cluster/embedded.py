"""The embedded cluster: API server, controllers, scheduler, nodes, and fault injection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, PodProgram, Ref
from sandbox.cluster.controllers.binding import make_binder
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.daemonset import DaemonSetController
from sandbox.cluster.controllers.deployment import DeploymentController
from sandbox.cluster.controllers.endpoints import EndpointsController
from sandbox.cluster.controllers.garbage import GarbageCollector
from sandbox.cluster.controllers.job import JobController
from sandbox.cluster.controllers.namespace import NamespaceController
from sandbox.cluster.controllers.nodelife import NodeLifecycleController
from sandbox.cluster.controllers.recorder import EventBroadcaster
from sandbox.cluster.controllers.replicaset import ReplicaSetController
from sandbox.cluster.controllers.resource_quota import ResourceQuotaController
from sandbox.cluster.controllers.scheduler import Scheduler
from sandbox.cluster.controllers.statefulset import StatefulSetController
from sandbox.cluster.kubelet.backends import KubeletBackends
from sandbox.cluster.kubelet.images import ImageRegistry, Timings
from sandbox.cluster.kubelet.inside import KubeletAccess
from sandbox.cluster.kubelet.kubelet import Kubelet
from sandbox.cluster.kubelet.nodes import DEFAULT_NODES, SimulatedNode
from sandbox.cluster.machinery.informer import Informers
from sandbox.cluster.machinery.meta import CONTROLLER_MANAGER, Key
from sandbox.cluster.machinery.selectors import make_matcher
from sandbox.cluster.server import ApiServer
from sandbox.tasks import Tasks

NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
_ROOT_CA = "the embedded cluster has no certificate authority for its pods\n"


class EmbeddedCluster:
    """A Kubernetes cluster in this process. Times on its nodes are simulated seconds of `clock`.

    `programs` run in pods; `nodes` and `timings` say what the nodes are like; `history` is the API
    server's. There are no metrics and no storage, so nothing scales by itself and no volume claim
    is bound; autoscalers keep the status that they are created with, as in a real cluster whose
    controller has not looked at them yet.
    """

    def __init__(
        self,
        clock: Clock,
        programs: Sequence[PodProgram] = (),
        *,
        nodes: Sequence[SimulatedNode] = DEFAULT_NODES,
        timings: Timings | None = None,
        history: int = 10_000,
    ) -> None:
        self.clock = clock
        self.server = ApiServer(clock, history=history)
        self._programs, self._nodes = tuple(programs), tuple(nodes)
        self._registry = ImageRegistry(clock, timings or Timings())
        self._tasks = Tasks()
        self._kubelet: Kubelet | None = None

    @property
    def url(self) -> str:
        """The URL at which the API is served."""
        return self.server.url

    def client(self, manager: str) -> Client:
        """Return an in-process client that writes as that field manager."""
        return self.server.client(manager)

    def list_objects(self, ref: Ref, namespace: str = "", labels: str = "") -> list[Object]:
        """Return the objects of a type as they are now; none where the type is not served."""
        if self.server.kinds.get(ref) is None:
            return []
        matches = make_matcher(labels, "", ref.plural)
        found = (record.obj for record in self.server.store.iterate_records(ref, namespace))
        return [obj for obj in found if matches is None or matches(obj)]

    def build_kubeconfig(self) -> Object:
        """Return a kubeconfig with one context, `sandbox`."""
        return self.server.build_kubeconfig()

    def write_kubeconfig(self, path: Path) -> Path:
        """Write the kubeconfig for kubectl and others; readable by its owner only."""
        path.touch()
        # Before there is a token in it.
        path.chmod(0o600)
        path.write_text(yaml.safe_dump(self.build_kubeconfig(), sort_keys=False))
        return path

    async def start(self, port: int = 0) -> None:
        """Serve the API, and return when nodes and the first namespaces are there."""
        await self.server.start(port=port)
        client = self.client(CONTROLLER_MANAGER)
        informers = Informers(client, self._tasks)
        context = ControllerContext(
            client,
            self.clock,
            informers,
            self._tasks,
            EventBroadcaster(client, self.clock, self._tasks),
        )
        context.events.start()
        await _create_system_objects(self.client("kube-apiserver"))
        self._start_controllers(context)
        kubelet = Kubelet(
            context, nodes=self._nodes, registry=self._registry, programs=self._programs
        )
        self._kubelet = kubelet
        backends = KubeletBackends(context, kubelet)
        self.server.backends = backends
        access = KubeletAccess(context, kubelet, backends, self._programs)
        self.server.access = self.server.logs = access
        await informers.wait_for_sync()
        await kubelet.register_nodes()
        Scheduler(context, make_binder(self.server.store, self.clock))

    def _start_controllers(self, context: ControllerContext) -> None:
        kinds = self.server.kinds
        namespaces = NamespaceController(context, kinds, _ROOT_CA)
        GarbageCollector(context, kinds, namespaces.on_object_removed)
        for controller in (
            DeploymentController,
            ReplicaSetController,
            DaemonSetController,
            StatefulSetController,
            JobController,
            EndpointsController,
            NodeLifecycleController,
            ResourceQuotaController,
        ):
            controller(context)

    async def stop(self) -> None:
        """Stop everything; no task is left behind."""
        if self._kubelet is not None:
            await self._kubelet.stop()
        await self._tasks.close()
        await self.server.stop()

    def _require_kubelet(self) -> Kubelet:
        if self._kubelet is None:
            raise RuntimeError("the embedded cluster has not been started")
        return self._kubelet

    def kill_pod(self, namespace: str, name: str, code: int = 137) -> bool:
        """End a pod's containers with an exit code; they are started again.

        Return False when none run.
        """
        return self._require_kubelet().kill_pod(Key(namespace, name), code)

    def break_image_pulls(self, pattern: str, reason: str) -> None:
        """Make pulls of matching images (a glob, or a part of the name) fail with that reason."""
        self._registry.broken[pattern] = reason

    def restore_image_pulls(self, pattern: str) -> None:
        """End `break_image_pulls`; what waits tries again after its back-off."""
        self._registry.broken.pop(pattern, None)

    def slow_image_pulls(self, seconds: float | None) -> None:
        """Make every pull take that long (simulated seconds); None for the usual times."""
        self._registry.slow = seconds

    async def stop_node(self, name: str) -> None:
        """Cut a node's power: what runs there stops.

        50 simulated seconds later the cluster calls it Unknown.
        """
        await self._require_kubelet().stop_node(name)

    async def start_node(self, name: str) -> None:
        """Bring a stopped node back."""
        await self._require_kubelet().start_node(name)


async def _create_system_objects(client: Client) -> None:
    """Create the objects that the API server itself makes in a new cluster."""
    for name in NAMESPACES:
        await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    place = {"name": "kubernetes", "namespace": "default"}
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]
    labels = {"component": "apiserver", "provider": "kubernetes"}
    await client.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**place, "labels": labels},
            "spec": {"clusterIP": "10.96.0.1", "ports": ports, "type": "ClusterIP"},
        }
    )
    endpoint = [{"name": "https", "port": 6443, "protocol": "TCP"}]
    await client.create(
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {**place, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
            "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": endpoint}],
        }
    )
    await client.create(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**place, "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": True}}],
            "ports": endpoint,
        }
    )


__all__ = ["DEFAULT_NODES", "EmbeddedCluster", "SimulatedNode", "Timings"]
