"""conversations.*: channels, their members, and their messages."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.workspace.methods.call import Call, Json, Method
from sandbox.workspace.refusals import Refusal
from sandbox.workspace.state import Channel, Message


def serialize_channel(call: Call, channel: Channel) -> Json:
    """Return a channel as conversations.info shows it to the bot."""
    body: Json = {
        "id": channel.id,
        "is_channel": not channel.is_private and not channel.is_im,
        "is_group": channel.is_private and not channel.is_im,
        "is_im": channel.is_im,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_member": call.core.bot.id in channel.members,
        "num_members": len(channel.members),
    }
    if channel.is_im:
        return body | {"user": next(iter(channel.members - {call.core.bot.id}), call.core.bot.id)}
    return body | {"name": channel.name, "name_normalized": channel.name}


def _get_conversation_type(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


def _select_conversations(call: Call) -> list[Json]:
    wanted = set(str(call.args.get("types") or "public_channel").split(","))
    if "private_channel" in wanted and "groups:read" not in call.core.scopes:
        raise Refusal(
            "missing_scope", needed="groups:read", provided=",".join(sorted(call.core.scopes))
        )
    me = call.core.bot.id
    return [
        serialize_channel(call, channel)
        for channel in call.state.channels.values()
        if _get_conversation_type(channel) in wanted
        and (not channel.is_private or me in channel.members)
    ]


async def _list_conversations(call: Call) -> Json:
    return call.paginate("channels", _select_conversations(call))


async def _list_bot_conversations(call: Call) -> Json:
    return call.paginate(
        "channels", [channel for channel in _select_conversations(call) if channel["is_member"]]
    )


async def _get_conversation_info(call: Call) -> Json:
    return {"channel": serialize_channel(call, call.get_channel())}


async def _list_members(call: Call) -> Json:
    page = call.paginate(
        "members", [{"id": member} for member in sorted(call.get_channel().members)]
    )
    return page | {"members": [entry["id"] for entry in page["members"]]}


async def _open_conversation(call: Call) -> Json:
    if call.args.get("channel"):
        return {"channel": {"id": call.get_channel().id}}
    users = [user for user in call.get_required("users").split(",") if user]
    if any(user not in call.state.users for user in users):
        raise Refusal("user_not_found")
    return {"channel": {"id": call.state.open_direct_channel(call.core.bot.id, *users).id}}


async def _join_conversation(call: Call) -> Json:
    channel = call.get_channel()
    if channel.is_archived:
        raise Refusal("is_archived")
    channel.members.add(call.core.bot.id)
    return {"channel": serialize_channel(call, channel)}


HISTORY_SCOPES = {
    "public_channel": "channels:history",
    "private_channel": "groups:history",
    "im": "im:history",
}
"""The scope that reading the messages of a conversation needs, by its type."""


def _list_public_messages(call: Call) -> list[Message]:
    channel = call.get_channel()
    needed = HISTORY_SCOPES[_get_conversation_type(channel)]
    if needed not in call.core.scopes:
        provided = ",".join(sorted(call.core.scopes))
        raise Refusal("missing_scope", needed=needed, provided=provided)
    if call.core.bot.id not in channel.members:
        raise Refusal("not_in_channel")
    messages = call.state.messages.values()
    return [m for m in messages if m.channel == channel.id and not m.deleted and not m.ephemeral_to]


def _filter_by_time(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = str(call.args.get("oldest") or "0"), str(call.args.get("latest") or "9" * 12)
    kept = [m for m in messages if float(oldest) <= float(m.ts) <= float(latest)]
    return kept if call.get_flag("inclusive") else [m for m in kept if m.ts not in (oldest, latest)]


def _serialize_read_message(call: Call, message: Message) -> Json:
    """Return a message as it is read: Slack leaves its metadata out unless that is asked for."""
    body = call.state.serialize_message(message)
    if not call.get_flag("include_all_metadata"):
        body.pop("metadata", None)
    return body


async def _get_history(call: Call) -> Json:
    messages = _filter_by_time(
        call, [m for m in _list_public_messages(call) if m.broadcast or not m.is_reply]
    )
    page = call.paginate("messages", [_serialize_read_message(call, m) for m in reversed(messages)])
    return page | {"has_more": bool(page["response_metadata"]["next_cursor"])}


async def _get_replies(call: Call) -> Json:
    parent = call.get_required("ts")
    messages = [m for m in _list_public_messages(call) if parent in (m.ts, m.thread_ts)]
    if not messages:
        raise Refusal("thread_not_found")
    page = call.paginate("messages", [_serialize_read_message(call, m) for m in messages])
    return page | {"has_more": bool(page["response_metadata"]["next_cursor"])}


METHODS: Mapping[str, Method] = {
    "conversations.history": Method(_get_history, tier=3),
    "conversations.info": Method(_get_conversation_info, "channels:read", 3),
    "conversations.join": Method(_join_conversation, "channels:join", 3),
    "conversations.list": Method(_list_conversations, "channels:read", 2),
    "conversations.members": Method(_list_members, "channels:read", 4),
    "conversations.open": Method(_open_conversation, "im:write", 3),
    "conversations.replies": Method(_get_replies, tier=3),
    "users.conversations": Method(_list_bot_conversations, "channels:read", 3),
}
