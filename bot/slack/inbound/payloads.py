"""Parsing of Slack's payloads into the values of `bot.messages`.

A member that is missing or of another type counts as empty: nothing here raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bot.json_text import parse_json
from bot.messages import ButtonPress, Command, FormSubmission, Origin, Posted
from bot.typed_text import decode_slack_text, normalize_characters
from bot.view.folding import WHOLE

Body = Mapping[str, Any]

PREFIX = "mesh:"
"""What the bot's own action_ids, and the names of its modals and shortcuts, begin with."""


def get_string(body: Body, key: str) -> str:
    """Return a member that is a text, or "" when it is none."""
    value = body.get(key)
    return value if isinstance(value, str) else ""


def get_mapping(body: Body, key: str) -> Body:
    """Return a member that is an object, or an empty one."""
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def read_command(body: Body) -> Command:
    """Read a slash command; Slack has none in threads."""
    trigger = get_string(body, "trigger_id")
    user, channel = get_string(body, "user_id"), get_string(body, "channel_id")
    return Command(
        user, channel, decode_slack_text(get_string(body, "text")), trigger, trigger=trigger
    )


def read_mention(body: Body, me: str, command: str) -> Command:
    """Read an app_mention event: the text beside the mention, and what ends the address.

    The text may repeat the slash command's name. The key is the message's own, so that its edits
    have the same.
    """
    event = get_mapping(body, "event")
    mention = re.compile(rf"<@{re.escape(me)}(?:\|[^>]*)?>[\s,:;]*")
    text = decode_slack_text(mention.sub("", get_string(event, "text"), count=1)).strip()
    said = re.sub(rf"^{re.escape(command)}(?=\s|$)", "", text, flags=re.IGNORECASE).strip()
    channel, ts = get_string(event, "channel"), get_string(event, "ts")
    return Command(
        get_string(event, "user"),
        channel,
        said,
        f"mention:{channel}:{ts}" if ts else get_string(body, "event_id"),
        thread := get_string(event, "thread_ts"),
        about=(thread,) if thread else (),
    )


def read_shortcut(body: Body, me: str) -> Command:
    """Read a message_action payload as the command that its callback_id names, `mesh:COMMAND`.

    It is about the message, or the thread that this lies in, if the message is the bot's.
    """
    message = get_mapping(body, "message")
    ts = get_string(body, "message_ts") or get_string(message, "ts")
    thread = _find_thread_ts(body, ts)
    mine = get_string(message, "user") == me
    return Command(
        get_string(get_mapping(body, "user"), "id"),
        get_string(get_mapping(body, "channel"), "id"),
        get_string(body, "callback_id").removeprefix(PREFIX),
        get_string(body, "trigger_id"),
        thread,
        about=tuple(filter(None, (ts, thread))) if mine else (),
    )


def read_press(body: Body) -> ButtonPress:
    """Read a block_actions payload: of a message, of App Home or of a modal."""
    actions = body.get("actions")
    action = (
        actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    )
    container, view = get_mapping(body, "container"), get_mapping(body, "view")
    origin = read_origin(view)
    channel = (
        get_string(get_mapping(body, "channel"), "id")
        or get_string(container, "channel_id")
        or origin.channel
    )
    ts = get_string(container, "message_ts")
    value = get_string(action, "value") or get_string(
        get_mapping(action, "selected_option"), "value"
    )
    return ButtonPress(
        user=get_string(get_mapping(body, "user"), "id"),
        channel=channel,
        action=get_string(action, "action_id"),
        value=value,
        key=get_string(body, "trigger_id"),
        # Slack's chat.update does not take ephemeral messages.
        posted=Posted(channel, ts)
        if ts and channel and not container.get("is_ephemeral")
        else None,
        thread=_find_thread_ts(body, ts) or origin.thread,
        view=get_string(view, "id") if view.get("type") == "modal" else "",
        away=bool(view) or get_string(action, "action_id") == WHOLE,
    )


def read_submission(body: Body) -> FormSubmission:
    """Read a view_submission payload."""
    view = get_mapping(body, "view")
    values = get_mapping(get_mapping(view, "state"), "values")
    answers = {
        block: _read_input_values(next(iter(inputs.values()), {}))
        for block, inputs in values.items()
        if inputs
    }
    user = get_string(get_mapping(body, "user"), "id")
    return FormSubmission(
        user,
        get_string(view, "callback_id"),
        answers,
        get_string(body, "trigger_id"),
        read_origin(view),
    )


def list_input_ids(body: Body) -> list[str]:
    """Return the block_ids of a view's inputs, in their order."""
    blocks = get_mapping(body, "view").get("blocks")
    there = (
        [block for block in blocks if isinstance(block, Mapping)]
        if isinstance(blocks, list)
        else []
    )
    return [get_string(block, "block_id") for block in there if block.get("type") == "input"]


def name_first_input(body: Body, words: str) -> dict[str, str]:
    """Return the errors by which a form stays open and says these words under its first input."""
    return dict.fromkeys(list_input_ids(body)[:1], words)


def serialize_origin(origin: Origin) -> str:
    """Return an origin as a view's private_metadata carries it (3000 characters, Slack limit)."""
    return json.dumps({"channel": origin.channel, "thread": origin.thread, "note": origin.note})


def read_origin(view: Body) -> Origin:
    """Read the origin that a view carries; an empty one from another's metadata."""
    try:
        carried = parse_json(get_string(view, "private_metadata") or "{}")
    except ValueError:
        carried = {}
    kept = carried if isinstance(carried, Mapping) else {}
    return Origin(get_string(kept, "channel"), get_string(kept, "thread"), get_string(kept, "note"))


def _find_thread_ts(body: Body, ts: str) -> str:
    """Return the `ts` of the thread that the message of a payload is in, or "".

    A message that replies were written to is in none, though it says so.
    """
    thread = get_string(get_mapping(body, "container"), "thread_ts") or get_string(
        get_mapping(body, "message"), "thread_ts"
    )
    return thread if thread != ts else ""


def _read_input_values(entry: Any) -> tuple[str, ...]:
    """Return one input's values: text, a choice, or several choices."""
    if not isinstance(entry, Mapping):
        return ()
    several = entry.get("selected_options")
    if isinstance(several, list):
        return tuple(
            get_string(option, "value") for option in several if isinstance(option, Mapping)
        )
    one = get_string(entry, "value") or get_string(get_mapping(entry, "selected_option"), "value")
    # Phones add a blank behind a word that they complete.
    return (normalize_characters(one).strip(),) if one.strip() else ()
