"""Kiali's queries of Prometheus: rates by both ends of a call, for graphs, and by code,
for health.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sandbox.observability.kiali.health import RequestRates
from sandbox.observability.metrics.query import Result, Value

UNKNOWN = "unknown"
_ENDS = (
    "source_workload_namespace,source_workload,source_canonical_service,source_canonical_revision,"
    "destination_service_namespace,destination_service,destination_service_name,destination_workload_namespace,"
    "destination_workload,destination_canonical_service,destination_canonical_revision"
)
_HTTP = f"{_ENDS},request_protocol,response_code,grpc_response_status,response_flags"
_TCP = f"{_ENDS},response_flags"
_SECURITY = f"{_ENDS},source_principal,destination_principal,connection_security_policy"
_TCP_METRICS = {
    "sent": "istio_tcp_received_bytes_total",
    "received": "istio_tcp_sent_bytes_total",
    "total": "istio_tcp_sent_bytes_total",
}
"""Bytes are named as the client sees them here, and as the server sees them in the metrics."""


class QueryEngine(Protocol):
    """Interface of Prometheus, as far as Kiali uses it here."""

    def query(self, text: str, at: float | None = None) -> Result:
        """Return the result of a PromQL query at a moment (epoch seconds), None for now.

        Raises `metrics.syntax.QueryError`.
        """
        ...


@dataclass(frozen=True)
class PastEngine:
    """Prometheus as it answers of a moment (epoch seconds) when none is asked for."""

    engine: QueryEngine
    moment: float

    def query(self, text: str, at: float | None = None) -> Result:
        """Return the result of a PromQL query. Raises QueryError."""
        return self.engine.query(text, self.moment if at is None else at)


@dataclass(frozen=True)
class FlowEnd:
    """A workload at one end of a call; `unknown` where a proxy could not tell."""

    namespace: str
    workload: str
    app: str
    version: str


@dataclass(frozen=True)
class TrafficFlow:
    """Traffic between two workloads through a Service. HTTP in requests per second, TCP in bytes
    per second."""

    source: FlowEnd
    destination: FlowEnd
    service_namespace: str
    service: str
    host: str
    protocol: str
    code: str
    flags: str
    rate: float


@dataclass(frozen=True)
class TrafficQuery:
    """Traffic that a graph is made of; `seconds` is the range of rates."""

    seconds: int
    ambient: str = "total"
    """`total`, `waypoint`, `ztunnel` or `none`."""
    tcp: str = "sent"
    idle: bool = False


def query_flows(engine: QueryEngine, namespace: str, asked: TrafficQuery) -> Iterator[TrafficFlow]:
    """Yield all traffic from, to and within a namespace."""
    both = "waypoint|" if asked.ambient in ("total", "waypoint") else ""
    layer = [f'reporter=~"{both}{side}"' for side in ("destination", "source")]
    yield from _query_metric_flows(
        engine, "istio_requests_total", _build_conditions(namespace, *layer), asked, by=_HTTP
    )
    plain = "" if asked.ambient in ("total", "ztunnel") else ',app!="ztunnel"'
    layer = [f'reporter="{side}"{plain}' for side in ("destination", "source")]
    yield from _query_metric_flows(
        engine, _TCP_METRICS[asked.tcp], _build_conditions(namespace, *layer), asked, by=_TCP
    )


def _build_conditions(namespace: str, at_server: str, at_client: str) -> tuple[str, ...]:
    """Return the selectors of traffic from unknown sources, from other namespaces, and from
    inside.
    """
    return (
        f'{at_server},source_workload="{UNKNOWN}",destination_workload_namespace="{namespace}"',
        f'{at_client},source_workload_namespace!="{namespace}",source_workload!="{UNKNOWN}",'
        f'destination_service_namespace="{namespace}"',
        f'{at_client},source_workload_namespace="{namespace}"',
    )


def _query_metric_flows(
    engine: QueryEngine, metric: str, conditions: Iterable[str], asked: TrafficQuery, *, by: str
) -> Iterator[TrafficFlow]:
    kept = "" if asked.idle else " > 0"
    for condition in conditions:
        for each in _query_vector(
            engine, f"sum(rate({metric}{{{condition}}}[{asked.seconds}s])) by ({by}){kept}"
        ):
            if each.labels.get("source_workload_namespace") and each.labels.get(
                "destination_service_name"
            ):
                yield _build_flow(each)


def _build_flow(each: Value) -> TrafficFlow:
    labels = each.labels
    return TrafficFlow(
        source=_build_flow_end(labels, "source"),
        destination=_build_flow_end(labels, "destination"),
        service_namespace=labels.get("destination_service_namespace", UNKNOWN),
        service=labels["destination_service_name"],
        host=labels.get("destination_service", UNKNOWN),
        protocol=labels.get("request_protocol", "tcp"),
        code=_read_status_code(labels),
        flags=labels.get("response_flags") or "-",
        rate=each.value,
    )


def _read_status_code(labels: Mapping[str, str]) -> str:
    if labels.get("request_protocol") == "grpc" and labels.get("grpc_response_status"):
        return labels["grpc_response_status"]
    code = labels.get("response_code", "-")
    return "-" if code == "0" else code


def _build_flow_end(labels: Mapping[str, str], side: str) -> FlowEnd:
    return FlowEnd(
        labels.get(f"{side}_workload_namespace", UNKNOWN),
        labels.get(f"{side}_workload", UNKNOWN),
        labels.get(f"{side}_canonical_service", UNKNOWN),
        labels.get(f"{side}_canonical_revision", UNKNOWN),
    )


@dataclass(frozen=True)
class FlowSecurity:
    """Security of a flow as its server's side saw it: principals, and `mutual_tls` or `none`."""

    source: FlowEnd
    destination: FlowEnd
    service_namespace: str
    service: str
    principals: tuple[str, str]
    policy: str
    rate: float


def query_security(
    engine: QueryEngine, namespace: str, asked: TrafficQuery
) -> Iterator[FlowSecurity]:
    """Yield the security of all flows to and from a namespace."""
    both = "waypoint|" if asked.ambient in ("total", "waypoint") else ""
    metrics = {
        "istio_requests_total": f'reporter=~"{both}destination"',
        _TCP_METRICS[asked.tcp]: 'reporter="destination"',
    }
    sides = (
        f'destination_workload_namespace="{namespace}"',
        f'source_workload_namespace="{namespace}",',
    )
    sides = (sides[0], f'{sides[1]}destination_workload_namespace!="{namespace}"')
    for metric, reporter in metrics.items():
        for side in sides:
            query = (
                f"sum(rate({metric}{{{reporter},{side}}}[{asked.seconds}s])) by ({_SECURITY}) > 0"
            )
            for each in _query_vector(engine, query):
                yield FlowSecurity(
                    source=_build_flow_end(each.labels, "source"),
                    destination=_build_flow_end(each.labels, "destination"),
                    service_namespace=each.labels.get("destination_service_namespace", UNKNOWN),
                    service=each.labels.get("destination_service_name", UNKNOWN),
                    principals=(
                        each.labels.get("source_principal", ""),
                        each.labels.get("destination_principal", ""),
                    ),
                    policy=each.labels.get("connection_security_policy", "none"),
                    rate=each.value,
                )


@dataclass(frozen=True)
class HealthDirection:
    """One direction of something's health: who reports it (an expression), and the labels that name
    the thing and its namespace."""

    direction: str
    reporter: str
    name: str
    namespace: str


@dataclass(frozen=True)
class FlowTiming:
    """Duration of calls from `source` through a Service to `destination`, in milliseconds."""

    source: FlowEnd
    destination: FlowEnd
    service_namespace: str
    service: str
    milliseconds: float


def query_timings(
    engine: QueryEngine, namespace: str, asked: TrafficQuery, quantile: float
) -> Iterator[FlowTiming]:
    """Yield a quantile of the durations of the calls within a namespace, as their clients saw
    them.
    """
    metric = "istio_request_duration_milliseconds_bucket"
    condition = f'reporter=~"waypoint|source",source_workload_namespace="{namespace}"'
    inner = f"sum(rate({metric}{{{condition}}}[{asked.seconds}s])) by (le,{_ENDS})"
    for each in _query_vector(engine, f"histogram_quantile({quantile}, {inner}) > 0"):
        service = (
            each.labels.get("destination_service_namespace", ""),
            each.labels.get("destination_service_name", ""),
        )
        yield FlowTiming(
            _build_flow_end(each.labels, "source"),
            _build_flow_end(each.labels, "destination"),
            *service,
            each.value,
        )


def query_request_rates(
    engine: QueryEngine, namespace: str, sides: Iterable[HealthDirection], seconds: int
) -> dict[str, RequestRates]:
    """Return the request rates of what is in a namespace, by name."""
    found: dict[str, RequestRates] = {}
    for side in sides:
        labels = f"{side.name},request_protocol,response_code,grpc_response_status"
        where = f'reporter=~"{side.reporter}",{side.namespace}="{namespace}"'
        for each in _query_vector(
            engine, f"sum(rate(istio_requests_total{{{where}}}[{seconds}s])) by ({labels}) > 0"
        ):
            name, protocol = (
                each.labels.get(side.name, UNKNOWN),
                each.labels.get("request_protocol", "http"),
            )
            found.setdefault(name, RequestRates()).add_rate(
                side.direction, protocol, _read_status_code(each.labels), each.value
            )
    return found


def _query_vector(engine: QueryEngine, query: str) -> list[Value]:
    found = engine.query(query)
    return [] if isinstance(found, float) else found
