"""Text as Slack counts and escapes it, for everything that puts foreign strings into a message."""

from __future__ import annotations

from typing import Any

BUDGET = 10_000
"""Visible characters that a message of ours may hold over all its blocks."""

REFUSAL = 13_000
"""Visible characters at which chat.postMessage surely answers `msg_blocks_too_long` (observed from
11,000 upwards)."""

ELLIPSIS = "…"
VISIBLE_KEYS = frozenset(
    {"text", "title", "subtitle", "label", "caption", "hint", "placeholder", "body", "fallback"}
)
HIDDEN_KEYS = frozenset({"confirm", "value", "url", "image_url", "options", "option_groups"})


def escape(text: str) -> str:
    """Make any string harmless in mrkdwn.

    Slack's three characters & < > are escaped, and nothing else.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def truncate(text: str, limit: int) -> str:
    """Shorten text to at most `limit` characters.

    An ellipsis stands for what is gone, and no escape (&amp;) is cut in two.
    """
    if limit <= 0:
        return ""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    start = kept.rfind("&", max(0, len(kept) - 4))
    if (
        start >= 0
        and ";" not in kept[start:]
        and text[start:].startswith(("&amp;", "&lt;", "&gt;"))
    ):
        kept = kept[:start]
    return kept + ELLIPSIS


def count_visible_characters(blocks: Any) -> int:
    """Count the characters of all the blocks that a reader sees, in raw mrkdwn.

    That is what Slack's cumulative cap counts, or more.
    """
    if isinstance(blocks, list):
        return sum(count_visible_characters(item) for item in blocks)
    if not isinstance(blocks, dict):
        return 0
    total = 0
    for key, value in blocks.items():
        if isinstance(value, str):
            total += len(value) if key in VISIBLE_KEYS else 0
        elif key not in HIDDEN_KEYS:
            total += count_visible_characters(value)
    return total
