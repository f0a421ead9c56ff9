"""Messages of commands that wait for their turn, and the button that lets them."""

from __future__ import annotations

from dataclasses import replace

from bot.language.localizer import Localizer
from bot.messages import Message
from bot.slackrules import escape
from bot.text import Text, in_context
from bot.view.blocks import Block, actions, build_message, button, context, section, write
from bot.view.origins import CLICKED, describe_request

NEXT = "mesh:next"
"""action_id of the button that lets the command in its value wait for its turn."""
LEAVE = "mesh:leave"
"""action_id of the button that lets the waiting command of that id wait no more."""


def build_next_button(say: Localizer, typed: str) -> Block:
    """Return the button that lets a whole command wait until it can be begun."""
    return button(say(in_context("button", "Run it next")), NEXT, typed, style="primary")


def render_waiting(
    say: Localizer, title: Text, id: str, *, user: str, typed: str, place: int
) -> Message:
    """Return the message of a command that waits, with its place among those that do."""
    if place == 1:
        words = Text("it is next: it begins when what is running has ended.")
    else:
        words = Text("it waits: place {place}.", place=place)
    leave = button(say(in_context("button", "Do not run it")), LEAVE, id)
    shown = render_left(say, title, words, user=user, typed=typed)
    return replace(shown, blocks=(shown.blocks[0], actions(leave), *shown.blocks[1:]))


def render_left(say: Localizer, title: Text, words: Text, *, user: str, typed: str) -> Message:
    """Return the message of a command that waits no more, with what became of it."""
    headline = f"⏭️ *{escape(say(title))}* — {write(say, words)}"
    text = say(Text("{title}: {words}", title=title, words=words))
    who = say(describe_request(user, typed, CLICKED))
    return build_message(text, (section(headline), context(who)))
