"""`/mesh addons` and `/mesh kiali`: applied, ready, answering; already so; and what stands in their
way."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.knowledge.observe import probes
from sandbox.cluster.contract import Ref
from sandbox.cluster.faults import ApiFault
from tests.scenarios.stage import Stage, playing, words

pytestmark = pytest.mark.long

DEPLOYMENTS, MAPS, ROLES, SERVICES = (
    Ref("apps", "deployments"),
    Ref("", "configmaps"),
    Ref("rbac.authorization.k8s.io", "clusterroles"),
    Ref("", "services"),
)
MESH = "istio-system"


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_the_addons_answer(tmp_path: Path, istio: str) -> None:
    """Each is proven by its own health endpoint, and the second time nothing is changed."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await stage.type("/mesh install")
        said = words(await stage.type("/mesh addons"))
        for proof in (
            "prometheus: ready",
            "grafana: database ok",
            "jaeger: answers queries",
            "objects created",
        ):
            assert proof in said
        before = await stage.api.get(DEPLOYMENTS, "grafana", MESH)
        again = words(await stage.type("/mesh addons"))
        assert "were already there; nothing was changed" in again
        assert await stage.api.get(DEPLOYMENTS, "grafana", MESH) == before


async def test_only_what_was_named_is_installed(stage: Stage) -> None:
    """One add-on brings no other."""
    await stage.type("/mesh install")
    assert "prometheus answers" in words(await stage.type("/mesh addons prometheus"))
    assert await stage.api.get(DEPLOYMENTS, "grafana", MESH) is None


@pytest.mark.parametrize("step", ["addons", "kiali"])
async def test_without_istio_the_install_is_offered(stage: Stage, step: str) -> None:
    """What is missing is named, and nothing is changed."""
    said = words(await stage.type(f"/mesh {step} -> not yet"))
    assert "Istio is not installed" in said
    assert "/mesh install" in said
    assert await stage.api.list(ROLES, labels="app.kubernetes.io/instance=kiali") == []


async def test_an_unknown_addon_is_refused(stage: Stage) -> None:
    """The answer names those that there are."""
    assert "prometheus, grafana or jaeger" in words(
        await stage.type("/mesh addons zipkin -> error")
    )


async def test_what_was_changed_by_hand_is_asked_about(stage: Stage) -> None:
    """Only what differs from the sample is applied: who changed it is named, with what is lost."""
    await stage.type("/mesh install")
    await stage.type("/mesh addons jaeger")
    by = stage.cluster.client("kubectl-edit")
    await by.merge(SERVICES, "tracing", MESH, {"spec": {"selector": {"app": "yaeger"}}})
    await by.merge(DEPLOYMENTS, "jaeger", MESH, {"spec": {"replicas": 2}})
    asked = words(await stage.type("/mesh addons jaeger"))
    assert "changes Service tracing, set by kubectl-edit" in asked
    assert "selector.app: yaeger → jaeger" in asked
    assert "replicas: 2 → 1" in asked
    said = words(await stage.type('click "Replace it"'))
    assert "2 changed (Deployment jaeger, Service tracing)" in said


async def test_a_protected_kiali_is_not_made_anonymous_unasked(stage: Stage) -> None:
    """Its strategy, and another Prometheus, are settings of others: each is named, and what it means
    that nobody is asked any more; cancelled, they stand."""
    await stage.type("/mesh install")
    await stage.type("/mesh addons prometheus")
    await stage.type("/mesh kiali")
    live = await stage.api.get(MAPS, "kiali", MESH) or {}
    config = yaml.safe_load(live["data"]["config.yaml"])
    config["auth"] = {"strategy": "token"}
    config["external_services"]["prometheus"] = {"url": "http://mimir.shared:9009"}
    theirs = {"data": {"config.yaml": yaml.safe_dump(config)}}
    await stage.cluster.client("kubectl-edit").merge(MAPS, "kiali", MESH, theirs)
    asked = words(await stage.type("/mesh kiali"))
    assert "changes ConfigMap kiali, set by kubectl-edit" in asked
    assert "auth.strategy: token → anonymous" in asked
    assert "external_services.prometheus.url: http://mimir.shared:9009" in asked
    assert "whoever reaches it acts as its account" in asked
    await stage.type('click "Cancel" -> normal')
    live = await stage.api.get(MAPS, "kiali", MESH) or {}
    assert yaml.safe_load(live["data"]["config.yaml"]) == config


async def test_an_addon_that_does_not_answer_is_not_done(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ready pod is no proof: on a cluster whose pods run nothing, that is what is said."""
    monkeypatch.setattr(probes, "SILENCE_TIMEOUT", 0.3)
    await stage.type("/mesh install")
    stage.cluster.server.faults.add(ApiFault("error", resource="services/proxy"))
    said = words(await stage.type("/mesh addons grafana -> not yet"))
    assert "Kubernetes calls the pods of grafana ready, but nothing answers there" in said


@pytest.mark.parametrize(("istio", "key"), [("1.30.3", "external_url"), ("1.23.2", "url")])
async def test_kiali_has_the_settings_of_the_workshop(tmp_path: Path, istio: str, key: str) -> None:
    """The keys are those that this version of Kiali reads; what the sample says beside them stays."""
    async with playing(
        tmp_path, istio=istio, MESHBOT_WORKSHOP__JAEGER_URL="https://jaeger.example/"
    ) as (stage, _):
        await stage.type("/mesh install")
        await stage.type("/mesh addons prometheus")
        said = words(await stage.type("/mesh kiali"))
        assert "tracing at https://jaeger.example and grafana at http://localhost:3000" in said
        assert "answers /kiali/healthz" in said
        assert f"fits Istio {istio}" in said
        config = await stage.api.get(MAPS, "kiali", MESH)
        assert config is not None
        services = yaml.safe_load(config["data"]["config.yaml"])["external_services"]
        assert services["tracing"] == {"enabled": True, key: "https://jaeger.example"}
        assert services["grafana"] == {"enabled": True, key: "http://localhost:3000"}
        assert "was already so; nothing changed" in words(await stage.type("/mesh kiali"))


async def test_changed_settings_restart_kiali(stage: Stage) -> None:
    """Kiali reads its configuration when it starts: after a change by hand its pod is a new one."""
    await stage.type("/mesh install")
    await stage.type("/mesh addons prometheus")
    await stage.type("/mesh kiali")
    pods = Ref("", "pods")
    (before,) = await stage.api.list(pods, MESH, labels="app=kiali")
    await stage.api.merge(MAPS, "kiali", MESH, {"data": {"config.yaml": "{}"}})
    assert "1 changed (ConfigMap kiali)" in words(await stage.type("/mesh kiali"))
    after = [p["metadata"]["name"] for p in await stage.api.list(pods, MESH, labels="app=kiali")]
    assert before["metadata"]["name"] not in after


async def test_without_prometheus_kiali_is_not_done(stage: Stage) -> None:
    """Kiali itself says what it misses, and the step that brings it is offered."""
    await stage.type("/mesh install")
    said = words(await stage.type("/mesh kiali -> not yet"))
    assert "Kiali does not reach Prometheus" in said
    assert "/mesh addons prometheus" in said
