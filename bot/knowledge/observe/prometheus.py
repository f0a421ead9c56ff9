"""Asking Prometheus. The expressions are those that fit the metrics of Istio 1.23 and 1.30; each fixes the reporter,
since two proxies report the same call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import ClusterError, Unavailable
from bot.knowledge.observe.asking import get, get_json
from bot.steps import Context

SERVICE, PORT = "prometheus", 9090
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


async def ready(context: Context) -> bool:
    """Whether Prometheus says that it is ready."""
    try:
        return (await get(context, SERVICE, PORT, "/-/ready")).status == 200
    except ClusterError:
        return False


async def query(context: Context, expression: str) -> list[Series]:
    """An instant vector (a scalar as one series without labels), without NaN. Raises ClusterError."""
    said = await get_json(context, SERVICE, PORT, "/api/v1/query", {"query": expression})
    if not isinstance(said, dict) or said.get("status") != "success":
        raise Unavailable(f"prometheus: {said.get('error', 'no success') if isinstance(said, dict) else said}")
    data = said["data"]
    if data["resultType"] == "scalar":
        return [Series({}, float(data["result"][1]))]
    found = [Series(line["metric"], float(line["value"][1])) for line in data["result"]]
    return [series for series in found if not math.isnan(series.value)]


async def number(context: Context, expression: str) -> float | None:
    """The one value of an expression; None when it has none."""
    found = await query(context, expression)
    return found[0].value if found else None


def http_calls(namespace: str, seconds: int, *, waypoint: bool = False) -> str:
    """Requests per second that arrived in a namespace, by caller, service, workload, code and security."""
    by = "source_workload,source_version,destination_service_name,destination_workload,destination_version"
    what = "response_code,response_flags,connection_security_policy"
    place = f'reporter="waypoint",destination_service_namespace="{namespace}"'
    if not waypoint:
        place = f'reporter="destination",destination_workload_namespace="{namespace}"'
    return f"sum by ({by},{what}) (rate(istio_requests_total{{{place}}}[{seconds}s])) > 0"


def lost_calls(namespace: str, seconds: int) -> str:
    """Requests per second that their caller's proxy ended before they arrived: faults, missing subsets."""
    where = (
        f'reporter=~"source|waypoint",destination_workload="unknown",destination_service=~"^.+\\\\.{namespace}\\\\..+$"'
    )
    by = "source_workload,destination_service_name,destination_workload,response_code,response_flags"
    return f"sum by ({by}) (rate(istio_requests_total{{{where}}}[{seconds}s])) > 0"


def tcp_calls(namespace: str, seconds: int) -> str:
    """Bytes per second that ztunnel carried from a namespace's workloads, by caller, workload and security."""
    where = f'app="ztunnel",reporter="source",source_workload_namespace="{namespace}"'
    by = "source_workload,destination_service_name,destination_workload,connection_security_policy"
    return f"sum by ({by}) (rate(istio_tcp_received_bytes_total{{{where}}}[{seconds}s])) > 0"


def secure_connections(namespace: str) -> str:
    """How many connections with mutual TLS ztunnel has opened between a namespace's workloads, so far, by caller."""
    where = f'app="ztunnel",connection_security_policy="mutual_tls",source_workload_namespace="{namespace}"'
    return f"sum by (source_workload,destination_workload) (istio_tcp_connections_opened_total{{{where}}})"


def waypoint_requests(namespace: str) -> str:
    """How many requests waypoints have reported for a namespace's services so far, by service."""
    where = f'reporter="waypoint",destination_service_namespace="{namespace}"'
    return f"sum by (destination_service_name) (istio_requests_total{{{where}}})"


def recorded_requests(namespace: str) -> str:
    """How many requests any proxy has reported for a namespace so far: more than none means that it is scraped."""
    return f'sum(istio_requests_total{{destination_service_namespace="{namespace}"}})'


def answered(namespace: str, seconds: int) -> str:
    """Requests that arrived in a namespace from outside its own workloads' proxies, by code, within that many seconds.

    The page is where people come in, and its calls to the rest would count each request several times.
    """
    place = f'reporter=~"destination|waypoint",destination_service=~"productpage.{namespace}.svc.cluster.local"'
    return f"sum by (response_code) (increase(istio_requests_total{{{place}}}[{seconds}s]))"


def any_rate(namespace: str, seconds: int) -> str:
    """Requests per second and connections' bytes together: more than none when anything flows. The two are added up
    as one vector, since either may be without a value."""
    requests = f'rate(istio_requests_total{{destination_service_namespace="{namespace}"}}[{seconds}s])'
    tcp = f'rate(istio_tcp_received_bytes_total{{app="ztunnel",source_workload_namespace="{namespace}"}}[{seconds}s])'
    return f"sum({requests} or {tcp})"


async def targets(context: Context, namespace: str) -> tuple[int, str]:
    """How many pods of a namespace Prometheus reaches, and the first failure of those that it does not."""
    said = await get_json(context, SERVICE, PORT, "/api/v1/targets", {"state": "active"})
    found = [
        t for t in said["data"].get("activeTargets") or () if (t.get("labels") or {}).get("namespace") == namespace
    ]
    failures = [str(t.get("lastError") or "down") for t in found if t.get("health") == "down"]
    return sum(t.get("health") == "up" for t in found), failures[0] if failures else ""
