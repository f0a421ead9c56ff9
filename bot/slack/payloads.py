"""What Slack sends, as the desk takes it. Whatever is missing or of another type is empty: nothing here raises."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bot.messages import Asked, Origin, Posted, Pressed, Submitted
from bot.slack.typed import as_typed

Body = Mapping[str, Any]


def string(body: Body, key: str) -> str:
    """A member that is a text, or ""."""
    value = body.get(key)
    return value if isinstance(value, str) else ""


def mapping(body: Body, key: str) -> Body:
    """A member that is an object, or an empty one."""
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def read_command(body: Body) -> Asked:
    """A slash command; Slack has none in threads."""
    trigger = string(body, "trigger_id")
    user, channel = string(body, "user_id"), string(body, "channel_id")
    return Asked(user, channel, as_typed(string(body, "text")), trigger, trigger=trigger)


def read_mention(body: Body, me: str, command: str) -> Asked:
    """An app_mention event: what was written beside the mention, which may repeat the slash command's name."""
    event = mapping(body, "event")
    text = re.sub(rf"<@{re.escape(me)}(?:\|[^>]*)?>", " ", string(event, "text"), count=1)
    said = re.sub(rf"^{re.escape(command)}(?=\s|$)", "", as_typed(text).strip()).strip()
    return Asked(
        string(event, "user"), string(event, "channel"), said, string(body, "event_id"), string(event, "thread_ts")
    )


def read_press(body: Body) -> Pressed:
    """A block_actions payload: of a message, of App Home or of a modal."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    container, view = mapping(body, "container"), mapping(body, "view")
    origin = read_origin(view)
    channel = string(mapping(body, "channel"), "id") or string(container, "channel_id") or origin.channel
    ts = string(container, "message_ts")
    value = string(action, "value") or string(mapping(action, "selected_option"), "value")
    return Pressed(
        user=string(mapping(body, "user"), "id"),
        channel=channel,
        action=string(action, "action_id"),
        value=value,
        key=string(body, "trigger_id"),
        posted=Posted(channel, ts) if ts and channel and not container.get("is_ephemeral") else None,
        thread=_thread(body, ts) or origin.thread,
        view=string(view, "id") if view.get("type") == "modal" else "",
        away=bool(view),
    )


def read_submission(body: Body) -> Submitted:
    """A view_submission payload."""
    view = mapping(body, "view")
    values = mapping(mapping(view, "state"), "values")
    answers = {block: _answer(next(iter(inputs.values()), {})) for block, inputs in values.items() if inputs}
    user = string(mapping(body, "user"), "id")
    return Submitted(user, string(view, "callback_id"), answers, string(body, "trigger_id"), read_origin(view))


def inputs_of(body: Body) -> list[str]:
    """The block_ids of a view's inputs, in their order."""
    blocks = mapping(body, "view").get("blocks")
    there = [block for block in blocks if isinstance(block, Mapping)] if isinstance(blocks, list) else []
    return [string(block, "block_id") for block in there if block.get("type") == "input"]


def written(origin: Origin) -> str:
    """An origin as a view's private_metadata carries it (3000 characters, Slack limit)."""
    return json.dumps({"channel": origin.channel, "thread": origin.thread, "note": origin.note})


def read_origin(view: Body) -> Origin:
    """The origin that a view carries; none for another's metadata."""
    try:
        carried = json.loads(string(view, "private_metadata") or "{}")
    except ValueError:
        carried = {}
    kept = carried if isinstance(carried, Mapping) else {}
    return Origin(string(kept, "channel"), string(kept, "thread"), string(kept, "note"))


def _thread(body: Body, ts: str) -> str:
    """The thread that a pressed message is in; a message that replies were written to is in none, though it says so."""
    thread = string(mapping(body, "container"), "thread_ts") or string(mapping(body, "message"), "thread_ts")
    return thread if thread != ts else ""


def _answer(entry: Any) -> tuple[str, ...]:
    """One input's values: text, a choice, or several choices."""
    if not isinstance(entry, Mapping):
        return ()
    several = entry.get("selected_options")
    if isinstance(several, list):
        return tuple(string(option, "value") for option in several if isinstance(option, Mapping))
    one = string(entry, "value") or string(mapping(entry, "selected_option"), "value")
    return (one,) if one.strip() else ()
