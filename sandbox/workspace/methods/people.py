"""auth.test, apps.connections.open, users.*, usergroups.*, bots.info and team.info: users,
groups and the app itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.workspace.methods.call import Call, Json, Method
from sandbox.workspace.refusals import Refusal
from sandbox.workspace.state import Group, User


def serialize_user(call: Call, user: User) -> Json:
    """Return a user as users.info shows it."""
    name = user.real_name or user.name
    return {
        "id": user.id,
        "team_id": call.state.team_id,
        "name": user.name,
        "real_name": name,
        "deleted": False,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "tz": user.tz,
        "tz_offset": 0,
        "profile": {"real_name": name, "display_name": user.name, "team": call.state.team_id},
    }


def _serialize_group(call: Call, group: Group, *, with_users: bool) -> Json:
    body: Json = {
        "id": group.id,
        "team_id": call.state.team_id,
        "is_usergroup": True,
        "name": group.handle.title(),
    }
    body |= {"handle": group.handle, "date_delete": 0, "user_count": len(group.members)}
    return body | {"users": list(group.members)} if with_users else body


async def _test_auth(call: Call) -> Json:
    state, bot = call.state, call.core.bot
    organization = call.core.installed.organization
    body: Json = {
        "url": f"{call.core.origin}/",
        "team": state.team_name,
        "team_id": organization or state.team_id,
    }
    body |= {"enterprise_id": organization} if organization else {}
    return body | {
        "user": bot.name,
        "user_id": bot.id,
        "bot_id": state.bot_id,
        "is_enterprise_install": bool(organization),
    }


async def _list_teams(call: Call) -> Json:
    """Return the workspaces of the app: the second one has nothing of its own."""
    teams = [{"id": call.state.team_id, "name": call.state.team_name}]
    if call.core.installed.organization:
        teams.insert(0, {"id": "T0ANOTHER", "name": "Another workspace"})
    return call.paginate("teams", teams)


def _check_team(call: Call) -> None:
    """Raise Refusal unless the call of an organization's token names this workspace."""
    if call.core.installed.organization:
        call.get_required("team_id")
        if call.args["team_id"] != call.state.team_id:
            raise Refusal("no_such_subteam")


async def _open_connection(call: Call) -> Json:
    host = call.core.origin.replace("http", "ws", 1)
    return {"url": f"{host}/link/?ticket={call.core.create_ticket()}&app_id={call.state.app_id}"}


async def _get_user_info(call: Call) -> Json:
    return {"user": serialize_user(call, call.get_user())}


async def _list_users(call: Call) -> Json:
    return call.paginate(
        "members", [serialize_user(call, user) for user in call.state.users.values()]
    )


async def _list_groups(call: Call) -> Json:
    _check_team(call)
    with_users = call.get_flag("include_users")
    return {
        "usergroups": [
            _serialize_group(call, group, with_users=with_users)
            for group in call.state.groups.values()
        ]
    }


async def _list_group_users(call: Call) -> Json:
    _check_team(call)
    group = call.state.groups.get(call.get_required("usergroup"))
    if group is None:
        raise Refusal("no_such_subteam")
    return {"users": list(group.members)}


async def _get_bot_info(call: Call) -> Json:
    if call.args.get("bot", call.state.bot_id) != call.state.bot_id:
        raise Refusal("bot_not_found")
    bot = call.core.bot
    return {
        "bot": {
            "id": call.state.bot_id,
            "app_id": call.state.app_id,
            "user_id": bot.id,
            "name": bot.name,
        }
    }


async def _get_team_info(call: Call) -> Json:
    return {
        "team": {
            "id": call.state.team_id,
            "name": call.state.team_name,
            "domain": call.state.team_domain,
        }
    }


METHODS: Mapping[str, Method] = {
    "apps.connections.open": Method(_open_connection, tier=3, tokens=("app",)),
    "auth.teams.list": Method(_list_teams, tier=2),
    "auth.test": Method(_test_auth, tokens=("bot", "app")),
    "bots.info": Method(_get_bot_info, "users:read", 3),
    "team.info": Method(_get_team_info, "team:read", 3),
    "usergroups.list": Method(_list_groups, "usergroups:read", 2),
    "usergroups.users.list": Method(_list_group_users, "usergroups:read", 2),
    "users.info": Method(_get_user_info, "users:read", 4),
    "users.list": Method(_list_users, "users:read", 2),
}
