"""Refusals of the embedded Slack: one of Slack's error codes, and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.slackrules import Problem


class Refusal(Exception):
    """A call that Slack answers with `ok: false`; `extra` is merged into the answer."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code, self.extra = code, extra


def raise_for_problems(problems: Sequence[Problem]) -> None:
    """Raise a Refusal for the first problem, with a line for each; do nothing when there is
    none.
    """
    if problems:
        lines = [f"[ERROR] {problem}" for problem in problems]
        raise Refusal(problems[0].code, response_metadata={"messages": lines})
