"""The traffic graph as values and as lines of text, whoever computed it: who calls whom, how often, how it ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

FLAGS = {
    "FI": "fault injected",
    "DI": "delay injected",
    "NC": "the route names a subset that no DestinationRule defines",
    "UH": "no healthy pod behind the route",
    "NR": "no route",
    "UF": "the connection failed",
    "URX": "retries used up",
    "UT": "too slow",
    "DC": "the caller hung up",
}
"""Envoy's response flags in words."""


@dataclass(frozen=True)
class Call:
    """One edge. `rate` is requests per second, or bytes per second for tcp; `failed` and `secure` are percent.

    `results` are `code flag` pairs of what failed, such as `500 FI`. `secure` is None where nobody could tell, as for
    calls that never arrived.
    """

    source: str
    target: str
    protocol: str
    rate: float
    failed: float = 0.0
    results: tuple[str, ...] = ()
    secure: float | None = None


@dataclass(frozen=True)
class Graph:
    """What was seen in the `seconds` before `at` (epoch seconds); `spread` is each service's rate by workload.

    `inner` holds the second half of each call, from the service to the workload that took it.
    """

    calls: tuple[Call, ...]
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    at: float = 0.0
    seconds: int = 60
    source: str = "Kiali"
    inner: tuple[Call, ...] = ()


def lines(graph: Graph) -> tuple[str, ...]:
    """A line for each call, callers in the order of the request's way."""
    return tuple(line(call, graph.spread.get(call.target, {})) for call in ordered(once(graph.calls)))


def once(calls: Iterable[Call]) -> list[Call]:
    """Without the tcp edges beside an http one: ztunnel and a waypoint both report the same call."""
    listed = list(calls)
    requests = {(call.source, call.target) for call in listed if call.protocol != "tcp"}
    return [call for call in listed if call.protocol != "tcp" or (call.source, call.target) not in requests]


def doubled(graph: Graph) -> bool:
    """True when some calls are reported twice, as requests and as connections."""
    return len(once(graph.calls)) < len(graph.calls)


def ordered(calls: Sequence[Call]) -> list[Call]:
    """From the callers that nobody calls inwards; a service is called by the workload's name up to its version."""
    called = {call.target for call in calls}
    depth: dict[str, int] = defaultdict(int)
    for _ in range(len(called)):
        for call in calls:
            depth[call.target] = max(depth[call.target], min(depth[service_of(call.source, called)] + 1, len(called)))
    return sorted(calls, key=lambda c: (depth[c.target], c.source, c.target, c.protocol))


def service_of(workload: str, called: set[str]) -> str:
    """The target that a workload stands behind: `reviews` for `reviews-v2`."""
    name = workload.rpartition("-")[0]
    return name if name in called else workload


def line(call: Call, spread: Mapping[str, float]) -> str:
    """`productpage-v1 → reviews: 3.0/s http, no errors, mTLS; v1 67 %, v2 33 %`."""
    words = [rate(call), errors(call), *([security(call)] if security(call) else [])]
    return f"{call.source} → {call.target}: {', '.join(words)}{shares(call.target, spread)}"


def rate(call: Call) -> str:
    """How much, in the protocol's unit."""
    if call.protocol == "tcp":
        return f"{call.rate:.0f} B/s tcp"
    return f"{call.rate:.2f}/s {call.protocol}"


def errors(call: Call) -> str:
    """What failed, with the flags in words."""
    if call.protocol == "tcp":
        return "connections only"
    if not call.failed:
        return "no errors"
    told = [
        result + f" ({FLAGS[flag]})" if (flag := result.partition(" ")[2]) in FLAGS else result
        for result in call.results
    ]
    return f"{call.failed:.0f} % errors" + (f": {', '.join(told)}" if told else "")


def security(call: Call) -> str:
    """Whether the calls came with mutual TLS; "" where nobody could tell."""
    if call.secure is None:
        return ""
    if call.secure >= 99.5:
        return "mTLS"
    return f"mTLS {call.secure:.0f} %" if call.secure > 0 else "no mTLS"


def shares(service: str, spread: Mapping[str, float]) -> str:
    """Which versions answered, when there is more than one."""
    total = sum(spread.values())
    if len(spread) < 2 or not total:
        return ""
    names = {workload: workload.removeprefix(f"{service}-") for workload in spread}
    return "; " + ", ".join(f"{names[w]} {100 * spread[w] / total:.0f} %" for w in sorted(spread))
