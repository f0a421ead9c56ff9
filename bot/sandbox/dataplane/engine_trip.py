"""One request's way through the mesh as it is computed: its limits in time, and what the proxies tell of it.

What is told is kept until the request is really over, so that counters never run ahead of the clock.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.sandbox.cluster.contract import Object
from bot.sandbox.dataplane.engine_messages import Call, Reply
from bot.sandbox.dataplane.engine_workloads import Workload
from bot.sandbox.dataplane.engine_world import Around
from bot.sandbox.dataplane.objects import hostname
from bot.sandbox.dataplane.telemetry import HttpReport, TcpReport, Telemetry
from bot.sandbox.observability.sources import Span

NOBODY = "unknown"


@dataclass
class Trip:
    """The reports of everything that one request from outside leads to."""

    chance: random.Random
    around: Around
    reports: list[HttpReport | TcpReport | Span] = field(default_factory=list)

    def seconds(self, milliseconds: float) -> float:
        """A small time around that median."""
        return milliseconds / 1000 * self.chance.lognormvariate(0, 0.3)

    def tell(self, telemetry: Telemetry) -> None:
        """The request is over: its reports count from now on."""
        for report in self.reports:
            match report:
                case HttpReport():
                    telemetry.http(report)
                case TcpReport():
                    telemetry.tcp(report)
                case Span():
                    telemetry.span(report)


@dataclass(frozen=True)
class Leg:
    """A request that sets out at `now`; at `until` whoever waits for it hangs up."""

    trip: Trip
    call: Call
    now: float
    until: float = float("inf")

    def at(self, now: float) -> Leg:
        """The same, later."""
        return replace(self, now=now)

    def sending(self, call: Call) -> Leg:
        """The same with another request."""
        return replace(self, call=call)


@dataclass(frozen=True)
class Parties:
    """Between whom a report is, and for which Service; None for what the proxy does not know."""

    source: Workload | None
    destination: Workload | None
    service: Mapping[str, str]
    policy: str = NOBODY


def service_labels(service: Object | None) -> dict[str, str]:
    """The labels of the Service that was asked for; None when the proxy knows of none."""
    if service is None:
        return dict.fromkeys(
            ("destination_service", "destination_service_name", "destination_service_namespace"), NOBODY
        )
    meta = service["metadata"]
    return {
        "destination_service": hostname(service),
        "destination_service_name": meta["name"],
        "destination_service_namespace": meta["namespace"],
    }


def _side(side: str, workload: Workload | None, principal: str) -> dict[str, str]:
    if workload is None:
        names = ("workload", "workload_namespace", "principal", "app", "version", "canonical_service", "cluster")
        return {f"{side}_{name}": NOBODY for name in names} | {f"{side}_canonical_revision": "latest"}
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


def _labels(reporter: str, parties: Parties, *, encrypted: bool) -> dict[str, str]:
    principals = [w.principal if w is not None and encrypted else NOBODY for w in (parties.source, parties.destination)]
    return {
        "reporter": reporter,
        **_side("source", parties.source, principals[0]),
        **_side("destination", parties.destination, principals[1]),
        **parties.service,
        "response_flags": "-",
        "connection_security_policy": parties.policy,
    }


def http_report(proxy: Workload, reporter: str, parties: Parties, leg: Leg, reply: Reply) -> HttpReport:
    """What an Envoy counts for one request (Istio's standard labels); a client that hangs up is code 0, flag DC."""
    cut = reply.end > leg.until
    both = parties.source is not None and parties.destination is not None
    encrypted = parties.policy == "mutual_tls" or (
        reporter == "source" and both and all(w is not None and w.meshed for w in (parties.source, parties.destination))
    )
    labels = _labels(reporter, parties, encrypted=encrypted)
    labels |= {
        "request_protocol": "http",
        "response_code": "0" if cut else str(reply.status),
        "grpc_response_status": "",
        "response_flags": "DC" if cut else reply.flags,
    }
    seconds = min(reply.end, leg.until) - leg.now
    return HttpReport(proxy.uid, labels, seconds, received=_size(leg.call.headers, leg.call.body), sent=len(reply.body))


def tcp_report(ztunnel: str, reporter: str, parties: Parties, leg: Leg, reply: Reply) -> TcpReport:
    """What a ztunnel counts for one connection; `ztunnel` is its pod's uid."""
    labels = _labels(reporter, parties, encrypted=parties.policy == "mutual_tls")
    labels |= {"request_protocol": "tcp"}
    received = _size(leg.call.headers, leg.call.body) + len(leg.call.path) + 20
    return TcpReport(ztunnel, labels, received, _size(reply.headers, reply.body) + 20)


def _size(headers: Mapping[str, str], body: bytes) -> int:
    return len(body) + sum(len(name) + len(value) + 4 for name, value in headers.items())
