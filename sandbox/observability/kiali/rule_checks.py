"""Kiali's checks of VirtualServices and DestinationRules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import has_labels
from sandbox.observability.kiali.checked_mesh import CheckedMesh, expand_host
from sandbox.observability.kiali.finding import Check, build_finding
from sandbox.observability.kiali.objects import DESTINATION_RULE, VIRTUAL_SERVICE, MeshObjects


def check_virtual_service(mesh: CheckedMesh, obj: Object) -> Iterator[Check]:
    """Yield what is wrong with a VirtualService: rivals, gateways, and where its routes lead."""
    namespace = obj["metadata"]["namespace"]
    if rivals := _find_rivals(mesh.view, obj):
        places = tuple((r["metadata"]["namespace"], r["metadata"]["name"]) for r in rivals)
        yield replace(build_finding("KIA1106", "spec/hosts"), rivals=places)
    yield from _check_gateways(mesh, obj)
    for protocol in ("http", "tcp", "tls"):
        for index, route in enumerate(obj["spec"].get(protocol) or ()):
            yield from _check_route(mesh, namespace, f"spec/{protocol}[{index}]", route)


def _check_gateways(mesh: CheckedMesh, obj: Object) -> Iterator[Check]:
    """Yield gateways that are not there. After the first list with one, no other is looked at."""
    lists: list[tuple[str, list[str]]] = [("spec", obj["spec"].get("gateways") or [])]
    for index, route in enumerate(obj["spec"].get("http") or ()):
        for match in route.get("match") or ():
            lists.append((f"spec/http[{index}]/match", match.get("gateways") or []))
    for place, names in lists:
        found = list(_check_gateway_list(mesh, place, names, obj["metadata"]["namespace"]))
        yield from found
        if any(each.code == "KIA1102" for each in found):
            return


def _check_gateway_list(
    mesh: CheckedMesh, place: str, names: list[str], namespace: str
) -> Iterator[Check]:
    for index, name in enumerate(names):
        if name == "mesh":
            continue
        if "." in name:
            yield build_finding("KIA1108", f"spec/gateways[{index}]")
        if not mesh.has_istio_gateway(name, namespace):
            yield build_finding("KIA1102", f"{place}/gateways[{index}]")


def _check_route(
    mesh: CheckedMesh, namespace: str, place: str, route: Mapping[str, Any]
) -> Iterator[Check]:
    targets = route.get("route") or []
    seen: set[tuple[str, str]] = set()
    if len(targets) == 1 and 0 < targets[0].get("weight", 0) < 100:
        yield build_finding("KIA1104", f"{place}/route[0]/weight")
    for index, target in enumerate(targets):
        destination = target.get("destination") or {}
        host, subset = destination.get("host", ""), destination.get("subset", "")
        path = f"{place}/route[{index}]"
        if not mesh.has_host(host, namespace):
            yield build_finding("KIA1101", f"{path}/destination/host", mesh.host_severity)
        elif subset and not mesh.has_subset(host, namespace, subset):
            yield build_finding("KIA1107", f"{path}/destination")
        if (expand_host(host, namespace), subset) in seen:
            yield build_finding("KIA1105", f"{path}/host")
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
    """Return both; a rule without gateways is no rival of one that names `mesh` (as in Kiali)."""
    namespace = obj["metadata"]["namespace"]
    hosts = {expand_host(host, namespace) for host in obj["spec"].get("hosts") or ()}
    return hosts, set(obj["spec"].get("gateways") or ["no-gateway"])


def check_destination_rule(mesh: CheckedMesh, obj: Object) -> Iterator[Check]:
    """Yield what is wrong with a DestinationRule: its host, rivals, and subsets of nobody."""
    namespace, host = obj["metadata"]["namespace"], obj["spec"].get("host", "")
    subsets = obj["spec"].get("subsets") or []
    if not mesh.has_host(host, namespace):
        yield build_finding("KIA0202", "spec/host", mesh.host_severity)
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
        yield build_finding("KIA0201", "spec/host")
    for index, subset in enumerate(subsets):
        if subset.get("name") in taken:
            yield build_finding("KIA0201", f"spec/subsets[{index}]")
    yield from _check_subsets(mesh, host, namespace, subsets)


def _check_subsets(
    mesh: CheckedMesh, host: str, namespace: str, subsets: list[Object]
) -> Iterator[Check]:
    """Yield subsets without pods: an error where a VirtualService uses them, else `unknown`; then
    those without labels, which are `unknown` beside one that has pods.
    """
    full, populated = expand_host(host, namespace), False
    for index, subset in enumerate(subsets):
        if not subset.get("labels"):
            continue
        if _has_selected_workload(mesh.view, full, subset["labels"]):
            populated = True
            continue
        used = mesh.is_subset_used(host, namespace, subset.get("name", ""))
        yield build_finding("KIA0203", f"spec/subsets[{index}]", "error" if used else "unknown")
    for index, subset in enumerate(subsets):
        if not subset.get("labels"):
            severity = "unknown" if populated else "warning"
            yield build_finding("KIA0209", f"spec/subsets[{index}]", severity)


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
