"""Requests that an AuthorizationPolicy refuses, found by asking each policy about Bookinfo's calls.

The four kinds of request are known: what productpage and reviews ask, and what a gateway asks
productpage. None of them brings a token, so that request principals and claims are never met. What
cannot be judged from objects (addresses, headers) is taken as met by ALLOW and as not met by DENY,
so that nothing is blamed on a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, show_field
from bot.diagnosis.mesh_state import APPS, CALLS, GATEWAY_NAME, NamespaceState, list_pods_of
from bot.diagnosis.object_facts import matches_labels
from bot.diagnosis.peers import is_protected
from bot.diagnosis.policy_rules import Call, matches_rule
from bot.diagnosis.reach import list_policy_users
from bot.diagnosis.sidecar_ports import passes_inbound, passes_outbound
from bot.diagnosis.waypoint_binding import find_waypoint_pod
from bot.kinds import AUTHORIZATION_POLICY, POD, Object
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.ownership import is_own
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text

PATHS = {
    "productpage": "/productpage",
    "details": "/details/0",
    "reviews": "/reviews/0",
    "ratings": "/ratings/0",
}
"""What is asked of each application (Bookinfo 1.20)."""
DRY_RUN = "istio.io/dry-run"


def list_bookinfo_calls(state: NamespaceState) -> Iterator[Call]:
    """Yield the requests that make up the page, from the gateway on."""
    gateways = [
        p
        for p in state.list_own(POD)
        if GATEWAY_NAME in get_labels(p) and "waypoint" not in get_name(p)
    ]
    for gateway in gateways[:1]:
        yield Call("", gateway, "", "", PATHS["productpage"], 80)
        for pod in list_pods_of(state, "productpage"):
            yield build_call(state, gateway, pod, "productpage")
    users = ("", *list_policy_users(state))
    for caller, callee in CALLS:
        for source in list_pods_of(state, caller)[:1]:
            for call in list_calls_of(state, source, caller, callee):
                yield from (replace(call, user=user) for user in users)


def list_calls_of(
    state: NamespaceState, source: Object, caller: str, callee: str
) -> Iterator[Call]:
    """Yield the requests of a pod to an application: to its waypoint, and to its pods."""
    waypoint = find_waypoint_pod(state, callee) if is_captured(source) else None
    if waypoint is not None:
        yield replace(build_call(state, source, waypoint, callee), service=callee)
    for pod in list_pods_of(state, callee):
        # Behind a waypoint a pod's ztunnel sees the waypoint's identity.
        yield build_call(state, waypoint or source, pod, callee, name=caller)


def build_call(
    state: NamespaceState, source: Object, callee: Object, app: str, *, name: str = ""
) -> Call:
    """Return the request of one pod to another, with the identity that mutual TLS gives it."""
    account = source["spec"].get("serviceAccountName") or "default"
    principal = f"cluster.local/ns/{state.namespace}/sa/{account}"
    edges = [GATEWAY_NAME in get_labels(pod) for pod in (source, callee)]
    past = passes_outbound(source, str(get_cluster_address(state, app)))
    known = (is_protected(source) or edges[0]) and (is_protected(callee) or edges[1]) and not past
    name = name or get_labels(source).get("app") or get_name(source)
    return Call(
        name,
        callee,
        principal if known else "",
        state.namespace if known else "",
        PATHS[app],
        address=str((source.get("status") or {}).get("podIP", "")),
        # As its callers write it; neither Istio nor Envoy takes the port off.
        host="" if edges[0] else f"{app}:9080",
    )


def get_cluster_address(state: NamespaceState, app: str) -> str:
    """Return the address of an application's Service, "" without one."""
    return str((state.services.get(app) or {}).get("spec", {}).get("clusterIP", ""))


def find_refusing_policy(state: NamespaceState, call: Call) -> tuple[Object, str] | None:
    """Return the policy that refuses a request, and how; None when it gets through."""
    policies = [
        p for p in list_policies(state) if selects_call(state, p, call) and not is_dry_run(p)
    ]
    for policy in policies:
        if denies_matches(state, policy, call) and any(
            matches_rule(rule, call, unsure=False) for rule in policy["spec"].get("rules") or []
        ):
            return policy, str(policy["spec"]["action"])
    allowing = [p for p in policies if p["spec"].get("action", "ALLOW") == "ALLOW"]
    for policy in allowing:
        if any(matches_rule(rule, call, unsure=True) for rule in policy["spec"].get("rules") or []):
            return None
    return (allowing[0], "ALLOW") if allowing else None


def is_dry_run(policy: Object) -> bool:
    """Tell whether a policy is only tried out: an Envoy counts what it would do, ztunnel ignores
    it."""
    annotations = policy["metadata"].get("annotations") or {}
    return str(annotations.get(DRY_RUN, "")) in ("1", "t", "T", "TRUE", "true", "True")


def denies_matches(state: NamespaceState, policy: Object, call: Call) -> bool:
    """Tell whether a policy denies what its rules match: DENY, or CUSTOM with an authorizer that
    the mesh does not have (Istio 1.23 and 1.30); ztunnel does not read CUSTOM."""
    spec = policy["spec"]
    if spec.get("action") != "CUSTOM":
        return bool(spec.get("action") == "DENY")
    wanted = (spec.get("provider") or {}).get("name")
    known = [
        each.get("name")
        for each in state.cluster.mesh_config.get("extensionProviders") or []
        if any(key.startswith("envoyExtAuthz") for key in each)
    ]
    return bool(state.cluster.mesh_config) and wanted not in known and not is_captured(call.callee)


def list_policies(state: NamespaceState) -> list[Object]:
    """Return the policies of the namespace and of the mesh's, whose reach is everywhere."""
    own = state.list_own(AUTHORIZATION_POLICY)
    if state.namespace == state.cluster.mesh_namespace:
        return own
    return [*own, *state.shared.list_mesh(AUTHORIZATION_POLICY)]


def selects_call(state: NamespaceState, policy: Object, call: Call) -> bool:
    """Tell whether a policy is enforced where a call arrives.

    With targetRefs it is for gateways and waypoints; without, for pods that have a proxy and for
    gateways, and never for waypoints.
    """
    spec, labels = policy.get("spec") or {}, get_labels(call.callee)
    targets = [
        *(spec.get("targetRefs") or []),
        *([spec["targetRef"]] if "targetRef" in spec else []),
    ]
    if targets:
        shared = policy["metadata"].get("namespace") == state.cluster.mesh_namespace
        return any(is_target(each, call, shared=shared) for each in targets)
    selector = (spec.get("selector") or {}).get("matchLabels") or {}
    if call.service or (selector and not matches_labels(selector, labels)):
        return False
    taken = is_protected(call.callee) and not passes_inbound(call.callee)
    return taken or GATEWAY_NAME in labels


def is_target(target: Object, call: Call, *, shared: bool) -> bool:
    """Tell whether a targetRef names what a call arrives at; `shared` is a policy of the mesh's
    namespace, which may name a GatewayClass.
    """
    match target.get("kind"):
        case "Gateway":
            name = get_labels(call.callee).get(GATEWAY_NAME)
            return not shared and name is not None and target.get("name") == name
        case "Service":
            return not shared and bool(call.service) and target.get("name") == call.service
        case "GatewayClass":
            return shared and bool(call.service) and target.get("name") == "istio-waypoint"
    return False


def find_denied(state: NamespaceState) -> Iterator[Finding]:
    """Yield policies that refuse requests of the page, but for what was asked for."""
    yield from build_findings(state, asked=False)


def find_asked(state: NamespaceState) -> Iterator[Finding]:
    """Yield policies of the bot's own that refuse whom they were asked to refuse."""
    yield from build_findings(state, asked=True)


def is_asked_for(state: NamespaceState, policy: Object, call: Call) -> bool:
    """Tell whether the bot made a policy, and it names other callers than this one.

    One that names the caller and refuses it all the same does not do what was asked for.
    """
    named = [
        str(principal)
        for rule in policy["spec"].get("rules") or []
        for each in rule.get("from") or []
        for principal in (each.get("source") or {}).get("principals") or []
    ]
    accounts = {
        f"/sa/{pod['spec'].get('serviceAccountName') or 'default'}"
        for pod in list_pods_of(state, call.caller)
    }
    return is_own(policy) and not any(name.endswith(tuple(accounts)) for name in named)


def build_findings(state: NamespaceState, *, asked: bool) -> Iterator[Finding]:
    """Yield a finding for each policy that refuses requests, as it was asked to or not."""
    refused: dict[str, tuple[Object, str, list[Call]]] = {}
    for call in list_bookinfo_calls(state):
        if found := find_refusing_policy(state, call):
            policy, how = found
            if is_asked_for(state, policy, call) is not asked:
                continue
            refused.setdefault(describe(policy), (policy, how, []))[2].append(call)
    for name, (policy, how, calls) in refused.items():
        call = calls[0]
        labels = get_labels(call.callee)
        callee = call.service or labels.get("app") or labels.get(GATEWAY_NAME)
        callee = callee or get_name(call.callee)
        rules = policy.get("spec", {}).get("rules") or []
        yield Finding(
            Text(
                "{policy} refuses requests to {callee}: 403, RBAC: access denied.",
                policy=name,
                callee=callee,
            ),
            (
                show_field(policy, "action", f"{how}, {len(rules)} rules"),
                show_refusal(policy, how, call, callee=str(callee)),
            ),
            choose_fix(policy, str(callee), "" if asked else call.caller),
            frozenset(
                {f"app/{each}" for each in list_refused_apps(calls)}
                | ({f"Gateway/{labels[GATEWAY_NAME]}"} if GATEWAY_NAME in labels else set())
            ),
        )


def show_refusal(policy: Object, how: str, call: Call, *, callee: str) -> Text:
    """Return which request is refused, and for want of what."""
    caller: Text | str = call.caller or Text("a browser")
    if call.user:
        caller = Text("{caller} (for {user})", caller=caller, user=call.user)
    if how == "ALLOW":
        return Text(
            "{caller} asks {callee} for {path}, and no rule allows it",
            caller=caller,
            callee=callee,
            path=call.path,
        )
    if how == "CUSTOM":
        return Text(
            "{caller} asks {callee} for {path}, and the mesh has no provider {provider} to "
            "decide: what a rule matches is denied",
            caller=caller,
            callee=callee,
            path=call.path,
            provider=str((policy["spec"].get("provider") or {}).get("name", "")),
        )
    return Text(
        "{caller} asks {callee} for {path}, and a rule denies it",
        caller=caller,
        callee=callee,
        path=call.path,
    )


def choose_fix(policy: Object, callee: str, caller: str) -> Fix:
    """Return what ends a refusal: the step that made the policy, or else a look at it.

    A `caller` whom the policy is to let in gets in when the step is done anew, "" is refused on
    purpose.
    """
    if is_own(policy) and caller and callee in APPS:
        source = f" from {caller}" if caller in APPS else ""
        return Fix(command=f"authorize {callee}{source}")
    if is_own(policy):
        return Fix(command="authorize off")
    return Fix(
        line=f"kubectl describe authorizationpolicy {get_name(policy)} "
        f"-n {policy['metadata']['namespace']}"
    )


def list_refused_apps(calls: Sequence[Call]) -> set[str]:
    """Return the applications that are refused: a gateway stands for productpage."""
    found = {call.service or get_labels(call.callee).get("app", "") for call in calls}
    return {each or "productpage" for each in found}


CAUSES = (
    Cause(
        "authorization-denies",
        Subject.SECURITY,
        "An AuthorizationPolicy refuses requests.",
        "403 `RBAC: access denied`, and a policy that selects the callee.",
        "Change or delete the policy",
        find_denied,
        ("authorize", "waypoint"),
        gravity=1,
        source="Istio's reference of AuthorizationPolicy",
    ),
    Cause(
        "authorization-asked-for",
        Subject.SECURITY,
        "`/mesh authorize` lets only some callers in, and another one is refused: that is meant.",
        "An AuthorizationPolicy that the bot made, and a call of one whom it does not name.",
        "`/mesh authorize off` ends it",
        find_asked,
        kind=CauseKind.NORMAL,
        by_object=True,
        source="managedFields of the policy",
    ),
)
