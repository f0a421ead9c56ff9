"""Actions of the workspace's users, by names instead of objects; the workspace object and
its page use them.
"""

from __future__ import annotations

import re
from typing import Any

from bot.slackrules import escape
from sandbox.workspace.channel_actions import send_mention_event
from sandbox.workspace.core import Core
from sandbox.workspace.delivery import ActionResult
from sandbox.workspace.interactions import InteractionSender
from sandbox.workspace.links import escape_and_link
from sandbox.workspace.methods.views import serialize_view
from sandbox.workspace.replies import post_slackbot_notice
from sandbox.workspace.state import Channel, Message, View

Json = dict[str, Any]


class UserActions:
    """Sends commands, clicks, shortcuts, submissions and messages of users known by name or id.

    Raises LookupError for unknown users and channels.
    """

    def __init__(self, core: Core, people: InteractionSender) -> None:
        self._core, self._people = core, people

    def get_channel(self, name: str) -> Channel:
        """Return a channel by name or id.

        Raises LookupError for an unknown one.
        """
        found = self._core.state.find_channel(name)
        if found is None:
            raise LookupError(f"no channel {name} in this workspace")
        return found

    async def send_command(self, user: str, channel: str, line: str) -> ActionResult:
        """Send a slash command; return once it is acknowledged or has failed."""
        return await self._people.send_command(
            self._core.state.get_user(user), self.get_channel(channel), line
        )

    async def send_line(self, user: str, channel: str, line: str, thread: str = "") -> ActionResult:
        """Send a line as it is typed: a command, a mention of the bot, or plain talk.

        Slack refuses commands in a thread, and offers nothing to type into in an archived channel.
        """
        place = self.get_channel(channel)
        if place.is_archived:
            person = self._core.state.get_user(user)
            return ActionResult(person.id, place.id, line, error="is_archived")
        if line.startswith("/") and thread:
            return self._reject_thread_command(user, channel, line, thread)
        if line.startswith("/"):
            return await self.send_command(user, channel, line)
        message = self._post_text(user, channel, self._resolve_references(line), thread)
        if f"<@{self._core.bot.id}>" in message.text:
            return await send_mention_event(self._core, self._people, message)
        return ActionResult(message.user, message.channel, line)

    def _reject_thread_command(
        self, user: str, channel: str, line: str, thread: str
    ) -> ActionResult:
        person, place = self._core.state.get_user(user), self.get_channel(channel)
        text = f"{line.partition(' ')[0]} is not supported in threads. Sorry!"
        post_slackbot_notice(self._core, place.id, person.id, text, thread=thread)
        return ActionResult(person.id, place.id, line, error="not_in_threads")

    async def click_element(
        self,
        user: str,
        message: Message,
        label: str,
        value: str | None = None,
        state: Json | None = None,
    ) -> ActionResult:
        """Press a button, by its text or action_id, or pick an option.

        Raises LookupError if it is not there.
        """
        return await self._people.click_element(
            self._core.state.get_user(user), message, label, value, state=state
        )

    async def choose_shortcut(self, user: str, message: Message, name: str) -> ActionResult:
        """Choose a shortcut of the app's in a message's menu.

        Raises LookupError if it is not there.
        """
        return await self._people.choose_shortcut(self._core.state.get_user(user), message, name)

    async def click_view_element(
        self, user: str, view: View, label: str, value: str | None = None, state: Json | None = None
    ) -> ActionResult:
        """Press a button or pick an option in a modal or in App Home."""
        return await self._people.click_view_element(
            self._core.state.get_user(user), view, label, value, state=state
        )

    async def submit_view(self, user: str, view: View, values: Json | None = None) -> ActionResult:
        """Submit a modal; `values` is state.values: block_id → action_id → value object."""
        return await self._people.submit_modal(self._core.state.get_user(user), view, values or {})

    async def close_view(self, user: str, view: View, *, everything: bool = False) -> ActionResult:
        """Close a modal without submitting it, or `everything` that is stacked in it."""
        return await self._people.close_modal(
            self._core.state.get_user(user), view, everything=everything
        )

    async def post_message(self, user: str, channel: str, text: str, thread: str = "") -> Message:
        """Post a plain message, of which the bot hears only if it is mentioned."""
        return self._post_text(user, channel, escape(text), thread)

    def _post_text(self, user: str, channel: str, text: str, thread: str) -> Message:
        state = self._core.state
        message = state.draft_message(self.get_channel(channel).id, state.get_user(user).id, text)
        if thread and (message.channel, thread) not in state.messages:
            raise LookupError(f"no message {thread} in this channel")
        message.thread_ts = thread
        return state.post_message(message)

    def _resolve_references(self, line: str) -> str:
        """Return a line as Slack stores it: escaped, with references for names of users, groups
        and channels.
        """
        state = self._core.state
        known = {f"@{user.name}": f"<@{user.id}>" for user in state.users.values()}
        known |= {f"@{group.handle}": f"<!subteam^{group.id}>" for group in state.groups.values()}
        known |= {
            f"#{channel.name}": f"<#{channel.id}>"
            for channel in state.channels.values()
            if not channel.is_im
        }
        known |= {f"@{word}": f"<!{word}>" for word in ("here", "channel", "everyone")}
        return re.sub(
            r"(?<![\w@#])[@#][\w.-]*\w",
            lambda match: known.get(match[0], match[0]),
            escape_and_link(line),
        )

    async def mention_bot(
        self, user: str, channel: str, text: str, thread: str = ""
    ) -> ActionResult:
        """Post a message that mentions the bot, in the channel or in a message's thread."""
        message = self._post_text(user, channel, f"<@{self._core.bot.id}> {escape(text)}", thread)
        return await send_mention_event(self._core, self._people, message)

    async def open_home(self, user: str) -> ActionResult:
        """Open the app's Home tab, which has to be switched on in its manifest."""
        state = self._core.state
        person = state.get_user(user)
        if not self._core.installed.home:
            return ActionResult(person.id, "", "app_home_opened", error="home_tab_disabled")
        body: Json = {"type": "app_home_opened", "user": person.id, "tab": "home"}
        body |= {
            "channel": state.open_direct_channel(self._core.bot.id, person.id).id,
            "event_ts": state.next_ts(),
        }
        if person.id in state.homes:
            body["view"] = serialize_view(self._core, state.homes[person.id])
        return await self._people.send_event(person, body)
