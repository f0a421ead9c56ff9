"""Asking Prometheus. The expressions are those that fit the metrics of Istio 1.23 and 1.30; each
fixes the reporter, since two proxies report the same call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import ClusterError, Unavailable
from bot.kinds import SERVICE as K8S_SERVICE
from bot.knowledge.observe.http_json import get, get_json, shorten
from bot.steps import Context
from bot.text import Text, verbatim

SERVICE, PORT = "prometheus", 9090
MOST_STEPS = 240
"""Steps into which a span of time is divided to look for a moment."""
SCRAPE = 15.0
"""Seconds between two scrapes with the release's sample; a rate needs two of them."""


@dataclass(frozen=True)
class Series:
    """One line of an instant vector; `series["label"]` is "" for a label that it has not."""

    labels: Mapping[str, str]
    value: float

    def __getitem__(self, label: str) -> str:
        """A label's value."""
        return self.labels.get(label, "")


async def is_ready(context: Context) -> bool:
    """Tell whether Prometheus says that it is ready; False when it does not answer."""
    try:
        return (await get(context, SERVICE, PORT, "/-/ready")).status == 200
    except ClusterError:
        return False


async def explain_unready(context: Context) -> Text:
    """Return why nothing can be measured while Prometheus is not ready: it is not installed, or it
    is there and does not say that it is.
    """
    try:
        there = await context.cluster.get(K8S_SERVICE, SERVICE, context.workshop.mesh_namespace)
    except ClusterError:
        there = {}
    if there is None:
        return Text("Prometheus is not installed, so that nothing was measured")
    return Text("Prometheus does not say that it is ready, so that nothing was measured")


async def query(context: Context, expression: str, *, at: float = 0.0) -> list[Series]:
    """Return an instant vector at a moment (epoch seconds, 0 for now) without NaN; a scalar is
    one series without labels.

    Raises ClusterError.
    """
    asked = {"query": expression} | ({"time": f"{at:.3f}"} if at else {})
    answer = await get_json(context, SERVICE, PORT, "/api/v1/query", asked)
    if not isinstance(answer, dict) or answer.get("status") != "success":
        error = answer.get("error") if isinstance(answer, dict) else answer
        raise Unavailable(
            verbatim(shorten(f"prometheus: {error}"))
            if error
            else Text("prometheus did not carry out the query")
        )
    data = answer["data"]
    if data["resultType"] == "scalar":
        return [Series({}, float(data["result"][1]))]
    found = [Series(line["metric"], float(line["value"][1])) for line in data["result"]]
    return [series for series in found if not math.isnan(series.value)]


async def query_number(context: Context, expression: str) -> float | None:
    """Return the one value of an expression; None when it has none. Raises ClusterError."""
    found = await query(context, expression)
    return found[0].value if found else None


def build_http_rate_query(namespace: str, seconds: int, *, waypoint: bool = False) -> str:
    """Build the query for requests per second that arrived in a namespace.

    By caller, service, workload, code and security; with `waypoint` those that waypoints
    report.
    """
    by = (
        "source_workload,source_version,destination_service_name,destination_workload,"
        "destination_version"
    )
    what = "response_code,response_flags,connection_security_policy"
    place = f'reporter="waypoint",destination_service_namespace="{namespace}"'
    if not waypoint:
        place = f'reporter="destination",destination_workload_namespace="{namespace}"'
    return f"sum by ({by},{what}) (rate(istio_requests_total{{{place}}}[{seconds}s])) > 0"


def build_lost_rate_query(namespace: str, seconds: int) -> str:
    """Build the query for requests per second that their caller's proxy ended.

    That happens by faults and by missing subsets.
    """
    where = (
        'reporter=~"source|waypoint",destination_workload="unknown",'
        f'destination_service=~"^.+\\\\.{namespace}\\\\..+$"'
    )
    by = (
        "source_workload,destination_service_name,destination_workload,response_code,response_flags"
    )
    return f"sum by ({by}) (rate(istio_requests_total{{{where}}}[{seconds}s])) > 0"


def build_tcp_rate_query(namespace: str, seconds: int) -> str:
    """Build the query for bytes per second that ztunnel carried from a namespace's workloads.

    By caller, workload and security.
    """
    where = f'app="ztunnel",reporter="source",source_workload_namespace="{namespace}"'
    by = "source_workload,destination_service_name,destination_workload,connection_security_policy"
    return f"sum by ({by}) (rate(istio_tcp_received_bytes_total{{{where}}}[{seconds}s])) > 0"


def build_mtls_connections_query(namespace: str) -> str:
    """Build the query for all connections with mutual TLS that ztunnel opened in a namespace.

    By caller and workload.
    """
    where = (
        'app="ztunnel",connection_security_policy="mutual_tls",'
        f'source_workload_namespace="{namespace}"'
    )
    by = "source_workload,destination_workload"
    return f"sum by ({by}) (istio_tcp_connections_opened_total{{{where}}})"


def build_waypoint_requests_query(namespace: str) -> str:
    """Build the query for all requests that waypoints reported for a namespace, by service."""
    where = f'reporter="waypoint",destination_service_namespace="{namespace}"'
    return f"sum by (destination_service_name) (istio_requests_total{{{where}}})"


def build_recorded_requests_query(namespace: str) -> str:
    """Build the query for all requests that any proxy reported for a namespace.

    More than none means that its proxies are scraped.
    """
    return f'sum(istio_requests_total{{destination_service_namespace="{namespace}"}})'


def select_requests(namespace: str) -> str:
    """Return the series of requests for the services of a namespace, also of those that never
    arrived, which have no other namespace than the one in the host.
    """
    return f'istio_requests_total{{destination_service=~"^.+\\\\.{namespace}\\\\..+$"}}'


def build_counts_query(namespace: str, seconds: int) -> str:
    """Build the query for how many requests there were in that many seconds.

    By both ends, code, flags and reporter, since two proxies may report the same request. A series
    that begins within that time begins with its first requests, which an increase leaves out: of
    those the last value counts. Prometheus extrapolates, so that counts are not whole.
    """
    series = select_requests(namespace)
    older = f"increase({series}[{seconds}s]) and {series} offset {seconds}s"
    newer = f"last_over_time({series}[{seconds}s]) unless {series} offset {seconds}s"
    by = "source_workload,destination_service_name,response_code,response_flags,reporter"
    return f"sum by ({by}) (({older}) or ({newer}))"


async def find_first_moment(
    context: Context, expression: str, start: float, end: float
) -> float | None:
    """Return the first moment between two (epoch seconds) at which an expression has a value.

    To a scrape; None when it never has one. Raises ClusterError.
    """
    first = None
    while True:
        step = max(SCRAPE, (end - start) / MOST_STEPS)
        found = await query_moments(context, expression, start, end, step)
        if not found:
            return first
        first = found[0]
        if step <= SCRAPE or first <= start:
            return first
        # Once more between the last step without a value and the first one with it.
        start, end = max(start, first - step), first


async def query_moments(
    context: Context, expression: str, start: float, end: float, step: float
) -> list[float]:
    """Return the moments of a range at which an expression has a value, sorted.

    Raises ClusterError.
    """
    query = {
        "query": expression,
        "start": f"{start:.3f}",
        "end": f"{end:.3f}",
        "step": f"{step:.3f}",
    }
    answer = await get_json(context, SERVICE, PORT, "/api/v1/query_range", query)
    found = (answer.get("data") or {}).get("result") or () if isinstance(answer, dict) else ()
    return sorted(float(at) for line in found for at, _ in line.get("values") or ())


def build_any_rate_query(namespace: str, seconds: int) -> str:
    """Build the query for requests and connection bytes per second together.

    The result is more than none when anything flows. The two are added up as one vector, since
    either may be without a value.
    """
    requests = (
        f'rate(istio_requests_total{{destination_service_namespace="{namespace}"}}[{seconds}s])'
    )
    where = f'app="ztunnel",source_workload_namespace="{namespace}"'
    tcp = f"rate(istio_tcp_received_bytes_total{{{where}}}[{seconds}s])"
    return f"sum({requests} or {tcp})"


async def count_reachable_pods(context: Context, namespace: str) -> tuple[int, str]:
    """Return how many pods of a namespace Prometheus reaches, and its first failure to do so."""
    answer = await get_json(context, SERVICE, PORT, "/api/v1/targets", {"state": "active"})
    found = [
        t
        for t in answer["data"].get("activeTargets") or ()
        if (t.get("labels") or {}).get("namespace") == namespace
    ]
    failures = [str(t.get("lastError") or "down") for t in found if t.get("health") == "down"]
    return sum(t.get("health") == "up" for t in found), shorten(failures[0]) if failures else ""
