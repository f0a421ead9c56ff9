"""`/mesh ambient` and `/mesh waypoint`: there and back, with every setting kept and every effect
seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.faults import ApiFault
from tests.scenarios.stage import NAMESPACES, Stage, playing, words

pytestmark = pytest.mark.long

MAPS, DAEMONS, PODS = Ref("", "configmaps"), Ref("apps", "daemonsets"), Ref("", "pods")
DEPLOYMENTS, GATEWAYS = Ref("apps", "deployments"), Ref("gateway.networking.k8s.io", "gateways")
RULES, ROUTES = (
    Ref("networking.istio.io", "virtualservices"),
    Ref("gateway.networking.k8s.io", "httproutes"),
)


async def typed(stage: Stage, *lines: str) -> str:
    """Types one line after another; what the last one ends in."""
    said = ""
    for line in lines:
        said = words(await stage.type(line))
    return said


async def labels(stage: Stage) -> dict[str, str]:
    """The labels of the application's namespace."""
    namespace: Object = await stage.api.get(NAMESPACES, "bookinfo") or {}
    return dict(namespace["metadata"]["labels"])


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_into_the_ambient_mesh_and_back(tmp_path: Path, istio: str) -> None:
    """Settings survive both ways, rules and sidecars go, encrypted connections are measured, and it
    can be left."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await typed(
            stage, "/mesh install access-log", "/mesh addons", "/mesh bookinfo", "/mesh inject"
        )
        await typed(stage, "/mesh route jason")
        asked = await typed(stage, "/mesh ambient")
        assert "VirtualService reviews removed" in asked
        assert "removes Deployment istio-ingressgateway" in asked
        assert "6 Deployments restart without their sidecars" in asked
        assert "changes Deployment istiod (containers[discovery].image" in asked
        said = await typed(stage, 'click "Go ambient"')
        assert "6 of 6 pods without sidecar" in said
        assert "6 of 6 pods redirected to ztunnel" in said
        assert "connections with mutual TLS productpage-v1 → details-v1" in said
        assert "settings repeated: values.meshConfig.accessLogFile=/dev/stdout" in said
        config = await stage.api.get(MAPS, "istio", "istio-system") or {}
        assert "zipkin.istio-system:9411" in config["data"]["mesh"]
        assert await stage.api.list(RULES, "bookinfo") == []
        assert "already in the ambient mesh; nothing was changed" in await typed(
            stage, "/mesh ambient"
        )
        said = await typed(stage, "/mesh ambient off", 'click "Leave ambient"')
        assert "out of the ambient mesh" in said
        assert await stage.api.list(DAEMONS, "istio-system") == []
        assert await stage.api.get(DEPLOYMENTS, "istio-ingressgateway", "istio-system") is not None
        config = await stage.api.get(MAPS, "istio", "istio-system") or {}
        assert "accessLogFile: /dev/stdout" in config["data"]["mesh"]
        assert "nothing was changed" in await typed(stage, "/mesh ambient off")


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_a_waypoint_and_rules_through_it(tmp_path: Path, istio: str) -> None:
    """Requests are seen at the waypoint; routes, faults and shares work through it; off, its label
    goes too."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await typed(stage, "/mesh install ambient", "/mesh addons", "/mesh bookinfo")
        await typed(stage, "/mesh ambient")
        assert "rules for HTTP need a waypoint" in await typed(
            stage, "/mesh route jason -> not yet"
        )
        said = await typed(stage, "/mesh waypoint")
        assert "requests that the waypoint reports for reviews" in said
        assert ("bound to it: details" in said) == (istio == "1.30.3")
        assert "already in place; nothing was changed" in await typed(stage, "/mesh waypoint")
        assert "as jason, 10 pages: reviews v2 10" in await typed(stage, "/mesh route jason")
        said = await typed(stage, "/mesh fault jason")
        assert "ratings unavailable 10" in said
        assert "Gateway API has no fault" in said
        assert "takes only an abort" in await typed(stage, "/mesh fault jason delay 2s -> error")
        assert "no DestinationRule is needed" in await typed(stage, "/mesh break -> normal")
        assert "everybody keeps ratings" in await typed(stage, "/mesh fault off")
        assert "v3: asked 30 %" in await typed(stage, "/mesh shift v1=70 v3=30")
        assert "HTTPRoute reviews has no effect" in await typed(stage, "/mesh waypoint off")
        assert "istio.io/use-waypoint" not in await labels(stage)
        assert await stage.api.get(GATEWAYS, "waypoint", "bookinfo") is None
        assert "nothing was changed" in await typed(stage, "/mesh waypoint off")


async def test_a_label_of_a_waypoint_that_is_gone_is_no_trap(stage: Stage) -> None:
    """istioctl leaves a namespace alone that is labelled already; the step makes the waypoint."""
    await typed(stage, "/mesh install ambient", "/mesh addons", "/mesh bookinfo", "/mesh ambient")
    await stage.api.merge(
        NAMESPACES, "bookinfo", "", {"metadata": {"labels": {"istio.io/use-waypoint": "waypoint"}}}
    )
    assert "the label was left over from a waypoint that is gone" in await typed(
        stage, "/mesh waypoint"
    )


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_minikubes_networks_are_found(tmp_path: Path, istio: str) -> None:
    """Each release has its own setting for where Docker keeps the pods' networks; it is there
    afterwards, and said."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await typed(
            stage,
            "/mesh install",
            "/mesh addons",
            "/mesh bookinfo",
            "/mesh ambient platform=minikube",
        )
        said = await typed(stage, 'click "Go ambient"')
        assert (
            "values.global.platform=minikube" if istio == "1.30.3" else "values.cni.cniNetnsDir"
        ) in said
        agent = await stage.api.get(DAEMONS, "istio-cni-node", "istio-system") or {}
        volumes = agent["spec"]["template"]["spec"]["volumes"]
        assert "/var/run/docker/netns" in [v.get("hostPath", {}).get("path") for v in volumes]


async def test_a_platform_that_the_release_does_not_know_is_refused(tmp_path: Path) -> None:
    """Istio 1.23 has no settings for it: said before anything is changed."""
    async with playing(tmp_path, istio="1.23.2") as (stage, _):
        await typed(stage, "/mesh install", "/mesh bookinfo")
        assert "Istio 1.23.2 has no settings for k3s" in await typed(
            stage, "/mesh ambient platform=k3s -> error"
        )
        assert await stage.api.list(DAEMONS, "istio-system") == []


async def test_rules_that_are_to_stay_stay(stage: Stage) -> None:
    """With rules=keep nothing of the sidecars' rules is removed."""
    await typed(
        stage,
        "/mesh install",
        "/mesh addons",
        "/mesh bookinfo",
        "/mesh inject",
        "/mesh route jason",
    )
    await typed(stage, "/mesh ambient rules=keep", 'click "Go ambient"')
    assert len(await stage.api.list(RULES, "bookinfo")) == 1


async def test_what_a_gateway_obeys_is_no_rule_for_sidecars(stage: Stage) -> None:
    """A VirtualService of the ingress gateway stays, and what its loss means is said."""
    await typed(stage, "/mesh install", "/mesh bookinfo", "/mesh inject")
    name = {"name": "bookinfo", "namespace": "bookinfo"}
    route = [{"destination": {"host": "productpage"}}]
    await stage.api.create(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": name,
            "spec": {"hosts": ["*"], "gateways": ["bookinfo-gateway"], "http": [{"route": route}]},
        }
    )
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    await stage.api.create(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": name | {"name": "bookinfo-gateway"},
            "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
        }
    )
    asked = await typed(stage, "/mesh ambient")
    assert "VirtualService bookinfo stays: it is bound to bookinfo-gateway" in asked
    assert "Gateway bookinfo/bookinfo-gateway leads through it" in asked
    await typed(stage, 'click "Go ambient"')
    assert await stage.api.get(RULES, "bookinfo", "bookinfo") is not None


async def test_without_prometheus_the_proxies_say_what_they_carried(stage: Stage) -> None:
    """Who may not ask them has no proof, and without one nothing is called done."""
    await typed(stage, "/mesh install ambient", "/mesh bookinfo")
    forbidden = stage.cluster.server.faults.add(ApiFault("forbid", resource="pods/proxy"))
    said = await typed(stage, "/mesh ambient -> not yet")
    assert "6 of 6 pods redirected to ztunnel" in said
    assert "Prometheus is not installed, so that nothing was measured" in said
    assert "/mesh addons" in said
    stage.cluster.server.faults.remove(forbidden)
    await typed(stage, "/mesh ambient", "/mesh waypoint")


@pytest.mark.parametrize(
    ("before", "line", "says", "offers"),
    [
        ((), "/mesh ambient", "Istio is not installed", "/mesh install"),
        (("/mesh install",), "/mesh waypoint", "is not in the ambient mesh", "/mesh ambient"),
        (
            ("/mesh install ambient",),
            "/mesh ambient",
            "there is no namespace bookinfo",
            "/mesh bookinfo",
        ),
    ],
)
async def test_what_is_missing_is_offered(
    stage: Stage, before: tuple[str, ...], line: str, says: str, offers: str
) -> None:
    """Nothing is begun that could not work, and the step that is missing is offered."""
    await typed(stage, *before)
    said = await typed(stage, f"{line} -> not yet")
    assert says in said
    assert offers in said


async def test_a_namespace_of_others_keeps_the_profile(stage: Stage) -> None:
    """Where someone else is in the ambient mesh, only our namespace leaves: theirs would be cut
    off."""
    await typed(stage, "/mesh install ambient", "/mesh addons", "/mesh bookinfo", "/mesh ambient")
    theirs = {"name": "shop", "labels": {"istio.io/dataplane-mode": "ambient"}}
    await stage.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": theirs})
    said = await typed(stage, "/mesh ambient off", 'click "Leave ambient"')
    assert "Istio keeps the ambient profile: shop" in said
    assert {d["metadata"]["name"] for d in await stage.api.list(DAEMONS, "istio-system")} == {
        "istio-cni-node",
        "ztunnel",
    }
    assert "istio.io/dataplane-mode" not in await labels(stage)
