"""The payloads of interactions and events, as Slack documents them."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from sandbox.workspace.core import Core
from sandbox.workspace.elements import BlockAction
from sandbox.workspace.links import escape_and_link
from sandbox.workspace.state import Channel, Message, User, generate_id

Json = dict[str, Any]


def build_command_payload(core: Core, user: User, channel: Channel, name: str, text: str) -> Json:
    """Build the payload of a slash command."""
    state = core.state
    return {
        "token": core.verification_token,
        "team_id": user.team or state.team_id,
        "team_domain": state.team_domain,
        "channel_id": channel.id,
        # Slack does not tell the names of private channels here.
        "channel_name": "privategroup"
        if channel.is_private and not channel.is_im
        else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": _escape_references(core, text) if core.installed.should_escape else text,
        "api_app_id": state.app_id,
        "is_enterprise_install": str(bool(core.installed.organization)).lower(),
        **_name_organization(core),
        "response_url": core.create_response_url(kind="commands", channel=channel.id, user=user.id),
        "trigger_id": core.create_trigger(user.id),
    }


def build_user_payload(core: Core, user: User) -> Json:
    """Build what every interaction says of its user, with a new trigger_id."""
    state = core.state
    return {
        "team": {"id": state.team_id, "domain": state.team_domain},
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": user.team or state.team_id,
        },
        "api_app_id": state.app_id,
        "token": core.verification_token,
        "trigger_id": core.create_trigger(user.id),
        "enterprise": {"id": core.installed.organization} if core.installed.organization else None,
        "is_enterprise_install": bool(core.installed.organization),
    }


def build_actions_payload(core: Core, user: User, pressed: BlockAction) -> Json:
    """Build the payload of a click (block_actions), without what it was in."""
    action = pressed.action | {"action_ts": f"{time.time():.6f}"}
    return build_user_payload(core, user) | {"type": "block_actions", "actions": [action]}


def build_message_payload(core: Core, user: User, message: Message) -> Json:
    """Build the part of a click's payload that tells of its message, with a new response_url."""
    channel = core.state.channels[message.channel]
    ephemeral = bool(message.ephemeral_to)
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": ephemeral,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    part: Json = {"container": container, "channel": {"id": channel.id, "name": channel.name}}
    # Slack keeps no ephemeral message, so that a click on one comes without it.
    if not ephemeral:
        part["message"] = core.state.serialize_message(message)
    part["response_url"] = core.create_response_url(
        kind="actions", channel=channel.id, user=user.id, ts=message.ts
    )
    return part


def build_shortcut_payload(core: Core, user: User, message: Message, callback_id: str) -> Json:
    """Build the payload of a shortcut on a message (message_action), with a new response_url."""
    channel = core.state.channels[message.channel]
    asked = build_user_payload(core, user)
    # Slack names the app in other interactions, not in this one.
    del asked["api_app_id"]
    return asked | {
        "type": "message_action",
        "action_ts": f"{time.time():.6f}",
        "callback_id": callback_id,
        "channel": {"id": channel.id, "name": channel.name},
        "message_ts": message.ts,
        "message": core.state.serialize_message(message),
        "response_url": core.create_response_url(
            kind="app", channel=channel.id, user=user.id, ts=message.ts
        ),
    }


def build_event_payload(core: Core, user: User, body: Json) -> Json:
    """Build the payload of an event (event_callback) around what this user did."""
    return {
        "type": "event_callback",
        "token": core.verification_token,
        "team_id": core.state.team_id,
        "api_app_id": core.state.app_id,
        "event": body | ({"user_team": user.team, "team": user.team} if user.team else {}),
        "is_ext_shared_channel": bool(user.team),
        **_name_organization(core),
        "event_id": generate_id("Ev"),
        "event_time": int(core.clock.now().timestamp()),
        "authorizations": [_build_authorization(core)],
    }


def generate_client_id() -> str:
    """Return a new client_msg_id for something that a user wrote."""
    return secrets.token_hex(16)


def _build_authorization(core: Core) -> Json:
    state = core.state
    return {
        "enterprise_id": core.installed.organization or None,
        "team_id": state.team_id,
        "user_id": core.bot.id,
        "is_bot": True,
        "is_enterprise_install": bool(core.installed.organization),
    }


def _name_organization(core: Core) -> Json:
    organization = core.installed.organization
    return {"enterprise_id": organization} if organization else {}


def _escape_references(core: Core, text: str) -> str:
    """Turn typed names and links into references, as the manifest's should_escape asks for."""
    state = core.state
    known = {f"@{u.name}": f"<@{u.id}|{u.name}>" for u in state.users.values()}
    known |= {f"@{g.handle}": f"<!subteam^{g.id}|@{g.handle}>" for g in state.groups.values()}
    known |= {f"#{c.name}": f"<#{c.id}|{c.name}>" for c in state.channels.values() if not c.is_im}
    linked = escape_and_link(text)
    return re.sub(r"(?<!\S)[@#][\w.-]*\w", lambda match: known.get(match[0], match[0]), linked)
