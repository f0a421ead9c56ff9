"""Looks for a message whose answer was lost: is it in the channel, or was it never posted?

A post carries a marker in its metadata, and who may read the channel finds it there. That needs the
scope `channels:history` (`groups:history` in private channels, `im:history` in direct messages),
which the manifest does not ask for: with it, the bot could read what people write.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.messages import Posted
from bot.slack.webapi.web_api_errors import await_slack_call

EVENT_TYPE = "meshbot_message"
"""The `event_type` of the metadata that carries a marker."""

MOST_PAGES, PAGE = 5, 200
"""How many messages are looked through, at most: pages, and messages in each."""

CLOCK_DRIFT = 300.0
"""Seconds by which Slack's clock may be behind this one."""

NO_PLACE = "nothing can be looked up there"


class MessageLookup:
    """Finds the bot's own messages by their markers; `is_possible` tells whether it may read
    anything."""

    def __init__(self, client: AsyncWebClient, scopes: Collection[str] = ()) -> None:
        self._client = client
        self.is_possible = any(scope.endswith(":history") for scope in scopes)

    async def find_message(
        self, channel: str, marker: str, *, thread: str, since: float
    ) -> Posted | None:
        """Return where the message with that marker stands, None when it is not there.

        `since` is when it may have been posted first, in seconds of the epoch. Raises SlackError
        when that cannot be found out.
        """
        # A direct message is addressed to a user, whose conversation has an id of its own.
        if not self.is_possible or channel.startswith(("U", "W")):
            raise SlackError(NO_PLACE, "conversations.history")
        cursor, oldest = "", f"{max(0.0, since - CLOCK_DRIFT):.6f}"
        for _ in range(MOST_PAGES):
            page = await self._read_page(channel, thread, oldest, cursor)
            for message in page.get("messages") or ():
                if _read_marker(message) == marker:
                    return Posted(channel, str(message["ts"]))
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return None
        raise SlackError("too many messages came since", "conversations.history")

    async def _read_page(self, channel: str, thread: str, oldest: str, cursor: str) -> Any:
        common: dict[str, Any] = {
            "channel": channel,
            "oldest": oldest,
            "limit": PAGE,
            "include_all_metadata": True,
            **({"cursor": cursor} if cursor else {}),
        }
        if thread:
            request = self._client.conversations_replies(ts=thread, **common)
            return await await_slack_call("conversations.replies", request)
        request = self._client.conversations_history(**common)
        return await await_slack_call("conversations.history", request)


def build_marker_metadata(marker: str) -> dict[str, Any]:
    """Build the metadata by which a message is found again."""
    return {"event_type": EVENT_TYPE, "event_payload": {"id": marker}}


def _read_marker(message: Any) -> str:
    metadata = message.get("metadata") if isinstance(message, dict) else None
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return ""
    payload = metadata.get("event_payload")
    return str(payload.get("id") or "") if isinstance(payload, dict) else ""
