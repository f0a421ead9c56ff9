"""The routing steps of the workshop as sets of objects: Bookinfo, its pods, and the rules of each
step."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import World
from sandbox.istio.samples import build_sample_files

NAMESPACE = "bookinfo"
VERSIONS = ("1.23.2", "1.30.3")
_FIELDS = {
    ("Namespace", ""): "namespaces",
    ("Service", ""): "services",
    ("Pod", ""): "pods",
    ("EndpointSlice", "discovery.k8s.io"): "slices",
    ("VirtualService", "networking.istio.io"): "virtual_services",
    ("DestinationRule", "networking.istio.io"): "destination_rules",
    ("Gateway", "networking.istio.io"): "istio_gateways",
    ("Gateway", "gateway.networking.k8s.io"): "gateways",
    ("HTTPRoute", "gateway.networking.k8s.io"): "http_routes",
    ("GRPCRoute", "gateway.networking.k8s.io"): "grpc_routes",
    ("ReferenceGrant", "gateway.networking.k8s.io"): "grants",
    ("ServiceEntry", "networking.istio.io"): "service_entries",
    ("Sidecar", "networking.istio.io"): "sidecars",
}
FOR_JASON: Object = {
    "parentRefs": [{"group": "", "kind": "Service", "name": "reviews", "port": 9080}],
    "rules": [
        {
            "matches": [{"headers": [{"name": "end-user", "value": "jason"}]}],
            "backendRefs": [{"name": "reviews-v2", "port": 9080}],
        },
        {"backendRefs": [{"name": "reviews-v1", "port": 9080}]},
    ],
}
"""The Gateway API's way to send jason to v2."""


def world_of(version: str, objects: Iterable[Object], mesh: Object | None = None) -> World:
    """A world that holds these objects, those without a namespace in bookinfo; later ones are
    younger."""
    fields: dict[str, Any] = {}
    for number, given in enumerate(objects):
        obj = copy.deepcopy(given)
        group = obj["apiVersion"].rpartition("/")[0]
        meta = obj["metadata"]
        space = "" if obj["kind"] == "Namespace" else meta.setdefault("namespace", NAMESPACE)
        meta.setdefault("creationTimestamp", f"2026-01-01T00:00:{number % 60:02}Z")
        field = _FIELDS.get((obj["kind"], group))
        if field:
            fields.setdefault(field, {})[space, meta["name"]] = obj
    return World(version=version, mesh=mesh or {}, **fields)


def samples(version: str, *paths: str, without: Iterable[str] = ()) -> list[Object]:
    """What sample files of Bookinfo hold, but for objects of these names."""
    files = build_sample_files(version)
    found = [obj for path in paths for obj in files[f"bookinfo/{path}.yaml"]]
    return [obj for obj in found if obj["metadata"]["name"] not in set(without)]


def bookinfo(version: str, *, gone: Iterable[str] = ()) -> list[Object]:
    """Bookinfo with a running pod for each Deployment that is not `gone`, and its namespace."""
    objects = samples(version, "platform/kube/bookinfo")
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {}}}
    running = [
        o for o in objects if o["kind"] == "Deployment" and o["metadata"]["name"] not in set(gone)
    ]
    pods = [
        pod(o["metadata"]["name"], o["spec"]["template"]["metadata"]["labels"], n)
        for n, o in enumerate(running)
    ]
    return with_slices([space, *objects, *pods])


def pod(
    name: str, labels: dict[str, str], number: int = 0, *, annotations: dict[str, str] | None = None
) -> Object:
    """A running pod."""
    meta = {
        "name": f"{name}-x",
        "namespace": NAMESPACE,
        "labels": labels,
        "annotations": annotations or {},
    }
    status = {"podIP": f"10.244.0.{number + 1}"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": []},
        "status": status,
    }


def with_slices(objects: list[Object]) -> list[Object]:
    """The objects, and the EndpointSlices that they should have."""
    pods = [o for o in objects if o["kind"] == "Pod"]
    services = [o for o in objects if o["kind"] == "Service"]
    return [o for o in objects if o["kind"] != "EndpointSlice"] + [
        _slice(s, pods) for s in services
    ]


def _slice(service: Object, pods: list[Object]) -> Object:
    name = service["metadata"]["name"]
    selected = [
        p for p in pods if service["spec"]["selector"].items() <= p["metadata"]["labels"].items()
    ]
    listed = [
        {
            "addresses": [p["status"]["podIP"]],
            "conditions": {"ready": True},
            "targetRef": {"name": p["metadata"]["name"]},
        }
        for p in selected
    ]
    ports = [
        {"name": p.get("name", ""), "port": p.get("targetPort", p["port"])}
        for p in service["spec"]["ports"]
    ]
    meta = {"name": f"{name}-s", "labels": {"kubernetes.io/service-name": name}}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta,
        "endpoints": listed,
        "ports": ports,
    }


def sidecar(app: str, version: str = "v1", namespace: str = NAMESPACE) -> Proxy:
    """The sidecar of an application's pod."""
    return Proxy("sidecar", namespace, labels=frozenset({("app", app), ("version", version)}))


GATEWAY = Proxy("gateway", NAMESPACE, "bookinfo-gateway")
WAYPOINT = Proxy("waypoint", NAMESPACE, "waypoint")


def http_route(name: str, spec: Object) -> Object:
    """An HTTPRoute."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": spec,
    }


def grpc_route(name: str, spec: Object) -> Object:
    """A GRPCRoute."""
    return {**http_route(name, spec), "kind": "GRPCRoute"}


def istio_object(kind: str, name: str, spec: Object, **meta: Any) -> Object:
    """An object of Istio's networking API."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, **meta},
        "spec": spec,
    }


def gateway_service() -> Object:
    """The Service that a Gateway of class istio gets."""
    ports = [
        {"name": "status-port", "port": 15021, "appProtocol": "tcp"},
        {"name": "http", "port": 80, "appProtocol": "http"},
    ]
    labels = {"gateway.networking.k8s.io/gateway-name": "bookinfo-gateway"}
    meta = {"name": "bookinfo-gateway-istio", "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"selector": labels, "ports": ports},
    }


def waypoint(*, programmed: bool = True) -> list[Object]:
    """The namespace's waypoint with its Service, and the label that asks for it."""
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint"},
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]},
        "status": {"addresses": [{"value": "10.96.0.9"}] if programmed else []},
    }
    labels = {"gateway.istio.io/managed": "istio.io-mesh-controller"}
    spec = {"selector": labels, "ports": [{"name": "mesh", "port": 15008, "appProtocol": "hbone"}]}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "waypoint", "labels": labels},
        "spec": spec,
    }
    meta = {"name": NAMESPACE, "labels": {"istio.io/use-waypoint": "waypoint"}}
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, gateway, service]


def stage(version: str, name: str) -> World:
    """One of the twelve recorded steps."""
    everything = bookinfo(version, gone=["reviews-v3"] if name == "subset without pods" else ())
    everything += samples(version, "gateway-api/bookinfo-gateway") + [gateway_service()]
    everything += _rules(version, name)
    if "waypoint" in name:
        everything += waypoint()
    return world_of(version, with_slices(everything))


_USER, _ABORT = "virtual-service-reviews-test-v2", "virtual-service-ratings-test-abort"
_SHIFT = "virtual-service-reviews-50-v3"
_FILES: dict[str, tuple[str, ...]] = {
    "jason to v2": (_USER,),
    "abort for jason": (_USER, _ABORT),
    "delay for jason": (_USER, "virtual-service-ratings-test-delay"),
    "abort half": (_USER, _ABORT),
    "shift half to v3": (_SHIFT,),
    "destination rule removed": (_SHIFT,),
    "subset without pods": (_SHIFT,),
    "waypoint with virtualservices and fault": (_USER, _ABORT),
    "waypoint without the destination rule": (_USER, _ABORT),
}
"""VirtualServices of each step, with which all DestinationRules are there."""
STAGES = ("plain", *_FILES, "httproute for jason sidecar", "waypoint with httproute for jason")


def _rules(version: str, name: str) -> list[Object]:
    found = [] if name.endswith("sidecar") or "waypoint" not in name else _versions(version)
    if "httproute" in name:
        return [*_versions(version), http_route("reviews", FOR_JASON)]
    if name in _FILES:
        files = ("destination-rule-all", *_FILES[name])
        found += samples(version, *(f"networking/{file}" for file in files))
    if "destination rule" in name:
        found = [
            o for o in found if (o["kind"], o["metadata"]["name"]) != ("DestinationRule", "reviews")
        ]
    return _halved(found) if name == "abort half" else found


def _versions(version: str) -> list[Object]:
    return samples(version, "platform/kube/bookinfo-versions")


def _halved(objects: list[Object]) -> list[Object]:
    changed = copy.deepcopy(objects)
    for obj in changed:
        for entry in obj["spec"].get("http") or []:
            if "fault" in entry:
                entry["fault"] = {"abort": {"httpStatus": 503, "percentage": {"value": 50}}}
    return changed
