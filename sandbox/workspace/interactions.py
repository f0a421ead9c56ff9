"""Interactions of users, sent to the bot: commands, button presses, shortcuts, modal submissions,
mentions, the Home tab.
"""

from __future__ import annotations

from typing import Any

from bot.slackrules import check_view
from sandbox.tasks import Tasks
from sandbox.workspace.core import Core, ResponseUrl
from sandbox.workspace.delivery import ActionResult, Delivery, DeliveryResult, Transport
from sandbox.workspace.elements import build_block_action
from sandbox.workspace.inputs import collect_state_values as initial_values
from sandbox.workspace.inputs import find_input_errors
from sandbox.workspace.installed_app import list_message_shortcuts
from sandbox.workspace.methods.views import close_view, open_view, replace_view, serialize_view
from sandbox.workspace.payloads import (
    build_actions_payload,
    build_command_payload,
    build_event_payload,
    build_message_payload,
    build_shortcut_payload,
    build_user_payload,
)
from sandbox.workspace.refusals import Refusal, raise_for_problems
from sandbox.workspace.replies import apply_reply, post_slackbot_notice
from sandbox.workspace.state import Channel, Message, User, View

Json = dict[str, Any]
RETRY_AFTER = (0.0, 60.0, 300.0)
"""Seconds of simulated time before each of the three further attempts to deliver an event."""


class InteractionSender:
    """Sends users' interactions to the bot by the transport in use."""

    def __init__(self, core: Core) -> None:
        self._core, self._app = core, core.installed
        self.transport: Transport | None = None
        self._tasks = Tasks()

    async def send_command(self, user: User, channel: Channel, line: str) -> ActionResult:
        """Send a slash command; return once it is acknowledged or has failed."""
        name, _, text = line.partition(" ")
        if name not in self._app.commands:
            post_slackbot_notice(self._core, channel.id, user.id, f"{name} is not a valid command.")
            return ActionResult(user.id, channel.id, line, error="unknown_command")
        typed = ActionResult(
            user.id,
            channel.id,
            line,
            build_command_payload(self._core, user, channel, name, text.strip()),
        )
        await self._deliver_action(typed, Delivery("slash_commands", typed.payload, reply=True))
        if typed.error:
            self._report_failure(typed, name)
        elif typed.ack_payload:
            self._apply_ack_payload(typed, name)
        return typed

    async def click_element(
        self,
        user: User,
        message: Message,
        label: str,
        value: str | None = None,
        *,
        state: Json | None = None,
    ) -> ActionResult:
        """Press a button by its text or action_id, or pick the option `value` of a select or menu.

        Raises LookupError if the user does not see the message or it has no such element.
        """
        if not message.is_visible_to(user.id):
            raise LookupError(f"{user.name} does not see this message")
        pressed = build_block_action(message.blocks, label, value, state)
        payload = build_actions_payload(self._core, user, pressed) | {
            "state": {"values": pressed.state}
        }
        payload |= build_message_payload(self._core, user, message)
        typed = ActionResult(user.id, message.channel, label, payload)
        return await self._deliver_action(typed, Delivery("interactive", payload))

    async def choose_shortcut(self, user: User, message: Message, name: str) -> ActionResult:
        """Choose one of the app's shortcuts in a message's menu.

        Raises LookupError if the user does not see the message, or is not offered that there.
        """
        if name not in list_message_shortcuts(self._app, message):
            there = ", ".join(list_message_shortcuts(self._app, message)) or "none"
            raise LookupError(f'no shortcut "{name}" on this message; there are: {there}')
        if not message.is_visible_to(user.id):
            raise LookupError(f"{user.name} does not see this message")
        payload = build_shortcut_payload(self._core, user, message, self._app.shortcuts[name])
        typed = ActionResult(user.id, message.channel, name, payload)
        return await self._deliver_action(typed, Delivery("interactive", payload))

    async def click_view_element(
        self,
        user: User,
        view: View,
        label: str,
        value: str | None = None,
        *,
        state: Json | None = None,
    ) -> ActionResult:
        """Press a button or pick an option in a modal or in App Home."""
        pressed = build_block_action(view.body["blocks"], label, value, state)
        payload = build_actions_payload(self._core, user, pressed)
        shown = serialize_view(self._core, view) | {"state": {"values": pressed.state}}
        payload |= {"container": {"type": "view", "view_id": view.id}, "view": shown}
        typed = ActionResult(user.id, "", label, payload)
        return await self._deliver_action(typed, Delivery("interactive", payload))

    async def submit_modal(self, user: User, view: View, values: Json) -> ActionResult:
        """Submit a modal; `values` is state.values: block_id → action_id → value object.

        Inputs that are not in it have their initial values. What Slack itself refuses does not
        reach the bot: it ends with the error "errors" and a sentence for each bad block, as if
        the bot had answered so.
        """
        filled = initial_values(view.body["blocks"])
        for block, entries in values.items():
            filled[block] = {**filled.get(block, {}), **entries}
        bad = find_input_errors(view.body["blocks"], filled)
        if bad:
            answer = {"response_action": "errors", "errors": bad}
            return ActionResult(user.id, "", "submit", error="errors", ack_payload=answer)
        shown = serialize_view(self._core, view) | {"state": {"values": filled}}
        payload = build_user_payload(self._core, user) | {
            "type": "view_submission",
            "view": shown,
            "response_urls": [],
        }
        typed = ActionResult(user.id, "", "submit", payload)
        await self._deliver_action(typed, Delivery("interactive", payload, reply=True))
        if not typed.error:
            _apply_submit_answer(self._core, view, typed)
        return typed

    async def close_modal(
        self, user: User, view: View, *, everything: bool = False
    ) -> ActionResult:
        """Close a modal unsubmitted, or `everything` that is stacked in it.

        The bot hears of it only if the view asks for that (notify_on_close).
        """
        payload = build_user_payload(self._core, user) | {
            "type": "view_closed",
            "view": serialize_view(self._core, view),
        }
        typed = ActionResult(user.id, "", "close", payload | {"is_cleared": everything})
        close_view(self._core, view, all_of_them=everything)
        if view.body.get("notify_on_close"):
            await self._deliver_action(typed, Delivery("interactive", typed.payload))
        return typed

    async def send_event(self, user: User, body: Json, channel: str = "") -> ActionResult:
        """Send an event; an unacknowledged one is sent again up to three times in the
        background."""
        payload = build_event_payload(self._core, user, body)
        typed = ActionResult(user.id, channel, str(body.get("text", body["type"])), payload)
        if body["type"] not in self._app.events:
            typed.error = "not_subscribed"
            return typed
        outcome = await self._deliver_and_record(typed, Delivery("events_api", payload))
        if typed.error:
            self._tasks.spawn(self._retry_event(typed, outcome), "events: retries")
        return typed

    async def stop(self) -> None:
        """Cancel the retries that are still to come."""
        await self._tasks.close()

    @property
    def retries(self) -> int:
        """The number of events of which further deliveries are still to come."""
        return len(self._tasks)

    async def _deliver_action(self, typed: ActionResult, delivery: Delivery) -> ActionResult:
        await self._deliver_and_record(typed, delivery)
        return typed

    async def _deliver_and_record(self, typed: ActionResult, delivery: Delivery) -> DeliveryResult:
        if self.transport is None:
            raise RuntimeError("the workspace is not started")
        outcome = await self.transport.carry(delivery)
        typed.record_outcome(outcome)
        return outcome

    async def _retry_event(self, typed: ActionResult, outcome: DeliveryResult) -> None:
        for attempt, pause in enumerate(RETRY_AFTER, start=1):
            if not outcome.error or outcome.no_retry:
                return
            await self._core.clock.sleep(pause)
            delivery = Delivery(
                "events_api", typed.payload, retry=attempt, retry_reason=outcome.reason
            )
            outcome = await self._deliver_and_record(typed, delivery)

    def _report_failure(self, typed: ActionResult, name: str) -> None:
        text = f'{name} failed with the error "{typed.error}"'
        post_slackbot_notice(self._core, typed.channel, typed.user, text)

    def _apply_ack_payload(self, typed: ActionResult, name: str) -> None:
        try:
            apply_reply(
                self._core,
                ResponseUrl(typed.channel, typed.user, self._core.clock.now()),
                typed.ack_payload or {},
            )
        except Refusal:
            typed.error = "invalid_command_response"
            self._report_failure(typed, name)


def _apply_submit_answer(core: Core, view: View, typed: ActionResult) -> None:
    answer = typed.ack_payload or {}
    action = answer.get("response_action")
    if action == "errors":
        typed.error = "errors"
        return
    if action in ("update", "push"):
        body = answer.get("view") or {}
        try:
            raise_for_problems(check_view(body))
            if action == "update":
                replace_view(core, view, body)
            else:
                open_view(core, view.user, body, below=view)
        except Refusal as refusal:
            typed.error = refusal.code
        return
    close_view(core, view, all_of_them=action == "clear")
