"""What the workspace holds: people, channels, messages with their history, views, and the stream of changes to them."""

from __future__ import annotations

import asyncio
import copy
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bot.sandbox.clock import Clock

Json = dict[str, Any]
SLACKBOT = "USLACKBOT"


@dataclass
class User:
    """A person or a bot of the team; `name` is what is typed after an @."""

    id: str
    name: str
    real_name: str = ""
    is_bot: bool = False
    tz: str = "UTC"


@dataclass
class Group:
    """A user group, mentioned by its handle."""

    id: str
    handle: str
    members: list[str] = field(default_factory=list)


@dataclass
class Channel:
    """A public or private channel (C…), or a direct conversation (D…) of the people in `members`."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_private: bool = False
    is_im: bool = False


@dataclass(frozen=True)
class Edit:
    """One earlier form of a message, and when it was replaced (wall seconds of the loop, and simulated time)."""

    text: str
    blocks: list[Json]
    replaced: datetime


@dataclass
class Message:
    """A message as it stands; `ephemeral_to` names the only person who sees it, "" when everyone does."""

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

    def visible_to(self, user: str) -> bool:
        """Whether this person sees the message."""
        return not self.deleted and self.ephemeral_to in ("", user)

    @property
    def is_reply(self) -> bool:
        """Whether it lies in another message's thread; with `broadcast`, in the channel as well."""
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
    """A stream of changes from the moment it was made; close it, or leave its `with` block, when done."""

    def __init__(self, listeners: set[Changes]) -> None:
        self._queue: asyncio.Queue[Change] = asyncio.Queue()
        self._listeners = listeners
        listeners.add(self)

    def put(self, change: Change) -> None:
        """Adds a change for the reader."""
        self._queue.put_nowait(change)

    def close(self) -> None:
        """Ends the subscription."""
        self._listeners.discard(self)

    def waiting(self) -> bool:
        """Whether a change is there to be read at once."""
        return not self._queue.empty()

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Change:
        return await self._queue.get()

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def new_id(prefix: str) -> str:
    """An id in Slack's manner: a letter for the kind, then capitals and digits."""
    return prefix + secrets.token_hex(5).upper()


class State:
    """All that is in the workspace; every change to a message or view goes through here and is announced."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.team_id, self.team_name, self.team_domain = "T0MESHTEAM", "Mesh workshop", "mesh-workshop"
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

    def changes(self) -> Changes:
        """A new stream of changes."""
        return Changes(self._listeners)

    def announce(self, change: Change) -> None:
        """Tells every listener."""
        for listener in list(self._listeners):
            listener.put(change)

    def next_ts(self) -> str:
        """A message timestamp: simulated time in microseconds, never twice the same."""
        micros = max(int(self.clock.now().timestamp() * 1_000_000), self._last_ts + 1)
        self._last_ts = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"

    def user_named(self, name: str) -> User:
        """The user with this id or name; LookupError names an unknown one."""
        wanted = name.removeprefix("@")
        for user in self.users.values():
            if wanted in (user.id, user.name):
                return user
        raise LookupError(f"no user {name} in this workspace")

    def channel_named(self, name: str) -> Channel | None:
        """The channel with this id or name, if any."""
        wanted = name.removeprefix("#")
        return next((channel for channel in self.channels.values() if wanted in (channel.id, channel.name)), None)

    def direct(self, *users: str) -> Channel:
        """The direct conversation of these people, made when it is not there yet."""
        members = set(users)
        for channel in self.channels.values():
            if channel.is_im and channel.members == members:
                return channel
        channel = Channel(new_id("D"), "directmessage", members, is_private=True, is_im=True)
        self.channels[channel.id] = channel
        return channel

    def post(self, message: Message) -> Message:
        """Puts a message into its channel."""
        message.blocks = with_ids(message.blocks)
        self.messages[message.channel, message.ts] = message
        self.announce(Change("posted", message))
        return message

    def draft(self, channel: str, user: str, text: str, blocks: list[Json] | None = None) -> Message:
        """A message that is not posted yet, with its timestamp."""
        return Message(channel, self.next_ts(), user, text, blocks or [], self.clock.now())

    def edit(self, message: Message, text: str | None, blocks: list[Json] | None) -> None:
        """Replaces text and blocks (None leaves the one there) and keeps the earlier form."""
        message.edits.append(Edit(message.text, message.blocks, self.clock.now()))
        if text is not None:
            message.text = text
        if blocks is not None:
            message.blocks = with_ids(blocks)
        message.edited_ts = self.next_ts()
        self.announce(Change("edited", message))

    def delete(self, message: Message) -> None:
        """Takes a message away."""
        message.deleted = True
        self.announce(Change("deleted", message))

    def seen_by(self, user: str, channel: str = "") -> list[Message]:
        """The messages that this person sees, oldest first; in one channel, or in all."""
        return [
            message
            for message in self.messages.values()
            if message.visible_to(user) and channel in ("", message.channel)
        ]

    def message_json(self, message: Message) -> Json:
        """A message as the Web API and interaction payloads show it."""
        body: Json = {"type": "message", "user": message.user, "ts": message.ts, "team": self.team_id}
        body["text"] = message.text
        if message.blocks:
            body["blocks"] = copy.deepcopy(message.blocks)
        if message.user in self.users and self.users[message.user].is_bot:
            body |= {"bot_id": self.bot_id, "app_id": self.app_id}
        body |= self._thread_json(message)
        if message.edited_ts:
            body["edited"] = {"user": message.user, "ts": message.edited_ts}
        for key, value in (("files", message.files), ("metadata", message.metadata)):
            if value:
                body[key] = value
        if message.reactions:
            body["reactions"] = [{"name": n, "users": u, "count": len(u)} for n, u in message.reactions.items()]
        return body

    def replies(self, message: Message) -> list[Message]:
        """The replies in a message's thread that everyone sees, oldest first."""
        answers = (m for m in self.messages.values() if m.channel == message.channel and m.thread_ts == message.ts)
        return [m for m in answers if m.is_reply and not m.deleted and not m.ephemeral_to]

    def _thread_json(self, message: Message) -> Json:
        if message.is_reply:
            kind = {"subtype": "thread_broadcast"} if message.broadcast else {}
            return {"thread_ts": message.thread_ts, **kind}
        replies = self.replies(message)
        if not replies:
            return {"thread_ts": message.thread_ts} if message.thread_ts else {}
        users = list(dict.fromkeys(reply.user for reply in replies))
        counts = {"reply_count": len(replies), "reply_users": users, "reply_users_count": len(users)}
        return {"thread_ts": message.ts, **counts, "latest_reply": replies[-1].ts}


def with_ids(blocks: Iterable[Json]) -> list[Json]:
    """A copy in which each block has a block_id and each interactive element an action_id, as Slack gives them."""
    result = copy.deepcopy(list(blocks))
    for block in result:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        holders = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        for element in holders:
            if isinstance(element, dict) and block["type"] != "context" and block["type"] != "rich_text":
                element.setdefault("action_id", secrets.token_urlsafe(4))
    return result
