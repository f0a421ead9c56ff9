"""Whole messages in another language: every text of their blocks, line by line, within Slack's
limits.

Only what people read is touched: ids, values, addresses and what stands in a code block stay as
they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bot.language.translator import Translator
from bot.messages import Message
from bot.slackrules import truncate

FENCE = "```"
TEXTS = frozenset({"mrkdwn", "plain_text", "raw_text", "text", "markdown"})
"""Types of what holds a text under `text` (Slack's text objects, cells of a table, rich text)."""
PLAIN = frozenset({"alt_text", "accessibility_label"})
"""Keys whose texts stand bare."""
LIMITS = {
    "section": 3000,
    "context": 2000,
    "header": 150,
    "markdown": 12_000,
    "table": 2000,
    "rich_text_section": 3000,
    "alert": 200,
    "label": 2000,
    "hint": 2000,
    "placeholder": 150,
    "title": 2000,
    "title of modal": 24,
    "title of home": 24,
    "submit": 24,
    "close": 24,
    "confirm": 300,
    "title of confirm": 100,
    "confirm of confirm": 30,
    "deny": 30,
    "alt_text": 2000,
}
"""Characters of a text by where it stands (Slack's limits); a translation may be longer than the
English."""
SHORTEST = 75
"""The same for everything else: buttons, options and their descriptions."""


class Tongue:
    """Says messages and views in the language of the channel; without a translator as they are
    written, in English."""

    def __init__(self, translator: Translator | None = None) -> None:
        self.translator = translator or Translator((), between={})
        self.english = translator is None

    def message(self, message: Message) -> Message:
        """The message in the language of the channel."""
        if self.english:
            return message
        text, blocks = self.translator.notice(message.text), tuple(self.blocks(message.blocks))
        return replace(message, text=text, blocks=blocks)

    def blocks(self, blocks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Blocks, or whole views: anything in which Slack's text objects stand."""
        return list(blocks) if self.english else [self._inside(block, "") for block in blocks]

    def line(self, text: str) -> str:
        """One line of plain text."""
        return text if self.english else self.translator.notice(text)

    def _inside(self, value: Any, within: str, key: str = "") -> Any:
        """Any part of a message: `within` is the type of the nearest thing around it, `key` its own
        name in that."""
        if isinstance(value, list):
            return [self._inside(each, within, key) for each in value]
        if isinstance(value, str):
            return self._cut(value, within, key) if key in PLAIN else value
        if not isinstance(value, dict):
            return value
        kind = str(value.get("type", "")) or (key if key == "confirm" else within)
        if kind in TEXTS and isinstance(value.get("text"), str):
            return {**value, "text": self._cut(value["text"], within or kind, key)}
        return {name: self._inside(each, kind, name) for name, each in value.items()}

    def _cut(self, text: str, within: str, key: str) -> str:
        """A text, no longer than Slack takes it there."""
        limits = (LIMITS.get(place) for place in (f"{key} of {within}", key, within))
        return truncate(self._lines(text), next(filter(None, limits), SHORTEST))

    def _lines(self, text: str) -> str:
        """Each line by itself; what stands between fences is for a terminal and stays."""
        done, code = [], False
        for line in text.split("\n"):
            fences = line.count(FENCE)
            done.append(line if code or fences else self.translator.line(line))
            code = code != bool(fences % 2)
        return "\n".join(done)


ENGLISH = Tongue()
