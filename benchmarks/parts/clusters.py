"""Embedded clusters in one process. Tells their kubeconfigs and the release, and then each pod's
first Ready."""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.parts.lines import tell, until_told
from sandbox.clock import Clock
from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.programs import create_programs
from sandbox.istio.release_directory import write_release

PODS = Ref("", "pods")
ISTIO = "1.30.3"


def is_ready(pod: Object) -> bool:
    """What the kubelet wrote last."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def watch(cluster: EmbeddedCluster, number: int) -> None:
    """Tells when a pod becomes Ready, by the clock that all processes of a machine share
    (CLOCK_MONOTONIC)."""
    known: set[str] = set()
    async for event in cluster.client("benchmark").watch(PODS):
        at, pod = time.monotonic(), event.object
        if is_ready(pod) and (uid := pod["metadata"]["uid"]) not in known:
            known.add(uid)
            tell({"cluster": number, "pod": pod["metadata"]["name"], "at": at})


async def main(options: argparse.Namespace) -> None:
    """Serves until standard input ends."""
    home = Path(options.home)
    async with AsyncExitStack() as stack:
        watching, kubeconfigs = [], []
        for number in range(options.count):
            clock = Clock(options.speed)
            cluster = EmbeddedCluster(clock, programs=create_programs(clock))
            await cluster.start()
            stack.push_async_callback(cluster.stop)
            cluster.slow_image_pulls(options.pull)
            kubeconfigs.append(str(cluster.write_kubeconfig(home / f"kubeconfig-{number}")))
            watching.append(asyncio.create_task(watch(cluster, number)))
        release = await asyncio.to_thread(
            write_release, home / f"istio-{ISTIO}", ISTIO, speed=options.speed
        )
        gc.freeze()
        tell({"kubeconfigs": kubeconfigs, "release": str(release.home)})
        await until_told()
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument(
        "--pull", type=float, default=None, help="simulated seconds that each image takes"
    )
    asyncio.run(main(parser.parse_args()))
