"""Services that a Sidecar object (networking.istio.io), or their own exportTo, keeps from the
proxies that call them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.mesh_rules import (
    get_cluster_domain,
    is_registered,
    list_virtual_services,
    order_by_age,
)
from bot.diagnosis.mesh_state import CALLS, NamespaceState, list_pods_of
from bot.diagnosis.peers import find_policy, is_protected
from bot.kinds import SIDECAR, Object
from bot.knowledge.lessons.strangers import EXPORT_TO, NOBODY_KNOWS, get_export
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text


def find_hidden_by_sidecar(state: NamespaceState) -> Iterator[Finding]:
    """Yield Sidecar objects whose egress hosts leave out Services that must be known.

    Proxies pass requests for such a Service on as they are: no rule is obeyed, a callee that takes
    mutual TLS alone resets them, and under REGISTRY_ONLY they are refused. Where none of this
    matters, nothing is wrong.
    """
    found: dict[str, tuple[Object, dict[str, Text]]] = {}
    for caller, callee in CALLS:
        for pod in list_pods_of(state, caller):
            sidecar = find_sidecar_for(state, pod) if has_sidecar(pod) else None
            if sidecar is None or callee not in state.services or knows(state, sidecar, callee):
                continue
            if effect := describe_effect(state, sidecar, callee):
                found.setdefault(describe(sidecar), (sidecar, {}))[1].setdefault(callee, effect)
    for name, (sidecar, hidden) in found.items():
        place = sidecar["metadata"].get("namespace", state.namespace)
        yield Finding(
            Text(
                "{object} does not list {services} under egress: {effect}.",
                object=name,
                services=list_words(list(hidden)),
                effect=next(iter(hidden.values())),
            ),
            (show_field(sidecar, "egress.hosts", ", ".join(list_hosts(sidecar))),),
            Fix(line=f"kubectl edit sidecars.networking.istio.io {get_name(sidecar)} -n {place}"),
            frozenset(f"{kind}/{service}" for service in hidden for kind in ("Service", "app")),
        )


def find_unexported(state: NamespaceState) -> Iterator[Finding]:
    """Yield Services that are exported to nobody here and that no ServiceEntry lets in, where it
    matters that their callers' proxies do not know them.
    """
    for callee in sorted({callee for _, callee in CALLS}):
        service = state.services.get(callee)
        told = get_export(service) if service else ""
        host = f"{callee}.{state.namespace}.svc.{get_cluster_domain(state)}"
        if service is None or is_told_here(state, told) or is_registered(state, host):
            continue
        callers = [
            pod
            for caller, asked in CALLS
            for pod in list_pods_of(state, caller)
            if asked == callee and has_sidecar(pod)
        ]
        effects = (describe_effect(state, find_sidecar_for(state, p), callee) for p in callers)
        if effect := next(filter(None, effects), None):
            yield Finding(
                Text(
                    "Service {service} is exported to nobody, so the mesh does not know it: "
                    "{effect}.",
                    service=callee,
                    effect=effect,
                )
                if NOBODY_KNOWS in told.split(",")
                else Text(
                    "Service {service} is exported to {namespaces} and not to its callers here: "
                    "{effect}.",
                    service=callee,
                    namespaces=told,
                    effect=effect,
                ),
                (show_field(service, f"metadata.annotations[{EXPORT_TO}]", told),),
                Fix("egress off")
                if told == NOBODY_KNOWS
                else Fix(
                    line=f"kubectl annotate service {callee} -n {state.namespace} {EXPORT_TO}-"
                ),
                frozenset({f"Service/{callee}", f"app/{callee}"}),
            )


def is_told_here(state: NamespaceState, told: str) -> bool:
    """Tell whether proxies of the namespace know a Service of it with that annotation.

    What says `~` is for nobody, whatever else it says, unless it says `*`.
    """
    places = {place.strip() for place in told.split(",") if place.strip()}
    if not places or "*" in places:
        return True
    return NOBODY_KNOWS not in places and bool(places & {".", state.namespace})


def find_sidecar_for(state: NamespaceState, pod: Object) -> Object | None:
    """Return the Sidecar object that holds for a pod: one that selects it, else the namespace's,
    else the mesh's (Istio 1.23 and 1.30); of several the oldest.
    """
    own = sorted(state.list_own(SIDECAR), key=order_by_age)
    for sidecar in own:
        selector = get_selector(sidecar)
        if selector and selector.items() <= get_labels(pod).items():
            return sidecar
    root = sorted(state.shared.list_mesh(SIDECAR), key=order_by_age)
    return next((s for s in (*own, *root) if not get_selector(s)), None)


def get_selector(sidecar: Object) -> dict[str, str]:
    """Return the labels that a Sidecar object selects pods by, empty for all."""
    return (sidecar["spec"].get("workloadSelector") or {}).get("labels") or {}


def list_hosts(sidecar: Object, port: int = 9080) -> Sequence[str]:
    """Return the egress hosts for a port; a listener without a port is for all."""
    return [
        str(host)
        for each in sidecar["spec"].get("egress") or []
        if (each.get("port") or {}).get("number", port) == port
        for host in each.get("hosts") or []
    ]


def knows(state: NamespaceState, sidecar: Object, service: str) -> bool:
    """Tell whether a proxy with that Sidecar object is told of a Service of the namespace."""
    if not sidecar["spec"].get("egress"):
        return True
    full = f"{service}.{state.namespace}.svc.{get_cluster_domain(state)}"
    for host in list_hosts(sidecar):
        place, _, name = host.rpartition("/")
        # Istio compares full names: a short one is no Service of this namespace.
        fits = name in ("*", full) or (name.startswith("*") and full.endswith(name[1:]))
        if fits and place in ("*", ".", state.namespace):
            return True
    return False


def describe_effect(state: NamespaceState, sidecar: Object | None, service: str) -> Text | None:
    """Return what comes of a Service that a proxy does not know; None where nothing does."""
    told = ((sidecar or {}).get("spec", {}).get("outboundTrafficPolicy") or {}).get("mode")
    mesh = (state.cluster.mesh_config.get("outboundTrafficPolicy") or {}).get("mode")
    if (told or mesh) == "REGISTRY_ONLY":
        return Text("under REGISTRY_ONLY its callers get 502")
    if list_virtual_services(state, service):
        return Text("its callers' proxies obey no rule for it")
    callees = list_pods_of(state, service)
    if any(is_protected(p) and find_policy(state, p)[0] == "STRICT" for p in callees):
        return Text("its callers send plain text, which STRICT resets")
    return None


CAUSES = (
    Cause(
        "sidecar-hides-services",
        Subject.RULES,
        "A Sidecar object leaves a Service out, so that proxies know none of its rules.",
        "`egress.hosts` of the Sidecar (networking.istio.io) without the Service, and a rule for "
        "it, REGISTRY_ONLY, or STRICT.",
        "List it under `egress.hosts`, or delete the Sidecar",
        find_hidden_by_sidecar,
        ("route", "shift", "fault"),
        ("fault-in-force", "fault-user-mismatch", "user-never-reaches-ratings"),
        gravity=2,
        by_object=True,
        source="Istio's reference of Sidecar: what is not listed passes through",
    ),
    Cause(
        "service-unexported",
        Subject.RULES,
        "A Service is exported to no namespace, or not to its callers', so that the mesh does not "
        "know it.",
        "The Service's annotation `networking.istio.io/exportTo`, no ServiceEntry for its name, "
        "and a rule for it, REGISTRY_ONLY, or STRICT.",
        "Remove the annotation, which `egress off` does, or admit it with a ServiceEntry",
        find_unexported,
        ("route", "shift", "fault", "egress"),
        ("fault-in-force", "fault-user-mismatch", "user-never-reaches-ratings"),
        gravity=2,
        by_object=True,
        source="Istio's reference of annotations: `~` is visible to no namespace",
    ),
)
