"""Listeners for what Slack sends: acknowledged first, then handed to the command router.

Bolt drops an acknowledgement when the listener raises soon after it, keeps no reference to a
listener at work, and looks only every 10 ms whether one has acknowledged. So a listener
acknowledges, leaves the work in its context, and ends; Bolt is told to wait for that end
(`process_before_response`), which takes well under a millisecond. The receiver of the envelope
(`bot.slack.inbound.socket_mode`, `bot.slack.inbound.http_mode`) sends the answer first and calls
`Listeners.run_deferred_work` after.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from slack_bolt.async_app import AsyncBoltContext, AsyncBoltRequest
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse

from bot.jobs import Jobs
from bot.messages import ButtonPress, CommandRouter, Message, Reply
from bot.metrics import Histogram, Metric, counter
from bot.slack.inbound.bolt import build_app
from bot.slack.inbound.dedupe import SeenKeys
from bot.slack.inbound.payloads import (
    Body,
    get_mapping,
    get_string,
    list_input_ids,
    read_command,
    read_mention,
    read_origin,
    read_press,
    read_submission,
)
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.webapi.client import BotIdentity
from bot.slackrules import escape
from bot.text import Text

OURS = re.compile(r"^mesh:")
"""action_ids of the bot's own buttons, and names of its own modals."""
ANY = re.compile(r".*", re.DOTALL)
AFTER_ACK = "after_ack"
ACK_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
"""Seconds; Slack gives up after the last."""

log = logging.getLogger(__name__)


def build_note(state: str, text: str) -> Message:
    """Build a short answer of this package's own in mrkdwn; `state` as in `bot.view.messages`."""
    block = {
        "type": "section",
        "block_id": f"verdict:{state}",
        "text": {"type": "mrkdwn", "text": text},
    }
    return Message(text=text, blocks=(block,))


RESTARTING = Text("I am restarting. Please try again in a minute.")
EXPIRED = Text("This button has expired. Type the command again.")
FAILED = "the router failed, reference %s"


class Listeners:
    """The Bolt app with its listeners. `draining` makes them decline; the counters are there for
    metrics."""

    def __init__(
        self,
        *,
        router: CommandRouter,
        ways: EphemeralResponder,
        identity: BotIdentity,
        command: str = "/mesh",
    ) -> None:
        self._router, self._ways, self._command, self._me = router, ways, command, identity.user_id
        self._once = SeenKeys()
        self._jobs = Jobs()
        self.draining = False
        self.commands = self.presses = self.duplicates = self.declined = self.acks = 0
        self.ack_seconds = Histogram(ACK_BOUNDS)
        self.mentions = self.submissions = self.homes = 0
        self.under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.app = build_app(ways.client, identity)
        self.app.command(command)(self._on_command)
        self.app.command(ANY)(self._on_other_command)
        self.app.action(OURS)(self._on_action)
        self.app.action(ANY)(self._on_unknown_action)
        self.events = {"app_mention": self._on_mention, "app_home_opened": self._on_home_opened}
        for name, listener in self.events.items():
            self.app.event(name)(listener)
        self.app.view(OURS)(self._on_submission)
        self.app.view(ANY)(self._on_other_view)
        self.app.view_closed(ANY)(self._on_other_view)

    @property
    def command(self) -> str:
        """The command that is answered, with its slash."""
        return self._command

    @contextmanager
    def track_envelope(self) -> Iterator[None]:
        """Count an envelope whose acknowledgement has not been sent."""
        self.under_way += 1
        self._idle.clear()
        began = time.perf_counter()
        try:
            yield
        finally:
            self.ack_seconds.observe(time.perf_counter() - began)
            self.under_way -= 1
            if not self.under_way:
                self._idle.set()

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        yield counter("commands", "Commands that were taken.", self.commands)
        yield counter("presses", "Buttons that were taken.", self.presses)
        yield counter("acks", "Envelopes that were acknowledged.", self.acks)
        yield counter(
            "duplicates",
            "Deliveries dropped because they came before.",
            self.duplicates,
            seen_by="process",
        )
        yield counter(
            "declined", "Commands and buttons declined while being stopped.", self.declined
        )
        yield Metric(
            "ack_seconds", "From an envelope to its acknowledgement.", self.ack_seconds, "histogram"
        )

    async def drain(self, grace: float = 3.0) -> int:
        """Decline what comes from now on, and wait for acknowledgements under way.

        Waits up to `grace` seconds; returns the number that were not sent.
        """
        self.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()
        return self.under_way

    async def build_acknowledgement(self, request: AsyncBoltRequest) -> BoltResponse:
        """Run the listeners up to the acknowledgement, and return it to be sent."""
        return await self.app.async_dispatch(request)

    def run_deferred_work(self, request: AsyncBoltRequest) -> None:
        """Run the work that the listener left for after the acknowledgement; never raises."""
        self.acks += 1
        work: Callable[[], None] | None = request.context.get(AFTER_ACK)
        if work is not None:
            work()

    async def aclose(self, grace: float = 3.0) -> None:
        """Wait up to `grace` seconds for replies of this package's own that are on their way."""
        await self._jobs.drain(grace)

    async def _on_command(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        if self.draining:
            self.declined += 1
            await ack(_build_ephemeral_payload(self._build_restart_note()))
            return
        await ack()
        if not self._once.claim_key(get_string(body, "trigger_id")):
            self.duplicates += 1
            return
        self.commands += 1
        context[AFTER_ACK] = lambda: self._dispatch_command(body)

    async def _on_other_command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        typed = escape(get_string(body, "command"))
        text = Text(
            "Here I answer to `{command}`, not to `{typed}`: "
            "the bot's settings and the Slack app disagree.",
            command=self._command,
            typed=typed,
        )
        await ack(_build_ephemeral_payload(build_note("error", self._ways.localize(text))))

    async def _on_action(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        if not self._once.claim_key(get_string(body, "trigger_id")):
            self.duplicates += 1
            return
        if self.draining:
            self.declined += 1
            context[AFTER_ACK] = lambda: self._reply_to_press(body, self._build_restart_note())
            return
        self.presses += 1
        context[AFTER_ACK] = lambda: self._dispatch_press(body)

    async def _on_unknown_action(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        context[AFTER_ACK] = lambda: self._reply_to_press(
            body, build_note("not_yet", self._ways.localize(EXPIRED))
        )

    async def _on_mention(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        event = get_mapping(body, "event")
        if (
            event.get("bot_id")
            or event.get("subtype")
            or get_string(event, "user") in ("", self._me)
        ):
            return
        if not self._once.claim_key(get_string(body, "event_id")):
            self.duplicates += 1
            return
        self.mentions += 1
        context[AFTER_ACK] = lambda: self._dispatch_mention(body)

    async def _on_home_opened(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        event = get_mapping(body, "event")
        if (
            event.get("tab") != "home"
            or self.draining
            or not self._once.claim_key(get_string(body, "event_id"))
        ):
            return
        self.homes += 1
        context[AFTER_ACK] = lambda: self._run_guarded(
            lambda: self._router.opened(get_string(event, "user")), None
        )

    async def _on_submission(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        if self.draining:
            self.declined += 1
            await ack(
                response_action="errors",
                errors=dict.fromkeys(list_input_ids(body)[:1], self._ways.localize(RESTARTING)),
            )
            return
        if faults := self._find_input_faults(body):
            await ack(response_action="errors", errors=faults)
            return
        await ack()
        if not self._once.claim_key(get_string(body, "trigger_id")):
            self.duplicates += 1
            return
        self.submissions += 1
        context[AFTER_ACK] = lambda: self._dispatch_submission(body)

    async def _on_other_view(self, ack: AsyncAck) -> None:
        await ack()

    def _find_input_faults(self, body: Body) -> dict[str, str]:
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
        named = {block: words for block, words in found.items() if block in inputs}
        return named or dict.fromkeys(inputs[:1] if found else (), " ".join(found.values()))

    def _dispatch_command(self, body: Body) -> None:
        asked = read_command(body)
        reply = self._ways.open_channel_reply(
            asked.user, asked.channel, get_string(body, "response_url")
        )
        self._run_guarded(lambda: self._router.command(asked, reply), reply)

    def _dispatch_mention(self, body: Body) -> None:
        asked = read_mention(body, self._me, self._command)
        reply = self._ways.open_channel_reply(asked.user, asked.channel, thread=asked.thread)
        if self.draining:
            self.declined += 1
            self._jobs.spawn(reply.say(self._build_restart_note()), "ephemeral reply")
            return
        self._run_guarded(lambda: self._router.command(asked, reply), reply)

    def _dispatch_press(self, body: Body) -> None:
        pressed = read_press(body)
        reply = self._open_press_reply(body, pressed)
        self._run_guarded(lambda: self._router.pressed(pressed, reply), reply)

    def _dispatch_submission(self, body: Body) -> None:
        submitted = read_submission(body)
        reply = self._ways.open_channel_reply(
            submitted.user, submitted.origin.channel, thread=submitted.origin.thread
        )
        self._run_guarded(lambda: self._router.submitted(submitted, reply), reply)

    def _reply_to_press(self, body: Body, message: Message) -> None:
        self._jobs.spawn(self._open_press_reply(body, read_press(body)).say(message), "whisper")

    def _open_press_reply(self, body: Body, pressed: ButtonPress) -> Reply:
        """Return a reply to the one who pressed: in the channel, or over the view they are in."""
        if pressed.away:
            origin = read_origin(get_mapping(body, "view"))
            return self._ways.open_modal_reply(pressed.user, pressed.key, pressed.view, origin)
        return self._ways.open_channel_reply(
            pressed.user, pressed.channel, get_string(body, "response_url"), thread=pressed.thread
        )

    def _run_guarded(self, work: Callable[[], None], reply: Reply | None) -> None:
        """Run the work; log its failure under a reference that the person is given."""
        try:
            work()
        except Exception:
            # Bolt erases the acknowledgement of a listener that raises after it (slack-bolt 1.30).
            reference = secrets.token_hex(4)
            log.exception(FAILED, reference)
            if reply is not None:
                words = self._ways.localize(describe_failure(reference))
                self._jobs.spawn(reply.say(build_note("error", words)), "ephemeral reply")

    def _build_restart_note(self) -> Message:
        return build_note("not_yet", self._ways.localize(RESTARTING))


def describe_failure(reference: str) -> Text:
    """Return the answer to a request that failed for a fault of the bot's own."""
    return Text(
        "That went wrong on my side. The bot's administrator finds it in the log under "
        "`{reference}`.",
        reference=reference,
    )


def _build_ephemeral_payload(message: Message) -> dict[str, Any]:
    return {"response_type": "ephemeral", **message.to_payload()}
