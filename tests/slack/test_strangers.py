"""People of other workspaces, in channels that are shared with them (Slack Connect)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.shapes import build_request
from bot.slack.inbound.teams import ServedTeams, build_served_teams
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.webapi.client import build_client, fetch_identity
from sandbox.workspace import DEFAULT_CHANNEL, InstalledApp, Workspace
from sandbox.workspace.state import User
from tests.slack.conftest import RecordingRouter, with_button

OURS = ServedTeams(frozenset({"T1", "E1"}))
WHOLE = ServedTeams(frozenset({"T1", "E1"}), organization="E1")
MENTION = {"type": "app_mention", "user": "U1"}
EVENT = {"type": "event_callback", "team_id": "T1"}


@pytest.mark.parametrize(
    ("teams", "body", "foreign"),
    [
        (OURS, {"command": "/mesh", "team_id": "T1"}, ""),
        (OURS, {"command": "/mesh", "team_id": "T9"}, "T9"),
        (OURS, {"command": "/mesh", "team_id": "T9", "enterprise_id": "E1"}, "T9"),
        (WHOLE, {"command": "/mesh", "team_id": "T9", "enterprise_id": "E1"}, ""),
        (WHOLE, {"command": "/mesh", "team_id": "T9", "enterprise_id": "E9"}, "T9"),
        (OURS, {"team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T1"}}, ""),
        (OURS, {"team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T9"}}, "T9"),
        (OURS, {"team": {"id": "T9"}, "user": {"id": "U1", "team_id": "T1"}}, ""),
        (OURS, {"team": {"id": "T9"}, "user": {"id": "U1"}}, "T9"),
        (OURS, {"team": None, "user": {"id": "U1", "team_id": "T9"}}, "T9"),
        (
            WHOLE,
            {"team": {"id": "T1"}, "enterprise": {"id": "E1"}, "user": {"team_id": "T9"}},
            "T9",
        ),
        (WHOLE, {"team": {"id": "T9"}, "enterprise": {"id": "E1"}, "user": {"team_id": "T9"}}, ""),
        (OURS, EVENT | {"event": MENTION | {"team": "T1"}}, ""),
        (OURS, EVENT | {"event": MENTION | {"team": "T1", "user_team": "T9"}}, "T9"),
        (OURS, EVENT | {"event": MENTION | {"team": "T9"}}, "T9"),
        (OURS, EVENT | {"event": MENTION | {"user_team": "E1"}}, ""),
        (OURS, EVENT | {"event": MENTION | {"user_team": "E9"}}, "E9"),
        (OURS, EVENT | {"event": MENTION}, ""),
        (OURS, {"type": "event_callback", "team_id": "T9", "event": MENTION}, "T9"),
        (OURS, {"user": {"id": "U1"}}, ""),
    ],
)
def test_the_team_of_the_person_counts(
    teams: ServedTeams, body: dict[str, Any], foreign: str
) -> None:
    """Not that of the channel; all workspaces of an organization are its own where the app is
    installed to the whole of it."""
    assert teams.find_foreign_team(body) == foreign


@pytest.mark.usefixtures("link")
async def test_whatever_a_stranger_does_is_marked(
    workspace: Workspace,
    router: RecordingRouter,
    client: AsyncWebClient,
    listeners: Listeners,
) -> None:
    """Commands, mentions, buttons and shortcuts; the Home tab is not shown at all."""
    workspace.state.users["U9"] = User("U9", "eve", team="T9")
    workspace.get_channel().members.add("U9")
    acts = workspace.actions
    posted = await SlackChannelMessages(client).post("C0MESH", with_button("mesh:confirm"))
    shown = workspace.state.messages[posted]
    await acts.open_home("eve")
    await acts.send_command("eve", DEFAULT_CHANNEL, "/mesh install")
    await acts.mention_bot("eve", DEFAULT_CHANNEL, "install")
    await acts.click_element("eve", shown, "Confirm")
    await acts.choose_shortcut("eve", shown, "Why?")
    await acts.click_element("bob", shown, "Confirm")
    await router.wait(5)
    marks = [(asked.user, asked.stranger) for asked in router.asked]
    marks += [(pressed.user, pressed.stranger) for pressed in router.pressed_]
    assert sorted(marks) == [("U0BOB", ""), *[("U9", "T9")] * 4]
    assert router.homes == []


async def test_the_settings_admit_a_workspace(
    client: AsyncWebClient, session: aiohttp.ClientSession, router: RecordingRouter
) -> None:
    """Its people are served like one's own."""
    listeners = Listeners(
        router=router,
        ways=EphemeralResponder(client, session),
        identity=await fetch_identity(client),
        admitted=["T9"],
    )
    for team in ("T9", "T8"):
        body = {"command": "/mesh", "team_id": team, "user_id": "U9", "channel_id": "C0MESH"}
        request = build_request(body, {})
        await listeners.build_acknowledgement(request)
        listeners.run_deferred_work(request)
    assert [asked.stranger for asked in router.asked] == ["", "T8"]


@pytest.fixture
async def organization() -> AsyncIterator[Workspace]:
    """A workspace of an organization, to the whole of which the app is installed."""
    workspace = Workspace(installed=InstalledApp(organization="E0ORG"), enforce_limits=False)
    await workspace.start()
    yield workspace
    await workspace.stop()


async def test_an_organization_s_workspaces_are_the_bot_s_own(
    organization: Workspace, session: aiohttp.ClientSession
) -> None:
    """They are asked for at the start, and what they send is served."""
    client = build_client(
        token=organization.bot_token, base_url=organization.api_url, session=session
    )
    identity = await fetch_identity(client)
    assert identity.teams == ("T0ANOTHER", "T0MESHTEAM")
    teams = build_served_teams(identity, ())
    for body in (
        {"team": {"id": "T0ANOTHER"}, "user": {"id": "U1", "team_id": "T0ANOTHER"}},
        {"command": "/mesh", "team_id": "T0NEW", "enterprise_id": "E0ORG"},
    ):
        assert teams.find_foreign_team(body) == ""
