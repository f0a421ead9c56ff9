"""Routes: whether they bind to their parents, and whether what they refer to is there."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.contract import Object
from sandbox.istio.istiod.routes import RouteContext, build_route_status, count_attached_routes

HERE = "bookinfo"


def gateway(**listener: Any) -> Object:
    """A Gateway with one listener."""
    one = {"name": "http", "port": 80, "protocol": "HTTP", **listener}
    return {
        "metadata": {"name": "gw", "namespace": HERE},
        "spec": {"gatewayClassName": "istio", "listeners": [one]},
    }


def route(
    *,
    namespace: str = HERE,
    parent: Object | None = None,
    backend: Object | None = None,
    **spec: Any,
) -> Object:
    """A route to `reviews` through `gw`."""
    refs = [backend or {"name": "reviews", "port": 9080}]
    body = {"parentRefs": [parent or {"name": "gw"}], "rules": [{"backendRefs": refs}], **spec}
    return {"metadata": {"name": "r", "namespace": namespace, "generation": 1}, "spec": body}


def world(
    gw: Object | None = None, grants: list[Object] | None = None, *, waypoints: bool = False
) -> RouteContext:
    """The Gateway `gw` and the Service `reviews`, both in one namespace."""
    labels = {"metadata": {"labels": {"team": "blue"}}}
    return RouteContext(
        gateways={(HERE, "gw"): gw or gateway()},
        services={(HERE, "reviews"): {}},
        namespaces={("", "default"): labels},
        grants={(HERE, str(n)): grant for n, grant in enumerate(grants or [])},
        ours=lambda _: True,
        waypoints=waypoints,
    )


def conditions(of: Object, around: RouteContext) -> list[tuple[str, str, str]]:
    """Type, reason and message of the only parent's conditions."""
    (parent,) = build_route_status(of, around, "2026-01-01T00:00:00Z")["parents"]
    return [(c["type"], c["reason"], c["message"]) for c in parent["conditions"]]


FINE = [
    ("Accepted", "Accepted", "Route was valid"),
    ("ResolvedRefs", "ResolvedRefs", "All references resolved"),
]


def test_a_route_binds_to_its_gateway() -> None:
    """Two conditions, in the recorded words; a third one under ambient."""
    assert conditions(route(), world()) == FINE
    third = ("ResolvedWaypoints", "ResolvedWaypoints", "All waypoints resolved")
    assert conditions(route(), world(waypoints=True)) == [*FINE, third]


def test_a_route_of_the_mesh_binds_to_its_service() -> None:
    """A Service can be the parent."""
    parent = {"group": "", "kind": "Service", "name": "reviews", "port": 9080}
    assert conditions(route(parent=parent), world()) == FINE
    gone = conditions(route(parent={**parent, "name": "revws"}), world())
    assert gone[0] == ("Accepted", "NoMatchingParent", 'parent service: "revws" not found')


def test_a_parent_that_is_not_there_says_nothing() -> None:
    """Nobody answers for a Gateway that does not exist."""
    assert build_route_status(route(parent={"name": "nope"}), world(), "2026-01-01T00:00:00Z") == {
        "parents": []
    }


def test_a_gateway_of_another_group_is_no_parent() -> None:
    """Istio's own Gateways take no HTTPRoutes: nobody answers, and nothing is attached."""
    of = route(parent={"group": "networking.istio.io", "kind": "Gateway", "name": "gw"})
    assert build_route_status(of, world(), "2026-01-01T00:00:00Z") == {"parents": []}
    assert count_attached_routes(gateway(), [of], world()) == {}


@pytest.mark.parametrize(
    ("of", "gw", "reason", "message"),
    [
        (
            route(parent={"name": "gw", "sectionName": "nosuch"}),
            gateway(),
            "NoMatchingParent",
            'sectionName "nosuch" not found',
        ),
        (
            route(namespace="default", parent={"name": "gw", "namespace": HERE}),
            gateway(),
            "NotAllowedByListeners",
            'hostnames matched parent hostname "", but namespace "default" is not allowed by the '
            "parent",
        ),
        (
            route(hostnames=["b.example.com"]),
            gateway(hostname="a.example.com"),
            "NoMatchingListenerHostname",
            'no hostnames matched parent hostname "a.example.com"',
        ),
        (
            route(),
            gateway(protocol="TCP"),
            "NotAllowedByListeners",
            "kind gateway.networking.k8s.io/v1/HTTPRoute is not allowed",
        ),
    ],
)
def test_why_a_route_does_not_bind(of: Object, gw: Object, reason: str, message: str) -> None:
    """The words of a real istiod."""
    assert conditions(of, world(gw))[0] == ("Accepted", reason, message)


@pytest.mark.parametrize(
    ("backend", "reason", "message"),
    [
        (
            {"name": "nope", "port": 80},
            "BackendNotFound",
            "backend(nope.bookinfo.svc.cluster.local) not found",
        ),
        (
            {"name": "reviews", "namespace": "other", "port": 80},
            "RefNotPermitted",
            'backendRef reviews/other not accessible to a HTTPRoute in namespace "bookinfo"'
            " (missing a ReferenceGrant?)",
        ),
        (
            {"group": "x", "kind": "Foo", "name": "reviews"},
            "InvalidKind",
            'referencing unsupported backendRef: group "x" kind "Foo"',
        ),
    ],
)
def test_references_that_lead_nowhere(backend: Object, reason: str, message: str) -> None:
    """The route stays accepted; only its references are wrong."""
    said = conditions(route(backend=backend), world())
    assert said == [FINE[0], ("ResolvedRefs", reason, message)]


def test_a_grant_opens_another_namespace() -> None:
    """A ReferenceGrant in the backend's namespace permits the reference."""
    source = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "default"}
    grant = {"spec": {"from": [source], "to": [{"group": "", "kind": "Service"}]}}
    of = route(
        namespace="default",
        parent={"name": "gw", "namespace": HERE},
        backend={"name": "reviews", "namespace": HERE},
    )
    open_to_all = gateway(allowedRoutes={"namespaces": {"from": "All"}})
    assert conditions(of, world(open_to_all, [grant])) == FINE


@pytest.mark.parametrize(("team", "count"), [("blue", 1), ("red", 0)])
def test_listeners_count_the_routes_they_take(team: str, count: int) -> None:
    """A selector admits routes by the labels of their namespace."""
    selector = {"from": "Selector", "selector": {"matchLabels": {"team": team}}}
    gw = gateway(allowedRoutes={"namespaces": selector})
    of = route(namespace="default", parent={"name": "gw", "namespace": HERE})
    assert count_attached_routes(gw, [of], world(gw)).get("http", 0) == count


def test_entries_of_other_controllers_stay() -> None:
    """A route may have parents that somebody else answers for."""
    of = route()
    foreign = {"parentRef": {"name": "other"}, "controllerName": "example.com/x", "conditions": []}
    of["status"] = {"parents": [foreign]}
    assert build_route_status(of, world(), "2026-01-01T00:00:00Z")["parents"][0] == foreign


def test_a_listener_for_other_kinds_takes_no_http_route() -> None:
    """allowedRoutes.kinds is a list of what is taken; nothing is attached."""
    around = world(gateway(allowedRoutes={"kinds": [{"kind": "GRPCRoute"}]}))
    refusal = "kind gateway.networking.k8s.io/v1/HTTPRoute is not allowed"
    assert conditions(route(), around)[0] == ("Accepted", "NotAllowedByListeners", refusal)
    gw = around.gateways[(HERE, "gw")]
    assert count_attached_routes(gw, [route()], around) == {}


@pytest.mark.parametrize(
    ("kind", "protocol", "taken"),
    [
        ("GRPCRoute", "HTTP", True),
        ("GRPCRoute", "TLS", False),
        ("TLSRoute", "TLS", True),
        ("TLSRoute", "HTTP", False),
        ("HTTPRoute", "TLS", False),
    ],
)
def test_a_listener_takes_the_kinds_of_its_protocol(kind: str, protocol: str, taken: bool) -> None:
    """As recorded of 1.32-alpha: HTTP takes GRPCRoutes, TLS takes TLSRoutes."""
    of = {**route(), "kind": kind}
    refusal = f"kind gateway.networking.k8s.io/v1/{kind} is not allowed"
    expected = FINE[0] if taken else ("Accepted", "NotAllowedByListeners", refusal)
    assert conditions(of, world(gateway(protocol=protocol)))[0] == expected


def test_a_grant_is_for_one_kind() -> None:
    """What is granted to HTTPRoutes is not granted to GRPCRoutes, whose kind is named."""
    grant = {
        "spec": {
            "from": [{"kind": "HTTPRoute", "namespace": "default"}],
            "to": [{"kind": "Service"}],
        }
    }
    of = route(
        namespace="default",
        parent={"name": "gw", "namespace": HERE},
        backend={"name": "reviews", "namespace": HERE},
    )
    around = world(gateway(allowedRoutes={"namespaces": {"from": "All"}}), [grant])
    assert conditions({**of, "kind": "HTTPRoute"}, around) == FINE
    assert conditions({**of, "kind": "GRPCRoute"}, around)[1] == (
        "ResolvedRefs",
        "RefNotPermitted",
        'backendRef reviews/bookinfo not accessible to a GRPCRoute in namespace "default" '
        "(missing a ReferenceGrant?)",
    )
