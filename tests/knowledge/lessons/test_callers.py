"""Who may ask whom: read from words, named by identity, and put before whoever is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.kinds import Object
from bot.knowledge.lessons.caller_words import Admission, build_policies, read_callers
from bot.knowledge.routing.manifests import DataPath
from bot.knowledge.snapshot import Snapshot
from tests.knowledge.test_rules import WAYPOINT, pod, snapshot

GATEWAY = {
    "kind": "Gateway",
    "metadata": {"name": "bookinfo-gateway"},
    "spec": {"gatewayClassName": "istio"},
}


def account(labels: dict[str, str], name: str) -> Object:
    """A pod with a ServiceAccount."""
    found = pod(labels.get("app", "gateway"))
    found["metadata"]["labels"] = labels
    return found | {"spec": {"serviceAccountName": name}}


def cast(domain: str = "") -> Snapshot:
    """Bookinfo's callers, a gateway and a waypoint."""
    pods = (
        account({"app": "productpage"}, "front"),
        account({"app": "reviews"}, "critics"),
        account({"app": "reviews"}, "critics"),
        account({"gateway.networking.k8s.io/gateway-name": "bookinfo-gateway"}, "door"),
        account({"gateway.networking.k8s.io/gateway-name": "waypoint"}, "way"),
    )
    now = snapshot(GATEWAY, WAYPOINT, pods=pods)
    return replace(now, config={"trustDomain": domain} if domain else {})


def principals(policy: Object) -> Any:
    """Whom a policy lets in."""
    return policy["spec"]["rules"][0]["from"][0]["source"]["principals"]


@pytest.mark.parametrize("path", [DataPath.SIDECAR, DataPath.L4])
def test_pods_are_told_whom_to_answer(path: DataPath) -> None:
    """By the ServiceAccounts that the callers really have, each once, in the mesh's trust domain."""
    policy, *more = build_policies(cast("corp"), path, Admission("ratings", ("reviews",)))
    assert not more
    assert policy["spec"]["selector"] == {"matchLabels": {"app": "ratings"}}
    assert principals(policy) == ["corp/ns/team-1/sa/critics"]


def test_a_waypoint_judges_and_nobody_goes_around_it() -> None:
    """Behind a waypoint its policy names the callers, and that of the pods the waypoint alone."""
    way, pods = build_policies(cast(), DataPath.WAYPOINT, Admission("reviews", ("productpage",)))
    assert way["spec"]["targetRefs"] == [{"group": "", "kind": "Service", "name": "reviews"}]
    assert "selector" not in way["spec"]
    assert principals(way) == ["cluster.local/ns/team-1/sa/front"]
    assert principals(pods) == ["cluster.local/ns/team-1/sa/way"]


def test_the_gateway_goes_past_the_waypoint() -> None:
    """So productpage's pods know the gateway itself."""
    (policy,) = build_policies(cast(), DataPath.WAYPOINT, Admission("productpage", ("gateway",)))
    assert principals(policy) == ["cluster.local/ns/team-1/sa/door"]


@pytest.mark.parametrize(
    ("typed", "callers"),
    [
        (["from", "productpage"], ["productpage"]),
        (["from", "Reviews,", "productpage"], ["reviews", "productpage"]),
        (["reviews", "and", "productpage"], ["reviews", "productpage"]),
        ([], []),
    ],
)
def test_callers_as_people_type_them(typed: list[str], callers: list[str]) -> None:
    """Words between names are no names."""
    assert read_callers(typed) == callers
