"""Slack's part of the doctor: one line for each thing that can be wrong, and who mends it."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.inbound.checkup import CheckResult, check_slack, read_manifest_scopes
from sandbox.workspace import Workspace

MANIFEST = Path(__file__).parents[2] / "manifests" / "slack-app.yaml"


def by_name(findings: list[CheckResult]) -> dict[str, CheckResult]:
    """The findings by what was checked."""
    return {finding.name: finding for finding in findings}


async def test_a_workspace_installed_from_the_manifest_is_sound(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """With everything in place each line is a good one."""
    scopes = read_manifest_scopes(MANIFEST)
    findings = await check_slack(client, scopes=scopes, app_token=workspace.app_token)
    assert [(found.name, found.ok) for found in findings] == [
        ("slack bot token", True),
        ("slack scopes", True),
        ("slack app token", True),
    ]


@pytest.mark.parametrize(
    ("wanted", "ok", "words"),
    [
        (
            {"chat:write", "canvases:read", "bookmarks:read"},
            False,
            "missing bookmarks:read, canvases:read",
        ),
        ({"chat:write"}, True, "not needed: app_mentions:read"),
    ],
)
async def test_scopes_are_compared(
    client: AsyncWebClient, wanted: Set[str], ok: bool, words: str
) -> None:
    """Missing scopes are named with what to do; others are only noted."""
    found = by_name(await check_slack(client, scopes=wanted))["slack scopes"]
    assert found.ok is ok
    assert words in found.sentence
    assert ok or "reinstall" in found.sentence


async def test_wrong_tokens_are_named(workspace: Workspace, client: AsyncWebClient) -> None:
    """Each wrong token is a line that names its setting, and nothing raises."""
    client.token = "xoxb-forged"
    findings = by_name(await check_slack(client, scopes=frozenset(), app_token=workspace.bot_token))
    assert "slack.bot_token" in findings["slack bot token"].sentence
    assert "slack.app_token" in findings["slack app token"].sentence
    assert not any(found.ok for found in findings.values())


@pytest.mark.parametrize(
    ("secret", "ok"), [("", False), ("8f742231b10e8888abcd99yyyzzz85a5", True)]
)
async def test_http_mode_needs_a_secret(client: AsyncWebClient, secret: str, ok: bool) -> None:
    """The signing secret is checked for being there, and never shown."""
    found = by_name(await check_slack(client, scopes=frozenset(), signing_secret=secret))[
        "slack signing secret"
    ]
    assert found.ok is ok
    assert not secret or secret not in found.sentence
