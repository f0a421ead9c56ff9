"""What settings promise where they are shown: secrets stay secret, and what is missing is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.errors import SettingsError
from bot.settings import format_settings, list_settings, load_settings, require_complete

BOT = "xoxb-1234567890-secretsecret"
APP = "xapp-1-A0123-4567890-secretsecret"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_secrets_are_masked_where_settings_are_shown() -> None:
    """Of a secret five characters are shown, of a database's URL all but the password, and repr
    shows none."""
    url = "postgresql://bot:hunter2@db:5432/meshbot"
    settings = load_settings(
        None, {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP, "MESHBOT_LEDGER__URL": url}
    )
    shown = yaml.safe_load(format_settings(settings))
    assert (shown["slack"]["bot_token"], shown["slack"]["app_token"]) == ("xoxb-…", "xapp-…")
    assert shown["ledger"]["url"] == "postgresql://bot:…@db:5432/meshbot"
    assert settings.ledger.address == url
    assert not [
        word
        for word in ("secretsecret", "hunter2")
        if word in format_settings(settings) + repr(settings)
    ]


def test_what_is_shown_without_secrets_can_be_loaded_again(here: Path) -> None:
    """The description is a settings file."""
    rules = {
        "MESHBOT_ROLES__STEPS": "fault=attendee",
        "MESHBOT_CLUSTER__IMPERSONATE__HOST__USER": "mesh:{user}",
    }
    settings = load_settings(
        None, {"MESHBOT_ROLES__HOSTS": "U012AB3CD", "MESHBOT_ISTIO__HOME": "/opt/istio"} | rules
    )
    file = here / "again.yaml"
    file.write_text(format_settings(settings), encoding="utf-8")
    assert load_settings(file, {}) == settings


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, ["slack.bot_token", "slack.app_token", "istio.home"]),
        (
            {"MESHBOT_SLACK__MODE": "http"},
            ["slack.bot_token", "slack.signing_secret", "istio.home"],
        ),
        ({"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP, "MESHBOT_ISTIO__HOME": "/i"}, []),
    ],
)
def test_what_is_missing_to_run_is_listed(environ: dict[str, str], missing: list[str]) -> None:
    """Serving a real workspace needs tokens by mode and a release; everything missing is named with
    its variable."""
    settings = load_settings(None, environ)
    if not missing:
        return require_complete(settings)
    with pytest.raises(SettingsError) as caught:
        require_complete(settings)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == missing
    assert all("(set MESHBOT_" in line for line in lines)


def test_every_setting_is_described() -> None:
    """The reference has a sentence for each setting, and its variable is one that load takes."""
    settings = list_settings()
    assert len(settings) > 30
    for setting in settings:
        assert setting.description.endswith(".")
        assert setting.variable == "MESHBOT_" + setting.name.replace(".", "__").upper()
