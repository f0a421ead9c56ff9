"""Requests that an AuthorizationPolicy refuses, found by asking each policy about Bookinfo's calls.

The four kinds of request are known: what productpage and reviews ask, and what a gateway asks
productpage. None of them brings a token, so that request principals and claims are never met. What
cannot be judged from objects (addresses, headers) is taken as met by ALLOW and as not met by DENY,
so that nothing is blamed on a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, show_field
from bot.diagnosis.mesh_state import APPS, CALLS, GATEWAY_NAME, NamespaceState, list_pods_of
from bot.diagnosis.object_facts import matches_labels
from bot.diagnosis.peers import is_protected
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


@dataclass(frozen=True)
class Call:
    """One kind of request: the caller's identity ("" without mutual TLS), and what is asked."""

    caller: str
    callee: Object
    principal: str
    namespace: str
    path: str
    port: int = 9080
    method: str = "GET"
    service: str = ""
    """The Service that a waypoint is asked for; "" where the callee is none."""


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
    for caller, callee in CALLS:
        for source in list_pods_of(state, caller)[:1]:
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
    known = (is_protected(source) or edges[0]) and (is_protected(callee) or edges[1])
    name = name or get_labels(source).get("app") or get_name(source)
    return Call(
        name, callee, principal if known else "", state.namespace if known else "", PATHS[app]
    )


def find_refusing_policy(state: NamespaceState, call: Call) -> tuple[Object, str] | None:
    """Return the policy that refuses a request, and how; None when it gets through."""
    policies = [p for p in list_policies(state) if selects_call(state, p, call)]
    for policy in policies:
        if policy["spec"].get("action") == "DENY" and any(
            matches_rule(rule, call, unsure=False) for rule in policy["spec"].get("rules") or []
        ):
            return policy, "DENY"
    allowing = [p for p in policies if p["spec"].get("action", "ALLOW") == "ALLOW"]
    for policy in allowing:
        if any(matches_rule(rule, call, unsure=True) for rule in policy["spec"].get("rules") or []):
            return None
    return (allowing[0], "ALLOW") if allowing else None


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
    return is_protected(call.callee) or GATEWAY_NAME in labels


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


def matches_rule(rule: Object, call: Call, *, unsure: bool) -> bool:
    """Tell whether a rule matches a request; `unsure` is what a condition counts that cannot be
    judged.
    """
    sources = [each.get("source") or {} for each in rule.get("from") or []]
    operations = [each.get("operation") or {} for each in rule.get("to") or []]
    conditions = rule.get("when") or []
    if not all(matches_condition(each, call, unsure=unsure) for each in conditions):
        return False
    if sources and not any(matches_source(source, call, unsure=unsure) for source in sources):
        return False
    return not operations or any(
        matches_operation(operation, call, unsure=unsure) for operation in operations
    )


def matches_condition(condition: Object, call: Call, *, unsure: bool) -> bool:
    """Tell whether a condition (`when`) matches a request; ztunnel knows nothing of requests."""
    key = str(condition.get("key", ""))
    if key.startswith("request.") and is_captured(call.callee):
        return not unsure
    known = {
        "source.principal": call.principal,
        "source.namespace": call.namespace,
        "destination.port": str(call.port),
    }
    if key not in known and not key.startswith("request.auth."):
        return unsure
    value = known.get(key, "")
    wanted, unwanted = (
        any(value and match_value(str(v), value) for v in condition.get(field) or [])
        for field in ("values", "notValues")
    )
    return (wanted or not condition.get("values")) and not unwanted


def matches_source(source: Object, call: Call, *, unsure: bool) -> bool:
    """Tell whether a source matches the caller's identity; ztunnel knows no request principals."""
    known = {"principals": call.principal, "namespaces": call.namespace, "requestPrincipals": ""}
    for key, values in source.items():
        field = key.removeprefix("not")
        field = field[:1].lower() + field[1:]
        if field == "requestPrincipals" and is_captured(call.callee):
            return not unsure
        if field == "serviceAccounts":
            hit = any(is_account(str(v), call) for v in values)
        elif field in known:
            # Without an identity no value matches, and `notPrincipals` always does.
            hit = bool(known[field]) and any(match_value(v, known[field]) for v in values)
        else:
            return unsure
        if hit == key.startswith("not"):
            return False
    return True


def is_account(value: str, call: Call) -> bool:
    """Tell whether `NAMESPACE/NAME`, or `NAME` of the policy's namespace, is the caller's."""
    place, _, name = value.rpartition("/")
    return bool(call.principal) and call.principal.endswith(
        f"/ns/{place or call.namespace}/sa/{name}"
    )


def matches_operation(operation: Object, call: Call, *, unsure: bool) -> bool:
    """Tell whether an operation matches what is asked; ztunnel knows ports alone.

    A policy that names methods or paths and is enforced by ztunnel refuses more than it says: for
    ztunnel such an ALLOW rule never matches, such a DENY rule always does (Istio 1.23 and 1.30).
    """
    level4 = is_captured(call.callee)
    known = {"methods": call.method, "paths": call.path, "ports": str(call.port)}
    for key, values in operation.items():
        field = key.removeprefix("not")
        field = field[:1].lower() + field[1:]
        if level4 and field != "ports":
            return not unsure
        if field not in known:
            return unsure
        hit = any(match_value(str(v), known[field]) for v in values)
        if hit == key.startswith("not"):
            return False
    return True


def match_value(pattern: str, value: str) -> bool:
    """Tell whether a value is matched exactly, by prefix `x*`, by suffix `*x`, or by `*`."""
    return fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))


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
                Text(
                    "{caller} asks {callee} for {path}, and no rule allows it",
                    caller=call.caller or Text("a browser"),
                    callee=callee,
                    path=call.path,
                )
                if how == "ALLOW"
                else Text(
                    "{caller} asks {callee} for {path}, and a rule denies it",
                    caller=call.caller or Text("a browser"),
                    callee=callee,
                    path=call.path,
                ),
            ),
            choose_fix(policy, str(callee), "" if asked else call.caller),
            frozenset(
                {f"app/{each}" for each in list_refused_apps(calls)}
                | ({f"Gateway/{labels[GATEWAY_NAME]}"} if GATEWAY_NAME in labels else set())
            ),
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
