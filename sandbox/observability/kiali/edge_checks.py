"""Kiali's checks of Gateways and HTTPRoutes."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import has_labels
from sandbox.observability.kiali.checked_mesh import CheckedMesh
from sandbox.observability.kiali.finding import Check, build_finding
from sandbox.observability.kiali.objects import K8S_GATEWAY


def check_istio_gateway(mesh: CheckedMesh, obj: Object) -> Iterator[Check]:
    """Yield that a Gateway of Istio selects no workload."""
    wanted, home = obj["spec"].get("selector") or {}, obj["metadata"]["namespace"]
    there = mesh.view.list_workloads(home) if mesh.gateways_stay_home else mesh.view.workloads
    if not any(has_labels(each.labels, wanted) for each in there):
        yield build_finding("KIA0302", "spec/selector")


def check_http_route(mesh: CheckedMesh, obj: Object) -> Iterator[Check]:
    """Yield Gateways and Services that a route names and that are not there."""
    namespace = obj["metadata"]["namespace"]
    for index, parent in enumerate(obj["spec"].get("parentRefs") or ()):
        place, name = parent.get("namespace") or namespace, parent.get("name", "")
        if parent.get("kind", "Gateway") == "Gateway":
            if not any(
                each["metadata"]["name"] == name
                for each in mesh.view.list_configs(K8S_GATEWAY, place)
            ):
                yield build_finding("KIA1401", f"spec/parentRefs[{index}]/name")
    for number, rule in enumerate(obj["spec"].get("rules") or ()):
        for index, backend in enumerate(rule.get("backendRefs") or ()):
            if backend.get("kind", "Service") != "Service":
                continue
            services = mesh.view.list_services(backend.get("namespace") or namespace)
            if not any(each["metadata"]["name"] == backend.get("name") for each in services):
                yield build_finding("KIA1402", f"spec/rules[{number}]/backendRefs[{index}]/name")


def check_gateway_class(mesh: CheckedMesh, obj: Object) -> Iterator[Check]:
    """Yield a class that is not known: Kiali 1 knows fixed ones, Kiali 2 those of Istio's
    controllers that the cluster has.
    """
    found = {
        each["metadata"]["name"]
        for each in mesh.view.gateway_classes
        if str(each["spec"].get("controllerName", "")).startswith("istio.io")
    }
    known = mesh.traits.gateway_classes or found or {"istio", "istio-remote"}
    if obj["spec"].get("gatewayClassName") not in known:
        yield build_finding("KIA1504", "spec/gatewayClassName")
