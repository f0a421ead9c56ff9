"""Validation of Istio's own kinds: what istiod's webhook `/validate` answers, in the words of the real one.

The wordings were collected from a running istiod and agree with those recorded of 1.23.2 and 1.30.3. Checks that
the schemas of the CRDs make on a real cluster (required fields, enumerations) are made here where istiod has them too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from bot.sandbox.cluster.contract import Object
from bot.sandbox.istio.validation_gateway import check_gateway, check_sidecar
from bot.sandbox.istio.validation_http import check_http, check_tcp, check_tls, unused_rules
from bot.sandbox.istio.validation_parts import (
    Finding,
    Findings,
    check_domain,
    check_labels,
    check_subset_name,
    each,
    joined,
)
from bot.sandbox.istio.validation_policy import check_traffic_policy


class Verdict(NamedTuple):
    """What is wrong with one object ("" when nothing is) and what is odd about it."""

    error: str
    warnings: list[str]


def review(body: bytes) -> Object:
    """Answers an AdmissionReview of the creation or change of an Istio object."""
    question = json.loads(body)["request"]
    verdict = validate(question.get("object") or {})
    response: Object = {"uid": question["uid"], "allowed": not verdict.error}
    if verdict.error:
        response["status"] = {"message": f"configuration is invalid: {verdict.error}"}
    if verdict.warnings:
        response["warnings"] = verdict.warnings
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def validate(obj: Object) -> Verdict:
    """Checks one object of Istio's groups; kinds without checks of their own are always right."""
    spec = obj.get("spec") or {}
    check = _CHECKS.get(obj.get("kind", ""))
    if check is None:
        return Verdict("", [])
    warnings = unused_rules(each(spec.get("http"))) if obj["kind"] == "VirtualService" else []
    return Verdict(joined(list(check(spec))), warnings)


def _virtual_service(spec: Object) -> Findings:
    hosts = spec.get("hosts") or []
    for gateway in spec.get("gateways") or []:
        yield from _gateway_name(gateway)
    yield from _hosts(hosts, in_mesh="mesh" in (spec.get("gateways") or ["mesh"]))
    if not any(spec.get(kind) for kind in ("http", "tcp", "tls")):
        yield Finding("http, tcp or tls must be provided in virtual service")
    for route in each(spec.get("http")):
        yield from check_http(route, delegate=not hosts)
    for route in each(spec.get("tls")):
        yield from check_tls(route)
    for route in each(spec.get("tcp")):
        yield from check_tcp(route)


def _hosts(hosts: list[str], *, in_mesh: bool) -> Findings:
    seen: set[str] = set()
    for host in hosts:
        if host in seen:
            yield Finding(f"duplicate hosts in virtual service: {host} & {host}")
        seen.add(host)
        if host == "*" and in_mesh:
            yield Finding("wildcard host * is not allowed for virtual services bound to the mesh gateway")
        yield from check_domain(host)


def _gateway_name(gateway: str) -> Findings:
    if gateway == "mesh":
        return
    namespace, slash, name = gateway.partition("/")
    if slash and "/" in name:
        yield Finding(f'invalid value for gateway name: "{name}"')
    else:
        yield from check_domain(name if slash else namespace)


def _destination_rule(spec: Object) -> Findings:
    yield from check_domain(spec.get("host") or "")
    yield from check_traffic_policy(spec.get("trafficPolicy"))
    seen: set[str] = set()
    for subset in each(spec.get("subsets")):
        name = subset.get("name") or ""
        yield from check_subset_name(name)
        if name and name in seen:
            yield Finding(f"duplicate subset names: {name}")
        seen.add(name)
        yield from check_labels(subset.get("labels") or {})
        yield from check_traffic_policy(subset.get("trafficPolicy"))


def _service_entry(spec: Object) -> Findings:
    if not spec.get("hosts"):
        yield Finding("service entry must have at least one host")
    for host in spec.get("hosts") or []:
        yield from check_domain(host)
    numbers = [port.get("number") for port in each(spec.get("ports"))]
    for number in dict.fromkeys(n for n in numbers if numbers.count(n) > 1):
        yield Finding(f"service entry port {number} already defined")


_CHECKS: dict[str, Callable[[Object], Findings]] = {
    "VirtualService": _virtual_service,
    "DestinationRule": _destination_rule,
    "Gateway": check_gateway,
    "ServiceEntry": _service_entry,
    "Sidecar": check_sidecar,
}
