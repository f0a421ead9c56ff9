"""What `graph` and `traces` show: the picture, what may surprise in it, and links to that moment."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.knowledge.observe import jaeger, kiali, kiali_graph, prometheus_graph
from bot.knowledge.observe.graph import Graph, doubled, once
from bot.knowledge.observe.jaeger import Trace
from bot.knowledge.reach import JAEGER, KIALI, console, reach
from bot.knowledge.snapshot import Snapshot
from bot.knowledge.unseen import has_waypoint
from bot.steps import Context, Link

EMPTY = Graph(())
TCP = "TCP edges are correct: ztunnel sees connections and no requests. A waypoint shows requests."
TCP_BESIDE_A_WAYPOINT = "TCP edges pass no waypoint: a gateway's calls do not, by design, and older calls did not yet."


async def graph(context: Context, now: Snapshot, seconds: int) -> tuple[Graph, tuple[str, ...]]:
    """Kiali's graph, or Prometheus' when there is no Kiali that answers, and why it is not Kiali's."""
    namespace, why = context.workshop.app_namespace, ""
    if "kiali" not in now.mesh:
        why = "Kiali is not installed: this is out of Prometheus."
    else:
        try:
            return await kiali_graph.graph(context, namespace, seconds=seconds), ()
        except ClusterError as problem:
            why = f"Kiali does not answer ({problem}): this is out of Prometheus."
    if "prometheus" not in now.mesh:
        return EMPTY, ()
    try:
        return await prometheus_graph.graph(context, namespace, seconds=seconds), (why,)
    except ClusterError:
        return EMPTY, ()


def remarks(graph: Graph, now: Snapshot) -> tuple[str, ...]:
    """What looks broken and is right, and what looks right and is broken."""
    said = []
    if any(call.protocol == "tcp" for call in once(graph.calls)):
        said.append(TCP_BESIDE_A_WAYPOINT if has_waypoint(now) else TCP)
    if doubled(graph):
        said.append("Kiali draws calls twice, as requests (waypoint) and as TCP (ztunnel): it is the same traffic.")
    if any(call.source == "unknown" for call in graph.calls):
        said.append("`unknown` is who has no proxy: the bot asks through the API server, and so does a port-forward.")
    failed = [call for call in graph.calls if call.failed]
    if failed and "FI" in " ".join(result for call in failed for result in call.results):
        said.append("FI is the fault that was injected: those requests never reached their service.")
    return tuple(said)


async def findings(context: Context, graph: Graph) -> tuple[str, ...]:
    """What Kiali finds wrong with the namespace's rules, each code once; its list may be a minute old."""
    if graph.source != "Kiali":
        return ()
    try:
        found = await kiali.namespace_checks(context, context.workshop.app_namespace)
    except ClusterError:
        return ()
    said = {
        f"Kiali finds {check.code} on {kind} {name}: {check.message} ({check.severity})."
        for (kind, name), checks in found.items()
        for check in checks
        if check.severity in ("error", "warning")
    }
    return tuple(sorted(said))


async def graph_links(context: Context, graph: Graph) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Kiali's graph now and at that moment, and the line that must be typed first."""
    reached = await reach(context, KIALI)
    if not reached.base:
        return (), ()
    pages, namespace = console(reached), context.workshop.app_namespace
    links = [Link("Kiali: graph", pages.graph(namespace))]
    if graph.at and graph.source == "Kiali":
        links.append(Link("Kiali: that moment", pages.graph(namespace, duration=60, at=graph.at)))
    return tuple(links), ((reached.line,) if reached.line else ())


@dataclass(frozen=True)
class Found:
    """The services of a namespace that have sent spans, and the newest traces."""

    services: tuple[str, ...] = ()
    traces: tuple[Trace, ...] = ()


async def traces(context: Context, limit: int) -> Found:
    """Looks where the longest ways begin: at the gateway, else at productpage. Raises ClusterError."""
    namespace = context.workshop.app_namespace
    services = tuple(s for s in await jaeger.services(context) if s.endswith(f".{namespace}"))
    begins = [f"{name}.{namespace}" for name in ("bookinfo-gateway-istio", "productpage", "waypoint")]
    for service in [s for s in begins if s in services] or services[:1]:
        if found := await jaeger.traces(context, service, limit=limit):
            return Found(services, tuple(found))
    return Found(services)


def trace_line(trace: Trace, namespace: str) -> str:
    """`18:03:09 UTC: 8 spans, 42 ms, productpage → reviews → ratings`."""
    way = " → ".join(service.removesuffix(f".{namespace}") for service in trace.services)
    failed = f" ({trace.failed} with an error)" if trace.failed else ""
    at = time.strftime("%H:%M:%S UTC", time.gmtime(trace.start))
    spans = f"{trace.spans} span{'s' if trace.spans > 1 else ''}"
    return f"{at}: {spans}{failed}, {trace.milliseconds:.0f} ms: {way}"


async def trace_links(context: Context, found: Found) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Jaeger's pages of the newest traces and of all, and the line that must be typed first."""
    reached = await reach(context, JAEGER)
    if not reached.base:
        return (), ()
    links = [Link(f"Trace {trace.id[:8]}", jaeger.trace_page(reached.base, trace.id)) for trace in found.traces[:3]]
    if found.services:
        first = next((s for s in found.services if s.startswith("productpage.")), found.services[0])
        links.append(Link("Jaeger: search", jaeger.search_page(reached.base, first)))
    return tuple(links), ((reached.line,) if reached.line else ())
