"""The graph of a namespace out of Prometheus, for when there is no Kiali to ask."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable

from bot.knowledge.observe import prometheus
from bot.knowledge.observe.graph import Call, Graph, measure_spread
from bot.knowledge.observe.prometheus import Series
from bot.steps import Context


async def read_graph(
    context: Context, namespace: str, *, seconds: int = 60, until: int = 0
) -> Graph:
    """Return the graph that the proxies reported in the seconds before `until` (epoch seconds, 0
    for now). Raises ClusterError.
    """
    expressions = (
        prometheus.build_http_rate_query(namespace, seconds),
        prometheus.build_http_rate_query(namespace, seconds, waypoint=True),
        prometheus.build_lost_rate_query(namespace, seconds),
        prometheus.build_tcp_rate_query(namespace, seconds),
    )
    arrived, through, lost, tcp = await asyncio.gather(
        *(prometheus.query(context, expression, at=until) for expression in expressions)
    )
    requests = [
        *arrived,
        *(s for s in through if s["destination_workload"] not in ("unknown", "")),
        *lost,
    ]
    return build_graph(requests, tcp, seconds, until or time.time())


def build_graph(
    requests: Iterable[Series], tcp: Iterable[Series], seconds: int, at: float
) -> Graph:
    """Build the graph: series are added up to one call for each caller and service."""
    requests, tcp = list(requests), list(tcp)
    calls = [*collect_calls("http", requests), *collect_calls("tcp", tcp)]
    inner = [*collect_inner_calls("http", requests), *collect_inner_calls("tcp", tcp)]
    spread = measure_spread(inner)
    return Graph(tuple(calls), spread, at, seconds, "Prometheus", tuple(inner))


def collect_calls(protocol: str, series: Iterable[Series]) -> list[Call]:
    """Return the calls of one protocol."""
    grouped = defaultdict[tuple[str, str], list[Series]](list)
    for one in series:
        service, workload = one["destination_service_name"], one["destination_workload"]
        grouped[one["source_workload"], service or workload].append(one)
    return [
        merge_series(source, target, protocol, listed)
        for (source, target), listed in grouped.items()
    ]


def collect_inner_calls(protocol: str, series: Iterable[Series]) -> list[Call]:
    """Return the second half of each call: from the service to the workload that took it."""
    grouped = defaultdict[tuple[str, str], list[Series]](list)
    for one in series:
        service, workload = one["destination_service_name"], one["destination_workload"]
        if service and workload not in ("", "unknown"):
            grouped[service, workload].append(one)
    return [
        merge_series(service, workload, protocol, listed)
        for (service, workload), listed in grouped.items()
    ]


def merge_series(source: str, target: str, protocol: str, listed: list[Series]) -> Call:
    """Return several series of one caller and one service as one call."""
    total = sum(one.value for one in listed)
    bad = [one for one in listed if one["response_code"][:1] in ("4", "5")]
    known = [one for one in listed if one["connection_security_policy"]]
    secure = sum(one.value for one in known if one["connection_security_policy"] == "mutual_tls")
    results = {f"{one['response_code']} {one['response_flags']}".removesuffix(" -") for one in bad}
    return Call(
        source=source,
        target=target,
        protocol=protocol,
        rate=total,
        failed=100 * sum(one.value for one in bad) / total if total else 0.0,
        results=tuple(sorted(results)),
        secure=100 * secure / sum(one.value for one in known) if known else None,
    )
