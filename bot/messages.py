"""What passes between the engine and a chat: who asked for what, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

WAITS = "~"
"""What the `ts` of a message begins with that Slack does not have yet."""


@dataclass(frozen=True)
class Message:
    """Something to show: Block Kit blocks, and `text` that states the outcome for notifications and screen readers."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()

    def payload(self) -> dict[str, Any]:
        """As chat.postMessage, chat.update and a response_url take it."""
        return {"text": self.text, "blocks": list(self.blocks)}


class Posted(NamedTuple):
    """Where a message stands: channel id and Slack's `ts`, or `~` and its number in the outbox until Slack has it."""

    channel: str
    ts: str

    @property
    def pending(self) -> bool:
        """True while Slack does not have the message yet."""
        return self.ts.startswith(WAITS)


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
class Letter:
    """A message as the outbox keeps it: what is wanted, in which version, and which version Slack has (0: none)."""

    number: int
    channel: str
    place: Place
    message: Message
    version: int = 1
    shown: int = 0
    ts: str = ""
    refused: str = ""

    @property
    def posted(self) -> Posted:
        """Where it stands, or will stand."""
        return Posted(self.channel, self.ts or f"{WAITS}{self.number}")


@dataclass(frozen=True)
class Asked:
    """A command as it arrived. `key` is the same for each delivery of one command (Slack's trigger_id or event_id).

    `thread` is the `ts` of the message whose thread it was typed in. `trigger` lets a modal be opened within three
    seconds, "" where none can be. `away`: it was asked where its run will not be seen, in App Home or in a modal, and
    then `view` is the modal's id.
    """

    user: str
    channel: str
    text: str
    key: str
    thread: str = ""
    trigger: str = ""
    away: bool = False
    view: str = ""


@dataclass(frozen=True)
class Pressed:
    """A button as it was pressed: its action_id, the value that it carries, and the message it stands in.

    `thread` is the `ts` of the message whose thread that message is in. In App Home and in a modal there is no message;
    `view` is the modal's id, and `channel` the one that the modal was opened for, if any. `key` is the trigger too.
    """

    user: str
    channel: str
    action: str
    value: str
    key: str
    posted: Posted | None
    thread: str = ""
    view: str = ""
    away: bool = False


@dataclass(frozen=True)
class Origin:
    """Where a modal was opened from, which is where what comes of it goes; `note` is the engine's own."""

    channel: str = ""
    thread: str = ""
    note: str = ""


NOWHERE = Origin()
"""Of a modal that leads to nothing in a channel."""


@dataclass(frozen=True)
class Submitted:
    """A modal as it was submitted: which one, and each input's values by its block_id."""

    user: str
    name: str
    answers: Mapping[str, tuple[str, ...]]
    key: str
    origin: Origin = NOWHERE


@dataclass(frozen=True)
class Modal:
    """A window over the chat. `name` comes back when it is submitted; without `submit` it can only be closed."""

    title: str
    blocks: tuple[dict[str, Any], ...]
    name: str = ""
    submit: str = ""
    close: str = "Close"
    origin: Origin = NOWHERE


class Shown(NamedTuple):
    """A modal on someone's screen: its id, and Slack's `hash` of what it holds."""

    view: str
    hash: str


class Screens(Protocol):
    """What a person alone has before them: modals, and the app's Home tab. All raise `bot.errors.SlackError`."""

    async def open(self, trigger: str, modal: Modal, *, over: str = "") -> Shown:
        """Opens a modal for whoever made the trigger within the last three seconds; in place of `over`, if named."""
        ...

    async def update(self, shown: Shown, modal: Modal) -> None:
        """Puts other content into a modal, unless it was closed or changed meanwhile."""
        ...

    async def publish(self, user: str, blocks: tuple[dict[str, Any], ...]) -> None:
        """Shows these blocks in that person's Home tab, now and when they open it again."""
        ...


class Whisper(Protocol):
    """Answers the one person who asked (an ephemeral message). Never raises: a failure is logged."""

    async def say(self, message: Message) -> None: ...


class Outbox(Protocol):
    """Messages that are kept until Slack has them. All raise `bot.errors.LedgerError`."""

    async def enter(self, channel: str, message: Message, place: Place) -> tuple[Letter, bool]:
        """Keeps a message that is to be posted, in this process's hands; with an earlier one of that name, that one.
        The flag tells whether it is new."""
        ...

    async def want(self, posted: Posted, message: Message) -> Letter | None:
        """Keeps what that message is to show from now on; None when the outbox does not know the message."""
        ...

    async def delivered(self, letter: Letter, posted: Posted) -> None:
        """Slack has the letter's version, there."""
        ...

    async def refuse(self, letter: Letter, code: str) -> None:
        """Slack refused the letter's version for good."""
        ...

    async def waiting(self) -> list[Letter]:
        """What is in this process's hands and not shown as wanted, the oldest first."""
        ...

    async def find(self, posted: Posted) -> Letter | None:
        """The message there."""
        ...


class Board(Protocol):
    """Messages in channels, edited in place."""

    async def post(self, channel: str, message: Message, place: Place = CHANNEL) -> Posted:
        """Posts at once, or, while Slack is away, as soon as it is back: then what is given is `pending`, and is good
        for everything below. Raises `bot.errors.SlackError` when Slack refuses for good."""
        ...

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Shows this as soon as the limits allow; a newer edit replaces a waiting one. `news` goes before the rest."""
        ...

    async def settle(self, posted: Posted, message: Message) -> None:
        """The last edit of a run: goes before waiting edits, and is not lost when this process dies. Returns when Slack
        has it, or when Slack is away and it is kept for later; raises SlackError when Slack refuses."""
        ...

    def forget(self, posted: Posted) -> None:
        """Drops what waits to be shown there: the message is another process's now."""
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
    """Takes what people ask. All but `faults` return at once with the work handed to a task; none raises."""

    def command(self, asked: Asked, whisper: Whisper) -> None:
        """A command, or what was said to the bot by its name."""
        ...

    def pressed(self, pressed: Pressed, whisper: Whisper) -> None:
        """A button."""
        ...

    def opened(self, user: str) -> None:
        """Someone opened the app's Home tab."""
        ...

    def faults(self, submitted: Submitted) -> dict[str, str]:
        """What is wrong with which input of a modal, by block_id; asks nobody, for it stands before the
        acknowledgement."""
        ...

    def submitted(self, submitted: Submitted, whisper: Whisper) -> None:
        """A modal without faults."""
        ...
