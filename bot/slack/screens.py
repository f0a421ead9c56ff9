"""What one person has before them alone: modals and the Home tab, made to fit what Slack accepts."""

from __future__ import annotations

import logging
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import SlackError
from bot.language import ENGLISH, Tongue
from bot.messages import Message, Modal, Origin, Shown
from bot.slack.calls import attempt
from bot.slack.fitting import fit
from bot.slack.payloads import written
from bot.slackrules import check_view, truncate

MOST_BLOCKS = 100
"""Blocks in a view (Slack limit)."""

LONGEST_TITLE = 24
"""Characters of a modal's title and of its buttons (Slack limit)."""

PASSED = frozenset({"not_found", "hash_conflict", "view_not_found"})
"""Refusals of an update that say that the person has closed the modal, or has gone on in it."""

Block = dict[str, Any]
log = logging.getLogger(__name__)


class SlackScreens:
    """`bot.messages.Screens` over views.open, views.update and views.publish."""

    def __init__(self, client: AsyncWebClient, tongue: Tongue = ENGLISH) -> None:
        self._client, self._tongue = client, tongue

    async def open(self, trigger: str, modal: Modal, *, over: str = "") -> Shown:
        """Opens a modal, or replaces the one that `over` names; raises SlackError, soon expired_trigger_id."""
        view = self._fitted(modal)
        if over:
            return shown(await attempt("views.update", self._client.views_update(view_id=over, view=view)))
        return shown(await attempt("views.open", self._client.views_open(trigger_id=trigger, view=view)))

    async def update(self, shown: Shown, modal: Modal) -> None:
        """Puts other content into a modal, unless it was closed or changed meanwhile; raises SlackError."""
        request = self._client.views_update(view_id=shown.view, hash=shown.hash, view=self._fitted(modal))
        try:
            await attempt("views.update", request)
        except SlackError as problem:
            if problem.code not in PASSED:
                raise

    async def publish(self, user: str, blocks: tuple[Block, ...]) -> None:
        """Shows these blocks in that person's Home tab; raises SlackError."""
        (view,) = self._tongue.blocks([{"type": "home", "blocks": list(blocks[:MOST_BLOCKS])}])
        view = checked(view)
        await attempt("views.publish", self._client.views_publish(user_id=user, view=view))

    async def write(self, user: str, message: Message) -> None:
        """Writes to that person directly; raises SlackError."""
        await attempt(
            "chat.postMessage", self._client.chat_postMessage(channel=user, **fit(self._tongue.message(message)))
        )

    def _fitted(self, modal: Modal) -> dict[str, Any]:
        (view,) = self._tongue.blocks([as_view(modal)])
        return checked(view)


def shown(answer: AsyncSlackResponse) -> Shown:
    """What a call of views.* says of the modal."""
    view = answer.get("view") or {}
    return Shown(str(view.get("id") or ""), str(view.get("hash") or ""))


def as_view(modal: Modal) -> dict[str, Any]:
    """A modal as views.open takes it."""
    view: dict[str, Any] = {
        "type": "modal",
        "title": words(modal.title),
        "close": words(modal.close),
        "callback_id": modal.name or "mesh:shown",
        "private_metadata": written(modal.origin),
        "blocks": list(modal.blocks[:MOST_BLOCKS]),
    }
    return view | ({"submit": words(modal.submit)} if modal.submit else {})


def words(text: str) -> Block:
    """A title or a button of a modal, cut at Slack's 24 characters."""
    return {"type": "plain_text", "text": truncate(text, LONGEST_TITLE)}


def checked(view: dict[str, Any]) -> dict[str, Any]:
    """The view, or when our own check refuses it, its texts alone: better plain than nothing."""
    problems = check_view(view)
    if not problems:
        return view
    log.error("a view was refused by our own check: %s", "; ".join(map(str, problems[:5])))
    texts = [block["text"]["text"] for block in view["blocks"] if isinstance(block.get("text"), dict)]
    text = truncate("\n".join(map(str, texts)) or "…", 2_900)
    plain = {key: value for key, value in view.items() if key not in ("submit", "blocks")}
    return plain | {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": text}}]}


class ScreenWhisper:
    """`bot.messages.Whisper` for who pressed a button in App Home or in a modal: there is no channel to whisper in."""

    def __init__(self, screens: SlackScreens, *, user: str, trigger: str, view: str, origin: Origin) -> None:
        self._screens, self._user, self._trigger, self._origin = screens, user, trigger, origin
        self._view = view

    async def say(self, message: Message) -> None:
        """Shows it in a modal, the same one each time, or when none can be had, in a direct message; never raises."""
        try:
            await self._show(Modal("meshbot", message.blocks, origin=self._origin))
        except SlackError as problem:
            log.info("no modal for %s (%s): a direct message instead", self._user, problem)
            await self._write(message)
        except Exception:
            log.exception("an answer to %s was lost", self._user)

    async def _show(self, modal: Modal) -> None:
        self._view = (await self._screens.open(self._trigger, modal, over=self._view)).view

    async def _write(self, message: Message) -> None:
        try:
            await self._screens.write(self._user, message)
        except SlackError as problem:
            log.warning("an answer to %s was lost: %s", self._user, problem)
