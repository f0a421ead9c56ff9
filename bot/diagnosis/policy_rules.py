"""Rules of AuthorizationPolicies, asked about one request: whether they match it.

No request of Bookinfo's page brings a token, so that request principals and claims are never met.
What cannot be judged (the address of a browser, a header that may be sent) counts as `unsure` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.diagnosis.sidecar_ports import lies_in
from bot.kinds import Object
from bot.knowledge.objects.mesh_pods import is_captured

SENT = (
    ":*",
    "accept*",
    "authorization",
    "b3",
    "connection",
    "content-*",
    "cookie",
    "end-user",
    "forwarded",
    "host",
    "jwt",
    "origin",
    "referer",
    "sec-*",
    "trace*",
    "upgrade*",
    "user-agent",
    "via",
    "x-b3-*",
    "x-envoy-*",
    "x-forwarded-*",
    "x-ot-*",
    "x-request-id",
)
"""Headers that browsers, Bookinfo and Envoys send or may send; others are in no request."""
USER_KEY = "request.headers[end-user]"
"""The condition on the user, whom productpage and reviews hand on (Bookinfo 1.20)."""


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
    address: str = ""
    """The caller's address, "" where it is not known."""
    host: str = ""
    """What its Host header says, "" where that is the browser's to say."""
    user: str | None = None
    """The user in the header end-user, "" for nobody; None where it is not known."""


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
    if key.lower() == USER_KEY and call.user is not None and not is_captured(call.callee):
        return matches_values(condition, call.user)
    if key.startswith("request.") and is_captured(call.callee):
        return not unsure
    if key in ("source.ip", "remote.ip") and not call.address:
        return unsure
    known = {
        "source.principal": call.principal,
        "source.namespace": call.namespace,
        "destination.port": str(call.port),
        "source.ip": call.address,
        "remote.ip": call.address,
    }
    # A browser may send whatever its user likes; Bookinfo hands on a few headers only.
    absent = key.startswith("request.auth.") or (bool(call.host) and is_never_sent(key))
    if key not in known and not absent:
        return unsure
    return matches_values(condition, known.get(key, ""))


def matches_values(condition: Object, value: str) -> bool:
    """Tell whether a condition's values, and notValues, match a value; none match ""."""
    match = lies_in_range if str(condition.get("key")).endswith(".ip") else match_value
    wanted, unwanted = (
        any(value and match(str(v), value) for v in condition.get(field) or [])
        for field in ("values", "notValues")
    )
    return (wanted or not condition.get("values")) and not unwanted


def is_never_sent(key: str) -> bool:
    """Tell whether a condition is about a header that no request of the page has."""
    name, _, header = key.partition("[")
    header = header.rstrip("]").lower()
    return name == "request.headers" and not any(fnmatchcase(header, h) for h in SENT)


def lies_in_range(network: str, address: str) -> bool:
    """Tell whether an address lies in a block of addresses, or is the one that is written."""
    return lies_in(address, network)


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
        elif field in ("ipBlocks", "remoteIpBlocks") and call.address:
            hit = any(lies_in(call.address, str(v)) for v in values)
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
    if call.host:
        known["hosts"] = call.host
    for key, values in operation.items():
        field = key.removeprefix("not")
        field = field[:1].lower() + field[1:]
        if level4 and field != "ports":
            return not unsure
        if field not in known:
            return unsure
        # Hosts are compared without regard to case.
        hit = any(
            match_value(str(v).lower() if field == "hosts" else str(v), known[field])
            for v in values
        )
        if hit == key.startswith("not"):
            return False
    return True


def match_value(pattern: str, value: str) -> bool:
    """Tell whether a value is matched exactly, by prefix `x*`, by suffix `*x`, or by `*`."""
    return fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))
