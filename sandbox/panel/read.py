"""Facts about a cluster with a mesh, read from its objects: namespaces, pods by their
role, gateways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.cluster.contract import Object
from sandbox.cluster.printing.pod_cells import format_pod_readiness, format_pod_status

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
    def is_ready(self) -> bool:
        """Tell whether the pod runs and all its containers are ready."""
        have, _, want = self.ready.partition("/")
        return self.status == "Running" and have == want

    @property
    def is_broken(self) -> bool:
        """Tell whether the pod's status is one that will not pass by itself, as
        ImagePullBackOff."""
        return any(word in self.status for word in ("Err", "BackOff", "Failed", "Unknown", "Crash"))

    @property
    def is_in_mesh(self) -> bool:
        """Tell whether the pod's traffic passes a sidecar or a ztunnel."""
        return self.role == "app" and (
            self.redirected or any(each.proxy for each in self.containers)
        )


def parse_pods(objects: Sequence[Object]) -> list[Pod]:
    """Return the pods, less those that have ended."""
    found = [_parse_pod(obj) for obj in objects]
    return [pod for pod in found if pod.status not in ("Completed", "Succeeded")]


def _parse_pod(obj: Object) -> Pod:
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    role = _infer_role(meta.get("labels") or {})
    states = {
        each["name"]: each
        for which in ("initContainerStatuses", "containerStatuses")
        for each in status.get(which) or ()
    }
    containers = [
        c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"
    ] + spec["containers"]
    return Pod(
        namespace=meta["namespace"],
        name=meta["name"],
        ready=format_pod_readiness(obj),
        status=format_pod_status(obj),
        why=_find_waiting_message(list(states.values())),
        role=role,
        containers=tuple(
            Container(
                c["name"],
                bool(states.get(c["name"], {}).get("ready")),
                role == "app" and c["name"] == PROXY,
            )
            for c in containers
        ),
        redirected=(meta.get("annotations") or {}).get(REDIRECTED) == "enabled",
        image=str(spec["containers"][0].get("image", "")),
        workload=_infer_workload_name(meta),
    )


def _infer_workload_name(meta: Object) -> str:
    """Return the name of the pod's owner without the pod template hash; the pod's own name
    without an owner.
    """
    owner = next(
        (str(owner["name"]) for owner in meta.get("ownerReferences") or ()), str(meta["name"])
    )
    template = (meta.get("labels") or {}).get("pod-template-hash", "")
    return owner.removesuffix(f"-{template}")


def _infer_role(labels: Mapping[str, str]) -> Role:
    if labels.get("gateway.istio.io/managed") == MESH_CONTROLLED:
        return "waypoint"
    if "gateway.networking.k8s.io/gateway-name" in labels or labels.get("istio") in (
        "ingressgateway",
        "egressgateway",
    ):
        return "gateway"
    if labels.get("k8s-app") == "istio-cni-node":
        return "cni"
    return _BY_APP.get(labels.get("app", ""), "app")


def _find_waiting_message(states: list[Object]) -> str:
    """Return the message of the first waiting container, or ""."""
    for each in states:
        waiting: dict[str, Any] = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("message"):
            return str(waiting["message"])
    return ""


def describe_mesh_labels(namespace: Object) -> list[tuple[str, str]]:
    """Return the labels by which a namespace takes part in a mesh, as (kind, words)."""
    labels: Mapping[str, str] = namespace["metadata"].get("labels") or {}
    marks = []
    injection, revision = labels.get("istio-injection"), labels.get("istio.io/rev")
    if injection or revision:
        marks.append(
            ("off" if injection == "disabled" else "on", f"injection {injection or revision}")
        )
    if mode := labels.get("istio.io/dataplane-mode"):
        marks.append(("on" if mode == "ambient" else "off", mode))
    if waypoint := labels.get("istio.io/use-waypoint"):
        marks.append(("on", f"waypoint {waypoint}"))
    if (namespace.get("status") or {}).get("phase") == "Terminating":
        marks.append(("bad", "terminating"))
    return marks


def read_istio_version(pods: Sequence[Pod]) -> str:
    """Return the release that the control plane's image names, or ""."""
    images = [pod.image for pod in pods if pod.role == "control"]
    return (
        images[0].rpartition(":")[2].removesuffix("-distroless").removesuffix("-debug")
        if images
        else ""
    )


def read_programmed_condition(gateway: Object) -> str:
    """Return a Gateway's Programmed condition: "yes", "no", or "" while it is unknown."""
    conditions = (gateway.get("status") or {}).get("conditions") or []
    found = next((c for c in conditions if c["type"] == "Programmed"), None)
    if found is None or found.get("status") == "Unknown":
        return ""
    return "yes" if found["status"] == "True" else "no"
