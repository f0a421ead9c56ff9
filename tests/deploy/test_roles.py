"""The roles in `manifests/deploy`: one source with what the bot asks for, and wide enough for what
Istio grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.knowledge.istio import permissions
from bot.knowledge.observe.kiali_role import KINDS, name_kinds
from sandbox.istio.release_directory import write_release
from sandbox.istio.render.render import merge_settings, render_components
from sandbox.releases import RELEASES
from tests.deploy.access import Ask, Grant, allows, asked, grants, unused

COMPONENTS = Path(__file__).parents[2] / "manifests" / "deploy" / "components"
Rules = list[Mapping[str, Any]]


def role(path: str) -> Rules:
    """The rules of the ClusterRole in a file of the components."""
    objects = list(yaml.safe_load_all((COMPONENTS / path).read_text()))
    return [rule for obj in objects if obj["kind"] == "ClusterRole" for rule in obj["rules"]]


def workshop() -> Rules:
    """All rules of mode workshop."""
    return (
        role("mode-observe/observe.yaml")
        + role("mode-workshop/workshop.yaml")
        + role("mode-workshop/grant.yaml")
    )


def handed_out(version: str, folder: Path) -> list[Grant]:
    """What the roles of a release and of its add-ons hold, as the bot applies them."""
    write_release(folder, version)
    objects = [
        yaml.safe_load_all(file.read_text())
        for file in (folder / "samples" / "addons").glob("*.yaml")
    ]
    found: Rules = []
    found += name_kinds(
        [rule for documents in objects for obj in documents if obj for rule in obj.get("rules", ())]
    )
    for profile in ("demo", "ambient"):
        for objects_of in render_components(
            merge_settings(RELEASES[version], sets=[f"profile={profile}"])
        ).values():
            found += [
                rule for obj in objects_of if obj["kind"].endswith("Role") for rule in obj["rules"]
            ]
    return grants(found)


def lacking(held: Iterable[Grant], wanted: Iterable[Grant]) -> list[str]:
    """What of `wanted` Kubernetes would not let the holder of `held` grant."""
    has = list(held)
    return sorted(
        {str(piece) for piece in wanted if not any(allows(each, Ask(*piece)) for each in has)}
    )


@pytest.mark.parametrize(
    ("mode", "files"),
    [
        ("observe", ["mode-observe/observe.yaml"]),
        ("workshop", ["mode-observe/observe.yaml", "mode-workshop/workshop.yaml"]),
    ],
)
def test_the_roles_grant_just_what_the_bot_asks_for(
    mode: permissions.Mode, files: list[str]
) -> None:
    """`meshbot doctor` and preflight ask for each piece of the role, and the role has no piece
    beside."""
    granted = [piece for file in files for piece in grants(role(file))]
    assert len(granted) == len(set(granted)), "a piece stands in two rules"
    assert set(granted) == {Grant(*piece) for piece in permissions.list_needed_permissions(mode)}


@pytest.mark.long
@pytest.mark.parametrize("version", RELEASES)
def test_the_bot_holds_all_that_istio_is_granted(version: str, tmp_path: Path) -> None:
    """Kubernetes lets nobody create a role with more than they hold, and the bot has neither
    `escalate` nor `bind`."""
    assert lacking(grants(workshop()), handed_out(version, tmp_path)) == []


def test_the_component_for_own_namespaces_grants_what_doctor_asks_for() -> None:
    """Beside the workshop's own pieces, and only where the settings name more namespaces."""
    base = permissions.list_needed_permissions("workshop")
    more = permissions.list_needed_permissions("workshop", own_namespaces=True)
    granted = {*grants(role("own-namespaces/role.yaml"))}
    assert {Grant(*piece) for piece in more[len(base) :]} == granted
    assert permissions.list_needed_permissions("observe", own_namespaces=True) == (
        permissions.list_needed_permissions("observe")
    )


def test_a_star_among_resources_is_only_what_istiods_role_reads() -> None:
    """Kinds are named wherever the bot or Kiali writes. Istio's own role, which istioctl makes, reads
    whole groups, and Kubernetes lets nobody make it who does not hold just that."""
    files = sorted(COMPONENTS.rglob("*.yaml"))
    roles = [obj for file in files for obj in yaml.safe_load_all(file.read_text()) if obj]
    starred = {
        (obj["metadata"]["name"], piece.group, piece.verb)
        for obj in roles
        if obj["kind"].endswith("Role")
        for piece in grants(obj["rules"])
        if "*" in piece.resource
    }
    assert {name for name, _, _ in starred} == {"meshbot-grant"}
    assert {verb for _, _, verb in starred} == {"get", "list", "watch"}
    istiod = {
        piece.group
        for objects in render_components(
            merge_settings(RELEASES["1.30.3"], sets=["profile=demo"])
        ).values()
        for obj in objects
        if obj["kind"] == "ClusterRole"
        for piece in grants(obj["rules"])
        if piece.resource == "*"
    }
    # The last from Istio 1.32.
    assert {group for _, group, _ in starred} == istiod | {"gateway.networking.x-k8s.io"}


def test_kialis_role_is_narrowed_to_what_the_bot_may_grant() -> None:
    """The kinds that stand in Kiali's role are those of the bot's: one source, held together."""
    held = {piece for piece in grants(role("mode-workshop/grant.yaml")) if piece.verb == "create"}
    for group, kinds in KINDS.items():
        assert {piece.resource for piece in held if piece.group == group} >= set(kinds.split())
    sample = {"apiGroups": [*KINDS, "example.org"], "resources": ["*"], "verbs": ["patch"]}
    named = name_kinds([sample, {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}])
    assert [rule["apiGroups"] for rule in named if "*" in rule.get("resources", ())] == [
        ["example.org"]
    ]
    assert named[-1] == {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}


def test_the_roles_leave_out_what_would_make_an_administrator() -> None:
    """No rule for everything, none of the verbs that go around RBAC; in observe mode only reading."""
    pieces = grants(workshop())
    assert not [
        piece
        for piece in pieces
        if piece.verb in {"escalate", "bind", "impersonate", "deletecollection"}
    ]
    assert not [
        piece
        for piece in pieces
        if piece.group == "*" or (piece.resource == "*" and piece.verb == "*")
    ]
    observing = grants(role("mode-observe/observe.yaml"))
    assert {piece.verb for piece in observing} == {"get", "list"}
    assert not [piece for piece in observing if piece.resource == "secrets" or "*" in piece]


@pytest.mark.parametrize(
    ("method", "url", "wanted"),
    [
        ("GET", "/api/v1/namespaces", Ask("list", "", "namespaces")),
        ("PATCH", "/api/v1/namespaces/x?fieldManager=m", Ask("patch", "", "namespaces", "x")),
        ("PUT", "/api/v1/namespaces/x/finalize", Ask("update", "", "namespaces/finalize", "x")),
        ("GET", "/api/v1/namespaces/x/pods?watch=true", Ask("watch", "", "pods")),
        ("GET", "/api/v1/pods?fieldSelector=metadata.name%3Da", Ask("list", "", "pods", "a")),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/x/deployments",
            Ask("deletecollection", "apps", "deployments"),
        ),
        (
            "POST",
            "/api/v1/namespaces/x/services/kiali:20001/proxy/a/b",
            Ask("create", "", "services/proxy", "kiali:20001"),
        ),
        ("GET", "/apis/apps/v1", Ask("get", "", "", "/apis/apps/v1")),
    ],
)
def test_a_request_is_taken_for_what_kubernetes_takes_it_for(
    method: str, url: str, wanted: Ask
) -> None:
    """Verb, group, resource with subresource, and name."""
    assert asked(method, url) == wanted


def test_rules_are_read_as_kubernetes_reads_them() -> None:
    """A rule with names covers just these, a star covers all; what nobody asked for is found."""
    rules: Rules = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["list"]},
    ]
    needs = [Ask("get", "", "secrets", "b"), Ask("list", "apps", "deployments")]
    assert unused(rules, needs) == [Grant("get", "", "secrets", "a")]
