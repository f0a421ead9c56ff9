"""The data of `graph` and `traces`: the graph or traces, remarks on what may surprise, and
links to that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from bot.errors import ClusterError
from bot.knowledge.bookinfo.app import is_page_whole
from bot.knowledge.graph.empty_reasons import has_waypoint
from bot.knowledge.graph.trace_tree import choose_trace, describe_tree, find_slowest, name_span
from bot.knowledge.observe import jaeger, kiali, kiali_graph, prometheus_graph
from bot.knowledge.observe.endpoints import JAEGER, KIALI, build_console, find_web_address
from bot.knowledge.observe.graph import (
    Graph,
    drop_duplicate_calls,
    drop_waypoints,
    has_duplicate_calls,
)
from bot.knowledge.observe.jaeger import Trace
from bot.knowledge.routing.manifests import is_waypoint
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, Link
from bot.text import Listed, Moment, Text, counted

NO_CALLS = Graph(())
USUAL_WAYPOINT = "waypoint"
"""istioctl's name for a waypoint; one that is gone is still in the graph's last seconds."""
TCP = Text(
    "TCP edges are correct: ztunnel sees connections and no requests. A waypoint shows requests."
)
TCP_BESIDE_WAYPOINT = Text(
    "TCP edges pass no waypoint: a gateway's calls do not, by design, and older calls did not yet."
)


async def read_graph_with_fallback(
    context: Context, now: Snapshot, seconds: int, *, until: int = 0
) -> tuple[Graph, tuple[Text, ...]]:
    """Return Kiali's graph, or Prometheus' with the reason when Kiali does not answer; empty
    when neither does.

    `until` is its last moment (epoch seconds), 0 for now.
    """
    graph, notes = await _read_graph(context, now, seconds, until)
    waypoints = {name for name, gateway in now.gateways.items() if is_waypoint(gateway)}
    return drop_waypoints(graph, waypoints | {USUAL_WAYPOINT}), notes


async def _read_graph(
    context: Context, now: Snapshot, seconds: int, until: int
) -> tuple[Graph, tuple[Text, ...]]:
    namespace = context.workshop.app_namespace
    if "kiali" not in now.mesh:
        why = Text("Kiali is not installed: this is out of Prometheus.")
    else:
        try:
            read = kiali_graph.read_graph(context, namespace, seconds=seconds, until=until)
            return await read, ()
        except ClusterError as problem:
            why = explain_refusal(problem)
    if "prometheus" not in now.mesh:
        return NO_CALLS, ()
    try:
        read = prometheus_graph.read_graph(context, namespace, seconds=seconds, until=until)
        return await read, (why,)
    except ClusterError:
        return NO_CALLS, ()


def explain_refusal(problem: ClusterError) -> Text:
    """Return why Kiali gave no graph, above one that is out of Prometheus."""
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return Text(
            "`cause: kiali-asks-for-login` Kiali asks for a token or a login (auth.strategy in its "
            "ConfigMap), and the bot has none: this is out of Prometheus."
        )
    return Text("Kiali gives no graph ({why}): this is out of Prometheus.", why=problem.message)


def explain_graph(graph: Graph, now: Snapshot) -> tuple[Text, ...]:
    """Return remarks on what looks broken and is right, and on what looks right and is broken."""
    found = []
    if any(call.protocol == "tcp" for call in drop_duplicate_calls(graph.calls)):
        found.append(TCP_BESIDE_WAYPOINT if has_waypoint(now) else TCP)
    if has_duplicate_calls(graph):
        found.append(
            Text(
                "Kiali draws calls twice, as requests (waypoint) and as TCP (ztunnel): it is the "
                "same traffic."
            )
            if has_waypoint(now)
            else Text(
                "Some calls are there as requests and as TCP: the graph looks back {seconds} s, "
                "and who carried them changed in that time.",
                seconds=graph.seconds,
            )
        )
    if any(call.source == "unknown" for call in graph.calls):
        found.append(
            Text(
                "`unknown` is who has no proxy: the bot asks through the API server, and so does "
                "a port-forward."
            )
        )
    failed = [call for call in graph.calls if call.failed]
    if failed and "FI" in " ".join(result for call in failed for result in call.results):
        found.append(
            Text("FI is the fault that was injected: those requests never reached their service.")
        )
    return tuple(found)


async def list_kiali_findings(context: Context, graph: Graph) -> tuple[Text, ...]:
    """Return what Kiali finds wrong with the namespace's rules, each finding once with all that
    has it; its list may be a minute old.
    """
    if graph.source != "Kiali":
        return ()
    try:
        found = await kiali.check_namespace(context, context.workshop.app_namespace)
    except ClusterError:
        return ()
    holders: dict[tuple[str, str, str], list[str]] = {}
    for (kind, name), checks in sorted(found.items()):
        for check in checks:
            named = holders.setdefault((check.code, check.message, check.severity), [])
            if f"{kind} {name}" not in named:
                named.append(f"{kind} {name}")
    return tuple(
        Text(
            "Kiali finds {code} on {objects}: {message} ({severity}).",
            code=code,
            objects=Listed(named, "comma"),
            message=message,
            severity=severity,
        )
        for (code, message, severity), named in sorted(holders.items())
        if severity in ("error", "warning")
    )


async def link_to_graph(context: Context, graph: Graph) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Return links to Kiali's graph now and at that moment, and the port-forward line to type
    first.
    """
    reached = await find_web_address(context, KIALI)
    if not reached.base:
        return (), ()
    pages, namespace = build_console(reached), context.workshop.app_namespace
    links = [Link(Text("Kiali: graph"), pages.graph_url(namespace))]
    if graph.at and graph.source == "Kiali":
        url = pages.graph_url(namespace, duration=60, at=graph.at)
        links.append(Link(Text("Kiali: that moment"), url))
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


def describe_traces(traces: Sequence[Trace], namespace: str) -> list[Text]:
    """Return a line for each trace; below one of them its spans as a tree."""
    shown = choose_trace(traces)
    lines = []
    for trace in traces:
        lines.append(describe_trace(trace, namespace))
        lines += describe_tree(trace, namespace) if trace is shown else []
    return lines


def describe_trace(trace: Trace, namespace: str) -> Text:
    """Return `18:03:09 UTC: 8 spans, 42 ms; slowest by itself: reviews → ratings, 31.0 ms`."""
    time = Moment(trace.start, date="", time="seconds", named="plain")
    slowest = find_slowest(trace)
    if slowest is None:
        services = Listed((s.removesuffix(f".{namespace}") for s in trace.services), "comma")
        return Text(
            "{time}: {spans}, {milliseconds:.0f} ms: {services}",
            time=time,
            spans=describe_spans(trace),
            milliseconds=trace.milliseconds,
            services=services,
        )
    return Text(
        "{time}: {spans}, {milliseconds:.0f} ms; slowest by itself: {name}, {own:.1f} ms",
        time=time,
        spans=describe_spans(trace),
        milliseconds=trace.milliseconds,
        name=name_span(slowest, namespace, "→"),
        own=slowest.own,
    )


def describe_spans(trace: Trace) -> Text:
    """Return `8 spans`, or `8 spans (2 with an error)`."""
    if not trace.failed:
        return counted("{n} span", "{n} spans", n=trace.spans)
    return counted(
        "{n} span ({failed} with an error)",
        "{n} spans ({failed} with an error)",
        n=trace.spans,
        failed=trace.failed,
    )


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
        Link(Text("Trace {id}", id=trace.id[:8]), jaeger.build_trace_url(reached.base, trace.id))
        for trace in found.traces[:3]
    ]
    if found.services:
        first = next((s for s in found.services if s.startswith("productpage.")), found.services[0])
        links.append(Link(Text("Jaeger: search"), jaeger.build_search_url(reached.base, first)))
    return tuple(links), ((reached.line,) if reached.line else ())


async def tell_past_from_present(context: Context, graph: Graph) -> tuple[Text, ...]:
    """Return whether failures of a graph are of its last seconds only: it shows a window of time.

    Empty when nothing failed, or when the page is not whole now either.
    """
    if not any(call.failed for call in graph.calls) or not await is_page_whole(context):
        return ()
    return (
        Text(
            "What failed is from the last {seconds} s: the page that was asked for just now is "
            "whole.",
            seconds=graph.seconds,
        ),
    )
