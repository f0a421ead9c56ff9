"""Slack's part of `meshbot doctor`: do the tokens work, and was the app granted what its manifest
asks for?"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import MeshbotError, SettingsError
from bot.slack.inbound.socket_mode import request_socket_url
from bot.slack.webapi.client import BotIdentity, fetch_identity

OPTIONAL = frozenset({"channels:history", "groups:history", "im:history"})
"""Scopes that are used where they are granted (`bot.slack.outbound.message_lookup`)."""


class CheckResult(NamedTuple):
    """The result of one check of `meshbot doctor`, printed as one line."""

    name: str
    ok: bool
    sentence: str


def read_manifest_scopes(path: Path) -> frozenset[str]:
    """Return the bot scopes in a Slack app manifest (a small file, read at once).

    Raises SettingsError when the file is no manifest.
    """
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
        return frozenset(str(scope) for scope in manifest["oauth_config"]["scopes"]["bot"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as problem:
        raise SettingsError(
            f"{path}: not a Slack app manifest ({type(problem).__name__})"
        ) from problem


async def check_slack(
    client: AsyncWebClient,
    *,
    scopes: Set[str],
    app_token: str | None = None,
    signing_secret: str | None = None,
) -> list[CheckResult]:
    """Check the bot token, its scopes, and the app token or the signing secret, as given.

    Pass `app_token` in Socket Mode and `signing_secret` in HTTP mode, "" when it is
    missing. Never raises MeshbotError.
    """
    findings = await _check_bot_token(client, scopes)
    if app_token is not None:
        findings.append(await _check_app_token(client, app_token))
    if signing_secret is not None:
        findings.append(_check_signing_secret(signing_secret))
    return findings


async def _check_bot_token(client: AsyncWebClient, scopes: Set[str]) -> list[CheckResult]:
    try:
        identity = await fetch_identity(client)
    except MeshbotError as problem:
        return [CheckResult("slack bot token", False, str(problem))]
    who = f"{identity.team} ({identity.team_id}) as {identity.user_id}"
    return [CheckResult("slack bot token", True, who), _check_scopes(identity, scopes)]


def _check_scopes(identity: BotIdentity, wanted: Set[str]) -> CheckResult:
    missing, extra = sorted(wanted - identity.scopes), sorted(identity.scopes - wanted - OPTIONAL)
    # Scopes that are added to the manifest count only from the next installation of the app.
    if missing:
        sentence = (
            f"missing {', '.join(missing)}: "
            "update the app from its manifest and reinstall it to the workspace"
        )
        return CheckResult("slack scopes", False, sentence)
    noted = f"; not needed: {', '.join(extra)}" if extra else ""
    return CheckResult("slack scopes", True, f"all {len(wanted)} granted{noted}")


async def _check_app_token(client: AsyncWebClient, app_token: str) -> CheckResult:
    try:
        await request_socket_url(client, app_token)
    except MeshbotError as problem:
        return CheckResult("slack app token", False, str(problem))
    return CheckResult("slack app token", True, "Socket Mode connections can be opened")


def _check_signing_secret(secret: str) -> CheckResult:
    if secret.strip():
        return CheckResult(
            "slack signing secret",
            True,
            "present; Slack shows only by its requests whether it is right",
        )
    return CheckResult(
        "slack signing secret",
        False,
        "slack.signing_secret: missing, and HTTP mode refuses all without it "
        "(set SLACK_SIGNING_SECRET)",
    )
