"""Dispatch of what Slack sent to the command router, and this package's own short answers."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any

from bot.jobs import Jobs
from bot.messages import ButtonPress, Command, CommandRouter, Message, Origin, Reply
from bot.slack.inbound.payloads import (
    Body,
    get_mapping,
    get_string,
    list_input_ids,
    read_command,
    read_mention,
    read_origin,
    read_press,
    read_shortcut,
    read_submission,
)
from bot.slack.inbound.teams import ServedTeams
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.outbound.visible_messages import show_hidden_in_blocks
from bot.text import Text, show_hidden

RESTARTING = Text("I am restarting. Please try again in a minute.")
AFTER_ACK = "after_ack"
"""Name in Bolt's context of the work that a listener leaves for after the acknowledgement."""
EDITED = Text(
    "I read a message once, when it is sent, so this edit runs nothing. Send it as a new message."
)
FAILED = "the router failed, reference %s"

log = logging.getLogger(__name__)


class RequestDispatcher:
    """Hands requests to the router, and tells their senders when it failed.

    `me` is the bot's own user id, and `command` the command that is answered. People who are not
    of `teams` are marked as strangers.
    """

    def __init__(
        self,
        router: CommandRouter,
        ways: EphemeralResponder,
        *,
        me: str,
        command: str,
        teams: ServedTeams,
    ) -> None:
        self._router, self._ways, self._me, self._command = router, ways, me, command
        self.localize, self._teams = ways.localize, teams
        self._jobs = Jobs()

    async def aclose(self, grace: float) -> None:
        """Wait up to `grace` seconds for replies of this package's own that are on their way."""
        await self._jobs.drain(grace)

    def dispatch_command(self, body: Body) -> None:
        """Hand a slash command to the router."""
        asked = self._teams.mark_stranger(body, read_command(body))
        reply = open_command_reply(self._ways, body, asked)
        self._run_guarded(lambda: self._router.command(asked, reply), reply)

    def dispatch_mention(self, body: Body) -> None:
        """Hand a mention to the router, as the command that it holds."""
        asked = self._teams.mark_stranger(body, read_mention(body, self._me, self._command))
        reply = open_command_reply(self._ways, body, asked)
        self._run_guarded(lambda: self._router.command(asked, reply), reply)

    def dispatch_press(self, body: Body) -> None:
        """Hand a button that was pressed to the router."""
        pressed = self._teams.mark_stranger(body, read_press(body))
        reply = self._open_press_reply(body, pressed)
        self._run_guarded(lambda: self._router.pressed(pressed, reply), reply)

    def dispatch_shortcut(self, body: Body) -> None:
        """Hand a message's shortcut to the router, as the command that it stands for."""
        asked = self._teams.mark_stranger(body, read_shortcut(body, self._me))
        reply = open_command_reply(self._ways, body, asked)
        self._run_guarded(lambda: self._router.command(asked, reply), reply)

    def dispatch_submission(self, body: Body) -> None:
        """Hand a submitted form to the router."""
        submitted = self._teams.mark_stranger(body, read_submission(body))
        reply = self._ways.open_channel_reply(
            submitted.user, submitted.origin.channel, thread=submitted.origin.thread
        )
        self._run_guarded(lambda: self._router.submitted(submitted, reply), reply)

    def dispatch_event(self, tell: Callable[[CommandRouter], None]) -> None:
        """Tell the router of an event to which nobody waits for an answer."""
        self._run_guarded(lambda: tell(self._router), None)

    def find_input_faults(self, body: Body) -> dict[str, str]:
        """Return the faults of a modal's inputs, by block_id.

        Only inputs that the modal has may be named (Slack refuses others).
        """
        inputs = list_input_ids(body)
        try:
            found = self._router.faults(read_submission(body))
        except Exception:
            # Slack shows only errors of inputs; raising would close the form, and what was typed
            # with it.
            reference = secrets.token_hex(4)
            log.exception(FAILED, reference)
            found = {"": self._ways.localize(describe_failure(reference))}
        found = {block: show_hidden(words, layout=True) for block, words in found.items()}
        named = {block: words for block, words in found.items() if block in inputs}
        return named or dict.fromkeys(inputs[:1] if found else (), " ".join(found.values()))

    def reply_to_press(self, body: Body, message: Message) -> None:
        """Answer a button without the router."""
        self._spawn_reply(self._open_press_reply(body, read_press(body)), message)

    def reply_to_mention(self, body: Body, message: Message) -> None:
        """Answer a mention without the router."""
        asked = read_mention(body, self._me, self._command)
        self._spawn_reply(open_command_reply(self._ways, body, asked), message)

    def reply_to_shortcut(self, body: Body, message: Message) -> None:
        """Answer a shortcut without the router; one that is not a message's has no channel."""
        asked = read_shortcut(body, self._me)
        reply = (
            open_command_reply(self._ways, body, asked)
            if asked.channel
            else self._ways.open_modal_reply(asked.user, asked.key, "", Origin())
        )
        self._spawn_reply(reply, message)

    def build_note(self, state: str, text: Text) -> Message:
        """Build a short answer in the channel's language.

        `state` as in `bot.view.result_messages`.
        """
        words = self._ways.localize(text)
        block = {
            "type": "section",
            "block_id": f"verdict:{state}",
            "text": {"type": "mrkdwn", "text": words},
        }
        return Message(text=words, blocks=(block,))

    def _open_press_reply(self, body: Body, pressed: ButtonPress) -> Reply:
        """Return a reply to the one who pressed: in the channel, or over the view they are in."""
        # In App Home and in a modal Slack gives neither a channel nor a response_url.
        if pressed.away:
            view = get_mapping(body, "view")
            origin = read_origin(view) if view else Origin(pressed.channel, pressed.thread)
            return self._ways.open_modal_reply(pressed.user, pressed.key, pressed.view, origin)
        return self._ways.open_channel_reply(
            pressed.user, pressed.channel, get_string(body, "response_url"), thread=pressed.thread
        )

    def _run_guarded(self, work: Callable[[], None], reply: Reply | None) -> None:
        """Run the work; log its failure under a reference that the person is given."""
        try:
            work()
        except Exception:
            # Slack has its acknowledgement and shows no failure: whoever asked hears of it here.
            reference = secrets.token_hex(4)
            log.exception(FAILED, reference)
            if reply is not None:
                self._spawn_reply(reply, self.build_note("error", describe_failure(reference)))

    def _spawn_reply(self, reply: Reply, message: Message) -> None:
        self._jobs.spawn(reply.say(message), "ephemeral reply")


def open_command_reply(ways: EphemeralResponder, body: Body, asked: Command) -> Reply:
    """Return a reply to the one who gave a command, in its channel or thread."""
    return ways.open_channel_reply(
        asked.user, asked.channel, get_string(body, "response_url"), thread=asked.thread
    )


def describe_failure(reference: str) -> Text:
    """Return the answer to a request that failed for a fault of the bot's own."""
    return Text(
        "That went wrong on my side. The bot's administrator finds it in the log under "
        "`{reference}`.",
        reference=reference,
    )


def build_ephemeral_payload(message: Message) -> dict[str, Any]:
    """Return an acknowledgement that shows a message to the one who gave a command."""
    return {"response_type": "ephemeral", **show_hidden_in_blocks(message.to_payload())}
