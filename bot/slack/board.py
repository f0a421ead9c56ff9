"""Messages in channels: posted at once, edited in place no oftener than Slack allows."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import SlackError
from bot.messages import CHANNEL, Message, Place, Posted
from bot.slack.calls import NOT_TAKEN, Away, Limited, attempt, backoff
from bot.slack.edits import Edits
from bot.slack.fitting import fit, plain
from bot.slack.pace import Gate, Pace

MOST_FAILURES = 4

log = logging.getLogger(__name__)


class SlackBoard:
    """`bot.messages.Board` over chat.postMessage and chat.update; the counters are there for metrics."""

    def __init__(self, client: AsyncWebClient, *, pace: Pace | None = None) -> None:
        self._client = client
        self._gate = Gate()
        self.edits = Edits(client, pace or Pace())
        self.posts_sent = 0

    @property
    def pending(self) -> int:
        """Messages with an edit that Slack does not have yet."""
        return self.edits.pending

    @property
    def edits_sent(self) -> int:
        """Edits that Slack took."""
        return self.edits.sent

    @property
    def edits_coalesced(self) -> int:
        """Edits that a newer one replaced before they were sent."""
        return self.edits.coalesced

    @property
    def limit_waits(self) -> int:
        """How often Slack answered 429."""
        return self._gate.waits + self.edits.gate.waits

    async def post(self, channel: str, message: Message, place: Place = CHANNEL) -> Posted:
        """Posts; waits where Slack says so; raises SlackError when it refuses, or when it may have posted unseen.

        A call that was cut after sending is not repeated: Slack has no key by which it would know the repeat.
        """
        payload, failures = fit(message), 0
        while True:
            await self._pass()
            try:
                answer = await attempt("chat.postMessage", self._send(channel, place, payload))
            except Limited as limited:
                self._gate.close(asyncio.get_running_loop().time(), limited.retry_after)
            except Away as away:
                failures += 1
                if away.unsure or failures > MOST_FAILURES:
                    raise
                await asyncio.sleep(backoff(failures))
            except SlackError as refusal:
                if refusal.code not in NOT_TAKEN or payload == plain(message):
                    raise
                log.error("Slack refused the blocks of a message (%s): posting its text", refusal.code)
                payload = plain(message)
            else:
                return self._posted(answer)

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Shows this as soon as the limits allow; a newer edit replaces a waiting one. `news` goes before the rest."""
        self.edits.edit(posted, message, news=news)

    async def settle(self, posted: Posted, message: Message) -> None:
        """The last edit of a run: goes before waiting edits and returns when Slack has it; raises SlackError."""
        await self.edits.settle(posted, message)

    async def permalink(self, posted: Posted) -> str:
        """A link to the message, or "" when Slack does not give one."""
        request = self._client.chat_getPermalink(channel=posted.channel, message_ts=posted.ts)
        try:
            answer = await attempt("chat.getPermalink", request)
        except SlackError as problem:
            log.warning("no link to a message: %s", problem)
            return ""
        return str(answer.get("permalink") or "")

    async def aclose(self, grace: float) -> int:
        """Sends what waits for up to `grace` seconds; gives how many messages lack their last edit."""
        return await self.edits.aclose(grace)

    async def _send(self, channel: str, place: Place, payload: dict[str, Any]) -> AsyncSlackResponse:
        thread: dict[str, Any] = {"thread_ts": place.thread, "reply_broadcast": place.broadcast} if place.thread else {}
        return await self._client.chat_postMessage(
            channel=channel, unfurl_links=False, unfurl_media=False, **thread, **payload
        )

    def _posted(self, answer: AsyncSlackResponse) -> Posted:
        posted = Posted(str(answer["channel"]), str(answer["ts"]))
        self.posts_sent += 1
        self.edits.posted(posted)
        return posted

    async def _pass(self) -> None:
        while True:
            wait = self._gate.open_at - asyncio.get_running_loop().time()
            if wait <= 0:
                return
            await asyncio.sleep(wait)
