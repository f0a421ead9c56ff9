"""What a route does with a request: backends, faults, retries, redirects, rewrites."""

from __future__ import annotations

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.routes.decision import ProxyRequest, route_request
from sandbox.dataplane.routes.dump import dump_proxy_config
from sandbox.dataplane.routes.translate import parse_seconds

from .asking import FULL, PAGE, ask, service, with_rules
from .stages import (
    GATEWAY,
    NAMESPACE,
    http_route,
    samples,
)


@pytest.mark.parametrize(("port", "status"), [({}, 418), ({"port": 9080}, 418), ({"port": 80}, 0)])
def test_a_route_for_one_port_of_its_parent(port: dict[str, int], status: int) -> None:
    """Without a port it is for all of them."""
    redirect = {"type": "RequestRedirect", "requestRedirect": {"statusCode": 418}}
    parents = [{"group": "", "kind": "Service", "name": "reviews", **port}]
    assert (
        ask(
            with_rules(http_route("r", {"parentRefs": parents, "rules": [{"filters": [redirect]}]}))
        ).status
        == status
    )


def test_backends_weigh_one_unless_said_otherwise() -> None:
    """Two without weights share the requests."""
    refs: list[Object] = [{"name": name, "port": 9080} for name in ("details", "ratings")]
    spec = {
        "parentRefs": [{"group": "", "kind": "Service", "name": "reviews"}],
        "rules": [{"backendRefs": refs}],
    }
    routes = dump_proxy_config(with_rules(http_route("r", spec)), PAGE, 9080)["hosts"][
        f"{FULL}:9080"
    ]["routes"]
    assert list(routes[0]["weighted"].values()) == [1, 1]


@pytest.mark.parametrize(("percentage", "status"), [({"percentage": {"value": 100}}, 418), ({}, 0)])
def test_an_abort_without_a_percentage_never_strikes(percentage: Object, status: int) -> None:
    """That is how Istio has it."""
    entry = {
        "fault": {"abort": {"httpStatus": 418, **percentage}},
        "route": [{"destination": {"host": "reviews"}}],
    }
    assert ask(with_rules(service({"http": [entry]}))).status == status


def test_a_fault_comes_before_the_cluster_is_missed() -> None:
    """Abort and delay both strike, and the missing subset is never looked for."""
    always = {"percentage": {"value": 100}}
    fault = {"abort": {"httpStatus": 500, **always}, "delay": {"fixedDelay": "250ms", **always}}
    world = with_rules(
        service(
            {
                "http": [
                    {
                        "fault": fault,
                        "route": [{"destination": {"host": "reviews", "subset": "v9"}}],
                    }
                ]
            }
        )
    )
    found = ask(world)
    assert (found.status, found.response_flags, found.delay_seconds) == (500, "DI,FI", 0.25)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (2, ())),
        ({"retries": {"attempts": 0}}, None),
        ({"retries": {"attempts": 5, "retryOn": "5xx,429"}}, (5, (429,))),
        ({"retries": {"attempts": 1}}, (1, ())),
    ],
)
def test_retries(said: Object, expected: tuple[int, tuple[int, ...]] | None) -> None:
    """Two by default, none when they are switched off; numbers among the causes are statuses."""
    found = ask(
        with_rules(service({"http": [{"route": [{"destination": {"host": "reviews"}}], **said}]}))
    ).retries
    assert (None if found is None else (found.attempts, found.statuses)) == expected


def test_1_23_retries_503() -> None:
    """The default policy did so until 1.24."""
    found = ask(with_rules(version="1.23.2")).retries
    assert found is not None
    assert found.statuses == (503,)


@pytest.mark.parametrize(
    ("said", "expected"), [("1h2m3.5s", 3723.5), ("250ms", 0.25), (None, 0.0), ("0s", 0.0)]
)
def test_durations(said: str | None, expected: float) -> None:
    """As Go writes them."""
    assert parse_seconds(said) == expected


def test_what_is_changed_on_the_way() -> None:
    """Path, authority and headers as the route says; the time limit comes along."""
    entry = {
        "match": [{"uri": {"prefix": "/reviews"}}],
        "rewrite": {"uri": "/r", "authority": "elsewhere"},
        "headers": {
            "request": {"set": {"X-A": "1"}, "remove": ["x-b"]},
            "response": {"add": {"x-c": "3"}},
        },
        "timeout": "1.5s",
        "route": [{"destination": {"host": "reviews"}}],
    }
    found = ask(with_rules(service({"http": [entry]})), "/reviews/0?q=1", x_b="2")
    assert (found.request.path, found.request.host) == ("/r/0?q=1", "elsewhere")
    assert found.request.headers == {"x-a": "1"}
    assert found.response_headers.apply_to({}) == {"x-c": "3"}
    assert found.timeout_seconds == 1.5


@pytest.mark.parametrize(
    ("filters", "path", "location"),
    [
        (
            {"hostname": "a.example", "statusCode": 301},
            "/productpage",
            "http://a.example/productpage",
        ),
        (
            {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"}},
            "/a/b",
            "http://localhost:8080/x",
        ),
        (
            {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}},
            "/a/b",
            "http://localhost:8080/x/b",
        ),
    ],
)
def test_redirects_of_the_gateway_api(filters: Object, path: str, location: str) -> None:
    """Parts that are not named stay as they were asked for."""
    rule: Object = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/" + path.split("/")[1]}}]
    }
    rule |= {"filters": [{"type": "RequestRedirect", "requestRedirect": filters}]}
    gateway = samples("1.30.3", "gateway-api/bookinfo-gateway")[0]
    spec = {"parentRefs": [{"name": "bookinfo-gateway"}], "rules": [rule]}
    found = route_request(
        with_rules(gateway, http_route("r", spec)),
        GATEWAY,
        ProxyRequest("localhost:8080", 80, path=path),
    )
    assert (found.status, found.location) == (filters.get("statusCode", 302), location)


@pytest.mark.parametrize(
    ("rewrite", "expected"),
    [
        ({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}, "/b"),
        ({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}, "/x/b"),
        ({"type": "ReplaceFullPath", "replaceFullPath": "/x"}, "/x"),
    ],
)
def test_rewrites_of_the_gateway_api(rewrite: Object, expected: str) -> None:
    """A prefix that becomes `/` leaves one slash."""
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/a/"}}],
        "filters": [{"type": "URLRewrite", "urlRewrite": {"path": rewrite}}],
        "backendRefs": [{"name": "reviews", "port": 9080}],
    }
    parents = [{"group": "", "kind": "Service", "name": "reviews"}]
    world = with_rules(http_route("r", {"parentRefs": parents, "rules": [rule]}))
    assert ask(world, "/a/b").request.path == expected


def test_hostnames_of_listener_and_route() -> None:
    """A route holds for the names that both have, and nobody else's request finds it."""
    gateway = {**samples("1.30.3", "gateway-api/bookinfo-gateway")[0]}
    listener = {**gateway["spec"]["listeners"][0], "hostname": "*.example.com"}
    gateway["spec"] = {**gateway["spec"], "listeners": [listener]}
    spec = {
        "parentRefs": [{"name": "bookinfo-gateway"}],
        "hostnames": ["a.example.com", "b.example.org"],
    }
    spec |= {"rules": [{"backendRefs": [{"name": "reviews", "port": 9080}]}]}
    world = with_rules(gateway, http_route("r", spec))
    found = {
        h: route_request(world, GATEWAY, ProxyRequest(h, 80)).status
        for h in ("a.example.com", "b.example.org", "c.example.com")
    }
    assert found == {"a.example.com": 0, "b.example.org": 404, "c.example.com": 404}


@pytest.mark.parametrize(("granted", "status"), [(True, 0), (False, 500)])
def test_backends_in_another_namespace(granted: bool, status: int) -> None:
    """At a Gateway they need a ReferenceGrant there; routes of the mesh lead to them without."""
    ratings = next(
        o for o in samples("1.30.3", "platform/kube/bookinfo") if o["metadata"]["name"] == "ratings"
    )
    far = {**ratings, "metadata": {"name": "ratings", "namespace": "far"}}
    sliced: Object = {
        "name": "s",
        "namespace": "far",
        "labels": {"kubernetes.io/service-name": "ratings"},
    }
    slices: Object = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": sliced,
    }
    slices |= {
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [{"name": "http", "port": 9080}],
    }
    grant: Object = {"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant"}
    grant |= {"metadata": {"name": "g", "namespace": "far"}}
    grant |= {
        "spec": {
            "from": [{"kind": "HTTPRoute", "namespace": NAMESPACE}],
            "to": [{"kind": "Service"}],
        }
    }
    gateway = samples("1.30.3", "gateway-api/bookinfo-gateway")[0]
    rules = [{"backendRefs": [{"name": "ratings", "namespace": "far", "port": 9080}]}]
    parents = [{"name": "bookinfo-gateway"}, {"group": "", "kind": "Service", "name": "reviews"}]
    given = http_route("r", {"parentRefs": parents, "rules": rules})
    world = with_rules(gateway, far, slices, given, *([grant] if granted else []))
    assert route_request(world, GATEWAY, ProxyRequest("h", 80)).status == status
    assert ask(world).status == 0
