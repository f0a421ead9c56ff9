"""What a payload must hold before Bolt may look at it.

Bolt reads members of whatever it finds, and a member of another type than Slack's ends in a
traceback or in a listener that is not meant (slack-bolt 1.30).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slack_bolt.async_app import AsyncBoltRequest

from bot.slack.inbound.payloads import Body, get_mapping, get_string

DEEPEST = 100
"""Levels of a payload; Block Kit stays far below."""


class MalformedPayload(Exception):
    """A payload that is nothing that Slack sends to this app; the text says why."""


def build_request(payload: Any, headers: Mapping[str, str | Sequence[str]]) -> AsyncBoltRequest:
    """Return a payload as Bolt takes it; raise MalformedPayload."""
    if fault := find_shape_fault(payload):
        raise MalformedPayload(fault)
    try:
        # In this mode Bolt takes a payload that was parsed already, and is otherwise the same.
        return AsyncBoltRequest(mode="socket_mode", body=payload, headers=dict(headers))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        # Bolt looks for ids in more places than are checked here.
        raise MalformedPayload("a member is not of its type") from problem


def find_shape_fault(body: Any) -> str:
    """Return what is wrong with a payload's shape, or "" when Bolt may have it."""
    if not isinstance(body, dict):
        return "the payload is no object"
    if _is_deeper(body, DEEPEST):
        return "the payload is nested too deeply"
    if not isinstance(body.get("event", {}), dict):
        return "event is no object"
    for member in ("enterprise", "team", "user", "channel", "container", "message", "view"):
        if body.get(member) is not None and not isinstance(body[member], dict | str):
            return f"{member} is no object"
    if "command" in body:
        return _find_missing(body, "command", "user_id", "channel_id")
    check = _CHECKS.get(get_string(body, "type"))
    return check(body) if check else "the type is none that this app is sent"


def _find_missing(body: Body, *names: str) -> str:
    return next((f"{name} is missing" for name in names if not get_string(body, name)), "")


def _check_event(body: Body) -> str:
    authorizations = body.get("authorizations")
    if authorizations is not None and not (
        isinstance(authorizations, list) and all(isinstance(one, dict) for one in authorizations)
    ):
        return "authorizations is no list of objects"
    return _find_missing(get_mapping(body, "event"), "type")


def _check_actions(body: Body) -> str:
    actions = body.get("actions")
    if not isinstance(actions, list) or not actions or not isinstance(actions[0], dict):
        return "actions is no list of objects"
    return _find_missing(actions[0], "action_id") or _check_user(body)


def _check_view(body: Body) -> str:
    return _find_missing(get_mapping(body, "view"), "callback_id", "type") or _check_user(body)


def _check_callback(body: Body) -> str:
    return _find_missing(body, "callback_id") or _check_user(body)


def _check_suggestion(body: Body) -> str:
    return _find_missing(body, "action_id") or _check_user(body)


def _check_user(body: Body) -> str:
    return "user is missing" if _find_missing(get_mapping(body, "user"), "id") else ""


def _check_challenge(body: Body) -> str:
    return _find_missing(body, "challenge")


_CHECKS: dict[str, Callable[[Body], str]] = {
    "url_verification": _check_challenge,
    "app_rate_limited": lambda _body: "",
    "event_callback": _check_event,
    "block_actions": _check_actions,
    "view_submission": _check_view,
    "view_closed": _check_view,
    "message_action": _check_callback,
    "shortcut": _check_callback,
    "block_suggestion": _check_suggestion,
}


def _is_deeper(value: Any, levels: int) -> bool:
    """Tell whether a value is nested more than so many levels deep."""
    present = [value]
    for _ in range(levels):
        present = [
            inner
            for one in present
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not present:
            return False
    return True
