"""Kiali's validations of Istio and Gateway API objects: the checks that a workshop meets,
by their codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import has_labels
from sandbox.observability.kiali.objects import (
    CONFIG_KINDS,
    DESTINATION_RULE,
    HTTP_ROUTE,
    ISTIO_GATEWAY,
    K8S_GATEWAY,
    SERVICE_ENTRY,
    VIRTUAL_SERVICE,
    ConfigKind,
    MeshObjects,
)
from sandbox.releases.model import KialiTraits

DOMAIN = "svc.cluster.local"
_CLASSES = ("istio", "istio-remote")
"""Gateway API classes in Kiali's default configuration (1.87)."""
_TEXTS = {
    "KIA0201": ("warning", "More than one DestinationRules for the same host subset combination"),
    "KIA0202": (
        "error",
        "This host has no matching entry in the service registry (service, workload or service "
        "entries)",
    ),
    "KIA0203": ("warning", "This subset's labels are not found in any matching host"),
    "KIA0302": ("warning", "No matching workload found for gateway selector in this namespace"),
    "KIA1101": (
        "error",
        "DestinationWeight on route doesn't have a valid service (host not found)",
    ),
    "KIA1102": ("error", "VirtualService is pointing to a non-existent gateway"),
    "KIA1104": (
        "warning",
        "The weight is assumed to be 100 because there is only one route destination",
    ),
    "KIA1105": (
        "warning",
        "This host subset combination is already referenced in another route destination",
    ),
    "KIA1106": ("error", "More than one Virtual Service for same host"),
    "KIA1107": ("warning", "Subset not found"),
    "KIA1401": ("error", "Route is pointing to a non-existent or inaccessible K8s gateway"),
    "KIA1402": ("error", "Reference doesn't have a valid service (Service name not found)"),
    "KIA1504": ("error", "Gateway API Class not found in Kiali configuration"),
}


@dataclass(frozen=True)
class Check:
    """One finding. Only those of severity `error` make an object invalid."""

    code: str
    severity: str
    path: str

    def to_json(self) -> Object:
        """Return the finding as JSON."""
        return {
            "code": self.code,
            "message": _TEXTS[self.code][1],
            "severity": self.severity,
            "path": self.path,
        }


def check_object(
    view: MeshObjects, traits: KialiTraits, kind: ConfigKind, obj: Object
) -> list[Check]:
    """Return the findings for one object."""
    checker = _CHECKERS.get(kind)
    return list(checker(_Mesh(view, traits), obj)) if checker else []


def check_all_objects(
    view: MeshObjects, traits: KialiTraits, ignored: frozenset[str]
) -> dict[tuple[ConfigKind, str, str], list[Check]]:
    """Return the findings for every object, by (kind, namespace, name); ignored codes are left
    out.
    """
    found = {}
    for kind in CONFIG_KINDS:
        for obj in view.list_configs(kind):
            key = (kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
            found[key] = [
                each for each in check_object(view, traits, kind, obj) if each.code not in ignored
            ]
    return found


def _build_finding(code: str, path: str, severity: str = "") -> Check:
    return Check(code, severity or _TEXTS[code][0], path)


@dataclass(frozen=True)
class _Mesh:
    view: MeshObjects
    traits: KialiTraits

    def has_host(self, host: str, namespace: str) -> bool:
        """Tell whether a Service or a ServiceEntry has that name, as seen from a namespace."""
        wanted = expand_host(host, namespace)
        if "*" in host:
            tail = wanted.lstrip("*")
            return any(
                expand_host(s["metadata"]["name"], s["metadata"]["namespace"]).endswith(tail)
                for s in self.view.services
            )
        if any(
            expand_host(s["metadata"]["name"], s["metadata"]["namespace"]) == wanted
            for s in self.view.services
        ):
            return True
        entries = self.view.list_configs(SERVICE_ENTRY)
        return any(host in (entry["spec"].get("hosts") or ()) for entry in entries)

    def has_subset(self, host: str, namespace: str, subset: str) -> bool:
        """Tell whether some DestinationRule defines a host's subset."""
        wanted = expand_host(host, namespace)
        for rule in self.view.list_configs(DESTINATION_RULE):
            if expand_host(rule["spec"].get("host", ""), rule["metadata"]["namespace"]) == wanted:
                if any(each.get("name") == subset for each in rule["spec"].get("subsets") or ()):
                    return True
        return False


def expand_host(host: str, namespace: str) -> str:
    """Return a host's full name as seen from a namespace."""
    if host.endswith(f".{DOMAIN}") or host.startswith("*"):
        return host
    parts = host.split(".")
    if len(parts) == 1:
        return f"{host}.{namespace}.{DOMAIN}"
    if len(parts) == 2 or (len(parts) == 3 and parts[2] == "svc"):
        return f"{parts[0]}.{parts[1]}.{DOMAIN}"
    return host


def _check_virtual_service(mesh: _Mesh, obj: Object) -> Iterator[Check]:
    namespace = obj["metadata"]["namespace"]
    if _find_rivals(mesh.view, obj):
        yield _build_finding("KIA1106", "spec/hosts")
    for index, name in enumerate(obj["spec"].get("gateways") or ()):
        if not _is_known_gateway(mesh.view, name, namespace):
            yield _build_finding("KIA1102", f"spec/gateways[{index}]")
    for protocol in ("http", "tcp", "tls"):
        for index, route in enumerate(obj["spec"].get(protocol) or ()):
            yield from _check_route(mesh, namespace, f"spec/{protocol}[{index}]", route)


def _is_known_gateway(view: MeshObjects, name: str, namespace: str) -> bool:
    """Tell whether a VirtualService's gateway is there: `mesh`, NAME or NAMESPACE/NAME."""
    place, _, short = name.rpartition("/")
    there = view.list_configs(ISTIO_GATEWAY, place or namespace)
    return name == "mesh" or any(each["metadata"]["name"] == short for each in there)


def _check_istio_gateway(mesh: _Mesh, obj: Object) -> Iterator[Check]:
    wanted = obj["spec"].get("selector") or {}
    if wanted and not any(has_labels(each.labels, wanted) for each in mesh.view.workloads):
        yield _build_finding("KIA0302", "spec/selector")


def _check_route(
    mesh: _Mesh, namespace: str, place: str, route: Mapping[str, Any]
) -> Iterator[Check]:
    targets = route.get("route") or []
    seen: set[tuple[str, str]] = set()
    if len(targets) == 1 and 0 < targets[0].get("weight", 0) < 100:
        yield _build_finding("KIA1104", f"{place}/route[0]/weight")
    for index, target in enumerate(targets):
        destination = target.get("destination") or {}
        host, subset = destination.get("host", ""), destination.get("subset", "")
        path = f"{place}/route[{index}]"
        if not mesh.has_host(host, namespace):
            yield _build_finding(
                "KIA1101", f"{path}/destination/host", "warning" if mesh.traits.by_gvk else ""
            )
        elif subset and not mesh.has_subset(host, namespace, subset):
            yield _build_finding("KIA1107", f"{path}/destination")
        if (expand_host(host, namespace), subset) in seen:
            yield _build_finding("KIA1105", f"{path}/host")
        seen.add((expand_host(host, namespace), subset))


def _find_rivals(view: MeshObjects, obj: Object) -> list[Object]:
    """Return other VirtualServices for one of its hosts at one of its gateways."""
    hosts, gateways = _collect_hosts_and_gateways(obj)
    others = (
        each for each in view.list_configs(VIRTUAL_SERVICE) if each["metadata"] != obj["metadata"]
    )
    return [
        each
        for each in others
        if _collect_hosts_and_gateways(each)[0] & hosts
        and _collect_hosts_and_gateways(each)[1] & gateways
    ]


def _collect_hosts_and_gateways(obj: Object) -> tuple[set[str], set[str]]:
    namespace = obj["metadata"]["namespace"]
    hosts = {expand_host(host, namespace) for host in obj["spec"].get("hosts") or ()}
    return hosts, set(obj["spec"].get("gateways") or ["mesh"])


def _check_destination_rule(mesh: _Mesh, obj: Object) -> Iterator[Check]:
    namespace, host = obj["metadata"]["namespace"], obj["spec"].get("host", "")
    subsets = obj["spec"].get("subsets") or []
    if not mesh.has_host(host, namespace):
        yield _build_finding("KIA0202", "spec/host")
        return
    rivals = [
        each
        for each in mesh.view.list_configs(DESTINATION_RULE)
        if each["metadata"] != obj["metadata"]
        and expand_host(each["spec"].get("host", ""), each["metadata"]["namespace"])
        == expand_host(host, namespace)
    ]
    taken = {each.get("name") for rival in rivals for each in rival["spec"].get("subsets") or ()}
    if rivals and not subsets:
        yield _build_finding("KIA0201", "spec/host")
    for index, subset in enumerate(subsets):
        if subset.get("name") in taken:
            yield _build_finding("KIA0201", f"spec/subsets[{index}]")
        if mesh.traits.empty_subset and not _has_selected_workload(
            mesh.view, expand_host(host, namespace), subset.get("labels") or {}
        ):
            yield _build_finding("KIA0203", f"spec/subsets[{index}]", mesh.traits.empty_subset)


def _has_selected_workload(view: MeshObjects, host: str, labels: Mapping[str, str]) -> bool:
    """Tell whether a workload behind the host's Service carries the labels.

    Hosts that are no Service are not checked.
    """
    for service in view.services:
        if expand_host(service["metadata"]["name"], service["metadata"]["namespace"]) == host:
            return any(
                has_labels(workload.labels, labels)
                for workload in view.list_selected_workloads(service)
            )
    return True


def _check_http_route(mesh: _Mesh, obj: Object) -> Iterator[Check]:
    namespace = obj["metadata"]["namespace"]
    for index, parent in enumerate(obj["spec"].get("parentRefs") or ()):
        place, name = parent.get("namespace") or namespace, parent.get("name", "")
        if parent.get("kind", "Gateway") == "Gateway":
            if not any(
                each["metadata"]["name"] == name
                for each in mesh.view.list_configs(K8S_GATEWAY, place)
            ):
                yield _build_finding("KIA1401", f"spec/parentRefs[{index}]/name")
    for number, rule in enumerate(obj["spec"].get("rules") or ()):
        for index, backend in enumerate(rule.get("backendRefs") or ()):
            if backend.get("kind", "Service") != "Service":
                continue
            services = mesh.view.list_services(backend.get("namespace") or namespace)
            if not any(each["metadata"]["name"] == backend.get("name") for each in services):
                yield _build_finding("KIA1402", f"spec/rules[{number}]/backendRefs[{index}]/name")


def _check_gateway_class(mesh: _Mesh, obj: Object) -> Iterator[Check]:
    if mesh.traits.strange_class and obj["spec"].get("gatewayClassName") not in _CLASSES:
        yield _build_finding("KIA1504", "spec/gatewayClassName")


_CHECKERS: dict[ConfigKind, Callable[[_Mesh, Object], Iterator[Check]]] = {
    VIRTUAL_SERVICE: _check_virtual_service,
    DESTINATION_RULE: _check_destination_rule,
    HTTP_ROUTE: _check_http_route,
    K8S_GATEWAY: _check_gateway_class,
    ISTIO_GATEWAY: _check_istio_gateway,
}
