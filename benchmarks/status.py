"""`/mesh status` in a cluster with 5 and with 500 Bookinfo namespaces: requests to the API server,
and milliseconds.

The time runs from the command that someone types to the answer in the workspace, through Slack's
wire and back. The peers read the same server: `kubectl get pods -A -o json`, the whole process from
start to exit, and the same list fetched raw over one open connection and parsed. Server, bot and
kubectl each have a process of their own; the server has counted the requests. Each is done in
turns, after one that is not counted.

With `--kubeconfig` and `--istio-home` a cluster that is there already is read as it stands, beside
kubectl alone, and nobody counts requests: `--app` names its Bookinfo namespace.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.stage import Part, part, quantile, settings, table, workspaces
from sandbox.workspace import DEFAULT_CHANNEL, Workspace

SIZES = (5, 500)
Way = Callable[[], Awaitable[None]]


@dataclass
class Figures:
    """One way to learn it: milliseconds of each turn, and requests in one."""

    times: list[float] = field(default_factory=list)
    requests: int = 0


async def status(workspace: Workspace) -> None:
    """Someone types it, and waits for the answer."""
    with workspace.watch_changes() as changes:
        typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh status")
        if not typed.is_acked:
            raise RuntimeError(f"not acknowledged: {typed.error}")
        async for change in changes:
            if change.message is not None and change.message.ephemeral_to:
                assert "steps are in place" in change.message.text, change.message.text
                return


async def kubectl(kubeconfig: str) -> None:
    """The whole process; what it prints goes nowhere."""
    command = ("kubectl", "--kubeconfig", kubeconfig, "get", "pods", "-A", "-o", "json")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait():
        raise RuntimeError("kubectl failed")


async def raw(session: aiohttp.ClientSession, url: str) -> None:
    """Every pod in one list, read to the end and parsed."""
    async with session.get(f"{url}/api/v1/pods") as response:
        json.loads(await response.read())


async def compare(ways: dict[str, Way], crowd: Part | None, turns: int) -> dict[str, Figures]:
    """All ways in turns, each alone."""
    found = {name: Figures() for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            before = await requests(crowd)
            began = time.perf_counter()
            await way()
            took = (time.perf_counter() - began) * 1000
            found[name].requests = await requests(crowd) - before
            if turn:
                found[name].times.append(took)
    return found


async def requests(crowd: Part | None) -> int:
    """How many the server has had; 0 of one that does not count."""
    if crowd is None:
        return 0
    crowd.ask({"requests": True})
    return int((await crowd.next())["requests"])


async def measure_own(options: argparse.Namespace) -> dict[int, dict[str, Figures]]:
    """The figures of a cluster that is there already."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        [workspace] = await stack.enter_async_context(workspaces(1))
        environment = settings(workspace, options.kubeconfig, options.istio_home, home)
        environment["MESHBOT_WORKSHOP__APP_NAMESPACE"] = options.app
        bots = await stack.enter_async_context(
            part("bots", BENCH_SETTINGS=json.dumps([environment]))
        )
        await bots.next()
        ways: dict[str, Way] = {
            "meshbot": lambda: status(workspace),
            "kubectl": lambda: kubectl(options.kubeconfig),
        }
        return {0: await compare(ways, None, options.turns)}


async def measure(turns: int) -> dict[int, dict[str, Figures]]:
    """The figures of each size."""
    found = {}
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        crowd = await stack.enter_async_context(part("crowd", str(home)))
        told = await crowd.next()
        [workspace] = await stack.enter_async_context(workspaces(1))
        environment = settings(workspace, told["kubeconfig"], told["release"], home)
        bots = await stack.enter_async_context(
            part("bots", BENCH_SETTINGS=json.dumps([environment]))
        )
        await bots.next()
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {told['token']}"})
        )
        ways: dict[str, Way] = {
            "meshbot": lambda: status(workspace),
            "kubectl": lambda: kubectl(told["kubeconfig"]),
            "raw list": lambda: raw(session, told["url"]),
        }
        gc.freeze()
        for size in SIZES:
            crowd.ask({"namespaces": size})
            pods = (await crowd.next())["pods"]
            print(f"{size} namespaces, {pods} pods", file=sys.stderr)
            found[size] = await compare(ways, crowd, turns)
    return found


def main() -> int:
    """Prints the table; 0 when the targets are met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--turns", type=int, default=7, help="times that each is done and counted (default 7)"
    )
    parser.add_argument("--kubeconfig", default="", help="read this cluster instead, as it stands")
    parser.add_argument("--istio-home", default="", help="the Istio release of that cluster")
    parser.add_argument("--app", default="bookinfo", help="the Bookinfo namespace of that cluster")
    options = parser.parse_args()
    found = asyncio.run(measure_own(options) if options.kubeconfig else measure(options.turns))
    return report(found)


def report(found: dict[int, dict[str, Figures]]) -> int:
    """Prints the table; 0 when the targets are met."""
    rows = [
        (
            f"{name}, {size or '?'} namespaces",
            quantile(one.times, 0.5),
            max(one.times),
            str(one.requests or "?"),
        )
        for size, ways in found.items()
        for name, one in ways.items()
    ]
    table(("milliseconds", "p50", "max", "requests"), rows)
    for size, ways in found.items():
        ours = quantile(ways["meshbot"].times, 0.5)
        ratios = [
            f"{ours / quantile(one.times, 0.5):.3f} of {name}'s"
            for name, one in ways.items()
            if name != "meshbot"
        ]
        print(f"{size or '?'} namespaces: p50 is {', '.join(ratios)} (target: at most kubectl's)")
    counts = [ways["meshbot"].requests for ways in found.values()]
    swift = all(
        quantile(f["meshbot"].times, 0.5) <= quantile(f["kubectl"].times, 0.5)
        for f in found.values()
    )
    return 0 if swift and counts[-1] <= counts[0] else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
