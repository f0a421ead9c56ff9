"""Members of user groups: whom Slack does not name has no role by them."""

from __future__ import annotations

from contextlib import AsyncExitStack

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.roles import Roles
from bot.slack.webapi.client import build_client, fetch_identity
from bot.slack.webapi.usergroups import build_member_lookup
from bot.steps import Role
from sandbox.workspace import InstalledApp, Workspace
from sandbox.workspace.installed_app import SCOPES


def build_roles(client: AsyncWebClient, *teams: str, groups: tuple[str, ...]) -> Roles:
    """Roles of which only groups give one."""
    return Roles(users={}, groups={Role.HOST: groups}, members=build_member_lookup(client, teams))


async def test_members_of_a_group_are_hosts(client: AsyncWebClient) -> None:
    """And nobody else is."""
    roles = build_roles(client, "T0MESHTEAM", groups=("S0HOSTS",))
    assert (await roles.get_caller("U0HOST")).role is Role.HOST
    assert (await roles.get_caller("U0ALICE")).role is Role.ATTENDEE


async def test_members_are_remembered_for_a_while(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """Slack allows few such questions: while it does not answer, who was a host a moment ago is."""
    roles = build_roles(client, "T0MESHTEAM", groups=("S0HOSTS",))
    assert (await roles.get_caller("U0HOST")).role is Role.HOST
    workspace.faults.fail_method("usergroups.users.list", times=None)
    caller = await roles.get_caller("U0HOST")
    assert (caller.role, caller.unsure) == (Role.HOST, False)


async def check_nothing_granted(roles: Roles, group: str) -> None:
    """Fail unless nobody has a role by a group, and it is said why."""
    for user in ("U0HOST", "U0ALICE", ""):
        caller = await roles.get_caller(user)
        assert (caller.role, caller.unsure) == (Role.ATTENDEE, True)
        assert f"groups {group} could not be read" in str(caller.why)


@pytest.mark.long
@pytest.mark.parametrize("status", [429, 503])
async def test_while_slack_does_not_answer_groups_grant_nothing(
    workspace: Workspace,
    client: AsyncWebClient,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    """Also to those who had a role before: what was read has a time."""
    monkeypatch.setattr("bot.roles.CACHE_SECONDS", 0.0)
    roles = build_roles(client, "T0MESHTEAM", groups=("S0HOSTS",))
    assert (await roles.get_caller("U0HOST")).role is Role.HOST
    workspace.faults.fail_method("usergroups.users.list", times=None, status=status)
    await check_nothing_granted(roles, "S0HOSTS")


async def test_a_group_that_is_gone_grants_nothing(client: AsyncWebClient) -> None:
    """As one that was never there."""
    await check_nothing_granted(build_roles(client, "T0MESHTEAM", groups=("S404",)), "S404")


async def connect(
    installed: InstalledApp, session: aiohttp.ClientSession, stack: AsyncExitStack
) -> AsyncWebClient:
    """A client of a workspace in which the app is installed so."""
    workspace = Workspace(installed=installed, enforce_limits=False)
    await workspace.start()
    stack.push_async_callback(workspace.stop)
    return build_client(token=workspace.bot_token, base_url=workspace.api_url, session=session)


async def test_without_the_scope_groups_grant_nothing(session: aiohttp.ClientSession) -> None:
    """An app that was installed before the manifest asked for it."""
    async with AsyncExitStack() as stack:
        lacking = InstalledApp(scopes=SCOPES - {"usergroups:read"})
        client = await connect(lacking, session, stack)
        await check_nothing_granted(
            build_roles(client, "T0MESHTEAM", groups=("S0HOSTS",)), "S0HOSTS"
        )


async def test_a_group_of_an_organization_is_looked_for_in_its_workspaces(
    session: aiohttp.ClientSession,
) -> None:
    """Slack tells nothing to an organization's token that names no workspace."""
    async with AsyncExitStack() as stack:
        client = await connect(InstalledApp(organization="E0ORG"), session, stack)
        teams = (await fetch_identity(client)).teams
        roles = build_roles(client, *teams, groups=("S0HOSTS",))
        assert (await roles.get_caller("U0HOST")).role is Role.HOST
        await check_nothing_granted(build_roles(client, *teams, groups=("S404",)), "S404")
