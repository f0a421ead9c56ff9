"""Messages that are to be posted, in the forms in which Slack may take them."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from bot.errors import SlackError
from bot.language import Localizer
from bot.messages import Message, OutboxEntry, Place, Posted
from bot.slack.outbound.files import list_file_blocks
from bot.slack.outbound.fit import build_plain_payload, fit_message
from bot.slack.webapi.message_refusals import (
    METADATA,
    RefusalKind,
    classify_refusal,
    may_be_of_content,
)

SHORTEST = 900
"""Characters of a message whose text alone was refused: Slack counts some of them as several."""


@dataclass(eq=False)
class QueuedPost:
    """A message that Slack does not have yet. `message`, with its `entry`, may change until Slack
    takes it; `edit` is to be shown after that.

    `waiting` counts those who wait to hear what became of it; with `keep` a channel that takes
    nothing just now is no reason to give it up. `doubtful`: it may have been posted already,
    `since` its first try (seconds of the epoch).
    `calling` while Slack is asked, `answered` once it is decided: only then may it be noted.
    `dropped` is set when this process is to leave it alone; `taken` is where it stands.
    """

    channel: str
    message: Message
    place: Place
    entry: OutboxEntry | None
    done: asyncio.Future[Posted]
    edit: Message | None = None
    news: bool = False
    keep: bool = False
    doubtful: bool = False
    waiting: int = 0
    calling: bool = False
    answered: bool = False
    dropped: asyncio.Event = field(default_factory=asyncio.Event)
    taken: Posted | None = None
    since: float = field(default_factory=time.time)
    _marker: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def marker(self) -> str:
        """What tells this message from all others, the same in each process that posts it."""
        return self.entry.marker if self.entry is not None else self._marker


@dataclass(frozen=True)
class AcceptedPost:
    """A post that Slack accepted: where it stands, the message, and its entry."""

    posted: Posted
    message: Message
    entry: OutboxEntry | None


class PostDropped(Exception):
    """This process is to leave a post to another one."""


@dataclass
class MessageForm:
    """The form in which a message is tried; each refusal leaves out what it was about."""

    text_only: bool = False
    short: bool = False
    in_thread: bool = True
    marked: bool = True

    def build_payload(self, message: Message, say: Localizer) -> dict[str, Any]:
        """Return the message in this form."""
        if self.short:
            return build_plain_payload(message, most=SHORTEST)
        return build_plain_payload(message) if self.text_only else fit_message(message, say)

    def simplify(self, refusal: SlackError, payload: dict[str, Any]) -> bool:
        """Leave out what was refused; return False when nothing is left to leave out."""
        code, kind = refusal.code, classify_refusal(refusal.code)
        if code in METADATA and self.marked:
            self.marked = False
            return True
        if kind is RefusalKind.THREAD and self.in_thread:
            self.in_thread = False
            return True
        # Of a file, Slack may only not know it yet: who shows it tries again.
        if not may_be_of_content(code) or list_file_blocks(payload["blocks"]):
            return False
        if not self.text_only:
            self.text_only = True
            return True
        if kind is RefusalKind.CONTENT and not self.short:
            self.short = True
            return True
        return False
