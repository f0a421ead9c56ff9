"""Decoding of the text that people type, out of the form in which Slack sends it."""

from __future__ import annotations

import html
import re

# Slack sends what it recognised in the text as <…|words>.
LINK = re.compile(r"<((?:https?|mailto):[^|>\s]+)(?:\|[^>]*)?>")
MENTION = re.compile(r"<([@#!][A-Za-z0-9^]+)(?:\|[^>]*)?>")


def decode_typed_text(text: str) -> str:
    """Return the text as the person typed it.

    Links become their addresses, mentions become `<@U…>` without names, and entities are
    decoded (Slack escapes & < >).
    """
    return html.unescape(MENTION.sub(r"<\1>", LINK.sub(r"\1", text)))
