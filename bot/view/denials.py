"""Denials: messages to people who may not do something here, with the reason and who can."""

from __future__ import annotations

from collections.abc import Sequence

from bot.messages import Message
from bot.slackrules import escape
from bot.view import messages


def render_foreign_namespace_denial(
    title: str, wanted: str, own: str, helpers: Sequence[str], command: str
) -> Message:
    """Return the denial for an attendee who wants to change a namespace that is not theirs."""
    said = f"you may change only your own namespace {own}"
    words = f"🔒 *{escape(title)}* in {escape(wanted)} needs the role host; {said}. {messages.describe_role_holders(helpers)}"
    return messages.render_denial(
        words, f"{title} in {wanted} needs the role host; {said}. Nothing was changed.", command
    )


def render_no_namespace_denial(title: str, helpers: Sequence[str], command: str) -> Message:
    """Return the denial for an attendee who needs a namespace of their own and has none."""
    said = "you have no namespace of your own yet"
    words = f"🔒 *{escape(title)}*: {said}. Whoever runs the bot sets roles.namespace_of. {messages.describe_role_holders(helpers)}"
    return messages.render_denial(words, f"{title}: {said}. Nothing was changed.", command)


def render_wrong_channel_denial(channels: Sequence[str], command: str, *, private: bool) -> Message:
    """Return the denial for a command in a channel that takes none."""
    there = " or ".join(f"<#{escape(channel)}>" for channel in channels[:5])
    words = (
        "a direct message can only ask, not change anything"
        if private
        else "this channel takes no commands"
    )
    said = messages.build_verdict_block(
        "error", "", f"🔒 `{escape(command)}`: {words}. Type it in {there}."
    )
    text = f"{command}: {words}. Type it in the workshop's channel. Nothing was changed."
    return messages.build_message(text, (said, messages.section("Nothing was changed.")))
