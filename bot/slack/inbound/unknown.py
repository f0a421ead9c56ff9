"""Listeners for requests that the app does not know: each kind ends with one that takes anything.

What no listener takes Bolt answers with 404, which Slack shows as an error without a reason.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.messages import Modal
from bot.slack.inbound.dispatch import AFTER_ACK, RequestDispatcher, build_ephemeral_payload
from bot.slack.inbound.payloads import get_mapping, get_string, name_first_input
from bot.slack.outbound.views import CLOSE, build_modal_view
from bot.slackrules import escape
from bot.text import Text

ANY = re.compile(r".*", re.DOTALL)

EXPIRED = Text("This button has expired. Type the command again.")
UNKNOWN_FORM = Text("This form is of another release of mine. Type the command instead.")

log = logging.getLogger(__name__)


class UnknownRequests:
    """Answers what is not the app's own; `command` is the one that it knows."""

    def __init__(self, dispatcher: RequestDispatcher, command: str) -> None:
        self._dispatcher, self._command = dispatcher, command

    def register(self, app: AsyncApp) -> None:
        """Register the listeners, after those for what is known: Bolt tries them in that order."""
        app.command(ANY)(self._on_command)
        app.block_action(ANY)(self._on_action)
        app.block_suggestion(ANY)(self._on_options)
        app.shortcut(ANY)(self._on_shortcut)
        app.event(ANY)(self._on_event)
        app.view(ANY)(self._on_view)
        app.view_closed(ANY)(self._on_closed_view)

    async def _on_command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        typed = escape(get_string(body, "command"))
        text = Text(
            "Here I answer to `{command}`, not to `{typed}`: "
            "the bot's settings and the Slack app disagree.",
            command=self._command,
            typed=typed,
        )
        await ack(build_ephemeral_payload(self._dispatcher.build_note("error", text)))

    async def _on_action(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        note = self._dispatcher.build_note("not_yet", EXPIRED)
        context[AFTER_ACK] = lambda: self._dispatcher.reply_to_press(body, note)

    async def _on_options(self, ack: AsyncAck) -> None:
        """Answer that there are none: all menus of this app hold their choices."""
        await ack(options=[])

    async def _on_shortcut(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        text = Text(
            "This shortcut has expired. `{command} help` shows what can be typed.",
            command=self._command,
        )
        note = self._dispatcher.build_note("not_yet", text)
        context[AFTER_ACK] = lambda: self._dispatcher.reply_to_shortcut(body, note)

    async def _on_event(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Acknowledge it, or Slack would deliver it again."""
        log.info("an event that nobody takes: %.80r", get_mapping(body, "event").get("type"))
        await ack()

    async def _on_view(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Keep a form open that nobody reads, with all that was typed into it."""
        if errors := name_first_input(body, self._dispatcher.localize(UNKNOWN_FORM)):
            await ack(response_action="errors", errors=errors)
            return
        blocks = self._dispatcher.build_note("not_yet", UNKNOWN_FORM).blocks
        view = build_modal_view(Modal("meshbot", blocks), self._dispatcher.localize(CLOSE))
        await ack(response_action="update", view=view)

    async def _on_closed_view(self, ack: AsyncAck) -> None:
        await ack()
