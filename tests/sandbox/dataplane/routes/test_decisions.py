"""What becomes of a request: the workshop's steps as their users see them."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import World
from sandbox.dataplane.routes.decision import Decision, ProxyRequest, route_request

from .stages import (
    FOR_JASON,
    GATEWAY,
    NAMESPACE,
    VERSIONS,
    WAYPOINT,
    bookinfo,
    gateway_service,
    http_route,
    istio_object,
    samples,
    sidecar,
    stage,
    waypoint,
    with_slices,
    world_of,
)

PAGE = sidecar("productpage")


def asked(
    world: World, proxy: Proxy | None, host: str = "reviews", user: str = "", **more: object
) -> Decision:
    """One request to port 9080 as that user (nobody: "")."""
    headers = {"end-user": user} if user else {}
    numbers = Random(1)
    request = ProxyRequest(host, 9080, path=str(more.get("path", "/reviews/0")), headers=headers)
    return route_request(world, proxy, request, namespace=NAMESPACE, random=numbers.random)


def pods(decision: Decision) -> set[str]:
    """The pods that may answer."""
    return {e.pod["metadata"]["name"].removesuffix("-x") for e in decision.endpoints if e.pod}


@pytest.mark.parametrize("version", VERSIONS)
def test_without_rules_every_version_answers(version: str) -> None:
    """All three reviews stand behind one cluster."""
    found = asked(stage(version, "plain"), PAGE)
    assert pods(found) == {"reviews-v1", "reviews-v2", "reviews-v3"}
    assert (found.route, found.status, found.response_flags) == ("default", 0, "-")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("user", "expected"), [("jason", "reviews-v2"), ("mary", "reviews-v1"), ("", "reviews-v1")]
)
@pytest.mark.parametrize("step", ["jason to v2", "httproute for jason sidecar"])
def test_a_users_route(version: str, user: str, expected: str, step: str) -> None:
    """jason gets v2 and nobody else does, with either API."""
    assert pods(asked(stage(version, step), PAGE, user=user)) == {expected}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_abort_strikes_in_the_callers_proxy(version: str) -> None:
    """jason's call never leaves, mary's arrives, and a caller without a proxy does not notice."""
    world = stage(version, "abort for jason")
    hurt = asked(world, sidecar("reviews", "v2"), "ratings", "jason")
    assert (hurt.status, hurt.response_flags, hurt.endpoints) == (500, "FI", ())
    assert hurt.cluster == "outbound|9080|v1|ratings.bookinfo.svc.cluster.local"
    assert pods(asked(world, sidecar("reviews", "v2"), "ratings", "mary")) == {"ratings-v1"}
    assert asked(world, None, "ratings", "jason").status == 0


def test_a_delay_goes_on_afterwards() -> None:
    """Seven seconds, and then the call arrives, flagged DI."""
    found = asked(stage("1.30.3", "delay for jason"), sidecar("reviews", "v2"), "ratings", "jason")
    assert (found.delay_seconds, found.status, found.response_flags) == (7.0, 0, "DI")
    assert pods(found) == {"ratings-v1"}


def test_half_of_the_aborts() -> None:
    """A percentage is drawn anew for each request."""
    world, numbers = stage("1.30.3", "abort half"), Random(7)
    request = ProxyRequest("ratings", 9080, headers={"end-user": "jason"})
    found = [
        route_request(world, sidecar("reviews", "v2"), request, random=numbers.random).status
        for _ in range(1000)
    ]
    assert set(found) == {0, 503}
    assert 420 < found.count(503) < 580


def test_weights_are_kept_to() -> None:
    """90 and 10 give about that, and nothing to the version without weight."""
    rules = samples(
        "1.30.3", "networking/destination-rule-all", "networking/virtual-service-reviews-90-10"
    )
    world, numbers = world_of("1.30.3", [*bookinfo("1.30.3"), *rules]), Random(3)
    request = ProxyRequest("reviews", 9080)
    found = Counter(
        route_request(world, PAGE, request, random=numbers.random).subset for _ in range(1000)
    )
    assert set(found) == {"v1", "v2"}
    assert 60 < found["v2"] < 140


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("step", "proxy"),
    [("destination rule removed", PAGE), ("waypoint without the destination rule", WAYPOINT)],
)
def test_a_route_to_a_subset_that_is_gone(version: str, step: str, proxy: Proxy) -> None:
    """503 with flag NC for everybody: the route still names the cluster."""
    found = asked(stage(version, step), proxy)
    assert (found.status, found.response_flags) == (503, "NC")
    assert "v1" in found.cluster or "v3" in found.cluster


def test_a_subset_without_pods() -> None:
    """Half of the requests find nobody: 503 with flag UH."""
    world, numbers = stage("1.30.3", "subset without pods"), Random(5)
    found = [
        route_request(world, PAGE, ProxyRequest("reviews", 9080), random=numbers.random)
        for _ in range(20)
    ]
    assert {(d.subset, d.status, d.response_flags) for d in found} == {
        ("v1", 0, "-"),
        ("v3", 503, "UH"),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_the_waypoint_does_what_sidecars_did(version: str) -> None:
    """Route and fault hold there, and an unready one is not used."""
    world = stage(version, "waypoint with virtualservices and fault")
    assert pods(asked(world, WAYPOINT, user="jason")) == {"reviews-v2"}
    assert asked(world, WAYPOINT, "ratings", "jason").response_flags == "FI"
    assert world.find_waypoint(world.services[NAMESPACE, "reviews"]) == (NAMESPACE, "waypoint")
    assert world.find_waypoint(world.services[NAMESPACE, "waypoint"]) is None
    waiting = world_of(version, [*bookinfo(version), *waypoint(programmed=False)])
    assert waiting.find_waypoint(waiting.services[NAMESPACE, "reviews"]) is None


def test_without_a_waypoint_ambient_heeds_no_rule() -> None:
    """By address alone, every version answers whatever the VirtualService says."""
    found = asked(stage("1.30.3", "jason to v2"), None, user="jason")
    assert pods(found) == {"reviews-v1", "reviews-v2", "reviews-v3"}
    assert not found.layer7


@pytest.mark.parametrize(
    "path", ["/productpage", "/login", "/logout", "/static/x.css", "/static", "/api/v1/products/0"]
)
def test_what_the_gateway_lets_through(path: str) -> None:
    """The sample's five paths lead to productpage."""
    found = route_request(
        stage("1.30.3", "plain"), GATEWAY, ProxyRequest("localhost:8080", 80, path=path)
    )
    assert pods(found) == {"productpage-v1"}


@pytest.mark.parametrize(
    "path", ["/", "/health", "/productpage/", "/staticfile", "/None", "/api/v1"]
)
def test_what_the_gateway_does_not_know(path: str) -> None:
    """404 with flag NR, from the gateway itself."""
    found = route_request(
        stage("1.30.3", "plain"), GATEWAY, ProxyRequest("localhost:8080", 80, path=path)
    )
    assert (found.status, found.response_flags, found.endpoints) == (404, "NR", ())


def test_a_port_that_no_listener_has() -> None:
    """Connections to it are refused."""
    assert route_request(stage("1.30.3", "plain"), GATEWAY, ProxyRequest("localhost", 8443)).refused


def test_a_gateway_without_routes() -> None:
    """The listener is there and answers 404."""
    gateway = [
        o for o in samples("1.30.3", "gateway-api/bookinfo-gateway") if o["kind"] == "Gateway"
    ]
    world = world_of("1.30.3", [*bookinfo("1.30.3"), *gateway])
    assert (
        route_request(
            world, GATEWAY, ProxyRequest("localhost", 80, path="/productpage")
        ).response_flags
        == "NR"
    )


def test_the_ingress_gateway_of_the_installation() -> None:
    """Gateway and VirtualService of Istio's own API, by the selector of its pods."""
    world = world_of(
        "1.23.2", [*bookinfo("1.23.2"), *samples("1.23.2", "networking/bookinfo-gateway")]
    )
    ingress = Proxy("gateway", "istio-system", labels=frozenset({("istio", "ingressgateway")}))
    assert pods(route_request(world, ingress, ProxyRequest("any", 8080, path="/productpage"))) == {
        "productpage-v1"
    }
    assert (
        route_request(world, ingress, ProxyRequest("any", 8080, path="/health")).response_flags
        == "NR"
    )
    assert route_request(world, GATEWAY, ProxyRequest("any", 8080, path="/productpage")).refused


@pytest.mark.parametrize(
    ("space", "status"), [("bookinfo", 0), ("*", 0), (".", 404), ("other", 404)]
)
def test_a_gateway_for_rules_of_some_namespaces(space: str, status: int) -> None:
    """A server's hosts say whose VirtualServices it takes; its port is the Service's, not the
    pod's."""
    objects = samples("1.23.2", "networking/bookinfo-gateway")
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [f"{space}/*"]}
    gateway = {**objects[0], "metadata": {"name": "g", "namespace": "istio-system"}}
    gateway["spec"] = {"selector": {"istio": "ingressgateway"}, "servers": [server]}
    rule = {**objects[1], "spec": {**objects[1]["spec"], "gateways": ["istio-system/g"]}}
    ports = {
        "selector": {"istio": "ingressgateway"},
        "ports": [{"name": "http2", "port": 80, "targetPort": 8080}],
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "in", "namespace": "istio-system"},
    }
    world = world_of("1.23.2", [*bookinfo("1.23.2"), gateway, rule, {**service, "spec": ports}])
    ingress = Proxy("gateway", "istio-system", labels=frozenset({("istio", "ingressgateway")}))
    assert (
        route_request(world, ingress, ProxyRequest("any", 8080, path="/productpage")).status
        == status
    )
    assert route_request(world, ingress, ProxyRequest("any", 80, path="/productpage")).refused


@pytest.mark.parametrize(
    ("version", "refs", "status"),
    [
        ("1.23.2", [{"name": "ratings", "port": 9080, "weight": 0}], 500),
        ("1.30.3", [{"name": "ratings", "port": 9080, "weight": 0}], 500),
        ("1.23.2", [], 500),
        ("1.30.3", [], 404),
        ("1.30.3", [{"name": "absent", "port": 9080}], 500),
    ],
)
def test_an_abort_in_the_gateway_apis_terms(
    version: str, refs: list[dict[str, object]], status: int
) -> None:
    """Weights of 0 answer 500; no backends answer by release; a Service that is not there is 500
    too."""
    parents = [{"group": "", "kind": "Service", "name": "ratings", "port": 9080}]
    spec = {"parentRefs": parents, "rules": [{"backendRefs": refs}]}
    world = world_of(version, [*bookinfo(version), http_route("ratings", spec)])
    assert asked(world, PAGE, "ratings").status == status


@pytest.mark.parametrize(("version", "expected"), [("1.23.2", "NR"), ("1.30.3", "-")])
def test_two_virtual_services_at_a_waypoint(version: str, expected: str) -> None:
    """1.23 uses the oldest alone; 1.30 goes on to the next when none of its routes fits."""
    first = {
        "hosts": ["ratings"],
        "http": [_to("ratings", match=[{"headers": {"end-user": {"exact": "jason"}}}])],
    }
    second = {"hosts": ["ratings"], "http": [_to("ratings")]}
    rules = [
        istio_object("VirtualService", "one", first),
        istio_object("VirtualService", "two", second),
    ]
    world = world_of(version, [*bookinfo(version), *rules, *waypoint()])
    assert asked(world, WAYPOINT, "ratings", "mary").response_flags == expected
    assert asked(world, PAGE, "ratings", "mary").response_flags == "NR"


@pytest.mark.parametrize("born", ["2020", "2030"])
def test_a_virtual_service_beside_an_http_route(born: str) -> None:
    """A sidecar takes one rule for a host: the HTTPRoute, whichever is older; the VirtualService is
    as if it were not there."""
    mine = istio_object(
        "VirtualService", "reviews", {"hosts": ["reviews"], "http": [_to("details")]}
    )
    mine["metadata"]["creationTimestamp"] = f"{born}-01-01T00:00:00Z"
    versions = samples("1.30.3", "platform/kube/bookinfo-versions")
    objects = with_slices([*bookinfo("1.30.3"), *versions, http_route("reviews", FOR_JASON), mine])
    assert pods(asked(world_of("1.30.3", objects), PAGE, user="jason")) == {"reviews-v2"}


def test_names_that_nobody_knows() -> None:
    """A sidecar lets them pass, or not when the mesh is closed; a plain client finds no such host."""
    everyone = bookinfo("1.30.3")
    assert asked(world_of("1.30.3", everyone), PAGE, "example.com").passthrough
    closed = world_of("1.30.3", everyone, mesh={"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}})
    assert asked(closed, PAGE, "example.com").status == 502
    assert asked(closed, None, "example.com").unknown_host


def test_a_port_that_is_not_http() -> None:
    """No route is looked at: bytes go to the Service's endpoints."""
    world = world_of("1.30.3", with_slices([*bookinfo("1.30.3"), gateway_service()]))
    found = route_request(world, PAGE, ProxyRequest("bookinfo-gateway-istio", 15021))
    assert (found.layer7, found.response_flags) == (False, "UH")


def _to(host: str, **more: object) -> dict[str, object]:
    return {"route": [{"destination": {"host": host}}], **more}
