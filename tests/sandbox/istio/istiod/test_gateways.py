"""The Gateway API in an embedded cluster: classes, the sample Gateway's way to Programmed, ambient
and waypoints."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.cluster.contract import Object
from sandbox.cluster.machinery.meta import labels_of
from sandbox.istio.cni.program import REDIRECTION

from .mesh import (
    CLASSES,
    DEPLOYMENTS,
    GATEWAYS,
    GROUP,
    MAPS,
    NAMESPACES,
    REPLICA_SETS,
    ROUTES,
    SERVICES,
    SYSTEM,
    TestMesh,
    eventually,
    managers,
)

pytestmark = pytest.mark.long

GATEWAY = "bookinfo-gateway"
DEPLOYED = "bookinfo-gateway-istio"
BOUND = "istio.io/WaypointBound"


async def with_gateway(mesh: TestMesh) -> None:
    """Bookinfo behind the sample Gateway, its pod running."""
    await mesh.gateway_api()
    await mesh.bookinfo()
    await mesh.sample("bookinfo/gateway-api/bookinfo-gateway.yaml")
    await mesh.settles(GATEWAYS, GATEWAY, "False:AddressNotAssigned")
    await mesh.ready(DEPLOYED, "bookinfo")


async def test_classes_appear_with_the_crds(mesh: TestMesh) -> None:
    """Two without ambient, accepted, under the recorded managers; no restart is needed."""
    await mesh.gateway_api()
    await eventually(lambda: mesh.accepted("istio-remote"))
    found = await mesh.client.list(CLASSES)
    assert {c["metadata"]["name"] for c in found} == {"istio", "istio-remote"}
    assert all(
        managers(c) == {"pilot-discovery:Update", "pilot-discovery:Update/status"} for c in found
    )


async def test_a_deleted_class_is_made_again(mesh: TestMesh) -> None:
    """While istiod runs, its classes cannot be removed for good."""
    await mesh.gateway_api()
    await mesh.client.delete(CLASSES, "istio")
    assert await eventually(lambda: mesh.accepted("istio"))


async def test_a_gateway_makes_three_objects(mesh: TestMesh) -> None:
    """Owned by the Gateway and applied by the gateway controller; the Gateway itself as recorded of
    each release."""
    await with_gateway(mesh)
    gateway = await mesh.get(GATEWAYS, GATEWAY, "bookinfo")
    service = await mesh.get(SERVICES, DEPLOYED, "bookinfo")
    assert managers(service) == {"istio.io/gateway-controller:Apply"}
    assert service["metadata"]["ownerReferences"][0]["uid"] == gateway["metadata"]["uid"]
    assert [p["port"] for p in service["spec"]["ports"]] == [15021, 80]
    marked = mesh.version == "1.23.2"
    assert (
        "gateway.istio.io/controller-version" in gateway["metadata"].get("annotations", {})
    ) == marked
    wrote = {"test:Apply", "pilot-discovery:Update/status"}
    assert managers(gateway) == wrote | ({"istio.io/gateway-controller:Apply"} if marked else set())


async def test_as_cluster_ip_the_gateway_is_programmed(mesh: TestMesh) -> None:
    """The annotation changes the Service's type and replaces the pod."""
    await with_gateway(mesh)
    annotation = {"metadata": {"annotations": {"networking.istio.io/service-type": "ClusterIP"}}}
    await mesh.client.merge(GATEWAYS, GATEWAY, "bookinfo", annotation)
    await mesh.settles(GATEWAYS, GATEWAY, "True:Programmed")
    assert (await mesh.get(SERVICES, DEPLOYED, "bookinfo"))["spec"]["type"] == "ClusterIP"
    gateway = await mesh.get(GATEWAYS, GATEWAY, "bookinfo")
    host = f"{DEPLOYED}.bookinfo.svc.cluster.local"
    assert gateway["status"]["addresses"] == [{"type": "Hostname", "value": host}]
    assert gateway["status"]["listeners"][0]["attachedRoutes"] == 1
    await mesh.ready(DEPLOYED, "bookinfo")
    sets = await mesh.client.list(
        REPLICA_SETS, "bookinfo", f"gateway.networking.k8s.io/gateway-name={GATEWAY}"
    )
    assert len(sets) == 2


async def test_a_route_that_leaves_its_gateway_is_counted_no_more(mesh: TestMesh) -> None:
    """attachedRoutes is 0 once no route names the Gateway."""
    await with_gateway(mesh)
    refs = {"spec": {"parentRefs": [{"name": "bookinfo-gatway"}]}}
    await mesh.client.merge(ROUTES, "bookinfo", "bookinfo", refs)

    async def is_left() -> bool:
        gateway = await mesh.get(GATEWAYS, GATEWAY, "bookinfo")
        return bool(gateway["status"]["listeners"][0]["attachedRoutes"] == 0)

    assert await eventually(is_left)


async def test_the_route_is_accepted(mesh: TestMesh) -> None:
    """HTTPRoute `bookinfo` has one parent with the two recorded conditions."""
    await with_gateway(mesh)
    route = await mesh.get(ROUTES, "bookinfo", "bookinfo")
    (parent,) = route["status"]["parents"]
    assert [f"{c['type']}={c['status']}" for c in parent["conditions"]] == [
        "Accepted=True",
        "ResolvedRefs=True",
    ]
    assert parent["controllerName"] == "istio.io/gateway-controller"


async def test_a_route_learns_of_its_service(mesh: TestMesh) -> None:
    """BackendNotFound while the Service is away, resolved when it is there."""
    await mesh.gateway_api()
    await mesh.bookinfo()
    await mesh.sample("bookinfo/gateway-api/bookinfo-gateway.yaml")
    await mesh.client.delete(SERVICES, "productpage", "bookinfo")

    async def resolved() -> str:
        found = await mesh.get(ROUTES, "bookinfo", "bookinfo")
        parents = (found.get("status") or {}).get("parents") or [{"conditions": []}]
        return next(
            (c["reason"] for c in parents[0]["conditions"] if c["type"] == "ResolvedRefs"), ""
        )

    async def lost() -> bool:
        return await resolved() == "BackendNotFound"

    await eventually(lost)
    await mesh.sample("bookinfo/platform/kube/bookinfo.yaml")

    async def found_again() -> bool:
        return await resolved() == "ResolvedRefs"

    assert await eventually(found_again)


async def test_deleting_the_gateway_removes_what_it_made(mesh: TestMesh) -> None:
    """By way of owner references; istiod does not make it again."""
    await with_gateway(mesh)
    await mesh.client.delete(GATEWAYS, GATEWAY, "bookinfo")

    async def gone() -> bool:
        return not await mesh.client.get(SERVICES, DEPLOYED, "bookinfo") and not await mesh.pods(
            "bookinfo", **{"gateway.networking.k8s.io/gateway-name": GATEWAY}
        )

    assert await eventually(gone)


async def test_a_deleted_service_is_made_again(mesh: TestMesh) -> None:
    """While the Gateway is there, so is all that it makes."""
    await with_gateway(mesh)
    await mesh.client.delete(SERVICES, DEPLOYED, "bookinfo")
    assert await eventually(lambda: mesh.client.get(SERVICES, DEPLOYED, "bookinfo"))


async def test_the_mesh_configuration_rolls_gateways(mesh: TestMesh) -> None:
    """The image's variant is taken over without a restart of istiod."""
    await with_gateway(mesh)
    await mesh.configure({"image": {"imageType": "distroless"}})

    async def changed() -> bool:
        found = await mesh.get(DEPLOYMENTS, DEPLOYED, "bookinfo")
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        return bool(image == f"docker.io/istio/proxyv2:{mesh.version}-distroless")

    assert await eventually(changed)


async def test_a_gateway_of_an_unknown_class_is_nobodys(mesh: TestMesh) -> None:
    """No status, no objects."""
    await mesh.gateway_api()
    await mesh.client.create(gateway("odd", "nosuch"))
    await asyncio.sleep(0.2)
    assert "status" not in await mesh.get(GATEWAYS, "odd", "default")
    assert await mesh.client.get(DEPLOYMENTS, "odd-nosuch", "default") is None


def gateway(name: str, klass: str, place: str = "default") -> Object:
    """A Gateway or a waypoint."""
    mesh = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    listener = (
        mesh if klass == "istio-waypoint" else {"name": "http", "port": 80, "protocol": "HTTP"}
    )
    meta = {"name": name, "namespace": place}
    spec = {"gatewayClassName": klass, "listeners": [listener]}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gateway", "metadata": meta, "spec": spec}


async def label(mesh: TestMesh, **labels: str | None) -> None:
    """Labels namespace `bookinfo`."""
    named = {k.replace("__", ".io/").replace("_", "-"): v for k, v in labels.items()}
    await mesh.client.merge(NAMESPACES, "bookinfo", "", {"metadata": {"labels": named}})


async def test_ambient_marks_pods_and_takes_the_marks_away(mesh: TestMesh) -> None:
    """Application pods are marked, the gateway's pod is not; without the label the marks go."""
    await with_gateway(mesh)
    await mesh.go_ambient()
    await label(mesh, istio__dataplane_mode="ambient")

    async def marked() -> set[str]:
        pods = await mesh.pods("bookinfo")
        return {
            p["metadata"]["name"]
            for p in pods
            if p["metadata"].get("annotations", {}).get(REDIRECTION) == "enabled"
        }

    async def all_marked() -> bool:
        return len(await marked()) == 6

    async def none_marked() -> bool:
        return not await marked()

    await eventually(all_marked)
    assert not any(name.startswith(DEPLOYED) for name in await marked())
    await label(mesh, istio__dataplane_mode=None)
    assert await eventually(none_marked)


async def test_sidecars_are_not_redirected(mesh: TestMesh) -> None:
    """A pod that still has its sidecar is left out of ambient."""
    await mesh.bookinfo(istio_injection="enabled")
    await mesh.go_ambient()
    await label(mesh, istio__dataplane_mode="ambient")
    await asyncio.sleep(0.3)
    assert not any(REDIRECTION in p["metadata"]["annotations"] for p in await mesh.pods("bookinfo"))


async def test_a_new_istiod_takes_over_one_lease_after_the_old_one(mesh: TestMesh) -> None:
    """The class of waypoints is there at once, its status and a waypoint's only when the new istiod
    leads."""
    await with_gateway(mesh)
    await mesh.go_ambient()
    await mesh.client.create(gateway("waypoint", "istio-waypoint", "bookinfo"))
    assert await eventually(lambda: mesh.client.get(CLASSES, "istio-waypoint"))
    assert not await mesh.accepted("istio-waypoint")
    assert await mesh.condition(GATEWAYS, "waypoint", "Programmed") == ""
    await mesh.settles(GATEWAYS, "waypoint", "True:Programmed")
    assert await mesh.accepted("istio-waypoint")
    deployed = await mesh.get(DEPLOYMENTS, DEPLOYED, "bookinfo")
    assert deployed["metadata"]["labels"]["istio.io/dataplane-mode"] == "none"


async def test_without_pods_gateways_and_waypoints_stay_programmed(
    mesh: TestMesh, version: str
) -> None:
    """With their addresses, and Services stay bound (measured); only a new istiod sees that there
    is nothing behind them."""
    await with_gateway(mesh)
    await mesh.client.merge(
        GATEWAYS,
        GATEWAY,
        "bookinfo",
        {"metadata": {"annotations": {"networking.istio.io/service-type": "ClusterIP"}}},
    )
    await mesh.go_ambient()
    await mesh.client.create(gateway("waypoint", "istio-waypoint", "bookinfo"))
    await label(mesh, istio__dataplane_mode="ambient", istio__use_waypoint="waypoint")
    await mesh.settles(GATEWAYS, "waypoint", "True:Programmed")
    for name in (DEPLOYED, "waypoint"):
        await mesh.ready(name, "bookinfo")
        await mesh.client.merge(DEPLOYMENTS, name, "bookinfo", {"spec": {"replicas": 0}})

    async def are_gone() -> bool:
        pods = await mesh.pods("bookinfo")
        return not any("gateway.networking.k8s.io/gateway-name" in labels_of(p) for p in pods)

    await eventually(are_gone)
    # What changes beside them makes istiod look again.
    await mesh.client.merge(
        GATEWAYS, "waypoint", "bookinfo", {"metadata": {"labels": {"seen": "again"}}}
    )
    await asyncio.sleep(0.2)
    for name in (GATEWAY, "waypoint"):
        assert await mesh.condition(GATEWAYS, name, "Programmed") == "True:Programmed"
        assert (await mesh.get(GATEWAYS, name, "bookinfo"))["status"]["addresses"]
    if version == "1.30.3":
        assert await mesh.condition(SERVICES, "reviews", BOUND) == "True:WaypointAccepted"


async def test_routes_resolve_waypoints_under_ambient(mesh: TestMesh, version: str) -> None:
    """A third condition, in Istio 1.30 only."""
    await with_gateway(mesh)
    await mesh.go_ambient()

    async def told() -> bool:
        deployed = await mesh.get(DEPLOYMENTS, DEPLOYED, "bookinfo")
        return "istio.io/dataplane-mode" in deployed["metadata"]["labels"]

    await eventually(told)
    await asyncio.sleep(0.05)
    route = await mesh.get(ROUTES, "bookinfo", "bookinfo")
    kinds = [c["type"] for c in route["status"]["parents"][0]["conditions"]]
    assert kinds == ["Accepted", "ResolvedRefs"] + (
        ["ResolvedWaypoints"] if version == "1.30.3" else []
    )


async def test_the_1_23_istiod_falls_back_when_its_configuration_goes(
    mesh: TestMesh, version: str
) -> None:
    """As recorded at uninstall: without ConfigMap `istio` gateways are rolled once more in 1.23,
    not in 1.30."""
    await mesh.configure({"tracing": {"sampling": 100}})
    await with_gateway(mesh)
    await mesh.client.delete(MAPS, "istio", SYSTEM)
    await asyncio.sleep(0.2)
    found = await mesh.get(DEPLOYMENTS, DEPLOYED, "bookinfo")
    env = {
        e["name"]: e.get("value") for e in found["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert env["PROXY_CONFIG"] == (
        '{"tracing":{"sampling":100}}\n' if version == "1.30.3" else "{}\n"
    )
