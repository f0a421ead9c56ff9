"""Whose patience ends a wait, and what of the rules stays when others are rewritten."""

from __future__ import annotations

from typing import Any

import pytest

from bot.kinds import Object
from bot.knowledge.lessons.request_limits import build_rules, build_timeout, is_left_over
from bot.knowledge.routing.manifests import (
    DataPath,
    build_destination_rule,
    build_user_route,
    build_weighted_route,
)
from bot.knowledge.routing.route_settings import is_plain, keep_settings, list_left_rules
from bot.knowledge.routing.waits import Outcome, ProxyLimits, predict_outcome
from tests.knowledge.test_rules import SPACE, snapshot

SOON = ProxyLimits(0.5)


@pytest.mark.parametrize(
    ("version", "delay", "limits", "outcome"),
    [
        ("v1", 7.0, SOON, Outcome()),
        ("v2", 2.0, ProxyLimits(), Outcome(2.0)),
        ("v2", 7.0, ProxyLimits(), Outcome(6.0, False, False, "productpage")),
        ("v3", 7.0, ProxyLimits(), Outcome(2.5, True, False, "reviews")),
        ("v3", 2.0, ProxyLimits(), Outcome(2.0)),
        ("v2", 2.0, SOON, Outcome(1.0, False, False, "proxy")),
        ("v3", 7.0, SOON, Outcome(1.0, False, False, "proxy")),
        ("v2", 0.3, SOON, Outcome(0.3)),
        ("v2", 7.0, ProxyLimits(5.0), Outcome(6.0, False, False, "productpage")),
        ("v2", 2.0, ProxyLimits(0.0, 2, 0.5), Outcome(3.0, False, False, "proxy")),
        ("v2", 2.0, ProxyLimits(0.0, 9, 0.5), Outcome(6.0, False, False, "productpage")),
        ("v2", 2.0, ProxyLimits(1.0, 9, 0.5), Outcome(2.0, False, False, "proxy")),
        ("v2", 2.0, ProxyLimits(0.0, 3, 2.5), Outcome(2.0)),
    ],
)
def test_the_shortest_patience_ends_a_wait(
    version: str, delay: float, limits: ProxyLimits, outcome: Outcome
) -> None:
    """Of the proxy, of its tries together, of productpage, which asks twice, and of reviews."""
    assert predict_outcome(version, delay, limits) == outcome


def made(obj: Object, manager: str = "meshbot") -> Object:
    """A rule as it stands in the cluster, and who made it."""
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {}}}
    return obj | {"metadata": obj["metadata"] | {"managedFields": [entry]}}


def limit(*objects: Object, path: DataPath = DataPath.SIDECAR) -> Object:
    """The rule for reviews with a time limit, beside these rules."""
    (rule,) = build_rules(snapshot(*objects), path, build_timeout("reviews", 0.5))
    return rule


@pytest.mark.parametrize("path", [DataPath.SIDECAR, DataPath.WAYPOINT])
def test_a_limit_takes_no_rule_away(path: DataPath) -> None:
    """jason's route has it, and so has everybody else's."""
    route = build_user_route(path, SPACE, "jason", "v2")[-1]
    place, field = ("http", "timeout") if path is DataPath.SIDECAR else ("rules", "timeouts")
    entries = limit(made(route), path=path)["spec"][place]
    assert [{k: v for k, v in e.items() if k != field} for e in entries] == route["spec"][place]
    assert all(entry[field] in ("0.5s", {"request": "500ms"}) for entry in entries)


def test_a_limit_stays_out_of_a_rule_for_something_else() -> None:
    """One that others called like the application, for a host of their own."""
    theirs = build_user_route(DataPath.SIDECAR, SPACE, "jason", "v2")[-1]
    theirs["spec"]["hosts"] = ["shop.test"]
    rule = limit(made(theirs, "kubectl"))
    assert is_plain(rule)
    assert rule["spec"]["hosts"] != ["shop.test"]


def test_only_what_is_nothing_without_its_limit_goes_with_it() -> None:
    """A rule of others stays, though it decides nothing more, and so does one with a route."""
    route = build_user_route(DataPath.SIDECAR, SPACE, "jason", "v2")[-1]
    for rule, gone in (
        (made(limit()), True),
        (made(limit(), "kubectl"), False),
        (made(limit(made(route))), False),
    ):
        assert is_left_over(snapshot(rule), rule, "timeout") is gone


def test_other_rules_keep_the_limits_of_the_bot_alone() -> None:
    """Those in objects of others go with them, after a question."""
    shares = build_weighted_route(DataPath.SIDECAR, SPACE, {"v1": 50, "v3": 50})
    pool: dict[str, Any] = {"connectionPool": {"tcp": {"maxConnections": 1}}}
    rule = build_destination_rule("reviews", SPACE, ("v1",))
    rule["spec"]["trafficPolicy"] = pool
    mine = snapshot(made(limit()), made(rule))
    kept_rule, kept = keep_settings(mine, shares)
    assert kept["spec"]["http"][0]["timeout"] == "0.5s"
    assert kept_rule["spec"]["trafficPolicy"] == pool
    theirs = snapshot(made(limit(), "kubectl"), made(rule, "kubectl"))
    assert keep_settings(theirs, shares) == shares


def test_what_is_left_of_a_route_is_its_limit() -> None:
    """Without one nothing is left, and a plain rule is no route."""
    route = build_user_route(DataPath.SIDECAR, SPACE, "jason", "v2")
    limited = made(limit(made(route[-1])))
    (left,) = list_left_rules(snapshot(limited), [limited])
    assert is_plain(left)
    assert not is_plain(limited)
    assert left["spec"]["http"][0]["timeout"] == "0.5s"
    assert list_left_rules(snapshot(*map(made, route)), route) == []
