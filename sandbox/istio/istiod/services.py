"""Services under ambient: the condition that names their waypoint (Istio 1.30)."""

from __future__ import annotations

from sandbox.cluster.contract import Object
from sandbox.istio.istiod.conditions import build_condition, find_condition

BOUND = "istio.io/WaypointBound"
MANAGER = "istio-ambient-service"
_USE = "istio.io/use-waypoint"


def find_waypoint(service: Object, namespace: Object | None) -> tuple[str, str] | None:
    """Return (namespace, name) of the waypoint that a Service is to use, or None.

    The Service's own label comes before that of its namespace.
    """
    meta = service["metadata"]
    labels = meta.get("labels") or {}
    if labels.get("gateway.istio.io/managed") == "istio.io-mesh-controller":
        return None
    source = (
        labels if _USE in labels else ((namespace or {}).get("metadata", {}).get("labels") or {})
    )
    name = source.get(_USE, "none")
    return (
        None if name in ("", "none") else (source.get(f"{_USE}-namespace", meta["namespace"]), name)
    )


def build_bound_patch(
    service: Object, waypoint: tuple[str, str] | None, gateway: Object | None, stamp: str
) -> Object | None:
    """Build what to apply to the Service's status, None when it is there already."""
    live = find_condition((service.get("status") or {}).get("conditions"), BOUND)
    wanted = _build_wanted_condition(waypoint, gateway)
    if wanted is None and not live:
        return None
    if wanted is not None and all(live.get(k) == v for k, v in wanted.items()):
        return None
    meta = {k: service["metadata"][k] for k in ("name", "namespace")}
    patch: Object = {"apiVersion": "v1", "kind": "Service", "metadata": meta}
    # Applied without a condition, the one that was applied before goes.
    if wanted is not None:
        moment = live["lastTransitionTime"] if live.get("status") == wanted["status"] else stamp
        patch["status"] = {"conditions": [{**wanted, "lastTransitionTime": moment}]}
    return patch


def _build_wanted_condition(
    waypoint: tuple[str, str] | None, gateway: Object | None
) -> Object | None:
    if waypoint is None:
        return None
    name = "/".join(waypoint)
    if ((gateway or {}).get("status") or {}).get("addresses"):
        return build_condition(
            BOUND, "WaypointAccepted", f"Successfully attached to waypoint {name}"
        )
    return build_condition(
        BOUND, "WaypointIsNotReady", f'waypoint "{name}" is not ready', holds=False
    )
