"""Settings as text: all of them, those that are missing, and values with secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, SecretStr

from bot.errors import SettingsError
from bot.masking import HIDDEN, hide_passwords, mask_url
from bot.settings.groups import DELIMITER, PREFIX, Settings

CONVENTIONAL = {
    "slack.bot_token": "SLACK_BOT_TOKEN",
    "slack.app_token": "SLACK_APP_TOKEN",
    "slack.signing_secret": "SLACK_SIGNING_SECRET",
}
"""What Slack's own documentation calls three of the settings. People are told these names; the
bot's own are taken as well, and win."""


class Setting(NamedTuple):
    """One setting for a reference: its dotted name, its environment variable, its default and what
    it is for."""

    name: str
    variable: str
    default: Any
    description: str


def list_settings() -> list[Setting]:
    """Return every setting, in order."""
    return list(_iterate_settings(Settings, ()))


def _iterate_settings(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        where = (*above, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _iterate_settings(field.annotation, where)
        else:
            yield Setting(
                ".".join(where), format_variable_name(where), field.default, field.description or ""
            )


def format_variable_name(where: Sequence[str]) -> str:
    """Return the environment variable of a setting, as people are told it."""
    return CONVENTIONAL.get(".".join(where)) or PREFIX + DELIMITER.join(where).upper()


def require_complete(settings: Settings) -> None:
    """Raise SettingsError unless everything is set that a real workspace needs."""
    needed = [
        ("slack.bot_token", settings.slack.bot_token),
        ("slack.app_token", settings.slack.app_token or settings.slack.mode == "http"),
        ("slack.signing_secret", settings.slack.signing_secret or settings.slack.mode == "socket"),
        ("istio.home", settings.istio.home),
    ]
    missing = [
        f"  {name}: is not set (set {format_variable_name(name.split('.'))})"
        for name, value in needed
        if not value
    ]
    if missing:
        raise SettingsError("\n".join(["The settings are not complete:", *missing]))


def format_settings(settings: Settings) -> str:
    """Return the settings as YAML that can be shown.

    Of a token its kind is left, of a database's URL what is no password, of other secrets nothing.
    """
    return yaml.safe_dump(_mask_secrets(settings), sort_keys=False, allow_unicode=True)


def _mask_secrets(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _mask_secrets(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return mask_url(text) if "://" in text else f"{find_kind(text)}{HIDDEN}"
    if isinstance(value, dict):
        return {name: _mask_secrets(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_mask_secrets(each) for each in value]
    if isinstance(value, str):
        return hide_passwords(value)
    return str(value) if isinstance(value, Path) else value


def find_kind(secret: str) -> str:
    """Return the beginning by which Slack tells a token's kind, "" for what has none."""
    return next((kind for kind in ("xoxb-", "xapp-") if secret.startswith(kind)), "")
