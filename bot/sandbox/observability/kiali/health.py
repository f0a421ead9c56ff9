"""Health as Kiali judges it: what came in and went out by status code, and whether the replicas are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.sandbox.cluster.contract import Object
from bot.sandbox.observability.kiali.objects import Workload

Codes = dict[str, dict[str, float]]
"""Requests per second by protocol and status code."""
_TOLERANCES = (("5", 0.0, 10.0), ("4", 10.0, 20.0), ("-", 0.0, 10.0))
"""First character of the code; percent above which it is Degraded; from which it is Failure (Kiali's defaults)."""
_ORDER = ("Healthy", "NA", "NotReady", "Degraded", "Failure")
_NAMES = {
    "Failure": "inError",
    "NotReady": "inNotReady",
    "Healthy": "inSuccess",
    "Degraded": "inWarning",
    "NA": "notAvailable",
}


@dataclass
class Requests:
    """What came in and what went out."""

    inbound: Codes = field(default_factory=dict)
    outbound: Codes = field(default_factory=dict)

    def add(self, direction: str, protocol: str, code: str, rate: float) -> None:
        """Counts requests; `direction` is `inbound` or `outbound`."""
        codes: Codes = getattr(self, direction)
        found = codes.setdefault(protocol, {})
        found[code] = found.get(code, 0.0) + rate

    def merge(self, other: Requests) -> None:
        """Takes in another's."""
        for direction in ("inbound", "outbound"):
            for protocol, codes in getattr(other, direction).items():
                for code, rate in codes.items():
                    self.add(direction, protocol, code, rate)

    def rounded(self, digits: int) -> Requests:
        """With fewer digits, as graphs show them."""
        return Requests(_rounded(self.inbound, digits), _rounded(self.outbound, digits))

    def wire(self) -> Object:
        """As JSON."""
        return {"inbound": self.inbound, "outbound": self.outbound, "healthAnnotations": {}}


def _rounded(codes: Codes, digits: int) -> Codes:
    return {protocol: {c: round(r, digits) for c, r in found.items()} for protocol, found in codes.items()}


def replicas(workload: Workload) -> Object:
    """A workload's replicas. Kiali asks istiod for what it knows of proxies only if told to: -1."""
    return {
        "name": workload.name,
        "desiredReplicas": workload.desired,
        "currentReplicas": workload.current,
        "availableReplicas": workload.available,
        "syncedProxies": -1,
    }


def verdict(requests: Requests, workloads: Iterable[Workload] | None) -> Object:
    """Kiali 2's `status`; `workloads` is None for what has no replicas of its own. TCP counts, but has no errors."""
    states = [] if workloads is None else [_state(each) for each in workloads]
    levels, ratio, total, judgeable = list(states), 0.0, 0.0, False
    for codes in (requests.inbound, requests.outbound):
        for protocol, found in codes.items():
            total += sum(found.values())
            if protocol != "tcp":
                level, percent = judged(found)
                levels.append(level)
                ratio, judgeable = max(ratio, percent), True
    error = {"errorRatio": ratio if judgeable else -1} if ratio or not judgeable else {}
    rate = {"totalRequestRate": total} if total else {}
    return {"status": max(levels, key=_ORDER.index, default="NA"), **error, **rate}


def judged(codes: Mapping[str, float]) -> tuple[str, float]:
    """How bad the errors among requests are, and their percentage."""
    total = sum(codes.values())
    worst, highest = "Healthy", 0.0
    for first, degraded, failure in _TOLERANCES:
        percent = 100 * sum(rate for code, rate in codes.items() if code.startswith(first)) / total if total else 0.0
        level = "Failure" if percent >= failure else "Degraded" if percent > degraded else "Healthy"
        worst, highest = max(worst, level, key=_ORDER.index), max(highest, percent)
    return worst, highest


def _state(workload: Workload) -> str:
    if workload.desired == 0:
        return "NotReady"
    if workload.available == 0:
        return "Failure"
    return "Healthy" if workload.available == workload.desired == workload.current else "Degraded"


def gathered(statuses: Mapping[str, str], what: str) -> Object:
    """A namespace's names by how they fare, and the worst; `what` is `App`, `Service` or `Workload`."""
    groups: dict[str, list[str]] = {name: [] for name in _NAMES.values()}
    for name, status in statuses.items():
        groups[_NAMES[status]].append(name)
    worst = max(statuses.values(), key=_ORDER.index, default="NA")
    return {f"status{what}": groups, "worstStatus": worst}
