"""What istiod says in a Gateway's status: whether it is programmed, at which addresses, and how its listeners fare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.istio.istiod_conditions import condition, merged

_PROTOCOLS = frozenset({"HTTP", "HTTPS", "TLS", "TCP"})
_ROUTE_KINDS = {"HTTP": ("HTTPRoute", "GRPCRoute"), "HTTPS": ("HTTPRoute", "GRPCRoute"), "TLS": ("TLSRoute",)}


@dataclass
class Backing:
    """What stands behind a Gateway: its Service, whether a pod of it is ready, and secrets that were not found."""

    host: str
    service: Object | None
    ready: bool
    attached: dict[str, int] = field(default_factory=dict)
    """Routes bound to each listener, by its name."""
    missing_secrets: dict[str, str] = field(default_factory=dict)
    """For a listener whose certificate is not there: what to say about it."""


def gateway_status(gateway: Object, backing: Backing, stamp: str, *, waypoint: bool, hostnames: bool) -> Object:
    """The whole status; `hostnames` says whether a waypoint's host name is listed beside its IP address."""
    old = gateway.get("status") or {}
    generation = gateway["metadata"].get("generation", 1)
    conditions, addresses = _programmed(gateway, backing, waypoint=waypoint, hostnames=hostnames)
    listeners = [_listener(one, backing, old, generation, stamp) for one in gateway["spec"].get("listeners") or []]
    status: Object = {
        "conditions": merged(old.get("conditions"), [_accepted(backing), conditions], generation, stamp),
        "listeners": listeners,
    }
    return status | ({"addresses": addresses} if addresses else {})


def _accepted(backing: Backing) -> Object:
    if backing.missing_secrets:
        return condition("Accepted", "ListenersNotValid", "One or more of the Gateway's listeners are invalid")
    return condition("Accepted", "Accepted", "Resource accepted")


def _programmed(gateway: Object, backing: Backing, *, waypoint: bool, hostnames: bool) -> tuple[Object, list[Object]]:
    host, service = backing.host, backing.service
    if service is None:
        words = f'Failed to assign to any requested addresses: hostname "{host}" not found'
        return condition("Programmed", "AddressNotUsable", words, holds=False), []
    if not backing.ready:
        words = f'Failed to assign to any requested addresses: no instances found for hostname "{host}"'
        return condition("Programmed", "AddressNotAssigned", words, holds=False), []
    ports = sorted(f"{host}:{one['port']}" for one in _unique(gateway["spec"].get("listeners") or []))
    assigned = f"assigned to service(s) {_listed(ports)}"
    addresses = _addresses(service, host, waypoint=waypoint, hostnames=hostnames)
    if not addresses:
        pending = f'but failed to assign to all requested addresses: address pending for hostname "{host}"'
        words = f"{assigned[0].upper()}{assigned[1:]}, {pending}"
        return condition("Programmed", "AddressNotAssigned", words, holds=False), []
    return condition("Programmed", "Programmed", f"Resource programmed, {assigned}"), addresses


def _unique(listeners: list[Object]) -> list[Object]:
    return list({one["port"]: one for one in listeners}.values())


def _listed(words: list[str]) -> str:
    if len(words) < 3:
        return " and ".join(words)
    return f"{', '.join(words[:-1])}, and {words[-1]}"


def _addresses(service: Object, host: str, *, waypoint: bool, hostnames: bool) -> list[Object]:
    spec = service["spec"]
    if spec.get("type") == "LoadBalancer":
        ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
        return [_address("IPAddress" if "ip" in i else "Hostname", i.get("ip") or i["hostname"]) for i in ingress]
    if not waypoint:
        return [_address("Hostname", host)]
    addresses = [_address("IPAddress", spec["clusterIP"])] if spec.get("clusterIP") else []
    return addresses + ([_address("Hostname", host)] if hostnames else [])


def _address(kind: str, value: str) -> Object:
    return {"type": kind, "value": value}


def _listener(one: Object, backing: Backing, old: Object, generation: int, stamp: str) -> Object:
    before: Any = next((e for e in old.get("listeners") or [] if e["name"] == one["name"]), {})
    kinds = _ROUTE_KINDS.get(one["protocol"], ())
    group = "gateway.networking.k8s.io"
    return {
        "name": one["name"],
        "attachedRoutes": backing.attached.get(one["name"], 0),
        "supportedKinds": [{"group": group, "kind": kind} for kind in kinds],
        "conditions": merged(before.get("conditions"), _listener_conditions(one, backing), generation, stamp),
    }


def _listener_conditions(one: Object, backing: Backing) -> list[Object]:
    fine = "No errors found"
    accepted = condition("Accepted", "Accepted", fine)
    if one["protocol"] not in _PROTOCOLS and one["protocol"] != "HBONE":
        words = f'protocol "{one["protocol"]}" is unsupported'
        accepted = condition("Accepted", "UnsupportedProtocol", words, holds=False)
    programmed, resolved = condition("Programmed", "Programmed", fine), condition("ResolvedRefs", "ResolvedRefs", fine)
    missing = backing.missing_secrets.get(one["name"])
    if missing:
        programmed = condition("Programmed", "Invalid", "Bad TLS configuration", holds=False)
        resolved = condition("ResolvedRefs", "InvalidCertificateRef", missing, holds=False)
    return [accepted, condition("Conflicted", "NoConflicts", fine, holds=False), programmed, resolved]
