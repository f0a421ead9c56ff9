"""What anyone may do in the workspace, by names instead of objects: shared by the workspace object and its page."""

from __future__ import annotations

from typing import Any

from bot.sandbox.workspace.core import Core
from bot.sandbox.workspace.delivery import Typed
from bot.sandbox.workspace.people import People, unique_client_id
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

    async def write(self, user: str, channel: str, line: str) -> Typed:
        """Someone sends a line: a command, a mention of the bot, or plain talk."""
        mention = f"@{self._core.bot.name}"
        if line.startswith("/"):
            return await self.command(user, channel, line)
        if mention in line:
            return await self.mention(user, channel, line.replace(mention, "", 1).strip())
        message = await self.say(user, channel, line)
        return Typed(message.user, message.channel, line)

    async def click(
        self, user: str, message: Message, label: str, value: str | None = None, state: Json | None = None
    ) -> Typed:
        """Someone presses a button, by text or action_id; LookupError if it is not there."""
        return await self._people.click(self._core.state.user_named(user), message, label, value, state=state)

    async def click_view(self, user: str, view: View, label: str, value: str | None = None) -> Typed:
        """Someone presses a button in a modal or in App Home."""
        return await self._people.click_view(self._core.state.user_named(user), view, label, value)

    async def submit_view(self, user: str, view: View, values: Json | None = None) -> Typed:
        """Someone submits a modal; `values` is state.values: block_id → action_id → value object."""
        return await self._people.submit(self._core.state.user_named(user), view, values or {})

    async def close_view(self, user: str, view: View) -> Typed:
        """Someone closes a modal without submitting it."""
        return await self._people.close(self._core.state.user_named(user), view)

    async def say(self, user: str, channel: str, text: str) -> Message:
        """Someone writes a plain message, of which the bot hears only if it is mentioned."""
        return self._speak(user, channel, escape(text))

    def _speak(self, user: str, channel: str, text: str) -> Message:
        state = self._core.state
        return state.post(state.draft(self.channel(channel).id, state.user_named(user).id, text))

    async def mention(self, user: str, channel: str, text: str) -> Typed:
        """Someone writes a message that mentions the bot."""
        message = self._speak(user, channel, f"<@{self._core.bot.id}> {escape(text)}")
        body: Json = {"type": "app_mention", "user": message.user, "text": message.text, "ts": message.ts}
        body |= {"channel": message.channel, "event_ts": message.ts, "client_msg_id": unique_client_id()}
        return await self._people.event(self._core.state.user_named(user), body, message.channel)

    async def open_home(self, user: str) -> Typed:
        """Someone opens the app's Home tab."""
        state = self._core.state
        person = state.user_named(user)
        body: Json = {"type": "app_home_opened", "user": person.id, "tab": "home"}
        body |= {"channel": state.direct(self._core.bot.id, person.id).id, "event_ts": state.next_ts()}
        return await self._people.event(person, body)
