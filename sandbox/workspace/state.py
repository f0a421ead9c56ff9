"""State of the workspace: users, channels, messages with their history, views, and the
stream of changes.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sandbox.clock import Clock

Json = dict[str, Any]
SLACKBOT = "USLACKBOT"


@dataclass
class User:
    """A person or a bot of the team; `name` is what is typed after an @.

    `team` is another workspace, of someone with whom a channel is shared (Slack Connect).
    """

    id: str
    name: str
    real_name: str = ""
    is_bot: bool = False
    tz: str = "UTC"
    team: str = ""


@dataclass
class Group:
    """A user group, mentioned by its handle."""

    id: str
    handle: str
    members: list[str] = field(default_factory=list)


@dataclass
class Channel:
    """A public or private channel (C…), or a direct conversation (D…) of the people in
    `members`.

    `posting` is what Slack refuses the bot's messages with where an administrator restricted who
    may post, such as `restricted_action_read_only_channel`.
    """

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    posting: str = ""


@dataclass(frozen=True)
class Edit:
    """One earlier form of a message, and when it was replaced (wall seconds of the loop, and
    simulated time)."""

    text: str
    blocks: list[Json]
    replaced: datetime


@dataclass
class Message:
    """A message as it stands; `ephemeral_to` names the only person who sees it, "" when everyone
    does."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json]
    created: datetime
    thread_ts: str = ""
    broadcast: bool = False
    ephemeral_to: str = ""
    edits: list[Edit] = field(default_factory=list)
    edited_ts: str = ""
    deleted: bool = False
    metadata: Json | None = None
    files: list[Json] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    pinned: bool = False

    def is_visible_to(self, user: str) -> bool:
        """Tell whether this user sees the message."""
        return not self.deleted and self.ephemeral_to in ("", user)

    @property
    def is_reply(self) -> bool:
        """Tell whether it lies in another message's thread; with `broadcast`, in the channel as
        well.
        """
        return self.thread_ts not in ("", self.ts)


@dataclass
class View:
    """A modal on someone's screen, or their App Home."""

    id: str
    user: str
    body: Json
    hash: str
    root: str = ""
    previous: str = ""
    open: bool = True


@dataclass(frozen=True)
class Change:
    """One thing that happened in the workspace."""

    kind: Literal["posted", "edited", "deleted", "view"]
    message: Message | None = None
    view: View | None = None


class Changes:
    """A stream of changes from the moment it was made; close it, or leave its `with` block, when
    done."""

    def __init__(self, listeners: set[Changes]) -> None:
        self._queue: asyncio.Queue[Change] = asyncio.Queue()
        self._listeners = listeners
        listeners.add(self)

    def put(self, change: Change) -> None:
        """Add a change for the reader."""
        self._queue.put_nowait(change)

    def close(self) -> None:
        """End the subscription."""
        self._listeners.discard(self)

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Change:
        return await self._queue.get()

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def generate_id(prefix: str) -> str:
    """Return a new id as Slack makes them: a letter for the kind, then capitals and digits."""
    return prefix + secrets.token_hex(5).upper()


class State:
    """All that is in the workspace; every change to a message or view goes through here and to
    the listeners.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.team_id, self.team_name, self.team_domain = (
            "T0MESHTEAM",
            "Mesh workshop",
            "mesh-workshop",
        )
        self.app_id, self.bot_id = "A0MESHBOT", "B0MESHBOT"
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.files: dict[str, Json] = {}
        self._listeners: set[Changes] = set()
        self._last_ts = 0

    def watch_changes(self) -> Changes:
        """Return a new stream of changes."""
        return Changes(self._listeners)

    def notify_listeners(self, change: Change) -> None:
        """Send a change to every listener."""
        for listener in list(self._listeners):
            listener.put(change)

    def next_ts(self) -> str:
        """Return a message timestamp: simulated time in microseconds, never the same twice."""
        micros = max(int(self.clock.now().timestamp() * 1_000_000), self._last_ts + 1)
        self._last_ts = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"

    def get_user(self, name: str) -> User:
        """Return the user with this id or name.

        Raises LookupError for an unknown one.
        """
        wanted = name.removeprefix("@")
        for user in self.users.values():
            if wanted in (user.id, user.name):
                return user
        raise LookupError(f"no user {name} in this workspace")

    def find_channel(self, name: str) -> Channel | None:
        """Return the channel with this id or name, or None."""
        wanted = name.removeprefix("#")
        return next(
            (channel for channel in self.channels.values() if wanted in (channel.id, channel.name)),
            None,
        )

    def open_direct_channel(self, *users: str) -> Channel:
        """Return the direct conversation of these users, made when it is not there yet."""
        members = set(users)
        for channel in self.channels.values():
            if channel.is_im and channel.members == members:
                return channel
        channel = Channel(generate_id("D"), "directmessage", members, is_private=True, is_im=True)
        self.channels[channel.id] = channel
        return channel

    def post_message(self, message: Message) -> Message:
        """Put a message into its channel and return it."""
        message.blocks = assign_ids(message.blocks)
        self.messages[message.channel, message.ts] = message
        self.notify_listeners(Change("posted", message))
        return message

    def draft_message(
        self, channel: str, user: str, text: str, blocks: list[Json] | None = None
    ) -> Message:
        """Return a message that is not posted yet, with its timestamp."""
        return Message(channel, self.next_ts(), user, text, blocks or [], self.clock.now())

    def edit_message(self, message: Message, text: str | None, blocks: list[Json] | None) -> None:
        """Replace text and blocks (None leaves the one there) and keep the earlier form."""
        message.edits.append(Edit(message.text, message.blocks, self.clock.now()))
        if text is not None:
            message.text = text
        if blocks is not None:
            message.blocks = assign_ids(blocks)
        message.edited_ts = self.next_ts()
        self.notify_listeners(Change("edited", message))

    def delete_message(self, message: Message) -> None:
        """Delete a message."""
        message.deleted = True
        self.notify_listeners(Change("deleted", message))

    def list_visible_messages(self, user: str, channel: str = "") -> list[Message]:
        """Return the messages that this user sees, oldest first; in one channel, or in all."""
        return [
            message
            for message in self.messages.values()
            if message.is_visible_to(user) and channel in ("", message.channel)
        ]

    def serialize_message(self, message: Message) -> Json:
        """Return a message as the Web API and interaction payloads show it."""
        body: Json = {
            "type": "message",
            "user": message.user,
            "ts": message.ts,
            "team": self.team_id,
        }
        body["text"] = message.text
        if message.blocks:
            body["blocks"] = copy.deepcopy(message.blocks)
        if message.user in self.users and self.users[message.user].is_bot:
            body |= {"bot_id": self.bot_id, "app_id": self.app_id}
        body |= self._serialize_thread(message)
        if message.edited_ts:
            body["edited"] = {"user": message.user, "ts": message.edited_ts}
        for key, value in (("files", message.files), ("metadata", message.metadata)):
            if value:
                body[key] = value
        if message.reactions:
            body["reactions"] = [
                {"name": n, "users": u, "count": len(u)} for n, u in message.reactions.items()
            ]
        return body

    def list_replies(self, message: Message) -> list[Message]:
        """Return the replies in a message's thread that everyone sees, oldest first."""
        answers = (
            m
            for m in self.messages.values()
            if m.channel == message.channel and m.thread_ts == message.ts
        )
        return [m for m in answers if m.is_reply and not m.deleted and not m.ephemeral_to]

    def _serialize_thread(self, message: Message) -> Json:
        if message.is_reply:
            kind = {"subtype": "thread_broadcast"} if message.broadcast else {}
            return {"thread_ts": message.thread_ts, **kind}
        replies = self.list_replies(message)
        if not replies:
            return {"thread_ts": message.thread_ts} if message.thread_ts else {}
        users = list(dict.fromkeys(reply.user for reply in replies))
        counts = {
            "reply_count": len(replies),
            "reply_users": users,
            "reply_users_count": len(users),
        }
        return {"thread_ts": message.ts, **counts, "latest_reply": replies[-1].ts}


def assign_ids(blocks: Iterable[Json]) -> list[Json]:
    """Return a copy with a block_id for each block and an action_id for each interactive
    element.

    Slack assigns them in the same way.
    """
    result = copy.deepcopy(list(blocks))
    for block in result:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        holders = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        for element in holders:
            if (
                isinstance(element, dict)
                and block["type"] != "context"
                and block["type"] != "rich_text"
            ):
                element.setdefault("action_id", secrets.token_urlsafe(4))
    return result
