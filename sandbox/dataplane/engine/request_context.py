"""One request's way through the mesh as it is computed: its limits in time, and the
reports of the proxies about it.

Reports are kept until the request is really over, so that counters never run ahead of
the clock.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sandbox.cluster.contract import Object
from sandbox.cluster.log_buffer import LogBook
from sandbox.dataplane.engine.http_messages import Call, Reply
from sandbox.dataplane.engine.mesh_state import MeshState
from sandbox.dataplane.engine.telemetry_rules import find_disabled_metrics
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.world import get_hostname
from sandbox.dataplane.telemetry import HttpReport, TcpReport, Telemetry, WrittenLine
from sandbox.observability.sources import Span

NOBODY = "unknown"
ZTUNNEL_MS, ENVOY_MS = 0.15, 0.5
"""Median milliseconds that a ztunnel and an Envoy take for a request."""


@dataclass
class RequestContext:
    """The reports of everything that one request from outside leads to."""

    chance: random.Random
    around: MeshState
    reports: list[HttpReport | TcpReport | WrittenLine | Span] = field(default_factory=list)
    started: tuple[float, float] = (0.0, 0.0)
    """When the request set out, by the simulated clock and by the wall's."""

    def tell_wall_time(self, now: float) -> float:
        """Return the wall's time at a simulated moment of this request, which is carried out as
        fast as the wall goes.
        """
        return self.started[1] + now - self.started[0]

    def draw_delay(self, milliseconds: float) -> float:
        """Return a small time around that median, in seconds."""
        return milliseconds / 1000 * self.chance.lognormvariate(0, 0.3)

    def publish_reports(self, telemetry: Telemetry, logs: LogBook) -> None:
        """Pass the reports on, now that the request is over: they count from now on."""
        for report in self.reports:
            match report:
                case HttpReport():
                    telemetry.count_request(report)
                case TcpReport():
                    telemetry.count_connection(report)
                case WrittenLine():
                    logs.open(report.pod, report.container).write(report.text)
                case Span():
                    telemetry.publish_span(report)


@dataclass(frozen=True)
class Hop:
    """A request that sets out at `now`; its sender gives up at `until`."""

    context: RequestContext
    call: Call
    now: float
    until: float = float("inf")

    def starting_at(self, now: float) -> Hop:
        """Return the same request, setting out at another time."""
        return replace(self, now=now)

    def with_call(self, call: Call) -> Hop:
        """Return the same hop with another request."""
        return replace(self, call=call)


@dataclass(frozen=True)
class Parties:
    """The two ends of a report, and the Service it is for; None for what the proxy does not
    know.
    """

    source: Workload | None
    destination: Workload | None
    service: Mapping[str, str]
    policy: str = NOBODY


def build_service_labels(service: Object | None) -> dict[str, str]:
    """Return the labels of the Service that was asked for; None when the proxy knows of
    none.
    """
    if service is None:
        return dict.fromkeys(
            ("destination_service", "destination_service_name", "destination_service_namespace"),
            NOBODY,
        )
    meta = service["metadata"]
    return {
        "destination_service": get_hostname(service),
        "destination_service_name": meta["name"],
        "destination_service_namespace": meta["namespace"],
    }


def _build_side_labels(side: str, workload: Workload | None, principal: str) -> dict[str, str]:
    if workload is None:
        names = (
            "workload",
            "workload_namespace",
            "principal",
            "app",
            "version",
            "canonical_service",
            "cluster",
        )
        return {f"{side}_{name}": NOBODY for name in names} | {
            f"{side}_canonical_revision": "latest"
        }
    service, revision = workload.canonical
    return {
        f"{side}_workload": workload.name,
        f"{side}_workload_namespace": workload.namespace,
        f"{side}_principal": principal,
        f"{side}_app": workload.app,
        f"{side}_version": workload.version,
        f"{side}_canonical_service": service,
        f"{side}_canonical_revision": revision,
        f"{side}_cluster": "Kubernetes",
    }


def _build_labels(reporter: str, parties: Parties, *, encrypted: bool) -> dict[str, str]:
    principals = [
        w.principal if w is not None and encrypted else NOBODY
        for w in (parties.source, parties.destination)
    ]
    return {
        "reporter": reporter,
        **_build_side_labels("source", parties.source, principals[0]),
        **_build_side_labels("destination", parties.destination, principals[1]),
        **parties.service,
        "response_flags": "-",
        "connection_security_policy": parties.policy,
    }


def build_http_report(
    proxy: Workload, reporter: str, parties: Parties, hop: Hop, reply: Reply
) -> HttpReport:
    """Return what an Envoy counts for one request (Istio's standard labels); a client that
    hangs up is code 0, flag DC.
    """
    cut = reply.end > hop.until
    both = parties.source is not None and parties.destination is not None
    # A client's Envoy calls the policy unknown, yet it knows both identities.
    encrypted = parties.policy == "mutual_tls" or (
        reporter == "source"
        and both
        and all(w is not None and w.is_meshed for w in (parties.source, parties.destination))
    )
    labels = _build_labels(reporter, parties, encrypted=encrypted)
    labels |= {
        "request_protocol": "http",
        "response_code": "0" if cut else str(reply.status),
        "grpc_response_status": "",
        "response_flags": "DC" if cut else reply.flags,
    }
    seconds = min(reply.end, hop.until) - hop.now
    return HttpReport(
        proxy.uid,
        labels,
        seconds,
        received=_count_bytes(hop.call.headers, hop.call.body),
        sent=len(reply.body),
        disabled=find_disabled_metrics(proxy, reporter, hop.context.around.telemetries),
    )


def build_tcp_report(
    proxy: str, reporter: str, parties: Parties, hop: Hop, reply: Reply
) -> TcpReport:
    """Return what a ztunnel, or an Envoy on a TCP port, counts for one connection; `proxy` is its
    pod's uid.
    """
    labels = _build_labels(reporter, parties, encrypted=parties.policy == "mutual_tls")
    labels |= {"request_protocol": "tcp"}
    received = _count_bytes(hop.call.headers, hop.call.body) + len(hop.call.path) + 20
    return TcpReport(proxy, labels, received, _count_bytes(reply.headers, reply.body) + 20)


def _count_bytes(headers: Mapping[str, str], body: bytes) -> int:
    return len(body) + sum(len(name) + len(value) + 4 for name, value in headers.items())
