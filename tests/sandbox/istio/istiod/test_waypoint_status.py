"""Which waypoints serve whom, by the statuses of Services."""

from __future__ import annotations

import pytest

from .mesh import (
    CLASSES,
    GATEWAYS,
    SERVICES,
    TestMesh,
    eventually,
    managers,
)
from .test_gateways import BOUND, gateway, label

pytestmark = pytest.mark.long


async def test_services_say_which_waypoint_they_use(mesh: TestMesh, version: str) -> None:
    """Istio 1.30 tells at once that the waypoint is not ready, then that it is; 1.23 says nothing."""
    await mesh.gateway_api()
    await mesh.bookinfo()
    await mesh.go_ambient()
    await mesh.client.create(gateway("waypoint", "istio-waypoint", "bookinfo"))
    await label(mesh, istio__dataplane_mode="ambient", istio__use_waypoint="waypoint")
    await mesh.settles(GATEWAYS, "waypoint", "True:Programmed")
    if version == "1.23.2":
        assert await mesh.condition(SERVICES, "reviews", BOUND) == ""
        return
    await mesh.settles(SERVICES, "reviews", "True:WaypointAccepted", BOUND)
    assert "istio-ambient-service:Apply/status" in managers(
        await mesh.get(SERVICES, "reviews", "bookinfo")
    )
    assert await mesh.condition(SERVICES, "waypoint", BOUND) == ""
    await mesh.client.delete(GATEWAYS, "waypoint", "bookinfo")
    await mesh.settles(SERVICES, "reviews", "False:WaypointIsNotReady", BOUND)
    await label(mesh, istio__use_waypoint=None)
    await mesh.settles(SERVICES, "reviews", "", BOUND)
    assert "istio-ambient-service:Apply/status" not in managers(
        await mesh.get(SERVICES, "reviews", "bookinfo")
    )


async def test_a_waypoint_is_for_what_its_label_says(mesh: TestMesh, version: str) -> None:
    """Services are not bound to one for workloads or nothing; the class may say it for all of its
    waypoints, and a Gateway's own label goes before that."""
    await mesh.gateway_api()
    await mesh.bookinfo()
    await mesh.go_ambient()
    await mesh.client.create(gateway("waypoint", "istio-waypoint", "bookinfo"))
    await label(mesh, istio__dataplane_mode="ambient", istio__use_waypoint="waypoint")
    await mesh.settles(GATEWAYS, "waypoint", "True:Programmed")
    if version == "1.23.2":
        return
    refused, bound = "False:UnsupportedTrafficType", "True:WaypointAccepted"
    for kind, expected in (("workload", refused), ("all", bound), ("none", refused)):
        told = {"metadata": {"labels": {"istio.io/waypoint-for": kind}}}
        await mesh.client.merge(GATEWAYS, "waypoint", "bookinfo", told)
        await mesh.settles(SERVICES, "reviews", expected, BOUND)
    conditions = (await mesh.get(SERVICES, "reviews", "bookinfo"))["status"]["conditions"]
    assert conditions[0]["message"] == (
        'attempting to bind to traffic type "service" which the waypoint "bookinfo/waypoint" does '
        "not support"
    )
    untold = {"metadata": {"labels": {"istio.io/waypoint-for": None}}}
    await mesh.client.merge(GATEWAYS, "waypoint", "bookinfo", untold)
    await mesh.settles(SERVICES, "reviews", bound, BOUND)
    of_class = {"metadata": {"labels": {"istio.io/waypoint-for": "workload"}}}
    await mesh.client.merge(CLASSES, "istio-waypoint", "", of_class)
    await mesh.settles(SERVICES, "reviews", refused, BOUND)


async def test_a_waypoint_takes_services_of_namespaces_that_it_admits(
    mesh: TestMesh, version: str
) -> None:
    """One of another namespace that takes its own alone is refused; with `All` they are bound."""
    await mesh.gateway_api()
    await mesh.bookinfo()
    await mesh.go_ambient()
    await mesh.client.create(gateway("waypoint", "istio-waypoint"))
    await label(mesh, istio__use_waypoint="waypoint", istio__use_waypoint_namespace="default")

    async def is_programmed() -> bool:
        found = await mesh.get(GATEWAYS, "waypoint", "default")
        return bool((found.get("status") or {}).get("addresses"))

    await eventually(is_programmed)
    if version == "1.23.2":
        return
    await mesh.settles(SERVICES, "reviews", "False:AttachmentDenied", BOUND)
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    for_all = [{**listener, "allowedRoutes": {"namespaces": {"from": "All"}}}]
    await mesh.client.merge(GATEWAYS, "waypoint", "default", {"spec": {"listeners": for_all}})
    await mesh.settles(SERVICES, "reviews", "True:WaypointAccepted", BOUND)
