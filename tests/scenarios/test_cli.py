"""The command line as people use it, each command a process of its own: its words, its exit codes,
no traceback."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from bot.cli.arguments import PAGE_PORT, build_parser
from tests.sandbox.workspace.conftest import until

pytestmark = pytest.mark.long


def clean() -> dict[str, str]:
    """The environment without anything that the bot reads."""
    theirs = ("MESHBOT_", "SLACK_", "KUBECONFIG", "ISTIO_HOME", "GATEWAY_API")
    return {key: value for key, value in os.environ.items() if not key.startswith(theirs)}


async def meshbot(*arguments: str, **more: str) -> tuple[int, str]:
    """Runs `meshbot` to its end; exit code, and what it wrote on both streams."""
    environment = clean() | {"HOME": "/nonexistent"} | more
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        env=environment,
        stdout=PIPE,
        stderr=STDOUT,
        stdin=PIPE,
    )
    output, _ = await asyncio.wait_for(program.communicate(), 60)
    assert program.returncode is not None
    assert b"Traceback" not in output, output.decode()
    return program.returncode, output.decode()


def playing(tmp_path: Path, script: str) -> tuple[str, str]:
    """The arguments that play these lines."""
    path = tmp_path / "script.mesh"
    path.write_text(script, encoding="utf-8")
    return "--play", str(path)


@pytest.mark.parametrize("verb", ["", "run", "sandbox", "doctor", "settings", "audit"])
def test_every_command_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help prints the usage and exits with 0."""
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([*verb.split(), "--help"])
    assert ended.value.code == 0
    assert f"usage: meshbot {verb}".strip() in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonesuch"], "invalid choice"),
        (["sandbox", "--speed", "-1"], "-1 is not a number above 0"),
        (["sandbox", "--speed", "nan"], "nan is not a number above 0"),
        (["sandbox", "--port", "99999"], "99999 is not a port"),
        (["sandbox", "--istio", "9.9"], "invalid choice"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with the argument that is wrong."""
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("/mesh install\nfoo\n", "line 2: expected a /command"),
        ("/mesh install -> soon\n", "unknown end"),
        ("@zoe: /mesh status\n", "line 1: no user @zoe"),
        ("# nothing\n", "there is nothing to play"),
    ],
)
async def test_a_bad_script_is_refused(tmp_path: Path, script: str, says: str) -> None:
    """Exit code 2, and which line it is."""
    code, said = await meshbot("sandbox", *playing(tmp_path, script))
    assert (code, says in said) == (2, True), said


async def test_a_missing_script_is_refused() -> None:
    """The built-in ones are named."""
    code, said = await meshbot("sandbox", "--play", "nonesuch")
    assert code == 2
    assert "neither a file nor one of the built-in install" in said


async def test_a_line_that_ends_otherwise_ends_the_play(tmp_path: Path) -> None:
    """Exit code 1, which line, what was expected and what was seen; what follows is not typed."""
    code, said = await meshbot(
        "sandbox", *playing(tmp_path, "/mesh whoami\n/mesh nonesuch\n/mesh help\n")
    )
    assert code == 1
    assert "line 2 (/mesh nonesuch): expected done, saw error" in said
    assert "host: /mesh help\n" not in said


async def test_a_button_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With the ones that are."""
    code, said = await meshbot("sandbox", *playing(tmp_path, '/mesh whoami\nclick "Nope"\n'))
    assert code == 1
    assert 'host sees no button "Nope"' in said


async def test_a_line_that_does_not_end_in_time_is_said(tmp_path: Path) -> None:
    """What its answers stand at."""
    code, said = await meshbot(
        "sandbox", *playing(tmp_path, "/mesh preflight\n"), "--timeout", "0.01"
    )
    assert code == 1
    assert "saw no end within 0.01 s" in said


async def test_shell_commands_of_a_script_work_on_its_cluster(tmp_path: Path) -> None:
    """They find files beside the script, the cluster's kubeconfig, and the release's istioctl."""
    (tmp_path / "note.txt").write_text("beside the script", encoding="utf-8")
    script = '$ cat note.txt\n$ grep -c 127.0.0.1 "$KUBECONFIG"\n$ istioctl version | head -3\n'
    code, said = await meshbot("sandbox", *playing(tmp_path, script))
    assert (code, "3 lines, all as expected" in said) == (0, True), said
    assert "    beside the script" in said
    assert "1.30.3" in said


async def test_shell_commands_are_not_for_another_cluster(tmp_path: Path) -> None:
    """Exit code 2 before anything is reached, with the line and the flag that allows it."""
    code, said = await meshbot(
        "sandbox", "--cluster", "kubeconfig", *playing(tmp_path, "/mesh status\n$ true\n")
    )
    assert code == 2
    assert "line 2 ($ true) is a shell command" in said
    assert "--allow-shell" in said


async def test_a_port_that_is_taken_is_said() -> None:
    """Not a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = await meshbot(
            "sandbox", "--port", str(taken.getsockname()[1]), "--play", "install"
        )
    assert code == 2
    assert "in use" in said


async def test_the_page_has_its_usual_port_and_is_opened(tmp_path: Path) -> None:
    """The second sandbox beside the first says that the port is taken, and has another one."""
    usual, opened = f"http://127.0.0.1:{PAGE_PORT}/?t=", tmp_path / "opened"
    browser = f'sh -c "echo %s > {opened}"'
    programs, pages = [], []
    for _ in range(2):
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "sandbox", "--open"),
            env=clean() | {"BROWSER": browser},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        programs.append(program)
        assert program.stdout is not None
        told = await asyncio.wait_for(program.stdout.readline(), 30)
        pages.append(told.decode().removeprefix("channel:").strip())
        await until(lambda: opened.exists() and opened.read_text().strip() == pages[-1], 30)
    for program in programs:
        program.send_signal(signal.SIGTERM)
    said = [(await asyncio.wait_for(program.communicate(), 40))[1] for program in programs]
    taken = f"port {PAGE_PORT} is taken".encode()
    if taken in said[0]:
        pytest.skip("somebody else has the usual port")
    assert pages[0].startswith(usual)
    assert not pages[1].startswith(usual)
    assert taken in said[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_play(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C in the middle: soon over, exit code 1, and it says so."""
    program = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "bot",
            "sandbox",
            "--speed",
            "0.01",
            *playing(tmp_path, "/mesh install\n"),
        ),
        env=clean(),
        stdout=PIPE,
        stderr=STDOUT,
    )
    assert program.stdout is not None
    assert b"/mesh install" in await asyncio.wait_for(program.stdout.readline(), 30)
    program.send_signal(number)
    rest, _ = await asyncio.wait_for(program.communicate(), 40)
    assert program.returncode == 1
    assert b"stopped" in rest
    assert b"Traceback" not in rest


async def test_a_signal_ends_what_a_script_runs(tmp_path: Path) -> None:
    """A command in the middle is gone, with its children, when the play is."""
    os.mkfifo(tmp_path / "alive")
    watched = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)

    def is_alive() -> bool:
        try:
            return os.read(watched, 1) != b""
        except BlockingIOError:
            return True

    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "sandbox"),
        *playing(tmp_path, "$ sleep 77 > alive | sleep 77\n"),
        env=clean(),
        stdout=PIPE,
        stderr=STDOUT,
    )
    await until(is_alive, 30)
    program.send_signal(signal.SIGTERM)
    said, _ = await asyncio.wait_for(program.communicate(), 40)
    assert (program.returncode, b"stopped" in said, b"Traceback" in said) == (1, True, False)
    await until(lambda: not is_alive())
    os.close(watched)


async def test_settings_are_printed_without_secrets() -> None:
    """What was set is there, a token only by its beginning."""
    code, said = await meshbot(
        "settings",
        MESHBOT_SLACK__BOT_TOKEN="xoxb-123-secretsecret",
        MESHBOT_WORKSHOP__APP_NAMESPACE="books",
    )
    assert code == 0
    assert "secretsecret" not in said
    assert "app_namespace: books" in said


async def test_an_unknown_setting_is_refused_with_a_guess() -> None:
    """Exit code 2, the name, and the one that was meant."""
    code, said = await meshbot("settings", MESHBOT_SLAK__BOT_TOKEN="xoxb-1")
    assert code == 2
    assert "did you mean slack.bot_token" in said


async def test_run_without_settings_lists_all_that_is_missing() -> None:
    """Exit code 2, and every name at once."""
    code, said = await meshbot("run")
    assert code == 2
    assert all(name in said for name in ("slack.bot_token", "slack.app_token", "istio.home"))


async def test_run_on_a_cluster_that_is_no_cluster_ends_with_a_sentence(tmp_path: Path) -> None:
    """A kubeconfig that is not there: its path, exit code 2."""
    tokens = {
        "MESHBOT_SLACK__BOT_TOKEN": "xoxb-1234567890-a",
        "MESHBOT_SLACK__APP_TOKEN": "xapp-1234567890-a",
    }
    code, said = await meshbot(
        "run",
        **tokens,
        MESHBOT_ISTIO__HOME=str(tmp_path),
        MESHBOT_CLUSTER__KUBECONFIG=str(tmp_path / "nope"),
    )
    assert code == 2
    assert "there is no file" in said
