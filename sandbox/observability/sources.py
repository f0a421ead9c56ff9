"""Interface of a data plane for the observability programs: metrics to scrape and spans as
they end.

Live objects are not part of it: programs read those from the Kubernetes API that they
are started with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Sample:
    """One series as a proxy shows it at this moment: the metric's name, every label, and the value
    so far.

    Labels are those that end up in Prometheus: Istio's standard ones (`reporter`,
    `source_workload`, …, `connection_security_policy`) and the scraped pod's (`app`, `version`,
    `pod`, `namespace`; `app="ztunnel"`). Histograms are three names: `…_bucket` (with `le`,
    cumulative, `+Inf` too), `…_sum`, `…_count`.
    """

    name: str
    labels: Mapping[str, str]
    value: float


class Metrics(Protocol):
    """The metrics endpoints of all proxies taken together."""

    def samples(self) -> Iterable[Sample]:
        """Return the counters as they stand now, of proxies whose pods are there now.

        Called at every scrape (each 15 s). Counters only grow while their pod lives. A series
        should not disappear before its pod does.
        """
        ...

    def list_targets(self) -> Iterable[tuple[str, str]]:
        """Return (namespace, pod) of the proxies that are scraped, whether or not they have
        counted anything.
        """
        ...


@dataclass(frozen=True)
class Span:
    """One span that a proxy reports when a request is over. Times in microseconds, as Zipkin and
    Jaeger have them."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits; a client's and a server's span of one call have their own."""
    parent_id: str
    """The span that caused it; "" for the first of a trace."""
    service: str
    """`<app>.<namespace>`, or `<workload>.<namespace>` for gateways."""
    operation: str
    """Such as `reviews.bookinfo.svc.cluster.local:9080/*`."""
    start: int
    """Microseconds since 1970."""
    duration: int
    """Microseconds."""
    collector: str
    """Where the proxy's bootstrap sends spans, such as `zipkin.istio-system:9411`."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Such as `http.status_code`, `response_flags`, `component`, `node_id`, `upstream_cluster`,
    `guid:x-request-id`."""


class Spans(Protocol):
    """The spans of all proxies, as they end. A subscriber does not get earlier ones."""

    def subscribe(self, receive: Callable[[Span], None]) -> Callable[[], None]:
        """Send every span to `receive` from now on; return the function that ends it.

        `receive` must return at once.
        """
        ...
