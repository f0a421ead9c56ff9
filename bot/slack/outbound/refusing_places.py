"""Channels that take no messages just now, and whether the workspace takes none at all.

Each is tried again now and then, by one message, until it takes one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.errors import SlackError
from bot.metrics import Metric, counter
from bot.slack.webapi.message_refusals import RefusalKind, classify_refusal
from bot.slack.webapi.web_api_errors import RateLimited, SlackUnavailable

FIRST_PAUSE, LONGEST_PAUSE = 3.0, 60.0
"""Seconds until a place that refused is tried again; they double from the first to the longest."""

ANYWHERE = ""
"""Stands for the workspace, where a channel's id would."""


@dataclass
class Refusal:
    """What a place refuses with, since when, and when it is tried again (seconds, monotonic).

    `trial` lets one message through before.
    """

    code: str
    since: float
    next_try: float
    failures: int = 1
    trial: bool = False


class RefusingPlaces:
    """What Slack refuses at present, by channel, and how often it refused what; `now` is a
    monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._refusals: dict[str, Refusal] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def workspace(self) -> Refusal | None:
        """What the whole workspace refuses with, or None."""
        return self._refusals.get(ANYWHERE)

    @property
    def channels(self) -> dict[str, Refusal]:
        """What single channels refuse with, by their ids."""
        return {place: found for place, found in self._refusals.items() if place != ANYWHERE}

    def find_refusal(self, channel: str) -> str:
        """Return the code that a message for this channel would be refused with, or ""."""
        found = self._refusals.get(ANYWHERE) or self._refusals.get(channel)
        return found.code if found is not None else ""

    def note_refusal(self, channel: str, problem: SlackError) -> None:
        """Note that Slack refused a call for this channel."""
        if isinstance(problem, RateLimited | SlackUnavailable):
            return
        self._counts[problem.method, problem.code] += 1
        kind = classify_refusal(problem.code)
        if kind is RefusalKind.WORKSPACE:
            self._note(ANYWHERE, problem.code)
            return
        # Slack looked at the channel and the message, so it takes the bot's token.
        self._refusals.pop(ANYWHERE, None)
        if kind is RefusalKind.CHANNEL:
            self._note(channel, problem.code)

    def note_success(self, channel: str) -> None:
        """Note that Slack took a message in this channel."""
        self._refusals.pop(channel, None)
        self._refusals.pop(ANYWHERE, None)

    def claim_attempt(self, channel: str) -> bool:
        """Tell whether a kept message may be tried in this channel now.

        Where the place refuses, this holds for one message at a time.
        """
        workspace = self._refusals.get(ANYWHERE)
        if workspace is not None:
            tried, workspace.trial = workspace.trial, False
            return tried
        found = self._refusals.get(channel)
        return found is None or self._claim(found)

    def claim_probe(self) -> bool:
        """Tell whether it is time to ask whether the workspace takes messages again."""
        found = self._refusals.get(ANYWHERE)
        return found is not None and self._claim(found)

    def note_token_accepted(self, *, waiting: bool) -> None:
        """Note that Slack takes the bot's token again.

        Whether it takes messages is told by the next one, when any is `waiting`.
        """
        found = self._refusals.get(ANYWHERE)
        if found is not None and waiting:
            found.trial = True
        else:
            self._refusals.pop(ANYWHERE, None)

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        for (method, code), count in self._counts.items():
            yield counter(
                "slack_refusals", "Messages and edits that Slack refused.", count,
                method=method, code=code,
            )  # fmt: skip
        yield Metric(
            "slack_refusing_channels",
            "Channels that take no messages just now.",
            len(self.channels),
        )
        yield Metric(
            "slack_refusing_workspace",
            "1 while Slack takes no messages at all.",
            self.workspace is not None,
        )

    def _note(self, place: str, code: str) -> None:
        now, found = self._now(), self._refusals.get(place)
        if found is None:
            self._refusals[place] = Refusal(code, now, now + FIRST_PAUSE)
            return
        found.code = code
        # Counted once for each try that was due, not for each message that met it in between.
        if now >= found.next_try:
            self._postpone(found)

    def _claim(self, found: Refusal) -> bool:
        if self._now() < found.next_try:
            return False
        self._postpone(found)
        return True

    def _postpone(self, found: Refusal) -> None:
        found.failures += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (found.failures - 1))
        found.next_try = self._now() + pause
