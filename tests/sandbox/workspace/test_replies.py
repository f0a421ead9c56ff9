"""response_url, triggers and views: what is handed out with an act, and when it stops working."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.clock import Clock
from sandbox.workspace import InstalledApp, Workspace

Json = dict[str, Any]
MODAL: Json = {"type": "modal", "title": {"type": "plain_text", "text": "Form"}, "blocks": []}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A bare HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def reply(session: aiohttp.ClientSession, url: str, **body: Any) -> tuple[int, str]:
    """Status and body of one use of a response_url."""
    async with session.post(url, json=body) as response:
        return response.status, await response.text()


async def test_a_response_url_is_used_up_after_five(
    workspace: Workspace, session: aiohttp.ClientSession
) -> None:
    """Five messages, seen only by the one who typed; the sixth is refused with used_url."""
    url = (await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")).response_url
    answers = [await reply(session, url, text=str(number)) for number in range(6)]
    assert answers == [(200, "ok")] * 5 + [(404, "used_url")]
    assert [m.text for m in workspace.list_messages(user="bob")[1:]] == ["0", "1", "2", "3", "4"]
    assert workspace.list_messages(user="alice") == []


async def test_a_response_url_expires_after_half_an_hour(session: aiohttp.ClientSession) -> None:
    """Thirty simulated minutes after the command it is refused with expired_url."""
    clock = Clock(36_000)
    workspace = Workspace(clock)
    await workspace.start()
    url = (await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")).response_url
    await clock.sleep(1801)
    answer = await reply(session, url, text="late")
    await workspace.stop()
    assert answer == (404, "expired_url")


async def test_in_channel_is_for_everyone_and_bad_blocks_are_refused(
    workspace: Workspace, session: aiohttp.ClientSession
) -> None:
    """response_type decides who sees it; blocks that Slack would not take cost no use; the size cap
    does not hold."""
    url = (await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")).response_url
    assert await reply(session, url, text="all", response_type="in_channel") == (200, "ok")
    status, body = await reply(session, url, blocks=[{"type": "nope"}])
    assert (status, "invalid_blocks" in body) == (400, True)
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5
    assert await reply(session, url, blocks=long) == (200, "ok")
    assert [m.text for m in workspace.list_messages(user="alice")] == ["all"]


async def test_a_click_may_replace_and_delete_its_message(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    """replace_original edits the message that was clicked on, delete_original takes it away."""
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "elements": [button]}]
    await client.chat_postEphemeral(channel="C0MESH", user="U0BOB", text="?", blocks=blocks)
    message = workspace.list_messages(user="bob")[0]
    url = (await workspace.actions.click_element("bob", message, "go")).response_url
    await reply(session, url, text="replaced", replace_original=True)
    assert (message.text, len(workspace.list_messages(user="bob"))) == ("replaced", 1)
    await reply(session, url, delete_original=True)
    assert workspace.list_messages(user="bob") == []


async def refused(call: Any) -> str:
    """The error code of a call."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_trigger_opens_one_view(workspace: Workspace, client: AsyncWebClient) -> None:
    """A trigger_id is spent by its first use."""
    trigger = (await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")).trigger_id
    await client.views_open(trigger_id=trigger, view=MODAL)
    assert (
        await refused(client.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
    )


@pytest.mark.parametrize("patience", [0.0])
async def test_a_trigger_expires(workspace: Workspace, client: AsyncWebClient) -> None:
    """After Slack's three seconds (here none) a trigger_id is refused."""
    trigger = (await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")).trigger_id
    assert await refused(client.views_open(trigger_id=trigger, view=MODAL)) == "expired_trigger_id"


async def test_views_stack_three_deep_and_hashes_guard_them(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """A fourth view over three is refused, and so is an update with an old hash."""
    triggers = [
        (await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")).trigger_id
        for _ in range(4)
    ]
    view = (await client.views_open(trigger_id=triggers[0], view=MODAL))["view"]
    for trigger in triggers[1:3]:
        await client.views_push(trigger_id=trigger, view=MODAL)
    assert (
        await refused(client.views_push(trigger_id=triggers[3], view=MODAL)) == "push_limit_reached"
    )
    await client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)
    stale = client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)
    assert await refused(stale) == "hash_conflict"


async def test_a_command_arrives_escaped_if_the_manifest_says_so(workspace: Workspace) -> None:
    """should_escape turns names and links into references; without it the text is as typed."""
    manifest = {"features": {"slash_commands": [{"command": "/mesh", "should_escape": True}]}}
    escaping = Workspace(installed=InstalledApp.from_manifest(manifest))
    line = "/mesh @alice @hosts #mesh-workshop me@alice https://x.io"
    plain = await workspace.actions.send_command("bob", "mesh-workshop", line)
    typed = await escaping.actions.send_command("bob", "mesh-workshop", line)
    assert plain.payload["text"] == "@alice @hosts #mesh-workshop me@alice https://x.io"
    assert typed.payload["text"] == (
        "<@U0ALICE|alice> <!subteam^S0HOSTS|@hosts> <#C0MESH|mesh-workshop> me@alice <https://x.io>"
    )
