"""Whole payloads: a message for chat.postMessage and the like, and a view for a modal or App
Home.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.slackrules.block_rules import check_blocks
from bot.slackrules.problems import PLAIN, Findings, Problem, TextRule
from bot.slackrules.text import REFUSAL, count_visible_characters

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
TEXT_LIMIT, EDIT_TEXT_LIMIT = 40_000, 4_000


def check_message(payload: Mapping[str, Any], *, edit: bool = False) -> list[Problem]:
    """Return what Slack would refuse in a message (`text`, `blocks`, `attachments`).

    `edit` checks against chat.update's shorter text.
    """
    found = Findings()
    text, blocks = payload.get("text"), payload.get("blocks")
    if not text and not blocks and not payload.get("attachments"):
        found.add("", "a message needs text or blocks", "no_text")
    if text is not None and not isinstance(text, str):
        found.add("/text", "text must be a string", "invalid_arguments")
    elif text and len(text) > (EDIT_TEXT_LIMIT if edit else TEXT_LIMIT):
        limit = EDIT_TEXT_LIMIT if edit else TEXT_LIMIT
        found.add("/text", f"text must be less than {limit + 1} characters", "msg_too_long")
    if blocks is not None:
        check_blocks(found, blocks, "", surface="message", most=MESSAGE_BLOCKS)
        if count_visible_characters(blocks) > REFUSAL:
            found.add(
                "/blocks",
                f"blocks hold more than {REFUSAL} characters together",
                "msg_blocks_too_long",
            )
    return found.problems


def check_view(view: Mapping[str, Any]) -> list[Problem]:
    """Return what Slack would refuse in a view: its own fields by type, and its blocks."""
    found = Findings(code="invalid_arguments")
    kind = view.get("type")
    if kind not in ("modal", "home"):
        found.add("/type", "type must be modal or home")
        return found.problems
    found.check_string(view, "private_metadata", "", limit=3000)
    found.check_string(view, "callback_id", "", limit=255)
    found.check_string(view, "external_id", "", limit=255)
    if kind == "modal":
        _check_modal_fields(found, view)
    else:
        for key in ("title", "submit", "close"):
            if key in view:
                found.add(f"/{key}", f"{key} is for modals only")
    if "blocks" not in view:
        found.add("", "missing required field: blocks")
    else:
        check_blocks(found, view["blocks"], "", surface=kind, most=VIEW_BLOCKS)
        _check_single_focus(found, view["blocks"])
    return found.problems


def _check_single_focus(found: Findings, blocks: Any) -> None:
    """Check that at most one element of a view takes the focus when it is shown."""
    there = blocks if isinstance(blocks, list) else []
    inputs = [block.get("element") for block in there if isinstance(block, dict)]
    wanting = [
        element for element in inputs if isinstance(element, dict) and element.get("focus_on_load")
    ]
    if len(wanting) > 1:
        found.add("/blocks", "only one element may have focus_on_load")


def _check_modal_fields(found: Findings, view: Mapping[str, Any]) -> None:
    found.check_text(view, "title", "", TextRule(24, PLAIN))
    found.check_text(view, "submit", "", TextRule(24, PLAIN, required=False))
    found.check_text(view, "close", "", TextRule(24, PLAIN, required=False))
    blocks = view.get("blocks")
    asks = isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
    if asks and not view.get("submit"):
        found.add("", "missing required field: submit, because the view has input blocks")
