"""istiod in an embedded cluster: what it writes everywhere, and its webhooks over the API."""

from __future__ import annotations

import asyncio
import base64

import pytest

from sandbox.cluster.contract import ApiError, Object, Ref, Request

from .mesh import (
    DEPLOYMENTS,
    INJECTORS,
    MAPS,
    NAMESPACES,
    PODS,
    SYSTEM,
    VALIDATORS,
    TestMesh,
    eventually,
    managers,
    namespace,
    service,
)

SECRETS = Ref("", "secrets")
MINE = {"pilot-discovery:Update"}


async def test_every_namespace_gets_the_root_certificate(mesh: TestMesh, version: str) -> None:
    """A namespace made later gets it too; Istio 1.30 puts a revocation list beside it."""
    await mesh.client.create(namespace("late"))
    root = await eventually(lambda: mesh.client.get(MAPS, "istio-ca-root-cert", "late"))
    assert root["metadata"]["labels"] == {"istio.io/config": "true"}
    assert managers(root) == MINE
    if version == "1.30.3":
        assert await eventually(lambda: mesh.client.get(MAPS, "istio-ca-crl", "late"))
    names = {
        m["metadata"]["name"] for m in await mesh.client.list(MAPS, "late", "istio.io/config=true")
    }
    assert names == {"istio-ca-root-cert"} | ({"istio-ca-crl"} if version == "1.30.3" else set())


async def test_the_certificate_is_that_of_the_secret(mesh: TestMesh) -> None:
    """One authority: Secret, ConfigMaps and webhooks agree."""
    secret = await mesh.get(SECRETS, "istio-ca-secret", SYSTEM)
    root = base64.b64decode(secret["data"]["root-cert.pem"]).decode()
    assert (await mesh.get(MAPS, "istio-ca-root-cert", "default"))["data"]["root-cert.pem"] == root
    injector = await mesh.get(INJECTORS, "istio-revision-tag-default")
    assert base64.b64decode(injector["webhooks"][0]["clientConfig"]["caBundle"]).decode() == root


async def test_a_map_that_was_changed_is_mended(mesh: TestMesh) -> None:
    """Deleted or edited by hand, it comes back."""
    before = await mesh.get(MAPS, "istio-ca-root-cert", "default")
    await mesh.client.delete(MAPS, "istio-ca-root-cert", "default")
    again = await eventually(lambda: mesh.client.get(MAPS, "istio-ca-root-cert", "default"))
    assert again["data"] == before["data"]
    await mesh.client.merge(MAPS, "istio-ca-root-cert", "default", {"data": {"root-cert.pem": "x"}})

    async def mended() -> bool:
        return bool(
            (await mesh.get(MAPS, "istio-ca-root-cert", "default"))["data"] == before["data"]
        )

    assert await eventually(mended)


async def test_leader_claims_are_those_recorded(mesh: TestMesh, version: str) -> None:
    """Each release has its own set of election ConfigMaps."""
    extra = "istio-ip-autoallocate" if version == "1.30.3" else "istio-gateway-status-leader"
    for name in (extra, "istio-leader", "istio-namespace-controller-election"):
        claim = await mesh.get(MAPS, name, SYSTEM)
        assert managers(claim) == MINE
        assert "control-plane.alpha.kubernetes.io/leader" in claim["metadata"]["annotations"]


async def test_validation_is_closed_once_istiod_serves(mesh: TestMesh) -> None:
    """istioctl leaves the policy at Ignore; istiod owns the change to Fail."""
    found = await mesh.get(VALIDATORS, "istiod-default-validator")
    assert "pilot-discovery:Update" in managers(found)
    assert found["webhooks"][0]["failurePolicy"] == "Fail"
    assert found["webhooks"][0]["clientConfig"]["caBundle"]


def bad_service() -> Object:
    """The VirtualService that was recorded as refused."""
    abort = {"percentage": {"value": 500}, "httpStatus": 5000}
    rule = {"fault": {"abort": abort}, "route": [{"destination": {"host": "ratings"}}]}
    meta = {"name": "bad", "namespace": "default"}
    spec = {"hosts": ["ratings"], "http": [rule]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": meta,
        "spec": spec,
    }


async def test_a_bad_rule_is_denied_in_the_recorded_words(mesh: TestMesh) -> None:
    """The denial goes through the API server's own wording."""
    with pytest.raises(ApiError) as refusal:
        await mesh.client.create(bad_service())
    assert refusal.value.message == (
        'admission webhook "validation.istio.io" denied the request: configuration is invalid: 2 '
        "errors occurred:\n"
        "\t* percentage 500 is neither 0.0, nor in range [0.0001, 100.0]\n"
        "\t* HTTP status 5000 is not in range 200-599\n\n"
    )


@pytest.mark.long
async def test_pods_of_labelled_namespaces_are_injected(mesh: TestMesh, version: str) -> None:
    """Six pods of Bookinfo, each with its sidecar where that release puts it, all of them ready."""
    await mesh.bookinfo(istio_injection="enabled")
    pods = await mesh.pods("bookinfo")
    assert len(pods) == 6
    place = "initContainers" if version == "1.30.3" else "containers"
    assert all("istio-proxy" in [c["name"] for c in p["spec"][place]] for p in pods)
    assert all("sidecar.istio.io/status" in p["metadata"]["annotations"] for p in pods)


async def test_without_istiod_labelled_namespaces_get_no_pods(mesh: TestMesh) -> None:
    """The webhook fails closed: the pod's creation is refused in Kubernetes' words."""
    await mesh.client.create(namespace("bookinfo", istio_injection="enabled"))
    await mesh.client.merge(DEPLOYMENTS, "istiod", SYSTEM, {"spec": {"replicas": 0}})

    async def empty() -> bool:
        return not await mesh.client.list(PODS, SYSTEM)

    await eventually(empty)
    meta = {"name": "p", "namespace": "bookinfo"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": [{"name": "c", "image": "c"}]},
    }
    with pytest.raises(ApiError, match="failed calling webhook"):
        await mesh.client.create(pod)


@pytest.mark.long
async def test_a_quiet_cluster_stays_quiet(mesh: TestMesh) -> None:
    """Nothing is written where nothing has changed, over a simulated half minute."""
    await mesh.gateway_api()
    await mesh.bookinfo()
    await mesh.sample("bookinfo/gateway-api/bookinfo-gateway.yaml")
    await mesh.ready("productpage-v1", "bookinfo")
    await eventually(lambda: mesh.client.get(DEPLOYMENTS, "bookinfo-gateway-istio", "bookinfo"))
    await mesh.ready("bookinfo-gateway-istio", "bookinfo")
    await asyncio.sleep(0.3)
    before = await mesh.versions()
    await asyncio.sleep(0.6)
    after = await mesh.versions()
    assert {k: v for k, v in after.items() if before.get(k) != v} == {}


async def test_a_deleted_namespace_does_not_come_back(mesh: TestMesh) -> None:
    """istiod writes nothing into a namespace that is going."""
    await mesh.client.create(namespace("short"))
    await eventually(lambda: mesh.client.get(MAPS, "istio-ca-root-cert", "short"))
    await mesh.client.delete(NAMESPACES, "short")

    async def gone() -> bool:
        return await mesh.client.get(NAMESPACES, "short") is None

    assert await eventually(gone)


async def test_istiod_outlives_a_restart_of_the_api_server(mesh: TestMesh) -> None:
    """Cut watches are begun again, and what changed meanwhile is seen."""
    mesh.cluster.server.restart()
    await mesh.client.delete(MAPS, "istio-ca-root-cert", "default")
    await mesh.client.create(namespace("late"))
    assert await eventually(lambda: mesh.client.get(MAPS, "istio-ca-root-cert", "default"))
    assert await eventually(lambda: mesh.client.get(MAPS, "istio-ca-root-cert", "late"))


async def test_the_ports_of_an_istiod(mesh: TestMesh, version: str) -> None:
    """Readiness, version and metrics are answered through the cluster's Services as those of the
    real one."""
    await mesh.client.create(service("monitoring", SYSTEM, {"app": "istiod"}, 15014, 15014))
    backends = mesh.cluster.server.backends
    assert backends is not None

    async def answer(path: str) -> str:
        try:
            found = await backends.call(SYSTEM, "monitoring", 15014, Request("GET", path))
        except ApiError:
            return ""
        return found.body.decode()

    assert await eventually(lambda: answer("/version")) == f"{version}-unknown-Clean"
    assert f'tag="{version}"' in await answer("/metrics")
