"""What Slack can call us with: commands and buttons are acknowledged, and only then handed to the desk.

Bolt drops an acknowledgement when the listener raises soon after it, keeps no reference to a listener at work, and
looks only every 10 ms whether one has acknowledged. So a listener acknowledges, leaves the work in its context, and
ends; Bolt is told to wait for that end (`process_before_response`), which takes well under a millisecond. Whoever
received the envelope (`bot.slack.socket`, `bot.slack.http`) sends the answer first and calls `Listeners.go_on` after.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.jobs import Jobs
from bot.messages import Asked, Desk, Message, Posted, Pressed, Whisper
from bot.slack.calls import library_log
from bot.slack.client import Identity
from bot.slack.once import Once
from bot.slack.typed import as_typed
from bot.slack.whisper import Ephemera
from bot.slackrules import escape

OURS = re.compile(r"^mesh:")
"""action_ids of the bot's own buttons."""
ANY = re.compile(r".*", re.DOTALL)
AFTER_ACK = "after_ack"
Body = Mapping[str, Any]

log = logging.getLogger(__name__)


def note(state: str, text: str) -> Message:
    """A short answer of this side's own; `state` is what `bot.blocks` would call it."""
    block = {"type": "section", "block_id": f"verdict:{state}", "text": {"type": "mrkdwn", "text": text}}
    return Message(text=text, blocks=(block,))


RESTARTING = note("not_yet", "I am restarting. Please try again in a minute.")
EXPIRED = note("not_yet", "This button has expired. Type the command again.")


class Listeners:
    """The Bolt app with its listeners. `draining` makes them decline; the counters are there for metrics."""

    def __init__(self, *, desk: Desk, ways: Ephemera, identity: Identity, command: str = "/mesh") -> None:
        self._desk, self._ways, self._command = desk, ways, command
        self._once = Once()
        self._jobs = Jobs()
        self.draining = False
        self.commands = self.presses = self.duplicates = self.declined = self.acks = 0
        self.under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.app = _build_app(ways.client, identity)
        self.app.command(command)(self._on_command)
        self.app.command(ANY)(self._on_other_command)
        self.app.action(OURS)(self._on_action)
        self.app.action(ANY)(self._on_unknown_action)

    @property
    def command(self) -> str:
        """The command that is answered, with its slash."""
        return self._command

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Counts an envelope whose acknowledgement has not been sent."""
        self.under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.under_way -= 1
            if not self.under_way:
                self._idle.set()

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
        if not self._once.first(_string(body, "trigger_id")):
            self.duplicates += 1
            return
        self.commands += 1
        context[AFTER_ACK] = lambda: self._hand_command(body)

    async def _on_other_command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        typed = escape(_string(body, "command"))
        text = f"Here I answer to `{self._command}`, not to `{typed}`: the bot's settings and the Slack app disagree."
        await ack(_ephemeral(self._ways.tongue.message(note("error", text))))

    async def _on_action(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        if not self._once.first(_string(body, "trigger_id")):
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

    def _hand_command(self, body: Body) -> None:
        user, channel = _string(body, "user_id"), _string(body, "channel_id")
        asked = Asked(user, channel, as_typed(_string(body, "text")), _string(body, "trigger_id"))
        whisper = self._ways.to(user, channel, _string(body, "response_url"))
        self._guarded(lambda: self._desk.command(asked, whisper), whisper)

    def _hand_press(self, body: Body) -> None:
        pressed = read_press(body)
        whisper = self._ways.to(pressed.user, pressed.channel, _string(body, "response_url"))
        self._guarded(lambda: self._desk.pressed(pressed, whisper), whisper)

    def _tell(self, body: Body, message: Message) -> None:
        pressed = read_press(body)
        whisper = self._ways.to(pressed.user, pressed.channel, _string(body, "response_url"))
        self._jobs.spawn(whisper.say(message), "whisper")

    def _guarded(self, work: Callable[[], None], whisper: Whisper) -> None:
        """Whatever goes wrong at the desk is logged under a reference that the person is given."""
        try:
            work()
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("the desk failed, reference %s", reference)
            text = f"That went wrong on my side. Whoever runs me finds it in the log under `{reference}`."
            self._jobs.spawn(whisper.say(note("error", text)), "whisper")


def read_press(body: Body) -> Pressed:
    """A block_actions payload as the desk takes it; what is missing is empty."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    container = _mapping(body, "container")
    channel = _string(_mapping(body, "channel"), "id") or _string(container, "channel_id")
    ts = _string(container, "message_ts")
    posted = Posted(channel, ts) if ts and channel and not container.get("is_ephemeral") else None
    value = _string(action, "value") or _string(_mapping(action, "selected_option"), "value")
    user = _string(_mapping(body, "user"), "id")
    return Pressed(user, channel, _string(action, "action_id"), value, _string(body, "trigger_id"), posted)


def _string(body: Body, key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _mapping(body: Body, key: str) -> Body:
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def _ephemeral(message: Message) -> dict[str, Any]:
    return {"response_type": "ephemeral", **message.payload()}


def _build_app(client: AsyncWebClient, identity: Identity) -> AsyncApp:
    """An app that asks Slack nothing by itself: who we are is known, and requests are checked in front of it."""

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id=identity.team_id,
            bot_id=identity.bot_id,
            bot_user_id=identity.user_id,
            bot_token=client.token,
        )

    nameless = AsyncWebClient(base_url=client.base_url, session=client.session, logger=library_log("api"))
    nameless.proxy = client.proxy
    with _unprompted():
        return AsyncApp(
            name="meshbot",
            client=nameless,
            authorize=authorize,
            logger=library_log("bolt"),
            signing_secret="",
            process_before_response=True,
            request_verification_enabled=False,
            ssl_check_enabled=False,
            attaching_function_token_enabled=False,
        )


@contextmanager
def _unprompted() -> Iterator[None]:
    """Hides Slack's variables while Bolt looks for them: SLACK_CLIENT_ID alone would switch it to another mode."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(hidden)
