"""How rules find their hosts and requests: names, namespaces, conditions, and what is changed on
the way."""

from __future__ import annotations

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.routes.clusters import list_clusters, merge_traffic_policy
from sandbox.dataplane.routes.decision import ProxyRequest, route_request
from sandbox.dataplane.routes.dump import dump_proxy_config

from .asking import FULL, PAGE, SUBSETS, ask, only, service, with_rules
from .stages import (
    NAMESPACE,
    WAYPOINT,
    istio_object,
    samples,
    sidecar,
    waypoint,
)


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
