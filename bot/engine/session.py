"""The message of one run, from its first words to its last."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from bot import blocks
from bot.blocks import Doing, Heading
from bot.engine.fence import Touched
from bot.errors import SlackError
from bot.messages import Board, Message, Posted
from bot.ports import Part

log = logging.getLogger(__name__)
T = TypeVar("T")

HEARTBEAT = 10.0
"""Seconds after which a message that says nothing new shows at least how long the run has taken."""


class Session:
    """The message of one run. It is the step's `Progress`: what is said here is shown as soon as the limits allow."""

    def __init__(self, board: Board, posted: Posted, heading: Heading, *, started: float) -> None:
        self._board, self.posted, self._heading, self._started = board, posted, heading, started
        self._text, self._parts = "", dict[str, Part]()
        self.over = False
        self.notes: set[Touched] = set()

    @property
    def heading(self) -> Heading:
        """The heading with the time taken so far."""
        return replace(self._heading, seconds=max(0.0, time.time() - self._started))

    def say(self, text: str) -> None:
        """What is being done now."""
        self._text = text
        self.show()

    def part(self, part: Part) -> None:
        """One component's state."""
        before = self._parts.get(part.name)
        if before != part:
            self._parts[part.name] = part
            self.show(news=part.done and not (before and before.done))

    def show(self, *, news: bool = False) -> None:
        """Edits the message; nothing once the run is over. That a part got ready is news."""
        if not self.over:
            doing = Doing(self._text, tuple(self._parts.values()))
            self._board.edit(self.posted, blocks.running(self.heading, doing), news=news)

    def leave(self) -> None:
        """Shows nothing more: the message is another process's now."""
        self.over = True
        self._board.forget(self.posted)

    async def beat(self) -> None:
        """Keeps the time taken fresh until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            self.show()

    async def settle(self, message: Message) -> bool:
        """The last edit; False when Slack refused it for good."""
        self.over = True
        try:
            await self._board.settle(self.posted, message)
        except SlackError as problem:
            log.error("the end of run %s could not be shown: %s", self._heading.run, problem)
            return False
        return True


async def with_heartbeat(session: Session, work: Callable[[], Awaitable[T]]) -> T:
    """Does the work while the session's message keeps time."""
    beat = asyncio.create_task(session.beat())
    try:
        return await work()
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)
