"""What every benchmark needs: parts in processes of their own, workspaces to type in, and tables of
figures."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.cli.sandbox import read_installed_app
from sandbox.script import parse_line
from sandbox.script_player import ScriptPlayer
from sandbox.workspace import Workspace

Said = dict[str, Any]


@dataclass
class Part:
    """A process that tells JSON lines; `said` collects them."""

    process: asyncio.subprocess.Process
    said: list[Said] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def collect(self) -> None:
        """Takes in lines until the process ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(json.loads(line))
            self.news.set()
        self.news.set()

    async def next(self, seconds: float = 60.0) -> Said:
        """The newest line, once one has come since the last call; RuntimeError when the process has
        ended."""
        await asyncio.wait_for(self.news.wait(), seconds)
        if self.process.stdout is None or self.process.stdout.at_eof():
            raise RuntimeError("a part of the benchmark has ended by itself; see above")
        self.news.clear()
        return self.said[-1]

    def ask(self, said: Said) -> None:
        """Sends it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(said).encode() + b"\n")


@asynccontextmanager
async def part(name: str, *arguments: str, **environment: str) -> AsyncIterator[Part]:
    """A module of `benchmarks.parts` in a process of its own; it ends with the context."""
    async with program(
        sys.executable, "-m", f"benchmarks.parts.{name}", *arguments, **environment
    ) as started:
        yield started


@asynccontextmanager
async def program(*command: str, **environment: str) -> AsyncIterator[Part]:
    """A program without proxies, tokens or settings from our environment."""
    hidden = ("PROXY", "SLACK", "MESHBOT", "KUBE")
    clean = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in hidden)
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, env={**clean, **environment}
    )
    started = Part(process)
    collecting = asyncio.create_task(started.collect())
    try:
        yield started
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()
            await process.wait()
        await collecting


def tokens(workspace: Workspace) -> dict[str, str]:
    """What the bare app is told."""
    return {
        "BENCH_URL": workspace.api_url,
        "BENCH_BOT": workspace.bot_token,
        "BENCH_APP": workspace.app_token,
    }


def settings(workspace: Workspace, kubeconfig: str, release: str, state: Path) -> dict[str, str]:
    """What meshbot is told."""
    return {
        "MESHBOT_SLACK__BOT_TOKEN": workspace.bot_token,
        "MESHBOT_SLACK__APP_TOKEN": workspace.app_token,
        "MESHBOT_SLACK__BASE_URL": workspace.api_url.rstrip("/"),
        "MESHBOT_CLUSTER__KUBECONFIG": kubeconfig,
        "MESHBOT_ISTIO__HOME": release,
        "MESHBOT_ROLES__HOSTS": workspace.get_user("host").id,
        "MESHBOT_LEDGER__STATE_DIR": str(state),
        "MESHBOT_LOG__LEVEL": "warning",
        "MESHBOT_HEALTH__PORT": "0",
        "MESHBOT_DRAIN_SECONDS": "2",
    }


@asynccontextmanager
async def workspaces(count: int) -> AsyncIterator[list[Workspace]]:
    """Workspaces in this process, which answer as fast as they can."""
    started: list[Workspace] = []
    try:
        for _ in range(count):
            workspace = Workspace(installed=read_installed_app(), enforce_limits=False)
            await workspace.start()
            started.append(workspace)
        yield started
    finally:
        for workspace in started:
            await workspace.stop()


async def play(workspace: Workspace, *lines: str, seconds: float = 120.0) -> None:
    """People type and click, line by line, each to its end; RuntimeError when one ends otherwise
    than it says."""
    said: list[str] = []
    player = ScriptPlayer(workspace, out=said.append, timeout=seconds, settle=0.05)
    for line in lines:
        fault = await player.play_line(parse_line(line))
        if fault:
            raise RuntimeError(f"{line}: {fault}\n" + "\n".join(said))


@dataclass(frozen=True)
class Shown:
    """A message as it stood from one moment on."""

    at: float
    ts: str
    kind: str
    text: str
    state: str
    to: str


@asynccontextmanager
async def recording(workspace: Workspace) -> AsyncIterator[list[Shown]]:
    """Everything that appears or changes in a workspace, with the moment of it."""
    seen: list[Shown] = []
    changes = workspace.watch_changes()

    async def follow() -> None:
        async for change in changes:
            at, message = time.monotonic(), change.message
            if message is None:
                continue
            first = str(message.blocks[0].get("block_id", "")) if message.blocks else ""
            state = first.split(":")[1] if first.startswith("verdict:") else ""
            seen.append(
                Shown(at, message.ts, change.kind, message.text, state, message.ephemeral_to)
            )

    task = asyncio.create_task(follow())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        changes.close()


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def table(head: Sequence[str], rows: Iterable[Sequence[str | float]]) -> None:
    """Prints figures in columns."""
    lines = [
        list(head),
        *([cell if isinstance(cell, str) else f"{cell:.1f}" for cell in row] for row in rows),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        _, *rest = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        print(line[0].ljust(widths[0]), *rest, sep="  ")


def memory(pid: int) -> dict[str, float]:
    """Resident memory of a process in MiB, by Linux's /proc: all of it, and what is not of files."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    kib: Mapping[str, int] = {
        name: int(value.split()[0]) for name, value in fields.items() if name.startswith("Rss")
    }
    total = int(fields["VmRSS"].split()[0])
    return {"all": total / 1024, "own": kib["RssAnon"] / 1024}
