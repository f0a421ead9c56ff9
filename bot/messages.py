"""What passes between the engine and a chat: who asked for what, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True)
class Message:
    """Something to show: Block Kit blocks, and `text` that states the outcome for notifications and screen readers."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()

    def payload(self) -> dict[str, Any]:
        """As chat.postMessage, chat.update and a response_url take it."""
        return {"text": self.text, "blocks": list(self.blocks)}


class Posted(NamedTuple):
    """Where a message stands: channel id and Slack's `ts`."""

    channel: str
    ts: str


@dataclass(frozen=True)
class Place:
    """Where in a channel a message goes.

    `thread` is the `ts` of the message whose thread it joins; `broadcast` shows a reply in the channel as well. `key`
    names the message for good: posted twice under one key, by whatever process, it is there once.
    """

    thread: str = ""
    broadcast: bool = False
    key: str = ""


CHANNEL = Place()
"""At the end of the channel, under no name."""


@dataclass(frozen=True)
class Asked:
    """A command as it arrived. `key` is the same for each delivery of the same command (Slack's trigger_id)."""

    user: str
    channel: str
    text: str
    key: str


@dataclass(frozen=True)
class Pressed:
    """A button as it was pressed: its action_id, the value that it carries, and the message it stands in."""

    user: str
    channel: str
    action: str
    value: str
    key: str
    posted: Posted | None


class Whisper(Protocol):
    """Answers the one person who asked (an ephemeral message). Never raises: a failure is logged."""

    async def say(self, message: Message) -> None: ...


class Board(Protocol):
    """Messages in channels, edited in place."""

    async def post(self, channel: str, message: Message, place: Place = CHANNEL) -> Posted:
        """Posts at once; raises `bot.errors.SlackError` when Slack refuses for good."""
        ...

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Shows this as soon as the limits allow; a newer edit replaces a waiting one. `news` goes before the rest."""
        ...

    async def settle(self, posted: Posted, message: Message) -> None:
        """The last edit of a run: goes before waiting edits and returns when Slack has it; raises SlackError."""
        ...

    async def permalink(self, posted: Posted) -> str:
        """A link to the message, or "" when Slack does not give one."""
        ...


class Files(Protocol):
    """Keeps pictures where messages can show them."""

    async def upload(self, name: str, content: bytes, *, title: str, alt: str) -> str:
        """The file's id, for an image block; raises `bot.errors.SlackError`.

        A board refuses the block with the code `invalid_blocks` as long as the file is not known everywhere.
        """
        ...


class Desk(Protocol):
    """Takes what people ask. Both return at once with the work handed to a task of its own, and never raise."""

    def command(self, asked: Asked, whisper: Whisper) -> None: ...

    def pressed(self, pressed: Pressed, whisper: Whisper) -> None: ...
