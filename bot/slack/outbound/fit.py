"""Fitting of messages to what Slack accepts.

They are shortened, and say so, rather than refused.
"""

from __future__ import annotations

import logging
from typing import Any

from bot.language import Localizer
from bot.messages import Message
from bot.slack.outbound.visible_messages import show_hidden_in_blocks
from bot.slackrules import BUDGET, Problem, check_message, count_visible_characters, truncate
from bot.text import counted, show_hidden

MOST_TEXT = 3_900
"""Characters of the fallback text: chat.update takes 4,000, chat.postMessage more."""

MOST_BLOCKS = 50
"""Blocks in a message (Slack limit)."""

SPARE = frozenset({"section", "context", "divider", "markdown", "table", "rich_text", "image"})
"""Types of block that a reader can do without; a button cannot be left out."""

Block = dict[str, Any]
log = logging.getLogger(__name__)


def fit_message(message: Message, say: Localizer) -> dict[str, Any]:
    """Return the payload, shortened where it is too long.

    Where it is wrong otherwise, the payload is the text alone.
    """
    text = truncate(show_hidden(message.text or "…", layout=True), MOST_TEXT)
    blocks = [_trim_block_text(show_hidden_in_blocks(block)) for block in message.blocks]
    payload = {"text": text, "blocks": _drop_spare_blocks(blocks, say)}
    if problems := _find_problems(payload):
        log.error(
            "a message was refused by our own check and is shown as text: %s",
            "; ".join(map(str, problems[:5])),
        )
        return build_plain_payload(message)
    return payload


def build_plain_payload(message: Message, *, most: int = MOST_TEXT) -> dict[str, Any]:
    """Build a payload of the text alone, for when the blocks are refused.

    It has `most` characters. Its block keeps the first block's id.
    """
    shown = show_hidden(message.text or "…", layout=True)
    # A section takes 3000 characters (Slack limit).
    words = {"type": "plain_text", "text": truncate(shown, min(most, 2_900))}
    block: Block = {"type": "section", "text": words}
    name = message.blocks[0].get("block_id") if message.blocks else None
    if isinstance(name, str) and 0 < len(name) <= 255:
        block["block_id"] = name
    return {"text": truncate(shown, most), "blocks": [block]}


def _drop_spare_blocks(blocks: list[Block], say: Localizer) -> list[Block]:
    kept, shown = list(blocks), blocks
    while _is_too_long(shown) and (last := _find_last_spare(kept)) is not None:
        del kept[last]
        shown = [*kept, _build_more_notice(len(blocks) - len(kept), say)]
    return shown


def _find_problems(payload: dict[str, Any]) -> list[Problem]:
    return check_message(payload, edit=True)


def _is_too_long(blocks: list[Block]) -> bool:
    return len(blocks) > MOST_BLOCKS or count_visible_characters(blocks) > BUDGET


def _find_last_spare(blocks: list[Block]) -> int | None:
    # The first block stays: it says what came out.
    spare = (index for index in range(len(blocks) - 1, 0, -1) if blocks[index].get("type") in SPARE)
    return next(spare, None)


def _build_more_notice(count: int, say: Localizer) -> Block:
    words = counted(
        "… and {n} more part that did not fit in this message",
        "… and {n} more parts that did not fit in this message",
        n=count,
    )
    return {"type": "context", "elements": [{"type": "plain_text", "text": say(words)}]}


def _trim_block_text(block: Block) -> Block:
    """Return the block with its own texts within their limits.

    Slack's limits are 3000 characters in a section and 150 in a header.
    """
    limit = {"section": 3000, "header": 150}.get(str(block.get("type")))
    text = block.get("text")
    if limit is None or not isinstance(text, dict) or not isinstance(text.get("text"), str):
        return block
    return {**block, "text": {**text, "text": truncate(text["text"], limit)}}
