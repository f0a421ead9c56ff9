"""Passwords kept out of what is shown, whatever the text around them looks like.

A password that holds @, / or # as they are breaks the URL that it stands in, and what is broken is
not parsed: whatever may be a part of it is left out.
"""

from __future__ import annotations

import re

HIDDEN = "…"
USERINFO = re.compile(r"(?<=://)[^\s\"'<>`]{0,2000}@")
"""What stands before the last @ of a URL in a text."""
MARKS = re.compile(r"[=@]|://")
"""Without any of them there is nothing to hide."""
PORT_THAT_IS_NONE = re.compile(r"(?<=://)[\w.+-]+:(?!\d+(?:[/?#\s]|$))[^\s/@]+")
"""`user:password` of a URL in which the host was forgotten."""
PARAMETER = re.compile(
    r"((?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|credentials?)[\w-]{0,20}\s?=\s?)"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s&;\"']+)",
    re.IGNORECASE,
)
"""`password=…`, `sslpassword=…`, `--token=…` and the like, and their values."""
BARE = re.compile(r"(?<![\w/@.:+-])[\w.+-]+:[^\s/@:\"']+@(?=[\w.\[-])")
"""`user:password@` where a URL's beginning is missing."""
PLACE = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.%]+\])(?::\d+)?(?:/[\w.-]*)?")
"""Host, port and the name of a database, and nothing that could be a password."""


def hide_passwords(text: str) -> str:
    """Return a text without what its URLs and parameters hold as passwords; for texts that are
    short enough to be shown.
    """
    if not MARKS.search(text):
        return text
    # First, for such a value may hold an @ itself.
    text = PARAMETER.sub(rf"\g<1>{HIDDEN}", text)
    text = BARE.sub(f"{HIDDEN}@", USERINFO.sub(f"{HIDDEN}@", text))
    return PORT_THAT_IS_NONE.sub(HIDDEN, text)


def mask_url(url: str) -> str:
    """Return a URL as it can be shown: `postgresql://bot:…@db:5432/meshbot`; its scheme alone when
    it cannot be told where its password ends.
    """
    scheme, _, rest = url.partition("://")
    if not rest or not re.fullmatch(r"[\w+.-]+", scheme):
        return HIDDEN
    if scheme.startswith("sqlite"):
        # A file has no password; what is called one all the same is not shown.
        return PARAMETER.sub(rf"\g<1>{HIDDEN}", url)
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    mark, tail = rest[len(place) : len(place) + 1], rest[len(place) + 1 :]
    userinfo, at, where = place.rpartition("@")
    # Without an @, `bot:1234` may be a host and its port, and a user and a password.
    unclear = not at and ":" in where and "/" not in where
    if "@" in tail or "@" in userinfo or unclear or not PLACE.fullmatch(where):
        return f"{scheme}://{HIDDEN}"
    user, colon, _ = userinfo.partition(":")
    shown = f"{user}:{HIDDEN}@" if colon and re.fullmatch(r"[\w.-]*", user) else f"{HIDDEN}@"
    return f"{scheme}://{shown if at else ''}{where}{mark}{HIDDEN if tail else ''}"
