"""The actions done on the page: what it sends, passed to the workspace and answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.workspace.core import Core
from sandbox.workspace.delivery import NOBODY, TOO_LATE, ActionResult
from sandbox.workspace.inputs import collect_state_values
from sandbox.workspace.page.sidebar import Sidebar
from sandbox.workspace.state import Channel, Message, View
from sandbox.workspace.user_actions import UserActions
from sandbox.workspace.words import Words

Json = dict[str, Any]
APP = "app"
"""Stands for the direct conversation of whoever looks with the bot, where a channel's id would."""

SENTENCES = {
    NOBODY: "This did not reach the app: it is not connected.",
    TOO_LATE: "The app did not acknowledge this within three seconds.",
    "not_subscribed": "The app does not hear of this: its manifest does not subscribe to the event.",  # noqa: E501
    "home_tab_disabled": "",
    "is_archived": "This channel is archived: nobody can write here.",
    "errors": "",
}
"""What a person is told where no message in the channel says it; other errors of commands are told
there."""


class PageActions:
    """Performs what the page asks for."""

    def __init__(self, core: Core, acts: UserActions, side: Sidebar) -> None:
        self._core, self._acts, self._side = core, acts, side

    async def perform(self, act: str, body: Json) -> Json:
        """Perform an action and return the page's answer.

        Raises KeyError, TypeError, ValueError, LookupError or OSError for what cannot be done.
        """
        if act == "side":
            return await self._perform_side_action(body)
        return _build_answer(act, await self._handlers[act](self, body), self._core.words)

    def get_channel(self, user: str, name: str) -> Channel:
        """Return a channel by name or id, or the user's conversation with the bot.

        Raises LookupError for unknown ones.
        """
        if name == APP:
            return self._core.state.open_direct_channel(
                self._core.bot.id, self._core.state.get_user(user).id
            )
        return self._acts.get_channel(name)

    async def _perform_side_action(self, body: Json) -> Json:
        """Perform an action of the sidebar; return its error as an answer, not as a fault of the
        page.
        """
        try:
            await self._side.perform_action(str(body["command"]), body)
        except (LookupError, OSError) as error:
            return {"error": str(error.args[0] if error.args else error), "errors": {}}
        return {"error": "", "errors": {}}

    async def _send_line(self, body: Json) -> ActionResult:
        channel = self.get_channel(body["user"], body["channel"])
        return await self._acts.send_line(
            body["user"], channel.id, str(body["text"]), str(body.get("thread") or "")
        )

    async def _open_home(self, body: Json) -> ActionResult:
        return await self._acts.open_home(body["user"])

    async def _click_element(self, body: Json) -> ActionResult:
        user, action, value = body["user"], str(body["action"]), body.get("value")
        if body.get("view"):
            view = self._get_view(body)
            state = collect_state_values(view.body["blocks"], body.get("state"))
            return await self._acts.click_view_element(user, view, action, value, state)
        message = self._get_message(body)
        return await self._acts.click_element(
            user, message, action, value, collect_state_values(message.blocks, body.get("state"))
        )

    async def _choose_shortcut(self, body: Json) -> ActionResult:
        message = self._get_message(body)
        return await self._acts.choose_shortcut(body["user"], message, str(body["name"]))

    async def _submit_modal(self, body: Json) -> ActionResult:
        view = self._get_view(body)
        return await self._acts.submit_view(
            body["user"], view, collect_state_values(view.body["blocks"], body.get("state"))
        )

    async def _close_modal(self, body: Json) -> ActionResult:
        return await self._acts.close_view(
            body["user"], self._get_view(body), everything=bool(body.get("everything"))
        )

    _handlers: dict[str, Callable[[PageActions, Json], Awaitable[ActionResult]]] = {
        "click": _click_element,
        "close": _close_modal,
        "home": _open_home,
        "say": _send_line,
        "shortcut": _choose_shortcut,
        "submit": _submit_modal,
    }

    def _get_message(self, body: Json) -> Message:
        channel = self.get_channel(body["user"], body["channel"])
        message = self._core.state.messages.get((channel.id, str(body["ts"])))
        if message is None:
            raise LookupError("no such message")
        return message

    def _get_view(self, body: Json) -> View:
        owned = [*self._core.state.views.values(), *self._core.state.homes.values()]
        user = self._core.state.get_user(body["user"]).id
        # Only the user's own: a page could name any view.
        for view in owned:
            if view.id == body["view"] and view.user == user:
                return view
        raise LookupError("no such view")


def _build_answer(act: str, typed: ActionResult, say: Words) -> Json:
    """Return the page's answer to an action; the channel tells already how a command failed."""
    told = act == "say" and typed.error not in ("not_subscribed", "is_archived")
    sentence = "" if told or not typed.error else say(SENTENCES.get(typed.error, typed.error))
    return {
        "error": sentence,
        "errors": (typed.ack_payload or {}).get("errors", {}) if typed.error == "errors" else {},
    }
