"""Roles of a pod in the mesh, read off the pod alone: application, gateway or waypoint;
with a sidecar, or captured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.cluster.contract import Object

Labels = frozenset[tuple[str, str]]
"""Labels as a value that can be compared and hashed."""
_GATEWAY = "gateway.networking.k8s.io/gateway-name"


@dataclass(frozen=True)
class Proxy:
    """One proxy, as istiod sees it: what it is, where, and by which labels rules select it."""

    kind: Literal["sidecar", "gateway", "waypoint"]
    namespace: str
    name: str = ""
    """Of the Gateway for gateways and waypoints of the Gateway API; empty otherwise."""
    labels: Labels = frozenset()

    def has_labels(self, selector: Mapping[str, str] | None) -> bool:
        """Tell whether its labels contain all of these."""
        return set((selector or {}).items()) <= self.labels


def get_labels(obj: Object | None) -> dict[str, str]:
    """Return an object's labels; none for None."""
    return ((obj or {}).get("metadata") or {}).get("labels") or {}


def get_annotations(obj: Object | None) -> dict[str, str]:
    """Return an object's annotations; none for None."""
    return ((obj or {}).get("metadata") or {}).get("annotations") or {}


def has_sidecar(pod: Object) -> bool:
    """Tell whether the pod was injected, with a native sidecar or an ordinary one."""
    return "sidecar.istio.io/status" in get_annotations(pod)


def is_captured(pod: Object) -> bool:
    """Tell whether the node's ztunnel has the pod's traffic (istio-cni's annotation, both
    releases).
    """
    return get_annotations(pod).get("ambient.istio.io/redirection") == "enabled"


def is_waypoint(pod: Object) -> bool:
    """Tell whether the pod is a waypoint's proxy."""
    return get_labels(pod).get("gateway.istio.io/managed") == "istio.io-mesh-controller"


def is_gateway(pod: Object) -> bool:
    """Tell whether the pod is a gateway's proxy: of a Gateway, or installed as
    istio-ingressgateway is.
    """
    if is_waypoint(pod) or has_sidecar(pod):
        return False
    return _GATEWAY in get_labels(pod) or any(
        "router" in (c.get("args") or ()) for c in _list_proxy_containers(pod)
    )


def _list_proxy_containers(pod: Object) -> list[Object]:
    return [
        c for c in (pod.get("spec") or {}).get("containers") or [] if c["name"] == "istio-proxy"
    ]


def find_proxy(pod: Object) -> Proxy | None:
    """Return the pod's own proxy; None for a pod without one (a captured pod's is the
    node's, and knows no routes).
    """
    labels = get_labels(pod)
    values = {"namespace": pod["metadata"]["namespace"], "labels": frozenset(labels.items())}
    if is_waypoint(pod):
        return Proxy("waypoint", name=labels.get(_GATEWAY, ""), **values)
    if is_gateway(pod):
        return Proxy("gateway", name=labels.get(_GATEWAY, ""), **values)
    return Proxy("sidecar", **values) if has_sidecar(pod) else None
