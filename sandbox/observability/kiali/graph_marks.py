"""Kiali's graph appenders: rules, gateways, sidecars and waypoints, idle nodes, mTLS,
response times, health.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.answer_context import CLUSTER, AnswerContext
from sandbox.observability.kiali.graph_model import Graph, Key, Node
from sandbox.observability.kiali.health import (
    RequestRates,
    build_health_status,
    build_workload_status,
    judge_errors,
)
from sandbox.observability.kiali.lists import find_rules
from sandbox.observability.kiali.objects import GATEWAY_NAME, K8S_GATEWAY, Workload
from sandbox.observability.kiali.rates import (
    QueryEngine,
    TrafficQuery,
    query_security,
    query_timings,
)

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
"""Those that may be asked for; without asking all run but idleNode, which Kiali's console asks for
itself."""


@dataclass(frozen=True)
class GraphBuild:
    """A graph that is being built, and the query it is built for."""

    graph: Graph
    moment: AnswerContext
    engine: QueryEngine
    namespaces: Sequence[str]
    asked: TrafficQuery
    appenders: frozenset[str]
    waypoints: bool
    quantile: float

    def find_workloads(self, node: Node) -> list[Workload]:
        """Return the workloads that a node stands for, as this release finds them: by labels or by
        name.
        """
        here = self.moment.view.list_workloads(node.namespace)
        if node.type == "workload":
            return [each for each in here if each.name == node.workload]
        if node.type != "app":
            return []
        found = [each for each in here if self.moment.get_app(each) == node.app]
        return [
            each
            for each in found
            if not node.version or self.moment.get_version(each) == node.version
        ]


def run_appenders(drawing: GraphBuild) -> None:
    """Run the appenders in Kiali's order; boxes come last."""
    if drawing.moment.traits.by_gvk:
        for node in drawing.graph.nodes.values():
            if (
                node.type == "service"
                and drawing.graph.injected
                and _has_outgoing_edge(drawing.graph, node)
            ):
                node.marks["isInjected"] = True
    _label_service_nodes(drawing)
    for name, run in _RUN.items():
        if name in drawing.appenders:
            run(drawing)
    _add_app_boxes(drawing)
    _mark_root_nodes(drawing)
    if "health" in drawing.appenders:
        _mark_health(drawing)


def _has_outgoing_edge(graph: Graph, node: Node) -> bool:
    return any(source == node.key for source, _, _ in graph.edges)


def _label_service_nodes(drawing: GraphBuild) -> None:
    """Set a Service's application to the one that it selects."""
    for service in drawing.moment.view.services:
        meta = service["metadata"]
        node = drawing.graph.nodes.get(("svc", meta["namespace"], meta["name"]))
        if node is not None:
            node.app = (service["spec"].get("selector") or {}).get("app", "")


def _mark_dead_nodes(drawing: GraphBuild) -> None:
    for node in list(drawing.graph.nodes.values()):
        known = node.namespace in drawing.namespaces and node.type in ("app", "workload")
        if known and not any(each.pods for each in _find_named_workloads(drawing, node)):
            node.marks["isDead"] = True


def _find_named_workloads(drawing: GraphBuild, node: Node) -> list[Workload]:
    return [
        each
        for each in drawing.moment.view.list_workloads(node.namespace)
        if each.name == node.workload or not node.workload
    ]


def _add_idle_nodes(drawing: GraphBuild) -> None:
    """Add Services and workloads that have no traffic."""
    for namespace in drawing.namespaces:
        for service in drawing.moment.view.list_services(namespace):
            names = {
                "type": "service",
                "namespace": namespace,
                "service": service["metadata"]["name"],
            }
            if drawing.graph.build_key(names) not in drawing.graph.nodes:
                drawing.graph.get_or_add_node(names).marks["isIdle"] = True
        for workload in drawing.moment.view.list_workloads(namespace):
            app, version = drawing.moment.get_app(workload), drawing.moment.get_version(workload)
            names = {
                "type": "workload",
                "namespace": namespace,
                "workload": workload.name,
                "app": app,
                "version": version,
            }
            if drawing.graph.build_key(names) not in drawing.graph.nodes:
                drawing.graph.get_or_add_node(names).marks["isIdle"] = True
    _label_service_nodes(drawing)


def _mark_mesh_membership(drawing: GraphBuild) -> None:
    """Mark the nodes outside the mesh, and those in it without a sidecar.

    An app that no workload carries the label of passes for both in Kiali 1.
    """
    modern = drawing.moment.traits.by_gvk
    for node in drawing.graph.nodes.values():
        if node.type not in ("app", "workload") or node.namespace not in drawing.namespaces:
            continue
        found = drawing.find_workloads(node)
        if not found:
            if not modern:
                node.marks["isAmbient"] = True
        elif all(each.is_captured or (modern and each.is_waypoint) for each in found):
            node.marks["isAmbient"] = True
        elif not all(
            each.has_sidecar or (modern and (each.is_gateway or each.is_waypoint)) for each in found
        ):
            node.marks["isOutOfMesh"] = True


def _mark_istio_config(drawing: GraphBuild) -> None:
    for node in drawing.graph.nodes.values():
        if node.type == "service":
            _mark_routing_rules(drawing, node)
        else:
            _mark_gateway(drawing, node)


def _mark_routing_rules(drawing: GraphBuild, node: Node) -> None:
    here = drawing.moment.view.list_services(node.namespace)
    service = next((each for each in here if each["metadata"]["name"] == node.service), None)
    if service is None:
        return
    routes, rules = find_rules(drawing.moment, service)
    if any(_has_circuit_breaker(each["spec"]) for each in rules):
        node.marks["hasCB"] = True
    if not routes:
        return
    node.marks["hasVS"] = {
        "hostnames": [host for each in routes for host in each["spec"].get("hosts") or ()]
    }
    https = [http for each in routes for http in each["spec"].get("http") or ()]
    traits: dict[str, Callable[[Object], bool]] = {
        "hasRequestRouting": lambda http: bool(http.get("match")),
        "hasFaultInjection": lambda http: bool(http.get("fault")),
        "hasTrafficShifting": lambda http: len(http.get("route") or ()) > 1,
        "hasRequestTimeout": lambda http: bool(http.get("timeout")),
        "hasMirroring": lambda http: bool(http.get("mirror") or http.get("mirrors")),
    }
    node.marks |= {name: True for name, has in traits.items() if any(has(http) for http in https)}


def _has_circuit_breaker(spec: Object) -> bool:
    traffic = [
        spec.get("trafficPolicy") or {},
        *(each.get("trafficPolicy") or {} for each in spec.get("subsets") or ()),
    ]
    return any("connectionPool" in each or "outlierDetection" in each for each in traffic)


def _mark_gateway(drawing: GraphBuild, node: Node) -> None:
    """Mark gateways of the Gateway API, with the host names of their listeners as far as the
    release tells them.
    """
    found = [each for each in drawing.find_workloads(node) if each.is_gateway or each.is_waypoint]
    name = next((each.labels.get(GATEWAY_NAME, "") for each in found), "")
    gateways = drawing.moment.view.list_configs(K8S_GATEWAY, node.namespace)
    gateway = next((each for each in gateways if each["metadata"]["name"] == name), None)
    if gateway is None:
        return
    names = [listener.get("hostname") or "*" for listener in gateway["spec"].get("listeners") or ()]
    hostnames = {"hostnames": names} if drawing.moment.traits.by_gvk else {}
    node.marks["isGateway"] = {"ingressInfo": {}, "egressInfo": {}, "gatewayAPIInfo": hostnames}
    node.marks["isK8sGatewayAPI"] = True


def _mark_waypoints(drawing: GraphBuild) -> None:
    """Mark waypoints when they were asked for, else remove them."""
    for node in list(drawing.graph.nodes.values()):
        if node.type in ("app", "workload") and any(
            w.is_waypoint for w in _find_named_workloads(drawing, node) if node.workload
        ):
            if drawing.waypoints:
                node.marks["isWaypoint"] = True
            elif node.has_traffic:
                drawing.graph.remove_node(node.key)


def _mark_security_policies(drawing: GraphBuild) -> None:
    for namespace in drawing.namespaces:
        for each in query_security(drawing.engine, namespace, drawing.asked):
            for source, target in drawing.graph.list_hop_keys(each):
                for protocol in ("http", "grpc", "tcp"):
                    edge = drawing.graph.edges.get((source, target, protocol))
                    if edge is not None:
                        edge.policies[each.policy] = edge.policies.get(each.policy, 0.0) + each.rate
                        edge.marks |= dict(
                            zip(("sourcePrincipal", "destPrincipal"), each.principals, strict=True)
                        )
    for edge in drawing.graph.edges.values():
        share = (
            edge.policies.get("mutual_tls", 0.0) / sum(edge.policies.values())
            if edge.policies
            else 0.0
        )
        if share:
            edge.marks["isMTLS"] = f"{100 * share:.0f}"


def _mark_response_times(drawing: GraphBuild) -> None:
    """Set the response time of an edge to that of the slowest of its calls."""
    for namespace in drawing.namespaces:
        for each in query_timings(drawing.engine, namespace, drawing.asked, drawing.quantile):
            for source, target in drawing.graph.list_hop_keys(each):
                edge = drawing.graph.edges.get((source, target, "http"))
                if edge is not None:
                    slowest = max(each.milliseconds, float(edge.marks.get("responseTime", 0)))
                    edge.marks["responseTime"] = f"{slowest:.0f}"


_RUN: dict[str, Callable[[GraphBuild], None]] = {
    "deadNode": _mark_dead_nodes,
    "idleNode": _add_idle_nodes,
    "meshCheck": _mark_mesh_membership,
    "istio": _mark_istio_config,
    "ambient": _mark_waypoints,
    "securityPolicy": _mark_security_policies,
    "responseTime": _mark_response_times,
}


def _add_app_boxes(drawing: GraphBuild) -> None:
    """Put versions and Services of one application into a box, where there is more than one."""
    if drawing.graph.kind != "versionedApp":
        return
    groups: dict[Key, list[Node]] = {}
    for node in drawing.graph.nodes.values():
        if node.app and node.type in ("app", "service"):
            groups.setdefault(("box", node.namespace, node.app), []).append(node)
    for key, members in groups.items():
        if len(members) > 1:
            box = drawing.graph.nodes[key] = Node(
                key, "box", members[0].namespace, app=members[0].app
            )
            box.marks["isBox"] = "app"
            if any(each.marks.get("isOutOfMesh") for each in members):
                box.marks["isOutOfMesh"] = True
            for each in members:
                each.parent = key


def _mark_root_nodes(drawing: GraphBuild) -> None:
    targets = {target for _, target, _ in drawing.graph.edges}
    for node in drawing.graph.nodes.values():
        if node.outbound and node.key not in targets:
            node.marks["isRoot"] = True
        if node.type != "box" and node.namespace not in drawing.namespaces:
            node.marks["isOutside" if node.type != "unknown" else "isInaccessible"] = True


def _mark_health(drawing: GraphBuild) -> None:
    for node in drawing.graph.nodes.values():
        if node.type != "unknown":
            node.marks["healthData"] = _build_health_data(drawing, node)
    if drawing.moment.traits.health_status:
        for edge in drawing.graph.edges.values():
            edge.marks["healthStatus"] = judge_errors(
                edge.sum_by_code() if edge.protocol != "tcp" else {}
            )[0]


def _build_health_data(drawing: GraphBuild, node: Node) -> Object:
    """Build the health of a node from the traffic in the graph; a box has that of all its
    versions.
    """
    members, found = [node], drawing.find_workloads(node)
    if node.type == "box":
        members = [
            each
            for each in drawing.graph.nodes.values()
            if each.parent == node.key and each.type == "app"
        ]
        found = drawing.moment.group_by_app(node.namespace).get(node.app, [])
    requests = RequestRates()
    for each in members:
        requests.merge(_sum_request_rates(each))
    said: Object = {"requests": requests.round_rates(3).to_json()}
    if node.type == "workload":
        said |= {"workloadStatus": build_workload_status(found[0])} if found else {}
    elif node.type != "service":
        said["workloadStatuses"] = (
            [build_workload_status(each) for each in found] if node.type == "box" else []
        )
    if drawing.moment.traits.health_status:
        said["status"] = build_health_status(
            requests.round_rates(3), found if node.type in ("box", "workload") else None
        )
    return said


def _sum_request_rates(node: Node) -> RequestRates:
    found = RequestRates()
    for direction, traffic in (("inbound", node.inbound), ("outbound", node.outbound)):
        for (protocol, code), rate in traffic.items():
            found.add_rate(direction, protocol, code, rate)
    return found


def build_node_location(node: Node) -> Object:
    """Return cluster and namespace of a node."""
    unknown = node.type == "unknown"
    return {"cluster": "unknown" if unknown else CLUSTER, "namespace": node.namespace}
