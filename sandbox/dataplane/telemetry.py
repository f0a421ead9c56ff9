"""Telemetry of the proxies about the requests that were really sent: Istio's standard
metrics, and spans.

Counters belong to the pod that keeps them and go with it. Labels and buckets are
those of Istio 1.23 and 1.30.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.observability.sources import Sample, Span

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
    """Distribution of values: one count per bucket, the last one for what is above all
    bounds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(BUCKETS, value)] += 1
        self.total += value

    def samples(self, name: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        """Yield the series as Prometheus shows them: cumulative buckets, sum and count."""
        below = 0
        for bound, count in zip((*BUCKETS, "+Inf"), self.counts, strict=True):
            below += count
            yield Sample(f"{name}_bucket", {**labels, "le": str(bound)}, float(below))
        yield Sample(f"{name}_sum", labels, self.total)
        yield Sample(f"{name}_count", labels, float(below))


@dataclass
class PodMetrics:
    """Counters and histograms of one pod's proxy; `labels` are those that a scrape adds for
    the pod, if it is `scraped`.
    """

    labels: Mapping[str, str]
    counters: dict[tuple[str, Labels], float] = field(default_factory=dict)
    histograms: dict[tuple[str, Labels], Histogram] = field(default_factory=dict)
    scraped: bool = True

    def samples(self) -> Iterator[Sample]:
        """Yield everything as it stands now."""
        for (name, labels), value in self.counters.items():
            yield Sample(name, {**self.labels, **dict(labels)}, value)
        for (name, labels), histogram in self.histograms.items():
            yield from histogram.samples(name, {**self.labels, **dict(labels)})


@dataclass(frozen=True)
class HttpReport:
    """One request as one proxy saw it; `pod` is the uid of the pod that keeps the counters.
    `disabled` are the metrics that it does not report.
    """

    pod: str
    labels: Mapping[str, str]
    seconds: float
    received: int = 0
    sent: int = 0
    disabled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TcpReport:
    """One connection as one proxy saw it, over; bytes as the server received and sent them."""

    pod: str
    labels: Mapping[str, str]
    received: int
    sent: int


@dataclass(frozen=True)
class WrittenLine:
    """A line that a container of a pod has written: its proxy, or with "" its application."""

    pod: str
    container: str
    text: str


class Telemetry:
    """All metrics and spans of the proxies. Is `sources.Metrics` and `sources.Spans` to the
    programs that look.
    """

    def __init__(self) -> None:
        self._pods: dict[str, PodMetrics] = {}
        self._receivers: list[Callable[[Span], None]] = []

    def add_pod(self, uid: str, labels: Mapping[str, str], *, scraped: bool = True) -> None:
        """Keep counters for a pod from now on; `labels` are what a scrape adds (`app`, `pod`,
        `namespace`, …).
        """
        self._pods.setdefault(uid, PodMetrics(dict(labels))).scraped = scraped

    def remove_pod(self, uid: str) -> None:
        """Forget a pod and its counters."""
        self._pods.pop(uid, None)

    def list_pod_uids(self) -> set[str]:
        """Return the uids of the pods that keep counters."""
        return set(self._pods)

    def list_pod_samples(self, uid: str) -> Iterator[Sample]:
        """Yield what one pod has counted, without the labels that a scrape adds."""
        pod = self._pods.get(uid)
        if pod is not None:
            yield from PodMetrics({}, pod.counters, pod.histograms).samples()

    def count_request(self, report: HttpReport) -> None:
        """Count one HTTP request."""
        # The pod may have gone while its last requests were under way, and its counters with it.
        pod = self._pods.get(report.pod)
        if pod is None:
            return
        labels = tuple(sorted(report.labels.items()))
        if REQUESTS not in report.disabled:
            _increase_counter(pod, REQUESTS, labels, 1)
        values = {
            DURATION: report.seconds * 1000,
            REQUEST_BYTES: report.received,
            RESPONSE_BYTES: report.sent,
        }
        for name in values.keys() - report.disabled:
            pod.histograms.setdefault((name, labels), Histogram()).add(values[name])

    def count_connection(self, report: TcpReport) -> None:
        """Count one connection, opened and closed."""
        pod = self._pods.get(report.pod)
        if pod is None:
            return
        labels = tuple(sorted(report.labels.items()))
        for name, value in {
            OPENED: 1,
            CLOSED: 1,
            SENT: report.sent,
            RECEIVED: report.received,
        }.items():
            _increase_counter(pod, name, labels, value)

    def samples(self) -> Iterator[Sample]:
        """Yield all counters and histograms as they stand now, of the pods that are there and
        scraped.
        """
        for pod in tuple(self._pods.values()):
            if pod.scraped:
                yield from pod.samples()

    def list_targets(self) -> Iterator[tuple[str, str]]:
        """Yield (namespace, pod) of the proxies that are scraped."""
        for pod in tuple(self._pods.values()):
            if pod.scraped:
                yield pod.labels.get("namespace", ""), pod.labels.get("pod", "")

    def publish_span(self, span: Span) -> None:
        """Hand a span to all subscribers."""
        for receive in tuple(self._receivers):
            receive(span)

    def subscribe(self, receive: Callable[[Span], None]) -> Callable[[], None]:
        """Pass every span from now on to `receive`; return a function that ends that."""
        self._receivers.append(receive)

        def unsubscribe() -> None:
            if receive in self._receivers:
                self._receivers.remove(receive)

        return unsubscribe


def _increase_counter(pod: PodMetrics, name: str, labels: Labels, amount: float) -> None:
    pod.counters[name, labels] = pod.counters.get((name, labels), 0.0) + amount
