"""The message of one run, from its first words to its last."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from bot.errors import SlackError
from bot.language import Localizer
from bot.messages import ChannelMessages, Message, Posted
from bot.ports import Part
from bot.text import EMPTY, Text
from bot.view import result_messages
from bot.view.result_messages import Heading, RunProgress

log = logging.getLogger(__name__)
T = TypeVar("T")

HEARTBEAT = 10.0
"""Seconds after which a message that says nothing new shows at least how long the run has taken."""


class ProgressMessage:
    """The message of one run.

    It is the step's `Progress`: what is said here is shown as soon as the limits allow.
    """

    def __init__(
        self,
        render: Localizer,
        channel_messages: ChannelMessages,
        posted: Posted,
        heading: Heading,
        *,
        started: float,
    ) -> None:
        self._render, self._channel_messages = render, channel_messages
        self.posted, self._heading, self._started = posted, heading, started
        self._text: Text = EMPTY
        self._parts = dict[Text, Part]()
        self.over = False

    @property
    def heading(self) -> Heading:
        """The heading with the time taken so far."""
        return replace(self._heading, seconds=max(0.0, time.time() - self._started))

    def say(self, text: Text) -> None:
        """Say what is being done now."""
        self._text = text
        self.refresh()

    def part(self, part: Part) -> None:
        """Report one component's state."""
        before = self._parts.get(part.name)
        if before != part:
            self._parts[part.name] = part
            self.refresh(news=part.done and not (before and before.done))

    def refresh(self, *, news: bool = False) -> None:
        """Edit the message with the present state; do nothing once the run is over.

        `news` marks an edit that goes before others, such as a part that got ready.
        """
        if not self.over:
            progress = RunProgress(self._text, tuple(self._parts.values()))
            shown = result_messages.render_running(self._render, self.heading, progress)
            self._channel_messages.edit(self.posted, shown, news=news)

    def abandon(self) -> None:
        """Show nothing more, because another process has the message now."""
        self.over = True
        self._channel_messages.forget(self.posted)

    async def refresh_periodically(self) -> None:
        """Refresh the time taken every ten seconds until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            self.refresh()

    async def show_final(self, message: Message) -> bool:
        """Make the last edit; return False when Slack refused it for good."""
        # First, for an edit that came now would wait behind the end and replace it.
        self.over = True
        try:
            await self._channel_messages.settle(self.posted, message)
        except SlackError as problem:
            log.error("the end of run %s could not be shown: %s", self._heading.run, problem)
            return False
        return True


async def run_with_heartbeat(message: ProgressMessage, work: Callable[[], Awaitable[T]]) -> T:
    """Do the work while the message's time is refreshed periodically."""
    heartbeat = asyncio.create_task(message.refresh_periodically())
    try:
        return await work()
    finally:
        heartbeat.cancel()
        await asyncio.gather(heartbeat, return_exceptions=True)
