"""The message with which the bot greets a channel that it was invited to: what it is for, and the
first step as a button."""

from __future__ import annotations

from bot.language.localizer import Localizer
from bot.messages import Message
from bot.slackrules import escape
from bot.text import Text, in_context
from bot.view.blocks import actions, build_message, button, context, header, section
from bot.view.result_messages import TYPE

REHEARSE = "mesh:rehearse"
"""action_id of the button that has the whole workshop played."""


def build_welcome(say: Localizer, command: str, *, rehearsable: bool) -> Message:
    """Return the greeting; `rehearsable` tells that a rehearsal can be played in this channel."""
    title = say(Text("Welcome to the service-mesh workshop"))
    about = Text(
        "I install Istio and Kiali on the cluster, bring an application into the mesh and "
        "steer its requests: one step, one message, which ends with what was observed."
    )
    first = Text(
        "👉 *First step:* press *Start the workshop*, or type `{command} workshop`. One message "
        "then leads through all steps and says what each is for.",
        command=escape(command),
    )
    start = in_context("button", "Start the workshop")
    install = in_context("button", "Install Istio")
    rehearse = in_context("button", "Rehearse everything")
    buttons = [
        button(say(start), f"{TYPE}:0", f"{command} workshop", style="primary"),
        button(say(install), f"{TYPE}:1", f"{command} install"),
    ]
    if rehearsable:
        buttons.append(button(say(rehearse), REHEARSE, "workshop"))
    roles = Text(
        "Hosts change the cluster, everybody looks: `{command} status`, `{command} links`, "
        "`{command} help`.",
        command=escape(command),
    )
    blocks = (
        header(title),
        section(say(about)),
        section(say(first)),
        actions(*buttons),
        context(say(roles)),
    )
    return build_message(title, blocks)
