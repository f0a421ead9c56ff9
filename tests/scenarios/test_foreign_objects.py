"""Objects that others made, in the way of steps that deploy, expose, relabel or take back: what is
lost is asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import NAMESPACES, Stage, playing, words

pytestmark = pytest.mark.long

GATEWAYS = Ref("gateway.networking.k8s.io", "gateways")
ROUTES = Ref("gateway.networking.k8s.io", "httproutes")
SERVICES = Ref("networking.istio.io", "virtualservices")
DEPLOYMENTS = Ref("apps", "deployments")
MADE_BY = "kubectl-client-side-apply"
GATEWAY_API = "gateway.networking.k8s.io/v1"
LISTENERS = [
    {"name": "http", "port": 80, "protocol": "HTTP"},
    {"name": "admin", "port": 8081, "protocol": "HTTP"},
]


async def create(
    stage: Stage, api_version: str, kind: str, name: str, spec: dict[str, Any], **meta: Any
) -> None:
    """Make an object as somebody with kubectl does."""
    metadata = {"name": name, "namespace": "bookinfo"} | meta
    obj = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
    await stage.cluster.client(MADE_BY).create(obj)


async def test_a_gateway_of_others_is_not_rewritten_unasked(tmp_path: Path) -> None:
    """Its listeners and annotations, and the host names of its route, are named; confirmed, both are
    just those of the step; taken back, they are theirs again."""
    async with playing(tmp_path) as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo"):
            await stage.type(line)
        spec = {"gatewayClassName": "istio", "listeners": LISTENERS}
        await create(stage, GATEWAY_API, "Gateway", "bookinfo-gateway", spec)
        backend = {"name": "productpage", "port": 9080}
        rules = [{"backendRefs": [backend]}]
        route = {"parentRefs": [{"name": "bookinfo-gateway"}], "hostnames": ["shop.test"]}
        await create(stage, GATEWAY_API, "HTTPRoute", "bookinfo", route | {"rules": rules})
        theirs = [await stage.api.list(ref, "bookinfo") for ref in (GATEWAYS, ROUTES)]
        asked = words(await stage.type("/mesh expose"))
        assert f"changes Gateway bookinfo-gateway, set by {MADE_BY}" in asked
        assert "listeners[admin]" in asked
        assert "networking.istio.io/service-type: nothing → ClusterIP" in asked
        assert "hostnames: [shop.test] → nothing" in asked
        assert "bookinfo-gateway" in words(await stage.type('click "Replace it"'))
        (gateway,) = await stage.api.list(GATEWAYS, "bookinfo")
        assert [each["name"] for each in gateway["spec"]["listeners"]] == ["http"]
        (exposed,) = await stage.api.list(ROUTES, "bookinfo")
        assert "hostnames" not in exposed["spec"]
        await stage.type("/mesh undo")
        await stage.type('click "Take it back"')
        now = [await stage.api.list(ref, "bookinfo") for ref in (GATEWAYS, ROUTES)]
        assert [[o["spec"] for o in each] for each in now] == [
            [o["spec"] for o in each] for each in theirs
        ]
        asked = words(await stage.type("/mesh expose off"))
        assert f"deletes Gateway bookinfo-gateway, set by {MADE_BY}" in asked


async def test_a_gateway_that_is_the_samples_own_is_not_asked_about_twice(tmp_path: Path) -> None:
    """What the step itself made is changed, and taken away, without a question."""
    async with playing(tmp_path) as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo", "/mesh expose", "/mesh expose"):
            said = words(await stage.type(line))
        assert "the page was already exposed" in said
        backend = {"name": "productpage", "port": 9080}
        spec = {"parentRefs": [{"name": "bookinfo-gateway"}], "hostnames": ["shop.test"]}
        rules = {"rules": [{"backendRefs": [backend]}]}
        await create(stage, GATEWAY_API, "HTTPRoute", "shop", spec | rules)
        asked = words(await stage.type("/mesh expose off"))
        assert f"HTTPRoute shop in bookinfo, set by {MADE_BY}, leads nowhere" in asked
        await stage.type('click "Cancel" -> normal')
        await stage.api.delete(ROUTES, "shop", "bookinfo")
        assert "not exposed any more" in words(await stage.type("/mesh expose off"))


async def test_a_waypoint_of_others(tmp_path: Path) -> None:
    """One for all kinds of traffic is not turned into the workshop's, and none is taken away."""
    async with playing(tmp_path) as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo", "/mesh ambient", 'click "Go ambient"'):
            await stage.type(line)
        listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
        spec = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
        labels = {"istio.io/waypoint-for": "all"}
        await create(stage, GATEWAY_API, "Gateway", "waypoint", spec, labels=labels)
        other = stage.cluster.client("kubectl-label")
        named = {"metadata": {"labels": {"istio.io/use-waypoint": "other"}}}
        await other.merge(NAMESPACES, "bookinfo", "", named)
        asked = words(await stage.type("/mesh waypoint"))
        assert "metadata.labels.istio.io/waypoint-for: all → nothing" in asked
        assert "changes Namespace bookinfo, set by kubectl-label" in asked
        assert "label.istio.io/use-waypoint: other → waypoint" in asked
        await stage.type('click "Cancel" -> normal')
        asked = words(await stage.type("/mesh waypoint off"))
        assert f"deletes Gateway waypoint, set by {MADE_BY}" in asked
        assert "label.istio.io/use-waypoint: other → nothing" in asked
        await stage.type('click "Cancel" -> normal')
        service = {"group": "", "kind": "Service", "name": "reviews", "port": 9080}
        rule = {"backendRefs": [{"name": "reviews", "port": 9080}]}
        spec = {"parentRefs": [service], "rules": [rule]}
        await create(stage, GATEWAY_API, "HTTPRoute", "theirs", spec)
        for line in ("/mesh waypoint off", "/mesh ambient off"):
            asked = words(await stage.type(line))
            assert f"HTTPRoute theirs, set by {MADE_BY}, has no effect" in asked
            await stage.type('click "Cancel" -> normal')


async def test_labels_of_others_are_asked_about(tmp_path: Path) -> None:
    """A namespace that somebody keeps out of the mesh is not put into it unasked."""
    async with playing(tmp_path) as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo"):
            await stage.type(line)
        other = stage.cluster.client("kubectl-label")
        outside = {"metadata": {"labels": {"istio-injection": "disabled"}}}
        await other.merge(NAMESPACES, "bookinfo", "", outside)
        asked = words(await stage.type("/mesh inject"))
        assert "changes Namespace bookinfo, set by kubectl-label" in asked
        assert "label.istio-injection: disabled → enabled" in asked
        await stage.type('click "Replace it"')
        assert "nothing was changed" in words(await stage.type("/mesh inject"))


async def test_programs_and_labels_of_others_are_asked_about(tmp_path: Path) -> None:
    """Sidecars come into others' programs, and go from them, by a restart; a label that somebody
    set brings them and goes. Each is named with who made it; Bookinfo restarts unasked."""
    async with playing(tmp_path) as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo", "/mesh inject", "/mesh inject off"):
            await stage.type(line)
        labels = {"app": "shop"}
        pod = {"containers": [{"name": "shop", "image": "shop:1"}]}
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        await create(stage, "apps/v1", "Deployment", "shop", spec)
        before = await stage.api.get(DEPLOYMENTS, "shop", "bookinfo") or {}
        restart = f"restarts Deployment shop, made by {MADE_BY}"
        assert restart in words(await stage.type("/mesh inject"))
        await stage.type('click "Cancel" -> normal')
        assert (await stage.api.get(DEPLOYMENTS, "shop", "bookinfo") or {})["spec"] == before[
            "spec"
        ]
        await stage.type("/mesh inject")
        assert "restarted: details-v1, " in words(await stage.type('click "Restart them"'))
        other = stage.cluster.client("kubectl-label")
        for value in (None, "enabled"):
            label = {"metadata": {"labels": {"istio-injection": value}}}
            await other.merge(NAMESPACES, "bookinfo", "", label)
        for line in ("/mesh inject off", "/mesh ambient", "/mesh uninstall"):
            asked = words(await stage.type(line))
            assert "kubectl-label" in asked
            assert "label.istio-injection: enabled → nothing" in asked
            assert line != "/mesh inject off" or restart in asked
            await stage.type('click "Cancel" -> normal')
        asked = words(await stage.type("/mesh reset bookinfo"))
        assert "with what kubectl-label set: metadata.labels.istio-injection" in asked
        await stage.type('click "Cancel" -> normal')
        await stage.api.delete(DEPLOYMENTS, "shop", "bookinfo")
        said = words(await stage.type("/mesh inject off"))
        assert "label istio-injection removed, which kubectl-label set" in said


async def test_a_deployment_of_others_is_asked_about(tmp_path: Path) -> None:
    """Deploying anew scales one back only when asked, the bot's own as well: that somebody wanted
    two is not for it to decide. What others only added stays."""
    added = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/os": "linux"}}}}}
    async with playing(tmp_path) as (stage, _):
        await stage.type("/mesh bookinfo")
        for manager, patch in (
            ("kubectl-patch", added),
            ("kubectl-scale", {"spec": {"replicas": 2}}),
        ):
            await stage.cluster.client(manager).merge(DEPLOYMENTS, "details-v1", "bookinfo", patch)
        asked = words(await stage.type("/mesh bookinfo"))
        assert "changes Deployment details-v1, set by kubectl-scale" in asked
        said = words(await stage.type('click "Replace it"'))
        assert "set by others before: Deployment details-v1 replicas: 2 → 1" in said
        live = await stage.api.get(DEPLOYMENTS, "details-v1", "bookinfo") or {}
        assert live["spec"]["template"]["spec"]["nodeSelector"]
        spec = live["spec"] | {"replicas": 2}
        await stage.api.delete(DEPLOYMENTS, "details-v1", "bookinfo")
        await create(stage, "apps/v1", "Deployment", "details-v1", spec)
        asked = words(await stage.type("/mesh bookinfo"))
        assert f"changes Deployment details-v1, set by {MADE_BY}" in asked
        assert "replicas: 2 → 1" in asked
        assert "nodeSelector" not in asked
        await stage.type('click "Cancel" -> normal')
        gone = "With namespace bookinfo goes what others made in it: Deployment details-v1"
        assert gone in words(await stage.type("/mesh bookinfo off"))


async def test_what_others_set_since_goes_only_when_asked(tmp_path: Path) -> None:
    """Undo and reset name what others set in objects of the bot, and what they made in a namespace
    that goes."""
    async with playing(tmp_path) as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo", "/mesh inject", "/mesh route jason"):
            await stage.type(line)
        edit = stage.cluster.client("kubectl-edit")
        await edit.merge(SERVICES, "reviews", "bookinfo", {"spec": {"exportTo": ["."]}})
        asked = words(await stage.type("/mesh undo"))
        assert "deletes VirtualService reviews\n" in asked
        assert "with what kubectl-edit set: exportTo" in asked
        await stage.type('click "Cancel" -> normal')
        assert "with what kubectl-edit set: exportTo" in words(
            await stage.type("/mesh reset inject")
        )
        await stage.type('click "Cancel" -> normal')
        spec = {"hosts": ["shop.test"], "ports": [], "location": "MESH_EXTERNAL"}
        await create(stage, "networking.istio.io/v1", "ServiceEntry", "shop", spec)
        gone = (
            f"With namespace bookinfo goes what others made in it: ServiceEntry shop ({MADE_BY})."
        )
        assert gone in words(await stage.type("/mesh reset install"))
        await stage.type('click "Cancel" -> normal')
        assert gone in words(await stage.type("/mesh bookinfo off"))
