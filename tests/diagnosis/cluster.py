"""A cluster of plain objects that is healthy, and simple ways to spoil it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import Any

import yaml

from bot import kinds
from bot.diagnosis.mesh_state import (
    Activity,
    ClusterState,
    NamespaceState,
    Numbers,
    PageProbe,
    Unread,
)
from bot.kinds import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    SERVICE,
    Kind,
    Object,
)
from bot.knowledge.objects.workloads import get_condition, get_name, select_pods
from bot.text import Text
from tests.diagnosis.healthy import (
    PROXY_CONFIG,
    list_addons,
    list_ambient,
    list_bookinfo,
    list_cluster_objects,
    list_control_plane,
    list_gateway,
    list_ingress_gateway,
    list_waypoint,
    read_mesh_settings,
)
from tests.diagnosis.shapes import APP, HOUR, ISTIO, NOW, condition, pod, stamp, thing

KINDS = {
    (kind.api_version, kind.kind): kind for kind in vars(kinds).values() if isinstance(kind, Kind)
}
SIDECAR_STATUS = '{"initContainers":["istio-init","istio-proxy"],"revision":"default"}'


class Mode(StrEnum):
    """How Bookinfo is in the mesh: OUTSIDE is the workshop before that step."""

    OUTSIDE = "outside"
    SIDECARS = "sidecars"
    AMBIENT = "ambient"
    WAYPOINT = "waypoint"


class Cluster:
    """What is read of a cluster; healthy in its mode until something is changed."""

    def __init__(self, mode: Mode = Mode.SIDECARS) -> None:
        self.objects: dict[Kind, list[Object]] = {kind: [] for kind in KINDS.values()}
        self.mesh_config = read_mesh_settings()
        self.missing_services: set[tuple[str, str]] = set()
        self.unread: dict[Kind, Unread] = {}
        self.activity, self.numbers = Activity(), Numbers(1.0, 100.0, 6, 6)
        self.page: PageProbe | None = None
        parts = [list_cluster_objects(), list_control_plane(), list_addons()]
        parts += [list_bookinfo(), list_gateway()]
        if mode in (Mode.OUTSIDE, Mode.SIDECARS):
            parts.append(list_ingress_gateway())
        else:
            parts.append(list_ambient())
        if mode is Mode.WAYPOINT:
            parts.append(list_waypoint())
        self.add(*chain.from_iterable(parts))
        self.enter_mesh(mode)

    def enter_mesh(self, mode: Mode) -> None:
        """Labels the namespace, and puts Bookinfo's pods into the mesh."""
        if mode is Mode.SIDECARS:
            self.labels["istio-injection"] = "enabled"
        elif mode is not Mode.OUTSIDE:
            self.labels["istio.io/dataplane-mode"] = "ambient"
        if mode is Mode.WAYPOINT:
            self.labels["istio.io/use-waypoint"] = "waypoint"
        for each in self.list_app_pods():
            if mode is Mode.SIDECARS:
                inject(each)
            elif mode is not Mode.OUTSIDE:
                capture(each)

    def state(self) -> NamespaceState:
        """The application's namespace, as causes see it."""
        return NamespaceState(
            self.read(),
            APP,
            activity=self.activity,
            numbers=self.numbers,
            page=self.page,
        )

    def read(self) -> ClusterState:
        """All that was read."""
        return ClusterState(
            self.objects,
            self.mesh_config,
            release=ISTIO,
            read_at=NOW,
            unread=self.unread,
            missing_services=frozenset(self.missing_services),
        )

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the application's namespace, to be changed."""
        found: dict[str, str] = self.get(NAMESPACE, APP)["metadata"]["labels"]
        return found

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations of the application's namespace, to be changed."""
        found: dict[str, str] = self.get(NAMESPACE, APP)["metadata"].setdefault("annotations", {})
        return found

    def add(self, *objects: Object) -> None:
        """Adds objects by their own kind."""
        for obj in objects:
            self.objects[KINDS[obj["apiVersion"], obj["kind"]]].append(obj)

    def apply(self, text: str, *, namespace: str = APP, age: float = HOUR) -> None:
        """Adds the objects of a manifest, which are that many seconds old."""
        for obj in yaml.safe_load_all(text):
            meta = obj["metadata"]
            meta.setdefault("creationTimestamp", stamp(age))
            meta.setdefault("uid", f"{obj['kind']}-{meta['name']}")
            if KINDS[obj["apiVersion"], obj["kind"]].namespaced:
                meta.setdefault("namespace", namespace)
            self.add(obj)

    def get(self, kind: Kind, name: str) -> Object:
        """The one object of that name."""
        found = [obj for obj in self.objects[kind] if get_name(obj) == name]
        assert len(found) == 1, f"{len(found)} {kind.plural} {name}"
        return found[0]

    def remove(self, kind: Kind, *names: str) -> None:
        """Takes objects away; a workload takes its pods along."""
        for name in names:
            obj = self.get(kind, name)
            self.objects[kind].remove(obj)
            if kind in (DEPLOYMENT, DAEMON_SET):
                self.remove(POD, *map(get_name, self.list_pods(obj)))

    def list_pods(self, workload: Object | str) -> list[Object]:
        """The pods of a workload, given by itself or by the name of a Deployment."""
        if isinstance(workload, str):
            workload = self.get(DEPLOYMENT, workload)
        place = workload["metadata"]["namespace"]
        near = [p for p in self.objects[POD] if p["metadata"]["namespace"] == place]
        return select_pods(near, workload)

    def list_app_pods(self) -> Iterator[Object]:
        """Bookinfo's pods."""
        for each in self.objects[POD]:
            if "version" in each["metadata"]["labels"]:
                yield each

    def get_template(self, name: str) -> Any:
        """The pod template of a Deployment, to be changed."""
        return self.get(DEPLOYMENT, name)["spec"]["template"]

    def get_spec(self, kind: Kind, name: str) -> Any:
        """The spec of an object, to be changed."""
        return self.get(kind, name)["spec"]

    def change_service(self, name: str, /, **fields: Any) -> None:
        """Changes fields of a Service's one port."""
        self.get_spec(SERVICE, name)["ports"][0].update(fields)

    def set_kiali(self, text: str) -> None:
        """Gives Kiali another configuration."""
        self.get(CONFIG_MAP, "kiali")["data"] = {"config.yaml": text}

    def scale_to_zero(self, name: str) -> None:
        """Wants no pods of a Deployment."""
        self.get_spec(DEPLOYMENT, name)["replicas"] = 0
        self.lose_pods(name)

    def lose_pods(self, name: str) -> None:
        """Takes a Deployment's pods away, whatever it wants."""
        workload = self.get(DEPLOYMENT, name)
        self.remove(POD, *map(get_name, self.list_pods(workload)))
        workload["status"] |= {"availableReplicas": 0, "readyReplicas": 0}

    def replace_pods(self, name: str, age: float = HOUR) -> Object:
        """Puts a bare pod of the present template in the place of a Deployment's pods."""
        self.lose_pods(name)
        workload = self.get(DEPLOYMENT, name)
        workload["status"] |= {"availableReplicas": 1, "readyReplicas": 1}
        made = pod(workload, age=age)
        self.add(made)
        return made

    def make_unready(self, name: str, age: float = HOUR) -> Object:
        """Leaves a Deployment's pod running and not ready; returns it."""
        workload = self.get(DEPLOYMENT, name)
        workload["status"] |= {"availableReplicas": 0, "readyReplicas": 0}
        found = self.list_pods(workload)[0]
        found["metadata"]["creationTimestamp"] = stamp(age)
        words = f"containers with unready status: [{name}]"
        get_condition(found, "Ready").update(
            status="False", reason="ContainersNotReady", message=words
        )
        found["status"]["containerStatuses"][0]["ready"] = False
        return found

    def make_wait(self, name: str, reason: str, message: str = "", age: float = HOUR) -> Object:
        """Leaves the container of a Deployment's pod waiting for that reason; returns the pod."""
        found = self.make_unready(name, age)
        waiting = {"reason": reason, "message": message}
        found["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}
        return found

    def make_pending(self, name: str, message: str) -> Object:
        """Leaves a Deployment's pod without a node; returns the pod."""
        found = self.make_unready(name)
        found["spec"].pop("nodeName")
        told = condition("PodScheduled", "False", "Unschedulable", message)
        found["status"] = {"phase": "Pending", "conditions": [told]}
        self.add_event(found, "FailedScheduling", message)
        return found

    def refuse_pods(self, name: str, message: str) -> None:
        """Has the API server refuse a Deployment's pods."""
        self.lose_pods(name)
        workload = self.get(DEPLOYMENT, name)
        place = workload["metadata"]["namespace"]
        words = f'pods "{name}-577bc564bf-abcde" is {message}'
        told = condition("ReplicaFailure", "True", "FailedCreate", words)
        workload["status"]["conditions"].append(told)
        replicas = thing("apps/v1", "ReplicaSet", f"{name}-577bc564bf", place)
        self.add_event(replicas, "FailedCreate", f"Error creating: {words}", count=14)

    def add_event(
        self, about: Object, reason: str, message: str, *, normal: bool = False, count: int = 1
    ) -> None:
        """Adds an event about an object, a minute old."""
        meta = about["metadata"]
        told = {"kind": about["kind"], "name": meta["name"], "uid": meta["uid"]}
        place = meta.get("namespace", "default")
        self.add(
            thing(
                "v1",
                "Event",
                f"{meta['name']}.{len(self.objects[kinds.EVENT]):x}",
                place,
                involvedObject={**told, "namespace": place},
                reason=reason,
                message=message,
                count=count,
                type="Normal" if normal else "Warning",
                lastTimestamp=stamp(60),
            )
        )

    def forbid(self, *forbidden: Kind) -> None:
        """Keeps kinds from being read."""
        for kind in forbidden:
            self.objects[kind] = []
            self.unread[kind] = Unread(Text("{kinds}", kinds=kind.plural), Text("no"))


def inject(found: Object) -> None:
    """Gives a pod a sidecar, as the injector does."""
    image = f"docker.io/istio/proxyv2:{ISTIO}"
    variables = [{"name": "PROXY_CONFIG", "value": PROXY_CONFIG}]
    proxy = {"name": "istio-proxy", "image": image, "env": variables}
    found["metadata"].setdefault("annotations", {})["sidecar.istio.io/status"] = SIDECAR_STATUS
    found["spec"] = {**found["spec"], "initContainers": [proxy]}


def capture(found: Object) -> None:
    """Has ztunnel carry a pod's traffic, as istio-cni does."""
    found["metadata"].setdefault("annotations", {})["ambient.istio.io/redirection"] = "enabled"


def leave_mesh(found: Object) -> None:
    """Takes a pod out of the mesh."""
    for key in ("ambient.istio.io/redirection", "sidecar.istio.io/status"):
        found["metadata"].get("annotations", {}).pop(key, None)
    found["spec"].pop("initContainers", None)
