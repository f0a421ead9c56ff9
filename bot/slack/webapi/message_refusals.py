"""Slack's error codes for messages, by what can still be done.

The codes are those that Slack documents for chat.postMessage, chat.update and every method
(docs.slack.dev/reference/methods). New ones appear, and some depend on the plan of a workspace: a
code that is not known here counts as one of the channel, which may take messages again.
"""

from __future__ import annotations

from enum import Enum

from bot.slackrules.refusal_codes import WRONG_TOKEN

METADATA = frozenset(
    {
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_must_be_sent_from_app",
        "metadata_too_large",
    }
)
"""Refusals of the metadata alone: the message itself is taken without."""

CONTENT = frozenset(
    {
        "attachment_payload_limit_exceeded",
        "block_mismatch",
        "invalid_arguments",
        "invalid_array_arg",
        "invalid_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_charset",
        "invalid_form_data",
        "invalid_json",
        "json_not_object",
        "markdown_text_conflict",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "slack_connect_blocked_file_type",
        "slack_connect_canvas_sharing_blocked",
        "slack_connect_clip_sharing_blocked",
        "slack_connect_file_link_sharing_blocked",
        "slack_connect_file_upload_sharing_blocked",
        "slack_connect_lists_sharing_blocked",
        "too_many_attachments",
        "too_many_contact_cards",
    }
)
THREAD = frozenset(
    {
        "cannot_reply_to_message",
        "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked",
        "thread_not_found",
    }
)
MESSAGE = frozenset(
    {
        "cant_broadcast_message",
        "cant_update_message",
        "edit_window_closed",
        "message_not_found",
        "message_not_in_streaming_state",
        "message_not_owned_by_app",
        "no_dual_broadcast_content_update",
        "streaming_state_conflict",
    }
)
WORKSPACE = WRONG_TOKEN | {
    "access_denied",
    "accesslimited",
    "deprecated_endpoint",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "message_limit_exceeded",
    "method_deprecated",
    "two_factor_setup_required",
}
CHANNEL = frozenset(
    {
        "cannot_dm_bot",
        "channel_is_limited_access",
        "channel_not_found",
        "external_channel_migrating",
        "is_archived",
        "is_inactive",
        "messages_tab_disabled",
        "no_permission",
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "team_not_found",
        "user_not_found",
        "user_not_in_channel",
    }
)


class RefusalKind(Enum):
    """What a refusal is about, which says what can still be done."""

    CONTENT = "what the message holds: its text alone may be taken"
    THREAD = "the thread: the message may be taken in the channel"
    MESSAGE = "the message that is to be edited: a new one may be taken"
    CHANNEL = "the channel: it may take messages again"
    WORKSPACE = "the workspace or the token: nothing is taken anywhere until it is mended"


KINDS = {
    **dict.fromkeys(CONTENT | METADATA, RefusalKind.CONTENT),
    **dict.fromkeys(THREAD, RefusalKind.THREAD),
    **dict.fromkeys(MESSAGE, RefusalKind.MESSAGE),
    **dict.fromkeys(WORKSPACE, RefusalKind.WORKSPACE),
    **dict.fromkeys(CHANNEL, RefusalKind.CHANNEL),
}


def classify_refusal(code: str) -> RefusalKind:
    """Return what a refusal is about; the channel for a code that is not known."""
    return KINDS.get(code, RefusalKind.CHANNEL)


def may_be_of_content(code: str) -> bool:
    """Tell whether plain text may be taken in place of what was refused."""
    return KINDS.get(code, RefusalKind.CONTENT) is RefusalKind.CONTENT
