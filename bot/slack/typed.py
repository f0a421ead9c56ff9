"""What people typed, out of the form in which Slack sends it."""

from __future__ import annotations

import html
import re

LINK = re.compile(r"<((?:https?|mailto):[^|>\s]+)(?:\|[^>]*)?>")
MENTION = re.compile(r"<([@#!][A-Za-z0-9^]+)(?:\|[^>]*)?>")


def as_typed(text: str) -> str:
    """Links as their addresses, mentions as `<@U…>` without names, and no entities (Slack escapes & < >)."""
    return html.unescape(MENTION.sub(r"<\1>", LINK.sub(r"\1", text)))
