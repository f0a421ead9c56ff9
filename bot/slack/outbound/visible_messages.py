"""Everything that is shown, with hidden characters written out: on its way to Slack, whatever part
of the bot wrote it."""

from __future__ import annotations

from typing import Any

from bot.slackrules.text import VISIBLE_KEYS
from bot.text import show_hidden

SHOWN = VISIBLE_KEYS | {"alt_text"}
"""Members of blocks that people read; others, such as a button's value, come back as they are."""


def show_hidden_in_blocks(value: Any) -> Any:
    """Return blocks, or a part of them, in which all text is seen as it is."""
    if isinstance(value, list | tuple):
        return [show_hidden_in_blocks(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: show_hidden(each, layout=True)
        if isinstance(each, str) and key in SHOWN
        else show_hidden_in_blocks(each)
        for key, each in value.items()
    }
