"""Kiali's graph of a namespace, version 1.87 and 2.26. All its numbers are strings; edges name nodes by opaque ids."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bot.knowledge.observe import kiali
from bot.knowledge.observe.graph import Call, Graph
from bot.steps import Context

APPENDERS = "deadNode,serviceEntry,meshCheck,workloadEntry,health,istio,securityPolicy,ambient"


async def graph(context: Context, namespace: str, *, seconds: int = 60) -> Graph:
    """What Kiali shows of the last seconds, computed now and not taken from its cache. Raises ClusterError; a
    namespace that Kiali may not read is Rejected with 403."""
    said = await kiali.api(
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
    )
    return read(said)


def read(said: Any) -> Graph:
    """The graph out of Kiali's JSON."""
    elements = said.get("elements") or {}
    nodes = {node["data"]["id"]: node["data"] for node in elements.get("nodes") or ()}
    calls, inner, spread = [], [], defaultdict[str, dict[str, float]](dict)
    for edge in elements.get("edges") or ():
        data = edge["data"]
        source, target = nodes[data["source"]], nodes[data["target"]]
        call = read_call(name(source), name(target), data)
        if source["nodeType"] != "service":
            calls.append(call)
            continue
        inner.append(call)
        if call.protocol != "tcp" or name(target) not in spread[name(source)]:
            spread[name(source)][name(target)] = call.rate
    return Graph(
        calls=tuple(calls),
        spread=dict(spread),
        at=float(said.get("timestamp", 0)),
        seconds=int(said.get("duration", 60)),
        inner=tuple(inner),
    )


def name(node: Any) -> str:
    """What people call a node: the Service, the workload, or the application."""
    if node["nodeType"] == "service":
        return str(node["service"])
    return str(node.get("workload") or node.get("app") or node["nodeType"])


def read_call(source: str, target: str, data: Any) -> Call:
    """One edge."""
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
        results=failures(traffic.get("responses") or {}),
        secure=float(secure) if secure is not None else (None if failed >= 100 else 0.0),
    )


def failures(responses: Any) -> tuple[str, ...]:
    """The codes that mean an error, each with its flags."""
    return tuple(
        f"{code} {flag}".removesuffix(" -")
        for code, response in sorted(responses.items())
        if code[:1] in "45"
        for flag in response.get("flags") or {"-": ""}
    )
