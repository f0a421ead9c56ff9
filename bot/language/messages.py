"""Whole messages in another language: every text of their blocks, line by line, within Slack's limits.

Only what people read is touched: ids, values, addresses and what stands in a code block stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from bot.language.translator import Translator
from bot.messages import CHANNEL, Board, Message, Place, Posted
from bot.slackrules import truncate

Speak = Callable[[Message], Message]
"""Gives a message in the language of the channel."""

FENCE = "```"
LIMITS = {"section": 3000, "header": 150, "context": 2000, "button": 75, "image": 2000}
"""Characters of a text by what it stands in (Slack's limits); a translation may be longer than the English."""
OTHER = 75
"""The same for options, labels and placeholders."""
UNREAD = frozenset({"block_id", "action_id", "callback_id", "value", "url", "image_url", "private_metadata", "type"})
"""Keys whose texts no person reads."""
PLAIN = frozenset({"alt_text"})
"""Keys whose texts stand bare, and not in a text object."""


def as_written(message: Message) -> Message:
    """In English, as the bot is written."""
    return message


class Tongue:
    """Says messages and views in the language of the channel; without a translator as they are written, in English."""

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

    def _inside(self, value: Any, within: str) -> Any:
        if isinstance(value, list):
            return [self._inside(each, within) for each in value]
        if not isinstance(value, dict):
            return value
        kind = str(value.get("type", ""))
        if kind in {"mrkdwn", "plain_text"} and isinstance(value.get("text"), str):
            return {**value, "text": truncate(self._lines(value["text"]), LIMITS.get(within, OTHER))}
        return {key: self._under(key, each, kind or within) for key, each in value.items()}

    def _under(self, key: str, value: Any, within: str) -> Any:
        if key in PLAIN and isinstance(value, str):
            return truncate(self._lines(value), LIMITS.get(within, OTHER))
        return value if key in UNREAD else self._inside(value, within)

    def _lines(self, text: str) -> str:
        """Each line by itself; what stands between fences is for a terminal and stays."""
        done, code = [], False
        for line in text.split("\n"):
            fences = line.count(FENCE)
            done.append(line if code or fences else self.translator.line(line))
            code = code != bool(fences % 2)
        return "\n".join(done)


class SpokenBoard:
    """A `bot.messages.Board` on which everything is shown in the language of the channel."""

    def __init__(self, board: Board, speak: Speak) -> None:
        self._board, self._speak = board, speak

    async def post(self, channel: str, message: Message, place: Place = CHANNEL) -> Posted:
        """Posts at once; raises `bot.errors.SlackError` when Slack refuses for good."""
        return await self._board.post(channel, self._speak(message), place)

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Shows this as soon as the limits allow."""
        self._board.edit(posted, self._speak(message), news=news)

    async def settle(self, posted: Posted, message: Message) -> None:
        """The last edit of a run; raises SlackError."""
        await self._board.settle(posted, self._speak(message))

    async def permalink(self, posted: Posted) -> str:
        """A link to the message, or ""."""
        return await self._board.permalink(posted)
