"""Policies that keep requests away: AuthorizationPolicies, mutual TLS against DestinationRules,
NetworkPolicies, Sidecar resources, and circuit breakers."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.connection_pools import ConnectionPools
from sandbox.dataplane.engine.http_messages import Reply
from sandbox.dataplane.objects.world import Endpoint
from tests.sandbox.dataplane.engine.place import Place

STRICT = {("bookinfo", "default"): {"spec": {"mtls": {"mode": "STRICT"}}}}
DENIED = "RBAC: access denied"


def obj(kind: str, name: str, spec: Object, namespace: str = "bookinfo") -> Object:
    """An object of a kind by name."""
    group = {"NetworkPolicy": "networking.k8s.io", "AuthorizationPolicy": "security.istio.io"}
    return {
        "apiVersion": f"{group.get(kind, 'networking.istio.io')}/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def policy(namespace: str = "bookinfo", **spec: Any) -> Object:
    """An AuthorizationPolicy."""
    return obj("AuthorizationPolicy", "rule", spec, namespace)


def rule(host: str, **traffic: Any) -> Object:
    """A DestinationRule with a traffic policy."""
    return obj("DestinationRule", "rule", {"host": host, "trafficPolicy": traffic})


def selecting(app: str) -> Object:
    """A selector of Istio's policies."""
    return {"matchLabels": {"app": app}}


def has_reviews(place: Place) -> bool:
    """Whether the page shows reviews."""
    return "Error fetching product reviews" not in place.ask().body.decode()


@pytest.mark.parametrize("namespace", ["bookinfo", "istio-system"])
def test_allow_nothing_is_for_the_gateway_too(namespace: str) -> None:
    """A policy without rules and selector refuses everything in its namespace, or everywhere."""
    reply = Place(policies=[policy(namespace)]).ask()
    assert (reply.status, reply.body.decode()) == (403, DENIED)


def test_a_sidecar_refuses_by_identity() -> None:
    """Reviews let productpage's account in, and nobody else's; the refusal is counted."""
    source = {"source": {"principals": ["cluster.local/ns/bookinfo/sa/bookinfo-details"]}}
    place = Place(policies=[policy(selector=selecting("reviews"), rules=[{"from": [source]}])])
    assert not has_reviews(place)
    labels = {"reporter": "destination", "destination_app": "reviews", "response_code": "403"}
    assert place.total(**labels) == 2
    source["source"]["principals"] = ["cluster.local/ns/bookinfo/sa/bookinfo-productpage"]
    assert has_reviews(place)


@pytest.mark.parametrize(
    ("operation", "refused"),
    [
        ({"paths": ["/reviews/*"]}, True),
        ({"methods": ["POST"]}, False),
        ({"ports": ["9080"]}, True),
    ],
)
def test_deny_is_for_what_matches(operation: Object, refused: bool) -> None:
    """DENY refuses what one of its rules describes, and nothing else."""
    rules = [{"to": [{"operation": operation}]}]
    place = Place(policies=[policy(selector=selecting("reviews"), action="DENY", rules=rules)])
    assert has_reviews(place) is not refused


def test_ztunnel_knows_no_paths() -> None:
    """In ambient an ALLOW rule with paths matches nothing, and the connection is cut."""
    rules = [{"to": [{"operation": {"paths": ["/reviews/*"]}}]}]
    there = [policy(selector=selecting("reviews"), rules=rules)]
    assert has_reviews(Place(policies=there))
    assert not has_reviews(Place(mode="ambient", policies=there))


def test_a_waypoint_refuses_what_targets_its_service() -> None:
    """A policy with targetRefs is for the waypoint, one with a selector never is; behind a
    waypoint ztunnel sees the waypoint's identity.
    """
    target = [{"kind": "Service", "group": "", "name": "reviews"}]
    refusing = [policy(targetRefs=target, action="DENY", rules=[{}])]
    assert not has_reviews(Place(mode="ambient", waypoint=True, policies=refusing))
    assert has_reviews(Place(mode="ambient", policies=refusing))
    source = {"source": {"principals": ["cluster.local/ns/bookinfo/sa/bookinfo-productpage"]}}
    allowing = [policy(selector=selecting("reviews"), rules=[{"from": [source]}])]
    assert has_reviews(Place(mode="ambient", policies=allowing))
    assert not has_reviews(Place(mode="ambient", waypoint=True, policies=allowing))


@pytest.mark.parametrize(
    ("mode", "strict", "flags"),
    [
        ("DISABLE", True, "UC"),
        ("DISABLE", False, ""),
        ("SIMPLE", False, "UF"),
        ("ISTIO_MUTUAL", True, ""),
    ],
)
def test_a_destination_rule_may_speak_another_tls(mode: str, strict: bool, flags: str) -> None:
    """Plain text is cut by STRICT, and TLS that no application speaks fails everywhere."""
    place = Place(rules=[rule("reviews", tls={"mode": mode})], peers=STRICT if strict else {})
    assert has_reviews(place) is not bool(flags)
    if flags:
        assert place.total(
            reporter="source", destination_service_name="reviews", response_code="503"
        )


def test_mutual_tls_that_the_callee_does_not_speak() -> None:
    """ISTIO_MUTUAL to a pod without sidecar fails."""
    gone = ("reviews-v1", "reviews-v2", "reviews-v3")
    there = [rule("reviews", tls={"mode": "ISTIO_MUTUAL"})]
    assert not has_reviews(Place(rules=there, outside=gone))


def test_a_network_policy_for_the_applications_port_cuts_ambient_off() -> None:
    """9080 alone is enough for sidecars, and not for ztunnel's tunnel on 15008."""
    ports = [{"protocol": "TCP", "port": 9080}]
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": ports}]}
    there = [obj("NetworkPolicy", "only", spec)]
    assert "Error fetching" not in Place(policies=there).ask(pod="productpage").body.decode()
    page = Place(mode="ambient", policies=there).ask(pod="productpage").body.decode()
    assert "Error fetching product reviews" in page


@pytest.mark.parametrize(
    ("protocol", "mode", "whole"),
    [("TCP", "sidecar", False), ("UDP", "sidecar", True), ("TCP", "ambient", True)],
)
def test_names_are_looked_up_by_udp(protocol: str, mode: str, whole: bool) -> None:
    """Egress without UDP 53 finds no Service; for captured pods ztunnel knows the names."""
    rules = [{"to": [{"podSelector": {}}]}, {"ports": [{"protocol": protocol, "port": 53}]}]
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": rules}
    place = Place(mode=mode, policies=[obj("NetworkPolicy", "egress", spec)])
    page = place.ask(pod="productpage").body.decode()
    assert ("Error fetching product reviews" not in page) is whole


@pytest.mark.parametrize(
    ("hosts", "mode", "codes"),
    [
        (["istio-system/*", "./details.bookinfo.svc.cluster.local"], "ALLOW_ANY", "200"),
        (["istio-system/*", "./details.bookinfo.svc.cluster.local"], "REGISTRY_ONLY", "502"),
        (["./*"], "REGISTRY_ONLY", ""),
    ],
)
def test_a_sidecar_resource_takes_hosts_away(hosts: list[str], mode: str, codes: str) -> None:
    """What is not listed passes through without rules, or is refused under REGISTRY_ONLY."""
    spec = {"egress": [{"hosts": hosts}], "outboundTrafficPolicy": {"mode": mode}}
    aborting = {
        "hosts": ["reviews"],
        "http": [
            {
                "fault": {"abort": {"httpStatus": 418, "percentage": {"value": 100}}},
                "route": [{"destination": {"host": "reviews"}}],
            }
        ],
    }
    there = [obj("Sidecar", "default", spec), obj("VirtualService", "reviews", aborting)]
    place = Place(rules=there)
    # Only what passes through does not meet the fault.
    assert has_reviews(place) is (codes == "200")
    if codes == "502":
        assert place.total(reporter="source", response_code="502")


def test_connections_and_waiting_requests_are_bounded() -> None:
    """One request at a time, one that waits for it, and no third."""
    pools, key = ConnectionPools(), ("proxy", "cluster")
    pool = {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}
    assert pools.find_start(key, pool, 0.0) == 0.0
    pools.note_request(key, 0.0, 2.0)
    assert pools.find_start(key, pool, 1.0) == 2.0
    pools.note_request(key, 2.0, 4.0)
    assert pools.find_start(key, pool, 1.5) is None
    assert pools.find_start(key, pool, 5.0) == 5.0


def test_an_endpoint_is_ejected_after_errors() -> None:
    """After errors in a row an endpoint is left out for a while; of others at most the share."""
    pools, key = ConnectionPools(), ("proxy", "cluster")
    everyone = (Endpoint("10.0.0.1", 9080), Endpoint("10.0.0.2", 9080))
    told: Object = {"consecutive5xxErrors": 2, "baseEjectionTime": "30s"}
    for endpoint in (everyone[0], everyone[0], everyone[1], everyone[1]):
        pools.note_reply(key, (endpoint, everyone), told, Reply(10.0, 503))
    assert pools.list_healthy(key, everyone, 11.0) == everyone[1:]
    assert pools.list_healthy(key, everyone, 41.0) == everyone


def test_a_breaker_answers_with_its_own_flag() -> None:
    """Requests that meet at one Envoy overflow: 503 with flag UO."""
    limits = {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}
    place = Place(rules=[rule("reviews", connectionPool=limits)])
    moment = place.now
    for _ in range(4):
        place.now = moment
        place.ask()
    assert place.total(reporter="source", response_flags="UO") > 0


def test_ratings_v2_wants_its_database() -> None:
    """Without one it answers 500, and reviews show no stars."""
    image = "registry.istio.io/release/examples-bookinfo-ratings-v2:1.20.3"
    place = Place(images={"ratings-v1": image})
    reply = place.ask("/ratings/0", pod="ratings")
    assert (reply.status, b"could not connect to ratings database" in reply.body) == (500, True)


def test_a_trial_refuses_nothing() -> None:
    """A policy marked as a dry run is only counted."""
    trial = policy(action="DENY", rules=[{}])
    trial["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    assert has_reviews(Place(policies=[trial]))


@pytest.mark.parametrize(("method", "refused"), [("GET", True), ("POST", False)])
def test_an_authorizer_that_is_unknown(method: str, refused: bool) -> None:
    """What the rules of such a policy match is denied (Istio)."""
    rules = [{"to": [{"operation": {"methods": [method]}}]}]
    asked = policy(
        action="CUSTOM", provider={"name": "x"}, rules=rules, selector=selecting("reviews")
    )
    assert has_reviews(Place(policies=[asked])) is not refused


@pytest.mark.parametrize(("host", "seen"), [("reviews", False), ("Reviews:9080", True)])
def test_hosts_are_compared_with_their_port(host: str, seen: bool) -> None:
    """Callers write the port into the Host header, and nobody takes it off."""
    rules = [{"to": [{"operation": {"hosts": [host]}}]}]
    assert has_reviews(Place(policies=[policy(rules=rules, selector=selecting("reviews"))])) is seen
