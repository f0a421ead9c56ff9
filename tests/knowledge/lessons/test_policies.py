"""Policies of the lessons on security: whose they are, and who can tell what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.knowledge.lessons.authorization import find_policies
from bot.knowledge.lessons.mutual_tls import choose_asked
from bot.knowledge.lessons.strangers import EXPORT_TO, NOBODY_KNOWS, judge_export
from bot.knowledge.objects.ownership import Fields
from tests.knowledge.observe.stage import asking

POLICIES = "/apis/security.istio.io/v1/namespaces/bookinfo/authorizationpolicies"


def policy(name: str, manager: str, app: str = "") -> dict[str, Any]:
    """An AuthorizationPolicy, who made it, and for which application it is."""
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:rules": {}}}}
    selector = {"selector": {"matchLabels": {"app": app}}} if app else {}
    metadata = {"name": name, "namespace": "bookinfo", "managedFields": [entry]}
    return {"metadata": metadata, "spec": selector}


async def test_only_the_bots_own_policies_end(tmp_path: Path) -> None:
    """One that others called alike stays, and so does the bot's for another application."""
    found = [
        policy("reviews", "meshbot"),
        policy("reviews-waypoint", "kubectl-create"),
        policy("ratings", "meshbot"),
    ]
    async with asking({POLICIES: {"items": found}}, tmp_path) as context:
        ended = await find_policies(context, ["reviews"])
    assert [each["metadata"]["name"] for each in ended] == ["reviews"]


@pytest.mark.parametrize(
    ("protected", "asked"),
    [
        ((), "productpage"),
        (("productpage", "details"), "reviews"),
        (("productpage", "details", "reviews", "ratings"), "productpage"),
        (("",), "productpage"),
    ],
)
async def test_who_is_asked_from_outside_is_protected_by_mutual_tls_alone(
    tmp_path: Path, protected: tuple[str, ...], asked: str
) -> None:
    """A policy's refusal is none of mutual TLS; where all have one, the first is asked."""
    found = [policy(f"p{n}", "meshbot", app) for n, app in enumerate(protected)]
    async with asking({POLICIES: {"items": found}}, tmp_path) as context:
        assert await choose_asked(context) == asked


@pytest.mark.parametrize(
    ("maker", "hider", "hidden", "asked"),
    [
        ("meshbot", "", True, ""),
        ("meshbot", "meshbot", False, ""),
        ("meshbot", "kubectl-annotate", False, "kubectl-annotate"),
        ("kubectl-create", "", True, "kubectl-create"),
        ("kubectl-create", "meshbot", False, ""),
        ("kubectl-create", "kubectl-create", False, "kubectl-create"),
        ("meshbot", "kubectl-annotate", True, ""),
    ],
)
def test_a_service_of_others_is_not_hidden_or_shown_unasked(
    maker: str, hider: str, hidden: bool, asked: str
) -> None:
    """Neither one that others made, nor one that others keep out of the mesh themselves."""
    spec: Fields = {"f:spec": {"f:ports": {}}}
    note: Fields = {"f:metadata": {"f:annotations": {f"f:{EXPORT_TO}": {}}}}
    owners = [(maker, spec), *([(hider, note)] if hider else [])]
    service = {
        "kind": "Service",
        "metadata": {
            "name": "ratings",
            "annotations": {EXPORT_TO: NOBODY_KNOWS} if hider else {},
            "managedFields": [{"manager": name, "fieldsV1": fields} for name, fields in owners],
        },
    }
    found = judge_export(service, hidden=hidden)
    assert (found.managers if found else ()) == ((asked,) if asked else ())
