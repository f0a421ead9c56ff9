"""An embedded workspace for each test, and the bot's Slack side connected to it with real
sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.messages import ButtonPress, Command, FormSubmission, Message, Reply
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.socket_mode import SocketModeReceiver, SocketTiming
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.webapi.client import WebApiRetries, build_client, build_session, fetch_identity
from sandbox.workspace import DEFAULT_CHANNEL, InstalledApp, Workspace

QUICK = SocketTiming(ping=0.2, connect=1.0, silence=0.3, check=0.05, retry=0.05, most_retry=0.1)
"""A connection whose loss is noticed in tenths of a second."""


@dataclass
class RecordingRouter:
    """Takes what people ask and keeps it; `meet` is called with each reply, and may raise or be
    slow."""

    asked: list[Command] = field(default_factory=list)
    pressed_: list[ButtonPress] = field(default_factory=list)
    submitted_: list[FormSubmission] = field(default_factory=list)
    homes: list[str] = field(default_factory=list)
    joined_: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)
    meet: Callable[[Reply], None] = field(default=lambda reply: None)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def command(self, asked: Command, reply: Reply) -> None:
        """Takes a command."""
        self.asked.append(asked)
        self._take(reply)

    def pressed(self, pressed: ButtonPress, reply: Reply) -> None:
        """Takes a button."""
        self.pressed_.append(pressed)
        self._take(reply)

    def opened(self, user: str) -> None:
        """Takes note of a Home tab."""
        self.homes.append(user)

    def joined(self, channel: str, key: str) -> None:
        """Takes note of a channel that the bot was invited to."""
        self.joined_.append(channel)

    def faults(self, submitted: FormSubmission) -> dict[str, str]:
        """What the test says is wrong."""
        return self.wrong

    def submitted(self, submitted: FormSubmission, reply: Reply) -> None:
        """Takes a form."""
        self.submitted_.append(submitted)
        self._take(reply)

    def _take(self, reply: Reply) -> None:
        self.replies.append(reply)
        self._arrived.set()
        self.meet(reply)

    async def wait(self, count: int = 1) -> None:
        """Returns once so many commands and buttons have arrived."""
        async with asyncio.timeout(40):
            while len(self.replies) < count:
                self._arrived.clear()
                await self._arrived.wait()


async def eventually(condition: Callable[[], bool], seconds: float = 40.0) -> None:
    """Waits for something that nothing announces; fails when it does not come."""
    for _ in range(round(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in time")


def message(text: str, **more: str) -> Message:
    """A message of one section."""
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}
    return Message(text=text, blocks=(block,))


def with_button(action_id: str, value: str = "run 1") -> Message:
    """A message with one button, labelled Confirm."""
    button = {"type": "button", "action_id": action_id, "value": value}
    button_block = {
        "type": "actions",
        "elements": [{**button, "text": {"type": "plain_text", "text": "Confirm"}}],
    }
    return Message(text="Sure?", blocks=(*message("Sure?").blocks, button_block))


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    """A workspace with Slack's rate limits off (`hurt` still refuses on demand)."""
    workspace = Workspace(
        installed=InstalledApp(
            should_escape=True,
            commands=frozenset({"/mesh", "/maze"}),
            shortcuts={"Why?": "mesh:why", "Maze": "maze:why"},
        ),
        enforce_limits=False,
    )
    await workspace.start()
    yield workspace
    await workspace.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The shared HTTP session."""
    async with build_session(timeout=5) as session:
        yield session


@pytest.fixture
def client(workspace: Workspace, session: aiohttp.ClientSession) -> AsyncWebClient:
    """The bot's Web API client, pointed at the workspace."""
    return build_client(
        token=workspace.bot_token,
        base_url=workspace.api_url,
        session=session,
        retries=WebApiRetries(base=0.05),
    )


@pytest.fixture
def router() -> RecordingRouter:
    """What stands behind the listeners."""
    return RecordingRouter()


@pytest.fixture
async def listeners(
    client: AsyncWebClient, session: aiohttp.ClientSession, router: RecordingRouter
) -> AsyncIterator[Listeners]:
    """The listeners, not connected."""
    listeners = Listeners(
        router=router,
        ways=EphemeralResponder(client, session),
        identity=await fetch_identity(client),
    )
    yield listeners
    await listeners.aclose()


@pytest.fixture
async def link(
    workspace: Workspace, client: AsyncWebClient, listeners: Listeners
) -> AsyncIterator[SocketModeReceiver]:
    """The bot, connected over Socket Mode."""
    link = SocketModeReceiver(listeners, client=client, app_token=workspace.app_token, timing=QUICK)
    await link.start()
    await workspace.connections.wait_for_count()
    yield link
    await link.close(0.5)


@pytest.fixture
def channel(workspace: Workspace) -> str:
    """The id of the workshop's channel."""
    return workspace.get_channel(DEFAULT_CHANNEL).id
