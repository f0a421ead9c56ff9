"""`/mesh install` from the first word to the verdict, and what happens when the cluster does not
play along."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.knowledge.istio import install
from sandbox.cluster.contract import Ref
from sandbox.cluster.faults import ApiFault
from tests.scenarios.stage import Stage, playing, words

DEPLOYMENTS, CRDS, MAPS = (
    Ref("apps", "deployments"),
    Ref("apiextensions.k8s.io", "customresourcedefinitions"),
    Ref("", "configmaps"),
)


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_install_ends_in_a_ready_mesh(tmp_path: Path, istio: str) -> None:
    """One message, edited until the verdict, with evidence; and the mesh is there."""
    async with playing(tmp_path, istio=istio, speed=10) as (stage, _):
        message = await stage.type("/mesh install")
        said = words(message)
        assert f"Istio {istio} is ready" in said
        assert "istiod 1/1 pods ready" in said
        assert "traces go to zipkin.istio-system:9411, 100 % of requests" in said
        assert "Gateway API CRDs" in said
        istiod = await stage.api.get(DEPLOYMENTS, "istiod", "istio-system")
        assert istiod is not None
        assert istiod["status"]["availableReplicas"] == 1
        assert (
            len([m for m in stage.workspace.list_messages() if m.user == stage.workspace.bot.id])
            == 1
        )
        assert any(
            "of 2 ready)" in edit.text or "of 1 ready)" in edit.text for edit in message.edits
        )


@pytest.mark.long
async def test_again_it_is_already_so(stage: Stage) -> None:
    """The second install changes not one object."""
    await stage.type("/mesh install")
    before = {
        o["metadata"]["name"]: o["metadata"]["resourceVersion"]
        for o in await stage.api.list(MAPS, "istio-system")
    }
    message = await stage.type("/mesh install")
    after = {
        o["metadata"]["name"]: o["metadata"]["resourceVersion"]
        for o in await stage.api.list(MAPS, "istio-system")
    }
    assert "already installed just so; nothing was changed" in words(message)
    assert after == before


@pytest.mark.long
async def test_other_options_are_shown_before_they_change_anything(stage: Stage) -> None:
    """What would change is asked about; after Cancel the cluster is as it was."""
    await stage.type("/mesh install")
    message = await stage.type("/mesh install access-log")
    assert "+ accessLogFile: /dev/stdout" in words(message)
    await stage.type('click "Cancel" -> normal')
    config = await stage.api.get(MAPS, "istio", "istio-system")
    assert config is not None
    assert "accessLogFile" not in config["data"]["mesh"]


@pytest.mark.long
async def test_a_confirmed_change_is_made(stage: Stage) -> None:
    """After the button the new options are there, and the workshop's tracing still is."""
    await stage.type("/mesh install")
    await stage.type("/mesh install access-log")
    await stage.type('click "Change it"')
    config = await stage.api.get(MAPS, "istio", "istio-system")
    assert config is not None
    assert "accessLogFile: /dev/stdout" in config["data"]["mesh"]
    assert "zipkin.istio-system:9411" in config["data"]["mesh"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("/mesh install dmeo", "no profile “dmeo”"),
        ("/mesh install set=values.nonesuch.thing=true", "nonesuch"),
        ("/mesh install set=--kubeconfig=/etc/passwd", "not a setting of Istio"),
        ("/mesh install set='values.a=$(id)'", "Istio refuses these options"),
        ("/mesh install empty", "without a control plane, no mesh"),
        ("/mesh install remote", "without a control plane, no mesh"),
        ("/mesh install set=revision=canary", "These options make istiod-canary (istio-system)"),
    ],
)
async def test_wrong_options_change_nothing(stage: Stage, typed: str, says: str) -> None:
    """Options that Istio does not take are refused in its words, before anything is written."""
    assert says in words(await stage.type(f"{typed} -> error"))
    assert await stage.api.list(CRDS) == []


@pytest.mark.long
async def test_what_is_being_pruned_is_not_waited_for_to_become_ready(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """istioctl deletes in the foreground: what a narrower profile lacks stands there for a while,
    longer where somebody's finalizer holds it. It is named, and the rest is done."""
    monkeypatch.setattr(install, "PRUNE_TIMEOUT", 0.3)
    await stage.type("/mesh install")
    gateway = {"metadata": {"finalizers": ["example.com/hold"]}}
    await stage.api.merge(DEPLOYMENTS, "istio-ingressgateway", "istio-system", gateway)
    await stage.type("/mesh install minimal")
    said = words(await stage.type('click "Change it"'))
    assert "istio-ingressgateway is still being removed" in said
    assert "0/1 pods ready" not in said
    assert "1 workload ready" in words(await stage.type("/mesh status"))


async def other_control_plane(stage: Stage) -> None:
    """An istiod of revision canary that injects by default, as `istioctl install --revision` leaves
    it on an empty cluster, and a namespace of its own."""
    for namespace, labels in (
        ("istio-system", {}),
        ("shop", {"istio-injection": "enabled"}),
    ):
        await stage.api.create(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": namespace, "labels": labels},
            }
        )
    revision = {"istio.io/rev": "canary"}
    labels = {"app": "istiod", **revision}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "discovery", "image": "docker.io/istio/pilot:1.29.1"}]},
    }
    await stage.api.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "istiod-canary", "namespace": "istio-system", "labels": labels},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        }
    )
    await stage.api.create(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {
                "name": "istio-revision-tag-default",
                "labels": {"app": "sidecar-injector", "istio.io/tag": "default", **revision},
            },
        }
    )


@pytest.mark.long
async def test_another_control_plane_is_not_overrun(stage: Stage) -> None:
    """It is named, and what changes hands; nothing is installed beside it without a question."""
    await other_control_plane(stage)
    assert "Istio 1.29.1 as revision canary" in words(await stage.type("/mesh status"))
    said = words(await stage.type("/mesh install"))
    assert "istiod-canary in istio-system (revision canary, Istio 1.29.1)" in said
    assert "takes over MutatingWebhookConfiguration istio-revision-tag-default" in said
    assert "namespace shop gets the sidecars of the new istiod" in said
    assert await stage.api.get(DEPLOYMENTS, "istiod", "istio-system") is None
    said = words(await stage.type('click "Install it"'))
    assert "Another control plane runs beside it: istiod-canary" in said
    assert "nothing was changed" in words(await stage.type("/mesh install"))


@pytest.mark.long
async def test_an_image_that_cannot_be_pulled_is_named(tmp_path: Path) -> None:
    """The verdict is the pod's own reason, not a timeout."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="3") as (stage, _):
        stage.cluster.break_image_pulls(
            "proxyv2", "toomanyrequests: You have reached your pull rate limit"
        )
        said = words(await stage.type("/mesh install -> not yet"))
        assert "istio-ingressgateway has 0 of 1 pods" in said
        assert "toomanyrequests" in said
        assert "The registry's limit for this address is used up" in said


@pytest.mark.long
async def test_a_forbidding_cluster_is_told_as_such(stage: Stage) -> None:
    """403: whoever runs the cluster is told what the bot may not do."""
    stage.cluster.server.faults.add(ApiFault("forbid", verb="list", resource="deployments"))
    said = words(await stage.type("/mesh install -> error"))
    assert "Failed: The cluster forbids it" in said
    assert "deployments" in said


@pytest.mark.long
async def test_a_cluster_that_asks_for_patience_gets_it(stage: Stage) -> None:
    """429 and 500 now and then are waited out."""
    stage.cluster.server.faults.add(ApiFault("throttle", times=3, seconds=0.1))
    stage.cluster.server.faults.add(ApiFault("error", verb="get", times=2))
    assert "is ready" in words(await stage.type("/mesh install"))


@pytest.mark.long
async def test_a_second_install_points_at_the_first(tmp_path: Path) -> None:
    """While one runs, the second is answered with a link and starts nothing."""
    async with playing(tmp_path, MESHBOT_DRAIN_SECONDS="0.1") as (stage, _):
        stage.cluster.slow_image_pulls(1000)
        host = stage.workspace.get_user("host").id
        first = await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
        await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
        for _ in range(500):
            told = [m for m in stage.workspace.list_messages(user=host) if m.ephemeral_to]
            if told:
                break
            await asyncio.sleep(0.02)
        said = words(told[-1])
        assert first.is_acked
        assert "is already running, started by <@" in said
        assert "/archives/" in said
