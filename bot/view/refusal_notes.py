"""What is told of messages that Slack does not take: why, and what makes it take them."""

from __future__ import annotations

from bot.language.localizer import Localizer
from bot.ledger import Schedule
from bot.messages import Message
from bot.slackrules.refusal_codes import OWN_FAILURE, WRONG_TOKEN
from bot.text import EMPTY, Text, join
from bot.view.blocks import escape_code, mention_channel, section

ARCHIVED = Text("the channel is archived")
RESTRICTED = Text("only some may post in the channel")
ABSENT = Text("I am not in the channel")
TOKEN = Text("Slack refuses my access to the workspace")
REASONS = {
    "is_archived": ARCHIVED,
    "is_inactive": ARCHIVED,
    "channel_not_found": Text("the channel is gone, or it is private and I am not in it"),
    "not_in_channel": ABSENT,
    "no_permission": ABSENT,
    "restricted_action": RESTRICTED,
    "restricted_action_read_only_channel": RESTRICTED,
    "restricted_action_thread_only_channel": Text("the channel takes only replies in threads"),
    "channel_is_limited_access": RESTRICTED,
    "messages_tab_disabled": Text("the app takes no direct messages"),
    **dict.fromkeys(WRONG_TOKEN, TOKEN),
    "file_uploads_disabled": Text("the workspace takes no files"),
    "missing_scope": Text("the app lacks a scope that its manifest asks for"),
    OWN_FAILURE: Text("I failed in sending it, and my log has the reason"),
}
"""What Slack's codes mean, for the one who waits for a message."""

NO_BUTTONS = frozenset({"actions", "input"})
"""Types of block that are left out where a message is shown to one person instead."""


def describe_refusal(code: str) -> Text:
    """Return why Slack does not take a message; Slack's own word where that is all there is."""
    reason = REASONS.get(code)
    return reason if reason is not None else Text("Slack refuses it ({code})", code=code)


def describe_remedy(code: str) -> Text:
    """Return what to do so that a channel takes messages, as a sentence; EMPTY if not known."""
    reason = describe_refusal(code)
    if reason is ARCHIVED:
        return Text("Unarchive the channel, or type it in another one.")
    if reason is ABSENT or code == "channel_not_found":
        return Text("Invite me with `/invite @meshbot`, then type it again.")
    if reason is RESTRICTED:
        return Text("Whoever manages the channel must let the app post there.")
    return EMPTY


def render_undelivered_message(
    say: Localizer, message: Message, *, channel: str, code: str, kept: bool, asks: bool
) -> Message:
    """Return a message of a channel for the one who waits for it, with why it is not there.

    `kept`: it comes there later; `asks`: it holds a question that is to be answered there.
    """
    where, why = mention_channel(channel), describe_refusal(code)
    not_shown = Text("I cannot show this in {channel}: {why}.", channel=where, why=why)
    later = Text("I keep it, and show it there when messages can be posted there again.")
    question = Text("Nobody can confirm it there now; without that nothing is changed.")
    words = say(join("sentences", not_shown, later if kept else EMPTY, question if asks else EMPTY))
    there = (*message.blocks, *message.details)
    shown = [block for block in there if block.get("type") not in NO_BUTTONS]
    # What names a state would be read as the answer to something typed here.
    plain = [{key: value for key, value in block.items() if key != "block_id"} for block in shown]
    return Message(f"{words}\n{message.text}", (section(f"📪 {words}"), *plain))


def render_unreachable_schedule(
    say: Localizer, schedule: Schedule, why: Text, *, command: str
) -> Message:
    """Return the note to who made a schedule that it is paused, because its channel is shut."""
    words = say(
        Text(
            "I paused schedule {schedule} (`{typed}`) in {channel}: {why}. When messages can be "
            "posted there again: `{command} schedule resume {schedule}`.",
            schedule=schedule.id,
            typed=escape_code(f"{command} {schedule.typed}"),
            channel=mention_channel(schedule.channel),
            why=why,
            command=escape_code(command),
        )
    )
    return Message(words, (section(f"⏸️ {words}"),))
