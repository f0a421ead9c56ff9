"""Characters that nobody sees, or that change how others are seen, written so that they are seen.

A line end forges a line of a log, an escape sequence moves a terminal's cursor, a mark of direction
turns words round (CVE-2021-42574), and one without width makes two names that look the same.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode: controls, formats, halves of pairs, private use, unassigned, line ends."""

EMPTY_LOOKING: Final = frozenset(
    {
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE0F),  # the next one makes a sign an emoji
        *range(0xE0100, 0xE01F0),
    }
)
"""Others without a shape of their own: fillers, joiners, selectors of variants."""

SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
LAYOUT: Final = "\n\t"
JOINER: Final = re.compile(
    "(?<![\u2190-\U0001fffd])\u200d|\u200d(?![\u2190-\U0001fffd])"  # not within an emoji
)


class _Escapes(dict[int, str | int]):  # str.translate asks for what is missing
    """What stands for each character, found out once; `layout` leaves lines and blanks as they
    are."""

    def __init__(self, *, layout: bool) -> None:
        super().__init__()
        self._layout = layout

    def __missing__(self, code: int) -> str | int:
        char = chr(code)
        self[code] = escape_character(char) if self._hides(char, code) else code
        return self[code]

    def _hides(self, char: str, code: int) -> bool:
        if self._layout and (char in LAYOUT or char == "\u200d"):
            return False
        category = unicodedata.category(char)
        blank = category == "Zs" and char != " " and not self._layout
        return category in HIDDEN or code in EMPTY_LOOKING or blank


_RECORD, _MESSAGE = _Escapes(layout=False), _Escapes(layout=True)


def show_hidden(text: str, *, layout: bool = False) -> str:
    r"""Return the text with hidden characters written as `\n`, `\x1b` or `\u202e`.

    With `layout`, for text of several lines, line ends, tabs, odd blanks and the joiners of emoji
    stay.
    """
    if text.isascii() and text.isprintable():
        return text
    if not layout:
        return text.translate(_RECORD)
    return JOINER.sub(r"\\u200d", text.translate(_MESSAGE))


def escape_character(char: str) -> str:
    """Return a character as Python's source writes it."""
    if char in SHORT:
        return SHORT[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote_where(text: str, separator: re.Pattern[str]) -> str:
    """Return a text as one part of a record: in quotes where it holds a separator of the parts."""
    if not (separator.search(text) or text.startswith('"')):
        return text
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'
