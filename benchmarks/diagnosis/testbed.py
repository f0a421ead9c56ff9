"""The sandbox with the bot in it, in a state of the workshop: lines are typed, run in a shell or
done to the cluster; requests go through the gateway; and `/mesh why` is asked."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.diagnosis.corpus import STATES
from benchmarks.stage import settings
from bot.app import run_bot
from bot.cli.sandbox import read_installed_app
from bot.settings import load_settings
from sandbox.clock import Clock
from sandbox.cluster.contract import Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.release_directory import write_release
from sandbox.programs import create_programs
from sandbox.script import parse_line
from sandbox.script_player import ScriptPlayer
from sandbox.troubles import build_cluster_faults
from sandbox.workspace import Message, Workspace

PRELUDE = Path(__file__).parent / "prelude.sh"
GATEWAY = "/api/v1/namespaces/{}/services/http:bookinfo-gateway-istio:80/proxy"
TYPED = re.compile(r"/mesh\b|click \"|@\w+:")
NAMED = re.compile(r"`cause: ([a-z0-9-]+)`")
POD = Ref("", "pods")
ACTIONS = ("requests", "trouble", "registry", "node", "settle")
SHELL_SECONDS, TYPED_SECONDS = 60.0, 60.0
Undo = Callable[[], Awaitable[None]]


class ShellError(RuntimeError):
    """Lines in the shell that failed; the text is what they wrote."""


@dataclass(frozen=True)
class Answer:
    """What was answered: the ids named, in order, the whole text, and seconds of wall time."""

    ids: tuple[str, ...]
    text: str
    seconds: float


@dataclass
class Testbed:
    """The embedded cluster, the workspace and the release of one sandbox; `undos` end the troubles
    in force."""

    cluster: EmbeddedCluster
    workspace: Workspace
    home: Path
    release: Path
    undos: list[Undo] = field(default_factory=list)

    async def play(self, lines: str, *, namespace: str = "bookinfo") -> str:
        """Do what the lines say, and return what the shell wrote.

        `/mesh …`, `click "…"` and `@user: …` are typed (how they end does not matter); `requests N
        [USER]`, `trouble NAME [CHOICE]`, `registry IMAGE REASON` (its pulls fail), `node stop|start
        NAME` and `settle SECONDS` are done here;
        all other lines between two of these are one script for bash. Raises ShellError.
        """
        wrote = ""
        for chunk in split_lines(lines):
            word, _, rest = chunk.partition(" ")
            if TYPED.match(chunk):
                await self.type_line(chunk)
            elif word in ACTIONS and "\n" not in chunk:
                await self._act(word, rest.split())
            else:
                wrote += await self.run_shell(chunk, namespace)
        return wrote

    async def _act(self, word: str, rest: list[str]) -> None:
        if word == "requests":
            await self.send_requests(int(rest[0]), *rest[1:])
        elif word == "trouble":
            await self._start_trouble(*rest)
        elif word == "registry":
            self.cluster.break_image_pulls(rest[0], " ".join(rest[1:]))
            self.undos.append(partial(self._restore_pulls, rest[0]))
        elif word == "node":
            await (self.cluster.stop_node if rest[0] == "stop" else self.cluster.start_node)(
                rest[1]
            )
        else:
            await self.cluster.clock.sleep(float(rest[0]))

    async def _start_trouble(self, name: str, choice: str = "") -> None:
        pods = await self.cluster.client("benchmark").list(POD)
        places = [(p["metadata"]["namespace"], p["metadata"]["name"]) for p in pods]
        trouble = next(
            t for t in build_cluster_faults(self.cluster, lambda: places) if t.name == name
        )
        if trouble.name == "kill":
            choice = next(f"{ns}/{pod}" for ns, pod in places if pod.startswith(choice))
        self.undos.append(await trouble.start(choice))

    async def _restore_pulls(self, image: str) -> None:
        self.cluster.restore_image_pulls(image)

    async def end_troubles(self) -> None:
        """End all troubles that `trouble` lines have begun."""
        while self.undos:
            await self.undos.pop()()

    async def run_shell(self, script: str, namespace: str = "bookinfo") -> str:
        """Run a script and return what it wrote to standard output; raise ShellError."""
        environment = {
            "PATH": f"{self.release / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "KUBECONFIG": str(self.home / "kubeconfig"),
            "ISTIO_HOME": str(self.release),
            "NS": namespace,
        }
        program = await asyncio.create_subprocess_exec(
            *("bash", "-c", f"source {PRELUDE}\n{script}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        try:
            async with asyncio.timeout(SHELL_SECONDS):
                wrote, failed = await program.communicate()
        except TimeoutError:
            program.kill()
            await program.wait()
            raise ShellError(f"no end within {SHELL_SECONDS:g} s: {script}") from None
        if program.returncode:
            raise ShellError(f"{script}\n{wrote.decode()[-600:]}{failed.decode()[-600:]}")
        return wrote.decode()

    async def type_line(self, line: str) -> list[Message]:
        """Type a line and return the bot's messages that answer it, as their reader sees them."""
        parsed = parse_line(line)
        before = {m.ts for m in self.workspace.list_messages(user=parsed.user)}
        player = ScriptPlayer(
            self.workspace, out=lambda _: None, timeout=TYPED_SECONDS, settle=0.05
        )
        await player.play_line(parsed)
        return [
            m
            for m in self.workspace.list_messages(user=parsed.user)
            if m.user == self.workspace.bot.id and m.ts not in before
        ]

    async def ask_why(self, where: str = "") -> Answer:
        """Type `/mesh why` as the host and read the ids in its answer."""
        began = time.monotonic()
        messages = await self.type_line(f"/mesh why{f' in={where}' if where else ''}")
        seconds = time.monotonic() - began
        text = "\n".join(piece for m in messages for piece in read_words(m.blocks))
        return Answer(tuple(dict.fromkeys(NAMED.findall(text))), text, seconds)

    async def send_requests(self, count: int, user: str = "", namespace: str = "bookinfo") -> None:
        """Ask for the page through the gateway, signed in as that user, whatever is answered."""
        base = self.cluster.url.rstrip("/") + GATEWAY.format(namespace)
        timeout = aiohttp.ClientTimeout(total=5)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(
            timeout=timeout, cookie_jar=jar, headers=self.cluster.server.credentials
        ) as session:
            headers = await sign_in(session, base, user) if user else {}
            for _ in range(count):
                await ask(session.get(f"{base}/productpage", headers=headers))
                await asyncio.sleep(0.02)


async def sign_in(session: aiohttp.ClientSession, base: str, user: str) -> dict[str, str]:
    """Sign in at Bookinfo's page and return the header that carries the session."""
    data = {"username": user, "passwd": user}
    try:
        async with session.post(f"{base}/login", data=data, allow_redirects=False) as response:
            return {"Cookie": response.headers.get("Set-Cookie", "").partition(";")[0]}
    except (aiohttp.ClientError, TimeoutError):
        return {}


async def ask(request: Any) -> None:
    """Wait for the answer to a request, if one comes."""
    try:
        async with request as response:
            await response.read()
    except (aiohttp.ClientError, TimeoutError):
        pass


def split_lines(lines: str) -> Iterator[str]:
    """Yield each typed line or action, and the scripts for the shell between them."""
    script: list[str] = []
    for line in lines.splitlines():
        word = line.partition(" ")[0]
        special = TYPED.match(line) or word in ACTIONS
        if special and script:
            yield "\n".join(script)
            script = []
        if special:
            yield line.strip()
        elif line.strip():
            script.append(line)
    if script:
        yield "\n".join(script)


def read_words(value: Any) -> Iterator[str]:
    """Yield every text of Block Kit's blocks; styled code stands in backticks."""
    if isinstance(value, dict):
        if isinstance(text := value.get("text"), str):
            yield f"`{text}`" if (value.get("style") or {}) == {"code": True} else text
        for each in value.values():
            yield from read_words(each)
    elif isinstance(value, list):
        for each in value:
            yield from read_words(each)


@asynccontextmanager
async def open_testbed(
    home: Path, release: str, state: str, *, speed: float
) -> AsyncIterator[Testbed]:
    """Start a sandbox and bring it to a state; it ends with the context."""
    async with AsyncExitStack() as stack:
        clock = Clock(speed)
        cluster = EmbeddedCluster(clock, programs=create_programs(clock))
        await cluster.start()
        stack.push_async_callback(cluster.stop)
        workspace = Workspace(clock, read_installed_app(), enforce_limits=False)
        await workspace.start()
        stack.push_async_callback(workspace.stop)
        place = home / f"istio-{release}"
        if not place.exists():
            await asyncio.to_thread(write_release, place, release, speed=speed)
        kubeconfig = str(cluster.write_kubeconfig(home / "kubeconfig"))
        ledger = home / f"ledger-{time.monotonic_ns()}"
        told = settings(workspace, kubeconfig, str(place), ledger) | {
            "MESHBOT_WORKSHOP__NAMESPACES": '["bookinfo", "team-*"]'
        }
        await stack.enter_async_context(run_bot(load_settings(None, told)))
        testbed = Testbed(cluster, workspace, home, place)
        for line in STATES[state]:
            await testbed.play(line)
        yield testbed
