"""Impersonation held to a real API server with RBAC, by requests and by istioctl alike (marker
`realcluster`)."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.marks import realcluster
from tests.scenarios.realcluster import kubectl, play
from tests.scenarios.test_cli import meshbot

pytestmark = realcluster(seconds=600)

RULES = {
    "MESHBOT_ROLES__OWN_NAMESPACES": "bookinfo-{user}",
    "MESHBOT_CLUSTER__IMPERSONATE__ATTENDEE__USER": "slack:{user}",
    "MESHBOT_CLUSTER__IMPERSONATE__ATTENDEE__GROUPS": "workshop, guests",
    "MESHBOT_CLUSTER__IMPERSONATE__HOST__USER": "boss",
}
ALICES = "bookinfo-u0alice"
FORBIDDEN = """
@alice: /mesh bookinfo -> not yet
@bob: /mesh bookinfo -> error
@alice: /mesh status
/mesh install -> not yet
"""
GRANTED = """
/mesh install
@alice: /mesh inject
@alice: /mesh undo
@alice: click "Take it back"
/mesh uninstall
click "Confirm"
"""


RBAC = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: looking}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}
- {nonResourceURLs: ["*"], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: looking}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: looking}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: guests}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: boss}
---
apiVersion: v1
kind: Namespace
metadata: {name: bookinfo-u0alice}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: hers, namespace: bookinfo-u0alice}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: hers, namespace: bookinfo-u0alice}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: hers}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "slack:u0alice"}
"""


@pytest.fixture
async def _rbac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Attendees may look (by a group), Alice may do everything in her namespace, and the host's
    user may look."""
    for name, value in RULES.items():
        monkeypatch.setenv(name, value)
    manifest = tmp_path / "rbac.yaml"
    await asyncio.to_thread(manifest.write_text, RBAC)
    await kubectl("apply", "-f", str(manifest))
    yield
    await kubectl("delete", "--ignore-not-found", "-f", str(manifest))
    await kubectl("delete", "--ignore-not-found", "clusterrolebinding", "boss-may", "looker")
    await kubectl("delete", "--ignore-not-found", "serviceaccount", "looker", "-n", "default")


async def played(folder: Path, script: str) -> str:
    """The transcript of a script that passes."""
    place = folder / "script.mesh"
    await asyncio.to_thread(place.write_text, script)
    code, transcript = await play(str(place))
    assert code == 0, transcript
    return transcript


@pytest.mark.usefixtures("_rbac")
async def test_each_role_acts_as_its_own_user(tmp_path: Path) -> None:
    """The server refuses whom it knows not to have the right, and they are told as whom; who has it
    gets through."""
    said = await played(tmp_path, FORBIDDEN)
    assert 'User "slack:u0bob" cannot' in said
    assert "I act for you as slack:u0bob" in said
    assert 'User "boss" cannot' in said
    assert "bookinfo-u0bob" not in await kubectl("get", "namespaces", "-o", "name")
    events = json.loads(await kubectl("get", "events.events.k8s.io", "-n", ALICES, "-o", "json"))[
        "items"
    ]
    ours = [event for event in events if event["reportingController"] == "meshbot"]
    assert {event["reason"] for event in ours} == {"MeshbotBookinfo"}
    assert 0 < len(ours) <= 5
    assert all("Slack user U0ALICE asked for /mesh bookinfo" in event["note"] for event in ours)
    assert "MeshbotBookinfo" in await kubectl(
        "describe", "deployment", "productpage-v1", "-n", ALICES
    )
    await kubectl(
        "create", "clusterrolebinding", "boss-may", "--clusterrole=cluster-admin", "--user=boss"
    )
    said = await played(tmp_path, GRANTED)
    assert "is ready" in said


@pytest.mark.usefixtures("_rbac")
async def test_doctor_says_whether_the_account_may_impersonate(tmp_path: Path) -> None:
    """An account that only looks may not; it is named as whom, before the workshop."""
    await kubectl("create", "serviceaccount", "looker", "-n", "default")
    await kubectl(
        "create",
        "clusterrolebinding",
        "looker",
        "--clusterrole=view",
        "--serviceaccount=default:looker",
    )
    token = (await kubectl("create", "token", "looker", "-n", "default")).strip()
    config = json.loads(await kubectl("config", "view", "--raw", "--flatten", "-o", "json"))
    config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token}}]
    place = tmp_path / "kubeconfig"
    await asyncio.to_thread(place.write_text, json.dumps(config))
    wanted = RULES | {
        "MESHBOT_ISTIO__HOME": os.environ["ISTIO_HOME"],
        "MESHBOT_LEDGER__STATE_DIR": str(tmp_path),
    }
    _, said = await meshbot("doctor", **wanted, MESHBOT_CLUSTER__KUBECONFIG=str(place))
    assert (
        "FAIL impersonation: the bot's account may not: impersonate users slack:{user}, "
        "impersonate groups workshop"
    ) in said
    _, said = await meshbot(
        "doctor", **wanted, MESHBOT_CLUSTER__KUBECONFIG=os.environ["KUBECONFIG"]
    )
    assert "ok   impersonation: granted: attendee as slack:{user}, host as boss" in said
