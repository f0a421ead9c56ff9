"""Kiali's checks of Services and workloads: ports that nobody has, and who is in which mesh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import has_labels
from sandbox.observability.kiali.checked_mesh import CheckedMesh
from sandbox.observability.kiali.finding import Check, build_finding
from sandbox.observability.kiali.objects import (
    AUTHORIZATION_POLICY,
    GATEWAY_NAME,
    MANAGED,
    Workload,
)

_MODE, _INJECTION, _REVISION = "istio.io/dataplane-mode", "istio-injection", "istio.io/rev"
_INJECT, _USE, _FOR = (
    "sidecar.istio.io/inject",
    "istio.io/use-waypoint",
    "istio.io/waypoint-for",
)


def check_service_ports(mesh: CheckedMesh, service: Object) -> list[Check]:
    """Return the Service's ports that the first Deployment behind it does not have.

    The control plane's Services and those made for gateways and waypoints are left out.
    """
    namespace, labels = service["metadata"]["namespace"], service["metadata"].get("labels") or {}
    control = any(w.labels.get("app") == "istiod" for w in mesh.view.list_workloads(namespace))
    made = MANAGED in labels or (mesh.traits.by_gvk and GATEWAY_NAME in labels)
    selector = service["spec"].get("selector") or {}
    if control or made or not selector:
        return []
    behind = next(
        (
            each
            for each in mesh.view.list_workloads(namespace)
            if each.kind == "Deployment"
            and has_labels(each.object["metadata"].get("labels") or {}, selector)
        ),
        None,
    )
    ports = service["spec"].get("ports") or ()
    if behind is None:
        return []
    return [
        build_finding("KIA0701", f"spec/ports[{index}]")
        for index, port in enumerate(ports)
        if not _exposes(behind, port)
    ]


def _exposes(workload: Workload, port: Object) -> bool:
    target = port.get("targetPort") or port["port"]
    key = "name" if isinstance(target, str) else "containerPort"
    return any(
        each.get(key) == target
        for container in workload.object["spec"]["template"]["spec"].get("containers") or ()
        for each in container.get("ports") or ()
    )


def check_workload(mesh: CheckedMesh, workload: Workload, *, in_list: bool = False) -> list[Check]:
    """Return what is wrong with a workload's place in the mesh; Kiali 1 does not look.

    `in_list` is for the list of workloads, in which Kiali never looks a waypoint up: there every
    one is missing (recorded of 2.26).
    """
    if not mesh.traits.by_gvk:
        return []
    if in_list:
        others = tuple(each for each in mesh.view.workloads if not each.is_waypoint)
        mesh = replace(mesh, view=replace(mesh.view, workloads=others))
    return [build_finding(code, "workload") for code, look in _LOOKS if look(mesh, workload)]


def _get_namespace_labels(mesh: CheckedMesh, workload: Workload) -> Mapping[str, str] | None:
    found = mesh.view.namespaces.get(workload.namespace)
    return None if found is None else found["metadata"].get("labels") or {}


def _has_ambient_label(mesh: CheckedMesh, workload: Workload) -> bool:
    above = _get_namespace_labels(mesh, workload)
    own = workload.labels.get(_MODE)
    return above is not None and (
        own == "ambient" or (above.get(_MODE) == "ambient" and own != "none")
    )


def _has_sidecar_label(mesh: CheckedMesh, workload: Workload) -> bool:
    """Tell whether injection is asked for. Of a workload's label Kiali heeds `enabled` and `none`,
    which Istio does not know.
    """
    above = _get_namespace_labels(mesh, workload)
    if above is None:
        return False
    own = workload.labels.get(_INJECT)
    asked = above.get(_INJECTION) == "enabled" or above.get(_REVISION) or own == "enabled"
    return bool(asked) and above.get(_INJECTION) != "disabled" and own != "none"


def _find_waypoint_name(mesh: CheckedMesh, workload: Workload) -> tuple[str, str] | None:
    """Return (namespace, name) of the waypoint that a workload's labels, or else its namespace's,
    name.
    """
    if workload.labels.get(_MODE) == "none":
        return None
    above = _get_namespace_labels(mesh, workload) or {}
    holder = workload.labels if _USE in workload.labels else above
    name = holder.get(_USE, "none")
    return (
        None
        if name in ("", "none")
        else (holder.get(f"{_USE}-namespace", workload.namespace), name)
    )


def _has_waypoint(mesh: CheckedMesh, workload: Workload) -> bool:
    place = _find_waypoint_name(mesh, workload)
    return any(
        each.is_waypoint
        and (each.namespace, each.name) == place
        and each.labels.get(_FOR) != "none"
        for each in mesh.view.workloads
    )


def _has_two_labels(mesh: CheckedMesh, workload: Workload) -> bool:
    return _has_ambient_label(mesh, workload) and _has_sidecar_label(mesh, workload)


def _names_waypoint_outside(mesh: CheckedMesh, workload: Workload) -> bool:
    named = _find_waypoint_name(mesh, workload) is not None
    return named and bool(workload.pods) and not (workload.is_captured or workload.is_waypoint)


def _misses_waypoint(mesh: CheckedMesh, workload: Workload) -> bool:
    named = _find_waypoint_name(mesh, workload) is not None
    return named and bool(workload.pods) and not _has_waypoint(mesh, workload)


def _is_redirected_with_label(mesh: CheckedMesh, workload: Workload) -> bool:
    return _has_sidecar_label(mesh, workload) and workload.count_captured() > 0


def _has_sidecar_and_label(mesh: CheckedMesh, workload: Workload) -> bool:
    return _has_ambient_label(mesh, workload) and workload.count_injected() > 0


def _has_sidecar_in_ambient(mesh: CheckedMesh, workload: Workload) -> bool:
    above = _get_namespace_labels(mesh, workload) or {}
    return workload.has_sidecar and above.get(_MODE) == "ambient"


def _has_policy_alone(mesh: CheckedMesh, workload: Workload) -> bool:
    policies = mesh.view.list_configs(AUTHORIZATION_POLICY, workload.namespace)
    return bool(policies) and not _has_waypoint(mesh, workload)


_LOOKS: tuple[tuple[str, Callable[[CheckedMesh, Workload], bool]], ...] = (
    ("KIA1311", _has_two_labels),
    ("KIA1312", _names_waypoint_outside),
    ("KIA1313", _misses_waypoint),
    ("KIA1314", _is_redirected_with_label),
    ("KIA1315", _has_sidecar_and_label),
    ("KIA1316", _has_sidecar_in_ambient),
    ("KIA1317", _has_policy_alone),
)
