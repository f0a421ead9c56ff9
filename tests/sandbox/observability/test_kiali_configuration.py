"""Kiali by its configuration: read at its start, addons asked for, who may look."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.sandbox.istio.istiod.mesh import (
    DEPLOYMENTS,
    MAPS,
    PODS,
    SYSTEM,
    eventually,
)

from .stages import World


async def reconfigure(mesh: World, **services: Any) -> None:
    """Edits `external_services` in Kiali's ConfigMap."""
    found = await mesh.mesh.get(MAPS, "kiali", SYSTEM)
    config = yaml.safe_load(found["data"]["config.yaml"])
    config["external_services"] |= services
    await mesh.mesh.client.merge(
        MAPS, "kiali", SYSTEM, {"data": {"config.yaml": yaml.safe_dump(config)}}
    )


async def restart(mesh: World) -> None:
    """Restarts Kiali, and waits until only the new pod is there."""
    note = {"metadata": {"annotations": {"restarted": "now"}}}
    await mesh.mesh.client.merge(DEPLOYMENTS, "kiali", SYSTEM, {"spec": {"template": note}})
    await mesh.mesh.ready("kiali", SYSTEM)

    async def alone() -> bool:
        pods = await mesh.mesh.client.list(PODS, SYSTEM, "app=kiali")
        return len(pods) == 1 and "restarted" in pods[0]["metadata"]["annotations"]

    await eventually(alone)


@pytest.mark.long
async def test_configuration_is_read_at_start(mesh: World) -> None:
    """What is changed in the ConfigMap counts after a restart, and the older key for a link still
    works."""
    assert (await mesh.ask("/api/tracing")).json["enabled"] is False
    await reconfigure(mesh, tracing={"enabled": True, "url": "http://localhost:16686/jaeger"})
    assert (await mesh.ask("/api/tracing")).json["enabled"] is False
    await restart(mesh)
    said = (await mesh.ask("/api/tracing")).json
    assert (said["enabled"], said["provider"], said["url"]) == (
        True,
        "jaeger",
        "http://localhost:16686/jaeger",
    )


@pytest.mark.parametrize("kiali", ["1.87"])
async def test_addons_are_checked(mesh: World) -> None:
    """An add-on that is enabled is listed, Unreachable until it answers; one that is not enabled is
    absent."""
    await reconfigure(
        mesh,
        tracing={"enabled": True},
        grafana={"enabled": False},
        custom_dashboards={"enabled": False},
    )
    await restart(mesh)

    async def addons() -> dict[str, str]:
        rows = (await mesh.ask("/api/istio/status")).json
        return {row["name"]: row["status"] for row in rows if "istio" not in row["name"]}

    assert await addons() == {"prometheus": "Healthy", "tracing": "Unreachable"}
    await mesh.addon("jaeger", ("jaeger",))
    assert await addons() == {"prometheus": "Healthy", "tracing": "Healthy"}


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_istiod_is_blamed_for_its_namespace(mesh: World) -> None:
    """The one row's status is the worst of everything beside istiod, by the cluster as it is."""

    async def rows() -> list[tuple[str, str]]:
        return [(row["name"], row["status"]) for row in (await mesh.ask("/api/istio/status")).json]

    assert await rows() == [("istiod", "Healthy")]
    await mesh.mesh.client.merge(DEPLOYMENTS, "prometheus", SYSTEM, {"spec": {"replicas": 0}})
    assert await rows() == [("istiod", "NotReady")]
    await mesh.mesh.client.merge(DEPLOYMENTS, "prometheus", SYSTEM, {"spec": {"replicas": 2}})
    assert await rows() == [("istiod", "Unhealthy")]


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_a_broken_configuration_crashes(mesh: World) -> None:
    """Kiali does not come up with a configuration that it can't read."""
    await mesh.mesh.client.merge(
        MAPS, "kiali", SYSTEM, {"data": {"config.yaml": "external_services: [}"}}
    )
    (pod,) = await mesh.mesh.pods(SYSTEM, app="kiali")
    await mesh.mesh.client.delete(PODS, pod["metadata"]["name"], SYSTEM)

    async def crashed() -> bool:
        found = await mesh.mesh.pods(SYSTEM, app="kiali")
        statuses = [s for p in found for s in p.get("status", {}).get("containerStatuses") or ()]
        return any("CrashLoopBackOff" in str(each["state"]) for each in statuses)

    await eventually(crashed)


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_the_grafana_links(mesh: World) -> None:
    """Links to the dashboards that Grafana has; 503 while it is away, 204 when switched off."""
    assert (await mesh.ask("/api/grafana")).status == 503
    await mesh.addon("grafana", ("grafana",))
    links = (await mesh.ask("/api/grafana")).json["externalLinks"]
    assert "Istio Service Dashboard" in {link["name"] for link in links}
    await reconfigure(mesh, grafana={"enabled": False})
    await restart(mesh)
    assert (await mesh.ask("/api/grafana")).status == 204


@pytest.mark.parametrize("kiali", ["2.26"])
async def test_anonymous_visitors(mesh: World) -> None:
    """The sample lets everybody in."""
    assert (await mesh.ask("/api/auth/info")).json["strategy"] == "anonymous"


@pytest.mark.long
@pytest.mark.parametrize("kiali", ["1.87", "2.26"])
async def test_visitors_without_a_token(mesh: World) -> None:
    """Under another strategy only health and the strategy itself are told."""
    found = await mesh.mesh.get(MAPS, "kiali", SYSTEM)
    config = yaml.safe_load(found["data"]["config.yaml"]) | {"auth": {"strategy": "token"}}
    edited = {"data": {"config.yaml": yaml.safe_dump(config)}}
    await mesh.mesh.client.merge(MAPS, "kiali", SYSTEM, edited)
    await restart(mesh)
    assert (await mesh.ask("/api/auth/info")).json["strategy"] == "token"
    assert (await mesh.ask("/healthz")).status == 200
    for path in ("/api/namespaces/graph?namespaces=bookinfo", "/api/namespaces"):
        assert (await mesh.ask(path)).status == 401
