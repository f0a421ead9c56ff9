"""Pictures in Slack: uploaded without a channel, and shown by blocks that name the file.

For a second or two after its upload Slack does not know the file yet and refuses such blocks
(python-slack-sdk issue 1521). Only who can see a file may show it, so a response_url, which is
nobody, never can (java-slack-sdk issue 1349).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import SlackError
from bot.messages import Posted
from bot.slack.webapi.client import find_proxy
from bot.slack.webapi.web_api_errors import SlackUnavailable, await_slack_call

WAITS = (0.3, 0.7, 1.0, 1.5, 2.0)
"""Seconds between attempts to show one person a file that Slack does not know yet: 5.5 in all."""

REFUSED = "invalid_blocks"
MOST_ALT = 1000
"""Characters of a file's alt text (Slack limit)."""

PATIENCE = aiohttp.ClientTimeout(total=15.0, sock_connect=5.0)

Json = dict[str, Any]
log = logging.getLogger(__name__)


class SlackFiles:
    """`bot.messages.Files` over the external upload."""

    def __init__(self, client: AsyncWebClient, session: aiohttp.ClientSession) -> None:
        self._client, self._session = client, session
        self.uploads = 0

    async def upload(self, name: str, content: bytes, *, title: str, alt: str) -> str:
        """Upload a file, which no channel has yet, and return its id; raise SlackError."""
        id_ = await self._begin_upload(name, content, alt_txt=alt[:MOST_ALT])
        await self._finish_upload(id_, title)
        return id_

    async def share(self, name: str, content: bytes, *, title: str, thread: Posted) -> None:
        """Upload a file into the thread of a message; raise SlackError.

        Slack itself posts the message that shows it.
        """
        id_ = await self._begin_upload(name, content)
        await self._finish_upload(id_, title, thread)

    async def _begin_upload(self, name: str, content: bytes, **more: str) -> str:
        """Send a file's bytes to Slack, and return its id."""
        wanted = self._client.files_getUploadURLExternal(filename=name, length=len(content), **more)
        place = await await_slack_call("files.getUploadURLExternal", wanted)
        await self._send_content(str(place["upload_url"]), content)
        return str(place["file_id"])

    async def _finish_upload(self, file: str, title: str, thread: Posted | None = None) -> None:
        """Complete an upload, into a thread where one is named."""
        shown: list[dict[str, str | None]] = [{"id": file, "title": title}]
        finished = self._client.files_completeUploadExternal(
            files=shown,
            channel_id=thread.channel if thread else None,
            thread_ts=thread.ts if thread else None,
        )
        await await_slack_call("files.completeUploadExternal", finished)
        self.uploads += 1

    async def _send_content(self, url: str, content: bytes) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        try:
            async with self._session.post(
                url, data=content, headers=headers, timeout=PATIENCE, proxy=find_proxy(url)
            ) as answer:
                if answer.status != 200:
                    raise SlackError(f"http_{answer.status}", "upload")
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise SlackUnavailable("upload", unsure=True) from problem


def list_file_blocks(blocks: list[Json]) -> list[Json]:
    """Return the image blocks that show a file of Slack's."""
    return [block for block in blocks if block.get("type") == "image" and "slack_file" in block]


def remove_file_blocks(payload: Json) -> Json:
    """Return the payload without the pictures."""
    return {
        **payload,
        "blocks": [block for block in payload["blocks"] if not list_file_blocks([block])],
    }


async def send_with_files(
    method: str, send: Callable[[Json], Awaitable[AsyncSlackResponse]], payload: Json
) -> AsyncSlackResponse:
    """Send a payload; one with a picture again while Slack does not know that.

    Waits 5.5 s in all at most. Raises as `bot.slack.webapi.web_api_errors.await_slack_call`.
    """
    waits = WAITS if list_file_blocks(payload["blocks"]) else ()
    for wait in waits:
        try:
            return await await_slack_call(method, send(payload))
        except SlackError as refusal:
            if refusal.code != REFUSED:
                raise
            log.info("%s: Slack does not know the picture yet", method)
        await asyncio.sleep(wait)
    return await await_slack_call(method, send(payload))
