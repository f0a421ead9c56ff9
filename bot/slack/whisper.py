"""Answers to one person: the command's response_url first, chat.postEphemeral when that is used up."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.language import ENGLISH, Tongue
from bot.messages import Message, Origin
from bot.slack.calls import attempt
from bot.slack.client import proxy_for
from bot.slack.files import files_in, showing, without_files
from bot.slack.fitting import fit
from bot.slack.screens import ScreenWhisper, SlackScreens

MOST_USES = 5
"""Uses of a response_url (Slack limit)."""

LIFETIME = 29 * 60.0
"""Seconds that a response_url is trusted: Slack's limit is 30 minutes from the command."""

PATIENCE = aiohttp.ClientTimeout(total=10.0, sock_connect=5.0)

log = logging.getLogger(__name__)


class Ephemera:
    """Makes a whisper for each command and button, which speaks in that tongue."""

    def __init__(self, client: AsyncWebClient, session: aiohttp.ClientSession, tongue: Tongue = ENGLISH) -> None:
        self.client, self.session, self.tongue = client, session, tongue
        self.screens = SlackScreens(client, tongue)

    def to(self, user: str, channel: str, response_url: str = "", *, thread: str = "") -> SlackWhisper:
        """A whisper to this person in this channel, or in the thread of its message `thread`."""
        return SlackWhisper(self, user=user, place=Origin(channel, thread), response_url=response_url)

    def before(self, user: str, trigger: str, view: str, origin: Origin) -> ScreenWhisper:
        """An answer in a modal, for a press where there is no channel; in the modal `view`, if it was there."""
        return ScreenWhisper(self.screens, user=user, trigger=trigger, view=view, origin=origin)


class SlackWhisper:
    """`bot.messages.Whisper` for the one who typed or pressed."""

    def __init__(self, ways: Ephemera, *, user: str, place: Origin, response_url: str) -> None:
        self._ways, self._user, self._url = ways, user, response_url
        self._channel = place.channel
        self._thread: dict[str, Any] = {"thread_ts": place.thread} if place.thread else {}
        self._uses = 0
        self._since = asyncio.get_running_loop().time()

    async def say(self, message: Message) -> None:
        """Shows it to this person alone; a failure is logged, never raised."""
        try:
            payload = fit(self._ways.tongue.message(message))
            if files_in(payload["blocks"]):
                if await self._with_files(payload):
                    return
                payload = without_files(payload)
            if not await self._by_url(payload):
                await self._by_method(message, payload)
        except Exception:
            log.exception("an answer to %s was lost", self._user)

    async def _with_files(self, payload: dict[str, Any]) -> bool:
        """Shows a picture, which only a call with the bot's own token can; False when Slack refuses it."""
        send = partial(self._ways.client.chat_postEphemeral, channel=self._channel, user=self._user)
        try:
            await showing("chat.postEphemeral", lambda p: send(**p), payload)
        except SlackError as problem:
            log.info("a picture is left out of an answer to %s: %s", self._user, problem)
            return False
        return True

    async def _by_url(self, payload: dict[str, Any]) -> bool:
        age = asyncio.get_running_loop().time() - self._since
        if not self._url.startswith(("https://", "http://")) or self._uses >= MOST_USES or age > LIFETIME:
            return False
        self._uses += 1
        body = {"response_type": "ephemeral", "replace_original": False, **self._thread, **payload}
        try:
            async with self._ways.session.post(
                self._url, json=body, timeout=PATIENCE, proxy=proxy_for(self._url)
            ) as answer:
                if answer.status == 200:
                    return True
                log.info("response_url refused: %s %.80s", answer.status, await answer.text())
        except (aiohttp.ClientError, TimeoutError) as problem:
            log.info("response_url failed: %s", type(problem).__name__)
        return False

    async def _by_method(self, message: Message, payload: dict[str, Any]) -> None:
        request = self._ways.client.chat_postEphemeral(
            channel=self._channel, user=self._user, **self._thread, **payload
        )
        try:
            await attempt("chat.postEphemeral", request)
        except SlackError as problem:
            if problem.code == "user_not_in_channel":
                await self._ways.screens.write(self._user, message)
                return
            log.warning("an answer to %s was lost: %s", self._user, problem)
