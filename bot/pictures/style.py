"""Style of pictures: Kiali's colours, each beside a second sign for people who cannot tell them
apart, how large a picture is, and the characters of the font.
"""

from __future__ import annotations

from typing import NamedTuple
from unicodedata import combining, normalize

from bot.text import Text, in_context

INK, QUIET, FAINT, PAPER, PANEL = "#1D2630", "#5C6873", "#D5DBE1", "#FFFFFF", "#F3F6F8"
BLUE, VERMILLION, ORANGE = "#0072B2", "#D55E00", "#E69F00"
"""Of bursts and traces; from Okabe and Ito (2008), made for all common kinds of colour blindness.
"""

SHOWN_WIDTH = 800
"""Pixels at which a picture must be legible: what Slack's desktop client leaves a message in a
window of about 1100. In a narrower window, and on a phone, a click shows the file itself."""
WIDTH, HEIGHT = 2 * SHOWN_WIDTH, 900
"""Pixels of a picture: 16:9, as a wall is, and twice as fine as it is shown."""
LEAST_SHOWN = 11
"""Pixels of the smallest letters where a picture is shown at SHOWN_WIDTH."""

ELLIPSIS = "…"
KNOWN = frozenset(map(chr, range(32, 127))) | {"·", "’"}
"""The characters that the font has: Aileron (a subset of it, CC0), which comes with Pillow, so that
no machine needs to have any."""


class LineStyle(NamedTuple):
    """The line of calls of one kind: colour, lengths of line and gap, and what Kiali's legend calls
    it.
    """

    name: str
    color: str
    dash: tuple[float, ...]
    words: Text


# Kiali 2 draws with PatternFly's colours for success, warning, danger, and blue for TCP
# (frontend/src/pages/Graph/GraphElems.tsx). Its yellow for a warning cannot be seen on white as
# a line, so this is PatternFly's darker orange. The dashes are ours: colour must not be the only
# sign.
HTTP = LineStyle("http", "#3E8635", (), in_context("legend", "HTTP, healthy"))
TCP = LineStyle("tcp", "#0066CC", (3, 9), in_context("legend", "TCP connection"))
DEGRADED = LineStyle("degraded", "#C46100", (26, 8), in_context("legend", "degraded: some errors"))
FAILURE = LineStyle("failure", "#C9190B", (14, 10), in_context("legend", "failure: 10 % or more"))
GONE = LineStyle("gone", "#8A939B", (4, 12), in_context("legend", "no calls any more"))
LINES = (HTTP, TCP, DEGRADED, FAILURE, GONE)

FAILURE_SHARE = 10.0
"""Percent of errors from which calls fail and are not merely degraded: Kiali's default for 5xx."""

CHANGED = "#FFE08A"
"""The light behind what changed."""


class Icon(NamedTuple):
    """A small sign, by its name, and what it means in Kiali's words."""

    name: str
    words: Text


CROSS = Icon("cross", in_context("legend", "errors"))
LOCK = Icon("lock", in_context("legend", "mTLS"))
OPEN = Icon("open", in_context("legend", "no mTLS"))
HALF = Icon("half", in_context("legend", "mTLS for a part"))
WAYPOINT = Icon("waypoint", in_context("legend", "passes the waypoint"))
SIGNS = (CROSS, LOCK, OPEN, HALF, WAYPOINT)


def make_legible(text: str, most: int = 60) -> str:
    """Return the text in characters that the font has (letters without their accents), with
    an ellipsis for what is too long.
    """
    plain = (char for char in normalize("NFKD", text) if not combining(char))
    shown = "".join(char if char in KNOWN else "?" for char in plain)
    return shown if len(shown) <= most else shown[: most - 1] + ELLIPSIS
