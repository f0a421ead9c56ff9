"""Checks of what Slack accepts, over the final JSON.

The bot checks before it sends, and the sandbox's workspace on receipt. The limits are
Slack's documented ones for Block Kit as of November 2026, and the cumulative cap that
chat.postMessage enforces without documenting it (bolt-js issues 2509 and 2867).
"""

from bot.slackrules.payload_rules import check_message, check_view
from bot.slackrules.problems import Problem
from bot.slackrules.text import BUDGET, REFUSAL, count_visible_characters, escape, truncate

__all__ = [
    "BUDGET",
    "REFUSAL",
    "Problem",
    "check_message",
    "check_view",
    "escape",
    "truncate",
    "count_visible_characters",
]
