"""What Slack can call us with: each call is acknowledged first, and only then handed to the desk.

Bolt drops an acknowledgement when the listener raises soon after it, keeps no reference to a listener at work, and
looks only every 10 ms whether one has acknowledged. So a listener acknowledges, leaves the work in its context, and
ends; Bolt is told to wait for that end (`process_before_response`), which takes well under a millisecond. Whoever
received the envelope (`bot.slack.socket`, `bot.slack.http`) sends the answer first and calls `Listeners.go_on` after.
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

from bot.figures import Figure, Spread, counter
from bot.jobs import Jobs
from bot.messages import Desk, Message, Pressed, Whisper
from bot.slack.bolt import build_app
from bot.slack.client import Identity
from bot.slack.once import Once
from bot.slack.payloads import (
    Body,
    inputs_of,
    mapping,
    read_command,
    read_mention,
    read_origin,
    read_press,
    read_submission,
    string,
)
from bot.slack.whisper import Ephemera
from bot.slackrules import escape

OURS = re.compile(r"^mesh:")
"""action_ids of the bot's own buttons, and names of its own modals."""
ANY = re.compile(r".*", re.DOTALL)
AFTER_ACK = "after_ack"
ACK_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
"""Seconds; Slack gives up after the last."""

log = logging.getLogger(__name__)


def note(state: str, text: str) -> Message:
    """A short answer of this side's own; `state` is what `bot.blocks` would call it."""
    block = {"type": "section", "block_id": f"verdict:{state}", "text": {"type": "mrkdwn", "text": text}}
    return Message(text=text, blocks=(block,))


RESTARTING = note("not_yet", "I am restarting. Please try again in a minute.")
EXPIRED = note("not_yet", "This button has expired. Type the command again.")

OWNED_UP = "That went wrong on my side. Whoever runs me finds it in the log under `{}`."
FAILED = "the desk failed, reference %s"


class Listeners:
    """The Bolt app with its listeners. `draining` makes them decline; the counters are there for metrics."""

    def __init__(self, *, desk: Desk, ways: Ephemera, identity: Identity, command: str = "/mesh") -> None:
        self._desk, self._ways, self._command, self._me = desk, ways, command, identity.user_id
        self._once = Once()
        self._jobs = Jobs()
        self.draining = False
        self.commands = self.presses = self.duplicates = self.declined = self.acks = 0
        self.ack_seconds = Spread(ACK_BOUNDS)
        self.mentions = self.submissions = self.homes = 0
        self.under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.app = build_app(ways.client, identity)
        self.app.command(command)(self._on_command)
        self.app.command(ANY)(self._on_other_command)
        self.app.action(OURS)(self._on_action)
        self.app.action(ANY)(self._on_unknown_action)
        self.events = {"app_mention": self._on_mention, "app_home_opened": self._on_home}
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
    def receiving(self) -> Iterator[None]:
        """Counts an envelope whose acknowledgement has not been sent."""
        self.under_way += 1
        self._idle.clear()
        began = time.perf_counter()
        try:
            yield
        finally:
            self.ack_seconds.add(time.perf_counter() - began)
            self.under_way -= 1
            if not self.under_way:
                self._idle.set()

    def figures(self) -> Iterator[Figure]:
        """For Prometheus."""
        yield counter("commands", "Commands that were taken.", self.commands)
        yield counter("presses", "Buttons that were taken.", self.presses)
        yield counter("acks", "Envelopes that were acknowledged.", self.acks)
        yield counter("duplicates", "Deliveries dropped because they came before.", self.duplicates, seen_by="process")
        yield counter("declined", "Commands and buttons declined while being stopped.", self.declined)
        yield Figure("ack_seconds", "From an envelope to its acknowledgement.", self.ack_seconds, "histogram")

    async def drain(self, grace: float = 3.0) -> int:
        """Declines what comes from now on, waits for acknowledgements under way; gives how many were not sent."""
        self.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()
        return self.under_way

    async def answer(self, request: AsyncBoltRequest) -> BoltResponse:
        """Runs the listeners up to the acknowledgement that is to be sent."""
        return await self.app.async_dispatch(request)

    def go_on(self, request: AsyncBoltRequest) -> None:
        """Does what the listener left for after the acknowledgement; never raises."""
        self.acks += 1
        work: Callable[[], None] | None = request.context.get(AFTER_ACK)
        if work is not None:
            work()

    async def aclose(self, grace: float = 3.0) -> None:
        """Waits for answers of this side's own that are on their way."""
        await self._jobs.drain(grace)

    async def _on_command(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if self.draining:
            self.declined += 1
            await ack(_ephemeral(self._ways.tongue.message(RESTARTING)))
            return
        await ack()
        if not self._once.first(string(body, "trigger_id")):
            self.duplicates += 1
            return
        self.commands += 1
        context[AFTER_ACK] = lambda: self._hand_command(body)

    async def _on_other_command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        typed = escape(string(body, "command"))
        text = f"Here I answer to `{self._command}`, not to `{typed}`: the bot's settings and the Slack app disagree."
        await ack(_ephemeral(self._ways.tongue.message(note("error", text))))

    async def _on_action(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        if not self._once.first(string(body, "trigger_id")):
            self.duplicates += 1
            return
        if self.draining:
            self.declined += 1
            context[AFTER_ACK] = lambda: self._tell(body, RESTARTING)
            return
        self.presses += 1
        context[AFTER_ACK] = lambda: self._hand_press(body)

    async def _on_unknown_action(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        context[AFTER_ACK] = lambda: self._tell(body, EXPIRED)

    async def _on_mention(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        event = mapping(body, "event")
        if event.get("bot_id") or event.get("subtype") or string(event, "user") in ("", self._me):
            return
        if not self._once.first(string(body, "event_id")):
            self.duplicates += 1
            return
        self.mentions += 1
        context[AFTER_ACK] = lambda: self._hand_mention(body)

    async def _on_home(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        event = mapping(body, "event")
        if event.get("tab") != "home" or self.draining or not self._once.first(string(body, "event_id")):
            return
        self.homes += 1
        context[AFTER_ACK] = lambda: self._guarded(lambda: self._desk.opened(string(event, "user")), None)

    async def _on_submission(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if self.draining:
            self.declined += 1
            await ack(
                response_action="errors",
                errors=dict.fromkeys(inputs_of(body)[:1], self._ways.tongue.line(RESTARTING.text)),
            )
            return
        if faults := self._faults(body):
            await ack(response_action="errors", errors=faults)
            return
        await ack()
        if not self._once.first(string(body, "trigger_id")):
            self.duplicates += 1
            return
        self.submissions += 1
        context[AFTER_ACK] = lambda: self._hand_submission(body)

    async def _on_other_view(self, ack: AsyncAck) -> None:
        await ack()

    def _faults(self, body: Body) -> dict[str, str]:
        """What is wrong with which input; only inputs that the modal has may be named (Slack refuses others)."""
        inputs = inputs_of(body)
        try:
            found = self._desk.faults(read_submission(body))
        except Exception:
            reference = secrets.token_hex(4)
            log.exception(FAILED, reference)
            found = {"": OWNED_UP.format(reference)}
        found = {block: self._ways.tongue.line(words) for block, words in found.items()}
        named = {block: words for block, words in found.items() if block in inputs}
        return named or dict.fromkeys(inputs[:1] if found else (), " ".join(found.values()))

    def _hand_command(self, body: Body) -> None:
        asked = read_command(body)
        whisper = self._ways.to(asked.user, asked.channel, string(body, "response_url"))
        self._guarded(lambda: self._desk.command(asked, whisper), whisper)

    def _hand_mention(self, body: Body) -> None:
        asked = read_mention(body, self._me, self._command)
        whisper = self._ways.to(asked.user, asked.channel, thread=asked.thread)
        if self.draining:
            self.declined += 1
            self._jobs.spawn(whisper.say(RESTARTING), "whisper")
            return
        self._guarded(lambda: self._desk.command(asked, whisper), whisper)

    def _hand_press(self, body: Body) -> None:
        pressed = read_press(body)
        whisper = self._way_back(body, pressed)
        self._guarded(lambda: self._desk.pressed(pressed, whisper), whisper)

    def _hand_submission(self, body: Body) -> None:
        submitted = read_submission(body)
        whisper = self._ways.to(submitted.user, submitted.origin.channel, thread=submitted.origin.thread)
        self._guarded(lambda: self._desk.submitted(submitted, whisper), whisper)

    def _tell(self, body: Body, message: Message) -> None:
        self._jobs.spawn(self._way_back(body, read_press(body)).say(message), "whisper")

    def _way_back(self, body: Body, pressed: Pressed) -> Whisper:
        """How who pressed is answered: in the channel, or over what they have before them."""
        if pressed.away:
            origin = read_origin(mapping(body, "view"))
            return self._ways.before(pressed.user, pressed.key, pressed.view, origin)
        return self._ways.to(pressed.user, pressed.channel, string(body, "response_url"), thread=pressed.thread)

    def _guarded(self, work: Callable[[], None], whisper: Whisper | None) -> None:
        """Whatever goes wrong at the desk is logged under a reference that the person is given."""
        try:
            work()
        except Exception:
            reference = secrets.token_hex(4)
            log.exception(FAILED, reference)
            if whisper is not None:
                self._jobs.spawn(whisper.say(note("error", OWNED_UP.format(reference))), "whisper")


def _ephemeral(message: Message) -> dict[str, Any]:
    return {"response_type": "ephemeral", **message.payload()}
