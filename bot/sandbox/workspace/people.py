"""What people do: type commands, press buttons, submit modals, mention the bot, open its home."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import Any

from bot.sandbox.workspace.core import Core, ResponseUrl
from bot.sandbox.workspace.delivery import Courier, Outcome, Parcel, Typed
from bot.sandbox.workspace.elements import Pressed, find_pressed
from bot.sandbox.workspace.inputs import refused
from bot.sandbox.workspace.inputs import values as initial_values
from bot.sandbox.workspace.methods.views import close_view, new_view, replace_view, view_json
from bot.sandbox.workspace.refusals import Refusal, refuse
from bot.sandbox.workspace.replies import apply, complain
from bot.sandbox.workspace.state import Channel, Message, User, View, new_id
from bot.slackrules import check_view

Json = dict[str, Any]
RETRY_AFTER = (0.0, 60.0, 300.0)
"""Seconds of simulated time before each of the three further attempts to deliver an event."""


class People:
    """Acts of people, each carried to the bot by the courier in use."""

    def __init__(self, core: Core) -> None:
        self._core, self._app = core, core.installed
        self.courier: Courier | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def command(self, user: User, channel: Channel, line: str) -> Typed:
        """Types a slash command; returns once it is acknowledged or has failed."""
        name, _, text = line.partition(" ")
        if name not in self._app.commands:
            complain(self._core, channel.id, user.id, f"{name} is not a valid command.")
            return Typed(user.id, channel.id, line, error="unknown_command")
        typed = Typed(user.id, channel.id, line, self._command_payload(user, channel, name, text.strip()))
        await self._carry(typed, Parcel("slash_commands", typed.payload, reply=True))
        if typed.error:
            self._complain(typed, name)
        elif typed.ack_payload:
            self._speak(typed, name)
        return typed

    async def click(
        self, user: User, message: Message, label: str, value: str | None = None, *, state: Json | None = None
    ) -> Typed:
        """Presses a button by its text or action_id, or picks the option `value` of a select or menu."""
        if not message.visible_to(user.id):
            raise LookupError(f"{user.name} does not see this message")
        pressed = find_pressed(message.blocks, label, value, state)
        payload = self._actions_payload(user, pressed) | {"state": {"values": pressed.state}}
        payload |= self._message_part(user, message)
        typed = Typed(user.id, message.channel, label, payload)
        return await self._carry(typed, Parcel("interactive", payload))

    async def click_view(
        self, user: User, view: View, label: str, value: str | None = None, *, state: Json | None = None
    ) -> Typed:
        """Presses a button or picks an option in a modal or in App Home."""
        pressed = find_pressed(view.body["blocks"], label, value, state)
        payload = self._actions_payload(user, pressed)
        shown = view_json(self._core, view) | {"state": {"values": pressed.state}}
        payload |= {"container": {"type": "view", "view_id": view.id}, "view": shown}
        typed = Typed(user.id, "", label, payload)
        return await self._carry(typed, Parcel("interactive", payload))

    async def submit(self, user: User, view: View, values: Json) -> Typed:
        """Submits a modal; `values` is state.values: block_id → action_id → value object.

        Inputs that are not in it have their initial values. What Slack itself refuses does not reach the bot: it ends
        with the error "errors" and a sentence for each bad block, as if the bot had answered so.
        """
        filled = initial_values(view.body["blocks"])
        for block, entries in values.items():
            filled[block] = {**filled.get(block, {}), **entries}
        bad = refused(view.body["blocks"], filled)
        if bad:
            answer = {"response_action": "errors", "errors": bad}
            return Typed(user.id, "", "submit", error="errors", ack_payload=answer)
        shown = view_json(self._core, view) | {"state": {"values": filled}}
        payload = self._person(user) | {"type": "view_submission", "view": shown, "response_urls": []}
        typed = Typed(user.id, "", "submit", payload)
        await self._carry(typed, Parcel("interactive", payload, reply=True))
        if not typed.error:
            self._after_submit(view, typed)
        return typed

    async def close(self, user: User, view: View, *, everything: bool = False) -> Typed:
        """Closes a modal unsubmitted, or `everything` that is stacked in it.

        The bot hears of it only if the view asks for that (notify_on_close).
        """
        payload = self._person(user) | {"type": "view_closed", "view": view_json(self._core, view)}
        typed = Typed(user.id, "", "close", payload | {"is_cleared": everything})
        close_view(self._core, view, all_of_them=everything)
        if view.body.get("notify_on_close"):
            await self._carry(typed, Parcel("interactive", typed.payload))
        return typed

    async def event(self, user: User, body: Json, channel: str = "") -> Typed:
        """Sends an event; an attempt that is not acknowledged is repeated three times in the background."""
        payload = {
            "type": "event_callback",
            "token": self._core.verification_token,
            "team_id": self._core.state.team_id,
            "api_app_id": self._core.state.app_id,
            "event": body,
            "event_id": new_id("Ev"),
            "event_time": int(self._core.clock.now().timestamp()),
            "authorizations": [self._authorization()],
        }
        typed = Typed(user.id, channel, str(body.get("text", body["type"])), payload)
        if body["type"] not in self._app.events:
            typed.error = "not_subscribed"
            return typed
        outcome = await self._deliver(typed, Parcel("events_api", payload))
        if typed.error:
            task = asyncio.create_task(self._retry(typed, outcome))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return typed

    async def stop(self) -> None:
        """Ends the retries that are still to come."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def retries(self) -> int:
        """Events of which further deliveries are still to come."""
        return len(self._tasks)

    async def _carry(self, typed: Typed, parcel: Parcel) -> Typed:
        await self._deliver(typed, parcel)
        return typed

    async def _deliver(self, typed: Typed, parcel: Parcel) -> Outcome:
        if self.courier is None:
            raise RuntimeError("the workspace is not started")
        outcome = await self.courier.carry(parcel)
        typed.settle(outcome)
        return outcome

    async def _retry(self, typed: Typed, outcome: Outcome) -> None:
        for attempt, pause in enumerate(RETRY_AFTER, start=1):
            if not outcome.error or outcome.no_retry:
                return
            await self._core.clock.sleep(pause)
            parcel = Parcel("events_api", typed.payload, retry=attempt, retry_reason=outcome.reason)
            outcome = await self._deliver(typed, parcel)

    def _command_payload(self, user: User, channel: Channel, name: str, text: str) -> Json:
        state = self._core.state
        return {
            "token": self._core.verification_token,
            "team_id": state.team_id,
            "team_domain": state.team_domain,
            "channel_id": channel.id,
            "channel_name": "privategroup" if channel.is_private and not channel.is_im else channel.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": name,
            "text": self._escaped(text) if self._app.should_escape else text,
            "api_app_id": state.app_id,
            "is_enterprise_install": "false",
            "response_url": self._core.new_response_url(kind="commands", channel=channel.id, user=user.id),
            "trigger_id": self._core.new_trigger(user.id),
        }

    def _escaped(self, text: str) -> str:
        """Typed names and links become references, as the manifest's should_escape asks for."""
        state = self._core.state
        known = {f"@{u.name}": f"<@{u.id}|{u.name}>" for u in state.users.values()}
        known |= {f"@{g.handle}": f"<!subteam^{g.id}|@{g.handle}>" for g in state.groups.values()}
        known |= {f"#{c.name}": f"<#{c.id}|{c.name}>" for c in state.channels.values() if not c.is_im}
        linked = re.sub(r"https?://[^\s<>]+", r"<\g<0>>", text)
        return re.sub(r"(?<!\S)[@#][\w.-]+", lambda match: known.get(match[0], match[0]), linked)

    def _complain(self, typed: Typed, name: str) -> None:
        text = f'{name} failed with the error "{typed.error}"'
        complain(self._core, typed.channel, typed.user, text)

    def _speak(self, typed: Typed, name: str) -> None:
        try:
            apply(self._core, ResponseUrl(typed.channel, typed.user, self._core.clock.now()), typed.ack_payload or {})
        except Refusal:
            typed.error = "invalid_command_response"
            self._complain(typed, name)

    def _person(self, user: User) -> Json:
        state = self._core.state
        return {
            "team": {"id": state.team_id, "domain": state.team_domain},
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": state.team_id},
            "api_app_id": state.app_id,
            "token": self._core.verification_token,
            "trigger_id": self._core.new_trigger(user.id),
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _actions_payload(self, user: User, pressed: Pressed) -> Json:
        action = pressed.action | {"action_ts": f"{time.time():.6f}"}
        return self._person(user) | {"type": "block_actions", "actions": [action]}

    def _message_part(self, user: User, message: Message) -> Json:
        channel = self._core.state.channels[message.channel]
        ephemeral = bool(message.ephemeral_to)
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": ephemeral,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        part: Json = {"container": container, "channel": {"id": channel.id, "name": channel.name}}
        if not ephemeral:
            part["message"] = self._core.state.message_json(message)
        part["response_url"] = self._core.new_response_url(
            kind="actions", channel=channel.id, user=user.id, ts=message.ts
        )
        return part

    def _after_submit(self, view: View, typed: Typed) -> None:
        answer = typed.ack_payload or {}
        action = answer.get("response_action")
        if action == "errors":
            typed.error = "errors"
            return
        if action in ("update", "push"):
            body = answer.get("view") or {}
            try:
                refuse(check_view(body))
                if action == "update":
                    replace_view(self._core, view, body)
                else:
                    new_view(self._core, view.user, body, below=view)
            except Refusal as refusal:
                typed.error = refusal.code
            return
        close_view(self._core, view, all_of_them=action == "clear")

    def _authorization(self) -> Json:
        state = self._core.state
        return {
            "enterprise_id": None,
            "team_id": state.team_id,
            "user_id": self._core.bot.id,
            "is_bot": True,
            "is_enterprise_install": False,
        }


def unique_client_id() -> str:
    """The client_msg_id of something that a person wrote."""
    return secrets.token_hex(16)
