"""Services as Kubernetes and Istio read them: the pods that they select, ports and protocols."""

from __future__ import annotations

from bot.diagnosis.mesh_state import GATEWAY_NAME, NamespaceState
from bot.diagnosis.object_facts import matches_labels
from bot.diagnosis.program_settings import find_told_port
from bot.kinds import HTTP_ROUTE, POD, Object
from bot.knowledge.objects.workloads import get_labels, get_name

HTTP = {"http", "http2", "grpc", "grpc-web", "kubernetes.io/h2c", "kubernetes.io/ws"}
HTTP2 = {"http2", "grpc", "grpc-web", "kubernetes.io/h2c"}
"""Those of them with which Envoys speak HTTP/2 upstream (Istio 1.23 and 1.30)."""
NOT_HTTP = {"tcp", "tls", "https", "udp", "mongo", "mysql", "redis", "kubernetes.io/wss"}
"""Protocols by a port's name or appProtocol (Istio 1.23 and 1.30). Others are detected, which
finds HTTP."""


def list_selected_pods(state: NamespaceState, service: Object) -> list[Object]:
    """Return the pods that a Service of the namespace selects and that are not being deleted."""
    selector = service["spec"].get("selector") or {}
    return [
        pod
        for pod in state.list_own(POD)
        if matches_labels(selector, get_labels(pod)) and "deletionTimestamp" not in pod["metadata"]
    ]


def list_asked_ports(state: NamespaceState, service: Object) -> list[Object]:
    """Return the ports of one of Bookinfo's Services that its callers ask: 9080, and of
    productpage what a route names; others may be there for whatever else."""
    asked = {9080}
    if get_name(service) == "productpage":
        asked |= {
            int(ref.get("port") or 0)
            for route in state.list_own(HTTP_ROUTE)
            for rule in route["spec"].get("rules") or []
            for ref in rule.get("backendRefs") or []
            if ref.get("name") == "productpage"
        }
    return [p for p in service["spec"].get("ports") or [] if p.get("port") in asked]


def lists_target(pod: Object, port: Object) -> bool:
    """Tell whether a pod declares the port that a Service's port leads to.

    A number counts against the port in the command of Bookinfo's programs, else against declared
    ports: a container may listen elsewhere, but Bookinfo declares what it listens on. A pod that
    declares none is given the benefit.
    """
    declared = [
        each
        for container in pod["spec"].get("containers") or []
        if container.get("name") != "istio-proxy"
        for each in container.get("ports") or []
    ]
    target = port.get("targetPort") or port.get("port")
    told = find_told_port(pod)
    if isinstance(target, str) and not target.isdigit():
        named = [each.get("containerPort") for each in declared if each.get("name") == target]
        return bool(named) and (told is None or told in named)
    if told is not None:
        return told == int(target or 0)
    return not declared or any(each.get("containerPort") == int(target or 0) for each in declared)


def get_protocol(port: Object) -> str:
    """Return the protocol that a Service's port declares, "" where it declares none.

    appProtocol goes before the name, whose part before the first dash counts.
    """
    declared = str(port.get("appProtocol") or "").lower()
    if declared:
        return declared
    name = str(port.get("name") or "").lower()
    prefix = name.partition("-")[0]
    # "grpc-web" is the one protocol with a dash in it.
    if name.startswith("grpc-web"):
        return "grpc-web"
    return prefix if prefix in HTTP | NOT_HTTP else ""


def is_http(port: Object) -> bool:
    """Tell whether Istio takes a Service's port for HTTP, declared or detected."""
    return get_protocol(port) not in NOT_HTTP


def is_http2(port: Object) -> bool:
    """Tell whether proxies speak HTTP/2 to what is behind a Service's port."""
    return get_protocol(port) in HTTP2


def is_gateway_pod(pod: Object) -> bool:
    """Tell whether a pod belongs to a Gateway, by istiod's label."""
    return GATEWAY_NAME in get_labels(pod)
