"""Waypoints where there is no mesh to carry them out."""

from __future__ import annotations

import pytest

from sandbox.cluster.contract import Object
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.components.gateway_api import GROUP, build_standard_channel
from tests.sandbox.istio.ctl.conftest import Istioctl


@pytest.fixture
async def gateways(cluster: EmbeddedCluster) -> EmbeddedCluster:
    """A cluster with the Gateway API and one ordinary Gateway in the namespace default."""
    client = cluster.client("test")
    for obj in build_standard_channel("v1.1.0"):
        await client.create(obj)
    await client.create(gateway("shopfront", "istio"))
    return cluster


def gateway(name: str, of_class: str) -> Object:
    """A Gateway of that class."""
    spec = {
        "gatewayClassName": of_class,
        "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
    }
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


async def test_definitions_must_be_there_first(istioctl: Istioctl) -> None:
    """Without the Gateway API the error says what is missing."""
    outcome = await istioctl("waypoint", "apply", "-n", "default")
    assert outcome.code == 1
    assert outcome.err.startswith(
        "Error: missing Kubernetes Gateway CRDs need to be installed before applying a waypoint: "
    )


async def test_waiting_for_a_waypoint_ends(gateways: EmbeddedCluster, istioctl: Istioctl) -> None:
    """Nobody programs it, so the wait ends with its time and an error."""
    outcome = await istioctl(
        "waypoint", "apply", "-n", "default", "--wait", "--waypoint-timeout", "4s"
    )
    assert outcome.code == 1
    assert "✅ waypoint default/waypoint applied\n" in outcome.out
    assert outcome.err == "Error: timed out while waiting for waypoint\tdefault/waypoint\n"


@pytest.mark.parametrize(("version", "others"), [("1.30.3", "not found"), ("1.23.2", "deleted")])
async def test_deleting_by_name_looks_at_the_class_only_since_1_24(
    gateways: EmbeddedCluster, istioctl: Istioctl, version: str, others: str
) -> None:
    """1.23.2 deletes any Gateway of that name."""
    outcome = await istioctl("waypoint", "delete", "shopfront", "-n", "default", version=version)
    assert outcome.out == f"waypoint default/shopfront {others}\n"


async def test_an_unknown_traffic_type_is_refused(
    gateways: EmbeddedCluster, istioctl: Istioctl
) -> None:
    """Only the four known types are taken."""
    outcome = await istioctl("waypoint", "apply", "-n", "default", "--for", "everything")
    assert (
        "invalid traffic type: everything. Valid options are: [all none service workload]"
        in outcome.err
    )


async def test_ordinary_gateways_are_not_listed(
    gateways: EmbeddedCluster, istioctl: Istioctl
) -> None:
    """The list holds waypoints only; their revision and traffic type have defaults."""
    await istioctl("waypoint", "apply", "-n", "default")
    outcome = await istioctl("waypoint", "list", "-n", "default")
    assert (
        outcome.out
        == "NAME         REVISION     TRAFFIC TYPE     PROGRAMMED\nwaypoint     default      none  "
        "           Unknown\n"
    )
