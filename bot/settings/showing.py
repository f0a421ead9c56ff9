"""Settings as text: all of them, those that are missing, and values with secrets masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, SecretStr

from bot.errors import SettingsError
from bot.settings.groups import DELIMITER, PREFIX, Settings


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
    """Return the environment variable of a setting."""
    return PREFIX + DELIMITER.join(where).upper()


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

    Of each secret only its first five characters are left.
    """
    return yaml.safe_dump(_mask_secrets(settings), sort_keys=False, allow_unicode=True)


def _mask_secrets(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _mask_secrets(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return re.sub(r"(?<=:)[^:/]*(?=@)", "…", text) if "://" in text else text[:5] + "…"
    if isinstance(value, dict):
        return {name: _mask_secrets(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_mask_secrets(each) for each in value]
    return str(value) if isinstance(value, Path) else value
