"""Answers to one person: the command's response_url first, chat.postEphemeral when that is used
up."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.language import ENGLISH, Localizer
from bot.messages import Message, Origin
from bot.slack.outbound.files import list_file_blocks, remove_file_blocks, send_with_files
from bot.slack.outbound.fit import fit_message
from bot.slack.outbound.queued_posts import MessageForm
from bot.slack.outbound.views import ModalReply, SlackViews
from bot.slack.webapi.client import find_proxy
from bot.slack.webapi.message_refusals import RefusalKind, classify_refusal
from bot.slack.webapi.web_api_errors import await_patiently

MOST_USES = 5
"""Uses of a response_url (Slack limit)."""

LIFETIME = 29 * 60.0
"""Seconds that a response_url is trusted: Slack's limit is 30 minutes from the command."""

PATIENCE = aiohttp.ClientTimeout(total=10.0, sock_connect=5.0)

log = logging.getLogger(__name__)


class EphemeralResponder:
    """Opens a reply for each command and button, in the channel's language."""

    def __init__(
        self, client: AsyncWebClient, session: aiohttp.ClientSession, say: Localizer = ENGLISH
    ) -> None:
        self.client, self.session, self.localize = client, session, say
        self.views = SlackViews(client, say)

    def open_channel_reply(
        self, user: str, channel: str, response_url: str = "", *, thread: str = ""
    ) -> EphemeralReply:
        """Return a reply to this person in this channel, or in the thread of message `thread`."""
        return EphemeralReply(
            self, user=user, place=Origin(channel, thread), response_url=response_url
        )

    def open_modal_reply(self, user: str, trigger: str, view: str, origin: Origin) -> ModalReply:
        """Return a reply in a modal, for a press where there is no channel.

        It is shown in the modal `view`, if the press came from there.
        """
        return ModalReply(self.views, user=user, trigger=trigger, view=view, origin=origin)


class EphemeralReply:
    """`bot.messages.Reply` for the one who typed or pressed, as an ephemeral message."""

    def __init__(
        self, ways: EphemeralResponder, *, user: str, place: Origin, response_url: str
    ) -> None:
        self._ways, self._user, self._url = ways, user, response_url
        self._channel = place.channel
        self._thread: dict[str, Any] = {"thread_ts": place.thread} if place.thread else {}
        self._uses = 0
        self._since = asyncio.get_running_loop().time()

    async def say(self, message: Message) -> None:
        """Show the message to this person alone; a failure is logged, never raised."""
        try:
            payload = fit_message(message, self._ways.localize)
            if list_file_blocks(payload["blocks"]):
                if await self._send_with_files(payload):
                    return
                payload = remove_file_blocks(payload)
            if not await self._send_by_response_url(payload):
                await self._send_by_web_api(message, payload)
        except Exception:
            # It runs in a task that nobody waits for; there is nobody left to tell but the log.
            log.exception("an answer to %s was lost", self._user)

    async def _send_with_files(self, payload: dict[str, Any]) -> bool:
        """Show a picture, and return False when Slack refuses it.

        Only a call with the bot's own token can show one.
        """
        send = partial(self._ways.client.chat_postEphemeral, channel=self._channel, user=self._user)
        try:
            await send_with_files("chat.postEphemeral", lambda p: send(**p), payload)
        except SlackError as problem:
            log.info("a picture is left out of an answer to %s: %s", self._user, problem)
            return False
        return True

    async def _send_by_response_url(self, payload: dict[str, Any]) -> bool:
        age = asyncio.get_running_loop().time() - self._since
        if (
            not self._url.startswith(("https://", "http://"))
            or self._uses >= MOST_USES
            or age > LIFETIME
        ):
            return False
        # Counted before the call: Slack counts one whose answer is lost too.
        self._uses += 1
        body = {"response_type": "ephemeral", "replace_original": False, **self._thread, **payload}
        try:
            async with self._ways.session.post(
                self._url, json=body, timeout=PATIENCE, proxy=find_proxy(self._url)
            ) as answer:
                if answer.status == 200:
                    return True
                log.info("response_url refused: %s %.80s", answer.status, await answer.text())
        except (aiohttp.ClientError, TimeoutError) as problem:
            log.info("response_url failed: %s", type(problem).__name__)
        return False

    async def _send_by_web_api(self, message: Message, payload: dict[str, Any]) -> None:
        form = MessageForm(in_thread=False, marked=False)
        while True:
            send = partial(
                self._ways.client.chat_postEphemeral,
                channel=self._channel,
                user=self._user,
                **self._thread,
                **payload,
            )
            try:
                await await_patiently("chat.postEphemeral", send)
                return
            except SlackError as problem:
                if not form.simplify(problem, payload):
                    await self._send_directly(message, problem)
                    return
                payload = form.build_payload(message, self._ways.localize)

    async def _send_directly(self, message: Message, problem: SlackError) -> None:
        """Send a direct message in place of an ephemeral one that the channel does not take.

        Slack shows ephemeral messages to members of the channel alone, and none in one that is
        archived.
        """
        if classify_refusal(problem.code) is RefusalKind.CHANNEL:
            await self._ways.views.send_direct_message(self._user, message)
            return
        log.warning("an answer to %s was lost: %s", self._user, problem)
