"""Files as Slack treats them: unknown for a while, shown only by who may see them, found only by
who was given them."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.workspace import Workspace
from tests.sandbox.workspace.test_page import at
from tests.sandbox.workspace.test_web_api import CHANNEL, refusal

PNG = b"\x89PNG picture"


async def uploaded(client: AsyncWebClient, name: str = "graph.png") -> str:
    """The id of a file that no channel has."""
    place = await client.files_getUploadURLExternal(filename=name, length=len(PNG))
    async with aiohttp.ClientSession() as session:
        await session.post(str(place["upload_url"]), data=PNG)
    await client.files_completeUploadExternal(files=[{"id": str(place["file_id"]), "title": name}])
    return str(place["file_id"])


def showing(file: str) -> list[dict[str, Any]]:
    """An image block with a file."""
    return [{"type": "image", "alt_text": "a graph", "slack_file": {"id": file}}]


async def status(workspace: Workspace, file: str, user: str) -> int:
    """What this person gets who asks for a file on the page."""
    async with aiohttp.ClientSession(workspace.url) as session:
        return (await session.get(at(workspace, f"/page/files/{file}", user=user))).status


async def test_a_file_cannot_be_shown_at_once(workspace: Workspace, client: AsyncWebClient) -> None:
    """Slack's own words for it, until it has been worked through; then it is posted."""
    workspace.faults.file_delay = 60.0
    file = await uploaded(client)
    response = await refusal(
        client.chat_postMessage(channel=CHANNEL, text="x", blocks=showing(file))
    )
    assert response["response_metadata"]["messages"] == [
        "[ERROR] invalid slack file [json-pointer:/blocks/0/slack_file]"
    ]
    workspace.faults.file_delay = 0.0
    await client.chat_postMessage(channel=CHANNEL, text="x", blocks=showing(file))
    assert len(workspace.list_messages()) == 1


@pytest.mark.parametrize("name", ["notes.txt", "page.svg"])
async def test_only_pictures_can_be_shown(
    workspace: Workspace, client: AsyncWebClient, name: str
) -> None:
    """Of the kinds that Slack names; and an upload is finished once."""
    workspace.faults.file_delay = 0.0
    file = await uploaded(client, name)
    answer = await refusal(client.chat_postMessage(channel=CHANNEL, text="x", blocks=showing(file)))
    assert answer["error"] == "invalid_blocks"
    again = await refusal(client.files_completeUploadExternal(files=[{"id": file, "title": "x"}]))
    assert again["error"] == "file_not_found"


async def test_posting_shares_and_editing_does_not(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """Readers of an edited message are told that the file is not found; once it was posted there,
    all have it."""
    workspace.faults.file_delay = 0.0
    file = await uploaded(client)
    posted = await client.chat_postMessage(channel=CHANNEL, text="x")
    await client.chat_update(channel=CHANNEL, ts=str(posted["ts"]), text="x", blocks=showing(file))
    assert await status(workspace, file, "bob") == 404
    await client.chat_postMessage(
        channel=CHANNEL, text="x", blocks=showing(file), thread_ts=str(posted["ts"])
    )
    assert await status(workspace, file, "bob") == 200


async def test_a_whisper_gives_a_file_to_one_person(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """alice gets it, bob does not, and a file that never was is not found either."""
    workspace.faults.file_delay = 0.0
    file = await uploaded(client)
    await client.chat_postEphemeral(channel=CHANNEL, user="U0ALICE", text="x", blocks=showing(file))
    assert [await status(workspace, file, user) for user in ("alice", "bob")] == [200, 404]
    assert await status(workspace, "F0NOWHERE00", "alice") == 404


async def test_a_response_url_may_not_show_a_file(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """It acts for nobody, so it may show only what its channel has."""
    workspace.faults.file_delay = 0.0
    file = await uploaded(client)
    url = workspace._core.create_response_url(kind="commands", channel=CHANNEL, user="U0ALICE")
    async with aiohttp.ClientSession() as session:
        refused = await session.post(url, json={"text": "x", "blocks": showing(file)})
        assert (refused.status, (await refused.json())["error"]) == (400, "invalid_blocks")
        await client.chat_postMessage(channel=CHANNEL, text="x", blocks=showing(file))
        assert (await session.post(url, json={"text": "x", "blocks": showing(file)})).status == 200
