"""chat.*, reactions.*, pins.* and blocks.validate: the methods that make or change a
message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.slackrules import check_message
from sandbox.workspace.methods.call import Call, Json, Method
from sandbox.workspace.refusals import Refusal, raise_for_problems
from sandbox.workspace.shared import check_shown_files, share_shown_files
from sandbox.workspace.state import Change, Channel, Message


def _collect_payload(call: Call) -> Json:
    """Return the message part of the arguments; `markdown_text` becomes a markdown block."""
    payload: Json = {
        key: call.args[key] for key in ("text", "blocks", "attachments") if key in call.args
    }
    if call.args.get("markdown_text"):
        payload["blocks"] = [{"type": "markdown", "text": call.args["markdown_text"]}]
    return payload


def _resolve_destination(call: Call) -> Channel:
    """Return the channel of a new message, by id or name; for a user, the direct conversation.

    Raises Refusal when the bot may not post there.
    """
    name = call.get_required("channel")
    if name in call.state.users:
        return call.state.open_direct_channel(call.core.bot.id, name)
    channel = call.get_channel(by_name=True)
    if channel.is_archived:
        raise Refusal("is_archived")
    public = not channel.is_private and "chat:write.public" in call.core.scopes
    if call.core.bot.id not in channel.members and not public:
        raise Refusal("not_in_channel")
    if channel.posting:
        raise Refusal(channel.posting)
    return channel


def _get_own_message(call: Call, refusal: str) -> Message:
    message = _get_message(call, "ts")
    if message.user != call.core.bot.id:
        raise Refusal(refusal)
    return message


def _get_message(call: Call, key: str) -> Message:
    """Return a message that everyone sees: the Web API does not find ephemeral ones.

    Raises Refusal.
    """
    channel = call.get_channel()
    message = call.state.messages.get((channel.id, call.get_required(key)))
    if message is None or message.deleted or message.ephemeral_to:
        raise Refusal("message_not_found")
    return message


def _get_thread_ts(call: Call, channel: Channel) -> str:
    thread = call.args.get("thread_ts")
    if not thread:
        return ""
    if (channel.id, str(thread)) not in call.state.messages:
        raise Refusal("thread_not_found")
    return str(thread)


async def _post_message(call: Call) -> Json:
    channel = _resolve_destination(call)
    payload = _collect_payload(call)
    raise_for_problems(check_message(payload))
    check_shown_files(call.core, payload.get("blocks"))
    thread = _get_thread_ts(call, channel)
    call.core.limits.count_posted_message(channel.id)
    message = call.state.draft_message(
        channel.id, call.core.bot.id, payload.get("text") or "", payload.get("blocks")
    )
    message.thread_ts, message.metadata = thread, call.args.get("metadata")
    share_shown_files(call.state, message.blocks, channel=channel.id)
    message.broadcast = bool(thread) and call.get_flag("reply_broadcast")
    call.state.post_message(message)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": call.state.serialize_message(message),
    }


async def _update_message(call: Call) -> Json:
    if call.get_channel().is_archived:
        # Slack's word for it here: "cannot be edited within a frozen, archived or deleted channel".
        raise Refusal("is_inactive")
    message = _get_own_message(call, "cant_update_message")
    payload = _collect_payload(call)
    raise_for_problems(check_message(payload, edit=True))
    check_shown_files(call.core, payload.get("blocks"))
    call.state.edit_message(message, payload.get("text"), payload.get("blocks"))
    body = call.state.serialize_message(message)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": body}


async def _delete_message(call: Call) -> Json:
    message = _get_own_message(call, "cant_delete_message")
    call.state.delete_message(message)
    return {"channel": message.channel, "ts": message.ts}


async def _post_ephemeral(call: Call) -> Json:
    channel = _resolve_destination(call)
    user = call.args.get("user")
    if user not in channel.members:
        raise Refusal("user_not_in_channel")
    payload = _collect_payload(call)
    raise_for_problems(check_message(payload))
    check_shown_files(call.core, payload.get("blocks"))
    share_shown_files(call.state, payload.get("blocks"), person=user)
    message = call.state.draft_message(
        channel.id, call.core.bot.id, payload.get("text") or "", payload.get("blocks")
    )
    message.thread_ts, message.ephemeral_to = str(call.args.get("thread_ts") or ""), str(user)
    call.state.post_message(message)
    return {"message_ts": message.ts}


async def _get_permalink(call: Call) -> Json:
    message = _get_message(call, "message_ts")
    link = f"https://{call.state.team_domain}.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"  # noqa: E501
    return {"channel": message.channel, "permalink": link}


async def _add_reaction(call: Call) -> Json:
    message, name, me = (
        _get_message(call, "timestamp"),
        call.get_required("name").strip(":"),
        call.core.bot.id,
    )
    users = message.reactions.setdefault(name, [])
    if me in users:
        raise Refusal("already_reacted")
    users.append(me)
    call.state.notify_listeners(Change("edited", message))
    return {}


async def _remove_reaction(call: Call) -> Json:
    message, name, me = (
        _get_message(call, "timestamp"),
        call.get_required("name").strip(":"),
        call.core.bot.id,
    )
    if me not in message.reactions.get(name, []):
        raise Refusal("no_reaction")
    message.reactions[name].remove(me)
    call.state.notify_listeners(Change("edited", message))
    return {}


async def _add_pin(call: Call) -> Json:
    message = _get_message(call, "timestamp")
    if message.pinned:
        raise Refusal("already_pinned")
    message.pinned = True
    return {}


async def _validate_blocks(call: Call) -> Json:
    problems = check_message({"blocks": call.args.get("blocks")})
    if not problems:
        return {}
    errors: list[dict[str, Any]] = [
        {"code": problem.code, "message": problem.sentence, "pointer": problem.pointer}
        for problem in problems
    ]
    raise Refusal("invalid_blocks", errors=errors)


METHODS: Mapping[str, Method] = {
    "blocks.validate": Method(_validate_blocks, tokens=()),
    "chat.delete": Method(_delete_message, "chat:write", 3),
    "chat.getPermalink": Method(_get_permalink),
    "chat.postEphemeral": Method(_post_ephemeral, "chat:write", 4),
    "chat.postMessage": Method(_post_message, "chat:write"),
    "chat.update": Method(_update_message, "chat:write", 3),
    "pins.add": Method(_add_pin, "pins:write", 2),
    "reactions.add": Method(_add_reaction, "reactions:write", 3),
    "reactions.remove": Method(_remove_reaction, "reactions:write", 2),
}
