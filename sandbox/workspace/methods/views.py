"""views.*: modals, their stack of three, and App Home."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping

from bot.slackrules import check_view
from sandbox.workspace.core import Core
from sandbox.workspace.methods.call import Call, Json, Method
from sandbox.workspace.refusals import Refusal, raise_for_problems
from sandbox.workspace.state import Change, View, assign_ids, generate_id

STACK = 3
"""Views that may lie over one another in a modal (Slack limit)."""


def serialize_view(core: Core, view: View) -> Json:
    """Return a view as the Web API and interaction payloads show it."""
    state = core.state
    empty: Json = {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "submit": None,
        "close": None,
    }
    return {
        **empty,
        **copy.deepcopy(view.body),
        "id": view.id,
        "team_id": state.team_id,
        "app_id": state.app_id,
        "app_installed_team_id": state.team_id,
        "bot_id": state.bot_id,
        "hash": view.hash,
        "root_view_id": view.root or view.id,
        "previous_view_id": view.previous or None,
        "state": {"values": {}},
    }


def open_view(core: Core, user: str, body: Json, *, below: View | None = None) -> View:
    """Show a view to a user, over another one or as the first.

    Raises Refusal when three are stacked already (Slack limit).
    """
    view = View(generate_id("V"), user, _prepare_body(body), _generate_hash())
    if below is not None:
        view.root, view.previous = below.root or below.id, below.id
        if _count_stacked_views(core, below) >= STACK:
            raise Refusal("push_limit_reached")
    core.state.views[view.id] = view
    core.state.notify_listeners(Change("view", view=view))
    return view


def replace_view(core: Core, view: View, body: Json) -> None:
    """Replace the content of a view that is open."""
    view.body, view.hash = _prepare_body(body), _generate_hash()
    core.state.notify_listeners(Change("view", view=view))


def close_view(core: Core, view: View, *, all_of_them: bool = False) -> None:
    """Close a view, or the whole stack it lies in."""
    root = view.root or view.id
    for other in core.state.views.values():
        if other.id == view.id or (all_of_them and root in (other.id, other.root)):
            other.open = False
    core.state.notify_listeners(Change("view", view=view))


def _prepare_body(body: Json) -> Json:
    return {**body, "blocks": assign_ids(body["blocks"])}


def _generate_hash() -> str:
    return secrets.token_hex(8)


def _count_stacked_views(core: Core, view: View) -> int:
    root = view.root or view.id
    return sum(
        1 for other in core.state.views.values() if other.open and root in (other.id, other.root)
    )


def _get_view_argument(call: Call) -> Json:
    body = call.args.get("view")
    if not isinstance(body, dict):
        raise Refusal("invalid_arguments")
    raise_for_problems(check_view(body))
    return body


def _find_open_view(call: Call) -> View:
    view_id, external = call.args.get("view_id"), call.args.get("external_id")
    for view in call.state.views.values():
        if view.open and (
            view.id == view_id or (external and view.body.get("external_id") == external)
        ):
            break
    else:
        raise Refusal("not_found")
    _check_hash(call, view)
    return view


def _check_hash(call: Call, view: View | None) -> None:
    if call.args.get("hash") and view is not None and call.args["hash"] != view.hash:
        raise Refusal("hash_conflict")


async def _open_modal(call: Call) -> Json:
    body = _get_view_argument(call)
    user = call.core.use_trigger(call.get_required("trigger_id"))
    return {"view": serialize_view(call.core, open_view(call.core, user, body))}


async def _push_modal(call: Call) -> Json:
    body = _get_view_argument(call)
    user = call.core.use_trigger(call.get_required("trigger_id"))
    top = [view for view in call.state.views.values() if view.open and view.user == user][-1:]
    if not top:
        raise Refusal("not_found")
    return {"view": serialize_view(call.core, open_view(call.core, user, body, below=top[0]))}


async def _update_view(call: Call) -> Json:
    view = _find_open_view(call)
    replace_view(call.core, view, _get_view_argument(call))
    return {"view": serialize_view(call.core, view)}


async def _publish_home(call: Call) -> Json:
    user, body = call.get_user("user_id"), _get_view_argument(call)
    if body["type"] != "home":
        raise Refusal("invalid_arguments")
    home = call.state.homes.get(user.id)
    _check_hash(call, home)
    if home is None:
        home = call.state.homes[user.id] = View(generate_id("V"), user.id, {}, "")
    replace_view(call.core, home, body)
    return {"view": serialize_view(call.core, home)}


METHODS: Mapping[str, Method] = {
    "views.open": Method(_open_modal, tier=4),
    "views.publish": Method(_publish_home, tier=4),
    "views.push": Method(_push_modal, tier=4),
    "views.update": Method(_update_view, tier=4),
}
