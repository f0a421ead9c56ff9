"""What an eye looks for in a cluster with a mesh, read from its objects: namespaces, pods by their role, gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.sandbox.cluster.cells_pod import pod_ready, pod_status
from bot.sandbox.cluster.contract import Object

Role = Literal["app", "control", "gateway", "waypoint", "ztunnel", "cni"]
WORDS: Mapping[str, str] = {
    "control": "control plane",
    "gateway": "gateway",
    "waypoint": "waypoint",
    "ztunnel": "ztunnel",
    "cni": "CNI agent",
}
PROXY, REDIRECTED = "istio-proxy", "ambient.istio.io/redirection"
MESH_CONTROLLED = "istio.io-mesh-controller"
_BY_APP: Mapping[str, Role] = {"istiod": "control", "ztunnel": "ztunnel"}


@dataclass(frozen=True)
class Container:
    """One container of a pod; `proxy` when it is a mesh's proxy beside others."""

    name: str
    ready: bool
    proxy: bool


@dataclass(frozen=True)
class Pod:
    """One pod: kubectl's READY and STATUS, why it waits, and what part it has in the mesh."""

    namespace: str
    name: str
    ready: str
    status: str
    why: str
    role: Role
    containers: tuple[Container, ...]
    redirected: bool
    image: str
    workload: str

    @property
    def well(self) -> bool:
        """Whether all of it is ready."""
        have, _, want = self.ready.partition("/")
        return self.status == "Running" and have == want

    @property
    def broken(self) -> bool:
        """Whether it waits for something that will not come by itself."""
        return any(word in self.status for word in ("Err", "BackOff", "Failed", "Unknown", "Crash"))

    @property
    def in_mesh(self) -> bool:
        """Whether its traffic passes a sidecar or a ztunnel."""
        return self.role == "app" and (self.redirected or any(each.proxy for each in self.containers))


def pods_of(objects: Sequence[Object]) -> list[Pod]:
    """The pods, less those that have ended."""
    found = [_pod(obj) for obj in objects]
    return [pod for pod in found if pod.status not in ("Completed", "Succeeded")]


def _pod(obj: Object) -> Pod:
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    role = _role(meta.get("labels") or {})
    states = {
        each["name"]: each
        for which in ("initContainerStatuses", "containerStatuses")
        for each in status.get(which) or ()
    }
    containers = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"] + spec[
        "containers"
    ]
    return Pod(
        namespace=meta["namespace"],
        name=meta["name"],
        ready=pod_ready(obj),
        status=pod_status(obj),
        why=_why(list(states.values())),
        role=role,
        containers=tuple(
            Container(c["name"], bool(states.get(c["name"], {}).get("ready")), role == "app" and c["name"] == PROXY)
            for c in containers
        ),
        redirected=(meta.get("annotations") or {}).get(REDIRECTED) == "enabled",
        image=str(spec["containers"][0].get("image", "")),
        workload=_workload(meta),
    )


def _workload(meta: Object) -> str:
    """The name of what made the pod, as far as the pod's own name begins with it."""
    owner = next((str(owner["name"]) for owner in meta.get("ownerReferences") or ()), str(meta["name"]))
    template = (meta.get("labels") or {}).get("pod-template-hash", "")
    return owner.removesuffix(f"-{template}")


def _role(labels: Mapping[str, str]) -> Role:
    if labels.get("gateway.istio.io/managed") == MESH_CONTROLLED:
        return "waypoint"
    if "gateway.networking.k8s.io/gateway-name" in labels or labels.get("istio") in ("ingressgateway", "egressgateway"):
        return "gateway"
    if labels.get("k8s-app") == "istio-cni-node":
        return "cni"
    return _BY_APP.get(labels.get("app", ""), "app")


def _why(states: list[Object]) -> str:
    """What the first container that waits for something is told by its node."""
    for each in states:
        waiting: dict[str, Any] = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("message"):
            return str(waiting["message"])
    return ""


def marks_of(namespace: Object) -> list[tuple[str, str]]:
    """The labels by which a namespace takes part in a mesh, as (kind, words)."""
    labels: Mapping[str, str] = namespace["metadata"].get("labels") or {}
    marks = []
    injection, revision = labels.get("istio-injection"), labels.get("istio.io/rev")
    if injection or revision:
        marks.append(("off" if injection == "disabled" else "on", f"injection {injection or revision}"))
    if mode := labels.get("istio.io/dataplane-mode"):
        marks.append(("on" if mode == "ambient" else "off", mode))
    if waypoint := labels.get("istio.io/use-waypoint"):
        marks.append(("on", f"waypoint {waypoint}"))
    if (namespace.get("status") or {}).get("phase") == "Terminating":
        marks.append(("bad", "terminating"))
    return marks


def version_of(pods: Sequence[Pod]) -> str:
    """The release that the control plane's image names, or ""."""
    images = [pod.image for pod in pods if pod.role == "control"]
    return images[0].rpartition(":")[2].removesuffix("-distroless").removesuffix("-debug") if images else ""


def programmed(gateway: Object) -> str:
    """What a Gateway's Programmed condition says: "yes", "no", or "" while nobody has said anything."""
    conditions = (gateway.get("status") or {}).get("conditions") or []
    found = next((c for c in conditions if c["type"] == "Programmed"), None)
    if found is None or found.get("status") == "Unknown":
        return ""
    return "yes" if found["status"] == "True" else "no"
