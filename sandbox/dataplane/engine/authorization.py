"""AuthorizationPolicies: which requests a sidecar, a gateway, a waypoint or a ztunnel refuses.

An Envoy answers `403 RBAC: access denied`, or cuts a TCP connection; ztunnel, which knows no HTTP,
cuts connections. Policies with targetRefs are for gateways and waypoints, the others for pods, and
never for waypoints (Istio 1.23 and 1.30). DENY and ALLOW are played, and CUSTOM where the mesh
knows no provider of that name: an Envoy then denies what its rules match. What is marked
`istio.io/dry-run` refuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.selectors import has_labels
from sandbox.dataplane.engine.http_messages import Call, Reply
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.pods import get_annotations
from sandbox.dataplane.objects.world import ROOT_NAMESPACE, Objects

_TRUST_DOMAIN = "cluster.local"
_DRY_RUN = "istio.io/dry-run"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")


@dataclass(frozen=True)
class Policies:
    """All policies, and the mesh's configuration, which has the providers of CUSTOM ones."""

    objects: Objects
    mesh: Object = field(default_factory=dict)

    def has_provider(self, spec: Object) -> bool:
        """Tell whether the mesh has the authorizer that a CUSTOM policy names."""
        wanted = (spec.get("provider") or {}).get("name")
        return any(
            each.get("name") == wanted and any(key.startswith("envoyExtAuthz") for key in each)
            for each in self.mesh.get("extensionProviders") or ()
        )


@dataclass(frozen=True)
class RequestFacts:
    """What a policy is asked about: the peer's identity ("" without mutual TLS) and address, the
    port, and the request where somebody reads HTTP (`layer7`).
    """

    account: str = ""
    namespace: str = ""
    address: str = ""
    port: int = 0
    layer7: bool = True
    call: Call | None = field(default=None, repr=False)

    @property
    def principal(self) -> str:
        """The peer's identity as policies write it."""
        if not self.account:
            return ""
        return f"{_TRUST_DOMAIN}/ns/{self.namespace}/sa/{self.account}"


def build_facts(
    client: Workload | None, port: int, call: Call, *, encrypted: bool, layer7: bool = True
) -> RequestFacts:
    """Return the facts of a request; without mutual TLS a client has no identity."""
    known = client if encrypted else None
    return RequestFacts(
        account=known.account if known else "",
        namespace=known.namespace if known else "",
        address=client.address if client else "",
        port=port,
        layer7=layer7,
        call=call,
    )


def build_denial(now: float) -> Reply:
    """Return an Envoy's answer to what a policy refuses."""
    return Reply(now, 403, b"RBAC: access denied", {"content-type": "text/plain"})


def is_refused(
    world: Policies, enforcer: Workload, facts: RequestFacts, service: Object | None = None
) -> bool:
    """Tell whether a proxy, or the ztunnel before a pod, refuses a request; `service` is what a
    waypoint is asked for.
    """
    there = [p for p in world.objects.values() if _is_for(p, enforcer, service)]
    specs = [p.get("spec") or {} for p in there if get_annotations(p).get(_DRY_RUN) not in _TRUE]
    denying = [s for s in specs if s.get("action") == "DENY"]
    if enforcer.proxy is not None:
        denying += [s for s in specs if s.get("action") == "CUSTOM" and not world.has_provider(s)]
    if any(_matches_any(s, facts, denying=True) for s in denying):
        return True
    allowing = [s for s in specs if s.get("action", "ALLOW") == "ALLOW"]
    return bool(allowing) and not any(_matches_any(s, facts, denying=False) for s in allowing)


def _is_for(policy: Object, enforcer: Workload, service: Object | None) -> bool:
    home, spec = policy["metadata"]["namespace"], policy.get("spec") or {}
    targets = spec.get("targetRefs") or ([spec["targetRef"]] if spec.get("targetRef") else [])
    gateway = enforcer.proxy.name if enforcer.proxy else ""
    if targets:
        return bool(gateway) and any(_is_target(t, home, enforcer, service) for t in targets)
    if enforcer.kind == "waypoint" or home not in (enforcer.namespace, ROOT_NAMESPACE):
        return False
    selector = (spec.get("selector") or {}).get("matchLabels") or {}
    return has_labels(dict(enforcer.labels), selector)


def _is_target(target: Object, home: str, enforcer: Workload, service: Object | None) -> bool:
    match target.get("kind"):
        case "Gateway":
            name = enforcer.proxy.name if enforcer.proxy else ""
            return bool(home == enforcer.namespace and target.get("name") == name)
        case "GatewayClass":
            waypoint = enforcer.kind == "waypoint" and target.get("name") == "istio-waypoint"
            return waypoint and home == ROOT_NAMESPACE
        case "Service":
            meta = service["metadata"] if service is not None else {}
            asked = (meta.get("namespace"), meta.get("name"))
            return enforcer.kind == "waypoint" and asked == (home, target.get("name"))
    return False


def _matches_any(spec: Object, facts: RequestFacts, *, denying: bool) -> bool:
    return any(_matches_rule(r or {}, facts, denying=denying) for r in spec.get("rules") or ())


def _matches_rule(rule: Object, facts: RequestFacts, *, denying: bool) -> bool:
    sources = [each.get("source") or {} for each in rule.get("from") or ()]
    operations = [each.get("operation") or {} for each in rule.get("to") or ()]
    readers = _SOURCE_FIELDS, _OPERATION_FIELDS
    for parts, fields in zip((sources, operations), readers, strict=True):
        if parts and not any(_matches_part(p, fields, facts, denying=denying) for p in parts):
            return False
    return all(_matches_condition(c, facts, denying=denying) for c in rule.get("when") or ())


Reader = Callable[[RequestFacts, str], bool]
"""Tells whether a request has a value that fits the pattern."""


def _matches_part(
    part: Object, fields: Mapping[str, Reader], facts: RequestFacts, *, denying: bool
) -> bool:
    """Tell whether all fields of a source or operation fit; `notX` asks for the opposite of `x`."""
    for key, values in part.items():
        name = key[3:4].lower() + key[4:] if key.startswith("not") else key
        if name in _LAYER7 and not facts.layer7:
            # What nobody can read fits a DENY rule and never an ALLOW one, so that a rule for
            # HTTP lets nothing more through where there is no HTTP.
            if not denying:
                return False
            continue
        read = fields.get(name)
        hit = read is not None and any(read(facts, str(value)) for value in values or ())
        if hit == key.startswith("not"):
            return False
    return True


def _matches_condition(condition: Object, facts: RequestFacts, *, denying: bool) -> bool:
    key = str(condition.get("key", ""))
    name, _, header = key.partition("[")
    if name.startswith("request.") and not facts.layer7:
        return denying

    def fits(pattern: str) -> bool:
        if name == "request.headers":
            return _fits(pattern, _get_headers(facts).get(header.rstrip("]").lower(), ""))
        read = _CONDITIONS.get(name)
        return read is not None and read(facts, pattern)

    values, others = condition.get("values"), condition.get("notValues")
    return (not values or _any(fits, values)) and not (others and _any(fits, others))


def _any(fits: Callable[[str], bool], values: Iterable[object]) -> bool:
    return any(fits(str(value)) for value in values)


def _fits(pattern: str, value: str) -> bool:
    """Tell whether a value fits: exactly, by prefix `x*`, by suffix `*x`, or is there at all."""
    if pattern == "*":
        return bool(value)
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value.endswith(pattern[1:]) if pattern.startswith("*") else value == pattern


def _get_headers(facts: RequestFacts) -> Mapping[str, str]:
    return facts.call.headers if facts.call else {}


def _fits_host(facts: RequestFacts, pattern: str) -> bool:
    # With the port, where the caller's Host header has one: neither Istio nor Envoy takes it off.
    return _fits(pattern.lower(), facts.call.authority.lower() if facts.call else "")


def _fits_address(facts: RequestFacts, block: str) -> bool:
    return bool(facts.address) and ip_address(facts.address) in ip_network(block, strict=False)


def _fits_account(facts: RequestFacts, value: str) -> bool:
    """Fit `namespace/account`, or an account of any namespace's (1.26 and newer)."""
    namespace, slash, account = value.rpartition("/")
    return facts.account == account and (not slash or facts.namespace == namespace)


def _fits_method(facts: RequestFacts, pattern: str) -> bool:
    return _fits(pattern, facts.call.method if facts.call else "")


def _fits_path(facts: RequestFacts, pattern: str) -> bool:
    return _fits(pattern, facts.call.path if facts.call else "")


def _fits_principal(facts: RequestFacts, pattern: str) -> bool:
    return _fits(pattern, facts.principal)


def _fits_namespace(facts: RequestFacts, pattern: str) -> bool:
    return _fits(pattern, facts.namespace)


def _fits_port(facts: RequestFacts, value: str) -> bool:
    return value == str(facts.port)


_SOURCE_FIELDS: Mapping[str, Reader] = {
    "principals": _fits_principal,
    "namespaces": _fits_namespace,
    "serviceAccounts": _fits_account,
    "ipBlocks": _fits_address,
    "remoteIpBlocks": _fits_address,
}
_OPERATION_FIELDS: Mapping[str, Reader] = {
    "hosts": _fits_host,
    "methods": _fits_method,
    "paths": _fits_path,
    "ports": _fits_port,
}
_CONDITIONS: Mapping[str, Reader] = {
    "source.ip": _fits_address,
    "remote.ip": _fits_address,
    "source.namespace": _fits_namespace,
    "source.principal": _fits_principal,
    "destination.port": _fits_port,
}
_LAYER7 = ("hosts", "methods", "paths", "requestPrincipals", "remoteIpBlocks")
