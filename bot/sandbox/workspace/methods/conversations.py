"""conversations.*: channels, who is in them, and what was said."""

from __future__ import annotations

from collections.abc import Mapping

from bot.sandbox.workspace.methods.call import Call, Json, Method
from bot.sandbox.workspace.refusals import Refusal
from bot.sandbox.workspace.state import Channel, Message


def channel_json(call: Call, channel: Channel) -> Json:
    """A channel as conversations.info shows it to the bot."""
    body: Json = {
        "id": channel.id,
        "is_channel": not channel.is_private and not channel.is_im,
        "is_group": channel.is_private and not channel.is_im,
        "is_im": channel.is_im,
        "is_private": channel.is_private,
        "is_archived": False,
        "is_member": call.core.bot.id in channel.members,
        "num_members": len(channel.members),
    }
    if channel.is_im:
        return body | {"user": next(iter(channel.members - {call.core.bot.id}), call.core.bot.id)}
    return body | {"name": channel.name, "name_normalized": channel.name}


def _kind(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


def _listed(call: Call) -> list[Json]:
    wanted = set(str(call.args.get("types") or "public_channel").split(","))
    if "private_channel" in wanted and "groups:read" not in call.core.scopes:
        raise Refusal("missing_scope", needed="groups:read", provided=",".join(sorted(call.core.scopes)))
    me = call.core.bot.id
    return [
        channel_json(call, channel)
        for channel in call.state.channels.values()
        if _kind(channel) in wanted and (not channel.is_private or me in channel.members)
    ]


async def _list(call: Call) -> Json:
    return call.page("channels", _listed(call))


async def _mine(call: Call) -> Json:
    return call.page("channels", [channel for channel in _listed(call) if channel["is_member"]])


async def _info(call: Call) -> Json:
    return {"channel": channel_json(call, call.channel())}


async def _members(call: Call) -> Json:
    page = call.page("members", [{"id": member} for member in sorted(call.channel().members)])
    return page | {"members": [entry["id"] for entry in page["members"]]}


async def _open(call: Call) -> Json:
    if call.args.get("channel"):
        return {"channel": {"id": call.channel().id}}
    users = [user for user in call.need("users").split(",") if user]
    if any(user not in call.state.users for user in users):
        raise Refusal("user_not_found")
    return {"channel": {"id": call.state.direct(call.core.bot.id, *users).id}}


async def _join(call: Call) -> Json:
    channel = call.channel()
    channel.members.add(call.core.bot.id)
    return {"channel": channel_json(call, channel)}


def _said(call: Call) -> list[Message]:
    channel = call.channel()
    if call.core.bot.id not in channel.members:
        raise Refusal("not_in_channel")
    messages = call.state.messages.values()
    return [m for m in messages if m.channel == channel.id and not m.deleted and not m.ephemeral_to]


def _within(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = str(call.args.get("oldest") or "0"), str(call.args.get("latest") or "9" * 12)
    kept = [m for m in messages if float(oldest) <= float(m.ts) <= float(latest)]
    return kept if call.flag("inclusive") else [m for m in kept if m.ts not in (oldest, latest)]


async def _history(call: Call) -> Json:
    messages = _within(call, [m for m in _said(call) if m.broadcast or not m.is_reply])
    page = call.page("messages", [call.state.message_json(m) for m in reversed(messages)])
    return page | {"has_more": bool(page["response_metadata"]["next_cursor"])}


async def _replies(call: Call) -> Json:
    parent = call.need("ts")
    messages = [m for m in _said(call) if parent in (m.ts, m.thread_ts)]
    if not messages:
        raise Refusal("thread_not_found")
    page = call.page("messages", [call.state.message_json(m) for m in messages])
    return page | {"has_more": bool(page["response_metadata"]["next_cursor"])}


METHODS: Mapping[str, Method] = {
    "conversations.history": Method(_history, "channels:history", 3),
    "conversations.info": Method(_info, "channels:read", 3),
    "conversations.join": Method(_join, "channels:join", 3),
    "conversations.list": Method(_list, "channels:read", 2),
    "conversations.members": Method(_members, "channels:read", 4),
    "conversations.open": Method(_open, "im:write", 3),
    "conversations.replies": Method(_replies, "channels:history", 3),
    "users.conversations": Method(_mine, "channels:read", 3),
}
