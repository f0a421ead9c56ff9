"""Causes in mutual TLS: what PeerAuthentications ask for, and who cannot or will not do it."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.gateway_pods import list_edge_gateways
from bot.diagnosis.mesh_rules import list_obeyed_rules
from bot.diagnosis.mesh_state import APPS, CALLS, NamespaceState, list_pods_of
from bot.diagnosis.peers import find_policy, is_protected, list_calls
from bot.diagnosis.reach import is_reached
from bot.diagnosis.service_ports import is_gateway_pod
from bot.diagnosis.sidecar_ports import (
    INBOUND,
    OUTBOUND,
    passes_inbound,
    passes_outbound,
    show_annotations,
)
from bot.kinds import POD, Object
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text, verbatim


def find_plain_client(state: NamespaceState) -> Iterator[Finding]:
    """Yield that STRICT is asked for, and a caller has no proxy."""
    seen: dict[str, tuple[Object, Object, Object]] = {}
    for caller, callee in list_calls(state):
        mode, policy = find_policy(state, callee)
        plain = not is_protected(caller) or passes_outbound(caller, get_address(state, callee))
        if mode == "STRICT" and policy and is_enforced(callee) and plain:
            seen.setdefault(get_labels(caller).get("app", ""), (caller, callee, policy))
    for caller, callee, policy in list(seen.values())[:1]:
        yield Finding(
            Text(
                "{policy} asks for STRICT mutual TLS, and {callers} has no proxy: its calls are "
                "reset.",
                policy=describe(policy),
                callers=list_words(sorted(seen)),
            )
            if not is_protected(caller)
            else Text(
                "{policy} asks for STRICT mutual TLS, and {callers} sends past its own sidecar: "
                "its calls are reset.",
                policy=describe(policy),
                callers=list_words(sorted(seen)),
            ),
            (
                show_field(policy, "mtls.mode", "STRICT"),
                show_annotations(caller, OUTBOUND)
                if is_protected(caller)
                else verbatim(f"{describe(caller)}: no sidecar, not captured"),
                verbatim(f"{describe(callee)}: in the mesh"),
            ),
            Fix(
                command="inject" if not state.is_ambient else "ambient",
                line=f"kubectl patch peerauthentication {get_name(policy)} "
                f"-n {policy['metadata']['namespace']} --type=merge "
                """-p '{"spec":{"mtls":{"mode":"PERMISSIVE"}}}'""",
            ),
            frozenset({f"app/{name}" for name in seen}),
        )


def get_address(state: NamespaceState, callee: Object) -> str:
    """Return the address of the Service that leads to a pod of Bookinfo, "" without one."""
    service = state.services.get(get_labels(callee).get("app", ""))
    return str((service or {}).get("spec", {}).get("clusterIP", ""))


def is_enforced(pod: Object) -> bool:
    """Tell whether a proxy takes what arrives at the application, and so can ask for TLS."""
    return is_protected(pod) and not passes_inbound(pod)


def find_unread_tls(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods whose port is kept from their sidecar, while callers speak mutual TLS to it.

    Mutual TLS is automatic towards a pod with a sidecar, whatever that pod keeps from it.
    """
    for app in APPS:
        pod = next((p for p in list_pods_of(state, app) if passes_inbound(p)), None)
        if pod is None or not has_obeying_caller(state, app):
            continue
        told = {get_tls_mode(rule) for rule in list_obeyed_rules(state, app)}
        if "DISABLE" in told or find_policy(state, pod)[0] == "DISABLE":
            continue
        yield Finding(
            Text(
                "{pod} keeps its port from its sidecar, and callers send mutual TLS, which the "
                "application does not speak: callers get 503.",
                pod=get_name(pod),
            ),
            (show_annotations(pod, INBOUND),),
            Fix(
                advice=Text(
                    "Take the annotation out of the template, or let a DestinationRule send plain "
                    "text (tls mode DISABLE)."
                )
            ),
            frozenset({f"Service/{app}", f"app/{app}"}),
        )


def find_conflict(state: NamespaceState) -> Iterator[Finding]:
    """Yield where a client's TLS disagrees with what the callee takes, mostly by a
    DestinationRule."""
    yield from find_unread_tls(state)
    for app in APPS:
        pods = list_pods_of(state, app)
        # A captured pod is reached by the mesh's own tunnel, whatever a DestinationRule says.
        if not pods or is_captured(pods[0]) or not has_obeying_caller(state, app):
            continue
        for rule in list_obeyed_rules(state, app):
            mode = get_tls_mode(rule)
            pod = find_contradicting(state, app, mode)
            if pod is None:
                continue
            asked, policy = find_policy(state, pod)
            shown = [show_field(policy, "mtls.mode", asked)] if policy else []
            yield Finding(
                Text(
                    "{rule} sends {mode} to {service}, which takes {asked}: callers get 503, "
                    "flag {flag}.",
                    rule=describe(rule),
                    mode=mode,
                    service=app,
                    asked=describe_taken(asked, protected=is_protected(pod)),
                    flag="UC" if mode == "DISABLE" else "UF",
                ),
                (show_field(rule, "trafficPolicy.tls.mode", mode), *shown),
                Fix(
                    line=f"kubectl patch destinationrule {get_name(rule)} "
                    f"-n {rule['metadata']['namespace']} --type=json "
                    """-p '[{"op":"remove","path":"/spec/trafficPolicy/tls"}]'"""
                ),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


def find_contradicting(state: NamespaceState, app: str, mode: str) -> Object | None:
    """Return a pod of an application that requests reach and that does not take a client's TLS
    mode, or None: versions may have policies of their own."""
    for pod in list_pods_of(state, app):
        asked, _ = find_policy(state, pod)
        wrong = is_contradicted(mode, asked, protected=is_enforced(pod))
        if wrong and is_reached(state, app, pod):
            return pod
    return None


def has_obeying_caller(state: NamespaceState, app: str) -> bool:
    """Tell whether an Envoy that obeys DestinationRules calls an application: of a sidecar, or of
    a gateway, which calls productpage alone.

    A captured caller's TLS is ztunnel's: DestinationRules do not reach it.
    """
    callers = [p for caller, callee in CALLS if callee == app for p in list_pods_of(state, caller)]
    gateways = [
        p for p in state.list_own(POD) if is_gateway_pod(p) and "waypoint" not in get_name(p)
    ]
    return any(map(has_sidecar, callers)) or (app == "productpage" and bool(gateways))


def is_contradicted(mode: str, asked: str, *, protected: bool) -> bool:
    """Tell whether a client's TLS mode is not what a callee takes.

    Bookinfo's applications speak no TLS of their own: SIMPLE and MUTUAL reach nobody.
    """
    if mode in ("SIMPLE", "MUTUAL"):
        return True
    if mode == "DISABLE":
        return protected and asked == "STRICT"
    return mode == "ISTIO_MUTUAL" and (asked == "DISABLE" or not protected)


def describe_taken(asked: str, *, protected: bool) -> Text | str:
    """Return what a callee takes: a PeerAuthentication's mode, or plain text without a proxy."""
    if not protected:
        return Text("plain text")
    return Text("plain text or the mesh's own mutual TLS") if asked == "PERMISSIVE" else asked


def get_tls_mode(rule: Object, port: int = 9080) -> str:
    """Return the TLS mode of a DestinationRule for a port, of its whole host or of a subset; ""
    for none. What is said of the port stands in for the rest.
    """
    policies = [
        rule["spec"].get("trafficPolicy") or {},
        *(s.get("trafficPolicy") or {} for s in rule["spec"].get("subsets") or []),
    ]
    for policy in policies:
        levels = policy.get("portLevelSettings") or []
        own = [x for x in levels if (x.get("port") or {}).get("number") == port]
        if mode := ((own or [policy])[0].get("tls") or {}).get("mode"):
            return str(mode)
    return ""


def find_bot_outside(state: NamespaceState) -> Iterator[Finding]:
    """Yield that STRICT refuses what comes through the API server, while all callers have a proxy.

    The bot's own questions to an application are of that kind.
    """
    pods = [p for app in APPS for p in list_pods_of(state, app)]
    strict = [(p, policy) for p in pods if (policy := find_strict_policy(state, p))]
    if strict and all(is_protected(p) for p in pods):
        policy = strict[0][1]
        yield Finding(
            Text(
                "{policy} asks for STRICT mutual TLS: what asks a pod through the API server, as I "
                "do, is reset. Inside the mesh all is well.",
                policy=describe(policy),
            ),
            (show_field(policy, "mtls.mode", "STRICT"),),
            Fix(
                command="traffic once" if list_edge_gateways(state) else "expose",
                advice=Text("Ask through the gateway instead."),
            ),
        )


def find_strict_policy(state: NamespaceState, pod: Object) -> Object | None:
    """Return the policy by which a protected pod takes mutual TLS alone, or None."""
    mode, policy = find_policy(state, pod)
    return policy if mode == "STRICT" and is_protected(pod) else None


CAUSES = (
    Cause(
        "strict-mtls-plain-client",
        Subject.SECURITY,
        "STRICT, and a caller without a proxy, or one that sends past its own.",
        "The PeerAuthentication in force for the callee, and a caller outside the mesh; "
        "connection reset, flag `UC`.",
        "The caller into the mesh, or PERMISSIVE",
        find_plain_client,
        ("inject", "ambient", "mtls"),
        ("caller-outside-mesh",),
        gravity=1,
        source="Istio's PeerAuthentication; measured",
    ),
    Cause(
        "mtls-mode-conflict",
        Subject.SECURITY,
        "A DestinationRule's `tls.mode` disagrees with the PeerAuthentication, or a pod keeps its "
        "port from the sidecar that would read mutual TLS.",
        "Both objects, or the pod's annotation `traffic.sidecar.istio.io/…InboundPorts`; 503 `UC` "
        "or `UF`.",
        "Take `tls` out of the rule, or the annotation out of the template",
        find_conflict,
        ("expose", "route", "mtls"),
        gravity=1,
        source="KIA0207, KIA0501",
    ),
    Cause(
        "strict-mtls-api-server",
        Subject.SECURITY,
        "STRICT resets what comes in plain text through the API server, such as the bot's own "
        "questions; the mesh is well.",
        "The PeerAuthentication; every pod of the application has a proxy.",
        "Ask through the gateway",
        find_bot_outside,
        ("bookinfo", "inject", "fault", "mtls"),
        kind=CauseKind.NORMAL,
        always=True,
        source="the API server is no member of the mesh",
    ),
)
