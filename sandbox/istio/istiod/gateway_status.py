"""The status that istiod writes to a Gateway: conditions, addresses and listeners."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.istio.istiod.certificates import FORBIDDEN
from sandbox.istio.istiod.conditions import build_condition, merge_conditions
from sandbox.istio.istiod.routes import ROUTE_KINDS
from sandbox.releases.release import IstiodTraits

_PROTOCOLS = frozenset({"HTTP", "HTTPS", "TLS", "TCP"})


@dataclass
class GatewayState:
    """The state of a Gateway's deployment: its Service, readiness, routes and missing secrets."""

    host: str
    service: Object | None
    ready: bool
    attached: dict[str, int] = field(default_factory=dict)
    """Routes bound to each listener, by its name."""
    missing_secrets: dict[str, str] = field(default_factory=dict)
    """For a listener whose certificate is not there: what to say about it."""


def build_gateway_status(
    gateway: Object, backing: GatewayState, stamp: str, *, waypoint: bool, facts: IstiodTraits
) -> Object:
    """Build the whole status of a Gateway, as a release's istiod writes it."""
    old = gateway.get("status") or {}
    generation = gateway["metadata"].get("generation", 1)
    conditions, addresses = _build_programmed_condition(
        gateway, backing, waypoint=waypoint, hostnames=facts.waypoint_hostnames
    )
    references = [_build_references_condition(backing)] if facts.gateway_references else []
    listeners = [
        _build_listener_status(one, backing, old, generation, stamp)
        for one in gateway["spec"].get("listeners") or []
    ]
    status: Object = {
        "conditions": merge_conditions(
            old.get("conditions"),
            [_build_accepted_condition(backing), conditions, *references],
            generation,
            stamp,
        ),
        "listeners": listeners,
    }
    # Once there, an address is never taken away (Istio's source).
    kept = addresses or old.get("addresses")
    return status | ({"addresses": kept} if kept else {})


def _build_accepted_condition(backing: GatewayState) -> Object:
    if backing.missing_secrets:
        return build_condition(
            "Accepted", "ListenersNotValid", "One or more of the Gateway's listeners are invalid"
        )
    return build_condition("Accepted", "Accepted", "Resource accepted")


def _build_references_condition(backing: GatewayState) -> Object:
    missing = next(iter(backing.missing_secrets.values()), "")
    if missing:
        return build_condition("ResolvedRefs", _get_reason(missing), missing, holds=False)
    return build_condition("ResolvedRefs", "ResolvedRefs", "All references resolved")


def _get_reason(missing: str) -> str:
    return "RefNotPermitted" if FORBIDDEN in missing else "InvalidCertificateRef"


def _build_programmed_condition(
    gateway: Object, backing: GatewayState, *, waypoint: bool, hostnames: bool
) -> tuple[Object, list[Object]]:
    host, service = backing.host, backing.service
    # Only the first thing that is missing is told.
    if service is None:
        words = f'Failed to assign to any requested addresses: hostname "{host}" not found'
        return build_condition("Programmed", "AddressNotUsable", words, holds=False), []
    if not backing.ready:
        words = (
            f'Failed to assign to any requested addresses: no instances found for hostname "{host}"'
        )
        return build_condition("Programmed", "AddressNotAssigned", words, holds=False), []
    ports = sorted(
        f"{host}:{one['port']}"
        for one in _drop_duplicate_ports(gateway["spec"].get("listeners") or [])
    )
    assigned = f"assigned to service(s) {_join_with_and(ports)}"
    addresses = _list_addresses(service, host, waypoint=waypoint, hostnames=hostnames)
    if not addresses:
        pending = (
            f"but failed to assign to all requested addresses: address pending for hostname "
            f'"{host}"'
        )
        words = f"{assigned[0].upper()}{assigned[1:]}, {pending}"
        return build_condition("Programmed", "AddressNotAssigned", words, holds=False), []
    return build_condition(
        "Programmed", "Programmed", f"Resource programmed, {assigned}"
    ), addresses


def _drop_duplicate_ports(listeners: list[Object]) -> list[Object]:
    return list({one["port"]: one for one in listeners}.values())


def _join_with_and(words: list[str]) -> str:
    if len(words) < 3:
        return " and ".join(words)
    return f"{', '.join(words[:-1])}, and {words[-1]}"


def _list_addresses(service: Object, host: str, *, waypoint: bool, hostnames: bool) -> list[Object]:
    spec = service["spec"]
    if spec.get("type") == "LoadBalancer":
        ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
        return [
            _build_address("IPAddress" if "ip" in i else "Hostname", i.get("ip") or i["hostname"])
            for i in ingress
        ]
    if not waypoint:
        return [_build_address("Hostname", host)]
    addresses = [_build_address("IPAddress", spec["clusterIP"])] if spec.get("clusterIP") else []
    return addresses + ([_build_address("Hostname", host)] if hostnames else [])


def _build_address(kind: str, value: str) -> Object:
    return {"type": kind, "value": value}


def _build_listener_status(
    one: Object, backing: GatewayState, old: Object, generation: int, stamp: str
) -> Object:
    before: Any = next((e for e in old.get("listeners") or [] if e["name"] == one["name"]), {})
    asked = [k["kind"] for k in (one.get("allowedRoutes") or {}).get("kinds") or []]
    kinds = [k for k in ROUTE_KINDS.get(one["protocol"], ()) if not asked or k in asked]
    group = "gateway.networking.k8s.io"
    return {
        "name": one["name"],
        "attachedRoutes": backing.attached.get(one["name"], 0),
        "supportedKinds": [{"group": group, "kind": kind} for kind in kinds],
        "conditions": merge_conditions(
            before.get("conditions"), _build_listener_conditions(one, backing), generation, stamp
        ),
    }


def _build_listener_conditions(one: Object, backing: GatewayState) -> list[Object]:
    fine = "No errors found"
    accepted = build_condition("Accepted", "Accepted", fine)
    if one["protocol"] not in _PROTOCOLS and one["protocol"] != "HBONE":
        words = f'protocol "{one["protocol"]}" is unsupported'
        accepted = build_condition("Accepted", "UnsupportedProtocol", words, holds=False)
    programmed, resolved = (
        build_condition("Programmed", "Programmed", fine),
        build_condition("ResolvedRefs", "ResolvedRefs", fine),
    )
    missing = backing.missing_secrets.get(one["name"])
    if missing:
        programmed = build_condition("Programmed", "Invalid", "Bad TLS configuration", holds=False)
        resolved = build_condition("ResolvedRefs", _get_reason(missing), missing, holds=False)
    return [
        accepted,
        build_condition("Conflicted", "NoConflicts", fine, holds=False),
        programmed,
        resolved,
    ]
