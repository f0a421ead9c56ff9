"""Telemetry by hand: series that grow at a rate, as the recordings' Prometheus was fed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bot.sandbox.clock import Clock
from bot.sandbox.observability.sources import Sample, Span

NAMESPACE = "bookinfo"
Who = tuple[str, str, str]
"""Workload, app, version."""
GATEWAY: Who = ("bookinfo-gateway-istio", "bookinfo-gateway-istio", "latest")
PRODUCTPAGE: Who = ("productpage-v1", "productpage", "v1")
DETAILS: Who = ("details-v1", "details", "v1")
RATINGS: Who = ("ratings-v1", "ratings", "v1")
NOBODY: Who = ("unknown", "unknown", "unknown")


def reviews(version: int) -> Who:
    """A version of reviews."""
    return (f"reviews-v{version}", "reviews", f"v{version}")


@dataclass(frozen=True)
class Flow:
    """Traffic that goes on: HTTP requests or TCP bytes per second."""

    source: Who
    service: str
    target: Who
    rate: float
    code: str = "200"
    flags: str = "-"


def labels(flow: Flow, reporter: str, policy: str) -> dict[str, str]:
    """Istio's standard labels for one side's report."""
    host = f"{flow.service}.{NAMESPACE}.svc.cluster.local"
    found = {"reporter": reporter, "response_flags": flow.flags, "connection_security_policy": policy}
    found |= {"destination_service": host, "destination_service_name": flow.service}
    found["destination_service_namespace"] = NAMESPACE
    for end, (workload, app, version) in (("source", flow.source), ("destination", flow.target)):
        known = workload != "unknown"
        account = workload if workload == GATEWAY[0] else f"bookinfo-{app}"
        principal = f"spiffe://cluster.local/ns/{NAMESPACE}/sa/{account}" if known else "unknown"
        found |= {
            f"{end}_workload": workload,
            f"{end}_workload_namespace": NAMESPACE if known else "unknown",
            f"{end}_canonical_service": app,
            f"{end}_canonical_revision": version,
            f"{end}_app": app,
            f"{end}_version": version,
            f"{end}_principal": principal,
        }
    return found


@dataclass
class Feed:
    """`sources.Metrics` and `sources.Spans`: what flows now, counted by the clock."""

    clock: Clock
    flows: list[tuple[str, dict[str, str], float]] = field(default_factory=list)
    receivers: list[Callable[[Span], None]] = field(default_factory=list)
    since: float = 0.0

    def start(self, flows: list[tuple[str, dict[str, str], float]]) -> None:
        """From now on this flows, and nothing else."""
        self.flows, self.since = flows, self.clock.now().timestamp()

    def samples(self) -> Iterator[Sample]:
        """Counters since the start of what flows; they begin at one, so that none is found at zero."""
        seconds = self.clock.now().timestamp() - self.since
        for name, found, rate in self.flows:
            yield Sample(name, found, 1 + rate * seconds)

    def subscribe(self, receive: Callable[[Span], None]) -> Callable[[], None]:
        """Spans go to `receive`."""
        self.receivers.append(receive)
        return lambda: self.receivers.remove(receive)

    def send(self, span: Span) -> None:
        """A proxy has reported a span."""
        for receive in tuple(self.receivers):
            receive(span)


def http(flows: list[Flow], *reporters: str) -> list[tuple[str, dict[str, str], float]]:
    """Requests as their reporters count them; a server never tells of what did not arrive."""
    found = []
    for flow in flows:
        for reporter in reporters:
            if reporter == "destination" and flow.target == NOBODY:
                continue
            policy = "unknown" if reporter == "source" else "mutual_tls"
            more = {"request_protocol": "http", "response_code": flow.code, "grpc_response_status": ""}
            found.append(("istio_requests_total", labels(flow, reporter, policy) | more, flow.rate))
    return found


def tcp(flows: list[Flow]) -> list[tuple[str, dict[str, str], float]]:
    """Bytes as both ztunnels count them."""
    pod = {"app": "ztunnel", "namespace": "istio-system"}
    return [
        ("istio_tcp_received_bytes_total", labels(flow, reporter, "mutual_tls") | pod, flow.rate * 500)
        for flow in flows
        for reporter in ("source", "destination")
    ]
