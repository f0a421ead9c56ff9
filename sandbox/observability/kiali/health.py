"""Health as Kiali judges it: requests in and out by status code, and the state of the
replicas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.objects import Workload

Codes = dict[str, dict[str, float]]
"""Requests per second by protocol and status code."""
_TOLERANCES = (("5", 0.0, 10.0), ("4", 10.0, 20.0), ("-", 0.0, 10.0))
"""First character of the code; percent from which it is Degraded; from which it is Failure
(Kiali's defaults)."""
ORDER = ("NA", "Healthy", "Not Ready", "Degraded", "Failure")
"""Kiali's health statuses, the worst last."""
_NAMES = {
    "Failure": "inError",
    "Not Ready": "inNotReady",
    "Healthy": "inSuccess",
    "Degraded": "inWarning",
    "NA": "notAvailable",
}


@dataclass
class RequestRates:
    """Rates of requests that came in and that went out."""

    inbound: Codes = field(default_factory=dict)
    outbound: Codes = field(default_factory=dict)

    def add_rate(self, direction: str, protocol: str, code: str, rate: float) -> None:
        """Add a rate of requests; `direction` is `inbound` or `outbound`."""
        codes: Codes = getattr(self, direction)
        found = codes.setdefault(protocol, {})
        found[code] = found.get(code, 0.0) + rate

    def merge(self, other: RequestRates) -> None:
        """Add the rates of another."""
        for direction in ("inbound", "outbound"):
            for protocol, codes in getattr(other, direction).items():
                for code, rate in codes.items():
                    self.add_rate(direction, protocol, code, rate)

    def round_rates(self, digits: int) -> RequestRates:
        """Return the rates with fewer digits, as graphs show them."""
        return RequestRates(_round_codes(self.inbound, digits), _round_codes(self.outbound, digits))

    def to_json(self) -> Object:
        """Return the rates as JSON."""
        return {"inbound": self.inbound, "outbound": self.outbound, "healthAnnotations": {}}


def _round_codes(codes: Codes, digits: int) -> Codes:
    return {
        protocol: {c: round(r, digits) for c, r in found.items()}
        for protocol, found in codes.items()
    }


def build_workload_status(workload: Workload) -> Object:
    """Return a workload's replicas as JSON.

    `syncedProxies` is -1: Kiali asks istiod for what it knows of proxies only if told to.
    """
    return {
        "name": workload.name,
        "desiredReplicas": workload.desired,
        "currentReplicas": workload.current,
        "availableReplicas": workload.available,
        "syncedProxies": -1,
    }


def build_health_status(requests: RequestRates, workloads: Iterable[Workload] | None) -> Object:
    """Return Kiali 2's `status`.

    `workloads` is None for what has no replicas of its own. TCP counts, but has no errors.
    """
    states = [] if workloads is None else [_judge_replicas(each) for each in workloads]
    levels, ratio, total, judgeable = list(states), 0.0, 0.0, False
    for codes in (requests.inbound, requests.outbound):
        for protocol, found in codes.items():
            total += sum(found.values())
            if protocol != "tcp":
                level, percent = judge_errors(found)
                levels.append(level)
                ratio, judgeable = max(ratio, percent), True
    error = {"errorRatio": ratio if judgeable else -1} if ratio or not judgeable else {}
    rate = {"totalRequestRate": total} if total else {}
    return {"status": max(levels, key=ORDER.index, default="NA"), **error, **rate}


def judge_errors(codes: Mapping[str, float]) -> tuple[str, float]:
    """Return the worst level of the errors among requests, and the highest error percentage."""
    total = sum(codes.values())
    worst, highest = "Healthy", 0.0
    for first, degraded, failure in _TOLERANCES:
        percent = (
            100 * sum(rate for code, rate in codes.items() if code.startswith(first)) / total
            if total
            else 0.0
        )
        level = "Healthy"
        if percent:
            level = "Failure" if percent >= failure else level
            level = "Degraded" if degraded <= percent < failure else level
        worst, highest = max(worst, level, key=ORDER.index), max(highest, percent)
    return worst, highest


def _judge_replicas(workload: Workload) -> str:
    desired, current, available = workload.desired, workload.current, workload.available
    if desired == 0:
        return "Not Ready"
    # More pods than wanted are an old one that does not go, or a new one that does not come.
    if available == 0 or available == desired != current:
        return "Failure"
    return "Healthy" if available == desired else "Degraded"


def group_by_status(statuses: Mapping[str, str], what: str) -> Object:
    """Return a namespace's names grouped by health, and the worst health.

    `what` is `App`, `Service` or `Workload`.
    """
    groups: dict[str, list[str]] = {name: [] for name in _NAMES.values()}
    for name, status in statuses.items():
        groups[_NAMES[status]].append(name)
    worst = max(statuses.values(), key=ORDER.index, default="NA")
    return {f"status{what}": groups, "worstStatus": worst}
