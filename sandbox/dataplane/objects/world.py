"""The cluster as the data plane sees it: live objects by kind, and what has to be looked up in them
all the time.

A `World` is a value. Whoever follows the cluster makes another one after a change; what was
computed from a world stays with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.machinery.selectors import matches_label_selector
from sandbox.dataplane.objects.pods import Proxy, get_labels
from sandbox.istio.istiod.services import get_traffic_type
from sandbox.releases import NEWEST, find_release
from sandbox.releases.release import RoutingTraits

Place = tuple[str, str]
"""(namespace, name); the namespace of cluster-scoped objects is ""."""
Objects = Mapping[Place, Object]
FOLLOWED: Mapping[str, Ref] = {
    "namespaces": Ref("", "namespaces"),
    "services": Ref("", "services"),
    "pods": Ref("", "pods"),
    "slices": Ref("discovery.k8s.io", "endpointslices"),
    "virtual_services": Ref("networking.istio.io", "virtualservices"),
    "destination_rules": Ref("networking.istio.io", "destinationrules"),
    "istio_gateways": Ref("networking.istio.io", "gateways"),
    "gateways": Ref("gateway.networking.k8s.io", "gateways"),
    "gateway_classes": Ref("gateway.networking.k8s.io", "gatewayclasses"),
    "http_routes": Ref("gateway.networking.k8s.io", "httproutes"),
    "grpc_routes": Ref("gateway.networking.k8s.io", "grpcroutes"),
    "sidecars": Ref("networking.istio.io", "sidecars"),
    "grants": Ref("gateway.networking.k8s.io", "referencegrants"),
    "service_entries": Ref("networking.istio.io", "serviceentries"),
}
"""What a World is made of: its fields, and the resource types to follow for them."""
DOMAIN = "svc.cluster.local"
ROOT_NAMESPACE = "istio-system"
_HTTP = ("http", "http2", "grpc", "grpc-web", "h2c", "kubernetes.io/h2c")
_OTHER = ("tcp", "tls", "https", "mongo", "mysql", "redis", "udp")
_USE = "istio.io/use-waypoint"


@dataclass(frozen=True)
class Endpoint:
    """One place behind a Service's port."""

    address: str
    port: int
    pod: Object | None = field(default=None, compare=False)

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        return get_labels(self.pod)


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """Live objects by (namespace, name); `version` is the release whose istiod tells the proxies
    what to do."""

    version: str = NEWEST.version
    mesh: Object = field(default_factory=dict)
    """Mesh configuration, parsed (`mesh` of ConfigMap `istio`)."""
    namespaces: Objects = field(default_factory=dict)
    services: Objects = field(default_factory=dict)
    pods: Objects = field(default_factory=dict)
    slices: Objects = field(default_factory=dict)
    virtual_services: Objects = field(default_factory=dict)
    destination_rules: Objects = field(default_factory=dict)
    istio_gateways: Objects = field(default_factory=dict)
    gateways: Objects = field(default_factory=dict)
    gateway_classes: Objects = field(default_factory=dict)
    http_routes: Objects = field(default_factory=dict)
    grpc_routes: Objects = field(default_factory=dict)
    sidecars: Objects = field(default_factory=dict)
    grants: Objects = field(default_factory=dict)
    service_entries: Objects = field(default_factory=dict)
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What others have computed from this world."""

    @property
    def traits(self) -> RoutingTraits:
        """How its release routes."""
        return find_release(self.version).routing

    def find_service(self, host: str, namespace: str) -> Object | None:
        """Return the Service that a name or a cluster IP means to a client in that namespace (as
        the cluster's DNS has it).
        """
        name = host.partition(":")[0].removesuffix(".").lower()
        if name in self._services_by_address:
            return self._services_by_address[name]
        short, _, rest = name.removesuffix(f".{DOMAIN}").removesuffix(".svc").partition(".")
        if not rest and name != short:
            return None
        return self.services.get((rest or namespace, short))

    def find_registered(self, host: str) -> Object | None:
        """Return the Service, or what a ServiceEntry registers, of that full host name."""
        return self._registered.get(host.lower())

    @cached_property
    def registered(self) -> tuple[Object, ...]:
        """Everything that istiod's registry holds: Services, then the hosts of ServiceEntries, in
        the form of Services.
        """
        entries = [
            service
            for _, entry in sorted(self.service_entries.items())
            for service in build_entry_services(entry)
        ]
        return (*(s for _, s in sorted(self.services.items())), *entries)

    @cached_property
    def _registered(self) -> dict[str, Object]:
        return {get_hostname(service): service for service in reversed(self.registered)}

    @cached_property
    def _services_by_address(self) -> dict[str, Object]:
        found = {}
        for service in self.services.values():
            for address in service["spec"].get("clusterIPs") or [
                service["spec"].get("clusterIP", "")
            ]:
                found[address] = service
        return {k: v for k, v in found.items() if k not in ("", "None")}

    def list_endpoints(self, service: Object, number: int) -> tuple[Endpoint, ...]:
        """Return the ready endpoints behind a Service's port, as its EndpointSlices list them."""
        port = find_port(service, number)
        place = (service["metadata"]["namespace"], service["metadata"]["name"])
        # What is asked for here is always TCP.
        if port is None or detect_protocol(port) == "udp":
            return ()
        return tuple(
            e
            for s in self._slices_by_service.get(place, ())
            for e in self._read_slice_endpoints(s, port.get("name", ""))
        )

    @cached_property
    def _slices_by_service(self) -> dict[Place, list[Object]]:
        found: dict[Place, list[Object]] = {}
        for (namespace, _), item in sorted(self.slices.items()):
            found.setdefault(
                (namespace, get_labels(item).get("kubernetes.io/service-name", "")), []
            ).append(item)
        return found

    def _read_slice_endpoints(self, item: Object, port_name: str) -> Iterator[Endpoint]:
        number = next(
            (p["port"] for p in item.get("ports") or [] if (p.get("name") or "") == port_name), None
        )
        for one in item.get("endpoints") or []:
            # An endpoint that says nothing counts as ready (EndpointSlice's rule).
            if number is None or (one.get("conditions") or {}).get("ready") is False:
                continue
            target = one.get("targetRef") or {}
            pod = self.pods.get((item["metadata"]["namespace"], target.get("name", "")))
            yield from (Endpoint(address, number, pod) for address in one["addresses"])

    def find_waypoint(self, service: Object) -> Place | None:
        """Return the waypoint that captured clients' traffic to a Service goes through: asked
        for by label, and programmed.
        """
        return self._find_waypoint_for(service, "service")

    def find_workload_waypoint(self, pod: Object) -> Place | None:
        """Return the waypoint that captured clients' traffic to a pod's address goes through."""
        return self._find_waypoint_for(pod, "workload")

    def _find_waypoint_for(self, asked: Object, kind: str) -> Place | None:
        own, namespace = get_labels(asked), asked["metadata"]["namespace"]
        # A waypoint has no waypoint before it.
        if own.get("gateway.istio.io/managed") == "istio.io-mesh-controller":
            return None
        source = own if _USE in own else get_labels(self.namespaces.get(("", namespace)))
        place = (source.get(f"{_USE}-namespace", namespace), source.get(_USE, "none"))
        return place if self._is_waypoint_for(place, namespace, kind) else None

    def _is_waypoint_for(self, place: Place, namespace: str, kind: str) -> bool:
        gateway = self.gateways.get(place)
        if gateway is None or gateway["spec"].get("gatewayClassName") != "istio-waypoint":
            return False
        # It keeps its address when its pods are gone: then nothing passes.
        there = bool((gateway.get("status") or {}).get("addresses"))
        return (
            there
            and get_traffic_type(gateway, self.gateway_classes) in (kind, "all")
            and admits_namespace(self, _find_tunnel_listener(gateway), place[0], namespace)
        )

    def ingress_uses_waypoint(self, service: Object) -> bool:
        """Tell whether gateways send traffic through the Service's waypoint too; they go past it
        unless a label says so.
        """
        if not self.traits.ingress_may_use_waypoint or self.find_waypoint(service) is None:
            return False
        label = "istio.io/ingress-use-waypoint"
        namespace = self.namespaces.get(("", service["metadata"]["namespace"]))
        return (get_labels(service).get(label) or get_labels(namespace).get(label)) == "true"

    def list_served_services(self, proxy: Proxy) -> list[Object]:
        """Return the Services that a waypoint serves, by name."""
        place = (proxy.namespace, proxy.name)
        return [s for _, s in sorted(self.services.items()) if self.find_waypoint(s) == place]


def _find_tunnel_listener(gateway: Object) -> Object:
    """Return the listener that says whose traffic a waypoint takes; without one it takes that of
    its own namespace alone (istiod).
    """
    listeners = gateway["spec"].get("listeners") or []
    asked = (one for one in listeners if (one.get("protocol"), one.get("port")) == ("HBONE", 15008))
    return next(asked, {})


def list_added_endpoints(world: World, service: Object, number: int) -> tuple[Endpoint, ...]:
    """Return the fixed addresses that ServiceEntries of the same namespace add to a Service's port,
    by its host and the port's name, as istiod keeps them together."""
    port, host = find_port(service, number), get_hostname(service)
    if port is None or service.get("kind") == "ServiceEntry":
        return ()
    return tuple(
        Endpoint(one["address"], (one.get("ports") or {}).get(each["name"], each["number"]))
        for (namespace, _), entry in sorted(world.service_entries.items())
        for each in entry["spec"].get("ports") or []
        for one in entry["spec"].get("endpoints") or []
        if namespace == service["metadata"]["namespace"]
        and entry["spec"].get("resolution") == "STATIC"
        and host in (entry["spec"].get("hosts") or [])
        and each.get("name") == port.get("name")
        and one.get("address")
    )


def build_entry_services(entry: Object) -> Iterator[Object]:
    """Yield a ServiceEntry's hosts in the form of Services; `spec.externalName` holds the host."""
    meta, spec = entry["metadata"], entry.get("spec") or {}
    exported = {"networking.istio.io/exportTo": ",".join(spec.get("exportTo") or [])}
    ports = [
        {
            "name": port.get("name", ""),
            "port": port["number"],
            "appProtocol": str(port.get("protocol", "")).lower(),
        }
        for port in spec.get("ports") or []
    ]
    for host in spec.get("hosts") or []:
        yield {
            "kind": "ServiceEntry",
            "metadata": {
                "name": host,
                "namespace": meta["namespace"],
                "labels": {},
                "annotations": exported,
            },
            "spec": {"externalName": host.lower(), "ports": ports},
        }


def get_hostname(service: Object) -> str:
    """Return the Service's full name, or a ServiceEntry's host."""
    meta = service["metadata"]
    if service.get("kind") == "ServiceEntry":
        return str(service["spec"]["externalName"])
    return f"{meta['name']}.{meta['namespace']}.{DOMAIN}"


def find_port(service: Object, number: int) -> Object | None:
    """Return the Service's port of that number."""
    return next((p for p in service["spec"].get("ports") or [] if p["port"] == number), None)


def detect_protocol(port: Object) -> str:
    """Return `http`, `tcp`, `udp`, or "" where a proxy finds out by itself: appProtocol,
    else what the name begins with (Istio).
    """
    if port.get("protocol") == "UDP":
        return "udp"
    said = (port.get("appProtocol") or str(port.get("name") or "").partition("-")[0]).lower()
    return "http" if said in _HTTP else "tcp" if said in _OTHER else ""


def speaks_http2(service: Object | None, target: int) -> bool:
    """Tell whether Envoys speak HTTP/2 to what a Service leads to at a pod's port (Istio)."""
    for port in service["spec"].get("ports") or () if service else ():
        said = str(port.get("appProtocol") or port.get("name") or "").lower()
        if port.get("targetPort", port["port"]) == target:
            return said == "kubernetes.io/h2c" or said.partition("-")[0] in ("http2", "grpc")
    return False


def admits_kind(listener: Object, kind: str) -> bool:
    """Tell whether a Gateway's listener takes routes of a kind (allowedRoutes)."""
    kinds = (listener.get("allowedRoutes") or {}).get("kinds") or []
    return not kinds or any(each["kind"] == kind for each in kinds)


def admits_namespace(world: World, listener: Object, home: str, namespace: str) -> bool:
    """Tell whether a Gateway's listener, in namespace `home`, takes what is in another
    namespace (allowedRoutes).
    """
    allowed = (listener.get("allowedRoutes") or {}).get("namespaces") or {}
    match allowed.get("from", "Same"):
        case "All":
            return True
        case "Selector":
            return matches_label_selector(
                allowed.get("selector") or {}, get_labels(world.namespaces.get(("", namespace)))
            )
        case _:
            return home == namespace
