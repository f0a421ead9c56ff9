"""What settings promise: where they come from, what is refused and in which words, and that secrets
stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.errors import SettingsError
from bot.settings import Impersonated, Settings, load_settings
from bot.settings.setting_types import ROLES
from bot.steps import Role

BOT = "xoxb-1234567890-secretsecret"
APP = "xapp-1-A0123-4567890-secretsecret"
SIGNING = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, text: str, name: str = "meshbot.yaml") -> Path:
    """A settings file."""
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def refused(environ: dict[str, str], config: Path | None = None) -> str:
    """What is said when these are loaded."""
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ)
    assert caught.value.__cause__ is None or not isinstance(caught.value.__cause__, ValidationError)
    return str(caught.value)


def test_nothing_set_is_the_default() -> None:
    """Without file and environment everything has a value that works."""
    settings = load_settings(None, {"PATH": "/bin", "HOME": "/root"})
    assert settings == Settings()
    assert (settings.slack.command, settings.workshop.allowed, settings.drain_seconds) == (
        "/mesh",
        ("bookinfo",),
        25,
    )
    assert settings.ledger.address == f"sqlite:///{Path.cwd()}/.meshbot/meshbot.sqlite"


def test_settings_cannot_be_changed() -> None:
    """What was loaded stays what it is, in every group."""
    settings = load_settings(None, {})
    for target, name in ((settings, "drain_seconds"), (settings.slack, "mode")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(target, name, 1)


def test_the_constructor_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is passed counts, so that tests and the sandbox get what they ask for."""
    monkeypatch.setenv("MESHBOT_DRAIN_SECONDS", "99")
    assert Settings().drain_seconds == load_settings(None, {}).drain_seconds == 25


def test_the_environment_wins_over_the_file(here: Path) -> None:
    """A group is merged member by member; an empty variable counts as not set."""
    file = written(
        here, "slack: {mode: http, http_port: 80}\ndrain_seconds: 5\nroles:\n", "other.yaml"
    )
    settings = load_settings(
        file, {"MESHBOT_SLACK__HTTP_PORT": "8080", "MESHBOT_DRAIN_SECONDS": ""}
    )
    assert (settings.slack.mode, settings.slack.http_port, settings.drain_seconds) == (
        "http",
        8080,
        5,
    )


def test_the_file_is_found_in_order(here: Path) -> None:
    """The one that is passed, else the one that MESHBOT_CONFIG names, else meshbot.yaml here."""
    first, second, _ = (
        written(here, f"drain_seconds: {n}", name)
        for n, name in enumerate(["a", "b", "meshbot.yaml"])
    )
    environ = {"MESHBOT_CONFIG": str(second)}
    assert [
        load_settings(first, environ).drain_seconds,
        load_settings(None, environ).drain_seconds,
        load_settings(None, {}).drain_seconds,
    ] == [
        0,
        1,
        2,
    ]


def test_slacks_own_names_are_taken_and_yield_to_ours() -> None:
    """SLACK_BOT_TOKEN and its like work, with blanks from copying taken off."""
    environ = {
        "SLACK_BOT_TOKEN": f" {BOT}\n",
        "SLACK_APP_TOKEN": APP,
        "SLACK_SIGNING_SECRET": SIGNING,
    }
    settings = load_settings(None, environ | {"MESHBOT_SLACK__APP_TOKEN": APP + "2"})
    found = (settings.slack.bot_token, settings.slack.app_token, settings.slack.signing_secret)
    assert [secret.get_secret_value() for secret in found if secret] == [BOT, APP + "2", SIGNING]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ROLES__HOSTS", "U012AB3CD, W0345\nU9XY", ("U012AB3CD", "W0345", "U9XY")),
        ("ROLES__HOSTS", '["U012AB3CD", "W0345"]', ("U012AB3CD", "W0345")),
        ("WORKSHOP__NAMESPACES", "bookinfo-*,team?", ("bookinfo-*", "team?")),
        ("ISTIO__SET", "values.a=1 meshConfig.x={a,b}", ("values.a=1", "meshConfig.x={a,b}")),
        (
            "WORKSHOP__KIALI_URL",
            "https://kiali.example.com/kiali/",
            "https://kiali.example.com/kiali",
        ),
        ("SLACK__BASE_URL", "http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api/"),
        ("ISTIO__HOME", "~/istio-1.30.3", Path("~/istio-1.30.3").expanduser()),
        ("CLUSTER__IN_CLUSTER", "yes", True),
        ("LOG__LEVEL", "debug", "debug"),
        ("SLACK__CHANNELS", "C012AB3CD G0345", ("C012AB3CD", "G0345")),
        (
            "ROLES__STEPS",
            "fault=attendee, uninstall=admin",
            {"fault": "attendee", "uninstall": "admin"},
        ),
        ("ROLES__STEPS", "{fault: attendee}", {"fault": "attendee"}),
        ("ROLES__NAMESPACE_OF", "U012AB3CD=team-a", {"U012AB3CD": "team-a"}),
        (
            "CLUSTER__IMPERSONATE",
            "{attendee: {user: guest}}",
            {"attendee": Impersonated(user="guest")},
        ),
    ],
)
def test_values_are_read_as_people_write_them(name: str, text: str, value: object) -> None:
    """Lists with commas, blanks or brackets, URLs with or without a slash, home directories."""
    group, member = name.lower().split("__")
    assert getattr(getattr(load_settings(None, {f"MESHBOT_{name}": text}), group), member) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "SLACK__BOT_TOKEN",
            APP,
            "slack.bot_token: should be the bot token, which begins with xoxb-",
        ),
        (
            "SLACK__APP_TOKEN",
            BOT,
            "slack.app_token: should be the app-level token, which begins with xapp-",
        ),
        (
            "SLACK__SIGNING_SECRET",
            BOT,
            "slack.signing_secret: should be the signing secret, not a token",
        ),
        ("SLACK__MODE", BOT, "slack.mode: should be 'socket' or 'http'"),
        ("SLACK__COMMAND", "my mesh", "slack.command: should be a slash command such as /mesh"),
        ("SLACK__HTTP_PORT", BOT, "slack.http_port: should be a valid integer"),
        ("SLACK__HTTP_PORT", "70000", "slack.http_port: should be less than or equal to 65535"),
        ("ROLES__HOSTS", "U012AB3CD,@alice", "roles.hosts entry 2: should be a Slack user id"),
        (
            "ROLES__HOST_GROUPS",
            "U012AB3CD",
            "roles.host_groups entry 1: should be a Slack user group's id",
        ),
        ("ROLES__HOSTS", "[U012", "roles.hosts: should be a list"),
        ("WORKSHOP__KIALI_URL", "javascript:alert(1)", "workshop.kiali_url: should be a whole URL"),
        ("WORKSHOP__KIALI_URL", "http://host:port", "workshop.kiali_url: should be a whole URL"),
        (
            "WORKSHOP__KIALI_URL",
            "http://me:hunter2@host",
            "workshop.kiali_url: should not hold a user name",
        ),
        (
            "WORKSHOP__APP_NAMESPACE",
            "kube-system",
            "workshop.app_namespace: should be the name of a namespace",
        ),
        (
            "WORKSHOP__APP_NAMESPACE",
            "Book Info",
            "workshop.app_namespace: should be the name of a namespace",
        ),
        ("ISTIO__SET", "a=1 b", "istio.set entry 2: should be NAME=VALUE"),
        ("ISTIO__HOME", "~nobody-of-that-name/istio", "istio.home: should be a path"),
        (
            "LEDGER__URL",
            "mysql://root:hunter2@db",
            "ledger.url: should be sqlite:///FILE or postgresql://",
        ),
        (
            "SLACK__CHANNELS",
            "#mesh",
            "slack.channels entry 1: should be a Slack channel id such as C012AB3CD",
        ),
        ("ROLES__STEPS", "fault", "roles.steps: should be a mapping such as one=a, two=b"),
        (
            "ROLES__STEPS",
            "fault=guest",
            "roles.steps.fault: should be 'attendee', 'host' or 'admin'",
        ),
        (
            "ROLES__OWN_NAMESPACES",
            "mesh-lab",
            "roles.own_namespaces: should be a namespace's name with {user} in it",
        ),
        (
            "ROLES__OWN_NAMESPACES",
            "kube-{user}",
            "roles.own_namespaces: should be a namespace's name with {user} in it",
        ),
        (
            "ROLES__NAMESPACE_OF",
            "U012AB3CD=Team_A",
            "roles.namespace_of.U012AB3CD: should be the name of a namespace",
        ),
        (
            "CLUSTER__IMPERSONATE",
            "{guest: {user: x}}",
            "cluster.impersonate: should name only roles, which are attendee,",
        ),
        (
            "CLUSTER__IMPERSONATE",
            "{host: {groups: [x]}}",
            "cluster.impersonate.host.user: is not set",
        ),
        ("CONFIRM_SECONDS", "0.001", "confirm_seconds: should be greater than or equal to 10"),
        ("SLACK", BOT, "slack: is a group of settings"),
    ],
)
def test_a_wrong_value_is_named_and_not_repeated(name: str, text: str, said: str) -> None:
    """The setting, what it should be and its variable; never the value, which may be a secret in
    the wrong place."""
    words = refused({f"MESHBOT_{name}": text})
    assert said in words
    assert f"MESHBOT_{name}" in words
    assert text not in words
    assert "secretsecret" not in words
    assert "hunter2" not in words
    assert "pydantic" not in words


def test_everything_wrong_is_said_at_once(here: Path) -> None:
    """Faults of the file and of the environment come in one message, one line each."""
    written(here, "slack: {mode: carrier-pigeon, tokn: x}\nclutser: {}\n")
    words = refused({"MESHBOT_LOG__LEVEL": "loud", "MESHBOT_SLAK__BOT_TOKEN": BOT})
    for name in ("slack.mode", "slack.tokn", "clutser", "log.level", "slak.bot_token"):
        assert f"\n  {name}: " in words
    assert len(words.splitlines()) == 6


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"MESHBOT_SLAK__BOT_TOKEN": BOT},
            "did you mean slack.bot_token (SLACK_BOT_TOKEN)?",
        ),
        (
            {"MESHBOT_SLACK_BOT_TOKEN": BOT},
            "did you mean slack.bot_token (SLACK_BOT_TOKEN)?",
        ),
        (
            {"MESHBOT_ROLES__HOST": "U012AB3CD"},
            "roles.host: there is no such setting (MESHBOT_ROLES__HOST); did you",
        ),
        ({"MESHBOT_ROLES__HOSTS__X": "U012AB3CD"}, "roles.hosts: should be a valid tuple"),
    ],
)
def test_a_misspelt_variable_is_refused_with_a_guess(environ: dict[str, str], said: str) -> None:
    """A misspelt name never passes for the default."""
    assert said in refused(environ)


def test_what_kubernetes_puts_into_a_pod_is_no_setting() -> None:
    """The variables for a Service called meshbot are not taken for misspelt settings."""
    names = (
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTP",
        "PORT",
        "PORT_3000_TCP",
        "PORT_3000_TCP_ADDR",
    )
    assert load_settings(None, {f"MESHBOT_{name}": "10.0.0.1" for name in names}) == Settings()


@pytest.mark.parametrize(
    ("extra", "inside"),
    [
        ({}, True),
        ({"KUBECONFIG": "/k"}, False),
        ({"MESHBOT_CLUSTER__KUBECONFIG": "/k"}, False),
        ({"MESHBOT_CLUSTER__IN_CLUSTER": "false"}, False),
    ],
)
def test_inside_a_pod_the_service_account_is_used(extra: dict[str, str], inside: bool) -> None:
    """Unless a kubeconfig is named, or it is said otherwise."""
    assert (
        load_settings(None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1", **extra}).cluster.in_cluster
        is inside
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slack: [", "is not YAML: the fault is at line 1, column 9"),
        (f"slack:\n  bot_token: '{BOT}\n", "is not YAML: the fault is at line 3"),
        ("- slack", "should be a mapping of groups"),
        ("1: 2", "should be a mapping of groups"),
        ("slack: quick", "slack: is a group of settings"),
        ("istio: {home: 5}", "istio.home: should be"),
    ],
)
def test_a_broken_file_is_named_with_the_place(here: Path, text: str, said: str) -> None:
    """The file and the line, without the line's text."""
    words = refused({}, written(here, text, "broken.yaml"))
    assert said in words
    assert BOT not in words


def test_a_missing_or_binary_file_is_said(here: Path) -> None:
    """A file that was named must be there, and be text."""
    assert "nowhere.yaml cannot be read: No such file" in refused(
        {"MESHBOT_CONFIG": "nowhere.yaml"}
    )
    (here / "binary").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8" in refused({}, here / "binary")


def test_roles_are_the_same_in_settings_and_steps() -> None:
    """A role that can be set is one that steps know, and the other way round."""
    assert list(Role) == list(ROLES)


def test_namespaces_of_single_users_can_be_named() -> None:
    """What in=… may name are the workshop's namespaces, and those of users."""
    more = {
        "MESHBOT_ROLES__OWN_NAMESPACES": "shop-{user}",
        "MESHBOT_ROLES__NAMESPACE_OF": "U012AB3CD=team-a",
    }
    assert load_settings(None, more).namespaces == ("bookinfo", "shop-*", "team-a")
