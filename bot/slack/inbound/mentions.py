"""Tells mentions that are to be answered from those that were: each message is answered once.

Slack sends `app_mention` again, with another event_id, when a message that mentions the bot is
edited; the event says so in `edited` and has the `ts` of the message. Whoever corrects a word does
not ask for the same once more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from enum import Enum

from bot.metrics import Metric, counter
from bot.slack.inbound.dedupe import SeenKeys
from bot.slack.inbound.payloads import Body, get_mapping, get_string, read_mention

MOST_REMEMBERED = 2_000
"""Mentions of which it is remembered what they said."""


class MentionKind(Enum):
    """What is to be done with a mention."""

    NEW = "it is answered"
    IGNORED = "it is a bot's, it came before, or it says what it said"
    EDITED = "it says something else now, and whoever wrote it is told that it is not run"


class MentionFilter:
    """Lets each message through once."""

    def __init__(self, me: str, command: str) -> None:
        self._me, self._command = me, command
        self._once = SeenKeys()
        self._said: OrderedDict[str, str] = OrderedDict()
        self._edits = 0

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        yield counter(
            "mentions_edited",
            "Edits of messages that mention the bot; none runs anything.",
            self._edits,
        )

    def classify_mention(self, body: Body) -> MentionKind:
        """Return what is to be done with a mention."""
        event = get_mapping(body, "event")
        # Two bots that answer each other would never end.
        by_bot = event.get("bot_id") or event.get("subtype")
        if by_bot or get_string(event, "user") in ("", self._me):
            return MentionKind.IGNORED
        asked = read_mention(body, self._me, self._command)
        before = self._said.get(asked.key)
        self._remember(asked.key, asked.text)
        if not event.get("edited"):
            return MentionKind.NEW if self._once.claim_key(asked.key) else MentionKind.IGNORED
        self._edits += 1
        if before == asked.text:
            return MentionKind.IGNORED
        # Told once for each message, however often it is edited.
        told = not self._once.claim_key(f"edited {asked.key}")
        return MentionKind.IGNORED if told else MentionKind.EDITED

    def _remember(self, key: str, text: str) -> None:
        self._said[key] = text
        while len(self._said) > MOST_REMEMBERED:
            self._said.popitem(last=False)
