"""What istiod told proxies at the workshop's twelve routing steps: virtual hosts, chains, routes and
clusters as recorded over ADS, beside those that are computed from the same objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.truth.compared import Case, Discrepancy
from sandbox.dataplane.admin.listener_configs import list_gateway_listeners
from sandbox.dataplane.admin.proxy_view import ProxyView
from sandbox.dataplane.admin.route_configs import build_connect_config, list_waypoint_routes
from sandbox.dataplane.engine.mesh_state import MeshState
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import World
from sandbox.dataplane.routes.dump import dump_proxy_config
from tests.sandbox.dataplane.routes.stages import GATEWAY, WAYPOINT, sidecar, stage

_FAULT, _MILLION = "envoy.filters.http.fault", 10_000
_Pairs = Iterator[tuple[str, Any, Any]]


def compare_xds(recordings: Path, release: str) -> list[Case]:
    """Return a case for each proxy that was asked at each step; none without recordings."""
    found = []
    for path in sorted((recordings / "xds" / release).glob("*.json")):
        recorded = json.loads(path.read_text(encoding="utf-8"))
        world = stage(release, recorded["stage"])
        for proxy, told in recorded.items():
            if proxy != "stage":
                case = Case("xds", release, f"{recorded['stage']}: {proxy}")
                case.found.extend(_compare_proxy(world, proxy, told))
                found.append(case)
    return found


def _compare_proxy(world: World, proxy: str, told: Any) -> Iterator[Discrepancy]:
    compared = {"gateway": _compare_gateway, "waypoint": _compare_waypoint}
    for where, recorded, found in compared.get(proxy, _compare_sidecar)(world, proxy, told):
        if recorded != found:
            yield Discrepancy(where, recorded, found)


def _compare_sidecar(world: World, proxy: str, told: Any) -> _Pairs:
    dumped = dump_proxy_config(world, sidecar(proxy), 9080)
    hosts = dumped["hosts"]
    for name in sorted({*told["routes_9080"], *hosts}):
        recorded, own = told["routes_9080"].get(name), hosts.get(name)
        # Four domains were written down of each host.
        yield f"domains of {name}", recorded and recorded["domains"], own and own["domains"][:4]
        yield (
            f"routes of {name}",
            recorded and [_tidy_recorded(route) for route in recorded["routes"]],
            own and [_tidy_own(route) for route in own["routes"]],
        )
    # Only clusters on port 9080 were written down.
    yield "clusters", sorted(told["clusters"]), [c for c in dumped["clusters"] if "|9080|" in c]


def _compare_waypoint(world: World, _proxy: str, told: Any) -> _Pairs:
    dumped = dump_proxy_config(world, WAYPOINT, 0)
    chains, hosts = told["http_chains"], dumped["hosts"]
    computed = {
        **{name: [_tidy_chain(route) for route in host["routes"]] for name, host in hosts.items()},
        **_list_own_chains(world),
    }
    for name in sorted({*chains, *computed}):
        recorded = chains.get(name)
        yield (
            f"chain {name}",
            recorded and [_tidy_recorded(route) for route in recorded],
            computed.get(name),
        )
    yield "clusters", sorted(told["clusters"]), dumped["clusters"]


def _list_own_chains(world: World) -> dict[str, Any]:
    """Return the chains that lead to no Service: the end of tunnels, and the addresses of pods."""
    view = _view_proxy(world, WAYPOINT)
    configs = {
        "default": build_connect_config(),
        "direct-http": list_waypoint_routes(view)["direct-http"],
    }
    return {
        name: [
            {"match": route["match"], "cluster": route["route"]["cluster"]}
            for route in config["virtual_hosts"][0]["routes"]
        ]
        for name, config in configs.items()
    }


def _view_proxy(world: World, proxy: Proxy) -> ProxyView:
    """Return a proxy's view of a step; those of the ambient profile can open tunnels."""
    workload = Workload(
        uid="",
        namespace=proxy.namespace,
        pod=proxy.name,
        node="",
        address="",
        name=proxy.name,
        labels={},
        proxy=proxy,
        hbone=bool(world.list_served_services(WAYPOINT)),
    )
    return ProxyView(state=MeshState(live=world, pushed=world), workload=workload, proxy=proxy)


def _compare_gateway(world: World, _proxy: str, told: Any) -> _Pairs:
    hosts = dump_proxy_config(world, GATEWAY, 80)["hosts"]
    recorded = told["routes"]["http.80"]
    for name in sorted({*recorded, *hosts}):
        own = [
            {**route["match"], "→": route["cluster"]}
            for route in hosts.get(name, {"routes": []})["routes"]
        ]
        yield f"routes of {name}", recorded.get(name), own
    listeners = [each["name"] for each in list_gateway_listeners(_view_proxy(world, GATEWAY))]
    yield "listeners", sorted(told["listeners"]), sorted(listeners)


def _tidy_recorded(route: Any) -> Any:
    """Return a recorded route with its fault as the sandbox tells it, in per cent."""
    tidy = {key: value for key, value in route.items() if key != "filters"}
    fault = (route.get("filters") or {}).get(_FAULT)
    if fault:
        tidy["fault"] = {
            kind: {**told, "percentage": told["percentage"]["numerator"] / _MILLION}
            for kind, told in fault.items()
            if kind in ("abort", "delay")
        }
    return tidy


def _tidy_own(route: Any) -> Any:
    return {key: value for key, value in route.items() if key != "direct_response" or value}


def _tidy_chain(route: Any) -> Any:
    """Return a waypoint's route with what was written down of it: match, clusters and fault."""
    kept = ("match", "cluster", "weighted", "fault")
    return {key: value for key, value in route.items() if key in kept}
