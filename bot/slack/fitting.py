"""Makes a message fit what Slack accepts: shortened and said so rather than refused."""

from __future__ import annotations

import logging
from typing import Any

from bot.messages import Message
from bot.slackrules import BUDGET, Problem, check_message, truncate, visible_length

MOST_TEXT = 3_900
"""Characters of the fallback text: chat.update takes 4,000, chat.postMessage more."""

MOST_BLOCKS = 50
"""Blocks in a message (Slack limit)."""

SPARE = frozenset({"section", "context", "divider", "markdown", "table", "rich_text", "image"})
"""Types of block that a reader can do without; a button cannot be left out."""

Block = dict[str, Any]
log = logging.getLogger(__name__)


def fit(message: Message) -> dict[str, Any]:
    """The payload, shortened where it is too long; where it is wrong otherwise, its text alone."""
    text = truncate(message.text or "…", MOST_TEXT)
    blocks = [_trimmed(block) for block in message.blocks]
    payload = {"text": text, "blocks": _shortened(blocks)}
    if problems := _problems(payload):
        log.error("a message was refused by our own check and is shown as text: %s", "; ".join(map(str, problems[:5])))
        return plain(message)
    return payload


def plain(message: Message) -> dict[str, Any]:
    """The text alone, in a block that keeps the first block's id: what is left when the blocks are refused."""
    text = truncate(message.text or "…", 2_900)
    block: Block = {"type": "section", "text": {"type": "plain_text", "text": text}}
    name = message.blocks[0].get("block_id") if message.blocks else None
    if isinstance(name, str) and 0 < len(name) <= 255:
        block["block_id"] = name
    return {"text": truncate(message.text or "…", MOST_TEXT), "blocks": [block]}


def _shortened(blocks: list[Block]) -> list[Block]:
    kept, shown = list(blocks), blocks
    while _too_long(shown) and (last := _last_spare(kept)) is not None:
        del kept[last]
        shown = [*kept, _more(len(blocks) - len(kept))]
    return shown


def _problems(payload: dict[str, Any]) -> list[Problem]:
    return check_message(payload, edit=True)


def _too_long(blocks: list[Block]) -> bool:
    return len(blocks) > MOST_BLOCKS or visible_length(blocks) > BUDGET


def _last_spare(blocks: list[Block]) -> int | None:
    spare = (index for index in range(len(blocks) - 1, 0, -1) if blocks[index].get("type") in SPARE)
    return next(spare, None)


def _more(count: int) -> Block:
    words = f"… and {count} more {'part' if count == 1 else 'parts'} that did not fit in this message"
    return {"type": "context", "elements": [{"type": "plain_text", "text": words}]}


def _trimmed(block: Block) -> Block:
    """The block with its own texts within their limits (section 3000, header 150; Slack limits)."""
    limit = {"section": 3000, "header": 150}.get(str(block.get("type")))
    text = block.get("text")
    if limit is None or not isinstance(text, dict) or not isinstance(text.get("text"), str):
        return block
    return {**block, "text": {**text, "text": truncate(text["text"], limit)}}
