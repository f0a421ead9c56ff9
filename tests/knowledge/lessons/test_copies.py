"""Copies of requests: who answers, who is asked besides, and what is left when they end."""

from __future__ import annotations

import pytest

from bot.errors import UserError
from bot.knowledge.lessons.copies import (
    Copying,
    build_copying,
    build_rules,
    build_without_copies,
    find_copying_rule,
    is_for_copies_alone,
    read_versions,
)
from bot.knowledge.routing.describe import describe_rules
from bot.knowledge.routing.manifests import DataPath, build_user_route
from tests.knowledge.lessons.test_limits import made
from tests.knowledge.test_rules import SPACE, snapshot

PATHS = [DataPath.SIDECAR, DataPath.WAYPOINT]


@pytest.mark.parametrize(
    ("typed", "copying"),
    [
        ([], Copying("v1", "v3")),
        (["v2"], Copying("v1", "v2")),
        (["v1"], Copying("v2", "v1")),
        (["v1", "to", "v3"], Copying("v1", "v3")),
        (["V2", "→", "v1"], Copying("v2", "v1")),
    ],
)
def test_versions_as_people_type_them(typed: list[str], copying: Copying) -> None:
    """One that gets copies, or both."""
    words = read_versions(typed)
    assert isinstance(words, list)
    assert build_copying(words) == copying


def test_a_version_gets_no_copies_of_its_own() -> None:
    """What may be meant is offered."""
    with pytest.raises(UserError) as refused:
        build_copying(["v3", "v3"])
    assert refused.value.fixes == ("mirror reviews v3 to v2",)


@pytest.mark.parametrize("path", PATHS)
def test_a_user_s_rule_stays_before_and_after(path: DataPath) -> None:
    """jason is sent where he was; everybody else's requests are copied, and then no longer."""
    route = made(build_user_route(path, SPACE, "jason", "v2")[-1])
    rule = build_rules(snapshot(route), path, Copying("v1", "v3"))[-1]
    first, last = map(str, describe_rules(rule))
    name = "reviews-" if path is DataPath.WAYPOINT else ""
    assert first == f"reviews: jason → {name}v2"
    assert last == f"reviews: everybody else → {name}v1, copied to {name}v3"
    now = snapshot(made(rule))
    found = find_copying_rule(now)
    assert found is not None
    assert not is_for_copies_alone(found)
    assert build_without_copies(found)["spec"] == route["spec"]


@pytest.mark.parametrize("path", PATHS)
def test_rules_made_to_copy_go_as_a_whole(path: DataPath) -> None:
    """But only the bot's own."""
    rule = build_rules(snapshot(), path, Copying("v1", "v3"))[-1]
    assert is_for_copies_alone(made(rule))
    assert not is_for_copies_alone(made(rule, "kubectl"))
