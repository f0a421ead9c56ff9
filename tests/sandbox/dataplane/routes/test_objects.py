"""What is looked up in a world: pods' parts in the mesh, endpoints, waypoints."""

from __future__ import annotations

from copy import deepcopy

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.pods import find_proxy, has_sidecar, is_captured
from sandbox.dataplane.objects.world import World, detect_protocol
from sandbox.dataplane.routes.visibility import is_visible

from .asking import PAGE
from .stages import NAMESPACE, bookinfo, pod, waypoint, with_slices, world_of

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
MANAGED = "gateway.istio.io/managed"


def router() -> Object:
    """A pod of istio-ingressgateway."""
    found = pod("in", {"istio": "ingressgateway"})
    found["spec"] = {"containers": [{"name": "istio-proxy", "args": ["proxy", "router"]}]}
    return found


@pytest.mark.parametrize(
    ("given", "kind", "name"),
    [
        (pod("a", {"app": "a"}), "", ""),
        (pod("a", {"app": "a"}, annotations={"sidecar.istio.io/status": "{}"}), "sidecar", ""),
        (pod("g", {GATEWAY_NAME: "bookinfo-gateway"}), "gateway", "bookinfo-gateway"),
        (
            pod("w", {GATEWAY_NAME: "waypoint", MANAGED: "istio.io-mesh-controller"}),
            "waypoint",
            "waypoint",
        ),
        (router(), "gateway", ""),
    ],
)
def test_what_a_pod_is(given: Object, kind: str, name: str) -> None:
    """By annotation and labels, as both releases write them."""
    found = find_proxy(given)
    assert ("" if found is None else found.kind, "" if found is None else found.name) == (
        kind,
        name,
    )
    assert has_sidecar(given) == (kind == "sidecar")


def test_captured_pods() -> None:
    """istio-cni's annotation says so; `pending` is not yet."""
    key = "ambient.istio.io/redirection"
    assert is_captured(pod("a", {}, annotations={key: "enabled"}))
    assert not is_captured(pod("a", {}, annotations={key: "pending"}))


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"name": "http"}, "http"),
        ({"name": "http-web"}, "http"),
        ({"name": "grpc-tracing"}, "http"),
        ({"name": "tcp-x"}, "tcp"),
        ({"name": "x", "appProtocol": "http"}, "http"),
        ({"name": "web"}, ""),
        ({"name": "dns", "protocol": "UDP"}, "udp"),
    ],
)
def test_protocols_of_ports(port: Object, expected: str) -> None:
    """From appProtocol, else from the name up to its first dash."""
    assert detect_protocol(port) == expected


def test_endpoints_that_are_not_ready_get_nothing() -> None:
    """And a target port of another number is what endpoints have."""
    objects = bookinfo("1.30.3")
    for obj in objects:
        if obj["kind"] == "EndpointSlice" and obj["metadata"]["name"] == "reviews-s":
            obj["endpoints"][0]["conditions"]["ready"] = False
            obj["ports"][0]["port"] = 8080
    world = world_of("1.30.3", objects)
    found = world.list_endpoints(world.services[NAMESPACE, "reviews"], 9080)
    assert [(e.labels["version"], e.port) for e in found] == [("v2", 8080), ("v3", 8080)]
    assert world.list_endpoints(world.services[NAMESPACE, "reviews"], 80) == ()


def labelled(version: str, service: dict[str, str]) -> World:
    """A namespace with a waypoint, where reviews has labels of its own."""
    world = world_of(version, with_slices([*bookinfo(version), *waypoint()]))
    world.services[NAMESPACE, "reviews"]["metadata"]["labels"].update(service)
    return world


@pytest.mark.parametrize("label", ["none", "absent"])
def test_a_service_may_opt_out_of_its_waypoint(label: str) -> None:
    """Its own label goes before the namespace's, and a waypoint that does not exist is none."""
    world = labelled("1.30.3", {"istio.io/use-waypoint": label})
    assert world.find_waypoint(world.services[NAMESPACE, "reviews"]) is None
    assert world.find_waypoint(world.services[NAMESPACE, "ratings"]) == (NAMESPACE, "waypoint")


@pytest.mark.parametrize(
    ("told", "expected"),
    [(".", True), ("a, bookinfo", True), ("istio-system", False), ("~", False)],
)
def test_a_service_says_who_knows_it(told: str, expected: bool) -> None:
    """Its annotation names the namespaces whose sidecars are told of it."""
    world = labelled("1.30.3", {})
    reviews = world.services[NAMESPACE, "reviews"]
    reviews["metadata"]["annotations"] = {"networking.istio.io/exportTo": told}
    assert is_visible(world, PAGE, reviews, 9080) is expected


@pytest.mark.parametrize(("allowed", "expected"), [({}, False), ({"from": "All"}, True)])
def test_a_waypoint_elsewhere_says_whom_it_takes(allowed: dict[str, str], expected: bool) -> None:
    """By the listener that ztunnel asks; without a word its own namespace alone."""
    shared = deepcopy(waypoint())
    for obj in shared:
        if obj["kind"] == "Gateway":
            obj["metadata"]["namespace"] = "edge"
            obj["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": allowed}
    world = world_of("1.30.3", with_slices([*bookinfo("1.30.3"), *shared]))
    reviews = world.services[NAMESPACE, "reviews"]
    told = {"istio.io/use-waypoint": "waypoint", "istio.io/use-waypoint-namespace": "edge"}
    reviews["metadata"]["labels"].update(told)
    assert world.find_waypoint(reviews) == (("edge", "waypoint") if expected else None)


@pytest.mark.parametrize(("version", "expected"), [("1.23.2", False), ("1.30.3", True)])
def test_gateways_go_past_waypoints_unless_asked(version: str, expected: bool) -> None:
    """The label for it is newer than 1.23."""
    world = labelled(version, {"istio.io/ingress-use-waypoint": "true"})
    assert world.ingress_uses_waypoint(world.services[NAMESPACE, "reviews"]) is expected
    assert not world.ingress_uses_waypoint(world.services[NAMESPACE, "ratings"])
