"""The contract: what is computed for each proxy at each routing step is what a real istiod told it."""

from __future__ import annotations

import pytest

from sandbox.dataplane.objects.world import get_hostname
from sandbox.dataplane.routes.dump import dump_proxy_config

from . import recorded
from .stages import GATEWAY, STAGES, VERSIONS, WAYPOINT, sidecar, stage

ASKED = [(step, app) for step, (apps, _) in recorded.SIDECARS.items() for app in apps.split()]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("step", "app"), ASKED)
def test_sidecars_route_as_recorded(version: str, step: str, app: str) -> None:
    """Hosts, conditions, clusters, weights and faults of a sidecar's port 9080."""
    hosts = dump_proxy_config(stage(version, step), sidecar(app), 9080)["hosts"]
    computed = {
        recorded.short(name): recorded.compact(host["routes"]) for name, host in hosts.items()
    }
    assert computed == recorded.sidecar_hosts(step)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("step", "app"), ASKED)
def test_sidecars_have_the_recorded_clusters(version: str, step: str, app: str) -> None:
    """Subsets have clusters while their DestinationRule is there, with pods or without."""
    names = dump_proxy_config(stage(version, step), sidecar(app), 9080)["clusters"]
    assert sorted(recorded.short(n) for n in names if "|9080|" in n) == recorded.sidecar_clusters(
        step
    )
    assert any("|9080|" not in n for n in names), recorded.ALLOWED["other ports"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("step", recorded.SIDECARS)
def test_every_route_to_a_service_is_retried(version: str, step: str) -> None:
    """No time limit, and two retries by default."""
    hosts = dump_proxy_config(stage(version, step), sidecar("productpage"), 9080)["hosts"]
    routes = [r for name, host in hosts.items() if name != "allow_any" for r in host["routes"]]
    assert all((r["timeout"], r["retry_policy"]) == ("0s", recorded.RETRIES) for r in routes)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("app", recorded.APPS)
def test_a_host_answers_to_the_recorded_domains(version: str, app: str) -> None:
    """The final dot is new in 1.30; both answer to every shorter name."""
    world = stage(version, "plain")
    name = f"{get_hostname(world.services['bookinfo', app])}:9080"
    domains = dump_proxy_config(world, sidecar("productpage"), 9080)["hosts"][name]["domains"]
    assert tuple(domains[:4]) == tuple(d.format(app=app) for d in recorded.DOMAINS[version])
    assert f"{app}.bookinfo" in domains, recorded.ALLOWED["more domains"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("step", recorded.WAYPOINTS)
def test_waypoints_route_as_recorded(version: str, step: str) -> None:
    """A chain for each Service's port, with the rules of both kinds."""
    hosts = dump_proxy_config(stage(version, step), WAYPOINT, 0)["hosts"]
    unnamed = {name: [{**r, "name": ""} for r in host["routes"]] for name, host in hosts.items()}
    computed = {recorded.short(name): recorded.compact(routes) for name, routes in unnamed.items()}
    assert computed == recorded.waypoint_chains(version, step), recorded.ALLOWED[
        "a waypoint's own chains"
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("step", recorded.WAYPOINTS)
def test_waypoints_have_the_recorded_clusters(version: str, step: str) -> None:
    """Their subsets have the protocol in front, and the waypoint's own Service is not among them."""
    names = dump_proxy_config(stage(version, step), WAYPOINT, 0)["clusters"]
    assert sorted(recorded.short(n) for n in names) == recorded.waypoint_clusters(step)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("step", ["plain", "waypoint with virtualservices and fault"])
def test_the_gateway_routes_as_recorded(version: str, step: str) -> None:
    """Exact paths before prefixes, longer ones first; with a waypoint as without."""
    hosts = dump_proxy_config(stage(version, step), GATEWAY, 80)["hosts"]
    assert list(hosts) == ["*:80"]
    assert recorded.compact(hosts["*:80"]["routes"], named=False) == recorded.GATEWAY


def test_every_step_is_compared() -> None:
    """Twelve steps were recorded, and none of them is left out."""
    assert set(STAGES) == {*recorded.SIDECARS, *recorded.WAYPOINTS}
    assert len(STAGES) == 12
