"""The shell of pods, without a cluster: its language and its programs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sandbox.cluster.contract import Request, Response, SendFailure
from sandbox.cluster.kubelet.commands.shell import run_program, run_text
from sandbox.cluster.kubelet.commands.shell_context import CommandContext

POD = {"metadata": {"name": "web-1", "namespace": "demo"}, "status": {"podIP": "10.244.0.5"}}


async def _send(host: str, port: int, request: Request, seconds: float) -> Response:
    if host == "slow":
        raise SendFailure("timeout", seconds)
    if host == "closed":
        raise SendFailure("refused", 0.002)
    if request.path == "/old":
        return Response(302, headers={"Location": "/new"})
    shown = f"{request.method} {host}:{port}{request.path} {request.headers.get('end-user', '')}"
    return Response(503 if host == "broken" else 200, f"{shown} {request.body.decode()}\n".encode())


def _make_context(out: bytearray, err: bytearray) -> CommandContext:
    async def write(data: bytes) -> None:
        out.extend(data)

    async def write_error(data: bytes) -> None:
        err.extend(data)

    async def read() -> bytes:
        return b""

    return CommandContext(
        pod=POD,
        container={"name": "web"},
        environment={"USER": "jason"},
        files={"/etc/hosts": b"one\ntwo\n", "/etc/istio/pod/labels": b"app\n"},
        send=_send,
        now=lambda: datetime(2026, 1, 2, tzinfo=UTC),
        write=write,
        write_error=write_error,
        read_input=read,
    )


async def run(text: str) -> tuple[int, str, str]:
    """A script's exit code and both outputs."""
    out, err = bytearray(), bytearray()
    code = await run_text(text, _make_context(out, err))
    return code, out.decode(), err.decode()


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("echo 'a  b' \"$USER\" $USER; echo ${NONE:-none}", "a  b jason jason\nnone\n"),
        ("true && echo yes || echo no; false && echo yes || echo no", "yes\nno\n"),
        ("for i in $(seq 1 3); do echo $i; done | tail -1", "3\n"),
        ("x=5; echo $x$x", "55\n"),
        ("cat /etc/hosts | grep -c o", "2\n"),
        ("ls /etc; ls /etc/istio/pod", "hosts\nistio\nlabels\n"),
        ("echo one > /dev/null; nosuch 2>/dev/null; echo $?", "127\n"),
        ("while ! true; do echo never; done; echo end # said", "end\n"),
        ("printf 2>&1", None),
        ("hostname; hostname -i", "web-1\n10.244.0.5\n"),
        ("echo '<title>A</title>' | grep -o '<title>.*</title>'", "<title>A</title>\n"),
        ("printenv USER\nprintenv NONE || echo $?", "jason\n1\n"),
    ],
)
async def test_the_language(script: str, printed: str | None) -> None:
    """Words, pipes, lists, loops and substitutions work as in any shell."""
    _, out, _ = await run(script)
    assert out == printed if printed is not None else "not found" in out


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("if true; then echo; fi", "does not play if"),
        ("sleep 1 &", "background"),
        ("echo 'a", "Unterminated"),
        ("echo a > /tmp/x", "keep no files"),
        ("| grep x", "unexpected"),
        ("for x in 1; do echo", "done"),
    ],
)
async def test_what_it_does_not_play(script: str, said: str) -> None:
    """Such a line is refused, and the reason said."""
    code, out, err = await run(script)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("line", "code", "printed"),
    [
        ("curl -sS web:9080/a?b=1", 0, "GET web:9080/a \n"),
        ("curl -s -H 'end-user: jason' http://web/x", 0, "GET web:80/x jason \n"),
        ("curl -s -d a=1 -d b=2 web", 0, "POST web:80/  a=1&b=2\n"),
        ("curl -s -o /dev/null -w '%{http_code}\\n' broken", 0, "503\n"),
        ("curl -sf broken", 22, ""),
        ("curl -sL web/old", 0, "GET web:80/new  \n"),
        ("curl -s closed", 7, ""),
        ("curl -s -m 2 slow", 28, ""),
        ("wget -qO- web:9080/a", 0, "GET web:9080/a  \n"),
        ("wget -q -O - broken", 8, ""),
    ],
)
async def test_http_clients(line: str, code: int, printed: str) -> None:
    """curl and wget send what they are told, and end with their codes."""
    ended, out, _ = await run(line)
    assert ended == code
    assert out.split() == printed.split()


async def test_unknown_options_are_named() -> None:
    """curl's options that are not played are refused."""
    code, _, err = await run("curl --proxy x web")
    assert code == 2
    assert "--proxy" in err


async def test_a_program_by_its_path() -> None:
    """`/usr/bin/env` is env."""
    out = bytearray()
    assert await run_program(["/usr/bin/env"], _make_context(out, bytearray())) == 0
    assert out == b"USER=jason\n"
