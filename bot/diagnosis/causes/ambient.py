"""Causes in the ambient mesh: ztunnel, istio-cni, and pods that are not captured."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import (
    describe,
    join_labels,
    list_names,
    show_field,
    show_label,
    show_newest,
)
from bot.diagnosis.mesh_rules import list_routes_between, list_virtual_services
from bot.diagnosis.mesh_state import GATEWAY_NAME, MODE, NamespaceState
from bot.diagnosis.object_facts import is_pod_ready
from bot.diagnosis.waypoint_binding import is_bound
from bot.kinds import AUTHORIZATION_POLICY, DAEMON_SET, GATEWAY, POD, TELEMETRY, Object
from bot.knowledge.mesh_config import resolve_tracing
from bot.knowledge.objects.workloads import get_labels, get_name, select_pods
from bot.text import Text, verbatim


def find_not_installed(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the namespace wants ambient, and neither ztunnel nor captured pods are there."""
    if not state.is_ambient or state.object is None or state.captured:
        return
    if state.shared.ztunnel is not None or not (state.shared.istiods or state.shared.cni):
        return
    yield Finding(
        Text(
            "{namespace} asks for the ambient mesh, and there is no ztunnel.",
            namespace=state.namespace,
        ),
        (
            show_label(state.object, MODE),
            Text("no DaemonSet ztunnel in {namespace}", namespace=state.cluster.mesh_namespace),
        ),
        Fix(command="ambient"),
    )


def count_daemon(daemon: Object) -> tuple[int, int]:
    """Return how many pods of a DaemonSet are ready, and how many are wanted."""
    status = daemon.get("status") or {}
    return int(status.get("numberReady", 0)), int(status.get("desiredNumberScheduled", 0))


def find_daemon_unready(
    state: NamespaceState, daemon: Object | None, sentence: Text
) -> Iterator[Finding]:
    """Yield that a DaemonSet is not ready on a node that has pods of the namespace."""
    if daemon is None:
        return
    ready, wanted = count_daemon(daemon)
    if wanted and ready >= wanted:
        return
    own = select_pods(state.shared.list_mesh(POD), daemon)
    served = {p["spec"].get("nodeName") for p in own if is_pod_ready(p)}
    used = {p["spec"].get("nodeName", "") for p in state.pods}
    lacking = sorted(used - served - {""})
    if wanted and not lacking:
        return
    evidence = [show_field(daemon, "ready", f"{ready} of {wanted}")]
    evidence += [verbatim(f"Node {node}: no ready {get_name(daemon)}") for node in lacking[:3]]
    selector = daemon["spec"]["template"]["spec"].get("nodeSelector") or {}
    if not wanted and selector:
        evidence.append(show_field(daemon, "nodeSelector", join_labels(selector)))
    yield Finding(
        sentence,
        tuple(evidence),
        Fix(command="ambient"),
        frozenset({f"DaemonSet/{get_name(daemon)}"} | {f"Node/{name}" for name in lacking}),
    )


def find_ztunnel_unready(state: NamespaceState) -> Iterator[Finding]:
    """Yield that ztunnel does not run where pods of the namespace do."""
    if state.is_ambient or state.captured:
        yield from find_daemon_unready(
            state,
            state.shared.ztunnel,
            Text(
                "ztunnel is not ready on nodes with pods of {namespace}: their requests fail.",
                namespace=state.namespace,
            ),
        )


def find_cni_unready(state: NamespaceState) -> Iterator[Finding]:
    """Yield that istio-cni does not run where pods of the namespace do, or that it is gone."""
    sentence = Text(
        "istio-cni does not run on nodes with pods of {namespace}: new pods are not captured, or "
        "cannot start.",
        namespace=state.namespace,
    )
    failed = [
        e
        for e in state.events
        if 'plugin type="istio-cni"' in str(e.get("message", "")) and concerns_waiting(state, e)
    ]
    if failed and is_lacking(state.shared.cni):
        yield Finding(
            sentence,
            tuple(show_newest(failed)),
            Fix(command="ambient"),
            frozenset({"DaemonSet/istio-cni-node"}),
        )
        return
    if not state.is_ambient:
        return
    if state.shared.cni is None and state.shared.ztunnel is not None:
        yield Finding(
            sentence,
            (
                Text(
                    "no DaemonSet istio-cni-node in {namespace}",
                    namespace=state.cluster.mesh_namespace,
                ),
            ),
            Fix(command="ambient"),
            frozenset({"DaemonSet/istio-cni-node"}),
        )
        return
    yield from find_daemon_unready(state, state.shared.cni, sentence)


def is_lacking(daemon: Object | None) -> bool:
    """Tell whether a DaemonSet is not there, has fewer ready pods than wanted, or wants none."""
    return daemon is None or count_daemon(daemon)[0] < max(1, count_daemon(daemon)[1])


def concerns_waiting(state: NamespaceState, event: Object) -> bool:
    """Tell whether an event is about a pod that is still not ready."""
    name = (event.get("involvedObject") or {}).get("name")
    return any(get_name(p) == name and not is_pod_ready(p) for p in state.list_own(POD))


def find_without_ztunnel(state: NamespaceState) -> Iterator[Finding]:
    """Yield captured pods whose ztunnel is gone: their requests lead nowhere."""
    if state.shared.ztunnel is not None or not state.captured:
        return
    yield Finding(
        Text(
            "{pods} are captured, and ztunnel is gone: their requests lead nowhere.",
            pods=list_names(state.captured),
        ),
        (
            verbatim(f"{describe(state.captured[0])}: ambient.istio.io/redirection=enabled"),
            Text("no DaemonSet ztunnel in {namespace}", namespace=state.cluster.mesh_namespace),
        ),
        Fix(
            command="ambient" if state.shared.istiods else "uninstall",
            line=f"kubectl label namespace {state.namespace} {MODE}-",
        ),
        frozenset({"DaemonSet/ztunnel"}),
    )


def find_l4_only(state: NamespaceState) -> Iterator[Finding]:
    """Yield that ztunnel alone carries the traffic, so that edges are TCP."""
    if state.captured and not state.waypoints and not list_http_rules(state):
        yield Finding(
            Text("Without a waypoint edges are TCP: ztunnel knows connections, not requests."),
            (
                Text(
                    "{count} of {pods} pods captured, no waypoint",
                    count=len(state.captured),
                    pods=len(state.pods),
                ),
            ),
            Fix(command="waypoint"),
        )


def find_no_traces(state: NamespaceState) -> Iterator[Finding]:
    """Yield that ztunnel makes no spans, where tracing is set."""
    telemetries = (*state.list_own(TELEMETRY), *state.shared.list_mesh(TELEMETRY))
    tracing = resolve_tracing(state.cluster.mesh_config, telemetries).address
    if state.captured and not state.waypoints and not state.injected and tracing:
        yield Finding(
            Text("Without a waypoint the application has no traces: ztunnel makes no spans."),
            (
                Text(
                    "{count} of {pods} pods captured, no waypoint",
                    count=len(state.captured),
                    pods=len(state.pods),
                ),
            ),
            Fix(command="waypoint"),
        )


def list_http_rules(state: NamespaceState) -> list[tuple[str, Object]]:
    """Return the rules for HTTP between services of the namespace, with their Service."""
    return [
        (service, rule)
        for service in state.services
        for rule in [*list_virtual_services(state, service), *list_routes_between(state, service)]
    ]


def list_service_policies(state: NamespaceState) -> list[tuple[str, Object]]:
    """Return the AuthorizationPolicies that name Services (`targetRefs`), which waypoints alone
    enforce, with the Service."""
    return [
        (str(ref.get("name")), policy)
        for policy in state.list_own(AUTHORIZATION_POLICY)
        for ref in (policy.get("spec") or {}).get("targetRefs") or []
        if ref.get("kind") == "Service" and ref.get("name") in state.services
    ]


def is_made_for_gateway(state: NamespaceState, service: str) -> bool:
    """Tell whether istiod made a Service for a Gateway."""
    found = state.services.get(service)
    return found is not None and GATEWAY_NAME in get_labels(found)


def find_rule_without_waypoint(state: NamespaceState) -> Iterator[Finding]:
    """Yield rules for HTTP that nobody obeys, because ztunnel alone carries the traffic."""
    if not state.captured or state.waypoints or "istio.io/use-waypoint" in state.labels:
        return
    rules = [
        (s, r)
        for s, r in list_http_rules(state)
        # What istiod made for a gateway is nobody's callee.
        if not is_bound(state, s) and not is_made_for_gateway(state, s)
    ]
    rules += [(s, policy) for s, policy in list_service_policies(state) if not is_bound(state, s)]
    if rules:
        service, rule = rules[0]
        yield Finding(
            Text(
                "{rule} is not obeyed: ztunnel knows no HTTP, and {service} has no waypoint.",
                rule=describe(rule),
                service=service,
            ),
            (
                *(verbatim(describe(r)) for _, r in rules[:3]),
                Text(
                    "{count} of {pods} pods captured, no waypoint",
                    count=len(state.captured),
                    pods=len(state.pods),
                ),
            ),
            Fix(command="waypoint"),
        )


CAUSES = (
    Cause(
        "ambient-not-installed",
        Subject.AMBIENT,
        "The namespace wants ambient, and there is no ztunnel.",
        "The label; no DaemonSet ztunnel; pods that are not captured.",
        "`/mesh ambient`",
        find_not_installed,
        ("ambient",),
        ("cni-not-ready", "l7-rule-without-waypoint", "sidecar-blocks-ambient"),
        gravity=2,
        needs=(
            DAEMON_SET,
            POD,
        ),
    ),
    Cause(
        "ztunnel-not-ready",
        Subject.AMBIENT,
        "ztunnel is not ready on a node that has pods of the namespace.",
        "DaemonSet ztunnel with fewer ready pods than wanted, and which node lacks one.",
        "What its pod says; `/mesh ambient`",
        find_ztunnel_unready,
        ("ambient",),
        gravity=1,
        needs=(POD,),
    ),
    Cause(
        "cni-not-ready",
        Subject.AMBIENT,
        "istio-cni is not on a node (none wanted counts): pods are not captured, or cannot start.",
        'The DaemonSet; pods without redirection; the event `plugin type="istio-cni" … failed`.',
        "`/mesh ambient`",
        find_cni_unready,
        ("ambient",),
        ("cni-platform-paths", "no-restart-after-label"),
        gravity=2,
        needs=(
            DAEMON_SET,
            POD,
        ),
    ),
    Cause(
        "captured-without-ztunnel",
        Subject.AMBIENT,
        "The mesh was removed by hand, and pods still redirect to a ztunnel that is gone.",
        "The annotation `ambient.istio.io/redirection`, and no DaemonSet ztunnel.",
        "Take the label off and restart the pods; `/mesh uninstall`",
        find_without_ztunnel,
        ("uninstall",),
        ("ztunnel-not-ready", "cni-not-ready"),
        gravity=0,
        needs=(DAEMON_SET,),
    ),
    Cause(
        "l7-rule-without-waypoint",
        Subject.AMBIENT,
        "A rule for HTTP between services in ambient, without a waypoint.",
        "The rule; captured pods; the Service is not bound.",
        "`/mesh waypoint`",
        find_rule_without_waypoint,
        ("route", "fault"),
        (
            "fault-in-force",
            "fault-user-mismatch",
            "user-never-reaches-ratings",
            "l4-only",
            # What a rule that nobody obeys names is not missed yet.
            "subset-without-destinationrule",
            "subset-without-pods",
            "destinationrule-host-mismatch",
            "rule-without-default",
        ),
        gravity=3,
        source="KIA1109, KIA1113",
        needs=(GATEWAY,),
    ),
    Cause(
        "l4-only",
        Subject.AMBIENT,
        "Edges are TCP: ztunnel knows connections.",
        "No waypoint, and no rule for HTTP.",
        "`/mesh waypoint` for more",
        find_l4_only,
        ("graph",),
        kind=CauseKind.NORMAL,
        always=True,
        needs=(GATEWAY,),
    ),
    Cause(
        "no-traces-without-waypoint",
        Subject.AMBIENT,
        "ztunnel makes no spans.",
        "No waypoint, although tracing is set.",
        "`/mesh waypoint`",
        find_no_traces,
        ("traces",),
        kind=CauseKind.NORMAL,
        always=True,
        needs=(GATEWAY,),
    ),
)
