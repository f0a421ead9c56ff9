"""How the embedded Slack says no: an error code of Slack's, and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.slackrules import Problem


class Refusal(Exception):
    """A call that Slack answers with `ok: false`; `extra` is merged into the answer."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code, self.extra = code, extra


def refuse(problems: Sequence[Problem]) -> None:
    """Raises the refusal for the first problem, with a line for each."""
    if problems:
        lines = [f"[ERROR] {problem}" for problem in problems]
        raise Refusal(problems[0].code, response_metadata={"messages": lines})
