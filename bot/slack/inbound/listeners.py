"""Listeners for what Slack sends: acknowledged first, then handed to the command router.

Bolt drops an acknowledgement when the listener raises soon after it, keeps no reference to a
listener at work, and looks only every 10 ms whether one has acknowledged. So a listener
acknowledges, leaves the work in its context, and ends; Bolt is told to wait for that end
(`process_before_response`), which takes well under a millisecond. The receiver of the envelope
(`bot.slack.inbound.socket_mode`, `bot.slack.inbound.http_mode`) sends the answer first and calls
`Listeners.run_deferred_work` after.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from slack_bolt.async_app import AsyncBoltContext, AsyncBoltRequest
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse

from bot.messages import CommandRouter
from bot.metrics import Metric, counter
from bot.slack.inbound.bolt import build_app
from bot.slack.inbound.dedupe import SeenKeys
from bot.slack.inbound.dispatch import (
    AFTER_ACK,
    EDITED,
    RESTARTING,
    RequestDispatcher,
    build_ephemeral_payload,
)
from bot.slack.inbound.envelopes import EnvelopeTracker
from bot.slack.inbound.mentions import MentionFilter, MentionKind
from bot.slack.inbound.payloads import PREFIX, get_mapping, get_string, name_first_input
from bot.slack.inbound.teams import build_served_teams
from bot.slack.inbound.unknown import UnknownRequests
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.webapi.client import BotIdentity

OURS = re.compile(f"^{PREFIX}")
"""action_ids of the bot's own buttons, and names of its own modals and shortcuts."""

log = logging.getLogger(__name__)


class Listeners:
    """The Bolt app with its listeners. `draining` makes them decline; the counters are there for
    metrics. `admitted` are teams whose people are served beside the bot's own."""

    def __init__(
        self,
        *,
        router: CommandRouter,
        ways: EphemeralResponder,
        identity: BotIdentity,
        command: str = "/mesh",
        admitted: Collection[str] = (),
    ) -> None:
        self.command, self._me = command, identity.user_id
        self._teams = build_served_teams(identity, admitted)
        self._dispatcher = RequestDispatcher(
            router, ways, me=identity.user_id, command=command, teams=self._teams
        )
        self._once = SeenKeys()
        self._mentions = MentionFilter(identity.user_id, command)
        self.envelopes = EnvelopeTracker()
        self.draining = False
        self.commands = self.presses = self.duplicates = self.declined = 0
        self.mentions = self.submissions = self.homes = 0
        self.app = build_app(ways.client, identity)
        self.app.command(command)(self._on_command)
        self.app.block_action(OURS)(self._on_action)
        self.app.message_shortcut(OURS)(self._on_shortcut)
        self.events = {
            "app_mention": self._on_mention,
            "app_home_opened": self._on_home_opened,
            "member_joined_channel": self._on_member_joined,
        }
        for name, listener in self.events.items():
            self.app.event(name)(listener)
        self.app.view(OURS)(self._on_submission)
        UnknownRequests(self._dispatcher, command).register(self.app)

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        yield counter("commands", "Commands that were taken.", self.commands)
        yield counter("presses", "Buttons that were taken.", self.presses)
        yield counter(
            "duplicates",
            "Deliveries dropped because they came before.",
            self.duplicates,
            seen_by="process",
        )
        yield from self._mentions.figures()
        yield counter(
            "declined", "Commands and buttons declined while being stopped.", self.declined
        )
        yield from self.envelopes.figures()

    async def drain(self, grace: float = 3.0) -> int:
        """Decline what comes from now on, and wait for acknowledgements under way.

        Waits up to `grace` seconds; returns the number that were not sent.
        """
        self.draining = True
        return await self.envelopes.wait_until_idle(grace)

    async def build_acknowledgement(self, request: AsyncBoltRequest) -> BoltResponse:
        """Run the listeners up to the acknowledgement, and return it to be sent."""
        if request.body.get("type") == "app_rate_limited":
            log.warning("Slack holds back events: more than 30000 in an hour")
            return BoltResponse(status=200)
        return await self.app.async_dispatch(request)

    def run_deferred_work(self, request: AsyncBoltRequest) -> None:
        """Run the work that the listener left for after the acknowledgement; never raises."""
        self.envelopes.acks += 1
        work: Callable[[], None] | None = request.context.get(AFTER_ACK)
        if work is not None:
            work()

    async def aclose(self, grace: float = 3.0) -> None:
        """Wait up to `grace` seconds for replies of this package's own that are on their way."""
        await self._dispatcher.aclose(grace)

    async def _on_command(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        if self.draining:
            self.declined += 1
            # The acknowledgement of a slash command may carry the answer; nothing has to be sent
            # after it, while the connection is being closed.
            await ack(build_ephemeral_payload(self._dispatcher.build_note("not_yet", RESTARTING)))
            return
        await ack()
        if not self._claim_delivery(get_string(body, "trigger_id")):
            return
        self.commands += 1
        context[AFTER_ACK] = lambda: self._dispatcher.dispatch_command(body)

    async def _on_action(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        if not self._claim_delivery(get_string(body, "trigger_id")):
            return
        if self.draining:
            self.declined += 1
            note = self._dispatcher.build_note("not_yet", RESTARTING)
            context[AFTER_ACK] = lambda: self._dispatcher.reply_to_press(body, note)
            return
        self.presses += 1
        context[AFTER_ACK] = lambda: self._dispatcher.dispatch_press(body)

    async def _on_shortcut(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        if not self._claim_delivery(get_string(body, "trigger_id")):
            return
        if self.draining:
            self.declined += 1
            note = self._dispatcher.build_note("not_yet", RESTARTING)
            context[AFTER_ACK] = lambda: self._dispatcher.reply_to_shortcut(body, note)
            return
        self.commands += 1
        context[AFTER_ACK] = lambda: self._dispatcher.dispatch_shortcut(body)

    async def _on_mention(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        if not self._claim_delivery(get_string(body, "event_id")):
            return
        if (kind := self._mentions.classify_mention(body)) is MentionKind.IGNORED:
            return
        if kind is MentionKind.EDITED:
            edited = self._dispatcher.build_note("not_yet", EDITED)
            context[AFTER_ACK] = lambda: self._dispatcher.reply_to_mention(body, edited)
            return
        self.mentions += 1
        if self.draining:
            self.declined += 1
            note = self._dispatcher.build_note("not_yet", RESTARTING)
            context[AFTER_ACK] = lambda: self._dispatcher.reply_to_mention(body, note)
            return
        context[AFTER_ACK] = lambda: self._dispatcher.dispatch_mention(body)

    async def _on_home_opened(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        event, key = get_mapping(body, "event"), get_string(body, "event_id")
        if event.get("tab") != "home" or self.draining or not self._once.claim_key(key):
            return
        if team := self._teams.find_foreign_team(body):
            log.warning("the Home tab was not shown to someone of %s", team)
            return
        self.homes += 1
        user = get_string(event, "user")
        context[AFTER_ACK] = lambda: self._dispatcher.dispatch_event(
            lambda router: router.opened(user)
        )

    async def _on_member_joined(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        await ack()
        event, key = get_mapping(body, "event"), get_string(body, "event_id")
        mine = get_string(event, "user") == self._me  # whoever else joins is no reason to greet
        if mine and not self.draining and self._once.claim_key(key):
            channel = get_string(event, "channel")
            context[AFTER_ACK] = lambda: self._dispatcher.dispatch_event(
                lambda router: router.joined(channel, key)
            )

    async def _on_submission(
        self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext
    ) -> None:
        if self.draining:
            self.declined += 1
            # An error keeps the form open, with all that was typed; an empty acknowledgement
            # closes it.
            await ack(
                response_action="errors",
                errors=name_first_input(body, self._dispatcher.localize(RESTARTING)),
            )
            return
        if faults := self._dispatcher.find_input_faults(body):
            await ack(response_action="errors", errors=faults)
            return
        await ack()
        if not self._claim_delivery(get_string(body, "trigger_id")):
            return
        self.submissions += 1
        context[AFTER_ACK] = lambda: self._dispatcher.dispatch_submission(body)

    def _claim_delivery(self, key: str) -> bool:
        """Tell whether this delivery is the first of its key, and count it as a duplicate
        otherwise."""
        first = self._once.claim_key(key)
        self.duplicates += not first
        return first
