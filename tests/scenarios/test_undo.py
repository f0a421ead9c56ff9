"""`/mesh undo`, `reset` and `show`: what stood there before comes back, and what was applied can be
read."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.app import run_bot
from sandbox.cluster.contract import Ref
from tests.scenarios.stage import NAMESPACES, Stage, furnished, words

pytestmark = pytest.mark.long

DEPLOYMENTS, PODS, MAPS, SERVICES = (
    Ref("apps", "deployments"),
    Ref("", "pods"),
    Ref("", "configmaps"),
    Ref("", "services"),
)
ROLES, ROUTES = (
    Ref("rbac.authorization.k8s.io", "clusterroles"),
    Ref("gateway.networking.k8s.io", "httproutes"),
)
APP, MESH = "bookinfo", "istio-system"
BACK = 'click "Take it back"'


async def lines(stage: Stage, *typed: str) -> None:
    """Types one after another."""
    for line in typed:
        await stage.type(line)


async def specs(stage: Stage, ref: Ref, namespace: str) -> dict[str, Any]:
    """What the objects of a namespace are to be, by name."""
    found = await stage.api.list(ref, namespace)
    return {obj["metadata"]["name"]: obj.get("spec", obj.get("data")) for obj in found}


async def test_undo_takes_the_sidecars_out_again(stage: Stage) -> None:
    """It says what would be restored, asks, and afterwards nothing differs: label, templates, no
    sidecars."""
    await lines(stage, "/mesh install", "/mesh bookinfo")
    before = await specs(stage, DEPLOYMENTS, APP)
    await stage.type("/mesh inject")
    asked = words(await stage.type("/mesh undo"))
    assert (
        "restores Namespace bookinfo (metadata.labels.istio-injection: enabled → nothing)" in asked
    )
    assert "rolls Deployment reviews-v1 back to before its restart" in asked
    assert "objects differing afterwards: none" in words(await stage.type(BACK))
    assert await specs(stage, DEPLOYMENTS, APP) == before
    assert "6 of 6 application pods are without sidecar" in words(
        await stage.type("/mesh inject off")
    )


async def test_undo_goes_back_step_by_step(stage: Stage) -> None:
    """Each undo takes back one change, the newest first, until nothing is left to take back."""
    await lines(stage, "/mesh install", "/mesh bookinfo", "/mesh expose", "/mesh undo", BACK)
    assert await stage.api.list(ROUTES, APP) == []
    await lines(stage, "/mesh undo", BACK)
    assert await stage.api.get(NAMESPACES, APP) is None
    assert "there is nothing to take back" in words(await stage.type("/mesh undo"))


async def test_undo_takes_addons_away_with_their_cluster_roles(stage: Stage) -> None:
    """What lives outside the namespace goes too."""
    await stage.type("/mesh install")
    before = await specs(stage, MAPS, MESH)
    await lines(stage, "/mesh addons prometheus", "/mesh undo", BACK)
    assert await stage.api.get(ROLES, "prometheus") is None
    assert await specs(stage, MAPS, MESH) == before


async def test_what_was_taken_away_comes_back(stage: Stage) -> None:
    """Undo of `bookinfo off` brings the namespace, the application and its gateway back."""
    await lines(stage, "/mesh install", "/mesh bookinfo", "/mesh expose")
    before = await specs(stage, ROUTES, APP), sorted(await specs(stage, DEPLOYMENTS, APP))
    await lines(stage, "/mesh bookinfo off", 'click "Take it away"', "/mesh undo", BACK)
    assert "was already in bookinfo" in words(await stage.type("/mesh bookinfo"))
    await stage.type("/mesh expose")
    assert (await specs(stage, ROUTES, APP), sorted(await specs(stage, DEPLOYMENTS, APP))) == before


async def test_a_change_that_changed_nothing_is_passed_over(stage: Stage) -> None:
    """Typed twice, there is one change to take back; a no to it leaves all as it is."""
    await lines(stage, "/mesh bookinfo", "/mesh bookinfo", "/mesh undo", 'click "Cancel" -> normal')
    assert len(await stage.api.list(DEPLOYMENTS, APP)) == 6
    await lines(stage, "/mesh undo", BACK)
    assert "there is nothing to take back" in words(await stage.type("/mesh undo"))


async def test_a_hand_that_was_there_since_is_shown(stage: Stage) -> None:
    """What somebody changed by hand after the bot is named before it is undone with the rest."""
    await lines(stage, "/mesh install", "/mesh addons jaeger", "/mesh addons")
    await stage.api.merge(SERVICES, "tracing", MESH, {"spec": {"selector": {"app": "yaeger"}}})
    await stage.type("/mesh addons jaeger")
    await stage.type('click "Replace it"')
    assert "restores Service tracing (selector.app: jaeger → yaeger)" in words(
        await stage.type("/mesh undo")
    )


async def test_undo_survives_the_bot(tmp_path: Path) -> None:
    """Another process takes back what this one changed."""
    async with furnished(tmp_path) as stage:
        async with run_bot(stage.settings()):
            await stage.type("/mesh bookinfo")
        async with run_bot(stage.settings()):
            await lines(stage, "/mesh undo", BACK)
        assert await stage.api.get(NAMESPACES, APP) is None


async def test_reset_goes_back_to_the_state_after_a_step(stage: Stage) -> None:
    """Later steps are taken back in one go, earlier ones stay; the second time nothing is left to
    do."""
    await lines(stage, "/mesh install", "/mesh bookinfo")
    before = await specs(stage, DEPLOYMENTS, APP), await specs(stage, SERVICES, APP)
    await lines(stage, "/mesh inject", "/mesh expose")
    asked = words(await stage.type("/mesh reset bookinfo"))
    assert "`expose`, `inject` will be taken back" in asked
    assert "objects differing afterwards: none" in words(await stage.type(BACK))
    assert (await specs(stage, DEPLOYMENTS, APP), await specs(stage, SERVICES, APP)) == before
    assert "this is the state after bookinfo already" in words(
        await stage.type("/mesh reset bookinfo")
    )


async def test_a_reset_leaves_the_ambient_mesh_and_its_profile(stage: Stage) -> None:
    """Labels, sidecars, waypoint and Istio's own profile go back to where they were before
    `ambient`."""
    await lines(
        stage,
        "/mesh install",
        "/mesh addons prometheus",
        "/mesh bookinfo",
        "/mesh inject",
        "/mesh expose",
    )
    await lines(stage, "/mesh ambient", 'click "Go ambient"', "/mesh waypoint")
    asked = words(await stage.type("/mesh reset expose"))
    assert "Istio goes back to the default profile" in asked
    done = words(await stage.type(BACK))
    assert "back to the default profile; settings repeated" in done
    assert "objects differing afterwards: none" in done
    assert "already in the mesh; nothing was changed" in words(await stage.type("/mesh inject"))
    assert await stage.api.list(Ref("apps", "daemonsets"), MESH) == []


async def test_a_reset_to_what_is_not_there_says_so(stage: Stage) -> None:
    """A step that is not in place is offered; one that does not exist is refused."""
    said = words(await stage.type("/mesh reset bookinfo -> not yet"))
    assert "bookinfo itself is not in place: not deployed" in said
    assert "no step called “lunch”" in words(await stage.type("/mesh reset lunch -> error"))


async def test_after_an_uninstall_there_is_nothing_to_take_back(stage: Stage) -> None:
    """What the mesh took with it is not offered any more; the application that was kept still is."""
    await lines(
        stage, "/mesh install", "/mesh addons", "/mesh bookinfo", "/mesh inject", "/mesh expose"
    )
    done = words(await stage.type("/mesh uninstall") and await stage.type('click "Confirm"'))
    assert "the mesh is gone" in done
    assert "left:" not in done
    assert await stage.api.get(ROLES, "prometheus") is None
    assert "bookinfo will be taken back" in words(await stage.type("/mesh undo"))


async def test_show_prints_what_was_applied(stage: Stage) -> None:
    """The manifests as they were sent, one of them by name, and for everyone to read."""
    await lines(stage, "/mesh install", "/mesh bookinfo", "/mesh expose")
    said = words(await stage.type("@alice: /mesh show expose"))
    assert "networking.istio.io/service-type: ClusterIP" in said
    assert "kind: HTTPRoute" in said
    assert "kind: Gateway" not in words(await stage.type("/mesh show expose HTTPRoute"))
    assert "applied nothing called “Pod”" in words(
        await stage.type("/mesh show expose Pod -> error")
    )


@pytest.mark.parametrize("typed", ["/mesh show addons", "/mesh show bookinfo"])
async def test_long_manifests_are_cut_with_a_hint(stage: Stage, typed: str) -> None:
    """What does not fit into an answer is named, with what prints it."""
    await lines(stage, "/mesh install", "/mesh addons", "/mesh bookinfo")
    blocks = (await stage.type(typed)).blocks
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    assert "Left out for want of room" in "".join(texts)
    assert all(text.count("```") in (0, 2) for text in texts)


async def test_nothing_is_changed_that_could_not_be_taken_back(
    stage: Stage, tmp_path: Path
) -> None:
    """When the journal cannot be kept, the write is not made."""
    await asyncio.to_thread(drop_images, tmp_path / "meshbot.sqlite")
    assert "My database cannot be used just now" in words(
        await stage.type("/mesh bookinfo -> error")
    )
    assert await stage.api.get(NAMESPACES, APP) is None


def drop_images(file: Path) -> None:
    """Takes the journal's table away."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE images")
