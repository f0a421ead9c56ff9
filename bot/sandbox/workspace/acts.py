"""What anyone may do in the workspace, by names instead of objects: shared by the workspace object and its page."""

from __future__ import annotations

import re
from typing import Any

from bot.sandbox.workspace.core import Core
from bot.sandbox.workspace.delivery import Typed
from bot.sandbox.workspace.methods.views import view_json
from bot.sandbox.workspace.people import People, unique_client_id
from bot.sandbox.workspace.replies import complain
from bot.sandbox.workspace.state import Channel, Message, View
from bot.slackrules import escape

Json = dict[str, Any]


class Acts:
    """Commands, clicks, submissions and messages of people known by name or id (LookupError for unknown ones)."""

    def __init__(self, core: Core, people: People) -> None:
        self._core, self._people = core, people

    def channel(self, name: str) -> Channel:
        """A channel by name or id; LookupError for an unknown one."""
        found = self._core.state.channel_named(name)
        if found is None:
            raise LookupError(f"no channel {name} in this workspace")
        return found

    async def command(self, user: str, channel: str, line: str) -> Typed:
        """Someone types a slash command; returns once it is acknowledged or has failed."""
        return await self._people.command(self._core.state.user_named(user), self.channel(channel), line)

    async def write(self, user: str, channel: str, line: str, thread: str = "") -> Typed:
        """Someone sends a line: a command, a mention of the bot, or plain talk; in a thread no command is possible."""
        if line.startswith("/") and thread:
            return self._misplaced(user, channel, line, thread)
        if line.startswith("/"):
            return await self.command(user, channel, line)
        message = self._speak(user, channel, self._referring(line), thread)
        if f"<@{self._core.bot.id}>" in message.text:
            return await self._tell(message)
        return Typed(message.user, message.channel, line)

    def _misplaced(self, user: str, channel: str, line: str, thread: str) -> Typed:
        person, place = self._core.state.user_named(user), self.channel(channel)
        text = f"{line.partition(' ')[0]} is not supported in threads. Sorry!"
        complain(self._core, place.id, person.id, text, thread=thread)
        return Typed(person.id, place.id, line, error="not_in_threads")

    async def click(
        self, user: str, message: Message, label: str, value: str | None = None, state: Json | None = None
    ) -> Typed:
        """Someone presses a button, by text or action_id; LookupError if it is not there."""
        return await self._people.click(self._core.state.user_named(user), message, label, value, state=state)

    async def click_view(
        self, user: str, view: View, label: str, value: str | None = None, state: Json | None = None
    ) -> Typed:
        """Someone presses a button or picks an option in a modal or in App Home."""
        return await self._people.click_view(self._core.state.user_named(user), view, label, value, state=state)

    async def submit_view(self, user: str, view: View, values: Json | None = None) -> Typed:
        """Someone submits a modal; `values` is state.values: block_id → action_id → value object."""
        return await self._people.submit(self._core.state.user_named(user), view, values or {})

    async def close_view(self, user: str, view: View, *, everything: bool = False) -> Typed:
        """Someone closes a modal without submitting it, or `everything` that is stacked in it."""
        return await self._people.close(self._core.state.user_named(user), view, everything=everything)

    async def say(self, user: str, channel: str, text: str, thread: str = "") -> Message:
        """Someone writes a plain message, of which the bot hears only if it is mentioned."""
        return self._speak(user, channel, escape(text), thread)

    def _speak(self, user: str, channel: str, text: str, thread: str) -> Message:
        state = self._core.state
        message = state.draft(self.channel(channel).id, state.user_named(user).id, text)
        if thread and (message.channel, thread) not in state.messages:
            raise LookupError(f"no message {thread} in this channel")
        message.thread_ts = thread
        return state.post(message)

    def _referring(self, line: str) -> str:
        """A line as Slack keeps it: escaped, with references for the names of people, groups and channels in it."""
        state = self._core.state
        known = {f"@{user.name}": f"<@{user.id}>" for user in state.users.values()}
        known |= {f"@{group.handle}": f"<!subteam^{group.id}>" for group in state.groups.values()}
        known |= {f"#{channel.name}": f"<#{channel.id}>" for channel in state.channels.values() if not channel.is_im}
        known |= {f"@{word}": f"<!{word}>" for word in ("here", "channel", "everyone")}
        return re.sub(r"(?<![\w@#])[@#][\w.-]*\w", lambda match: known.get(match[0], match[0]), escape(line))

    async def mention(self, user: str, channel: str, text: str, thread: str = "") -> Typed:
        """Someone writes a message that mentions the bot, in the channel or in the thread of that message."""
        return await self._tell(self._speak(user, channel, f"<@{self._core.bot.id}> {escape(text)}", thread))

    async def _tell(self, message: Message) -> Typed:
        body: Json = {"type": "app_mention", "user": message.user, "text": message.text, "ts": message.ts}
        body |= {"channel": message.channel, "event_ts": message.ts, "client_msg_id": unique_client_id()}
        if message.thread_ts:
            body["thread_ts"] = message.thread_ts
        return await self._people.event(self._core.state.users[message.user], body, message.channel)

    async def open_home(self, user: str) -> Typed:
        """Someone opens the app's Home tab, which has to be switched on in its manifest."""
        state = self._core.state
        person = state.user_named(user)
        if not self._core.installed.home:
            return Typed(person.id, "", "app_home_opened", error="home_tab_disabled")
        body: Json = {"type": "app_home_opened", "user": person.id, "tab": "home"}
        body |= {"channel": state.direct(self._core.bot.id, person.id).id, "event_ts": state.next_ts()}
        if person.id in state.homes:
            body["view"] = view_json(self._core, state.homes[person.id])
        return await self._people.event(person, body)
