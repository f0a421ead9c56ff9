"""Values and Protocols between the engine and a chat: requests, and messages to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

WAITS = "~"
"""What the `ts` of a message begins with that Slack does not have yet."""


@dataclass(frozen=True)
class Message:
    """Content to show: Block Kit blocks, and `text` that states the outcome.

    Slack shows `text` in notifications, and screen readers read it. `details` are blocks that
    stand in no channel: a button of the message opens them in a modal, and the outbox keeps them.
    """

    text: str
    blocks: tuple[dict[str, Any], ...] = ()
    details: tuple[dict[str, Any], ...] = ()

    def to_payload(self) -> dict[str, Any]:
        """Return the message as chat.postMessage, chat.update and a response_url take it."""
        return {"text": self.text, "blocks": list(self.blocks)}

    def to_kept(self) -> dict[str, Any]:
        """Return the message as the outbox keeps it: with its details."""
        kept = self.to_payload()
        return {**kept, "details": list(self.details)} if self.details else kept


class Posted(NamedTuple):
    """Address of a message: channel id and Slack's `ts`.

    Until Slack has the message, `ts` is `~` and its number in the outbox.
    """

    channel: str
    ts: str

    @property
    def is_pending(self) -> bool:
        """Tell whether Slack does not have the message yet."""
        return self.ts.startswith(WAITS)


@dataclass(frozen=True)
class Place:
    """Position in a channel where a message goes.

    `thread` is the `ts` of the message whose thread it joins; `broadcast` shows a reply
    in the channel as well. `key` names the message for good: posted twice under one
    key, by whatever process, it is there once.
    """

    thread: str = ""
    broadcast: bool = False
    key: str = ""


CHANNEL = Place()
"""At the end of the channel, under no name."""


@dataclass(frozen=True)
class OutboxEntry:
    """A message as the outbox keeps it.

    `message` is what it is to show, in which `version`; `shown` is the version that
    Slack has (0: none). `refused` is the code with which Slack refused it for good, `held`
    the one with which its channel takes nothing for now. `created` is in seconds of the epoch.
    """

    number: int
    channel: str
    place: Place
    message: Message
    version: int = 1
    shown: int = 0
    ts: str = ""
    refused: str = ""
    held: str = ""
    created: float = 0.0

    @property
    def posted(self) -> Posted:
        """The address of the message, or the one it will have."""
        return Posted(self.channel, self.ts or f"{WAITS}{self.number}")

    @property
    def marker(self) -> str:
        """What tells this message from all others, also from those of another database."""
        return f"{self.number}-{self.created:.6f}"

    def at_version(self, version: int) -> OutboxEntry:
        """Return this entry as of another version."""
        return replace(self, version=version)


@dataclass(frozen=True)
class UndeliveredMessage:
    """A message that Slack does not show as wanted, and Slack's code for that.

    `kept`: it is shown when it can be; `everywhere`: Slack takes nothing at all from the bot.
    """

    entry: OutboxEntry
    code: str
    kept: bool
    everywhere: bool = False


@dataclass(frozen=True)
class Command:
    """A command as it arrived.

    `key` is the same for each delivery of one command (Slack's trigger_id, or the message).
    `thread` is the `ts` of the message whose thread it was typed in. `trigger` lets a
    modal be opened within three seconds, "" where none can be. `away`: it was asked
    where its run will not be seen, in App Home or in a modal, and then `view` is the
    modal's id. `about` are the `ts` of the messages that it may be about, the likeliest
    first: that of its thread, or those of the message whose shortcut was chosen. `stranger`
    is the workspace or organization of someone whose people the bot does not serve.
    """

    user: str
    channel: str
    text: str
    key: str
    thread: str = ""
    trigger: str = ""
    away: bool = False
    view: str = ""
    about: tuple[str, ...] = ()
    stranger: str = ""


@dataclass(frozen=True)
class ButtonPress:
    """A button as it was pressed: its action_id, the value that it carries, and the message it
    stands in.

    `thread` is the `ts` of the message whose thread that message is in. In App Home and in a modal
    there is no message; `view` is the modal's id, and `channel` the one that the modal was opened
    for, if any. `away`: it is answered in a modal, because it was pressed there or in App Home, or
    asks for one. `key` is the trigger too, `stranger` as in a command.
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
    stranger: str = ""


@dataclass(frozen=True)
class Origin:
    """Place where a modal was opened from; results of the modal go there.

    `note` is the engine's own.
    """

    channel: str = ""
    thread: str = ""
    note: str = ""


NOWHERE = Origin()
"""Of a modal that leads to nothing in a channel."""


@dataclass(frozen=True)
class FormSubmission:
    """A modal as it was submitted: its name, and each input's values by block_id; `stranger` as in
    a command."""

    user: str
    name: str
    answers: Mapping[str, tuple[str, ...]]
    key: str
    origin: Origin = NOWHERE
    stranger: str = ""


@dataclass(frozen=True)
class Modal:
    """A window over the chat. `name` comes back when it is submitted; without `submit` it can only
    be closed. `close` is the label of the button for that, "" for the usual one."""

    title: str
    blocks: tuple[dict[str, Any], ...]
    name: str = ""
    submit: str = ""
    close: str = ""
    origin: Origin = NOWHERE


class OpenModal(NamedTuple):
    """A modal on someone's screen: its id, and Slack's `hash` of its content."""

    view: str
    hash: str


class Views(Protocol):
    """Modals and the app's Home tab of one person. All raise `bot.errors.SlackError`."""

    async def open(self, trigger: str, modal: Modal, *, over: str = "") -> OpenModal:
        """Open a modal for the person who made the trigger within the last three seconds.

        It replaces the modal `over`, if one is named.
        """
        ...

    async def update(self, shown: OpenModal, modal: Modal) -> None:
        """Replace the content of a modal, unless it was closed or changed meanwhile."""
        ...

    async def publish(self, user: str, blocks: tuple[dict[str, Any], ...]) -> None:
        """Show these blocks in that person's Home tab, now and when they open it again."""
        ...


class Reply(Protocol):
    """Answers the one person who asked (an ephemeral message).

    Never raises: a failure is logged.
    """

    async def say(self, message: Message) -> None: ...


class Outbox(Protocol):
    """Messages that are kept until Slack has them. All raise `bot.errors.LedgerError`."""

    async def enter(self, channel: str, message: Message, place: Place) -> tuple[OutboxEntry, bool]:
        """Keep a message that this process is to post.

        When one with that key was entered before, return that one. The flag tells whether
        it is new.
        """
        ...

    async def want(self, posted: Posted, message: Message) -> OutboxEntry | None:
        """Keep the content that a message is to show from now on.

        Return None when the outbox does not know the message.
        """
        ...

    async def delivered(self, entry: OutboxEntry, posted: Posted) -> None:
        """Note that Slack has this version of the message, and its address."""
        ...

    async def refuse(self, entry: OutboxEntry, code: str) -> None:
        """Note that Slack refused this version of the message for good."""
        ...

    async def hold(self, entry: OutboxEntry, code: str) -> None:
        """Note that the channel takes no messages for now; the message waits on."""
        ...

    async def waiting(self) -> list[OutboxEntry]:
        """Return this process's messages that Slack does not show as wanted, the oldest first."""
        ...

    async def find(self, posted: Posted) -> OutboxEntry | None:
        """Return the message at that address, None when the outbox does not know it."""
        ...


class ChannelMessages(Protocol):
    """Messages in channels, edited in place."""

    async def post(
        self, channel: str, message: Message, place: Place = CHANNEL, *, keep: bool = False
    ) -> Posted:
        """Post a message at once, or, while Slack is away, as soon as it is back.

        In the second case the address that is returned is pending; it can be used for
        everything below. Raises `bot.errors.SlackError` when Slack refuses; with `keep` a
        message that the channel or the workspace does not take for now waits instead.
        """
        ...

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Show this as soon as the limits allow; a newer edit replaces a waiting one.

        An edit with `news` goes before the others.
        """
        ...

    async def settle(self, posted: Posted, message: Message) -> None:
        """Make the last edit of a run.

        It goes before waiting edits, and is not lost when this process dies. Returns when
        Slack has it, or when it is kept for later because Slack is away or the channel takes
        nothing; where the message is gone, a new one shows it. Raises SlackError when Slack
        refuses what could not be kept.
        """
        ...

    def forget(self, posted: Posted) -> None:
        """Drop the edits that wait for a message, because another process has it now."""
        ...

    async def permalink(self, posted: Posted) -> str:
        """Return a link to the message, or "" when Slack does not give one."""
        ...


class Files(Protocol):
    """Uploads pictures so that messages can show them."""

    async def upload(self, name: str, content: bytes, *, title: str, alt: str) -> str:
        """Upload a file and return its id, for an image block.

        Raises `bot.errors.SlackError`. Until Slack knows the file everywhere, posting the
        block is refused with the code `invalid_blocks`.
        """
        ...

    async def share(self, name: str, content: bytes, *, title: str, thread: Posted) -> None:
        """Upload a file into the thread of a message. Raises `bot.errors.SlackError`."""
        ...


class People(Protocol):
    """Names of people. Never raises."""

    async def find_name(self, user: str) -> str:
        """Return the name that a person shows, "" when it is not known."""
        ...


class CommandRouter(Protocol):
    """Takes the commands, buttons and forms of people.

    All methods but `faults` return at once, with the work handed to a task; none
    raises.
    """

    def command(self, asked: Command, reply: Reply) -> None:
        """Take a command, or a message that mentions the bot."""
        ...

    def pressed(self, pressed: ButtonPress, reply: Reply) -> None:
        """Take a button that was pressed."""
        ...

    def opened(self, user: str) -> None:
        """Note that this user opened the app's Home tab."""
        ...

    def joined(self, channel: str, key: str) -> None:
        """Note that the bot was invited to this channel; `key` is the same for each delivery."""
        ...

    def faults(self, submitted: FormSubmission) -> dict[str, str]:
        """Return the faults of a submitted modal's inputs, by block_id.

        It does no I/O, for it runs before the acknowledgement.
        """
        ...

    def submitted(self, submitted: FormSubmission, reply: Reply) -> None:
        """Take a modal that was submitted without faults."""
        ...
