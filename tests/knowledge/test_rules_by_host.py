"""For which Service a rule is, which rules stay when shares change, and which are removed."""

from __future__ import annotations

from typing import Any

import pytest

from bot.kinds import Object
from bot.knowledge.routing.broken_route import find_dangling_subsets
from bot.knowledge.routing.describe import describe_rules
from bot.knowledge.routing.hosts import is_rule_for
from bot.knowledge.routing.kept_rules import find_kept_rules
from bot.knowledge.routing.manifests import (
    VERSIONS,
    DataPath,
    build_destination_rule,
    build_http_route,
    build_user_route,
    build_virtual_service,
    build_weighted_route,
)
from bot.knowledge.routing.remove import select_fault_rules, select_routes
from bot.knowledge.routing.rules_in_the_way import find_obeyed_rule, select_conflicting_rules
from tests.knowledge.test_rules import SPACE, snapshot

SHARES = {"v1": 50, "v3": 50}
TO_V1: Object = {"destination": {"host": "reviews", "subset": "v1"}}
USER: Object = {"headers": {"end-user": {"exact": "jason"}}}


def service(**spec: Any) -> Object:
    """A VirtualService `reviews` that says this."""
    found = build_virtual_service("reviews", SPACE, [])
    return {**found, "spec": found["spec"] | spec}


@pytest.mark.parametrize(
    ("spec", "ours"),
    [
        ({}, True),
        ({"hosts": ["reviews"]}, True),
        ({"hosts": [f"reviews.{SPACE}"]}, False),
        ({"hosts": ["reviews.example.com", "reviews"]}, True),
        ({"gateways": ["shop"]}, False),
        ({"gateways": ["shop", "mesh"]}, True),
        ({"exportTo": ["."]}, True),
        ({"exportTo": ["elsewhere"]}, False),
    ],
)
def test_a_rule_is_for_its_hosts(spec: dict[str, Any], *, ours: bool) -> None:
    """Gateways and exportTo decide whether callers inside see it."""
    assert is_rule_for(service(**spec), "reviews", SPACE) is ours


def test_an_http_route_is_for_its_parent() -> None:
    """One at a gateway is for no Service, also when it is called like one."""
    route = build_http_route("reviews", SPACE, [])
    assert is_rule_for(route, "reviews", SPACE)
    route["spec"]["parentRefs"] = [{"name": "shop"}]
    assert not is_rule_for(route, "reviews", SPACE)
    assert select_conflicting_rules(snapshot(route), DataPath.SIDECAR, "reviews", []) == []


def made(obj: Object, name: str, second: int) -> Object:
    """A rule of another name, made at that second."""
    stamp = f"2026-11-30T10:00:{second:02}Z"
    return {**obj, "metadata": obj["metadata"] | {"name": name, "creationTimestamp": stamp}}


OURS, ROUTE = service(), build_http_route("reviews", SPACE, [])


@pytest.mark.parametrize(
    ("path", "there", "gone"),
    [
        (DataPath.SIDECAR, [made(OURS, "theirs", 1)], ["theirs"]),
        (DataPath.SIDECAR, [made(OURS, "theirs", 1), made(OURS, "reviews", 2)], ["theirs"]),
        (DataPath.SIDECAR, [made(OURS, "theirs", 3), made(OURS, "reviews", 2)], []),
        (DataPath.SIDECAR, [made(service(hosts=["ratings"]), "theirs", 1)], []),
        (DataPath.SIDECAR, [made(service(gateways=["shop"]), "theirs", 1)], []),
        (DataPath.SIDECAR, [made(ROUTE, "theirs", 3), made(OURS, "reviews", 2)], ["theirs"]),
        (DataPath.WAYPOINT, [made(OURS, "theirs", 1)], ["theirs"]),
        (DataPath.WAYPOINT, [made(ROUTE, "theirs", 3)], ["theirs"]),
    ],
)
def test_rules_of_any_name_that_would_be_obeyed_instead_must_go(
    path: DataPath, there: list[Object], gone: list[str]
) -> None:
    """Of VirtualServices the older ones, of another kind all; no rule for others or a gateway."""
    wanted = [ROUTE if path is DataPath.WAYPOINT else OURS]
    found = select_conflicting_rules(snapshot(*there), path, "reviews", wanted)
    assert [rule["metadata"]["name"] for rule in found] == gone


def test_settings_go_into_the_rule_that_is_obeyed() -> None:
    """It is the oldest, whatever it is called, and then it is not in its own way."""
    theirs = made(OURS, "theirs", 1)
    now = snapshot(made(OURS, "reviews", 2), theirs)
    assert find_obeyed_rule(now, DataPath.SIDECAR, "reviews") == theirs
    assert select_conflicting_rules(now, DataPath.SIDECAR, "reviews", [theirs]) == []


def test_rules_with_a_match_stay_before_the_shares() -> None:
    """Whoever made them; what stands behind a rule for all was not in force, and what leads to an
    unknown subset would not work."""
    lost: Object = {"destination": {"host": "reviews", "subset": "canary"}}
    match = {"match": [USER], "route": [TO_V1]}
    http = [
        match,
        {"match": [{"uri": {"prefix": "/x"}}], "route": [lost]},
        {"match": [{"uri": {"prefix": "/"}}], "route": [TO_V1]},
        {"match": [{"headers": {"end-user": {"exact": "late"}}}], "route": [TO_V1]},
    ]
    kept = find_kept_rules(snapshot(service(http=http)), DataPath.SIDECAR, SPACE)
    assert (kept.rules, kept.users) == ((match,), (("jason", "v1"),))
    made = build_weighted_route(DataPath.SIDECAR, SPACE, SHARES, kept.rules)[-1]
    assert made["spec"]["http"][0] == match
    assert [to["weight"] for to in made["spec"]["http"][1]["route"]] == [50, 50]


def test_rules_of_a_route_stay_before_the_shares() -> None:
    """Through a waypoint too, where the API server has filled in the match for all."""
    (route,) = build_user_route(DataPath.WAYPOINT, SPACE, "jason", "v2")
    path = {"path": {"type": "PathPrefix", "value": "/"}}
    rules = [
        {**rule, "matches": [{**path, **match} for match in rule.get("matches") or [{}]]}
        for rule in route["spec"]["rules"]
    ]
    route["spec"]["rules"] = rules
    kept = find_kept_rules(snapshot(route), DataPath.WAYPOINT, SPACE)
    assert (kept.rules, kept.users) == ((rules[0],), (("jason", "v2"),))


@pytest.mark.parametrize(
    "spec", [{"gateways": ["shop"]}, {"hosts": ["ratings"]}, {"http": [{"route": [TO_V1]}]}]
)
def test_nothing_stays_that_is_not_in_force(spec: dict[str, Any]) -> None:
    """A rule for gateways or another host does not become one for the mesh."""
    rule = {"http": [{"match": [USER], "route": [TO_V1]}]} | spec
    assert find_kept_rules(snapshot(service(**rule)), DataPath.SIDECAR, SPACE).rules == ()


def test_a_match_on_something_else_is_not_everybody() -> None:
    """Nor is a header's value a user, unless it is the user's header."""
    http = [{"match": [{"uri": {"prefix": "/x"}}], "route": [TO_V1]}, {"route": [TO_V1]}]
    said = list(map(str, describe_rules(service(http=http))))
    assert said == ["reviews: requests that match → v1", "reviews: everybody else → v1"]
    matches = [{"headers": [{"name": "x-team", "value": "a"}]}]
    route = build_http_route("reviews", SPACE, [{"matches": matches, "backendRefs": []}])
    assert list(map(str, describe_rules(route))) == ["reviews: requests that match → as ever"]


def test_only_rules_for_the_service_are_removed() -> None:
    """A DestinationRule without versions routes nothing, and a rule without a fault is none."""
    policy = build_destination_rule("reviews", SPACE, ())
    gateway = service(gateways=["shop"])
    assert select_routes(snapshot(policy, gateway)) == []
    versions = build_destination_rule("reviews", SPACE, VERSIONS)
    assert select_routes(snapshot(versions, service())) == [service(), versions]
    plain = build_virtual_service("ratings", SPACE, [{"timeout": "1s"}])
    assert select_fault_rules(snapshot(plain)) == []


def test_subsets_are_defined_by_any_rule_for_the_host() -> None:
    """Whatever it is called; one for another host defines nothing."""
    needs = service(http=[{"route": [TO_V1]}])
    other = build_destination_rule("reviews", SPACE, ["v1"])
    other["metadata"]["name"] = "versions"
    assert find_dangling_subsets(snapshot(needs, other)) == ()
    other["spec"]["host"] = "review"
    assert find_dangling_subsets(snapshot(needs, other)) == ("v1",)
