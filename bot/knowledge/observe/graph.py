"""The traffic graph as values and as lines of text, whoever computed it: who calls whom, how often,
how it ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.text import EMPTY, Listed, Text, join, verbatim

FLAGS = {
    "FI": Text("fault injected"),
    "DI": Text("delay injected"),
    "NC": Text("the route names a subset that no DestinationRule defines"),
    "UH": Text("no healthy pod behind the route"),
    "NR": Text("no route"),
    "UF": Text("the connection failed"),
    "URX": Text("retries used up"),
    "UT": Text("too slow"),
    "DC": Text("the caller hung up"),
}
"""Envoy's response flags in words."""


@dataclass(frozen=True)
class Call:
    """One edge. `rate` is requests per second, or bytes per second for tcp; `failed` and `secure`
    are percent.

    `results` are `code flag` pairs of what failed, such as `500 FI`. `secure` is None where nobody
    could tell, as for calls that never arrived.
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
    """Calls seen in the `seconds` before `at` (epoch seconds); `spread` is each service's rate
    by workload.

    `inner` holds the second half of each call, from the service to the workload that took
    it.
    """

    calls: tuple[Call, ...]
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    at: float = 0.0
    seconds: int = 60
    source: str = "Kiali"
    inner: tuple[Call, ...] = ()


def describe_graph(graph: Graph) -> tuple[Text, ...]:
    """Return a line for each call, callers in the order of the request's way."""
    return tuple(
        describe_call(call, graph.spread.get(call.target, {}))
        for call in sort_calls(drop_duplicate_calls(graph.calls))
    )


def describe_most_telling_calls(graph: Graph) -> tuple[Text, ...]:
    """Return the same lines, those first that a few lines are read for: what failed, then what
    several versions answered.
    """
    calls = sort_calls(drop_duplicate_calls(graph.calls))
    calls.sort(key=lambda call: (-call.failed, len(graph.spread.get(call.target, {})) < 2))
    return tuple(describe_call(call, graph.spread.get(call.target, {})) for call in calls)


def drop_duplicate_calls(calls: Iterable[Call]) -> list[Call]:
    """Return the calls without tcp edges beside an http one: ztunnel and a waypoint both
    report the same call.
    """
    listed = list(calls)
    requests = {(call.source, call.target) for call in listed if call.protocol != "tcp"}
    return [
        call
        for call in listed
        if call.protocol != "tcp" or (call.source, call.target) not in requests
    ]


def drop_waypoints(graph: Graph, waypoints: Collection[str]) -> Graph:
    """Return the graph without the way through waypoints, which carry calls and answer none.

    ztunnel reports that way as connections of its own: from the caller's Service to the waypoint,
    and from there to the Service again (Kiali 2.26 with Istio 1.30).
    """
    calls = (call for call in graph.calls if call.source not in waypoints)
    inner = (call for call in graph.inner if call.target not in waypoints)
    spread = {
        service: {name: rate for name, rate in workloads.items() if name not in waypoints}
        for service, workloads in graph.spread.items()
    }
    return replace(
        graph,
        calls=tuple(call for call in calls if call.target not in waypoints),
        inner=tuple(call for call in inner if call.source not in waypoints),
        spread={service: workloads for service, workloads in spread.items() if workloads},
    )


def measure_spread(inner: Iterable[Call]) -> dict[str, dict[str, float]]:
    """Return each service's rate by workload: of requests where there are any, else of bytes."""
    found = defaultdict[str, dict[str, dict[str, float]]](lambda: {"tcp": {}, "requests": {}})
    for call in inner:
        rates = found[call.source]["tcp" if call.protocol == "tcp" else "requests"]
        rates[call.target] = rates.get(call.target, 0.0) + call.rate
    return {service: rates["requests"] or rates["tcp"] for service, rates in found.items()}


def has_duplicate_calls(graph: Graph) -> bool:
    """Tell whether some calls are reported twice, as requests and as connections."""
    return len(drop_duplicate_calls(graph.calls)) < len(graph.calls)


def sort_calls(calls: Sequence[Call]) -> list[Call]:
    """Return the calls sorted from the callers that nobody calls inwards.

    A service is called by the workload's name up to its version.
    """
    called = {call.target for call in calls}
    depth: dict[str, int] = defaultdict(int)
    for _ in range(len(called)):
        for call in calls:
            depth[call.target] = max(
                depth[call.target],
                min(depth[find_called_service(call.source, called)] + 1, len(called)),
            )
    return sorted(calls, key=lambda c: (depth[c.target], c.source, c.target, c.protocol))


def find_called_service(workload: str, called: set[str]) -> str:
    """Return the target that a workload stands behind: `reviews` for `reviews-v2`."""
    name = workload.rpartition("-")[0]
    return name if name in called else workload


def describe_call(call: Call, spread: Mapping[str, float]) -> Text:
    """Return `productpage-v1 → reviews: 3.0/s http, no errors, mTLS; v1 67 %, v2 33 %`."""
    words = [
        format_rate(call),
        describe_errors(call),
        describe_security(call),
    ]
    path, shares = f"{call.source} → {call.target}", format_version_shares(call.target, spread)
    words = [word for word in words if word]
    if shares:
        return Text(
            "{path}: {words}; {shares}", path=path, words=Listed(words, "comma"), shares=shares
        )
    return Text("{path}: {words}", path=path, words=Listed(words, "comma"))


def format_rate(call: Call) -> Text:
    """Return a call's rate in the protocol's unit."""
    if call.protocol == "tcp":
        return Text("{rate:.0f} B/s tcp", rate=call.rate)
    return Text("{rate:.2f}/s {protocol}", rate=call.rate, protocol=call.protocol)


def describe_errors(call: Call) -> Text:
    """Return what failed, with Envoy's flags in words."""
    if call.protocol == "tcp":
        return Text("connections only")
    if not call.failed:
        return Text("no errors")
    results = [
        Text("{result} ({meaning})", result=result, meaning=FLAGS[flag])
        if (flag := result.partition(" ")[2]) in FLAGS
        else verbatim(result)
        for result in call.results
    ]
    if not results:
        return Text("{failed:.0f} % errors", failed=call.failed)
    return Text(
        "{failed:.0f} % errors: {results}", failed=call.failed, results=Listed(results, "comma")
    )


def describe_security(call: Call) -> Text:
    """Return how many of the calls came with mutual TLS; "" where that is not known."""
    if call.secure is None:
        return EMPTY
    if call.secure >= 99.5:
        return Text("mTLS")
    return Text("mTLS {secure:.0f} %", secure=call.secure) if call.secure > 0 else Text("no mTLS")


def format_version_shares(service: str, spread: Mapping[str, float]) -> Text:
    """Return which versions answered, when there is more than one, else ""."""
    total = sum(spread.values())
    if len(spread) < 2 or not total:
        return EMPTY
    names = {workload: workload.removeprefix(f"{service}-") for workload in spread}
    return join(
        "comma",
        *(
            Text("{version} {share:.0f} %", version=names[w], share=100 * spread[w] / total)
            for w in sorted(spread)
        ),
    )
