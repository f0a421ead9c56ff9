"""chat.*, reactions.*, pins.* and blocks.validate: everything that makes or changes a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.workspace.methods.call import Call, Json, Method
from bot.sandbox.workspace.refusals import Refusal, refuse
from bot.sandbox.workspace.state import Change, Channel, Message
from bot.slackrules import check_message


def _payload(call: Call) -> Json:
    """The message part of the arguments; `markdown_text` stands for a markdown block."""
    payload: Json = {key: call.args[key] for key in ("text", "blocks", "attachments") if key in call.args}
    if call.args.get("markdown_text"):
        payload["blocks"] = [{"type": "markdown", "text": call.args["markdown_text"]}]
    return payload


def _destination(call: Call) -> Channel:
    """Where a message goes: a channel by id or name, or a person, whose direct conversation is opened."""
    name = call.need("channel")
    if name in call.state.users:
        return call.state.direct(call.core.bot.id, name)
    channel = call.channel(by_name=True)
    public = not channel.is_private and "chat:write.public" in call.core.scopes
    if call.core.bot.id not in channel.members and not public:
        raise Refusal("not_in_channel")
    return channel


def _own_message(call: Call, refusal: str) -> Message:
    message = _message(call, "ts")
    if message.user != call.core.bot.id:
        raise Refusal(refusal)
    return message


def _message(call: Call, key: str) -> Message:
    """A message that everyone sees: ephemeral ones are not found by the Web API."""
    channel = call.channel()
    message = call.state.messages.get((channel.id, call.need(key)))
    if message is None or message.deleted or message.ephemeral_to:
        raise Refusal("message_not_found")
    return message


def _thread(call: Call, channel: Channel) -> str:
    thread = call.args.get("thread_ts")
    if not thread:
        return ""
    if (channel.id, str(thread)) not in call.state.messages:
        raise Refusal("thread_not_found")
    return str(thread)


async def _post(call: Call) -> Json:
    channel = _destination(call)
    payload = _payload(call)
    refuse(check_message(payload))
    thread = _thread(call, channel)
    call.core.limits.count_post(channel.id)
    message = call.state.draft(channel.id, call.core.bot.id, payload.get("text") or "", payload.get("blocks"))
    message.thread_ts, message.metadata = thread, call.args.get("metadata")
    message.broadcast = bool(thread) and call.flag("reply_broadcast")
    call.state.post(message)
    return {"channel": channel.id, "ts": message.ts, "message": call.state.message_json(message)}


async def _update(call: Call) -> Json:
    message = _own_message(call, "cant_update_message")
    payload = _payload(call)
    refuse(check_message(payload, edit=True))
    call.state.edit(message, payload.get("text"), payload.get("blocks"))
    body = call.state.message_json(message)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": body}


async def _delete(call: Call) -> Json:
    message = _own_message(call, "cant_delete_message")
    call.state.delete(message)
    return {"channel": message.channel, "ts": message.ts}


async def _post_ephemeral(call: Call) -> Json:
    channel = _destination(call)
    user = call.args.get("user")
    if user not in channel.members:
        raise Refusal("user_not_in_channel")
    payload = _payload(call)
    refuse(check_message(payload))
    message = call.state.draft(channel.id, call.core.bot.id, payload.get("text") or "", payload.get("blocks"))
    message.thread_ts, message.ephemeral_to = str(call.args.get("thread_ts") or ""), str(user)
    call.state.post(message)
    return {"message_ts": message.ts}


async def _permalink(call: Call) -> Json:
    message = _message(call, "message_ts")
    link = f"https://{call.state.team_domain}.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
    return {"channel": message.channel, "permalink": link}


async def _react(call: Call) -> Json:
    message, name, me = _message(call, "timestamp"), call.need("name").strip(":"), call.core.bot.id
    users = message.reactions.setdefault(name, [])
    if me in users:
        raise Refusal("already_reacted")
    users.append(me)
    call.state.announce(Change("edited", message))
    return {}


async def _unreact(call: Call) -> Json:
    message, name, me = _message(call, "timestamp"), call.need("name").strip(":"), call.core.bot.id
    if me not in message.reactions.get(name, []):
        raise Refusal("no_reaction")
    message.reactions[name].remove(me)
    call.state.announce(Change("edited", message))
    return {}


async def _pin(call: Call) -> Json:
    message = _message(call, "timestamp")
    if message.pinned:
        raise Refusal("already_pinned")
    message.pinned = True
    return {}


async def _validate(call: Call) -> Json:
    problems = check_message({"blocks": call.args.get("blocks")})
    if not problems:
        return {}
    errors: list[dict[str, Any]] = [
        {"code": problem.code, "message": problem.sentence, "pointer": problem.pointer} for problem in problems
    ]
    raise Refusal("invalid_blocks", errors=errors)


METHODS: Mapping[str, Method] = {
    "blocks.validate": Method(_validate, tokens=()),
    "chat.delete": Method(_delete, "chat:write", 3),
    "chat.getPermalink": Method(_permalink),
    "chat.postEphemeral": Method(_post_ephemeral, "chat:write", 4),
    "chat.postMessage": Method(_post, "chat:write"),
    "chat.update": Method(_update, "chat:write", 3),
    "pins.add": Method(_pin, "pins:write", 2),
    "reactions.add": Method(_react, "reactions:write", 3),
    "reactions.remove": Method(_unreact, "reactions:write", 2),
}
