"""A workspace, a cluster, a release and the bot between them, and people who type."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.app import Bot, run_bot
from bot.cli.sandbox import read_installed_app
from bot.settings import Settings, load_settings
from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.release_directory import write_release
from sandbox.programs import create_programs
from sandbox.script import parse_line
from sandbox.script_player import ScriptPlayer
from sandbox.workspace import Message, Workspace

NAMESPACES = Ref("", "namespaces")
SPEED = 100.0
ISTIO = "1.30.3"


DETAILS, WHOLE = "mesh:details", "mesh:whole"
"""action_ids of the buttons that open what a message leaves out, and all of an answer, asked again."""
UNFOLDED: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
"""What the details of messages showed, by ts and time of the last edit."""


def find_details(message: Message) -> str:
    """The button for what a message leaves out, "" when it shows everything."""
    rows = [block.get("elements", []) for block in message.blocks if block["type"] == "actions"]
    found = [element.get("action_id") for row in rows for element in row]
    return next((action for action in found if action in (DETAILS, WHOLE)), "")


@dataclass
class Stage:
    """Everything of one dialogue; `said` collects the transcript."""

    workspace: Workspace
    cluster: EmbeddedCluster
    environment: dict[str, str]
    said: list[str] = field(default_factory=list)

    @property
    def api(self) -> Client:
        """The cluster, for looking at what was made and for disturbing it."""
        return self.cluster.client("tests")

    def settings(self, **more: str) -> Settings:
        """The bot's settings; `more` as environment variables."""
        return load_settings(None, self.environment | more)

    async def type(self, line: str) -> Message:
        """One line of a play script; fails when it does not end as it says. Gives the message that
        answers it."""
        parsed = parse_line(line)
        before = {m.ts for m in self.workspace.list_messages(user=parsed.user)}
        fault = await ScriptPlayer(
            self.workspace, out=self.said.append, timeout=60, settle=0.05
        ).play_line(parsed)
        assert not fault, f"{line}: {fault}\n" + "\n".join(self.said)
        fresh = [m for m in self._told(parsed.user) if m.ts not in before]
        found = ([m for m in fresh if m.ephemeral_to] or fresh or [self.newest(parsed.user)])[-1]
        await self.unfold(found, parsed.user)
        return found

    async def unfold(self, message: Message, user: str = "host") -> None:
        """Press the message's Details, if it has them, and keep what they show for `words`."""
        button = find_details(message)
        if not button or (message.ts, message.edited_ts) in UNFOLDED:
            return
        before = {view.id for view in self.workspace.list_modals(user)}
        await self.workspace.actions.click_element(user, message, button)
        for _ in range(3000):
            fresh = [v for v in self.workspace.list_modals(user) if v.id not in before]
            if fresh and "verdict:running" not in str(fresh[-1].body["blocks"][0]):
                UNFOLDED[message.ts, message.edited_ts] = fresh[-1].body["blocks"]
                await self.workspace.actions.close_view(user, fresh[-1])
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the details did not open")

    def newest(self, user: str = "host") -> Message:
        """The bot's message that changed last, as that person sees it."""
        return max(self._told(user), key=lambda m: (m.edited_ts or m.ts, m.ts))

    def _told(self, user: str) -> list[Message]:
        """The bot's messages as that person sees them, those in threads left out."""
        seen = self.workspace.list_messages(user=user)
        return [m for m in seen if m.user == self.workspace.bot.id and m.thread_ts in ("", m.ts)]

    async def version(self) -> int:
        """The cluster's resourceVersion: the same again means that nothing was written."""
        found = await self.api.list(NAMESPACES)
        return max(int(n["metadata"]["resourceVersion"]) for n in found)


def words(shown: Message | list[dict[str, Any]]) -> str:
    """Everything that a person reads in a message, with its details where they were opened, or in
    the blocks of a view."""
    texts: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                texts.append(value["text"])
            for each in value.values():
                collect(each)
        elif isinstance(value, list):
            for each in value:
                collect(each)

    collect(shown.blocks if isinstance(shown, Message) else shown)
    if isinstance(shown, Message) and find_details(shown):
        collect(UNFOLDED.get((shown.ts, shown.edited_ts), []))
    return re.sub(
        r"&lt;|&gt;|&amp;",
        lambda m: {"&lt;": "<", "&gt;": ">", "&amp;": "&"}[m[0]],
        "\n".join(texts),
    )


@asynccontextmanager
async def furnished(
    home: Path, *, istio: str = ISTIO, speed: float = SPEED, **more: Any
) -> AsyncIterator[Stage]:
    """Workspace and cluster, without a bot yet; `more` goes to EmbeddedCluster."""
    async with AsyncExitStack() as stack:
        clock = Clock(speed)
        cluster = EmbeddedCluster(clock, programs=create_programs(clock), **more)
        await cluster.start()
        stack.push_async_callback(cluster.stop)
        workspace = Workspace(clock, read_installed_app(), enforce_limits=False)
        await workspace.start()
        stack.push_async_callback(workspace.stop)
        release = home / f"istio-{istio}"
        if not release.exists():
            await asyncio.to_thread(write_release, release, istio, speed=speed)
        yield Stage(workspace, cluster, environment(workspace, cluster, home, release))


def environment(
    workspace: Workspace, cluster: EmbeddedCluster, home: Path, release: Path
) -> dict[str, str]:
    """What the bot is told."""
    return {
        "MESHBOT_SLACK__BOT_TOKEN": workspace.bot_token,
        "MESHBOT_SLACK__APP_TOKEN": workspace.app_token,
        "MESHBOT_SLACK__BASE_URL": workspace.api_url.rstrip("/"),
        "MESHBOT_CLUSTER__KUBECONFIG": str(cluster.write_kubeconfig(home / "kubeconfig")),
        "MESHBOT_ISTIO__HOME": str(release),
        "MESHBOT_ROLES__HOSTS": workspace.get_user("host").id,
        "MESHBOT_LEDGER__STATE_DIR": str(home),
        "MESHBOT_HEALTH__PORT": "0",
        "MESHBOT_DRAIN_SECONDS": "2",
    }


@asynccontextmanager
async def playing(
    home: Path, *, istio: str = ISTIO, speed: float = SPEED, **more: str
) -> AsyncIterator[tuple[Stage, Bot]]:
    """A stage with the bot on it; `more` as environment variables."""
    async with (
        furnished(home, istio=istio, speed=speed) as stage,
        run_bot(stage.settings(**more)) as bot,
    ):
        yield stage, bot
