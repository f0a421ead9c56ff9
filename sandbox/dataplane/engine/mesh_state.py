"""Following the cluster: the data plane's knowledge from the Kubernetes API, as values
to compute with.

Two views are kept apart. Names and addresses are those of the cluster now; rules are
what istiod last told the proxies, so without an istiod proxies go on with what they
know.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sandbox.cluster.contract import ApiError, Client, Object, Ref
from sandbox.cluster.machinery.informer import Informer, Listener
from sandbox.cluster.machinery.meta import CRDS
from sandbox.cluster.machinery.served_types import ServedTypes
from sandbox.dataplane.engine.workloads import Workload, read_workload
from sandbox.dataplane.objects.pods import get_labels
from sandbox.dataplane.objects.world import FOLLOWED, ROOT_NAMESPACE, Objects, World
from sandbox.releases import NEWEST, parse_image_version
from sandbox.tasks import Tasks
from sandbox.yaml_text import read_yaml

_MAPS, _NETWORK = "maps", "network_policies"
_TOLD = {
    "peers": Ref("security.istio.io", "peerauthentications"),
    "policies": Ref("security.istio.io", "authorizationpolicies"),
    "telemetries": Ref("telemetry.istio.io", "telemetries"),
}
"""What istiod tells proxies beside the routes, by the fields of a MeshState."""
_MORE = {
    _MAPS: Ref("", "configmaps"),
    _NETWORK: Ref("networking.k8s.io", "networkpolicies"),
    **_TOLD,
}
_BUILT_IN = ("", "discovery.k8s.io", "networking.k8s.io")
"""API groups that are always served; the others come with CRDs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MeshState:
    """Everything that decides what happens to a request, at one moment."""

    live: World
    pushed: World
    peers: Objects = field(default_factory=dict)
    policies: Objects = field(default_factory=dict)
    network_policies: Objects = field(default_factory=dict)
    telemetries: Objects = field(default_factory=dict)
    known: dict[tuple[str, str], Workload] = field(default_factory=dict, repr=False)

    def get_workload(self, pod: Object) -> Workload:
        """Return the pod as the mesh knows it."""
        meta = pod["metadata"]
        key = (meta.get("uid", ""), meta.get("resourceVersion", ""))
        if key not in self.known:
            self.known[key] = read_workload(pod)
        return self.known[key]

    @cached_property
    def ztunnels(self) -> dict[str, str]:
        """The uid of each node's ztunnel pod, where one is ready."""
        pods = [
            p
            for p in self.live.pods.values()
            if get_labels(p).get("app") == "ztunnel" and is_ready(p)
        ]
        return {p["spec"].get("nodeName", ""): p["metadata"].get("uid", "") for p in pods}


def is_ready(pod: Object) -> bool:
    """Tell whether a pod is Ready and not being deleted."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    there = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return there and "deletionTimestamp" not in pod["metadata"]


class MeshFollower:
    """Informers of all that matters; `get_state()` is what they show. `pod_changed` is called
    with every change of a pod.
    """

    def __init__(self, client: Client, pod_changed: Listener | None = None) -> None:
        self._client = client
        self._pod_changed = pod_changed
        self._tasks = Tasks()
        self._served = ServedTypes()
        self._informers = {
            name: Informer(client, ref) for name, ref in {**FOLLOWED, **_MORE}.items()
        }
        self._mesh: tuple[Object | None, Object] = (None, {})
        self._known: dict[tuple[str, str], Workload] = {}
        self._around: MeshState | None = None

    async def start(self) -> None:
        """Start to follow; return when everything that is there is known."""
        for informer in self._informers.values():
            with contextlib.suppress(ApiError):  # a type that is not served has nothing
                await informer.relist()
        self._around = self._build_state()
        crds = Informer(self._client, CRDS)
        crds.add_listener(self._served.apply_crd_change)
        # Types of CRDs are watched when this has shown that they are served.
        self._tasks.spawn(crds.run(), "data plane: customresourcedefinitions")
        if self._pod_changed is not None:
            self._informers["pods"].add_listener(self._pod_changed)
        for name, informer in self._informers.items():
            informer.add_listener(self._update_state)
            served = None if informer.ref.group in _BUILT_IN else self._served
            self._tasks.spawn(informer.run(served), f"data plane: {name}")

    async def stop(self) -> None:
        """End all of it."""
        # What was only just started must begin before it can be ended in order.
        await asyncio.sleep(0)
        await self._tasks.close()

    def list_pods(self) -> list[Object]:
        """Return all pods, as last seen."""
        return list(self._informers["pods"].objects.values())

    def get_pod(self, namespace: str, name: str) -> Object | None:
        """Return one pod, as last seen."""
        return self._informers["pods"].get((namespace, name))

    def _update_state(self, before: Object | None, after: Object | None) -> None:
        # At once and not when next asked for: without an istiod, what was pushed last must be
        # the state of the moment before it went.
        self._around = self._build_state()

    def get_state(self) -> MeshState:
        """Return what is there now; the same value until something changes."""
        if self._around is None:
            self._around = self._build_state()
        return self._around

    def _build_state(self) -> MeshState:
        objects = {name: dict(self._informers[name].objects) for name in FOLLOWED}
        istiod = next(
            (
                p
                for p in objects["pods"].values()
                if get_labels(p).get("app") == "istiod" and is_ready(p)
            ),
            None,
        )
        last = self._around
        network = dict(self._informers[_NETWORK].objects)
        # Without an istiod, pods come and go but no new rule reaches a proxy.
        if istiod is None and last is not None:
            live = World(version=last.pushed.version, mesh=last.pushed.mesh, **objects)
            return replace(last, live=live, network_policies=network, known=self._known)
        version = (
            parse_image_version(istiod["spec"]["containers"][0]["image"])
            if istiod
            else NEWEST.version
        )
        live = World(version=version, mesh=self._read_mesh_config(), **objects)
        told = {name: dict(self._informers[name].objects) for name in _TOLD}
        # Each change of a pod leaves a key behind, since keys hold the resourceVersion. They are
        # dropped all at once; what is still there is read again.
        if len(self._known) > 4 * len(objects["pods"]) + 100:
            self._known = {}
        return MeshState(
            live=live, pushed=live, network_policies=network, known=self._known, **told
        )

    def _read_mesh_config(self) -> Object:
        found = self._informers[_MAPS].get((ROOT_NAMESPACE, "istio"))
        # Asked for with every change of anything: parsed only when the ConfigMap is another.
        if found is not self._mesh[0]:
            text = ((found or {}).get("data") or {}).get("mesh", "")
            parsed: Any = read_yaml(text) if text else {}
            self._mesh = (found, parsed if isinstance(parsed, dict) else {})
        return self._mesh[1]
