"""`/namespaces/graph`: traffic between workloads, its rates and errors, from the telemetry
of the last minutes.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sandbox.clock import Clock
from sandbox.cluster.contract import Object
from sandbox.observability.answers import get_first
from sandbox.observability.kiali.answer_context import AnswerContext
from sandbox.observability.kiali.graph_marks import (
    APPENDERS,
    GraphBuild,
    build_node_location,
    run_appenders,
)
from sandbox.observability.kiali.graph_model import Edge, Graph, Key, Node
from sandbox.observability.kiali.rates import PastEngine, QueryEngine, TrafficQuery, query_flows
from sandbox.observability.metrics.syntax import QueryError, parse_duration

KINDS = ("app", "service", "versionedApp", "workload")
_DEFAULT_SECONDS = 600


class KialiError(Exception):
    """A request that Kiali answers with an error: `code` is the HTTP status, the text goes
    into `error`.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def build_graph(moment: AnswerContext, asked: dict[str, list[str]], clock: Clock) -> Object:
    """Build the answer to a graph's query.

    Raises KialiError, and QueryError when Prometheus can't compute.
    """
    namespaces = [name for name in get_first(asked, "namespaces").split(",") if name]
    if not namespaces:
        raise KialiError(
            400, "At least one namespace must be specified via the namespaces query parameter."
        )
    for name in namespaces:
        if name not in moment.view.namespaces:
            raise KialiError(403, f"Requested namespace [{name}] is not accessible.")
    if moment.engine is None:
        raise KialiError(503, "Prometheus is not reachable")
    kind = get_first(asked, "graphType", "workload")
    if kind not in KINDS:
        raise KialiError(400, f"Invalid graphType [{kind}]")
    seconds = _parse_graph_duration(get_first(asked, "duration"))
    until = _parse_query_time(get_first(asked, "queryTime"))
    engine: QueryEngine = PastEngine(moment.engine, until) if until else moment.engine
    drawing = GraphBuild(
        graph=Graph(kind, _parse_flag(asked, "injectServiceNodes")),
        moment=moment,
        engine=engine,
        namespaces=namespaces,
        asked=_parse_traffic_query(asked, seconds),
        appenders=_parse_appenders(asked),
        waypoints=_parse_flag(asked, "waypoints"),
        quantile=_parse_quantile(get_first(asked, "responseTime", "95")),
    )
    for name in namespaces:
        drawing.graph.add_flows(
            query_flows(
                engine,
                name,
                _limit_to_age(drawing.asked, moment.view.namespaces[name], clock),
            )
        )
    run_appenders(drawing)
    elements = _build_elements(drawing.graph, moment.traits.digest)
    return {
        "timestamp": until or int(clock.now().timestamp()),
        "duration": seconds,
        "graphType": kind,
        "elements": elements,
    }


def _parse_graph_duration(text: str) -> int:
    try:
        return int(parse_duration(text)) if text else _DEFAULT_SECONDS
    except QueryError as error:
        raise KialiError(400, f"Invalid duration [{text}]") from error


def _parse_query_time(text: str) -> int:
    """Return a moment in epoch seconds, 0 for now, as Kiali does (graph/options.go)."""
    try:
        return int(text or 0)
    except ValueError as error:
        raise KialiError(400, f"Invalid queryTime [{text}]") from error


def _parse_traffic_query(asked: dict[str, list[str]], seconds: int) -> TrafficQuery:
    ambient, tcp = get_first(asked, "ambientTraffic", "total"), get_first(asked, "rateTcp", "sent")
    if ambient not in ("none", "total", "waypoint", "ztunnel"):
        raise KialiError(400, f"Invalid ambientTraffic [{ambient}]")
    if tcp not in ("none", "received", "sent", "total"):
        raise KialiError(400, f"Invalid rateTcp [{tcp}]")
    return TrafficQuery(
        seconds, ambient, tcp if tcp != "none" else "sent", _parse_flag(asked, "includeIdleEdges")
    )


def _parse_appenders(asked: dict[str, list[str]]) -> frozenset[str]:
    if "appenders" not in asked:
        return frozenset(APPENDERS) - {"idleNode"}
    names = frozenset(name for name in get_first(asked, "appenders").split(",") if name)
    if strange := sorted(
        names
        - {
            *APPENDERS,
            "sidecarsCheck",
            "throughput",
            "aggregateNode",
            "outsider",
            "trafficGenerator",
        }
    ):
        raise KialiError(400, f"Invalid appender [{strange[0]}]")
    return names


def _parse_flag(asked: dict[str, list[str]], name: str) -> bool:
    text = get_first(asked, name, "false")
    if text not in ("true", "false"):
        raise KialiError(400, f"Invalid {name} [{text}]")
    return text == "true"


def _parse_quantile(text: str) -> float:
    return {"50": 0.5, "95": 0.95, "99": 0.99, "avg": 0.5}.get(text, 0.95)


def _limit_to_age(asked: TrafficQuery, namespace: Object, clock: Clock) -> TrafficQuery:
    """Shorten the range so that it does not begin before the namespace was created."""
    created = namespace["metadata"].get("creationTimestamp")
    age = int(clock.measure_age(datetime.fromisoformat(created))) if created else asked.seconds
    return TrafficQuery(max(1, min(asked.seconds, age)), asked.ambient, asked.tcp, asked.idle)


def _build_elements(found: Graph, digest: str) -> Object:
    boxes_first = sorted(
        found.nodes.values(),
        key=lambda n: (n.type != "box", n.namespace, n.app or n.service, n.key),
    )
    totals: dict[tuple[Key, str], float] = {}
    for edge in found.edges.values():
        place = (edge.source, edge.protocol)
        totals[place] = totals.get(place, 0.0) + edge.rate
    nodes = [{"data": _build_node_data(each, digest)} for each in boxes_first]
    edges = [
        {"data": _build_edge_data(each, totals[each.source, each.protocol], digest)}
        for each in found.edges.values()
    ]
    return {
        "nodes": nodes,
        "edges": sorted(edges, key=lambda each: (each["data"]["source"], each["data"]["target"])),
    }


def _hash_id(digest: str, *parts: str) -> str:
    return hashlib.new(digest, "_".join(parts).encode(), usedforsecurity=False).hexdigest()


def _build_node_data(node: Node, digest: str) -> Object:
    data: Object = {"id": _hash_id(digest, *node.key)}
    data |= {"parent": _hash_id(digest, *node.parent)} if node.parent else {}
    data |= {"nodeType": node.type, **build_node_location(node)}
    names = {name: getattr(node, name) for name in ("workload", "app", "version", "service")}
    data |= {name: value for name, value in names.items() if value}
    if node.destinations:
        places = sorted(node.destinations)
        data["destServices"] = [
            {"cluster": "Kubernetes", "namespace": ns, "name": name} for ns, name in places
        ]
    traffic = [
        each
        for each in (_build_traffic_data(node, protocol) for protocol in ("http", "grpc", "tcp"))
        if each
    ]
    return data | ({"traffic": traffic} if traffic else {}) | node.marks


def _build_traffic_data(node: Node, protocol: str) -> Object:
    rates: dict[str, str] = {}
    for direction, traffic in (("In", node.inbound), ("Out", node.outbound)):
        codes = {code: rate for (kind, code), rate in traffic.items() if kind == protocol}
        if codes:
            rates[f"{protocol}{direction}"] = f"{sum(codes.values()):.2f}"
        if direction == "In" and protocol != "tcp":
            rates |= {
                f"{protocol}In{bad}": f"{rate:.2f}" for bad, rate in _sum_error_rates(codes).items()
            }
    return {"protocol": protocol, "rates": rates} if rates else {}


def _sum_error_rates(codes: dict[str, float]) -> dict[str, float]:
    """Return the rates of 3xx, 4xx, 5xx and unanswered requests, under the endings that Kiali
    gives them.
    """
    found: dict[str, float] = {}
    for code, rate in codes.items():
        ending = "NoResponse" if code == "-" else f"{code[0]}xx" if code[0] in "345" else ""
        if ending:
            found[ending] = found.get(ending, 0.0) + rate
    return found


def _build_edge_data(edge: Edge, out: float, digest: str) -> Object:
    ends = [_hash_id(digest, *edge.source), _hash_id(digest, *edge.target)]
    data: Object = {
        "id": _hash_id(digest, *ends, edge.protocol),
        "source": ends[0],
        "target": ends[1],
        **edge.marks,
    }
    rates = {edge.protocol: f"{edge.rate:.2f}"}
    if edge.protocol != "tcp":
        errors = _sum_error_rates(edge.sum_by_code())
        rates |= {f"{edge.protocol}{ending}": f"{rate:.2f}" for ending, rate in errors.items()}
        bad = sum(rate for ending, rate in errors.items() if ending != "3xx")
        if bad and edge.rate:
            rates[f"{edge.protocol}PercentErr"] = f"{100 * bad / edge.rate:.1f}"
        if out:
            rates[f"{edge.protocol}PercentReq"] = f"{100 * edge.rate / out:.1f}"
    data["traffic"] = {
        "protocol": edge.protocol,
        "rates": rates,
        "responses": _build_responses(edge),
    }
    return data


def _build_responses(edge: Edge) -> Object:
    """Return flags and hosts of each code, as percentages of all that the edge carries."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (code, flags, host), rate in edge.responses.items():
        entry = found.setdefault(code, {"flags": {}, "hosts": {}})
        entry["flags"][flags] = entry["flags"].get(flags, 0.0) + rate
        entry["hosts"][host] = entry["hosts"].get(host, 0.0) + rate
    total = edge.rate or 1.0
    return {
        code: {
            what: {name: f"{100 * rate / total:.1f}" for name, rate in rates.items()}
            for what, rates in entry.items()
        }
        for code, entry in found.items()
    }
