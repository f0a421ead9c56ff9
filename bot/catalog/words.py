"""Commands as words: split where blanks are, and joined so that they mean the same again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from bot.errors import UserError
from bot.text import Text
from bot.typed_text import OPEN_QUOTE, normalize_command, split_words

LONGEST = 1000
"""Characters that a command may have; Slack itself lets through far longer texts."""
PLAIN = re.compile(r"[A-Za-z0-9]+(?:[-=./][A-Za-z0-9]+)*")
"""Words that mean the same wherever they stand."""


def split_command(text: str) -> list[str]:
    """Split a command into words; quotes hold words together, backslashes mean themselves.

    Raises UserError for a text that is too long, has control characters or an open
    quote.
    """
    if len(text) > LONGEST:
        raise UserError(
            Text(
                "That is {length:,} characters; a command has at most {most:,}.",
                length=len(text),
                most=LONGEST,
            ),
            Text("Type it shorter."),
        )
    odd = {c for c in text if unicodedata.category(c) in {"Cc", "Cs", "Co"} and not c.isspace()}
    if odd:
        names = ", ".join(sorted(f"U+{ord(c):04X}" for c in odd)[:3])
        raise UserError(
            Text("There are invisible control characters in that ({names}).", names=names),
            Text("Type it again without them; they often come with a copied text."),
        )
    command = normalize_command(text)
    try:
        return split_words(command)
    except ValueError:
        raise UserError(
            Text("A quote is opened and not closed."),
            Text("Close it, or leave the quotes out."),
            (OPEN_QUOTE.sub("", command),),
        ) from None


def shorten_word(text: str, limit: int = 40) -> str:
    """Return a word that someone typed, cut to `limit` characters so that it can be repeated."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def join_words(words: Sequence[str]) -> str:
    """Return words as they must be typed to be split into these words again."""
    for needs_quotes in (_holds_blanks_or_quotes, _is_not_plain):
        text = " ".join(quote_word(word) if needs_quotes(word) else word for word in words)
        if _is_split_into(text, words):
            return text
    return " ".join(map(quote_word, words))


def quote_word(word: str) -> str:
    """Return a word in quotes; one with both kinds of quotes is put together of several."""
    if '"' not in word:
        return f'"{word}"'
    if "'" not in word:
        return f"'{word}'"
    return "'\"'".join(f'"{part}"' for part in word.split('"'))


def _holds_blanks_or_quotes(word: str) -> bool:
    return not word or bool(set(word) & set(" \"'"))


def _is_not_plain(word: str) -> bool:
    return PLAIN.fullmatch(word) is None


def _is_split_into(text: str, words: Sequence[str]) -> bool:
    try:
        return split_words(normalize_command(text)) == list(words)
    except ValueError:
        return False
