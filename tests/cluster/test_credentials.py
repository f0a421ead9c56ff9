"""Credentials that change while the bot runs, and those that are refused: read again once, and then
named as what they are."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.cluster import Api, KubernetesCluster, RetryPolicy, connect, credentials, plugins
from bot.engine.runs.error_messages import explain_error
from bot.errors import SettingsError, Unauthorized
from bot.kinds import CONFIG_MAP
from bot.ports import HttpRequest, Identity
from tests.cluster.stage import LIST, Answer, Stage, kubeconfig, status

VERSION = "client.authentication.k8s.io/v1"
Open = Callable[[dict[str, Any]], Awaitable[Api]]


@pytest.fixture
def opened(stage: Stage, tmp_path: Path) -> Open:
    """Opens the stage as a user with these credentials."""

    async def made(user: dict[str, Any]) -> Api:
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps(kubeconfig(f"http://127.0.0.1:{stage.port}", user)))
        return await connect(
            kubeconfig=file, context=None, in_cluster=False, retry_policy=RetryPolicy(total=0.2)
        )

    return made


def taking(stage: Stage, token: str, seen: list[str]) -> Answer:
    """Answers whoever comes with this token, and refuses others as an API server does."""

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization", ""))
        if seen[-1] != f"Bearer {token}":
            return await status(401, "Unauthorized")(request)
        return web.json_response({"items": []})

    return answer


def plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    """A user whose credentials come from a program."""
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": VERSION, "command": str(program), **more}}


def credential(token: str, ends: str = "") -> str:
    """A line of shell that prints what a plugin prints."""
    found = {"token": token} | ({"expirationTimestamp": ends} if ends else {})
    document = json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": found})
    return f"echo '{document}'"


async def test_a_token_file_is_read_again_when_it_is_refused(
    stage: Stage, opened: Open, tmp_path: Path
) -> None:
    """A token that was written anew is used at once, and nobody notices; its line break is no part
    of it."""
    seen: list[str] = []
    file = tmp_path / "token"
    file.write_text("first\n")
    api = await opened({"tokenFile": "token"})
    stage.next(LIST, taking(stage, "first", seen), *[taking(stage, "second", seen)] * 5)
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    file.write_text("second\n")
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert seen == ["Bearer first", "Bearer first", "Bearer second"]
    await api.close()


async def test_a_token_file_is_read_again_before_it_is_refused(
    stage: Stage, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as client-go does; a file that is away for a moment does not matter."""
    monkeypatch.setattr(credentials, "REREAD_SECONDS", 0.01)
    monkeypatch.setattr(credentials, "PAUSE_SECONDS", 0.0)
    seen: list[str] = []
    file = tmp_path / "token"
    file.write_text("first")
    api = await opened({"tokenFile": str(file), "token": "of no use beside a file"})
    for token in ("first", "second", "second"):
        file.write_text(token)
        await asyncio.sleep(0.02)
        stage.next(LIST, taking(stage, token, seen))
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    file.unlink()
    await asyncio.sleep(0.02)
    stage.next(LIST, taking(stage, "second", seen))
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert seen == ["Bearer first", *["Bearer second"] * 3]
    await api.close()


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\nb", "ñandú"])
async def test_a_file_without_a_token_is_named(opened: Open, tmp_path: Path, content: str) -> None:
    """What cannot be a token is not sent, and not shown."""
    (tmp_path / "token").write_text(content)
    with pytest.raises(Unauthorized, match="the token file .*/token holds no token$"):
        await opened({"tokenFile": "token"})


async def test_a_kubeconfig_is_read_again_after_a_new_login(
    stage: Stage, opened: Open, tmp_path: Path
) -> None:
    """Whoever logs in again rewrites the file; the bot need not be restarted."""
    seen: list[str] = []
    api = await opened({"token": "first"})
    config = kubeconfig(f"http://127.0.0.1:{stage.port}", {"token": "second"})
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    stage.next(LIST, *[taking(stage, "second", seen)] * 5)
    as_other = KubernetesCluster(api).acting_as(Identity("jason"))
    await as_other.find(CONFIG_MAP, "shop")
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert seen == ["Bearer first", "Bearer second", "Bearer second"]
    await api.close()


async def test_refused_credentials_are_told_from_missing_rights(stage: Stage, opened: Open) -> None:
    """401 is nobody's to grant: the reply says credentials, in either language's words."""
    api = await opened({"token": "stale"})
    stage.next(LIST, *[status(401, "Unauthorized")] * 5)
    with pytest.raises(Unauthorized, match="does not accept the credentials") as caught:
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    told = explain_error(caught.value)
    assert "must renew its credentials" in str(told.turn)
    assert "grant" not in f"{told.summary} {told.turn}"
    assert len(stage.asked_for(LIST)) == 1
    await api.close()


async def test_a_plugin_is_not_started_for_every_refusal(
    stage: Stage, opened: Open, tmp_path: Path
) -> None:
    """Twenty requests that are refused start it once more, not twenty times."""
    script = f"echo x >> {tmp_path}/calls; {credential('stale')}"
    api = await opened(plugin(tmp_path, script))
    stage.next(LIST, *[status(401, "Unauthorized")] * 50)
    found = await asyncio.gather(
        *(KubernetesCluster(api).find(CONFIG_MAP, "shop") for _ in range(20)),
        return_exceptions=True,
    )
    assert {type(each) for each in found} == {Unauthorized}
    assert len((tmp_path / "calls").read_text().splitlines()) == 2
    await api.close()


async def test_a_plugin_gives_another_token_when_the_first_is_refused(
    stage: Stage, opened: Open, tmp_path: Path
) -> None:
    """A token that was revoked before its time."""
    seen: list[str] = []
    script = f"echo x >> {tmp_path}/calls\n" + credential(f"'$(wc -l < {tmp_path}/calls)'")
    api = await opened(plugin(tmp_path, script))
    stage.next(LIST, *[taking(stage, "2", seen)] * 5)
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert seen == ["Bearer 1", "Bearer 2"]
    await api.close()


async def test_services_are_asked_again_too(stage: Stage, opened: Open, tmp_path: Path) -> None:
    """The API server's 401 on the way to a Service renews the credentials; the Service's own is its
    answer."""
    (tmp_path / "token").write_text("first")
    api = await opened({"tokenFile": "token"})
    (tmp_path / "token").write_text("second")
    seen: list[str] = []

    async def service(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["Authorization"])
        return web.Response(status=401, text="log in first")

    stage.next("GET", taking(stage, "second", seen), service)
    answer = await KubernetesCluster(api).web.ask(HttpRequest("mesh", "kiali", 20001, "/"))
    assert (answer.status, answer.text) == (401, "log in first")
    assert seen == ["Bearer first", "Bearer second"]
    await api.close()


@pytest.mark.parametrize(
    ("script", "more", "words"),
    [
        ("echo 'The SSO session has expired' >&2; exit 3", {}, "3: The SSO session has expired$"),
        (r"printf '\033[31mno\033[0m\rlogin\n\nplease\n' >&2; exit 1", {}, "login; please$"),
        ("exit 1", {}, "it ended with 1 and said nothing$"),
        ("echo not json; echo why >&2", {}, "no ExecCredential; it says: why$"),
        ("echo '[1]'", {}, "no ExecCredential$"),
        (credential(""), {}, "neither a token nor a certificate$"),
        (credential("t"), {"apiVersion": "client.authentication.k8s.io/v1beta1"}, "it speaks"),
        (credential("t", ends="soon"), {}, "no ExecCredential$"),
        (credential("t"), {"interactiveMode": "Always"}, "at a keyboard, and there is none$"),
        ("yes >&2", {}, r"it printed more than 1 MB; read no further$"),
        ("sleep 30", {}, r"it did not end in 0\.3 s$"),
        (
            "",
            {"command": "no-such-plugin", "installHint": "get it at example.org\n"},
            "no such program; get it at example.org$",
        ),
        ("", {"command": "/etc/passwd", "installHint": "chmod"}, "cannot be run: .*; chmod$"),
    ],
    ids=map(str, range(13)),
)
async def test_a_plugins_own_words_reach_people(
    opened: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    more: dict[str, Any],
    words: str,
) -> None:
    """What it said on standard error, or what the kubeconfig says of how to get it; never what it
    printed for us, which may be a token."""
    if script.startswith("sleep"):
        monkeypatch.setattr(plugins, "PLUGIN_SECONDS", 0.3)
    with pytest.raises(Unauthorized, match=rf"(?s)its credential plugin `.*` gave no.*{words}"):
        await opened(plugin(tmp_path, script, **more))


async def test_a_plugin_may_say_much_and_lie_anywhere(
    stage: Stage, opened: Open, tmp_path: Path
) -> None:
    """Warnings that fill the pipe do not stop it; its path is relative to the kubeconfig and may
    hold blanks; it learns the cluster when it asks for it."""
    (tmp_path / "my plugins").mkdir()
    script = (
        "head -c 300000 /dev/zero | tr '\\0' x >&2\n"
        f"printf '%s' \"$KUBERNETES_EXEC_INFO\" > '{tmp_path}/info'; {credential('t')}"
    )
    user = plugin(tmp_path / "my plugins", script, provideClusterInfo=True)
    user["exec"]["command"] = "./my plugins/plugin"
    seen: list[str] = []
    api = await opened(user)
    stage.next(LIST, taking(stage, "t", seen))
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    info = json.loads((tmp_path / "info").read_text())
    assert info["spec"] == {
        "interactive": False,
        "cluster": {"server": f"http://127.0.0.1:{stage.port}"},
    }
    await api.close()


async def test_a_plugin_that_fails_later_counts_when_its_token_has_ended(
    stage: Stage, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the token that it gave is good; afterwards nothing is sent, and its words are
    told."""
    monkeypatch.setattr(credentials, "PAUSE_SECONDS", 0.0)
    now = time.time()
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 100))
    (tmp_path / "ok").touch()
    script = f"[ -e {tmp_path}/ok ] || {{ echo expired >&2; exit 1; }}; {credential('t', soon)}"
    api = await opened(plugin(tmp_path, script))
    (tmp_path / "ok").unlink()
    seen: list[str] = []
    stage.next(LIST, *[taking(stage, "t", seen)] * 5)
    monkeypatch.setattr(time, "time", lambda: now + 70)
    await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    monkeypatch.setattr(time, "time", lambda: now + 101)
    with pytest.raises(Unauthorized, match="it ended with 1: expired"):
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert seen == ["Bearer t"]
    await api.close()


async def test_a_mistake_in_a_kubeconfig_shows_no_token(tmp_path: Path) -> None:
    """The client names an entry by all that it holds; one that is indented wrongly holds the
    token."""
    config = kubeconfig("http://127.0.0.1:1", {})
    config["users"] = [{"name": "me", "token": "hunter2-token", "password": "hunter2"}]
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    with pytest.raises(SettingsError, match="Expected key user in") as caught:
        await connect(kubeconfig=tmp_path / "kubeconfig", context=None, in_cluster=False)
    assert "hunter2" not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


async def test_a_password_in_the_servers_url_is_used_and_not_shown(
    stage: Stage, tmp_path: Path
) -> None:
    """Whatever it looks like; the address that people see has none."""
    config = kubeconfig(f"http://me:p%40ss@127.0.0.1:{stage.port}/", {})
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    api = await connect(kubeconfig=tmp_path / "kubeconfig", context=None, in_cluster=False)
    seen: list[str] = []
    stage.next(LIST, taking(stage, "", seen))
    with pytest.raises(Unauthorized):
        await KubernetesCluster(api).find(CONFIG_MAP, "shop")
    assert seen == ["Basic bWU6cEBzcw=="]
    assert api.host == f"http://127.0.0.1:{stage.port}"
    await api.close()
