"""Causes in the control plane: istiod, its webhooks, and webhooks of others that refuse pods."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_names, show_field
from bot.diagnosis.gaps import find_port_gap, find_selector_gap, list_pods_behind
from bot.diagnosis.injection_rules import asks_for_injection, selects_namespace, serves_revision
from bot.diagnosis.mesh_state import INJECTION, MODE, REVISION, USE_WAYPOINT, NamespaceState
from bot.diagnosis.object_facts import count_available
from bot.diagnosis.reasons import list_refusals
from bot.kinds import (
    DEPLOYMENT,
    DESTINATION_RULE,
    MUTATING_WEBHOOK,
    NAMESPACE,
    SERVICE,
    VIRTUAL_SERVICE,
    Object,
)
from bot.knowledge.objects.selectors import matches_selector
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text, verbatim

MESH_STEPS = frozenset({"inject", "expose", "route", "fault", "shift", "ambient", "waypoint"})
"""Steps that need a control plane."""


def find_not_installed(state: NamespaceState) -> Iterator[Finding]:
    """Yield that there is no istiod although something asks for one."""
    if state.shared.istiods:
        return
    evidence = list(show_signs_of_mesh(state))
    if evidence or state.activity.wanted & MESH_STEPS:
        yield Finding(
            Text(
                "Istio is not installed: there is no istiod in {mesh}, and something asks for one.",
                mesh=state.cluster.mesh_namespace,
            ),
            (
                Text(
                    "no Deployment with the label app=istiod in {namespace}",
                    namespace=state.cluster.mesh_namespace,
                ),
                *evidence[:4],
            ),
            Fix(command="install"),
        )


def show_signs_of_mesh(state: NamespaceState) -> Iterator[Text]:
    """Yield what asks for a mesh in the namespace: labels, sidecars, captured pods, rules."""
    for key in (INJECTION, REVISION, MODE, USE_WAYPOINT):
        value = state.labels.get(key)
        if state.object and value and value not in ("disabled", "none"):
            yield show_field(state.object, "label", f"{key}={value}")
    if state.injected:
        yield Text("sidecars in {pods}", pods=list_names(state.injected))
    if state.captured:
        yield Text("captured by ztunnel: {pods}", pods=list_names(state.captured))
    rules = [*state.list_own(VIRTUAL_SERVICE)[:1], *state.list_own(DESTINATION_RULE)[:1]]
    gateways = [g for g in state.gateways if is_istio_class(g)]
    yield from (verbatim(describe(obj)) for obj in (*rules, *gateways))


def is_istio_class(gateway: Object) -> bool:
    """Tell whether a Gateway is for Istio to serve."""
    return str(gateway["spec"].get("gatewayClassName", "")).startswith("istio")


def find_control_plane_down(state: NamespaceState) -> Iterator[Finding]:
    """Yield that istiod is there, and none of its pods is available or can be reached."""
    if not state.shared.istiods:
        return
    if state.shared.has_ready_istiod:
        yield from find_unreachable_istiod(state)
        return
    istiod = state.shared.istiods[0]
    wanted = istiod["spec"].get("replicas", 1)
    refused = [r for r in list_refusals(state) if "failed calling webhook" in r.message]
    place = state.cluster.mesh_namespace
    line = (
        f"kubectl scale deployment {get_name(istiod)} -n {place} --replicas=1"
        if wanted == 0
        else f"kubectl describe pods -n {place} -l app=istiod"
    )
    yield Finding(
        Text(
            "istiod has no ready pod: rules, new pods and gateways wait for it, and what runs "
            "keeps its last configuration."
        ),
        (
            show_field(istiod, "spec.replicas", f"{wanted}, available {count_available(istiod)}"),
            *(r.evidence for r in refused[:1]),
        ),
        Fix(line=line),
        frozenset({f"Deployment/{get_name(istiod)}"}),
    )


def find_unreachable_istiod(state: NamespaceState) -> Iterator[Finding]:
    """Yield istiods that run behind a Service which is gone or leads elsewhere: webhooks and
    proxies reach them by it. The Service bears the Deployment's name."""
    for istiod in state.shared.istiods:
        if count_available(istiod) and (shown := find_istiod_gap(state, istiod)):
            name, place = get_name(istiod), state.cluster.mesh_namespace
            refused = [r for r in list_refusals(state) if "failed calling webhook" in r.message]
            yield Finding(
                Text(
                    "istiod runs and cannot be reached: its Service {service} is gone or leads "
                    "elsewhere, so that new pods are refused and proxies learn nothing new.",
                    service=f"{place}/{name}",
                ),
                (shown, *(r.evidence for r in refused[:1])),
                Fix(command="install"),
                frozenset({f"Deployment/{name}"}),
            )


def find_istiod_gap(state: NamespaceState, istiod: Object) -> Text | None:
    """Return what is wrong with an istiod's Service; None where it leads to its pods."""
    name = get_name(istiod)
    service = state.shared.find_mesh(SERVICE, name)
    if service is None:
        if state.cluster.is_unread(SERVICE):
            return None
        place = state.cluster.mesh_namespace
        return Text("no Service {service} in {namespace}", service=name, namespace=place)
    pods = list_pods_behind(state, service)
    gaps = (find_port_gap(service, port, pods) for port in (443, 15012))
    return find_selector_gap(state, service, istiod) or next(filter(None, gaps), None)


def find_injector_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield that istiod runs, the namespace asks for sidecars, and no webhook would inject them."""
    asks = asks_for_injection(state)
    if not asks or not state.shared.istiods or selects_namespace(state):
        return
    if any(find_istiod_gap(state, istiod) for istiod in state.shared.istiods):
        return
    if asks == REVISION and not serves_revision(state, state.labels[REVISION]):
        return
    others = [get_name(w) for w in state.shared.injector_webhooks]
    shown = (
        Text("the injectors {names} do not select it", names=verbatim(", ".join(others)))
        if others
        else Text("no MutatingWebhookConfiguration with the label app=sidecar-injector")
    )
    assert state.object is not None  # it has labels
    yield Finding(
        Text(
            "The sidecar injector's webhook is missing: istiod runs, {namespace} asks for "
            "sidecars, and new pods get none.",
            namespace=state.namespace,
        ),
        (shown, show_field(state.object, "label", f"{asks}={state.labels[asks]}")),
        Fix(command="install"),
    )


def find_stale_webhook(state: NamespaceState) -> Iterator[Finding]:
    """Yield webhooks whose Service is not there or does not answer, and that refuse what is
    created here; of an istiod that is there it is its own cause."""
    own = {(state.cluster.mesh_namespace, get_name(d)) for d in state.shared.istiods}
    for configuration in state.shared.webhooks:
        stale = [
            service
            for hook in configuration.get("webhooks") or []
            if (service := (hook.get("clientConfig") or {}).get("service"))
            and hook.get("failurePolicy", "Fail") == "Fail"
            and concerns(state, hook)
            and (place := (service["namespace"], service["name"])) not in own
            and (
                place in state.cluster.missing_services
                # In the mesh's namespace it is an istiod that is away, which has its own causes.
                or (place[0] != state.cluster.mesh_namespace and list_failures(state, hook))
            )
        ]
        if stale:
            yield build_stale_finding(state, configuration, stale[0])


def list_failures(state: NamespaceState, hook: Object) -> list[Text]:
    """Return the refusals of pods because this webhook could not be asked."""
    asked = f'failed calling webhook "{hook.get("name", "")}"'
    return [r.evidence for r in list_refusals(state) if asked in r.message]


def concerns(state: NamespaceState, hook: Object) -> bool:
    """Tell whether a webhook is asked about what is created in this namespace or in the mesh's."""
    mesh = state.shared.find_cluster_object(NAMESPACE, state.cluster.mesh_namespace)
    places = [state.labels, get_labels(mesh) if mesh else {}]
    return any(matches_selector(hook.get("namespaceSelector"), labels) for labels in places)


def build_stale_finding(state: NamespaceState, configuration: Object, service: Object) -> Finding:
    """Return the finding of one webhook configuration whose Service is gone or silent."""
    place, kind = f"{service['namespace']}/{service['name']}", str(configuration["kind"])
    name = get_name(configuration)
    hooks = [str(hook.get("name", "")) for hook in configuration.get("webhooks") or []]
    refused = [
        r.evidence
        for r in list_refusals(state)
        if any(f'webhook "{hook}"' in r.message for hook in hooks)
    ]
    missing = (service["namespace"], service["name"]) in state.cluster.missing_services
    return Finding(
        Text(
            "{kind} {name} refuses what is created: its Service {service} does not exist.",
            kind=kind,
            name=name,
            service=place,
        )
        if missing
        else Text(
            "{kind} {name} refuses what is created: its Service {service} does not answer.",
            kind=kind,
            name=name,
            service=place,
        ),
        (
            verbatim(f"{kind} {name}: clientConfig.service {place}, failurePolicy Fail"),
            *refused[:1],
        ),
        Fix(line=f"kubectl delete {kind.lower()} {name}"),
        frozenset({f"{kind}/{name}"}),
    )


CAUSES = (
    Cause(
        "istio-not-installed",
        Subject.CLUSTER,
        "There is no istiod, and somebody acts as if there were one: labels, sidecars, rules.",
        "No Deployment with the label `app=istiod`; labels of the mesh on the namespace, or pods "
        "with a sidecar.",
        "`/mesh install`",
        find_not_installed,
        ("install", "inject"),
        (
            "injector-webhook-missing",
            "no-restart-after-label",
            "revision-unknown",
            "ambient-not-installed",
            "cni-not-ready",
            "ztunnel-not-ready",
            "gateway-not-ready",
            "waypoint-not-ready",
            "waypoint-not-enrolled",
            "gateway-api-crds-missing",
            "tracing-settings-lost",
            "tracing-sampling-low",
            "caller-outside-mesh",
            "l7-rule-without-waypoint",
            "ingress-gateway-gone",
            "namespace-not-labelled",
            "label-misspelt",
        ),
        gravity=0,
        source="labels of the release's manifests, Istio 1.23 and 1.30",
        needs=(DEPLOYMENT,),
    ),
    Cause(
        "control-plane-down",
        Subject.CLUSTER,
        "istiod is there and has no ready pod, or its Service does not lead to it.",
        "Deployment istiod with 0 available pods; ReplicaSets say `FailedCreate … failed calling "
        "webhook … no endpoints available`. Gateways keep their old status.",
        "`kubectl scale deployment istiod -n istio-system --replicas=1`, or what its pod says.",
        find_control_plane_down,
        ("install", "inject", "expose", "waypoint"),
        (
            "no-restart-after-label",
            "gateway-not-ready",
            "waypoint-not-ready",
            "subset-without-pods",
            "waypoint-not-enrolled",
            "ztunnel-not-ready",
        ),
        gravity=0,
        source="measured on a real control plane, Istio 1.23.2 and 1.30.3",
    ),
    Cause(
        "injector-webhook-missing",
        Subject.SIDECARS,
        "istiod runs, and no injector's webhook selects the namespace, so that new pods get no "
        "sidecar.",
        "No MutatingWebhookConfiguration with `app=sidecar-injector` matches the namespace's "
        "labels.",
        "`/mesh install` puts it back, then `/mesh inject`.",
        find_injector_missing,
        ("inject",),
        ("no-restart-after-label", "caller-outside-mesh"),
        gravity=2,
        source="Istio 1.23 and 1.30, namespaceSelector of the injector's webhooks",
        needs=(MUTATING_WEBHOOK,),
    ),
    Cause(
        "stale-webhook",
        Subject.CLUSTER,
        "A webhook of a mesh, a revision or another program that is gone or silent refuses what is "
        "created.",
        "The webhook's Service is absent or does not answer; `FailedCreate … failed calling "
        "webhook` on ReplicaSets.",
        "Delete that webhook configuration.",
        find_stale_webhook,
        ("install", "bookinfo", "inject"),
        ("no-restart-after-label", "subset-without-pods"),
        gravity=1,
        source="Kubernetes 1.36, admission webhooks with failurePolicy Fail",
    ),
)
