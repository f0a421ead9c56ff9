"""What the way into the ambient mesh takes away, what it leaves, and how it asks."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.kinds import Object
from bot.knowledge.ambient.displaced_rules import describe_kept, describe_removal, sort_rules
from bot.knowledge.ambient.enrollment import EnrollmentPlan, build_plan, names_http
from bot.knowledge.ambient.join import ProfileUpgrade
from bot.knowledge.bookinfo import app
from bot.knowledge.istio.installation import InstallationDiff
from bot.knowledge.snapshot import Snapshot
from bot.text import verbatim
from tests.knowledge.observe.stage import asking

SUBSETS = [{"name": "v1", "labels": {"version": "v1"}}]
POLICY = {"connectionPool": {"tcp": {"maxConnections": 1}}}


def rule(kind: str, name: str, by: str = "meshbot", **spec: Any) -> Object:
    """A rule that somebody applied."""
    fields: Object = {"f:spec": {f"f:{key}": {} for key in spec}}
    entry = {"manager": by, "operation": "Apply", "fieldsV1": fields}
    meta = {"name": name, "namespace": "bookinfo", "managedFields": [entry]}
    return {"kind": kind, "metadata": meta, "spec": spec}


def service(name: str, by: str = "meshbot", **spec: Any) -> Object:
    """A VirtualService that sends requests to a version of the Service of its name."""
    route = [{"destination": {"host": name, "subset": "v1"}}]
    return rule("VirtualService", name, by, hosts=[name], http=[{"route": route}], **spec)


def versions(host: str, by: str = "meshbot", **spec: Any) -> Object:
    """A DestinationRule."""
    return rule("DestinationRule", host, by, host=host, **spec)


def snapshot(*rules: Object) -> Snapshot:
    """A namespace with these rules."""
    found: dict[str, dict[str, Object]] = {"VirtualService": {}, "DestinationRule": {}}
    for each in rules:
        found[each["kind"]][each["metadata"]["name"]] = each
    space = {"metadata": {"name": "bookinfo"}}
    services, destinations = found["VirtualService"], found["DestinationRule"]
    return Snapshot({}, {}, space, (), {}, {}, services, destinations, {})


@pytest.mark.parametrize(
    ("rules", "removed"),
    [
        ([service("reviews"), versions("reviews", subsets=SUBSETS)], ["reviews", "reviews"]),
        ([service("reviews", gateways=["mesh"])], ["reviews"]),
        ([service("bookinfo", gateways=["bookinfo-gateway"])], []),
        ([service("reviews", gateways=["bookinfo-gateway", "mesh"])], []),
        ([versions("details", "kubectl", trafficPolicy=POLICY)], []),
        (
            [service("reviews"), versions("reviews", subsets=SUBSETS, trafficPolicy=POLICY)],
            ["reviews"],
        ),
        (
            [
                service("reviews"),
                versions("reviews", subsets=[{"name": "v1", "trafficPolicy": POLICY}]),
            ],
            ["reviews"],
        ),
        (
            [
                service("reviews", gateways=["bookinfo-gateway"]),
                versions("reviews", subsets=SUBSETS),
            ],
            [],
        ),
        ([versions("ratings", "kubectl", subsets=SUBSETS)], []),
        ([versions("ratings", subsets=SUBSETS)], ["ratings"]),
    ],
)
def test_only_rules_for_sidecars_make_room(rules: list[Object], removed: list[str]) -> None:
    """What a gateway obeys, what says something of connections, and versions that a rule that stays
    needs, or that others defined for nobody, stay."""
    found = sort_rules(snapshot(*rules), keep=False)
    assert [each["metadata"]["name"] for each in found.removed] == removed
    assert len(found.removed) + len(found.kept) == len(rules)
    assert sort_rules(snapshot(*rules), keep=True).removed == ()


def test_what_goes_says_whose_it_was_and_what_stays_who_obeys_it() -> None:
    """Others' rules are named as theirs, and no reason is given that does not hold."""
    assert "set by kubectl" in str(describe_removal(service("reviews", "kubectl")))
    assert "set by" not in str(describe_removal(service("reviews")))
    bound = service("bookinfo", gateways=["bookinfo-gateway"])
    assert "it is bound to bookinfo-gateway" in str(describe_kept(bound))
    assert "a waypoint would" in str(describe_kept(versions("details", trafficPolicy=POLICY)))


@pytest.mark.parametrize(
    ("rules", "http"),
    [
        ([{"to": [{"operation": {"paths": ["/x"]}}]}], True),
        ([{"from": [{"source": {"requestPrincipals": ["*"]}}]}], True),
        ([{"to": [{"operation": {"ports": ["9080"]}}]}], False),
        ([{"from": [{"source": {"principals": ["a"]}}]}], False),
        ([], False),
    ],
)
def test_policies_about_http_are_known(rules: list[Object], http: bool) -> None:
    """ztunnel knows identities and ports, no paths, methods or tokens."""
    assert names_http({"spec": {"rules": rules}}) is http


def test_the_question_speaks_words_and_lists_objects_apart() -> None:
    """What changes and who notices it, in a line each; the single fields are in the details."""
    change = verbatim("Deployment istiod (containers[discovery].image: a → b)")
    gone = verbatim("Deployment istio-ingressgateway")
    added = (verbatim("DaemonSet ztunnel"), verbatim("ClusterRole istio-cni"))
    upgrade = ProfileUpgrade((), (), ("pilot.x",), InstallationDiff(added, (change,), (gone,)))
    plan = build_plan(
        EnrollmentPlan(
            upgrade,
            sort_rules(snapshot(service("reviews")), keep=False),
            snapshot(),
            restarts=("reviews-v1", "ratings-v1"),
            stranded=("bookinfo/bookinfo-gateway",),
        )
    )
    assert plan is not None
    said = "\n".join(map(str, (*plan.items, *plan.warnings)))
    for words in (
        "VirtualService reviews removed",
        "removes Deployment istio-ingressgateway",
        "every node gets a pod of DaemonSet ztunnel",
        "istiod restarts",
        "2 Deployments restart without their sidecars: reviews-v1, ratings-v1",
        "Gateway bookinfo/bookinfo-gateway leads through it",
        "until there is a waypoint",
        "This setting cannot be repeated and is lost: pilot.x",
    ):
        assert words in said
    assert "containers[discovery]" not in said
    assert "changes Deployment istiod (containers[discovery].image: a → b)" in map(
        str, plan.details
    )
    assert (
        build_plan(
            EnrollmentPlan(
                ProfileUpgrade((), (), ()), sort_rules(snapshot(), keep=False), snapshot()
            )
        )
        is None
    )


PAGE = "/api/v1/namespaces/bookinfo/services/productpage:9080/productpage"
WHOLE = f"{app.PAGE_TITLE} {app.REVIEWS_HEADING} Reviews served by:\n reviews-v1-x"
BROKEN = f"{app.PAGE_TITLE} Error fetching product reviews"


@pytest.mark.parametrize(
    ("pages", "shown", "asked"),
    [
        ([WHOLE], True, app.PAGES_IN_A_ROW),
        ([WHOLE, BROKEN, WHOLE], True, app.PAGES_IN_A_ROW + 2),
        ([WHOLE, BROKEN, BROKEN], False, 0),
    ],
)
async def test_one_whole_page_is_no_proof(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pages: list[str],
    shown: bool,
    asked: int,
) -> None:
    """Each comes from another version of reviews: while one of them starts, the page lacks it now
    and then."""
    monkeypatch.setattr(app, "LONGEST_PAUSE", 0.0)
    if not shown:
        monkeypatch.setattr(app, "REVIEWS_TIMEOUT", 0.1)
    requests: list[str] = []
    async with asking({PAGE: deque(pages)}, tmp_path, requests) as context:
        found = await app.wait_for_page(context)
    assert bool(found.words) is shown
    assert shown or str(found.cause) == "the page answers, but without reviews"
    assert not shown or len(requests) == asked


async def test_a_page_is_not_waited_for_in_vain(tmp_path: Path) -> None:
    """Where something hinders it that lasts, the first answer is judged."""

    async def say_at_once() -> None:
        """Something hinders it."""

    requests: list[str] = []
    async with asking({PAGE: deque([BROKEN])}, tmp_path, requests) as context:
        found = await app.wait_for_page(replace(context, wait_for_hindrance=say_at_once))
    assert str(found.cause) == "the page answers, but without reviews"
    assert len(requests) == 1
