"""`/mesh bookinfo`, `inject` and `expose`: each until its proof, twice, off, and with what it needs
missing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bot.app import run_bot
from bot.knowledge.bookinfo import app
from bot.knowledge.objects import namespace_removal
from sandbox.cluster.contract import Ref
from tests.scenarios.stage import NAMESPACES, Stage, furnished, playing, words

pytestmark = pytest.mark.long

DEPLOYMENTS, PODS, SERVICES = Ref("apps", "deployments"), Ref("", "pods"), Ref("", "services")
NODES, CRDS = Ref("", "nodes"), Ref("apiextensions.k8s.io", "customresourcedefinitions")
APP = "bookinfo"
SHORT = {"MESHBOT_ISTIO__READINESS_TIMEOUT": "1.5"}


@pytest.fixture
async def mesh(stage: Stage) -> Stage:
    """Istio and Bookinfo are there."""
    await stage.type("/mesh install")
    await stage.type("/mesh bookinfo")
    return stage


async def restarts(stage: Stage) -> dict[str, str]:
    """The application's pods by name and resourceVersion of their Deployments."""
    return {
        d["metadata"]["name"]: d["metadata"]["resourceVersion"]
        for d in await stage.api.list(DEPLOYMENTS, APP)
    }


async def test_bookinfo_is_done_when_its_page_shows_reviews(stage: Stage) -> None:
    """Six Deployments, the page itself, and who is outside the mesh; the second time nothing is
    changed."""
    said = words(await stage.type("/mesh bookinfo"))
    assert "GET /productpage shows Book Reviews, served by reviews-v" in said
    assert (
        "outside the mesh, without sidecar: details-v1, productpage-v1, ratings-v1, reviews-v1"
        in said
    )
    before = await restarts(stage)
    assert "was already in bookinfo; nothing changed" in words(await stage.type("/mesh bookinfo"))
    assert await restarts(stage) == before


async def test_pods_that_cannot_start_say_why(tmp_path: Path) -> None:
    """The cause is the pod's own, with what helps."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="1.5") as (stage, _):
        stage.cluster.break_image_pulls(
            "reviews-v3", "toomanyrequests: You have reached your pull rate limit"
        )
        said = words(await stage.type("/mesh bookinfo -> not yet"))
        assert "reviews-v3 has 0 of 1 pods" in said
        assert "The registry's limit for this address is used up" in said


async def test_what_was_changed_by_hand_is_mended(tmp_path: Path) -> None:
    """Only what differs from the sample is applied, and it is named; what others made is asked
    about."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="1.5") as (stage, _):
        await stage.type("/mesh bookinfo")
        nothing = {"name": "reviews", "namespace": APP}
        spec = {
            "ports": [{"name": "http", "port": 9080, "targetPort": 9999}],
            "selector": {"app": "reviews"},
        }
        await stage.api.delete(SERVICES, "reviews", APP)
        await stage.api.create(
            {"apiVersion": "v1", "kind": "Service", "metadata": nothing, "spec": spec}
        )
        asked = words(await stage.type("/mesh bookinfo"))
        assert "changes Service reviews, set by tests" in asked
        assert "ports[http].targetPort: 9999 → " in asked
        said = words(await stage.type('click "Replace it"'))
        assert "1 changed (Service reviews)" in said


async def test_a_page_without_reviews_is_not_done(stage: Stage) -> None:
    """All pods are ready and the page answers 200, but a rule leads to subsets that nobody defines:
    that does not pass by itself, and is not waited for as long as reviews may take to start."""
    for line in ("/mesh install", "/mesh bookinfo", "/mesh inject"):
        await stage.type(line)
    kind = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
    route = {"route": [{"destination": {"host": "reviews", "subset": "v2"}}]}
    place = {"name": "reviews", "namespace": APP}
    await stage.api.create(
        {**kind, "metadata": place, "spec": {"hosts": ["reviews"], "http": [route]}}
    )
    begun = time.monotonic()
    said = words(await stage.type("/mesh bookinfo -> not yet"))
    assert time.monotonic() - begun < app.REVIEWS_TIMEOUT
    assert "the page answers, but without reviews" in said
    assert "`cause: subset-without-destinationrule`" in said


async def test_another_namespace_can_be_named(tmp_path: Path) -> None:
    """Each namespace that the settings allow has its own application."""
    async with playing(tmp_path, MESHBOT_WORKSHOP__NAMESPACES="bookinfo shop-*") as (stage, _):
        assert "answers in shop-1" in words(await stage.type("/mesh bookinfo in=shop-1"))
        assert await stage.api.get(NAMESPACES, APP) is None


async def test_bookinfo_off_asks_and_takes_its_namespace_away(mesh: Stage) -> None:
    """The namespace that the bot made goes; nothing is left, and a second time there is nothing to
    ask."""
    asked = words(await mesh.type("/mesh bookinfo off"))
    assert "the namespace bookinfo, which this bot made" in asked
    assert "Bookinfo is gone" in words(await mesh.type('click "Take it away"'))
    assert await mesh.api.get(NAMESPACES, APP) is None
    assert "there is no Bookinfo" in words(await mesh.type("/mesh bookinfo off"))


async def test_a_namespace_of_others_stays(stage: Stage) -> None:
    """Where somebody else made the namespace, only the sample's objects go."""
    await stage.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": APP}})
    await stage.type("/mesh bookinfo")
    assert "for this bot did not make it" in words(await stage.type("/mesh bookinfo off"))
    await stage.type('click "Take it away"')
    assert await stage.api.get(NAMESPACES, APP) is not None
    assert await stage.api.list(DEPLOYMENTS, APP) == []


@pytest.mark.parametrize(
    ("istio", "how"), [("1.30.3", "native sidecars"), ("1.23.2", "containers of their own")]
)
async def test_every_pod_gets_a_sidecar(tmp_path: Path, istio: str, how: str) -> None:
    """By annotation, native sidecars too, and no old pod is left; the second time nothing is
    restarted."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await stage.type("/mesh install")
        await stage.type("/mesh bookinfo")
        said = words(await stage.type("/mesh inject"))
        assert f"6 of 6 application pods carry a sidecar, by their annotation ({how})" in said
        assert "no old pod is left" in said
        assert "GET /productpage shows Book Reviews" in said
        before = await restarts(stage)
        assert "was already in the mesh; nothing was changed" in words(
            await stage.type("/mesh inject")
        )
        assert await restarts(stage) == before
        said = words(await stage.type("/mesh inject off"))
        assert "6 of 6 application pods are without sidecar" in said
        assert "GET /productpage shows Book Reviews" in said


async def test_a_page_that_the_sidecars_change_is_told(tmp_path: Path) -> None:
    """A route without its subsets counts only once there are sidecars; the step says what is lost."""
    route = {
        "http": [{"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}],
        "hosts": ["reviews"],
    }
    meta = {"name": "reviews", "namespace": APP}
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": meta,
        "spec": route,
    }
    async with furnished(tmp_path) as stage:
        async with run_bot(stage.settings()):
            await stage.type("/mesh install")
            await stage.type("/mesh bookinfo")
        await stage.api.create(rule)
        async with run_bot(stage.settings(MESHBOT_ISTIO__READINESS_TIMEOUT="8")):
            said = words(await stage.type("/mesh inject -> not yet"))
    assert "6 of 6 application pods carry a sidecar" in said
    assert (
        "The page showed reviews before, and does not now: the page answers, but without reviews"
        in said
    )
    assert "`cause: subset-without-destinationrule`" in said


async def test_conflicting_labels_go(mesh: Stage) -> None:
    """Beside the label for sidecars no other way into the mesh stays on the namespace; those that had
    no effect are nobody's loss."""
    labels = {"istio.io/rev": "canary", "istio.io/dataplane-mode": "ambient"}
    await mesh.api.merge(NAMESPACES, APP, "", {"metadata": {"labels": labels}})
    said = words(await mesh.type("/mesh inject"))
    assert "label istio.io/rev removed" in said
    assert "label istio.io/dataplane-mode removed" in said


async def test_gateways_are_not_restarted(mesh: Stage) -> None:
    """The port-forward to the gateway lives on when the application is restarted."""
    await mesh.type("/mesh expose")
    before = (
        await mesh.api.list(
            PODS, APP, labels="gateway.networking.k8s.io/gateway-name=bookinfo-gateway"
        )
    )[0]
    await mesh.type("/mesh inject")
    after = (
        await mesh.api.list(
            PODS, APP, labels="gateway.networking.k8s.io/gateway-name=bookinfo-gateway"
        )
    )[0]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


@pytest.mark.parametrize(
    ("typed", "cause", "offered"),
    [
        ("/mesh inject", "istiod is not ready", "/mesh install"),
        ("/mesh expose", "istiod is not ready", "/mesh install"),
        ("/mesh inject off", "there is no namespace bookinfo", "/mesh bookinfo"),
    ],
)
async def test_what_is_missing_is_offered(
    stage: Stage, typed: str, cause: str, offered: str
) -> None:
    """A step whose precondition is missing says which, and changes nothing."""
    said = words(await stage.type(f"{typed} -> not yet"))
    assert cause in said
    assert offered in said


@pytest.mark.parametrize("typed", ["/mesh inject", "/mesh expose"])
async def test_without_the_application_it_is_offered(stage: Stage, typed: str) -> None:
    """The same for Bookinfo."""
    await stage.type("/mesh install")
    assert "/mesh bookinfo" in words(await stage.type(f"{typed} -> not yet"))


async def test_a_restart_that_hangs_is_named(tmp_path: Path) -> None:
    """When new pods do not come, the verdict says whose they are and why."""
    async with furnished(tmp_path) as stage:
        async with run_bot(stage.settings()):
            await stage.type("/mesh install")
            await stage.type("/mesh bookinfo")
        for node in await stage.api.list(NODES):
            await stage.api.merge(
                NODES, node["metadata"]["name"], "", {"spec": {"unschedulable": True}}
            )
        async with run_bot(stage.settings(**SHORT)):
            said = words(await stage.type("/mesh inject -> not yet"))
        assert "not every pod has been replaced" in said
        assert "nodes are available" in said


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_the_page_answers_through_the_gateway(tmp_path: Path, istio: str) -> None:
    """ClusterIP from the start, programmed, attached, answering; twice; and off leaves nothing of
    it."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await stage.type("/mesh install")
        await stage.type("/mesh bookinfo")
        said = words(await stage.type("/mesh expose"))
        assert "Gateway bookinfo-gateway is programmed" in said
        assert "1 route attached" in said
        assert "through bookinfo-gateway-istio: GET /productpage shows Book Reviews" in said
        assert "|Bookinfo>" in said
        assert "(first the port-forward of `/mesh links`)" in said
        assert "kubectl port-forward" not in said
        links = words(await stage.type("/mesh links"))
        assert "kubectl port-forward -n bookinfo svc/bookinfo-gateway-istio 8080:80" in links
        service = await stage.api.get(SERVICES, "bookinfo-gateway-istio", APP)
        assert service is not None
        assert service["spec"]["type"] == "ClusterIP"
        assert "already exposed; nothing was changed" in words(await stage.type("/mesh expose"))
        assert "not exposed any more" in words(await stage.type("/mesh expose off"))
        assert await stage.api.get(SERVICES, "bookinfo-gateway-istio", APP) is None
        assert "nothing is exposed" in words(await stage.type("/mesh expose off"))


async def test_a_gateway_made_by_hand_becomes_reachable(mesh: Stage) -> None:
    """A Gateway that waits for a load balancer is given the annotation, and is programmed."""
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    gateway = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
    place = {"name": "bookinfo-gateway", "namespace": APP}
    await mesh.api.create(
        {
            **gateway,
            "metadata": place,
            "spec": {"gatewayClassName": "istio", "listeners": [listener]},
        }
    )
    asked = words(await mesh.type("/mesh expose"))
    assert "changes Gateway bookinfo-gateway, set by tests" in asked
    assert "networking.istio.io/service-type: nothing → ClusterIP" in asked
    said = words(await mesh.type('click "Replace it"'))
    assert "1 object created, 1 changed (Gateway bookinfo-gateway)" in said


@pytest.mark.parametrize("labels", [{"istio.io/rev": "default"}, {"istio-injection": "enabled"}])
async def test_off_takes_every_label_off_that_injects(mesh: Stage, labels: dict[str, str]) -> None:
    """A revision's label is a way in as well: what is typed for is what there is afterwards."""
    await mesh.api.merge(NAMESPACES, APP, "", {"metadata": {"labels": labels}})
    said = words(await mesh.type("/mesh inject"))
    assert "6 of 6 application pods carry a sidecar" in said
    assert "removed" not in said
    said = words(await mesh.type("/mesh inject off"))
    assert f"label {next(iter(labels))} removed" in said
    assert "6 of 6 application pods are without sidecar" in said
    live = await mesh.api.get(NAMESPACES, APP) or {}
    assert not labels.keys() & live["metadata"]["labels"].keys()


async def test_off_asks_before_it_changes_what_pods_ask_for(mesh: Stage) -> None:
    """A pod template that asks for its sidecar is others' work: it is named, and confirmed."""
    own = {"spec": {"template": {"metadata": {"labels": {"sidecar.istio.io/inject": "true"}}}}}
    await mesh.api.merge(DEPLOYMENTS, "ratings-v1", APP, own)
    await mesh.type("/mesh inject")
    said = words(await mesh.type("/mesh inject off"))
    assert "sidecar.istio.io/inject taken out of the pods of Deployment ratings-v1" in said
    said = words(await mesh.type('click "Take them out"'))
    assert "6 of 6 application pods are without sidecar" in said


async def test_an_injector_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """Pods then simply do not appear: the cause is found at their Deployment, with what helps."""
    async with furnished(tmp_path) as stage:
        async with run_bot(stage.settings()):
            await stage.type("/mesh install")
            await stage.type("/mesh bookinfo")
        await stage.api.delete(SERVICES, "istiod", "istio-system")
        async with run_bot(stage.settings(**SHORT)):
            said = words(await stage.type("/mesh inject -> not yet"))
        assert "failed calling webhook" in said
        assert "`cause: control-plane-down` istiod runs and cannot be reached" in said
        assert "its Service istio-system/istiod is gone or leads elsewhere" in said


async def test_a_namespace_that_does_not_go_is_named(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made in a namespace that is being deleted; what holds it is told."""
    monkeypatch.setattr(namespace_removal, "DELETION_TIMEOUT", 0.5)
    await stage.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": APP}})
    held = {"name": "held", "namespace": APP, "finalizers": ["example.com/never"]}
    await stage.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
    await stage.api.delete(NAMESPACES, APP)
    said = words(await stage.type("/mesh bookinfo -> not yet"))
    assert "namespace bookinfo is being deleted and does not go" in said
    assert "example.com/never" in said


async def test_without_the_gateway_api_the_install_is_offered(mesh: Stage) -> None:
    """Its CRDs come with install, and expose says so."""
    await mesh.api.delete(CRDS, "gateways.gateway.networking.k8s.io")
    said = words(await mesh.type("/mesh expose -> not yet"))
    assert "the Gateway API CRDs are missing; install applies them" in said


async def test_every_step_works_in_another_namespace(tmp_path: Path) -> None:
    """With `in=` all of it happens there, and is taken back there."""
    async with playing(tmp_path, MESHBOT_WORKSHOP__NAMESPACES="bookinfo shop-*") as (stage, _):
        await stage.type("/mesh install")
        for step in ("bookinfo", "inject", "expose"):
            assert (
                "shop-1" in words(await stage.type(f"/mesh {step} in=shop-1")) or step == "inject"
            )
        assert "there is nothing to take back" in words(await stage.type("/mesh undo"))
        assert "expose in=shop-1 will be taken back" in words(
            await stage.type("/mesh undo in=shop-1")
        )
        await stage.type('click "Take it back"')
        assert await stage.api.get(SERVICES, "bookinfo-gateway-istio", "shop-1") is None
