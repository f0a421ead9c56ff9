"""The checks of `istioctl analyze` that concern the workshop's kinds of objects, computed from the
live cluster, from files, or from both.

Codes, levels and texts are Istio's (https://istio.io/latest/docs/reference/config/analysis/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from sandbox.cluster.machinery.meta import labels_of
from sandbox.cluster.machinery.selectors import has_labels
from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.analysis_files import ObjectSource
from sandbox.istio.ctl.findings import AnalysisFinding, format_origin, resolve_host
from sandbox.istio.ctl.kube import Object
from sandbox.istio.ctl.rule_analyzers import run_rule_analyzers
from sandbox.releases.release import IstioRelease

_NETWORKING = "networking.istio.io/v1"
_SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
_IGNORED_ANNOTATIONS = (
    "sidecar.istio.io/status",
    "gateway.istio.io/controller-version",
    "istio.io/rev",
)
_PLACED = {"networking.istio.io/service-type": "Gateway"}
"""Annotations that belong to some kinds only, where the workshop meets them."""
_PROTOCOLS = "grpc-web grpc http http2 https mongo mysql redis tcp tls udp hbone auto".split()
_CONDITIONS = {
    "Service": ("istio.io/WaypointBound",),
    "Gateway": ("Accepted", "Programmed", "ResolvedRefs"),
    "HTTPRoute": ("Accepted", "ResolvedRefs"),
}


class AnalysisContext:
    """The cluster's objects during one analysis, each kind read once.

    Findings about other namespaces than the one under analysis are left out.
    """

    def __init__(self, kube: ObjectSource, release: IstioRelease, namespace: str) -> None:
        self.kube, self.release, self.namespace = kube, release, namespace

    def filter_by_namespace(self, objects: list[Object]) -> list[Object]:
        """Return the objects of the namespace under analysis."""
        return [o for o in objects if self.namespace in ("", o["metadata"].get("namespace", ""))]

    @cached_property
    def namespaces(self) -> list[Object]:
        return self.kube.list_objects("v1", "Namespace")

    @cached_property
    def services(self) -> list[Object]:
        return self.kube.list_objects("v1", "Service")

    @cached_property
    def pods(self) -> list[Object]:
        return [
            pod
            for pod in self.kube.list_objects("v1", "Pod")
            if "deletionTimestamp" not in pod["metadata"]
        ]

    @cached_property
    def deployments(self) -> list[Object]:
        return self.kube.list_objects("apps/v1", "Deployment")

    @cached_property
    def virtual_services(self) -> list[Object]:
        return self.kube.list_objects(_NETWORKING, "VirtualService")

    @cached_property
    def destination_rules(self) -> list[Object]:
        return self.kube.list_objects(_NETWORKING, "DestinationRule")

    @cached_property
    def service_entries(self) -> list[Object]:
        return self.kube.list_objects(_NETWORKING, "ServiceEntry")

    @cached_property
    def gateways(self) -> list[Object]:
        return self.kube.list_objects(_NETWORKING, "Gateway")

    @cached_property
    def hosts(self) -> set[str]:
        """Fully qualified names that resolve: Services and ServiceEntries."""
        services = {
            f"{o['metadata']['name']}.{o['metadata']['namespace']}.svc.cluster.local"
            for o in self.services
        }
        return services | {
            host for o in self.service_entries for host in get_nested(o, "spec.hosts", [])
        }


def run_analyzers(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    """Yield all findings, in no particular order."""
    yield from _analyze_injection(view)
    yield from _analyze_destinations(view)
    yield from _analyze_gateway_references(view)
    yield from _analyze_annotations(view)
    yield from _analyze_port_names(view)
    yield from run_rule_analyzers(view)
    if view.release.istioctl.analyzes_subset_pods:
        yield from _analyze_subsets(view)
        yield from _analyze_conditions(view)


def _analyze_injection(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    injected = set()
    for obj in view.namespaces:
        name, labels = obj["metadata"]["name"], labels_of(obj)
        skipped = (
            name in _SYSTEM_NAMESPACES and not view.release.istioctl.analyzes_system_namespaces
        )
        if name == "istio-system" or skipped or labels.get("istio.io/dataplane-mode") == "ambient":
            continue
        wanted = labels.get("istio-injection", "")
        if wanted == "enabled":
            injected.add(name)
        elif not wanted and "istio.io/rev" not in labels and view.namespace in ("", name):
            yield AnalysisFinding("Info", "IST0102", format_origin(obj), _NOT_INJECTED.format(name))
    for pod in view.filter_by_namespace(view.pods):
        if pod["metadata"]["namespace"] in injected and _is_missing_proxy(pod):
            metadata = pod["metadata"]
            yield AnalysisFinding(
                "Warning",
                "IST0103",
                format_origin(pod),
                _NO_PROXY.format(f"{metadata['namespace']}/{metadata['name']}"),
            )


_NOT_INJECTED = (
    "The namespace is not enabled for Istio injection. Run 'kubectl label namespace {0} "
    "istio-injection=enabled' to "
    "enable it, or 'kubectl label namespace {0} istio-injection=disabled' to explicitly mark it as "
    "not needing "
    "injection."
)
_NO_PROXY = (
    "The pod {} is missing the Istio proxy. This can often be resolved by restarting or "
    "redeploying the workload."
)


def _is_missing_proxy(pod: Object) -> bool:
    notes = pod["metadata"].get("annotations") or {}
    switch = labels_of(pod).get("sidecar.istio.io/inject", notes.get("sidecar.istio.io/inject", ""))
    if switch.lower() == "false" or get_nested(pod, "spec.hostNetwork"):
        return False
    containers = (*pod["spec"].get("containers", []), *pod["spec"].get("initContainers", []))
    return not any(container["name"] == "istio-proxy" for container in containers)


def _list_destinations(service: Object) -> Iterator[Mapping[str, Any]]:
    for kind in ("http", "tls", "tcp"):
        for rule in get_nested(service, f"spec.{kind}", []):
            for route in rule.get("route") or []:
                yield route.get("destination") or {}


def _analyze_destinations(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    subsets = {
        (
            resolve_host(get_nested(rule, "spec.host", ""), rule["metadata"]["namespace"]),
            subset["name"],
        )
        for rule in view.destination_rules
        for subset in get_nested(rule, "spec.subsets", [])
    }
    for service in view.filter_by_namespace(view.virtual_services):
        for destination in _list_destinations(service):
            host, subset = str(destination.get("host", "")), destination.get("subset")
            full = resolve_host(host, service["metadata"]["namespace"])
            if not _is_known_host(full, view.hosts):
                yield _build_missing_reference(service, "host", host)
            if subset and (full, subset) not in subsets:
                yield _build_missing_reference(
                    service, "host+subset in destinationrule", f"{host}+{subset}"
                )


def _is_known_host(full: str, hosts: set[str]) -> bool:
    return full in hosts or any(host.startswith("*") and full.endswith(host[1:]) for host in hosts)


def _build_missing_reference(obj: Object, kind: str, name: str) -> AnalysisFinding:
    return AnalysisFinding(
        "Error", "IST0101", format_origin(obj), f'Referenced {kind} not found: "{name}"'
    )


def _analyze_gateway_references(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    known = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in view.gateways}
    for service in view.filter_by_namespace(view.virtual_services):
        for name in get_nested(service, "spec.gateways", []):
            namespace, slash, short = name.rpartition("/")
            if (
                name != "mesh"
                and ((namespace if slash else service["metadata"]["namespace"]), short) not in known
            ):
                yield _build_missing_reference(service, "gateway", name)


def _analyze_subsets(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    """Yield subsets whose labels no pod has.

    Istio looks at all pods, not only at those of the rule's host.
    """
    for rule in view.filter_by_namespace(view.destination_rules):
        if not _is_known_host(
            resolve_host(get_nested(rule, "spec.host", ""), rule["metadata"]["namespace"]),
            view.hosts,
        ):
            continue
        for subset in get_nested(rule, "spec.subsets", []):
            wanted = subset.get("labels") or {}
            if not any(has_labels(labels_of(pod), wanted) for pod in view.pods):
                text = (
                    f"The Subset {subset['name']} defined in the DestinationRule does not select "
                    "any pods. "
                )
                yield AnalysisFinding(
                    "Error",
                    "IST0173",
                    format_origin(rule),
                    text + "Which may lead to 503 UH (NoHealthyUpstream).",
                )


def _analyze_annotations(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    code, _, words = view.release.istioctl.words.unknown_annotation.partition(" ")
    for obj in (
        *view.filter_by_namespace(view.services),
        *view.filter_by_namespace(view.pods),
        *view.filter_by_namespace(view.deployments),
    ):
        for name in obj["metadata"].get("annotations") or {}:
            if name in _PLACED and name not in _IGNORED_ANNOTATIONS:
                yield AnalysisFinding(
                    "Warning",
                    code,
                    format_origin(obj),
                    words.format(annotation=name, kinds=_PLACED[name]),
                )


def _analyze_port_names(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    for service in view.filter_by_namespace(view.services):
        labels = labels_of(service)
        if (
            labels.get("istio")
            or labels.get("gateway.istio.io/managed")
            or labels.get("operator.istio.io/component")
        ):
            continue
        for port in get_nested(service, "spec.ports", []):
            name = port.get("name", "")
            if (
                name
                and not port.get("appProtocol")
                and port.get("protocol", "TCP") == "TCP"
                and not _has_protocol_prefix(name)
            ):
                target = port.get("targetPort", port["port"])
                text = f"Port name {name} (port: {port['port']}, targetPort: {target}) {_UNNAMED}"
                yield AnalysisFinding("Info", "IST0118", format_origin(service), text)


_UNNAMED = "doesn't follow the naming convention of Istio port."


def _has_protocol_prefix(name: str) -> bool:
    return re.match(rf"({'|'.join(_PROTOCOLS)})(-|$)", name.lower()) is not None


def _analyze_conditions(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    objects = [
        *view.services,
        *view.kube.list_objects("gateway.networking.k8s.io/v1", "Gateway"),
        *view.kube.list_objects("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ]
    for obj in view.filter_by_namespace(objects):
        parents = [
            c
            for parent in get_nested(obj, "status.parents", [])
            for c in parent.get("conditions", [])
        ]
        for condition in (*get_nested(obj, "status.conditions", []), *parents):
            if condition["type"] in _CONDITIONS[obj["kind"]] and condition["status"] == "False":
                told = (
                    f"type={condition['type']}, reason={condition['reason']}, "
                    f"message={condition.get('message', '')}."
                )
                text = f"A condition with a negative status is present: {told}"
                yield AnalysisFinding("Warning", "IST0171", format_origin(obj), text)
