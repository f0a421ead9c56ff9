"""What the proxies tell of the requests that were really sent: Istio's standard metrics, and spans.

Counters belong to the pod that keeps them and go with it. Labels and buckets are those of Istio 1.23 and 1.30.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.sandbox.observability.sources import Sample, Span

REQUESTS = "istio_requests_total"
DURATION = "istio_request_duration_milliseconds"
REQUEST_BYTES = "istio_request_bytes"
RESPONSE_BYTES = "istio_response_bytes"
OPENED, CLOSED = "istio_tcp_connections_opened_total", "istio_tcp_connections_closed_total"
SENT, RECEIVED = "istio_tcp_sent_bytes_total", "istio_tcp_received_bytes_total"
BUCKETS = (
    0.5,
    1,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1000,
    2500,
    5000,
    10000,
    30000,
    60000,
    300000,
    600000,
    1800000,
    3600000,
)
"""Upper bounds of Envoy's default histogram buckets; milliseconds or bytes."""

Labels = tuple[tuple[str, str], ...]


@dataclass
class Histogram:
    """How values are spread: one count per bucket, the last one for what is above all bounds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        """Takes one value."""
        self.counts[bisect_left(BUCKETS, value)] += 1
        self.total += value

    def samples(self, name: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        """As Prometheus shows it: cumulative buckets, sum and count."""
        below = 0
        for bound, count in zip((*BUCKETS, "+Inf"), self.counts, strict=True):
            below += count
            yield Sample(f"{name}_bucket", {**labels, "le": str(bound)}, float(below))
        yield Sample(f"{name}_sum", labels, self.total)
        yield Sample(f"{name}_count", labels, float(below))


@dataclass
class PodMetrics:
    """What one pod's proxy has counted; `labels` are those that a scrape adds for the pod."""

    labels: Mapping[str, str]
    counters: dict[tuple[str, Labels], float] = field(default_factory=dict)
    histograms: dict[tuple[str, Labels], Histogram] = field(default_factory=dict)

    def samples(self) -> Iterator[Sample]:
        """Everything as it stands now."""
        for (name, labels), value in self.counters.items():
            yield Sample(name, {**self.labels, **dict(labels)}, value)
        for (name, labels), histogram in self.histograms.items():
            yield from histogram.samples(name, {**self.labels, **dict(labels)})


@dataclass(frozen=True)
class HttpReport:
    """One request as one proxy saw it; `pod` is the uid of the pod that keeps the counters."""

    pod: str
    labels: Mapping[str, str]
    seconds: float
    received: int = 0
    sent: int = 0


@dataclass(frozen=True)
class TcpReport:
    """One connection as one ztunnel saw it, over; bytes as the server received and sent them."""

    pod: str
    labels: Mapping[str, str]
    received: int
    sent: int


class Telemetry:
    """Everything that the proxies have told. Is `sources.Metrics` and `sources.Spans` to the programs that look."""

    def __init__(self) -> None:
        self._pods: dict[str, PodMetrics] = {}
        self._receivers: list[Callable[[Span], None]] = []

    def pod(self, uid: str, labels: Mapping[str, str]) -> None:
        """From now on that pod keeps counters; `labels` are what a scrape adds (`app`, `pod`, `namespace`, …)."""
        self._pods.setdefault(uid, PodMetrics(dict(labels)))

    def gone(self, uid: str) -> None:
        """The pod and its counters are no more."""
        self._pods.pop(uid, None)

    def pods(self) -> set[str]:
        """The uids of the pods that keep counters."""
        return set(self._pods)

    def of_pod(self, uid: str) -> Iterator[Sample]:
        """What one pod has counted, without the labels that a scrape adds."""
        pod = self._pods.get(uid)
        if pod is not None:
            yield from PodMetrics({}, pod.counters, pod.histograms).samples()

    def http(self, report: HttpReport) -> None:
        """Counts one HTTP request."""
        pod = self._pods.get(report.pod)
        if pod is None:
            return
        labels = tuple(sorted(report.labels.items()))
        _count(pod, REQUESTS, labels, 1)
        values = {DURATION: report.seconds * 1000, REQUEST_BYTES: report.received, RESPONSE_BYTES: report.sent}
        for name, value in values.items():
            pod.histograms.setdefault((name, labels), Histogram()).add(value)

    def tcp(self, report: TcpReport) -> None:
        """Counts one connection, opened and closed."""
        pod = self._pods.get(report.pod)
        if pod is None:
            return
        labels = tuple(sorted(report.labels.items()))
        for name, value in {OPENED: 1, CLOSED: 1, SENT: report.sent, RECEIVED: report.received}.items():
            _count(pod, name, labels, value)

    def samples(self) -> Iterator[Sample]:
        """All counters and histograms as they stand now, of the pods that are there."""
        for pod in tuple(self._pods.values()):
            yield from pod.samples()

    def span(self, span: Span) -> None:
        """Hands a span to whoever is there to take it."""
        for receive in tuple(self._receivers):
            receive(span)

    def subscribe(self, receive: Callable[[Span], None]) -> Callable[[], None]:
        """From now on every span goes to `receive`; what is given back ends that."""
        self._receivers.append(receive)

        def unsubscribe() -> None:
            if receive in self._receivers:
                self._receivers.remove(receive)

        return unsubscribe


def _count(pod: PodMetrics, name: str, labels: Labels, amount: float) -> None:
    pod.counters[name, labels] = pod.counters.get((name, labels), 0.0) + amount
