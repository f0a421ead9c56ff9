"""Denials: values that say why someone may not do something here, and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.language.localizer import Localizer
from bot.messages import Message
from bot.slackrules import escape
from bot.steps import ROLE_NAMES, Role
from bot.text import EMPTY, Listed, Text, counted, join
from bot.view.blocks import (
    build_message,
    build_verdict_block,
    escape_code,
    mention_channel,
    mention_user,
    section,
    write,
)
from bot.view.result_messages import NOTHING_CHANGED

MOST_NAMED = 5


@dataclass(frozen=True)
class Denial:
    """Reason of a denial, in whole sentences.

    `needed` is the role that is missing and `holders` are the ids of those who have it (users,
    and user groups, which begin with S). `channels` are where the command may be typed.
    """

    reason: Text
    needed: Role | None = None
    holders: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


def build_role_denial(title: Text, role: Role, needed: Role, holders: Sequence[str]) -> Denial:
    """Return the denial for a caller whose role does not allow a step."""
    reason = Text(
        "{title} needs the role {needed}; you are {role}.",
        title=title,
        needed=ROLE_NAMES[needed],
        role=ROLE_NAMES[role],
    )
    return Denial(reason, needed, tuple(holders))


def build_foreign_namespace_denial(
    title: Text, wanted: str, own: str, holders: Sequence[str]
) -> Denial:
    """Return the denial for an attendee who wants to change a namespace that is not theirs."""
    reason = Text(
        "{title} in {wanted} needs the role host; you may change only your own namespace {own}.",
        title=title,
        wanted=wanted,
        own=own,
    )
    return Denial(reason, Role.HOST, tuple(holders))


def build_no_namespace_denial(title: Text, holders: Sequence[str]) -> Denial:
    """Return the denial for an attendee who needs a namespace of their own and has none."""
    reason = Text("{title}: you have no namespace of your own yet.", title=title)
    advice = Text("The bot's administrator sets roles.namespace_of.")
    return Denial(join("sentences", reason, advice), Role.HOST, tuple(holders))


def build_wrong_channel_denial(channels: Sequence[str], *, private: bool) -> Denial:
    """Return the denial for a command in a channel that takes none."""
    reason = (
        Text("A direct message can only ask, not change anything.")
        if private
        else Text("This channel takes no commands.")
    )
    return Denial(reason, channels=tuple(channels))


def build_stranger_denial(team: str) -> Denial:
    """Return the denial for someone of a workspace or organization that the bot does not serve."""
    reason = Text("You are of another workspace ({team}): I serve only people of mine.", team=team)
    advice = Text("The bot's administrator can admit yours in slack.teams.")
    return Denial(join("sentences", reason, advice))


def render_denial(say: Localizer, denial: Denial, command: str) -> Message:
    """Return the message of a denial, with those who can, or the channels to type it in."""
    words, text = f"🔒 {write(say, denial.reason)}", denial.reason
    help_text = NOTHING_CHANGED
    if denial.channels:
        there = Listed([mention_channel(channel) for channel in denial.channels[:MOST_NAMED]], "or")
        advice = Text("Type it in {channels}.", channels=there)
        words += f" {say(advice)}"
        text = join("sentences", text, Text("Type it in the workshop's channel."))
    if denial.needed is not None:
        words += f" {say(describe_role_holders(denial.holders, denial.needed))}"
        explained = Text("`{command} whoami` explains.", command=escape_code(command))
        help_text = join("sentences", explained, NOTHING_CHANGED)
    blocks = (build_verdict_block("error", "", words), section(say(help_text)))
    return build_message(say(join("sentences", text, NOTHING_CHANGED)), blocks)


def describe_role_holders(holders: Sequence[str], role: Role) -> Text:
    """Return a sentence in mrkdwn that says who has a role, or who can give it."""
    if holders:
        named = holders[:MOST_NAMED]
        people = Listed(map(mention_holder, named), "comma")
        return counted("{people} can.", "{people} can.", n=len(named), people=people)
    if role is Role.ADMIN:
        return Text("No admin is named yet: the bot's administrator sets MESHBOT_ROLES__ADMINS.")
    if role is Role.HOST:
        return Text("No host is named yet: the bot's administrator sets MESHBOT_ROLES__HOSTS.")
    return EMPTY


def mention_holder(holder: str) -> str:
    """Return a mention of a user, or of a user group (ids that begin with S)."""
    return f"<!subteam^{escape(holder)}>" if holder.startswith("S") else mention_user(holder)
