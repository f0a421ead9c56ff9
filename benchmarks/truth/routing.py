"""Routing cases: each is applied to the sandbox as a person would apply it; what the API server
answers and what proxies are told are compared with what a real control plane said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from benchmarks.truth.compared import Case, Discrepancy
from benchmarks.truth.short_form import shorten_route, sort_queries
from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import FOLLOWED, World
from sandbox.dataplane.routes.route_model import VirtualHost
from sandbox.dataplane.routes.virtual_hosts import get_gateway_hosts, list_sidecar_hosts
from sandbox.istio.release_directory import write_release
from sandbox.programs import create_programs

Hosts = dict[str, dict[str, Any]]
"""Of each proxy, routes in the short form by `port virtual-host`."""
SPEED = 100.0
CLIENT = Proxy("sidecar", "other", labels=frozenset({("app", "client")}))
SIDECARS = {
    "productpage": ("bookinfo", {"app": "productpage", "version": "v1"}, (80, 9080)),
    "reviews": ("bookinfo", {"app": "reviews", "version": "v2"}, (9080,)),
    "client": ("other", {"app": "client"}, (9080,)),
}
"""The proxies that were asked, and the ports whose routes were recorded."""
_STAGE = r"""
istioctl install -y --set profile=default
kubectl get crd gateways.gateway.networking.k8s.io 2>/dev/null ||
  kubectl apply -f "$ISTIO_HOME/gateway-api/standard-install.yaml"
kubectl create namespace bookinfo
kubectl create namespace other
kubectl label namespace bookinfo other istio-injection=enabled
kubectl apply -n bookinfo -f "$ISTIO_HOME/samples/bookinfo/platform/kube/bookinfo.yaml"
kubectl apply -n bookinfo -f "$ISTIO_HOME/samples/bookinfo/platform/kube/bookinfo-versions.yaml"
kubectl apply -n bookinfo -f "$ISTIO_HOME/samples/bookinfo/gateway-api/bookinfo-gateway.yaml"
kubectl annotate -n bookinfo gateway bookinfo-gateway \
  networking.istio.io/service-type=ClusterIP
kubectl apply -f - <<'RULE'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
  - {name: v3, labels: {version: v3}}
RULE
kubectl wait -n bookinfo gateway/bookinfo-gateway --for=condition=Programmed --timeout=60s
"""


class RoutingStage:
    """A sandbox cluster of one release, with Bookinfo and the objects that all cases begin with."""

    def __init__(self, cluster: EmbeddedCluster, release: str, home: Path) -> None:
        self._cluster, self._release, self._home = cluster, release, home

    async def run_shell(self, script: str, directory: Path | None = None) -> tuple[int, str, str]:
        """Run a script with the cluster's kubeconfig; return exit code and both outputs."""
        place = self._home / f"istio-{self._release}"
        program = await asyncio.create_subprocess_exec(
            *("bash", "-c", script),
            cwd=directory,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
                "HOME": str(self._home),
                "KUBECONFIG": str(self._home / "kubeconfig"),
                "ISTIO_HOME": str(place),
            },
        )
        wrote, failed = await program.communicate()
        return program.returncode or 0, wrote.decode(), failed.decode()

    async def read_hosts(self) -> Hosts:
        """Return what the recorded proxies are told now."""
        client = self._cluster.client("benchmark")
        fields: dict[str, Any] = {}
        for field, ref in FOLLOWED.items():
            with contextlib.suppress(Exception):  # a kind whose CRD is not installed
                fields[field] = {
                    (o["metadata"].get("namespace", ""), o["metadata"]["name"]): o
                    for o in await client.list(ref)
                }
        world = World(version=self._release, **fields)
        found = {name: dict(_list_sidecar(world, name)) for name in SIDECARS}
        ingress = Proxy(
            "gateway",
            "istio-system",
            "istio-ingressgateway",
            labels=frozenset({("istio", "ingressgateway"), ("app", "istio-ingressgateway")}),
        )
        gateway = Proxy("gateway", "bookinfo", "bookinfo-gateway")
        found["gateway"] = dict(_list_gateway(world, gateway, 80))
        found["ingress"] = dict(_list_gateway(world, ingress, 8080))
        return found


def _list_sidecar(world: World, name: str) -> Iterator[tuple[str, Any]]:
    namespace, labels, ports = SIDECARS[name]
    proxy = Proxy("sidecar", namespace, labels=frozenset(labels.items()))
    for port in ports:
        for host in list_sidecar_hosts(world, proxy, port):
            yield f"{port} {host.name}", _shorten_host(host)


def _list_gateway(world: World, proxy: Proxy, port: int) -> Iterator[tuple[str, Any]]:
    for host in get_gateway_hosts(world, proxy, port) or []:
        if host.routes:
            yield f"http.{port} {host.name}", _shorten_host(host)


def _shorten_host(host: VirtualHost) -> list[Any]:
    return [shorten_route(route) for route in host.routes]


@contextlib.asynccontextmanager
async def open_stage(home: Path, release: str) -> AsyncIterator[RoutingStage]:
    """Start a cluster and bring it to where the cases begin; it ends with the context."""
    clock = Clock(SPEED)
    cluster = EmbeddedCluster(clock, programs=create_programs(clock))
    await cluster.start()
    try:
        place = home / f"istio-{release}"
        if not place.exists():
            await asyncio.to_thread(write_release, place, release, speed=SPEED)
        cluster.write_kubeconfig(home / "kubeconfig")
        stage = RoutingStage(cluster, release, home)
        code, _, failed = await stage.run_shell(f"set -e\n{_STAGE}")
        if code:
            raise RuntimeError(f"the stage could not be set: {failed}")
        yield stage
    finally:
        await cluster.stop()


async def compare_routing(recordings: Path, release: str, home: Path, only: str = "") -> list[Case]:
    """Return a case for each recording, and one for the routes without any; none without
    recordings."""
    path = recordings / "routing" / f"{release}.json"
    if not path.exists():
        return []
    recorded = json.loads(path.read_text(encoding="utf-8"))
    chosen = {name: case for name, case in recorded["cases"].items() if only in name}
    async with open_stage(home, release) as stage:
        plain = await stage.read_hosts()
        found = [Case("routing", release, "plain", list(_compare_hosts(recorded["plain"], plain)))]
        for name, case in chosen.items():
            differences = [d async for d in _play_case(stage, recordings, name, case, plain)]
            found.append(Case("routing", release, name, differences))
    return found


async def _play_case(
    stage: RoutingStage, recordings: Path, name: str, case: Any, plain: Hosts
) -> AsyncIterator[Discrepancy]:
    directory = recordings / "routing" / "cases"
    code, _, failed = await stage.run_shell(f"kubectl apply -f {name}.yaml", directory)
    try:
        for where, recorded, said in (
            ("exit code", case["apply"]["rc"], code),
            ("words", case["apply"]["stderr"].strip(), failed.strip()),
        ):
            if recorded != said:
                yield Discrepancy(where, recorded, said)
        hosts = await stage.read_hosts()
        changed = {
            proxy: {
                key: of.get(key)
                for key in {**of, **plain[proxy]}
                if of.get(key) != plain[proxy].get(key)
            }
            for proxy, of in hosts.items()
        }
        for difference in _compare_hosts(case.get("proxies") or {}, changed):
            yield difference
    finally:
        await stage.run_shell(f"kubectl delete --ignore-not-found -f {name}.yaml", directory)


def _compare_hosts(recorded: Hosts, found: Hosts) -> Iterator[Discrepancy]:
    for proxy in found:
        said, told = recorded.get(proxy) or {}, found[proxy]
        for key in sorted({*said, *told}):
            if sort_queries(said.get(key)) != told.get(key):
                yield Discrepancy(f"{proxy} {key}", said.get(key), told.get(key))
