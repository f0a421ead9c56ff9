"""Slack's part of `meshbot doctor`: do the tokens work, and was the app granted what its manifest asks for?"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import MeshbotError, SettingsError
from bot.slack.client import Identity, identify
from bot.slack.socket import open_connection


class Finding(NamedTuple):
    """One line of the check-up."""

    name: str
    ok: bool
    sentence: str


def manifest_scopes(path: Path) -> frozenset[str]:
    """The bot scopes in a Slack app manifest (a small file, read at once); raises SettingsError when it is none."""
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
        return frozenset(str(scope) for scope in manifest["oauth_config"]["scopes"]["bot"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as problem:
        raise SettingsError(f"{path}: not a Slack app manifest ({type(problem).__name__})") from problem


async def check_slack(
    client: AsyncWebClient, *, scopes: Set[str], app_token: str | None = None, signing_secret: str | None = None
) -> list[Finding]:
    """Checks the bot token, its scopes, and the app token (Socket Mode) or the signing secret (HTTP mode), as given.

    Pass `app_token` in Socket Mode and `signing_secret` in HTTP mode, "" when it is missing. Never raises MeshbotError.
    """
    findings = await _bot(client, scopes)
    if app_token is not None:
        findings.append(await _app(client, app_token))
    if signing_secret is not None:
        findings.append(_secret(signing_secret))
    return findings


async def _bot(client: AsyncWebClient, scopes: Set[str]) -> list[Finding]:
    try:
        identity = await identify(client)
    except MeshbotError as problem:
        return [Finding("slack bot token", False, str(problem))]
    who = f"{identity.team} ({identity.team_id}) as {identity.user_id}"
    return [Finding("slack bot token", True, who), _scopes(identity, scopes)]


def _scopes(identity: Identity, wanted: Set[str]) -> Finding:
    missing, extra = sorted(wanted - identity.scopes), sorted(identity.scopes - wanted)
    if missing:
        sentence = f"missing {', '.join(missing)}: update the app from its manifest and reinstall it to the workspace"
        return Finding("slack scopes", False, sentence)
    noted = f"; not needed: {', '.join(extra)}" if extra else ""
    return Finding("slack scopes", True, f"all {len(wanted)} granted{noted}")


async def _app(client: AsyncWebClient, app_token: str) -> Finding:
    try:
        await open_connection(client, app_token)
    except MeshbotError as problem:
        return Finding("slack app token", False, str(problem))
    return Finding("slack app token", True, "Socket Mode connections can be opened")


def _secret(secret: str) -> Finding:
    if secret.strip():
        return Finding("slack signing secret", True, "present; Slack shows only by its requests whether it is right")
    return Finding("slack signing secret", False, "slack.signing_secret: missing, and HTTP mode refuses all without it")
