"""What istiod makes of rules before proxies see them: delegates, hosts that no Service of that port
has, ServiceEntries, mirrors. The expected values are those recorded of real istiods."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.world import World
from sandbox.dataplane.routes.dump import dump_proxy_config

from .asking import FULL, PAGE, SUBSETS, ask, service, with_rules
from .stages import bookinfo, istio_object

RULE = istio_object("DestinationRule", "reviews", {"host": "reviews", "subsets": SUBSETS})


def to(subset: str = "", *, host: str = "reviews", **more: Any) -> Object:
    """A route to a subset."""
    target = {"host": host} | ({"subset": subset} if subset else {})
    return {"route": [{"destination": target}], **more}


def inner(*http: Object, namespace: str = "bookinfo", **spec: object) -> Object:
    """A VirtualService without hosts."""
    return istio_object(
        "VirtualService", "inner", {"http": list(http), **spec}, namespace=namespace
    )


def outer(**more: object) -> Object:
    """A VirtualService that leaves its first route to the inner one."""
    return service({"http": [{"delegate": {"name": "inner"}, **more}, to(host="details")]})


def hosts(world: World, port: int) -> dict[str, list[str]]:
    """Of productpage's virtual hosts on a port: where their routes lead."""
    dumped = dump_proxy_config(world, PAGE, port)["hosts"]
    return {
        name: [str(r.get("cluster") or r.get("direct_response")) for r in host["routes"]]
        for name, host in dumped.items()
    }


JASON = {"headers": {"end-user": {"exact": "jason"}}}


@pytest.mark.parametrize(
    ("root", "leaf", "path", "user", "taken"),
    [
        ({}, {}, "/reviews/0", "", True),
        ({"uri": {"prefix": "/reviews"}}, JASON, "/reviews/0", "jason", True),
        ({"uri": {"prefix": "/reviews"}}, JASON, "/reviews/0", "mary", False),
        ({"uri": {"prefix": "/reviews"}}, JASON, "/health", "jason", False),
        ({"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/a/b"}}, "/a/b", "", True),
        ({"uri": {"prefix": "/a/b"}}, {"uri": {"prefix": "/a"}}, "/a/b", "", False),
        ({"uri": {"regex": "/a.*"}}, {"uri": {"exact": "/a"}}, "/a", "", False),
        ({"uri": {"exact": "/a"}}, {"uri": {"exact": "/a"}}, "/a", "", True),
    ],
)
def test_a_delegate_narrows_what_its_root_says(
    root: Object, leaf: Object, path: str, user: str, taken: bool
) -> None:
    """Both conditions must hold; those that can't be joined leave the route out."""
    narrowed: dict[str, Any] = {"match": [leaf]} if leaf else {}
    delegate = inner(to("v2", **narrowed))
    world = with_rules(RULE, outer(**({"match": [root]} if root else {})), delegate)
    assert (ask(world, path, end_user=user).subset == "v2") == taken


def test_a_delegate_inherits_what_it_does_not_say() -> None:
    """A time limit of the root holds, unless the delegate has its own."""
    for own, seconds in (({}, 4.0), ({"timeout": "1s"}, 1.0)):
        world = with_rules(RULE, outer(timeout="4s"), inner(to("v2", **own)))
        assert ask(world).timeout_seconds == seconds


@pytest.mark.parametrize(
    "delegate", [inner(to("v2"), hosts=["reviews"]), inner(to("v2"), namespace="far")]
)
def test_a_delegate_that_is_none_leaves_its_route_out(delegate: Object) -> None:
    """One with hosts of its own, and one somewhere else; the next route is taken."""
    assert "details" in ask(with_rules(RULE, outer(), delegate)).cluster


def test_short_names_of_a_delegate_are_beside_it() -> None:
    """A Service in the delegate's namespace, which here is not there."""
    root = service({"http": [{"delegate": {"name": "inner", "namespace": "far"}}]})
    decision = ask(with_rules(root, inner(to(), namespace="far")))
    assert decision.cluster == "outbound|9080||reviews.far.svc.cluster.local"


def test_a_host_without_that_port_is_served_on_port_80() -> None:
    """Also that of a Service, whose only port istiod does not know there; the first rule has it."""
    second = istio_object("VirtualService", "z-late", {"hosts": ["reviews"], "http": [to("v1")]})
    found = hosts(with_rules(RULE, service({"http": [to("v2")]}), second), 80)
    assert found[f"{FULL}:80"] == [f"outbound|80|v2|{FULL}"]
    assert set(found) == {f"{FULL}:80", "allow_any"}


def test_a_wildcard_that_covers_services_is_no_host() -> None:
    """One that covers none is."""
    rules = [
        istio_object("VirtualService", name, {"hosts": [host], "http": [to()]})
        for name, host in (("near", "*.bookinfo.svc.cluster.local"), ("far", "*.example.com"))
    ]
    assert "*.example.com:80" in hosts(with_rules(*rules), 80)
    assert "*.bookinfo.svc.cluster.local:9080" not in hosts(with_rules(*rules), 9080)


def test_a_service_entry_is_a_host_with_a_cluster() -> None:
    """On its port, with the rules for it."""
    ports = [{"number": 9080, "name": "http", "protocol": "HTTP"}]
    entry = istio_object(
        "ServiceEntry", "ext", {"hosts": ["ext.example.com"], "ports": ports, "resolution": "DNS"}
    )
    rule = istio_object(
        "VirtualService",
        "ext",
        {"hosts": ["ext.example.com"], "http": [to(host="ext.example.com", timeout="3s")]},
    )
    dumped = dump_proxy_config(with_rules(entry, rule), PAGE, 9080)
    assert dumped["hosts"]["ext.example.com:9080"]["routes"][0]["timeout"] == "3s"
    assert "outbound|9080||ext.example.com" in dumped["clusters"]


@pytest.mark.parametrize(
    ("mirror", "copies"),
    [
        ({"mirror": {"host": "details"}}, 1),
        ({"mirror": {"host": "details"}, "mirrorPercentage": {"value": 0}}, 0),
        ({"mirrors": [{"destination": {"host": "details"}}] * 2}, 2),
        ({"mirror": {"host": "nonesuch"}}, 0),
        ({"mirror": {"host": "details"}, "fault": {"abort": {"httpStatus": 503}}}, 1),
    ],
)
def test_mirrors_get_copies(mirror: Object, copies: int) -> None:
    """Of every request unless a share is named; where there is nobody, none."""
    decision = ask(with_rules(service({"http": [to(**mirror)]})))
    assert len(decision.mirrors) == copies
    assert decision.status == 0


def test_what_is_aborted_is_not_mirrored() -> None:
    """The fault filter stands before the router."""
    fault = {"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 100}}}
    decision = ask(with_rules(service({"http": [to(mirror={"host": "details"}, fault=fault)]})))
    assert (decision.status, decision.mirrors) == (503, ())


def unexported(exported: str) -> Object:
    """Service reviews as Bookinfo has it, with this annotation."""
    (found,) = (
        o
        for o in bookinfo("1.30.3")
        if o["kind"] == "Service" and o["metadata"]["name"] == "reviews"
    )
    notes = {"networking.istio.io/exportTo": exported}
    return found | {"metadata": found["metadata"] | {"annotations": notes}}


@pytest.mark.parametrize(
    ("exported", "known"),
    [("~", False), ("default", False), ("~, *", True), (".", True), ("bookinfo", True)],
)
def test_services_may_be_kept_from_proxies(exported: str, known: bool) -> None:
    """Who does not know a Service passes its requests on as they are; no rule for it counts."""
    decision = ask(with_rules(RULE, service({"http": [to("v2")]}), unexported(exported)))
    assert (decision.subset == "v2", decision.passthrough) == (known, not known)
    assert {e.labels["app"] for e in decision.endpoints} == {"reviews"}


@pytest.mark.parametrize(
    ("entry", "status"), [({}, 0), ({"exportTo": ["default"]}, 502), (None, 502)]
)
def test_under_registry_only_an_entry_lets_one_in(entry: Object | None, status: int) -> None:
    """Without an entry that the proxy is told of, it refuses; with one, requests go on in plain text."""
    spec = {"hosts": [FULL], "ports": [{"number": 9080, "name": "http", "protocol": "HTTP"}]}
    entries = [] if entry is None else [istio_object("ServiceEntry", "reviews", spec | entry)]
    policy = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    refuses = istio_object("Sidecar", "default", policy)
    decision = ask(with_rules(unexported("~"), refuses, *entries))
    assert (decision.status, decision.passthrough) == (status, not status)
    assert bool(decision.endpoints) is not bool(status)
