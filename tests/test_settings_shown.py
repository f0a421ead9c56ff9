"""What settings promise where they are shown: secrets stay secret, and what is missing is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bot.errors import SettingsError
from bot.settings import format_settings, list_settings, load_settings, require_complete
from bot.settings.showing import CONVENTIONAL

README = Path(__file__).parent.parent / "README.md"
BOT = "xoxb-1234567890-secretsecret"
APP = "xapp-1-A0123-4567890-secretsecret"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_secrets_are_masked_where_settings_are_shown() -> None:
    """Of a token its kind is shown, of a database's URL all but the password, and repr shows
    none."""
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


def test_a_signing_secret_is_not_shown_in_part(tmp_path: Path) -> None:
    """It has no beginning that everybody knows: nothing of it is shown, nor of any other value that
    is called a password."""
    environ = {
        "SLACK_SIGNING_SECRET": "0a1b2c3d4e5f",
        "MESHBOT_LEDGER__URL": "postgresql://db/x?password=hunter2",
        "MESHBOT_ISTIO__SET": "values.kiali.password=hunter2 values.pilot.cpu=1",
    }
    shown = yaml.safe_load(format_settings(load_settings(None, environ)))
    assert shown["slack"]["signing_secret"] == "…"
    assert shown["ledger"]["url"] == "postgresql://db/x?…"
    assert shown["istio"]["set"] == ["values.kiali.password=…", "values.pilot.cpu=1"]


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@kiali.example.org",
        "https://me:hun/ter2@kiali.example.org",
        "https://me:1/hunter2@kiali.example.org",
        "https://kiali.example.org/?password=hunter2",
        "https://kiali.example.org/?access_token=hunter2",
    ],
)
def test_a_url_for_everybody_holds_no_password(url: str) -> None:
    """Links are shown in the channel: such a one is refused, and not repeated."""
    with pytest.raises(SettingsError, match=r"workshop\.kiali_url: should") as caught:
        load_settings(None, {"MESHBOT_WORKSHOP__KIALI_URL": url})
    assert "ter2" not in str(caught.value)


@pytest.mark.parametrize("password", ["hun@ter2", "a@b/hunter2", "a@b?hunter2=x", "hun ter2"])
def test_a_password_that_breaks_the_url_is_refused(password: str) -> None:
    """With what to write in its place; a part of it would be taken for the host, and shown."""
    with pytest.raises(SettingsError, match=r"ledger\.url: should have one @.*%40 for @") as caught:
        load_settings(None, {"MESHBOT_LEDGER__URL": f"postgresql://bot:{password}@db/x"})
    assert "ter2" not in str(caught.value)


def test_what_is_missing_has_the_name_that_the_documents_use() -> None:
    """Who follows the README and forgets a line reads that line's name."""
    told = README.read_text() + (README.parent / "docs" / "slack-app.md").read_text()
    for mode in ("socket", "http"):
        with pytest.raises(SettingsError) as caught:
            require_complete(load_settings(None, {"MESHBOT_SLACK__MODE": mode}))
        named = re.findall(r"\(set (\w+)\)", str(caught.value))
        assert len(named) == 3
        assert [name for name in named if f"export {name}=" not in told] == []


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
    assert all(re.search(r"\(set (MESHBOT|SLACK)_\w+\)$", line) for line in lines)


def test_every_setting_is_described() -> None:
    """The reference has a sentence for each setting, and its variable is one that load takes."""
    settings = list_settings()
    assert len(settings) > 30
    for setting in settings:
        assert setting.description.endswith(".")
        own = "MESHBOT_" + setting.name.replace(".", "__").upper()
        assert setting.variable == CONVENTIONAL.get(setting.name, own)
