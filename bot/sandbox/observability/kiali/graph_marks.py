"""What Kiali's appenders add to a graph: rules, gateways, sidecars and waypoints, idle nodes, locks, times, health."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.sandbox.cluster.contract import Object
from bot.sandbox.observability.kiali.graph_model import Graph, Key, Node
from bot.sandbox.observability.kiali.health import Requests, judged, replicas, verdict
from bot.sandbox.observability.kiali.lists import rules_of
from bot.sandbox.observability.kiali.moment import CLUSTER, Moment
from bot.sandbox.observability.kiali.objects import GATEWAY_NAME, K8S_GATEWAY, Workload
from bot.sandbox.observability.kiali.rates import Asked, Engine, policies, timings

APPENDERS = (
    "deadNode",
    "serviceEntry",
    "meshCheck",
    "workloadEntry",
    "idleNode",
    "health",
    "istio",
    "securityPolicy",
    "ambient",
    "responseTime",
)
"""Those that may be asked for; without asking all run but idleNode, which Kiali's console asks for itself."""


@dataclass(frozen=True)
class Drawing:
    """A graph on its way, and what it was asked to be."""

    graph: Graph
    moment: Moment
    engine: Engine
    namespaces: Sequence[str]
    asked: Asked
    appenders: frozenset[str]
    waypoints: bool
    quantile: float

    def workloads(self, node: Node) -> list[Workload]:
        """The workloads that a node stands for, as this release finds them: by its labels, or by its name."""
        here = self.moment.view.workloads_of(node.namespace)
        if node.type == "workload":
            return [each for each in here if each.name == node.workload]
        if node.type != "app":
            return []
        found = [each for each in here if self.moment.app(each) == node.app]
        return [each for each in found if not node.version or self.moment.version(each) == node.version]


def mark(drawing: Drawing) -> None:
    """Runs the appenders in Kiali's order; boxes come last."""
    if drawing.moment.traits.by_gvk:
        for node in drawing.graph.nodes.values():
            if node.type == "service" and drawing.graph.injected and _arrives(drawing.graph, node):
                node.marks["isInjected"] = True
    _label_services(drawing)
    for name, run in _RUN.items():
        if name in drawing.appenders:
            run(drawing)
    _boxes(drawing)
    _roots(drawing)
    if "health" in drawing.appenders:
        _health(drawing)


def _arrives(graph: Graph, node: Node) -> bool:
    return any(source == node.key for source, _, _ in graph.edges)


def _label_services(drawing: Drawing) -> None:
    """A Service's application is the one that it selects."""
    for service in drawing.moment.view.services:
        meta = service["metadata"]
        node = drawing.graph.nodes.get(("svc", meta["namespace"], meta["name"]))
        if node is not None:
            node.app = (service["spec"].get("selector") or {}).get("app", "")


def _dead(drawing: Drawing) -> None:
    for node in list(drawing.graph.nodes.values()):
        known = node.namespace in drawing.namespaces and node.type in ("app", "workload")
        if known and not any(each.pods for each in _named(drawing, node)):
            node.marks["isDead"] = True


def _named(drawing: Drawing, node: Node) -> list[Workload]:
    return [
        each
        for each in drawing.moment.view.workloads_of(node.namespace)
        if each.name == node.workload or not node.workload
    ]


def _idle(drawing: Drawing) -> None:
    """Services and workloads that nothing goes to or comes from."""
    for namespace in drawing.namespaces:
        for service in drawing.moment.view.services_of(namespace):
            names = {"type": "service", "namespace": namespace, "service": service["metadata"]["name"]}
            if drawing.graph.key(names) not in drawing.graph.nodes:
                drawing.graph.of(names).marks["isIdle"] = True
        for workload in drawing.moment.view.workloads_of(namespace):
            app, version = drawing.moment.app(workload), drawing.moment.version(workload)
            names = {
                "type": "workload",
                "namespace": namespace,
                "workload": workload.name,
                "app": app,
                "version": version,
            }
            if drawing.graph.key(names) not in drawing.graph.nodes:
                drawing.graph.of(names).marks["isIdle"] = True
    _label_services(drawing)


def _mesh_check(drawing: Drawing) -> None:
    """Who is outside of the mesh, and who is in it without a sidecar. An app that no workload carries the label of
    passes for both in Kiali 1."""
    modern = drawing.moment.traits.by_gvk
    for node in drawing.graph.nodes.values():
        if node.type not in ("app", "workload") or node.namespace not in drawing.namespaces:
            continue
        found = drawing.workloads(node)
        if not found:
            if not modern:
                node.marks["isAmbient"] = True
        elif all(each.captured or (modern and each.waypoint) for each in found):
            node.marks["isAmbient"] = True
        elif not all(each.sidecar or (modern and (each.gateway or each.waypoint)) for each in found):
            node.marks["isOutOfMesh"] = True


def _istio(drawing: Drawing) -> None:
    for node in drawing.graph.nodes.values():
        if node.type == "service":
            _rules(drawing, node)
        else:
            _gateway(drawing, node)


def _rules(drawing: Drawing, node: Node) -> None:
    here = drawing.moment.view.services_of(node.namespace)
    service = next((each for each in here if each["metadata"]["name"] == node.service), None)
    if service is None:
        return
    routes, rules = rules_of(drawing.moment, service)
    if any(_breaks_circuits(each["spec"]) for each in rules):
        node.marks["hasCB"] = True
    if not routes:
        return
    node.marks["hasVS"] = {"hostnames": [host for each in routes for host in each["spec"].get("hosts") or ()]}
    https = [http for each in routes for http in each["spec"].get("http") or ()]
    traits: dict[str, Callable[[Object], bool]] = {
        "hasRequestRouting": lambda http: bool(http.get("match")),
        "hasFaultInjection": lambda http: bool(http.get("fault")),
        "hasTrafficShifting": lambda http: len(http.get("route") or ()) > 1,
        "hasRequestTimeout": lambda http: bool(http.get("timeout")),
        "hasMirroring": lambda http: bool(http.get("mirror") or http.get("mirrors")),
    }
    node.marks |= {name: True for name, has in traits.items() if any(has(http) for http in https)}


def _breaks_circuits(spec: Object) -> bool:
    traffic = [
        spec.get("trafficPolicy") or {},
        *(each.get("trafficPolicy") or {} for each in spec.get("subsets") or ()),
    ]
    return any("connectionPool" in each or "outlierDetection" in each for each in traffic)


def _gateway(drawing: Drawing, node: Node) -> None:
    """Gateways of the Gateway API, with the host names of their listeners as far as the release tells them."""
    found = [each for each in drawing.workloads(node) if each.gateway or each.waypoint]
    name = next((each.labels.get(GATEWAY_NAME, "") for each in found), "")
    gateways = drawing.moment.view.configs(K8S_GATEWAY, node.namespace)
    gateway = next((each for each in gateways if each["metadata"]["name"] == name), None)
    if gateway is None:
        return
    names = [listener.get("hostname") or "*" for listener in gateway["spec"].get("listeners") or ()]
    hostnames = {"hostnames": names} if drawing.moment.traits.by_gvk else {}
    node.marks["isGateway"] = {"ingressInfo": {}, "egressInfo": {}, "gatewayAPIInfo": hostnames}
    node.marks["isK8sGatewayAPI"] = True


def _ambient(drawing: Drawing) -> None:
    """Waypoints are shown only on request."""
    for node in list(drawing.graph.nodes.values()):
        if node.type in ("app", "workload") and any(w.waypoint for w in _named(drawing, node) if node.workload):
            if drawing.waypoints:
                node.marks["isWaypoint"] = True
            elif node.busy:
                drawing.graph.remove(node.key)


def _security(drawing: Drawing) -> None:
    for namespace in drawing.namespaces:
        for each in policies(drawing.engine, namespace, drawing.asked):
            for source, target in drawing.graph.keys(each):
                for protocol in ("http", "grpc", "tcp"):
                    edge = drawing.graph.edges.get((source, target, protocol))
                    if edge is not None:
                        edge.policies[each.policy] = edge.policies.get(each.policy, 0.0) + each.rate
                        edge.marks |= dict(zip(("sourcePrincipal", "destPrincipal"), each.principals, strict=True))
    for edge in drawing.graph.edges.values():
        share = edge.policies.get("mutual_tls", 0.0) / sum(edge.policies.values()) if edge.policies else 0.0
        if share:
            edge.marks["isMTLS"] = f"{100 * share:.0f}"


def _response_time(drawing: Drawing) -> None:
    """The slowest of the calls that an edge is made of."""
    for namespace in drawing.namespaces:
        for each in timings(drawing.engine, namespace, drawing.asked, drawing.quantile):
            for source, target in drawing.graph.keys(each):
                edge = drawing.graph.edges.get((source, target, "http"))
                if edge is not None:
                    slowest = max(each.milliseconds, float(edge.marks.get("responseTime", 0)))
                    edge.marks["responseTime"] = f"{slowest:.0f}"


_RUN: dict[str, Callable[[Drawing], None]] = {
    "deadNode": _dead,
    "idleNode": _idle,
    "meshCheck": _mesh_check,
    "istio": _istio,
    "ambient": _ambient,
    "securityPolicy": _security,
    "responseTime": _response_time,
}


def _boxes(drawing: Drawing) -> None:
    """Versions and Services of one application stand in a box, where there is more than one of them."""
    if drawing.graph.kind != "versionedApp":
        return
    groups: dict[Key, list[Node]] = {}
    for node in drawing.graph.nodes.values():
        if node.app and node.type in ("app", "service"):
            groups.setdefault(("box", node.namespace, node.app), []).append(node)
    for key, members in groups.items():
        if len(members) > 1:
            box = drawing.graph.nodes[key] = Node(key, "box", members[0].namespace, app=members[0].app)
            box.marks["isBox"] = "app"
            if any(each.marks.get("isOutOfMesh") for each in members):
                box.marks["isOutOfMesh"] = True
            for each in members:
                each.parent = key


def _roots(drawing: Drawing) -> None:
    targets = {target for _, target, _ in drawing.graph.edges}
    for node in drawing.graph.nodes.values():
        if node.outbound and node.key not in targets:
            node.marks["isRoot"] = True
        if node.type != "box" and node.namespace not in drawing.namespaces:
            node.marks["isOutside" if node.type != "unknown" else "isInaccessible"] = True


def _health(drawing: Drawing) -> None:
    for node in drawing.graph.nodes.values():
        if node.type != "unknown":
            node.marks["healthData"] = _health_of(drawing, node)
    if drawing.moment.traits.health_status:
        for edge in drawing.graph.edges.values():
            edge.marks["healthStatus"] = judged(edge.codes() if edge.protocol != "tcp" else {})[0]


def _health_of(drawing: Drawing, node: Node) -> Object:
    """By the traffic in the graph; a box has that of all its versions."""
    members, found = [node], drawing.workloads(node)
    if node.type == "box":
        members = [each for each in drawing.graph.nodes.values() if each.parent == node.key and each.type == "app"]
        found = drawing.moment.apps(node.namespace).get(node.app, [])
    requests = Requests()
    for each in members:
        requests.merge(_requests(each))
    said: Object = {"requests": requests.rounded(3).wire()}
    if node.type == "workload":
        said |= {"workloadStatus": replicas(found[0])} if found else {}
    elif node.type != "service":
        said["workloadStatuses"] = [replicas(each) for each in found] if node.type == "box" else []
    if drawing.moment.traits.health_status:
        said["status"] = verdict(requests.rounded(3), found if node.type in ("box", "workload") else None)
    return said


def _requests(node: Node) -> Requests:
    found = Requests()
    for direction, traffic in (("inbound", node.inbound), ("outbound", node.outbound)):
        for (protocol, code), rate in traffic.items():
            found.add(direction, protocol, code, rate)
    return found


def where(node: Node) -> Object:
    """Cluster and namespace of a node."""
    unknown = node.type == "unknown"
    return {"cluster": "unknown" if unknown else CLUSTER, "namespace": node.namespace}
