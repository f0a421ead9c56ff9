"""Following the cluster: what a data plane learns from the Kubernetes API, as values to compute with.

Two views are kept apart. Names and addresses are those of the cluster now; rules are what istiod last told the proxies,
so without an istiod proxies go on with what they know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import ApiError, Client, Event, Object, Ref
from bot.sandbox.dataplane.engine_workloads import Workload, workload
from bot.sandbox.dataplane.objects import FOLLOWED, ROOT_NAMESPACE, Objects, World
from bot.sandbox.dataplane.objects_pods import labels_of
from bot.sandbox.istio.istiod_facts import version_of
from bot.sandbox.istio.istiod_watch import CRDS, Mirror, Served, Tasks

_MAPS, _PEERS, _TELEMETRIES = "maps", "peers", "telemetries"
_MORE = {
    _MAPS: Ref("", "configmaps"),
    _PEERS: Ref("security.istio.io", "peerauthentications"),
    _TELEMETRIES: Ref("telemetry.istio.io", "telemetries"),
}
_BUILT_IN = ("", "discovery.k8s.io")
"""API groups that are always served; the others come with CRDs."""
_DEFAULT_VERSION = "1.30.3"


@dataclass(frozen=True, kw_only=True, eq=False)
class Around:
    """Everything that decides what happens to a request, at one moment."""

    live: World
    pushed: World
    peers: Objects = field(default_factory=dict)
    telemetries: Objects = field(default_factory=dict)
    known: dict[tuple[str, str], Workload] = field(default_factory=dict, repr=False)

    def workload(self, pod: Object) -> Workload:
        """The pod as the mesh knows it."""
        meta = pod["metadata"]
        key = (meta.get("uid", ""), meta.get("resourceVersion", ""))
        if key not in self.known:
            self.known[key] = workload(pod)
        return self.known[key]

    @cached_property
    def ztunnels(self) -> dict[str, str]:
        """The uid of each node's ztunnel pod, where one is ready."""
        pods = [p for p in self.live.pods.values() if labels_of(p).get("app") == "ztunnel" and is_ready(p)]
        return {p["spec"].get("nodeName", ""): p["metadata"].get("uid", "") for p in pods}

    def strict(self, server: Workload) -> bool:
        """Whether a pod of the mesh refuses plain text: PeerAuthentication of workload, namespace or root."""
        if not server.meshed:
            return False
        ranked: dict[int, str] = {}
        for (namespace, _), rule in sorted(self.peers.items()):
            spec = rule.get("spec") or {}
            mode = (spec.get("mtls") or {}).get("mode", "UNSET")
            rank = _rank(server, namespace, (spec.get("selector") or {}).get("matchLabels") or {})
            if rank and mode != "UNSET":
                ranked.setdefault(rank, mode)
        return bool(ranked) and ranked[max(ranked)] == "STRICT"


def _rank(server: Workload, namespace: str, selector: dict[str, str]) -> int:
    """How closely a rule concerns a pod: 3 by its labels, 2 in its namespace, 1 mesh-wide, 0 not at all."""
    if namespace == server.namespace and selector:
        return 3 if selector.items() <= dict(server.labels).items() else 0
    if namespace == server.namespace:
        return 2
    return 1 if namespace == ROOT_NAMESPACE and not selector else 0


def is_ready(pod: Object) -> bool:
    """Whether a pod is Ready and not on its way out."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    there = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return there and "deletionTimestamp" not in pod["metadata"]


class Follower:
    """Mirrors of all that matters; `around()` is what they show. `pod_changed` hears of every change of a pod."""

    def __init__(self, clock: Clock, pod_changed: Callable[[Event], None] | None = None) -> None:
        self._clock = clock
        self._pod_changed = pod_changed
        self._tasks = Tasks()
        self._served = Served()
        self._mirrors = {name: Mirror(ref, self._changed) for name, ref in {**FOLLOWED, **_MORE}.items()}
        self._mirrors["pods"] = Mirror(FOLLOWED["pods"], self._pod_event)
        self._mesh: tuple[Object | None, Object] = (None, {})
        self._known: dict[tuple[str, str], Workload] = {}
        self._around: Around | None = None

    async def start(self, client: Client) -> None:
        """Begins to follow; returns when everything that is there is known."""
        for mirror in self._mirrors.values():
            await _fill(mirror, client)
        self._around = self._look()
        crds = Mirror(CRDS, self._served.changed)
        self._tasks.start(crds.follow(client, self._clock), "data plane: customresourcedefinitions")
        for name, mirror in self._mirrors.items():
            served = None if mirror.ref.group in _BUILT_IN else self._served
            self._tasks.start(mirror.follow(client, self._clock, served), f"data plane: {name}")

    async def stop(self) -> None:
        """Ends all of it."""
        await asyncio.sleep(0)  # what was only just started must begin before it can be ended in order
        await self._tasks.stop()

    def pods(self) -> list[Object]:
        """All pods, as last seen."""
        return list(self._mirrors["pods"].objects.values())

    def pod(self, namespace: str, name: str) -> Object | None:
        """One pod, as last seen."""
        return self._mirrors["pods"].get(name, namespace)

    def _pod_event(self, event: Event) -> None:
        self._changed(event)
        if self._pod_changed is not None:
            self._pod_changed(event)

    def _changed(self, _: Event) -> None:
        self._around = self._look()

    def around(self) -> Around:
        """What is there now; the same value until something changes."""
        if self._around is None:
            self._around = self._look()
        return self._around

    def _look(self) -> Around:
        objects = {name: dict(self._mirrors[name].objects) for name in FOLLOWED}
        istiod = next(
            (p for p in objects["pods"].values() if labels_of(p).get("app") == "istiod" and is_ready(p)), None
        )
        last = self._around
        if istiod is None and last is not None:
            live = World(version=last.pushed.version, mesh=last.pushed.mesh, **objects)
            return Around(
                live=live, pushed=last.pushed, peers=last.peers, telemetries=last.telemetries, known=self._known
            )
        version = version_of(istiod["spec"]["containers"][0]["image"]) if istiod else _DEFAULT_VERSION
        live = World(version=version, mesh=self._mesh_config(), **objects)
        peers, telemetries = (dict(self._mirrors[name].objects) for name in (_PEERS, _TELEMETRIES))
        if len(self._known) > 4 * len(objects["pods"]) + 100:
            self._known = {}
        return Around(live=live, pushed=live, peers=peers, telemetries=telemetries, known=self._known)

    def _mesh_config(self) -> Object:
        found = self._mirrors[_MAPS].get("istio", ROOT_NAMESPACE)
        if found is not self._mesh[0]:
            text = ((found or {}).get("data") or {}).get("mesh", "")
            parsed: Any = yaml.safe_load(text) if text else {}
            self._mesh = (found, parsed if isinstance(parsed, dict) else {})
        return self._mesh[1]


async def _fill(mirror: Mirror, client: Client) -> None:
    """Takes what is there now; a type that is not served has nothing."""
    try:
        found = await client.list(mirror.ref)
    except ApiError:
        return
    for obj in found:
        meta = obj["metadata"]
        mirror.objects[meta.get("namespace", ""), meta["name"]] = obj
