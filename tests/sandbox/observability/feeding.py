"""Telemetry by hand: series that grow at a rate, as the recordings' Prometheus was fed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from sandbox.clock import Clock
from sandbox.observability.metrics.prometheus_api import SCRAPE_SECONDS
from sandbox.observability.sources import Sample, Span

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
    found = {
        "reporter": reporter,
        "response_flags": flow.flags,
        "connection_security_policy": policy,
    }
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


Series = tuple[str, dict[str, str], float]
"""Name, labels, and growth per second."""


@dataclass
class Feed:
    """`sources.Metrics` and `sources.Spans`: what flows now, counted by the clock. Counters never
    begin anew."""

    clock: Clock
    flows: list[Series] = field(default_factory=list)
    receivers: list[Callable[[Span], None]] = field(default_factory=list)
    origin: float = 0.0
    scraped: float = math.inf
    """When what flows now was first seen by a scrape."""
    scrapes: list[float] = field(default_factory=list)

    def start(self, flows: list[Series]) -> None:
        """From now on this flows, and nothing else."""
        self.flows, self.scraped = flows, math.inf
        self.origin = self.origin or self._now()

    def _now(self) -> float:
        return self.clock.now().timestamp()

    def list_targets(self) -> set[tuple[str, str]]:
        """The pods that anything flows from."""
        return {(found.get("namespace", ""), found.get("pod", "")) for _, found, _ in self.flows}

    def samples(self) -> Iterator[Sample]:
        """Counters as if everything had flowed from the start; they begin at one, so that none is
        found at zero."""
        now = self._now()
        self.scraped = min(self.scraped, now)
        self.scrapes.append(now)
        for name, found, rate in self.flows:
            yield Sample(name, found, 1 + rate * (now - self.origin))

    async def steady(self, seconds: float) -> None:
        """Waits until a range of so many seconds holds nothing but what flows now (simulated
        seconds)."""
        while self._now() - self.scraped < seconds:
            await self.clock.sleep(5)

    def starved(self, seconds: float) -> bool:
        """Whether scrapes of the last so many seconds stayed out, for the machine had no time: no
        rate can be told."""
        now = self._now()
        times = [*(at for at in self.scrapes if now - at < seconds), now]
        return len(times) < 3 or any(b - a > 2 * SCRAPE_SECONDS for a, b in pairwise(times))

    def subscribe(self, receive: Callable[[Span], None]) -> Callable[[], None]:
        """Spans go to `receive`."""
        self.receivers.append(receive)
        return lambda: self.receivers.remove(receive)

    def send(self, span: Span) -> None:
        """A proxy has reported a span."""
        for receive in tuple(self.receivers):
            receive(span)


def http(flows: list[Flow], *reporters: str) -> list[Series]:
    """Requests as their reporters count them; a server never tells of what did not arrive."""
    found = []
    for flow in flows:
        for reporter in reporters:
            if reporter == "destination" and flow.target == NOBODY:
                continue
            policy = "unknown" if reporter == "source" else "mutual_tls"
            more = {
                "request_protocol": "http",
                "response_code": flow.code,
                "grpc_response_status": "",
            }
            found.append(("istio_requests_total", labels(flow, reporter, policy) | more, flow.rate))
    return found


def tcp(flows: list[Flow]) -> list[Series]:
    """Bytes as both ztunnels count them."""
    pod = {"app": "ztunnel", "namespace": "istio-system"}
    return [
        (
            "istio_tcp_received_bytes_total",
            labels(flow, reporter, "mutual_tls") | pod,
            flow.rate * 500,
        )
        for flow in flows
        for reporter in ("source", "destination")
    ]
