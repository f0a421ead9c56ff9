"""One API server with as many Bookinfo namespaces as asked for, sidecars and all, and nothing else
going on in it.

One namespace is made in earnest, by an embedded cluster with Istio in it, and then copied under
other names into an API server without controllers. Asked `{"namespaces": N}` it grows and answers
with N and its pods; asked `{"requests": true}` it answers how many requests it has had.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import uuid
from pathlib import Path
from typing import Any

import yaml

from benchmarks.parts.clusters import ISTIO, is_ready
from benchmarks.parts.lines import tell, told
from sandbox.clock import Clock
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.faults import ApiFault
from sandbox.cluster.server import ApiServer
from sandbox.istio.programs import create_programs
from sandbox.istio.release_directory import ReleaseDirectory, write_release

MODEL = "bookinfo"
SPEED = 50.0
CRDS = Ref("apiextensions.k8s.io", "customresourcedefinitions")
MANY = 10**9
BUSY = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "finalizers")


async def modelled(home: Path, release: ReleaseDirectory) -> list[tuple[Ref, Object]]:
    """Every object of a cluster with Istio and one ready Bookinfo, CRDs first."""
    clock = Clock(SPEED)
    cluster = EmbeddedCluster(clock, programs=create_programs(clock))
    await cluster.start()
    try:
        kubeconfig = cluster.write_kubeconfig(home / "kubeconfig-model")
        install = (sys.executable, release.istioctl, "install", "-y", f"--kubeconfig={kubeconfig}")
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*install, stdout=quiet, stderr=quiet)
        if await process.wait():
            raise RuntimeError("the model's Istio could not be installed")
        await deploy(
            cluster, release.home / "samples" / "bookinfo" / "platform" / "kube" / "bookinfo.yaml"
        )
        store, kinds = cluster.server.store, cluster.server.kinds
        stored = dict.fromkeys([CRDS, *(kind.stored for kind in kinds)])
        return [(ref, record.obj) for ref in stored for record in store.iterate_records(ref)]
    finally:
        await cluster.stop()


async def deploy(cluster: EmbeddedCluster, manifest: Path) -> None:
    """Bookinfo in the model's namespace, with sidecars; returns when its pods are ready."""
    client = cluster.client("benchmark")
    labels = {"istio-injection": "enabled"}
    await client.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MODEL, "labels": labels}}
    )
    text = await asyncio.to_thread(manifest.read_text)
    for obj in yaml.load_all(text, yaml.CSafeLoader):
        await client.create({**obj, "metadata": {**obj["metadata"], "namespace": MODEL}})
    async with asyncio.timeout(60):
        while True:
            pods = await client.list(Ref("", "pods"), MODEL)
            if len(pods) == 6 and all(map(is_ready, pods)):
                return
            await asyncio.sleep(0.05)


class Crowd:
    """The server, and what one namespace more is copied from."""

    def __init__(self) -> None:
        self.server = ApiServer(Clock())
        self.counter = self.server.faults.add(ApiFault("slow", times=MANY, seconds=0))
        self.namespaces, self._model = 1, list[tuple[Ref, Object]]()

    async def furnish(self, objects: list[tuple[Ref, Object]]) -> None:
        """Takes over the model cluster, its types first."""
        for ref, obj in objects:
            if ref == CRDS:
                bare = {key: value for key, value in obj["metadata"].items() if key not in BUSY}
                await self.server.client("benchmark").create({**obj, "metadata": bare})
            else:
                self.server.store.put(ref, obj)
            place = obj["metadata"].get("namespace") or (
                obj["metadata"]["name"] if ref.plural == "namespaces" else ""
            )
            if place == MODEL:
                self._model.append((ref, obj))

    async def grow(self, namespaces: int) -> None:
        """Copies the model until there are so many namespaces."""
        while self.namespaces < namespaces:
            self.namespaces += 1
            name = f"team-{self.namespaces:04}"
            for ref, obj in self._model:
                self.server.store.put(ref, copied(obj, name))
            await asyncio.sleep(0)
        gc.collect()
        gc.freeze()

    def pods(self) -> int:
        """All pods of the cluster."""
        return sum(1 for _ in self.server.store.iterate_records(Ref("", "pods")))


def copied(obj: Object, namespace: str) -> Object:
    """The same object elsewhere; what does not name its place is shared."""
    metadata: dict[str, Any] = {**obj["metadata"], "uid": str(uuid.uuid4())}
    if "namespace" in metadata:
        return {**obj, "metadata": {**metadata, "namespace": namespace}}
    return {**obj, "metadata": {**metadata, "name": namespace}}


async def main(home: Path) -> None:
    """Serves until standard input ends."""
    release = await asyncio.to_thread(write_release, home / f"istio-{ISTIO}", ISTIO, speed=SPEED)
    crowd = Crowd()
    await crowd.server.start()
    await crowd.furnish(await modelled(home, release))
    kubeconfig = home / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(crowd.server.build_kubeconfig()))
    tell(
        {
            "kubeconfig": str(kubeconfig),
            "url": crowd.server.url,
            "token": crowd.server.token,
            "release": str(release.home),
        }
    )
    async for asked in told():
        if "namespaces" in asked:
            await crowd.grow(asked["namespaces"])
        tell(
            {
                "namespaces": crowd.namespaces,
                "pods": crowd.pods(),
                "requests": MANY - (crowd.counter.times or 0),
            }
        )
    await crowd.server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    asyncio.run(main(parser.parse_args().home))
