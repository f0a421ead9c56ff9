"""How rules find their hosts and requests: names, namespaces, conditions, and what is changed on
the way."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.world import World
from sandbox.dataplane.routes.clusters import list_clusters, merge_traffic_policy
from sandbox.dataplane.routes.decision import Decision, ProxyRequest, route_request
from sandbox.dataplane.routes.dump import dump_proxy_config
from sandbox.dataplane.routes.translate import parse_seconds

from .stages import (
    GATEWAY,
    NAMESPACE,
    WAYPOINT,
    bookinfo,
    http_route,
    istio_object,
    samples,
    sidecar,
    waypoint,
    world_of,
)

PAGE = sidecar("productpage")
FULL = "reviews.bookinfo.svc.cluster.local"
SUBSETS = [{"name": "v2", "labels": {"version": "v2"}}]


def with_rules(*objects: Object, version: str = "1.30.3") -> World:
    """Bookinfo and these."""
    return world_of(version, [*bookinfo(version), *objects])


def service(spec: Object, **meta: Any) -> Object:
    """A VirtualService for reviews, unless the spec says otherwise."""
    return istio_object("VirtualService", "reviews", {"hosts": ["reviews"], **spec}, **meta)


def only(condition: Object) -> Object:
    """Requests that fit go to details, others nowhere."""
    return service(
        {"http": [{"match": [condition], "route": [{"destination": {"host": "details"}}]}]}
    )


def ask(world: World, path: str = "/reviews/0", method: str = "GET", **headers: str) -> Decision:
    """One request of productpage to reviews."""
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return route_request(world, PAGE, ProxyRequest("reviews", 9080, method, path, named))


@pytest.mark.parametrize(
    ("condition", "yes", "no"),
    [
        (
            {"headers": {"end-user": {"exact": "jason"}}},
            {"end_user": "jason"},
            {"end_user": "jasons"},
        ),
        ({"headers": {"End-User": {"prefix": "ja"}}}, {"end_user": "jason"}, {"end_user": "mary"}),
        (
            {"headers": {"end-user": {"regex": "ja.*n"}}},
            {"end_user": "jason"},
            {"end_user": "jason2"},
        ),
        ({"headers": {"end-user": {"regex": "(unclosed"}}}, None, {"end_user": "jason"}),
        ({"headers": {"end-user": {}}}, {"end_user": "x"}, {}),
        ({"withoutHeaders": {"end-user": {"exact": "jason"}}}, {}, {"end_user": "jason"}),
        ({"uri": {"exact": "/a"}}, {"path": "/a?x=1"}, {"path": "/a/"}),
        ({"uri": {"prefix": "/a"}}, {"path": "/ab"}, {"path": "/b"}),
        ({"uri": {"prefix": "/A"}, "ignoreUriCase": True}, {"path": "/ab"}, {"path": "/b"}),
        ({"uri": {"regex": "/a[0-9]+"}}, {"path": "/a12"}, {"path": "/a12/b"}),
        ({"method": {"exact": "POST"}}, {"method": "POST"}, {"method": "GET"}),
        ({"queryParams": {"v": {"exact": "2"}}}, {"path": "/?v=2"}, {"path": "/?v=3"}),
        ({"authority": {"prefix": "rev"}}, {}, None),
        ({"port": 9080}, {}, None),
        ({"port": 80}, None, {}),
        ({"sourceLabels": {"app": "productpage"}}, {}, None),
        ({"sourceLabels": {"app": "reviews"}}, None, {}),
        ({"sourceNamespace": "other"}, None, {}),
        ({"gateways": ["bookinfo-gateway"]}, None, {}),
    ],
)
def test_conditions(
    condition: Object, yes: dict[str, str] | None, no: dict[str, str] | None
) -> None:
    """Of each kind: a request that fits it is routed, one that does not is not."""
    world = with_rules(only(condition))
    if yes is not None:
        assert ask(world, **yes).cluster.endswith("details.bookinfo.svc.cluster.local")
    if no is not None:
        assert "details" not in ask(world, **no).cluster


def test_source_labels_do_not_count_at_a_waypoint() -> None:
    """Such a condition is dropped there with its route (Istio)."""
    world = with_rules(only({"sourceLabels": {"app": "productpage"}}), *waypoint())
    found = route_request(world, WAYPOINT, ProxyRequest(FULL, 9080))
    assert found.cluster == f"inbound-vip|9080|http|{FULL}"


@pytest.mark.parametrize(
    "host",
    [
        "reviews",
        "reviews.bookinfo",
        "reviews.bookinfo.svc",
        FULL,
        f"{FULL}.",
        f"{FULL}:9080",
        "REVIEWS",
        "10.96.0.77",
    ],
)
def test_every_name_of_a_service(host: str) -> None:
    """All lead to the same virtual host."""
    reviews = next(
        o for o in samples("1.30.3", "platform/kube/bookinfo") if o["metadata"]["name"] == "reviews"
    )
    spec = {**reviews["spec"], "clusterIP": "10.96.0.77"}
    world = with_rules({**reviews, "spec": spec})
    assert route_request(world, PAGE, ProxyRequest(host, 9080)).virtual_host == f"{FULL}:9080"


@pytest.mark.parametrize(
    "host", ["reviews", "reviews.other", "reviews.svc", "reviews.bookinfo.svc.example.org"]
)
def test_names_of_no_service(host: str) -> None:
    """From another namespace the short name means another Service."""
    assert with_rules().find_service(host, "other") is None


@pytest.mark.parametrize(
    ("hosts", "namespace", "holds"),
    [
        (["reviews"], NAMESPACE, True),
        ([FULL], NAMESPACE, True),
        ([FULL], "other", True),
        (["reviews"], "other", False),
        (["*.bookinfo.svc.cluster.local"], NAMESPACE, True),
        (["*"], NAMESPACE, True),
        (["reviews.bookinfo"], NAMESPACE, False),
    ],
)
def test_hosts_of_a_virtual_service(hosts: list[str], namespace: str, holds: bool) -> None:
    """Names without dots stand for Services beside the rule; others must be complete."""
    answer = {"http": [{"directResponse": {"status": 418}}]}
    world = with_rules(service({"hosts": hosts, **answer}, namespace=namespace))
    assert (ask(world).status == 418) is holds


def test_a_named_host_comes_before_a_wildcard() -> None:
    """However old the wildcard is."""
    wide = service(
        {"hosts": ["*"], "http": [{"directResponse": {"status": 418}}]}, creationTimestamp="2000"
    )
    wide["metadata"]["name"] = "wide"
    near = service({"http": [{"directResponse": {"status": 299}}]})
    assert ask(with_rules(wide, near)).status == 299


def test_export_to() -> None:
    """A rule for its own namespace alone is not seen from outside."""
    spec = {"hosts": [FULL], "exportTo": ["."], "http": [{"directResponse": {"status": 418}}]}
    world = with_rules(service(spec, namespace="other"))
    assert ask(world).status == 0
    assert (
        route_request(world, sidecar("x", namespace="other"), ProxyRequest(FULL, 9080)).status
        == 418
    )


@pytest.mark.parametrize(
    ("host", "namespace", "holds"),
    [
        ("reviews", NAMESPACE, True),
        (FULL, NAMESPACE, True),
        (FULL, "istio-system", True),
        ("reviews", "other", False),
        (FULL, "other", False),
        ("*.bookinfo.svc.cluster.local", "istio-system", True),
        ("ratings", NAMESPACE, False),
    ],
)
def test_hosts_of_a_destination_rule(host: str, namespace: str, holds: bool) -> None:
    """Looked for in the client's namespace, the Service's and the root; elsewhere a rule means
    nothing."""
    rule = istio_object(
        "DestinationRule", "r", {"host": host, "subsets": SUBSETS}, namespace=namespace
    )
    assert (f"outbound|9080|v2|{FULL}" in list_clusters(with_rules(rule), PAGE)) is holds


def test_the_clients_namespace_overrides() -> None:
    """A rule beside the client hides the subsets of the one beside the Service."""
    near = istio_object("DestinationRule", "r", {"host": FULL}, namespace="other")
    home = istio_object("DestinationRule", "r", {"host": "reviews", "subsets": SUBSETS})
    world = with_rules(near, home)
    assert f"outbound|9080|v2|{FULL}" not in list_clusters(world, sidecar("x", namespace="other"))
    assert f"outbound|9080|v2|{FULL}" in list_clusters(world, PAGE)


def test_two_destination_rules_for_a_host_are_one() -> None:
    """Their subsets come together, the oldest rule's policy holds, a subset's own goes before it."""
    policy = {"trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}
    own = {"trafficPolicy": {"loadBalancer": {"simple": "ROUND_ROBIN"}}}
    one = istio_object("DestinationRule", "a", {"host": "reviews", "subsets": SUBSETS, **policy})
    two = istio_object("DestinationRule", "b", {"host": FULL, "subsets": [{"name": "v3", **own}]})
    world = with_rules(one, two)
    assert {f"outbound|9080|{v}|{FULL}" for v in ("v2", "v3")} <= list_clusters(world, PAGE)
    reviews = world.services[NAMESPACE, "reviews"]
    assert merge_traffic_policy(world, PAGE, reviews) == policy["trafficPolicy"]
    assert merge_traffic_policy(world, PAGE, reviews, "v3") == own["trafficPolicy"]


def test_the_narrowest_destination_rule_holds_alone() -> None:
    """One for all hosts adds nothing to one that names the host."""
    wide = istio_object(
        "DestinationRule", "a", {"host": "*.bookinfo.svc.cluster.local", "subsets": SUBSETS}
    )
    near = istio_object("DestinationRule", "b", {"host": "reviews"})
    names = list_clusters(with_rules(wide, near), PAGE)
    assert f"outbound|9080|v2|{FULL}" not in names
    assert "outbound|9080|v2|ratings.bookinfo.svc.cluster.local" in names


def test_what_is_never_reached_is_not_sent() -> None:
    """Neither entries behind one that catches all, nor destinations without weight beside others
    with it."""
    targets = [
        {"destination": {"host": h}, "weight": w}
        for h, w in (("details", 0), ("reviews", 60), ("ratings", 40))
    ]
    world = with_rules(service({"http": [{"route": targets}, {"directResponse": {"status": 418}}]}))
    routes = dump_proxy_config(world, PAGE, 9080)["hosts"][f"{FULL}:9080"]["routes"]
    assert [list(r["weighted"].values()) for r in routes] == [[60, 40]]


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
    """They need a ReferenceGrant there."""
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
    parents = [{"group": "", "kind": "Service", "name": "reviews"}]
    rules = [{"backendRefs": [{"name": "ratings", "namespace": "far", "port": 9080}]}]
    given = http_route("r", {"parentRefs": parents, "rules": rules})
    assert ask(with_rules(far, slices, given, *([grant] if granted else []))).status == status
