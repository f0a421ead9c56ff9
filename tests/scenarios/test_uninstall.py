"""`/mesh uninstall`: asks, removes in order, and says what is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from bot.ledger.connection import execute
from bot.ledger.tables import runs
from sandbox.cluster.contract import Ref
from sandbox.workspace.plain import read_verdict_state
from tests.scenarios.stage import NAMESPACES, Stage, playing, words

CRDS = Ref("apiextensions.k8s.io", "customresourcedefinitions")
RULES = Ref("networking.istio.io", "virtualservices")


@pytest.mark.long
async def test_without_a_mesh_there_is_nothing_to_ask(stage: Stage) -> None:
    """It says so and changes nothing."""
    assert "there is no mesh here" in words(await stage.type("/mesh uninstall"))


@pytest.mark.long
async def test_everything_that_the_bot_made_goes(stage: Stage) -> None:
    """After install and uninstall, no CRD, no istio-system, and no label is left; who stays out
    does not count."""
    apart = {
        "name": "apart",
        "labels": {"istio-injection": "disabled", "istio.io/dataplane-mode": "none"},
    }
    await stage.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": apart})
    await stage.type("/mesh install")
    asked = words(await stage.type("/mesh uninstall"))
    assert "15 Istio CRDs" in asked
    assert "Gateway API CRDs v1.5.1, which this bot applied" in asked
    done = words(await stage.type('click "Confirm"'))
    assert "the mesh is gone, and nothing is left over" in done
    assert await stage.api.list(CRDS) == []
    assert await stage.api.get(NAMESPACES, "istio-system") is None


@pytest.mark.long
async def test_rules_of_others_are_named_before_they_go(stage: Stage) -> None:
    """The CRDs take every rule in the cluster with them; whose, is said first."""
    await stage.type("/mesh install")
    await stage.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    rule = {"hosts": ["cart"], "http": [{"route": [{"destination": {"host": "cart"}}]}]}
    place = {"name": "cart", "namespace": "shop"}
    kind = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
    await stage.api.create({**kind, "metadata": place, "spec": rule})
    asked = words(await stage.type("/mesh uninstall"))
    assert "Rules of others go too (1 VirtualService): VirtualService shop/cart" in asked


@pytest.mark.long
async def test_what_was_shown_is_what_is_done(stage: Stage) -> None:
    """When something else appears between question and answer, it is asked again."""
    await stage.type("/mesh install")
    await stage.type("/mesh uninstall")
    label = {"metadata": {"labels": {"istio-injection": "enabled"}}}
    await stage.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    await stage.api.merge(NAMESPACES, "shop", "", label)
    again = words(await stage.type('click "Confirm"'))
    assert "This has changed since it was shown" in again
    assert await stage.api.get(NAMESPACES, "istio-system") is not None
    assert "the mesh is gone" in words(await stage.type('click "Confirm"'))


@pytest.mark.long
async def test_a_question_expires(tmp_path: Path) -> None:
    """After its time its message says so, and nothing was changed; not a moment before."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("/mesh install")
        await stage.type("/mesh uninstall")
        await bot.router.runs.confirmations.expire_overdue_runs()
        assert read_verdict_state(stage.newest()) == "asks"
        late = update(runs).values(expires_at=bot.ledger.timetable.now())
        await execute(bot.ledger._engine, late.where(runs.c.step == "uninstall"))
        await bot.router.runs.confirmations.expire_overdue_runs()
        assert "Nobody confirmed in time; nothing was changed" in words(stage.newest())
        assert await stage.api.get(NAMESPACES, "istio-system") is not None
