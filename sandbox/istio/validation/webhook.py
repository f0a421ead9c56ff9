"""Validation of Istio's own kinds: the answers of istiod's webhook `/validate`.

The messages were collected from a running istiod and agree with those recorded of
1.23.2 and 1.30.3. Checks that the schemas of the CRDs make on a real cluster
(required fields, enumerations) are made here where istiod has them too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from sandbox.cluster.contract import Object
from sandbox.istio.validation.gateway import check_gateway, check_sidecar
from sandbox.istio.validation.http import (
    check_http_route,
    check_tcp_route,
    check_tls_route,
)
from sandbox.istio.validation.parts import (
    Findings,
    ValidationFinding,
    check_domain,
    check_exports,
    check_selector_labels,
    check_subset_name,
    filter_objects,
    join_findings,
)
from sandbox.istio.validation.policy import check_traffic_policy
from sandbox.istio.validation.unreachable import find_unused_rules


class ValidationResult(NamedTuple):
    """The error of one object ("" when it is valid) and its warnings."""

    error: str
    warnings: list[str]


def answer_validation_review(body: bytes, version: str = "") -> Object:
    """Answer the AdmissionReview of the creation or change of an Istio object, as istiod of that
    version does.
    """
    question = json.loads(body)["request"]
    verdict = validate_object(question.get("object") or {}, version)
    response: Object = {"uid": question["uid"], "allowed": not verdict.error}
    if verdict.error:
        response["status"] = {"message": f"configuration is invalid: {verdict.error}"}
    if verdict.warnings:
        response["warnings"] = verdict.warnings
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def validate_object(obj: Object, version: str = "") -> ValidationResult:
    """Check one object of Istio's groups; kinds without checks of their own are always valid."""
    old = version.startswith("1.23.")
    spec = obj.get("spec") or {}
    check = _CHECKS.get(obj.get("kind", ""))
    if check is None:
        return ValidationResult("", list_unplayed(obj))
    warnings = (
        find_unused_rules(filter_objects(spec.get("http")), behind_all=not old)
        if obj["kind"] == "VirtualService"
        else []
    )
    return ValidationResult(join_findings(list(check(spec))), warnings)


def list_unplayed(obj: Object) -> list[str]:
    """Return warnings about what is stored here and, unlike in a real mesh, steers nothing."""
    kind, spec = obj.get("kind", ""), obj.get("spec") or {}
    if kind in _UNPLAYED:
        return [f"the sandbox stores {kind} and does not play it"]
    if kind == "AuthorizationPolicy" and spec.get("action") == "CUSTOM":
        return ["the sandbox asks no external authorizer; where the mesh has none, it denies"]
    if kind == "AuthorizationPolicy" and spec.get("action") == "AUDIT":
        return [f"the sandbox does not play action AUDIT of {kind}"]
    return []


_UNPLAYED = ("RequestAuthentication", "EnvoyFilter", "WasmPlugin", "ProxyConfig", "WorkloadEntry")


def _check_virtual_service(spec: Object) -> Findings:
    hosts = spec.get("hosts") or []
    yield from check_exports(spec)
    for gateway in spec.get("gateways") or []:
        yield from _check_gateway_name(gateway)
    yield from _check_hosts(hosts, in_mesh="mesh" in (spec.get("gateways") or ["mesh"]))
    if not any(spec.get(kind) for kind in ("http", "tcp", "tls")):
        yield ValidationFinding("http, tcp or tls must be provided in virtual service")
    for route in filter_objects(spec.get("http")):
        yield from check_http_route(route, delegate=not hosts)
    for route in filter_objects(spec.get("tls")):
        yield from check_tls_route(route)
    for route in filter_objects(spec.get("tcp")):
        yield from check_tcp_route(route)


def _check_hosts(hosts: list[str], *, in_mesh: bool) -> Findings:
    seen: set[str] = set()
    for host in hosts:
        if host in seen:
            yield ValidationFinding(f"duplicate hosts in virtual service: {host} & {host}")
        seen.add(host)
        if host == "*" and in_mesh:
            yield ValidationFinding(
                "wildcard host * is not allowed for virtual services bound to the mesh gateway"
            )
        yield from check_domain(host)


def _check_gateway_name(gateway: str) -> Findings:
    if gateway == "mesh":
        return
    namespace, slash, name = gateway.partition("/")
    if slash and "/" in name:
        yield ValidationFinding(f'invalid value for gateway name: "{name}"')
    else:
        yield from check_domain(name if slash else namespace)


def _check_destination_rule(spec: Object) -> Findings:
    yield from check_domain(spec.get("host") or "")
    yield from check_exports(spec)
    yield from check_traffic_policy(spec.get("trafficPolicy"))
    seen: set[str] = set()
    for subset in filter_objects(spec.get("subsets")):
        name = subset.get("name") or ""
        yield from check_subset_name(name)
        if name and name in seen:
            yield ValidationFinding(f"duplicate subset names: {name}")
        seen.add(name)
        yield from check_selector_labels(subset.get("labels") or {})
        yield from check_traffic_policy(subset.get("trafficPolicy"))


def _check_service_entry(spec: Object) -> Findings:
    if not spec.get("hosts"):
        yield ValidationFinding("service entry must have at least one host")
    for host in spec.get("hosts") or []:
        yield from check_domain(host)
    numbers = [port.get("number") for port in filter_objects(spec.get("ports"))]
    for number in dict.fromkeys(n for n in numbers if numbers.count(n) > 1):
        yield ValidationFinding(f"service entry port {number} already defined")


_CHECKS: dict[str, Callable[[Object], Findings]] = {
    "VirtualService": _check_virtual_service,
    "DestinationRule": _check_destination_rule,
    "Gateway": check_gateway,
    "ServiceEntry": _check_service_entry,
    "Sidecar": check_sidecar,
}
