"""`meshbot run` from its start to its first hello from Slack, and its memory ten seconds later,
beside bare Bolt.

Both are started again and again in turns as whole processes, in front of one embedded workspace.
meshbot's ledger is there from its first start on (that one is told apart), and its cluster's API
server is up. Its `istioctl` is asked for its version at each start: the embedded one is a Python
program, whose own time is printed as well, because the real one's differs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.stage import (
    Part,
    memory,
    part,
    program,
    quantile,
    settings,
    table,
    tokens,
    workspaces,
)
from sandbox.workspace import Workspace

IDLE = 10.0
"""Seconds from the hello to the look at the memory."""
Start = Callable[[], contextlib.AbstractAsyncContextManager[Part]]


@dataclass
class Figures:
    """Milliseconds to the hello, and MiB when idle."""

    hello: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    def row(self, name: str) -> tuple[str | float, ...]:
        """One line of the table."""
        return (
            name,
            quantile(self.hello, 0.5),
            max(self.hello),
            quantile(self.resident, 0.5),
            quantile(self.own, 0.5),
        )


@asynccontextmanager
async def meshbot(environment: dict[str, str]) -> AsyncIterator[Part]:
    """`meshbot run`, ended as Kubernetes would end it."""
    async with program(sys.executable, "-m", "bot", "run", **environment) as started:
        try:
            yield started
        finally:
            started.process.terminate()


async def one(workspace: Workspace, start: Start, figures: Figures, *, idle: float) -> None:
    """One start, the idle time, and the end."""
    began = time.perf_counter()
    async with start() as started:
        await asyncio.wait_for(workspace.connections.wait_for_count(), 60)
        figures.hello.append((time.perf_counter() - began) * 1000)
        if idle:
            await asyncio.sleep(idle)
            found = await asyncio.to_thread(memory, started.process.pid)
            figures.resident.append(found["all"])
            figures.own.append(found["own"])
    await asyncio.sleep(0.2)
    if workspace.connections.count:
        raise RuntimeError("an app that has ended still has a connection")


async def istioctl(release: str) -> float:
    """Milliseconds of what meshbot asks istioctl at its start."""
    began = time.perf_counter()
    command = (f"{release}/bin/istioctl", "version", "--remote=false", "-o", "json")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    await process.wait()
    return (time.perf_counter() - began) * 1000


async def measure(options: argparse.Namespace) -> tuple[dict[str, Figures], float]:
    """The figures of each app, and istioctl's time."""
    found = {name: Figures() for name in ("bare", "meshbot", "meshbot, first start")}
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clusters = await stack.enter_async_context(part("clusters", str(home)))
        told = await clusters.next()
        [workspace] = await stack.enter_async_context(workspaces(1))
        environment = settings(workspace, told["kubeconfigs"][0], told["release"], home / "state")

        def ours() -> contextlib.AbstractAsyncContextManager[Part]:
            return meshbot(environment)

        def bare() -> contextlib.AbstractAsyncContextManager[Part]:
            return part("bare", **tokens(workspace))

        await one(workspace, ours, found["meshbot, first start"], idle=IDLE)
        for turn in range(options.turns):
            idle = IDLE if turn == options.turns - 1 else 0.0
            await one(workspace, bare, found["bare"], idle=idle)
            await one(workspace, ours, found["meshbot"], idle=idle)
        return found, await istioctl(told["release"])


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=7, help="starts of each (default 7)")
    found, asked = asyncio.run(measure(parser.parse_args()))
    head = ("", "hello ms p50", "max", "MiB idle", "of that own")
    table(head, [figures.row(name) for name, figures in found.items()])
    ours, bare = found["meshbot"], found["bare"]
    started = quantile(ours.hello, 0.5) / quantile(bare.hello, 0.5)
    print(f"ratio: start {started:.2f}, memory {ours.resident[0] / bare.resident[0]:.2f}")
    print(f"of meshbot's start, the embedded istioctl's version took {asked:.0f} ms")
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
