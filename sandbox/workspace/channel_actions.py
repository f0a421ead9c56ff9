"""Changes that users make to channels and to messages: archived, invited, removed, edited, deleted.

The bot hears of two of them: that somebody was invited, and an edit of a message that mentions it.
"""

from __future__ import annotations

from typing import Any

from bot.slackrules import escape
from sandbox.workspace.core import Core
from sandbox.workspace.delivery import ActionResult
from sandbox.workspace.interactions import InteractionSender
from sandbox.workspace.payloads import generate_client_id
from sandbox.workspace.replies import post_slackbot_notice
from sandbox.workspace.state import Channel, Message

Json = dict[str, Any]


class ChannelActions:
    """Changes channels and messages, as users and administrators of a workspace do.

    Raises LookupError for unknown users and channels.
    """

    def __init__(self, core: Core, people: InteractionSender) -> None:
        self._core, self._people = core, people

    def archive_channel(self, name: str) -> None:
        """Archive a channel: it stays to be read, and nothing can be written there."""
        self._get_channel(name).is_archived = True

    def unarchive_channel(self, name: str) -> None:
        """Bring an archived channel back, with the members that it had."""
        self._get_channel(name).is_archived = False

    def delete_channel(self, name: str) -> None:
        """Delete a channel with everything in it; its id is not given again."""
        channel = self._get_channel(name)
        for key in [key for key in self._core.state.messages if key[0] == channel.id]:
            del self._core.state.messages[key]
        del self._core.state.channels[channel.id]

    def add_member(self, name: str, user: str) -> None:
        """Let a user or the bot join a channel, as `/invite` does."""
        self._get_channel(name).members.add(self._core.state.get_user(user).id)

    async def invite_member(self, name: str, user: str, inviter: str) -> ActionResult:
        """Let a user or the bot join as `inviter` wishes; the bot hears of whoever joins it there.

        See docs.slack.dev/reference/events/member_joined_channel: of a channel that it is not in,
        it hears only that itself joins. Nobody joins twice.
        """
        channel, person = self._get_channel(name), self._core.state.get_user(user)
        host = self._core.state.get_user(inviter)
        if person.id in channel.members:
            return ActionResult(host.id, channel.id, "invite", error="already_in_channel")
        channel.members.add(person.id)
        if self._core.bot.id not in channel.members:
            return ActionResult(host.id, channel.id, "invite")
        body: Json = {
            "type": "member_joined_channel",
            "user": person.id,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": person.team or self._core.state.team_id,
            "inviter": host.id,
            "event_ts": self._core.state.next_ts(),
        }
        return await self._people.send_event(host, body, channel.id)

    def remove_member(self, name: str, user: str) -> None:
        """Remove a user or the bot from a channel, as `/remove` does."""
        self._get_channel(name).members.discard(self._core.state.get_user(user).id)

    async def edit_message(self, user: str, message: Message, text: str) -> ActionResult:
        """Edit one's own message; `text` is the whole of it, as it is typed.

        Slack sends app_mention for it once more, with an event_id of its own, if it mentions the
        bot. Raises LookupError for somebody else's message.
        """
        person = self._core.state.get_user(user)
        if message.user != person.id or message.deleted:
            raise LookupError(f"{person.name} cannot edit this message")
        self._core.state.edit_message(message, text, None)
        if f"<@{self._core.bot.id}>" not in text:
            return ActionResult(person.id, message.channel, text)
        return await send_mention_event(self._core, self._people, message)

    async def edit_mention(self, user: str, message: Message, text: str) -> ActionResult:
        """Edit one's own message so that it mentions the bot and says this."""
        return await self.edit_message(user, message, f"<@{self._core.bot.id}> {escape(text)}")

    def post_notice(self, name: str, user: str, text: str) -> None:
        """Show one user a message of Slackbot's in a channel."""
        channel, person = self._get_channel(name), self._core.state.get_user(user)
        post_slackbot_notice(self._core, channel.id, person.id, text)

    def delete_message(self, message: Message) -> None:
        """Delete a message."""
        self._core.state.delete_message(message)

    def _get_channel(self, name: str) -> Channel:
        found = self._core.state.find_channel(name)
        if found is None:
            raise LookupError(f"no channel {name} in this workspace")
        return found


async def send_mention_event(
    core: Core, people: InteractionSender, message: Message
) -> ActionResult:
    """Send the event of a message that mentions the bot; one that was edited says when."""
    body: Json = {
        "type": "app_mention",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "channel": message.channel,
        "event_ts": message.edited_ts or message.ts,
        "client_msg_id": generate_client_id(),
    }
    if message.edited_ts:
        body["edited"] = {"user": message.user, "ts": message.edited_ts}
    if message.thread_ts:
        body["thread_ts"] = message.thread_ts
    return await people.send_event(core.state.users[message.user], body, message.channel)
