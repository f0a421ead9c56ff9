"""Codes with which a message is refused: those that mean the token, and the bot's own."""

from __future__ import annotations

WRONG_TOKEN = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
"""Slack's codes that only another token or another installation mends (chat.postMessage,
auth.test; November 2026)."""

OWN_FAILURE = "own_failure"
"""Not Slack's: the bot failed before Slack's answer was known, and its log has the traceback."""
