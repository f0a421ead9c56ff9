"""A workspace for each test, and a real Bolt app connected to it over Socket Mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.clock import Clock
from sandbox.workspace import Workspace

Connect = Callable[[AsyncApp], Awaitable[AsyncSocketModeHandler]]
TRAPS = (
    "SLACK_CLIENT_ID",
    "SLACK_CLIENT_SECRET",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_APP_TOKEN",
)
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


async def until(true: Callable[[], bool], seconds: float = 40.0) -> None:
    """Returns once the condition holds; fails when it does not within these seconds."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is awaited happens in the library under test
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack's libraries read these by themselves: a proxy would swallow calls to 127.0.0.1."""
    for name in (*TRAPS, *PROXIES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def patience() -> float:
    """Slack's three seconds; tests of what happens after them make them shorter."""
    return 3.0


@pytest.fixture
async def workspace(patience: float) -> AsyncIterator[Workspace]:
    """A started workspace."""
    workspace = Workspace(patience=patience)
    await workspace.start()
    yield workspace
    await workspace.stop()


@pytest.fixture
async def fast_workspace() -> AsyncIterator[Workspace]:
    """A workspace whose simulated time runs a thousand times as fast, and whose patience is short."""
    workspace = Workspace(Clock(1000), patience=0.1)
    await workspace.start()
    yield workspace
    await workspace.stop()


@pytest.fixture
def client(workspace: Workspace) -> AsyncWebClient:
    """A Web API client with the bot's token."""
    return AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)


@pytest.fixture
def app(client: AsyncWebClient, workspace: Workspace) -> AsyncApp:
    """A Bolt app without listeners."""
    return AsyncApp(client=client, signing_secret=workspace.signing_secret)


@pytest.fixture
async def connect(workspace: Workspace) -> AsyncIterator[Connect]:
    """Connects a Bolt app over Socket Mode; disconnected at the end."""
    handlers: list[AsyncSocketModeHandler] = []

    async def connect(app: AsyncApp) -> AsyncSocketModeHandler:
        handler = AsyncSocketModeHandler(app, workspace.app_token)
        handlers.append(handler)
        before = workspace.connections.count
        await asyncio.wait_for(handler.connect_async(), 40)  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
        await workspace.connections.wait_for_count(before + 1)
        return handler

    yield connect
    for handler in handlers:
        await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped


@pytest.fixture
def section() -> Callable[[str], list[dict[str, Any]]]:
    """Makes a list of one section block."""

    def section(text: str) -> list[dict[str, Any]]:
        return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]

    return section
