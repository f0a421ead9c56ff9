"""The menu of a message in the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.workspace import InstalledApp, Workspace
from tests.browser.checks import nameless, pale
from tests.browser.chromium import Tab
from tests.sandbox.workspace.conftest import Connect, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FOCUSED = "document.activeElement"
MENU = "#messages article summary"


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    """A workspace whose app has a shortcut for messages."""
    workspace = Workspace(installed=InstalledApp(shortcuts={"Why?": "look:why"}))
    await workspace.start()
    yield workspace
    await workspace.stop()


async def test_a_shortcut_is_chosen_with_the_keyboard(
    workspace: Workspace, app: AsyncApp, connect: Connect, client: AsyncWebClient, tab: Tab
) -> None:
    """Enter opens the menu, also while the message changes, Escape closes it, and its entry reaches
    the app; with the mouse too, and in a thread."""
    heard: list[dict[str, Any]] = []

    @app.shortcut("look:why")
    async def why(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        heard.append(body)

    await connect(app)
    ts = str((await client.chat_postMessage(channel="C0MESH", text="a run"))["ts"])
    await client.chat_postMessage(channel="C0MESH", text="below", thread_ts=ts)
    await tab.goto(workspace.page_url)
    await tab.sees("a run")
    await tab.value("document.querySelector('#messages .reply').focus()")
    await tab.press("Tab")
    assert await tab.value(f"{FOCUSED}.getAttribute('aria-label')") == "More actions"
    await tab.press("Enter", "Escape")
    assert not await tab.value("document.querySelector('#messages details[open]')")
    await tab.press("Enter")
    await client.chat_update(channel="C0MESH", ts=ts, text="a run, done")
    await tab.sees("a run, done")
    await tab.sees("Why?", ".entry")
    assert (await nameless(tab), await pale(tab)) == ([], [])
    await tab.press("Tab", "Enter")
    await until(lambda: len(heard) == 1)
    assert await tab.value(f"{FOCUSED}.tagName") == "SUMMARY"
    assert not await tab.value("document.querySelector('#messages details[open]')")
    await tab.click("#messages .replies")
    await tab.click("#replies article:last-child summary")
    await tab.click("#replies .entry", "Why?")
    await until(lambda: len(heard) == 2)
    assert [body["message"]["text"] for body in heard] == ["a run, done", "below"]


async def test_what_does_not_reach_the_app_is_said(
    workspace: Workspace, client: AsyncWebClient, tab: Tab
) -> None:
    """While the app is away, the one who chose it reads so."""
    await client.chat_postMessage(channel="C0MESH", text="a run")
    await tab.goto(workspace.page_url)
    await tab.click(MENU)
    await tab.click("#messages .entry", "Why?")
    await tab.sees("it is not connected", "#composer")
