"""Modals and the Home tab, which one person sees alone, made to fit what Slack accepts."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import SlackError
from bot.language import ENGLISH, Localizer
from bot.messages import Message, Modal, OpenModal, Origin
from bot.slack.inbound.payloads import serialize_origin
from bot.slack.outbound.fit import fit_message
from bot.slack.outbound.visible_messages import show_hidden_in_blocks
from bot.slack.webapi.web_api_errors import await_patiently, await_slack_call
from bot.slackrules import check_view, truncate
from bot.text import in_context

MOST_BLOCKS = 100
"""Blocks in a view (Slack limit)."""

LONGEST_TITLE = 24
"""Characters of a modal's title and of its buttons (Slack limit)."""

PASSED = frozenset({"not_found", "hash_conflict", "view_not_found"})
"""Refusals of an update that say that the person has closed the modal, or has gone on in it."""

CLOSE = in_context("button", "Close")

Block = dict[str, Any]
log = logging.getLogger(__name__)


class SlackViews:
    """`bot.messages.Views` over views.open, views.update and views.publish."""

    def __init__(self, client: AsyncWebClient, say: Localizer = ENGLISH) -> None:
        self._client, self._say = client, say

    async def open(self, trigger: str, modal: Modal, *, over: str = "") -> OpenModal:
        """Open a modal, or replace the one that `over` names.

        Raises SlackError; `expired_trigger_id` comes soon, three seconds after the trigger.
        """
        view = self._build_view(modal)
        if over:
            return read_shown_view(
                await await_slack_call(
                    "views.update", self._client.views_update(view_id=over, view=view)
                )
            )
        return read_shown_view(
            await await_slack_call(
                "views.open", self._client.views_open(trigger_id=trigger, view=view)
            )
        )

    async def update(self, shown: OpenModal, modal: Modal) -> None:
        """Put other content into a modal, unless it was closed or changed meanwhile.

        Raises SlackError.
        """
        request = self._client.views_update(
            view_id=shown.view, hash=shown.hash, view=self._build_view(modal)
        )
        try:
            await await_slack_call("views.update", request)
        except SlackError as problem:
            if problem.code not in PASSED:
                raise

    async def publish(self, user: str, blocks: tuple[Block, ...]) -> None:
        """Show these blocks in that person's Home tab; raise SlackError."""
        view = ensure_valid_view({"type": "home", "blocks": list(blocks[:MOST_BLOCKS])})
        await await_slack_call("views.publish", self._client.views_publish(user_id=user, view=view))

    async def send_direct_message(self, user: str, message: Message) -> None:
        """Send a direct message to that person; raise SlackError."""
        payload = fit_message(message, self._say)
        send = partial(self._client.chat_postMessage, channel=user, **payload)
        await await_patiently("chat.postMessage", send)

    def _build_view(self, modal: Modal) -> dict[str, Any]:
        return ensure_valid_view(build_modal_view(modal, self._say(CLOSE)))


def read_shown_view(answer: AsyncSlackResponse) -> OpenModal:
    """Read the modal's id and hash from the response of a views.* call."""
    view = answer.get("view") or {}
    return OpenModal(str(view.get("id") or ""), str(view.get("hash") or ""))


def build_modal_view(modal: Modal, close: str) -> dict[str, Any]:
    """Build the view of a modal, as views.open takes it; `close` is its button's label."""
    view: dict[str, Any] = {
        "type": "modal",
        "title": build_short_text(modal.title),
        "close": build_short_text(modal.close or close),
        "callback_id": modal.name or "mesh:shown",
        "private_metadata": serialize_origin(modal.origin),
        "blocks": list(modal.blocks[:MOST_BLOCKS]),
    }
    return view | ({"submit": build_short_text(modal.submit)} if modal.submit else {})


def build_short_text(text: str) -> Block:
    """Build the text of a modal's title or button, cut at Slack's 24 characters."""
    return {"type": "plain_text", "text": truncate(text, LONGEST_TITLE)}


def ensure_valid_view(view: dict[str, Any]) -> dict[str, Any]:
    """Return the view, or its texts alone when our own check refuses it.

    Plain text is better than nothing.
    """
    view = show_hidden_in_blocks(view)
    problems = check_view(view)
    if not problems:
        return view
    log.error("a view was refused by our own check: %s", "; ".join(map(str, problems[:5])))
    texts = [
        block["text"]["text"] for block in view["blocks"] if isinstance(block.get("text"), dict)
    ]
    # A section takes 3000 characters (Slack limit).
    text = truncate("\n".join(map(str, texts)) or "…", 2_900)
    plain = {key: value for key, value in view.items() if key not in ("submit", "blocks")}
    return plain | {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": text}}]}


class ModalReply:
    """`bot.messages.Reply` for a press in App Home or in a modal, where there is no channel."""

    def __init__(
        self, views: SlackViews, *, user: str, trigger: str, view: str, origin: Origin
    ) -> None:
        self._views, self._user, self._trigger, self._origin = views, user, trigger, origin
        self._view = view

    async def say(self, message: Message) -> None:
        """Show the message in a modal, the same one each time; never raises.

        When no modal can be had, it goes in a direct message.
        """
        try:
            await self._show_modal(Modal("meshbot", message.blocks, origin=self._origin))
        except SlackError as problem:
            log.info("no modal for %s (%s): a direct message instead", self._user, problem)
            await self._send_direct_message(message)
        except Exception:
            # It runs in a task that nobody waits for; there is nobody left to tell but the log.
            log.exception("an answer to %s was lost", self._user)

    async def _show_modal(self, modal: Modal) -> None:
        self._view = (await self._views.open(self._trigger, modal, over=self._view)).view

    async def _send_direct_message(self, message: Message) -> None:
        try:
            await self._views.send_direct_message(self._user, message)
        except SlackError as problem:
            log.warning("an answer to %s was lost: %s", self._user, problem)
