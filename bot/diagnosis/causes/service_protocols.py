"""Causes in the ports of Bookinfo's Services: where nothing listens, and protocols that are not
spoken."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_names, show_field
from bot.diagnosis.mesh_state import APPS, CALLS, NamespaceState, is_in_mesh, list_pods_of
from bot.diagnosis.program_settings import find_told_port, list_asked_hosts
from bot.diagnosis.reach import is_reached
from bot.diagnosis.reasons import suggest_fix
from bot.diagnosis.service_ports import (
    get_protocol,
    is_http,
    is_http2,
    list_asked_ports,
    list_selected_pods,
    lists_target,
)
from bot.diagnosis.waypoint_binding import find_waypoint_pod
from bot.kinds import Object
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim


def find_wrong_port(state: NamespaceState) -> Iterator[Finding]:
    """Yield Services of Bookinfo whose port, or whose targetPort, is not where pods listen."""
    yield from find_deaf_pods(state)
    yield from find_wrong_asked_port(state)
    for app in APPS:
        service = state.services.get(app)
        if service is None:
            continue
        pods, ports = list_selected_pods(state, service), list_asked_ports(state, service)
        datagrams = [p for p in ports if p.get("protocol", "TCP") != "TCP"]
        bad = datagrams or [
            p for p in ports if pods and not any(lists_target(pod, p) for pod in pods)
        ]
        if not bad and ports:
            continue
        if bad:
            port = bad[0]
            field, value = (
                ("protocol", port["protocol"])
                if datagrams
                else ("targetPort", port.get("targetPort", ""))
            )
            shown = show_field(service, f"port {port.get('port')}: {field}", value)
        else:
            numbers = ", ".join(str(p.get("port")) for p in service["spec"].get("ports") or [])
            shown = show_field(service, "ports", numbers or "none")
        listens = [
            verbatim(f"{describe(pods[0])}: containerPort 9080")
            for pod in pods[:1]
            if lists_target(pod, {"targetPort": 9080})
        ]
        yield Finding(
            Text("Service {service} leads to a port where nothing listens.", service=app)
            if bad
            else Text("Service {service} has no port 9080, which its callers ask.", service=app),
            (shown, *listens),
            Fix(command="bookinfo"),
            frozenset({f"Service/{app}", f"app/{app}"}),
        )


def find_deaf_pods(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods that requests reach, and that listen elsewhere than others of their Service."""
    for app in APPS:
        service = state.services.get(app)
        ports = list_asked_ports(state, service) if service else []
        pods = list_selected_pods(state, service) if service else []
        for port in ports[:1]:
            deaf = [pod for pod in pods if not lists_target(pod, port)]
            reached = [pod for pod in deaf if is_reached(state, app, pod)]
            if len(deaf) == len(pods) or not reached or service is None:
                continue
            yield Finding(
                Text(
                    "{pods} of Service {service} do not listen where its port leads: requests that "
                    "reach them get 503.",
                    pods=list_names(reached),
                    service=app,
                ),
                (
                    show_listening(reached[0]),
                    show_field(
                        service,
                        f"port {port.get('port')}: targetPort",
                        port.get("targetPort") or port.get("port"),
                    ),
                ),
                suggest_fix(state, reached[0]),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


def show_listening(pod: Object) -> Text:
    """Return where a pod listens: by its program's command, else by the ports that it declares."""
    told = find_told_port(pod)
    if told is not None:
        return verbatim(f"{describe(pod)}: command … {told}")
    numbers = [
        str(each.get("containerPort"))
        for container in pod["spec"].get("containers") or []
        if container.get("name") != "istio-proxy"
        for each in container.get("ports") or []
    ]
    return verbatim(f"{describe(pod)}: containerPort {', '.join(numbers)}")


def find_wrong_asked_port(state: NamespaceState) -> Iterator[Finding]:
    """Yield parts of Bookinfo whose environment has them ask a port that a Service lacks."""
    for workload in state.bookinfo:
        for asked in list_asked_hosts(workload):
            service = state.services.get(asked.app)
            ports = [p.get("port") for p in (service or {}).get("spec", {}).get("ports") or []]
            if asked.host.partition(".")[0] != asked.app or not ports or asked.port in ports:
                continue
            yield Finding(
                Text(
                    "{workload} asks {service} at port {port}, which the Service does not have.",
                    workload=get_name(workload),
                    service=asked.app,
                    port=str(asked.port),
                ),
                (
                    show_field(workload, "env", ", ".join(asked.variables)),
                    show_field(service or {}, "ports", ", ".join(map(str, ports))),
                ),
                Fix(command="bookinfo"),
                frozenset({f"Deployment/{get_name(workload)}", f"Service/{asked.app}"}),
            )


def find_http2(state: NamespaceState) -> Iterator[Finding]:
    """Yield ports that are declared HTTP/2, which Bookinfo's programs do not speak.

    Only Envoys act by it: sidecars, gateways and waypoints; ztunnel does not look.
    """
    for app in APPS:
        service = state.services.get(app)
        for port in list_asked_ports(state, service) if service else ():
            if service is None or not is_http2(port) or not meets_envoy(state, app):
                continue
            yield Finding(
                Text(
                    "Port {port} of Service {service} is declared {protocol}, so that proxies "
                    "speak HTTP/2 to it, and the application does not: callers get 502.",
                    port=str(port.get("port")),
                    service=app,
                    protocol=get_protocol(port),
                ),
                (show_declared_protocol(service, port),),
                Fix(command="bookinfo"),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


def show_declared_protocol(service: Object, port: Object) -> Text:
    """Return where a port's protocol stands: its appProtocol, else its name."""
    declared = (
        f"appProtocol {port['appProtocol']}"
        if port.get("appProtocol")
        else f"name {port.get('name')}"
    )
    return show_field(service, f"port {port.get('port')}", declared)


def meets_envoy(state: NamespaceState, app: str) -> bool:
    """Tell whether requests to an application pass an Envoy: its own sidecar, its callers', the
    gateway before productpage, or a waypoint."""
    callers = [caller for caller, callee in CALLS if callee == app]
    pods = [pod for each in (app, *callers) for pod in list_pods_of(state, each)]
    gateway = app == "productpage" and bool(state.gateways)
    return any(map(has_sidecar, pods)) or gateway or find_waypoint_pod(state, app) is not None


def find_not_http(state: NamespaceState) -> Iterator[Finding]:
    """Yield ports of Bookinfo that are declared to be another protocol than HTTP."""
    if not is_in_mesh(state):
        return
    for app in APPS:
        service = state.services.get(app)
        for port in list_asked_ports(state, service) if service else ():
            if is_http(port):
                continue
            yield Finding(
                Text(
                    "Port {port} of Service {service} is declared {protocol}: rules for HTTP and "
                    "metrics of HTTP do not apply to it.",
                    port=str(port.get("port")),
                    service=app,
                    protocol=get_protocol(port),
                ),
                (show_declared_protocol(service or {}, port),),
                Fix(command="bookinfo"),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


CAUSES = (
    Cause(
        "service-port-wrong",
        Subject.APPLICATION,
        "A Service's port leads to one where nothing listens, or is not for TCP.",
        "targetPort is not a containerPort of the selected pods; 503 `UF`. Or `protocol: UDP`.",
        "`/mesh bookinfo`",
        find_wrong_port,
        ("bookinfo",),
        ("route-backend-missing",),
        gravity=1,
        by_object=True,
    ),
    Cause(
        "service-port-http2",
        Subject.APPLICATION,
        "A port is named, or has `appProtocol`, for HTTP/2 or gRPC, which Bookinfo does not speak.",
        "The port's name prefix or appProtocol (`grpc`, `http2`, `kubernetes.io/h2c`), and an "
        "Envoy on the way: 502 `UPE`, protocol error.",
        "`/mesh bookinfo`",
        find_http2,
        ("bookinfo",),
        ("route-backend-missing", "circuit-breaker-open"),
        gravity=2,
        source="Istio's protocol selection (1.23 and 1.30)",
        by_object=True,
    ),
    Cause(
        "service-port-not-http",
        Subject.APPLICATION,
        "A port is named, or has `appProtocol`, for another protocol, so that HTTP rules and HTTP "
        "metrics do not apply.",
        "The port's name prefix or appProtocol.",
        "`/mesh bookinfo`",
        find_not_http,
        ("route", "fault"),
        ("fault-in-force", "route-backend-missing"),
        gravity=3,
        source="Istio's protocol selection; IST0118, KIA0601",
        by_object=True,
    ),
)
