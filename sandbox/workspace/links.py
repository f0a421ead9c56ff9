"""Links that Slack makes of what people type: of addresses, of host names and of mail addresses."""

from __future__ import annotations

import re

from bot.slackrules import escape

DOMAINS = "com|dev|edu|eu|io|net|org"
"""Some of the top-level domains by which Slack recognizes a host name."""
ADDRESS = re.compile(
    rf"(?P<url>https?://[^\s<>|]+)"
    rf"|(?P<mail>[\w.+-]+@(?:[\w-]+\.)+(?:{DOMAINS})\b)"
    rf"|(?<![\w@./-])(?P<host>(?:[a-z0-9-]+\.)+(?:{DOMAINS})(?:/[^\s<>|]*)?(?![\w.-]))",
    re.IGNORECASE,
)


def escape_and_link(text: str) -> str:
    """Return a text as Slack sends it: its three characters escaped, and addresses as links."""
    return ADDRESS.sub(_link, escape(text))


def _link(found: re.Match[str]) -> str:
    if found["url"]:
        return f"<{found['url']}>"
    scheme = "mailto:" if found["mail"] else "http://"
    return f"<{scheme}{found[0]}|{found[0]}>"
