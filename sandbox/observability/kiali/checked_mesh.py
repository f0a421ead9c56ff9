"""The mesh as Kiali's checks see it: which hosts, subsets and gateways there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.objects import (
    DESTINATION_RULE,
    ISTIO_GATEWAY,
    SERVICE_ENTRY,
    VIRTUAL_SERVICE,
    MeshObjects,
)
from sandbox.releases.release import KialiTraits

DOMAIN = "svc.cluster.local"


@dataclass(frozen=True)
class CheckedMesh:
    """The objects at a moment, and the ways of the Kiali that checks them."""

    view: MeshObjects
    traits: KialiTraits

    @property
    def host_severity(self) -> str:
        """The severity of hosts that nobody knows: where the mesh lets everything out, they are
        only warned of."""
        policy = self.view.mesh_config.get("outboundTrafficPolicy") or {}
        return "error" if policy.get("mode") == "REGISTRY_ONLY" else "warning"

    @property
    def gateways_stay_home(self) -> bool:
        """Tell whether istiod lets Gateways select workloads of their own namespace alone."""
        istiods = (w for w in self.view.workloads if w.labels.get("app") == "istiod")
        return any(
            each.get("name") == "PILOT_SCOPE_GATEWAY_TO_NAMESPACE" and each.get("value") == "true"
            for istiod in istiods
            for container in istiod.object["spec"]["template"]["spec"].get("containers") or ()
            for each in container.get("env") or ()
        )

    def has_host(self, host: str, namespace: str) -> bool:
        """Tell whether a Service or a ServiceEntry has that name, as seen from a namespace."""
        wanted = expand_host(host, namespace)
        names = [
            expand_host(s["metadata"]["name"], s["metadata"]["namespace"])
            for s in self.view.services
        ]
        if "*" in host:
            return any(name.endswith(wanted.lstrip("*")) for name in names)
        entries = self.view.list_configs(SERVICE_ENTRY)
        return wanted in names or any(
            host in (entry["spec"].get("hosts") or ()) for entry in entries
        )

    def has_subset(self, host: str, namespace: str, subset: str) -> bool:
        """Tell whether some DestinationRule defines a host's subset."""
        wanted = expand_host(host, namespace)
        return any(
            each.get("name") == subset
            for rule in self.view.list_configs(DESTINATION_RULE)
            if expand_host(rule["spec"].get("host", ""), rule["metadata"]["namespace"]) == wanted
            for each in rule["spec"].get("subsets") or ()
        )

    def is_subset_used(self, host: str, namespace: str, subset: str) -> bool:
        """Tell whether a VirtualService sends anything to a host's subset."""
        wanted = (expand_host(host, namespace), subset)
        return any(
            (expand_host(to.get("host", ""), rule["metadata"]["namespace"]), to.get("subset", ""))
            == wanted
            for rule in self.view.list_configs(VIRTUAL_SERVICE)
            for to in _list_destinations(rule)
        )

    def has_istio_gateway(self, name: str, namespace: str) -> bool:
        """Tell whether a VirtualService's gateway is there: NAME, NAMESPACE/NAME or a host name."""
        place, _, short = name.rpartition("/")
        if not place and "." in short:
            short, place = expand_host(short, namespace).split(".")[:2]
        there = self.view.list_configs(ISTIO_GATEWAY, place or namespace)
        return any(each["metadata"]["name"] == short for each in there)


def _list_destinations(rule: Object) -> Iterator[Object]:
    for protocol in ("http", "tcp", "tls"):
        for route in rule["spec"].get(protocol) or ():
            for target in route.get("route") or ():
                yield target.get("destination") or {}


def expand_host(host: str, namespace: str) -> str:
    """Return a host's full name as seen from a namespace."""
    if host.endswith(f".{DOMAIN}") or host.startswith("*"):
        return host
    parts = host.split(".")
    if len(parts) == 1:
        return f"{host}.{namespace}.{DOMAIN}"
    if len(parts) == 2 or (len(parts) == 3 and parts[2] == "svc"):
        return f"{parts[0]}.{parts[1]}.{DOMAIN}"
    return host
