"""Passwords in what is shown: settings, errors of databases and proxies, lines of other programs."""

from __future__ import annotations

import pytest

from bot.errors import SettingsError
from bot.istio.lines import clean_line
from bot.masking import hide_passwords, mask_url
from bot.proxies import find_proxy, require_proxy_address

SECRET = "hunter2"
PASSWORDS: tuple[str, ...] = (
    SECRET,
    f"a@{SECRET}",
    f"{SECRET}/b",
    f"{SECRET}#b",
    f"a?{SECRET}",
    f"{SECRET}%b",
)
PASSWORDS += (f"a:{SECRET}", f"{SECRET}@b", f"a@b/{SECRET}", f"a@b?{SECRET}=c", f"a@b:{SECRET}")
URLS = [
    *(f"postgresql://bot:{each}@db:5432/meshbot" for each in PASSWORDS),
    *(f"postgresql://:{each}@[::1]/meshbot?sslmode=require" for each in PASSWORDS),
    f"postgresql://bot:{SECRET}",
    f"postgresql://bot:{SECRET}/meshbot",
    f"postgresql://{SECRET}@db/meshbot",
    f"postgresql://db/meshbot?user=bot&password={SECRET}",
    f"postgresql://db/meshbot?sslmode=require&sslpassword={SECRET}#x",
    f"postgresql://db/meshbot?password=a@{SECRET}",
    f"bot:{SECRET}@db/meshbot",
]


@pytest.mark.parametrize("url", URLS)
def test_a_urls_password_is_not_shown(url: str) -> None:
    """Alone and in a sentence, also where the URL is broken by what the password holds."""
    assert SECRET not in mask_url(url)
    assert SECRET not in hide_passwords(f"cannot use {url}: no such host")
    assert SECRET not in clean_line(f'Error: parse "{url}": invalid port')


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://bot:{SECRET}@db:5432/meshbot", "postgresql://bot:…@db:5432/meshbot"),
        (f"postgresql://bot:{SECRET}@db/x?sslmode=require", "postgresql://bot:…@db/x?…"),
        ("postgresql://db:5432/meshbot", "postgresql://db:5432/meshbot"),
        ("postgresql://bot:12345", "postgresql://…"),
        ("sqlite:////var/lib/mesh bot/it.sqlite", "sqlite:////var/lib/mesh bot/it.sqlite"),
        ("sqlite:///it.sqlite?password=hunter2", "sqlite:///it.sqlite?password=…"),
    ],
)
def test_what_is_no_password_stays(url: str, shown: str) -> None:
    """Where the database is, is worth seeing; where that is not clear, nothing is shown."""
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    "line",
    [
        "✔ Istiod installed 🧠",
        "https://127.0.0.1:6443/api?timeout=10s",
        "proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused",
        "user host@example.org in context admin@kind",
        "image docker.io/istio/pilot@sha256:0123",
    ],
)
def test_other_lines_stay_as_they_are(line: str) -> None:
    """What holds no password is shown to the letter."""
    assert hide_passwords(line) == line


@pytest.mark.parametrize("password", PASSWORDS[1:])
def test_a_proxy_that_cannot_be_read_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """The variable, what to write in it, and nothing of its value."""
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"http://me:{password}@proxy:3128")
    if password == f"{SECRET}%b" or password == f"a:{SECRET}":
        assert find_proxy("https://slack.com/api/") == f"http://me:{password}@proxy:3128"
        return
    with pytest.raises(SettingsError, match="^HTTPS_PROXY: .*http://USER:PASSWORD@HOST") as caught:
        find_proxy("https://slack.com/api/")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("proxy", ["proxy:3128", "socks5://proxy:1080", "http://", "http://p:x/"])
def test_what_is_no_http_proxy_is_refused(proxy: str) -> None:
    """By the name of what holds it."""
    with pytest.raises(SettingsError, match="^kubeconfig: proxy-url: should be"):
        require_proxy_address(proxy, "kubeconfig: proxy-url")
