"""Kiali's graph of a namespace, version 1.87 and 2.26. All its numbers are strings; edges name
nodes by opaque ids."""

from __future__ import annotations

from typing import Any

from bot.knowledge.observe import kiali
from bot.knowledge.observe.graph import Call, Graph, measure_spread
from bot.steps import Context

APPENDERS = "deadNode,serviceEntry,meshCheck,workloadEntry,health,istio,securityPolicy,ambient"


async def read_graph(
    context: Context, namespace: str, *, seconds: int = 60, until: int = 0
) -> Graph:
    """Return Kiali's graph of the seconds before `until` (epoch seconds, 0 for now), computed now
    and not taken from its cache.

    Raises ClusterError; a namespace that Kiali may not read is Rejected with 403.
    """
    answer = await kiali.call_api(
        context,
        "/namespaces/graph",
        namespaces=namespace,
        duration=f"{seconds}s",
        graphType="versionedApp",
        injectServiceNodes="true",
        includeIdleEdges="false",
        appenders=APPENDERS,
        waypoints="false",
        ambientTraffic="total",
        refreshInterval="0",
        rateHttp="requests",
        rateTcp="sent",
        rateGrpc="requests",
        **({"queryTime": str(until)} if until else {}),
    )
    return parse_graph(answer)


def parse_graph(answer: Any) -> Graph:
    """Parse the graph in Kiali's JSON."""
    elements = answer.get("elements") or {}
    nodes = {node["data"]["id"]: node["data"] for node in elements.get("nodes") or ()}
    calls, inner = [], []
    for edge in elements.get("edges") or ():
        data = edge["data"]
        source, target = nodes[data["source"]], nodes[data["target"]]
        call = parse_call(get_node_name(source), get_node_name(target), data)
        if source["nodeType"] != "service":
            calls.append(call)
            continue
        inner.append(call)
    return Graph(
        calls=tuple(calls),
        spread=measure_spread(inner),
        at=float(answer.get("timestamp", 0)),
        seconds=int(answer.get("duration", 60)),
        inner=tuple(inner),
    )


def get_node_name(node: Any) -> str:
    """Return what people call a node: the Service, the workload, or the application."""
    if node["nodeType"] == "service":
        return str(node["service"])
    return str(node.get("workload") or node.get("app") or node["nodeType"])


def parse_call(source: str, target: str, data: Any) -> Call:
    """Parse one edge."""
    traffic = data.get("traffic") or {}
    protocol, rates = str(traffic.get("protocol", "")), traffic.get("rates") or {}
    failed = float(rates.get(f"{protocol}PercentErr", 0))
    secure = data.get("isMTLS")
    return Call(
        source=source,
        target=target,
        protocol=protocol,
        rate=float(rates.get(protocol, 0)),
        failed=failed,
        results=list_failures(traffic.get("responses") or {}),
        secure=float(secure) if secure is not None else (None if failed >= 100 else 0.0),
    )


def list_failures(responses: Any) -> tuple[str, ...]:
    """Return the codes that mean an error, each with its flags."""
    return tuple(
        f"{code} {flag}".removesuffix(" -")
        for code, response in sorted(responses.items())
        if code[:1] in "45"
        for flag in response.get("flags") or {"-": ""}
    )
