"""The Slack app manifest is one that Slack takes, and agrees with what the bot listens to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.errors import SettingsError
from bot.slack.inbound.checkup import read_manifest_scopes
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.payloads import PREFIX
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.webapi.client import build_client, build_session
from handlers import STEPS
from sandbox.workspace import InstalledApp, Workspace
from tests.slack.conftest import message

PATH = Path(__file__).parents[2] / "manifests" / "slack-app.yaml"


def text(most: int, least: int = 1, pattern: str = "") -> dict[str, Any]:
    """A string of limited length."""
    return {"type": "string", "minLength": least, "maxLength": most} | (
        {"pattern": pattern} if pattern else {}
    )


def closed(required: list[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    """An object that takes no other members, as in Slack's own schema."""
    shape = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**shape, "required": required or []}


FLAG = {"type": "boolean"}
SCHEMA = closed(
    ["display_information"],
    _metadata=closed([], major_version={"const": 2}, minor_version={"type": "integer"}),
    display_information=closed(
        ["name"],
        name=text(35),
        description=text(140),
        long_description=text(4000, least=175),
        background_color=text(7, pattern="^#([0-9a-fA-F]{3}){1,2}$"),
    ),
    features=closed(
        [],
        app_home=closed(
            [],
            home_tab_enabled=FLAG,
            messages_tab_enabled=FLAG,
            messages_tab_read_only_enabled=FLAG,
        ),
        bot_user=closed(["display_name"], display_name=text(80), always_online=FLAG),
        shortcuts={
            "type": "array",
            "minItems": 1,
            "maxItems": 10,
            "items": closed(
                ["name", "type", "callback_id", "description"],
                name=text(24),
                type={"enum": ["message", "global"]},
                callback_id=text(255),
                description=text(150),
            ),
        },
        slash_commands={
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": closed(
                ["command", "description"],
                command=text(32, pattern="^/"),
                description=text(2000),
                usage_hint=text(1000),
                should_escape=FLAG,
                url=text(3000, pattern="^https://"),
            ),
        },
    ),
    oauth_config=closed(
        [],
        scopes=closed(
            [],
            bot={
                "type": "array",
                "maxItems": 255,
                "uniqueItems": True,
                "items": text(100, pattern="^[a-z_.:]+$"),
            },
        ),
    ),
    settings=closed(
        [],
        interactivity=closed(
            ["is_enabled"], is_enabled=FLAG, request_url=text(3000, pattern="^https://")
        ),
        event_subscriptions=closed(
            [], bot_events={"type": "array", "maxItems": 100, "items": text(100)}
        ),
        org_deploy_enabled=FLAG,
        socket_mode_enabled=FLAG,
        token_rotation_enabled=FLAG,
    ),
)


@pytest.fixture
async def manifest() -> dict[str, Any]:
    """The manifest, parsed."""
    loaded = yaml.safe_load(await asyncio.to_thread(PATH.read_text, encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_slack_takes_the_manifest(manifest: dict[str, Any]) -> None:
    """It keeps to Slack's manifest schema, version 2."""
    jsonschema.Draft202012Validator(SCHEMA).validate(manifest)


def test_the_schema_refuses(manifest: dict[str, Any]) -> None:
    """The check is one that can fail: an unknown member and a name that is too long are found."""
    manifest["display_information"] |= {"name": "m" * 36, "colour": "red"}
    found = {
        error.validator for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(manifest)
    }
    assert found == {"maxLength", "additionalProperties"}


def test_no_scope_reads_what_people_write() -> None:
    """The bot asks for no history of any conversation."""
    scopes = read_manifest_scopes(PATH)
    assert {"commands", "chat:write"} <= scopes
    assert not [scope for scope in scopes if "history" in scope or scope.startswith("admin")]


@pytest.mark.parametrize("content", ["", "[]", "oauth_config: {}", "a: [b", None])
async def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, content: str | None) -> None:
    """A missing or wrong manifest is a mistake in the settings, told with its path."""
    path = tmp_path / "app.yaml"
    if content is not None:
        await asyncio.to_thread(path.write_text, content)
    with pytest.raises(SettingsError, match=r"app\.yaml"):
        read_manifest_scopes(path)


def test_the_commands_are_those_that_are_listened_to(
    manifest: dict[str, Any], listeners: Listeners
) -> None:
    """What the Slack app offers and what the bot answers are the same commands, by default."""
    offered = {command["command"] for command in manifest["features"]["slash_commands"]}
    assert offered == {listeners.command}


def test_the_shortcuts_are_steps_about_runs(manifest: dict[str, Any]) -> None:
    """Each stands in the menu of messages, and for a step that can be about a message's run."""
    about = {f"{PREFIX}{step.id}" for step in STEPS if step.about_runs}
    shortcuts = manifest["features"]["shortcuts"]
    assert {shortcut["callback_id"] for shortcut in shortcuts} == about
    assert {shortcut["type"] for shortcut in shortcuts} == {"message"}


def test_the_events_are_those_that_are_listened_to(
    manifest: dict[str, Any], listeners: Listeners
) -> None:
    """What the Slack app subscribes to needs a listener and the scopes, and the Home tab must be
    switched on."""
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == set(listeners.events)
    assert "app_mentions:read" in manifest["oauth_config"]["scopes"]["bot"]
    assert manifest["features"]["app_home"]["home_tab_enabled"]
    assert manifest["settings"]["interactivity"]["is_enabled"]


async def test_the_bot_works_in_a_workspace_installed_from_it(manifest: dict[str, Any]) -> None:
    """With the scopes of the manifest and no more, it can say, edit and whisper."""
    workspace = Workspace(installed=InstalledApp.from_manifest(manifest), enforce_limits=False)
    await workspace.start()
    async with build_session(timeout=5) as session:
        client = build_client(
            token=workspace.bot_token, base_url=workspace.api_url, session=session
        )
        channel_messages = SlackChannelMessages(client)
        posted = await channel_messages.post(workspace.get_channel().id, message("working"))
        await channel_messages.settle(posted, message("done"))
        await (
            EphemeralResponder(client, session)
            .open_channel_reply(workspace.get_user("alice").id, posted.channel)
            .say(message("psst"))
        )
        await channel_messages.aclose(0)
    await workspace.stop()
    assert [found.text for found in workspace.list_messages(user="alice")] == ["done", "psst"]
