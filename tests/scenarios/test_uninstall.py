"""`/mesh uninstall`: asks, removes in order, and says what is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.ledger.database import execute
from bot.ledger.database_tables import runs
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


def definition(plural: str, kind: str, **more: str) -> dict[str, Any]:
    """A CRD of the Gateway API's group."""
    group, api = "gateway.networking.k8s.io", "apiextensions.k8s.io/v1"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "kind": kind, "singular": kind.lower()}
    # The API server wants to know who approved a group of Kubernetes' own.
    approved = {"api-approved.kubernetes.io": "https://github.com/kubernetes/kubernetes/pull/1"}
    return {
        "apiVersion": api,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": approved | more},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


@pytest.mark.long
async def test_definitions_that_others_made_stay_as_they_are(stage: Stage) -> None:
    """Neither the installation overwrites a CRD of the Gateway API that somebody made before, nor
    does the removal take it, nor one that somebody has changed since; both are named."""
    other = stage.cluster.client("kubectl-create")
    await other.create(definition("tcproutes", "TCPRoute"))
    await other.create(definition("grpcroutes", "GRPCRoute", mine="yes"))
    await stage.type("/mesh install")
    theirs = await stage.api.get(CRDS, "grpcroutes.gateway.networking.k8s.io") or {}
    assert theirs["metadata"]["annotations"]["mine"] == "yes"
    entries = [each for each in theirs["metadata"]["managedFields"] if "subresource" not in each]
    assert {each["manager"] for each in entries} == {"kubectl-create"}
    asked = words(await stage.type("/mesh uninstall"))
    assert "kept: CRDs of the Gateway API that others set: " in asked
    assert "tcproutes.gateway.networking.k8s.io" in asked
    await stage.type('click "Confirm"')
    left = {each["metadata"]["name"].partition(".")[0] for each in await stage.api.list(CRDS)}
    assert left == {"grpcroutes", "tcproutes"}


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
