"""Style of pictures: colours that colour-blind people can tell apart, each beside a
second sign, and the characters of the font.

The colours are those of Okabe and Ito (2008), made for all common kinds of colour
blindness.
"""

from __future__ import annotations

from typing import NamedTuple
from unicodedata import combining, normalize

from bot.text import Text, in_context

INK, QUIET, FAINT, PAPER, PANEL = "#1D2630", "#5C6873", "#D5DBE1", "#FFFFFF", "#F3F6F8"
BLUE, VERMILLION, ORANGE, GREEN = "#0072B2", "#D55E00", "#E69F00", "#00795A"
FONT = "Aileron"
"""The font that comes with Pillow (a subset of Aileron, CC0), so that no machine needs to have any.
"""

ELLIPSIS = "…"
KNOWN = frozenset(map(chr, range(32, 127))) | {"·", "’"}
"""The characters that the font has."""


class LineStyle(NamedTuple):
    """The line of calls of one kind: colour, style, and what it means.

    `described` names the style too, for where no sample of it can be drawn.
    """

    name: str
    color: str
    style: str
    words: Text
    described: Text


HTTP = LineStyle(
    "http",
    BLUE,
    "solid",
    in_context("legend", "HTTP, no errors"),
    in_context("legend", "solid line: HTTP, no errors"),
)
TCP = LineStyle(
    "tcp",
    QUIET,
    "dotted",
    in_context("legend", "TCP: connections, no requests seen"),
    in_context("legend", "dotted line: TCP: connections, no requests seen"),
)
ERRORS = LineStyle(
    "errors",
    VERMILLION,
    "dashed",
    in_context("legend", "with errors"),
    in_context("legend", "dashed line: with errors"),
)
LINES = (HTTP, TCP, ERRORS)


class Icon(NamedTuple):
    """A small sign, by the name of its file, and what it means."""

    name: str
    words: Text


LOCK = Icon("lock", in_context("legend", "mutual TLS"))
OPEN = Icon("open", in_context("legend", "no mutual TLS"))
HALF = Icon("half", in_context("legend", "mutual TLS for a part"))
WAYPOINT = Icon("waypoint", in_context("legend", "passes the waypoint"))
ICONS = (LOCK, OPEN, HALF, WAYPOINT)


def make_legible(text: str, most: int = 60) -> str:
    """Return the text in characters that the font has (letters without their accents), with
    an ellipsis for what is too long.
    """
    plain = (char for char in normalize("NFKD", text) if not combining(char))
    shown = "".join(char if char in KNOWN else "?" for char in plain)
    return shown if len(shown) <= most else shown[: most - 1] + ELLIPSIS
