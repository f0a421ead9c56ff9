"""Causes why there are no traces: settings, sampling, where spans go, and who sends none."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, join_labels, list_names, show_field
from bot.diagnosis.gaps import find_port_gap
from bot.diagnosis.mesh_rules import service_exists
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.object_facts import count_available, matches_labels
from bot.diagnosis.reasons import name_owner, name_workload
from bot.kinds import CONFIG_MAP, DEPLOYMENT, POD, SERVICE, TELEMETRY, Object
from bot.knowledge.graph.trace_reasons import get_zipkin_address, read_proxy_config
from bot.knowledge.mesh_config import TracingSettings, list_tracing, resolve_tracing
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text, verbatim

LOW_SAMPLING = 10.0
"""Percent of requests up to which hardly anybody sees a trace; the workshop sets 100."""


def has_jaeger(state: NamespaceState) -> bool:
    """Tell whether Jaeger's Deployment is in the mesh's namespace."""
    return state.shared.find_mesh(DEPLOYMENT, "jaeger") is not None


def list_telemetries(state: NamespaceState) -> list[Object]:
    """Return the Telemetry objects of the namespace, then of the mesh's."""
    own = state.list_own(TELEMETRY)
    if state.namespace == state.cluster.mesh_namespace:
        return own
    return [*own, *(t for t in state.shared.list_mesh(TELEMETRY) if "selector" not in t["spec"])]


def read_tracing(state: NamespaceState) -> TracingSettings:
    """Return where spans of the namespace go, by whichever way it is set."""
    return resolve_tracing(state.cluster.mesh_config, list_telemetries(state))


def find_settings_lost(state: NamespaceState) -> Iterator[Finding]:
    """Yield that Jaeger is there, and the mesh is not told to trace."""
    held = state.shared.find_mesh(CONFIG_MAP, "istio")
    if (
        held is None
        or not has_jaeger(state)
        or read_tracing(state).address
        or not state.shared.istiods
    ):
        return
    enabled = state.cluster.mesh_config.get("enableTracing")
    yield Finding(
        Text(
            "The mesh is not told to trace: the settings were not given, or lost in an install "
            "that did not repeat them."
        ),
        (
            show_field(held, "data.mesh", f"enableTracing {enabled}, no tracing.zipkin.address"),
            Text("Jaeger runs in {namespace}", namespace=state.cluster.mesh_namespace),
        ),
        Fix(command="ambient" if state.shared.ztunnel else "install"),
    )


def find_sampling_telemetry(state: NamespaceState) -> Object | None:
    """Return the Telemetry that says how many requests are traced, None when none does."""
    found = list_tracing(list_telemetries(state))
    return next((t for t, tracing in found if "randomSamplingPercentage" in tracing), None)


def find_sampling_low(state: NamespaceState) -> Iterator[Finding]:
    """Yield that hardly a request is traced."""
    tracing, telemetry = read_tracing(state), find_sampling_telemetry(state)
    if not has_jaeger(state) or not tracing.address:
        return
    share = tracing.share
    if share > LOW_SAMPLING:
        return
    held = telemetry or state.shared.find_mesh(CONFIG_MAP, "istio")
    assert held is not None  # the address was read from one of them
    line = f"kubectl delete telemetry {get_name(held)} -n {held['metadata'].get('namespace')}"
    yield Finding(
        Text("Only {share:g} % of requests are traced.", share=share),
        (
            show_field(
                held,
                "randomSamplingPercentage" if telemetry else "tracing.sampling",
                f"{share:g}",
            ),
        ),
        Fix(line=line)
        if telemetry
        else Fix(command="ambient" if state.shared.ztunnel else "install"),
    )


def find_backend_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield that spans go to a Service that is absent, or that has no pods."""
    address = read_tracing(state).address
    if not address or not state.shared.istiods:
        return
    host = address.partition(":")[0]
    name, _, rest = host.partition(".")
    # A name alone is looked up where the proxy runs.
    place = rest.partition(".")[0] or state.namespace
    service = next(
        (s for s in state.cluster.by_namespace.get((SERVICE, place), []) if get_name(s) == name),
        None,
    )
    wanted = has_jaeger(state) or state.activity.wanted & {"addons", "traces"}
    if service is None:
        if wanted and not service_exists(state, name, place):
            yield build_backend_finding(
                address,
                Text("no Service {service} in {namespace}", service=name, namespace=place),
                frozenset({f"Service/{name}"}),
            )
        return
    yield from find_backend_gap(state, address, service)


def find_backend_gap(state: NamespaceState, address: str, service: Object) -> Iterator[Finding]:
    """Yield that the Service to which spans go has no pods, or leads past where they listen."""
    name, place = get_name(service), service["metadata"].get("namespace", "")
    selector = service["spec"].get("selector") or {}
    owners = [
        d
        for d in state.cluster.by_namespace.get((DEPLOYMENT, place), [])
        if matches_labels(
            selector, (d["spec"]["template"].get("metadata") or {}).get("labels") or {}
        )
    ]
    pods = [
        p
        for p in state.cluster.by_namespace.get((POD, place), [])
        if matches_labels(selector, get_labels(p))
    ]
    if any(count_available(d) for d in owners) or (not owners and pods):
        number = address.rpartition(":")[2]
        gap = find_port_gap(service, int(number), pods) if number.isdigit() else None
        if gap is not None:
            yield build_backend_finding(address, gap, frozenset({f"Service/{name}"}))
        return
    shown = (
        show_field(
            owners[0], "spec.replicas", f"{owners[0]['spec'].get('replicas', 1)}, available 0"
        )
        if owners
        else show_field(service, "spec.selector", f"{join_labels(selector)} selects no pod")
    )
    yield build_backend_finding(
        address,
        shown,
        frozenset({f"Service/{name}"} | {f"Deployment/{get_name(d)}" for d in owners}),
    )


def build_backend_finding(address: str, shown: Text, objects: frozenset[str]) -> Finding:
    """Return the finding that nobody takes the spans."""
    return Finding(
        Text("Proxies send their spans to {address}, and nobody is there.", address=address),
        (shown,),
        Fix(command="addons jaeger"),
        objects,
    )


def find_older_proxies(state: NamespaceState) -> Iterator[Finding]:
    """Yield proxies that were started before tracing was set."""
    tracing = read_tracing(state)
    address = tracing.address
    # A provider's address comes with the listeners, without a restart.
    if not address or tracing.provider or not has_jaeger(state):
        return
    older = [p for p in state.injected if get_zipkin_address(read_proxy_config(p)) != address]
    if older:
        yield Finding(
            Text(
                "{pods} were started before tracing was set, and send no spans.",
                pods=list_names(older),
            ),
            (
                verbatim(
                    f"{describe(older[0])}: PROXY_CONFIG "
                    f"{get_zipkin_address(read_proxy_config(older[0])) or 'without tracing'}"
                ),
                Text("the mesh's setting: {address}", address=address),
            ),
            Fix(command="inject"),
            frozenset().union(*(name_owner(state, pod) for pod in older)),
            each=tuple(name_workload(state, pod) for pod in older),
        )


def find_switched_off(state: NamespaceState) -> Iterator[Finding]:
    """Yield Telemetry objects that switch spans or metrics off."""
    for telemetry in list_telemetries(state):
        fields = list(list_switched_off(telemetry))
        if fields:
            name, place = get_name(telemetry), telemetry["metadata"].get("namespace", "")
            yield Finding(
                Text(
                    "{object} switches off what is to be seen: {fields}.",
                    object=describe(telemetry),
                    fields=verbatim(", ".join(fields)),
                ),
                tuple(show_field(telemetry, field, "true") for field in fields),
                Fix(line=f"kubectl delete telemetry {name} -n {place}"),
            )


def list_switched_off(telemetry: Object) -> Iterator[str]:
    """Yield the fields of a Telemetry object that switch spans or metrics off."""
    for number, tracing in enumerate(telemetry["spec"].get("tracing") or []):
        if tracing.get("disableSpanReporting"):
            yield f"tracing[{number}].disableSpanReporting"
    for number, metrics in enumerate(telemetry["spec"].get("metrics") or []):
        for index, override in enumerate(metrics.get("overrides") or []):
            metric = (override.get("match") or {}).get("metric", "ALL_METRICS")
            if override.get("disabled") and metric in ("ALL_METRICS", "REQUEST_COUNT"):
                yield f"metrics[{number}].overrides[{index}].disabled"


CAUSES = (
    Cause(
        "tracing-settings-lost",
        Subject.OBSERVING,
        "An install or upgrade that did not repeat the settings took tracing out.",
        "ConfigMap istio without `enableTracing` or an address for spans, and Jaeger is there.",
        "`/mesh install` or `/mesh ambient`",
        find_settings_lost,
        ("install", "ambient"),
        ("tracing-sampling-low", "proxy-older-than-settings"),
        gravity=6,
        source="istioctl forgets what an earlier install had set",
        needs=(TELEMETRY,),
    ),
    Cause(
        "tracing-sampling-low",
        Subject.OBSERVING,
        "1 % of requests, or little more, is traced.",
        "The sampling of the mesh's configuration or of a Telemetry object.",
        "`/mesh install`",
        find_sampling_low,
        ("traces",),
        gravity=7,
        source="1 % unless set, Istio 1.23 and 1.30",
        needs=(TELEMETRY,),
    ),
    Cause(
        "tracing-backend-missing",
        Subject.OBSERVING,
        "Spans go to a Service that is absent, has no endpoints, or has no such port.",
        "The Service that the settings name, its ports, and Jaeger's pods.",
        "`/mesh addons jaeger`",
        find_backend_missing,
        ("traces",),
        gravity=6,
        needs=(
            DEPLOYMENT,
            POD,
            SERVICE,
        ),
    ),
    Cause(
        "proxy-older-than-settings",
        Subject.OBSERVING,
        "Proxies were started before tracing was set.",
        "`PROXY_CONFIG` of the pods differs from the mesh's settings.",
        "`/mesh inject` restarts them",
        find_older_proxies,
        ("traces",),
        gravity=7,
    ),
    Cause(
        "telemetry-switched-off",
        Subject.OBSERVING,
        "A Telemetry object switches spans or metrics off.",
        "`disableSpanReporting`, or overrides with `disabled`.",
        "Delete it",
        find_switched_off,
        ("traces", "graph"),
        ("no-traffic", "tracing-settings-lost"),
        gravity=6,
    ),
)
