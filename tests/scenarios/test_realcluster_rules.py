"""Rules of others on a real control plane: named, replaced when confirmed, and given back by undo,
with their owners (marker `realcluster`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from bot.kinds import DESTINATION_RULE, GATEWAY, HTTP_ROUTE, VIRTUAL_SERVICE, Kind, Object
from tests.marks import realcluster
from tests.scenarios.realcluster import play

pytestmark = realcluster(seconds=600)

MADE_BY = "kubectl-client-side-apply"
RULES = (
    "virtualservice/reviews",
    "destinationrule/reviews",
    "gateways.gateway.networking.k8s.io/bookinfo-gateway",
    "httproute/bookinfo",
)
READ = f"kubectl get -n bookinfo -o json --show-managed-fields {' '.join(RULES)}"
SCRIPT = f"""
/mesh install
/mesh bookinfo
/mesh inject
$ kubectl apply -f theirs.yaml
$ {READ} > before.json
/mesh expose
click "Replace it"
/mesh route jason
click "Replace it"
/mesh shift v1=50 v3=50
$ {READ} > asked.json
/mesh undo
click "Take it back"
/mesh undo
click "Take it back"
/mesh undo
click "Take it back"
$ {READ} > after.json
"""
THEIRS: dict[Kind, tuple[str, dict[str, Any]]] = {
    VIRTUAL_SERVICE: (
        "reviews",
        {
            "hosts": ["reviews"],
            "gateways": ["shop"],
            "exportTo": ["."],
            "http": [{"timeout": "7s", "route": [{"destination": {"host": "reviews"}}]}],
        },
    ),
    DESTINATION_RULE: (
        "reviews",
        {
            "host": "reviews",
            "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 1}}},
            "subsets": [{"name": "v1", "labels": {"version": "v1"}}],
        },
    ),
    GATEWAY: (
        "bookinfo-gateway",
        {
            "gatewayClassName": "istio",
            "listeners": [
                {"name": "http", "port": 80, "protocol": "HTTP"},
                {"name": "more", "port": 8081, "protocol": "HTTP"},
            ],
        },
    ),
    HTTP_ROUTE: (
        "bookinfo",
        {
            "parentRefs": [{"name": "bookinfo-gateway"}],
            "hostnames": ["shop.test"],
            "rules": [{"backendRefs": [{"name": "productpage", "port": 9080}]}],
        },
    ),
}
"""What somebody made with kubectl."""


def build_manifests() -> str:
    """What somebody makes, as a file."""
    return yaml.safe_dump_all(
        {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": "bookinfo"},
            "spec": spec,
        }
        for kind, (name, spec) in THEIRS.items()
    )


def read_rules(file: Path) -> dict[str, Object]:
    """The rules as they were read into a file, by their kind."""
    return {rule["kind"]: rule for rule in json.loads(file.read_text())["items"]}


def list_owners(rule: Object) -> set[str]:
    """Who owns what a rule says."""
    entries = rule["metadata"]["managedFields"]
    return {entry["manager"] for entry in entries if "f:spec" in entry["fieldsV1"]}


async def test_rules_of_others_are_replaced_and_given_back(tmp_path: Path) -> None:
    """Every field and its manager is listed; confirmed, the rule is just what was asked; taken back,
    it is what it was and whose it was."""
    (tmp_path / "theirs.yaml").write_text(build_manifests())
    (tmp_path / "script.mesh").write_text(SCRIPT)
    options = ("--data-plane", "embedded", "--allow-shell", "--timeout", "120")
    code, said = await play(str(tmp_path / "script.mesh"), *options)
    assert code == 0, said
    before, asked, after = (
        read_rules(tmp_path / f"{name}.json") for name in ("before", "asked", "after")
    )
    for kind, (name, _) in THEIRS.items():
        assert f"changes {kind.kind} {name}, set by {MADE_BY}" in said
    for lost in ("gateways", "exportTo", "http[0].timeout", "trafficPolicy", "hostnames"):
        assert f"{lost}: " in said
    assert asked["VirtualService"]["spec"].keys() == {"hosts", "http"}
    assert asked["DestinationRule"]["spec"].keys() == {"host", "subsets"}
    assert len(asked["Gateway"]["spec"]["listeners"]) == 1
    assert "hostnames" not in asked["HTTPRoute"]["spec"]
    match, shares = asked["VirtualService"]["spec"]["http"]
    assert match["match"][0]["headers"] == {"end-user": {"exact": "jason"}}
    assert [to["weight"] for to in shares["route"]] == [50, 50]
    assert {k: rule["spec"] for k, rule in after.items()} == {
        k: rule["spec"] for k, rule in before.items()
    }
    assert {k: list_owners(rule) for k, rule in after.items()} == dict.fromkeys(after, {MADE_BY})
