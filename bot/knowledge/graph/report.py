"""The data of `graph` and `traces`: the graph or traces, remarks on what may surprise, and
links to that moment.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.knowledge.graph.empty_reasons import has_waypoint
from bot.knowledge.observe import jaeger, kiali, kiali_graph, prometheus_graph
from bot.knowledge.observe.endpoints import JAEGER, KIALI, build_console, find_web_address
from bot.knowledge.observe.graph import Graph, drop_duplicate_calls, has_duplicate_calls
from bot.knowledge.observe.jaeger import Trace
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, Link

EMPTY = Graph(())
TCP = "TCP edges are correct: ztunnel sees connections and no requests. A waypoint shows requests."
TCP_BESIDE_A_WAYPOINT = (
    "TCP edges pass no waypoint: a gateway's calls do not, by design, and older calls did not yet."
)


async def read_graph_with_fallback(
    context: Context, now: Snapshot, seconds: int
) -> tuple[Graph, tuple[str, ...]]:
    """Return Kiali's graph, or Prometheus' with the reason when Kiali does not answer; empty
    when neither does.
    """
    namespace, why = context.workshop.app_namespace, ""
    if "kiali" not in now.mesh:
        why = "Kiali is not installed: this is out of Prometheus."
    else:
        try:
            return await kiali_graph.read_graph(context, namespace, seconds=seconds), ()
        except ClusterError as problem:
            why = f"Kiali does not answer ({problem}): this is out of Prometheus."
    if "prometheus" not in now.mesh:
        return EMPTY, ()
    try:
        return await prometheus_graph.read_graph(context, namespace, seconds=seconds), (why,)
    except ClusterError:
        return EMPTY, ()


def explain_graph(graph: Graph, now: Snapshot) -> tuple[str, ...]:
    """Return remarks on what looks broken and is right, and on what looks right and is broken."""
    said = []
    if any(call.protocol == "tcp" for call in drop_duplicate_calls(graph.calls)):
        said.append(TCP_BESIDE_A_WAYPOINT if has_waypoint(now) else TCP)
    if has_duplicate_calls(graph):
        said.append(
            "Kiali draws calls twice, as requests (waypoint) and as TCP (ztunnel): it is the same traffic."
        )
    if any(call.source == "unknown" for call in graph.calls):
        said.append(
            "`unknown` is who has no proxy: the bot asks through the API server, and so does a port-forward."
        )
    failed = [call for call in graph.calls if call.failed]
    if failed and "FI" in " ".join(result for call in failed for result in call.results):
        said.append(
            "FI is the fault that was injected: those requests never reached their service."
        )
    return tuple(said)


async def list_kiali_findings(context: Context, graph: Graph) -> tuple[str, ...]:
    """Return what Kiali finds wrong with the namespace's rules, each once; its list may be a
    minute old.
    """
    if graph.source != "Kiali":
        return ()
    try:
        found = await kiali.check_namespace(context, context.workshop.app_namespace)
    except ClusterError:
        return ()
    said = {
        f"Kiali finds {check.code} on {kind} {name}: {check.message} ({check.severity})."
        for (kind, name), checks in found.items()
        for check in checks
        if check.severity in ("error", "warning")
    }
    return tuple(sorted(said))


async def link_to_graph(context: Context, graph: Graph) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Return links to Kiali's graph now and at that moment, and the port-forward line to type
    first.
    """
    reached = await find_web_address(context, KIALI)
    if not reached.base:
        return (), ()
    pages, namespace = build_console(reached), context.workshop.app_namespace
    links = [Link("Kiali: graph", pages.graph_url(namespace))]
    if graph.at and graph.source == "Kiali":
        links.append(
            Link("Kiali: that moment", pages.graph_url(namespace, duration=60, at=graph.at))
        )
    return tuple(links), ((reached.line,) if reached.line else ())


@dataclass(frozen=True)
class FoundTraces:
    """The services of a namespace that have sent spans, and the newest traces."""

    services: tuple[str, ...] = ()
    traces: tuple[Trace, ...] = ()


async def find_traces(context: Context, limit: int) -> FoundTraces:
    """Return the newest traces of the gateway, else of productpage, where the longest ones
    begin. Raises ClusterError.
    """
    namespace = context.workshop.app_namespace
    services = tuple(s for s in await jaeger.list_services(context) if s.endswith(f".{namespace}"))
    begins = [
        f"{name}.{namespace}" for name in ("bookinfo-gateway-istio", "productpage", "waypoint")
    ]
    for service in [s for s in begins if s in services] or services[:1]:
        if found := await jaeger.list_traces(context, service, limit=limit):
            return FoundTraces(services, tuple(found))
    return FoundTraces(services)


def describe_trace(trace: Trace, namespace: str) -> str:
    """Return a trace as `18:03:09 UTC: 8 spans, 42 ms, productpage → reviews → ratings`."""
    way = " → ".join(service.removesuffix(f".{namespace}") for service in trace.services)
    failed = f" ({trace.failed} with an error)" if trace.failed else ""
    at = time.strftime("%H:%M:%S UTC", time.gmtime(trace.start))
    spans = f"{trace.spans} span{'s' if trace.spans > 1 else ''}"
    return f"{at}: {spans}{failed}, {trace.milliseconds:.0f} ms: {way}"


async def link_to_traces(
    context: Context, found: FoundTraces
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Return links to the newest traces and to Jaeger's search, and the port-forward line to
    type first.
    """
    reached = await find_web_address(context, JAEGER)
    if not reached.base:
        return (), ()
    links = [
        Link(f"Trace {trace.id[:8]}", jaeger.build_trace_url(reached.base, trace.id))
        for trace in found.traces[:3]
    ]
    if found.services:
        first = next((s for s in found.services if s.startswith("productpage.")), found.services[0])
        links.append(Link("Jaeger: search", jaeger.build_search_url(reached.base, first)))
    return tuple(links), ((reached.line,) if reached.line else ())
