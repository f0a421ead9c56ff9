"""The shell of a play, with real commands."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.shell import (
    FIRST_LINES,
    LAST_LINES,
    LONGEST_LINE,
    OutputWriter,
    Shell,
    build_shell_environment,
    describe_exit,
)
from tests.sandbox.workspace.conftest import until


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A shell in a folder of its own, which ends with the test."""
    environment = build_shell_environment(
        os.environ,
        kubeconfig=str(tmp_path / "kubeconfig"),
        istioctl=tmp_path / "bin" / "istioctl",
        cache=tmp_path / "cache",
    )
    shell = Shell(tmp_path, environment)
    yield shell
    shell.close()


async def run(shell: Shell, command: str, seconds: float = 40.0) -> tuple[int, list[str]]:
    """The exit code of a command, and the lines that it wrote."""
    lines: list[str] = []
    code = await shell.run_command(command, out=lines.append, seconds=seconds)
    return code, lines


class Witness:
    """The reading end of a FIFO: it tells whether anything that writes into it is alive."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def sees_writer(self) -> bool:
        """Whether a process holds the other end; one that was killed holds nothing."""
        try:
            return os.read(self._fd, 1) != b""
        except BlockingIOError:
            return True

    def close(self) -> None:
        """Look no more."""
        os.close(self._fd)


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[Witness]:
    """A FIFO called `alive` in the shell's folder."""
    witness = Witness(tmp_path / "alive")
    yield witness
    witness.close()


async def test_both_streams_come_in_order(shell: Shell) -> None:
    """What is written to standard error stands where it was written."""
    assert await run(shell, "echo one; echo two >&2; printf three") == (0, ["one", "two", "three"])


async def test_a_command_works_in_the_folder_on_the_cluster_with_its_istioctl(
    shell: Shell, tmp_path: Path
) -> None:
    """Relative paths, KUBECONFIG and PATH are those of the play."""
    (tmp_path / "note.txt").write_text("here\n")
    istioctl = tmp_path / "bin" / "istioctl"
    istioctl.parent.mkdir()
    istioctl.write_text("#!/bin/sh\necho played $1\n")
    istioctl.chmod(0o755)
    code, lines = await run(shell, 'cat note.txt; echo "$KUBECONFIG"; istioctl version')
    assert (code, lines) == (0, ["here", str(tmp_path / "kubeconfig"), "played version"])


def test_relative_kubeconfigs_are_found_from_any_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several files stay several, each with its whole path."""
    monkeypatch.chdir("/")
    environment = build_shell_environment(
        {"PATH": "/bin"}, kubeconfig="a:/b/c", istioctl=Path("x/istioctl"), cache=Path("/cache")
    )
    assert (environment["KUBECONFIG"], environment["PATH"]) == ("/a:/b/c", "/x:/bin")


async def test_a_command_has_no_input(shell: Shell) -> None:
    """One that asks goes on at once, without an answer."""
    assert await run(shell, "cat; echo over") == (0, ["over"])


@pytest.mark.parametrize(
    ("command", "words"),
    [("exit 3", "exit code 3"), ("nonesuch-command", "exit code 127"), ("kill -9 $$", "SIGKILL")],
)
async def test_the_exit_code_is_told(shell: Shell, command: str, words: str) -> None:
    """Codes as they are, signals by name."""
    code, _ = await run(shell, command)
    assert words in describe_exit(code)


async def test_a_long_output_keeps_its_beginning_and_its_end(shell: Shell) -> None:
    """The middle is counted."""
    total = FIRST_LINES + LAST_LINES + 7
    _, lines = await run(shell, f"i=0; while [ $i -lt {total} ]; do i=$((i+1)); echo $i; done")
    assert lines[FIRST_LINES] == "(7 lines left out)"
    assert (lines[0], lines[FIRST_LINES - 1], lines[-1]) == ("1", str(FIRST_LINES), str(total))
    assert len(lines) == FIRST_LINES + 1 + LAST_LINES


@pytest.mark.parametrize("total", [FIRST_LINES, FIRST_LINES + 1, FIRST_LINES + LAST_LINES])
def test_an_output_that_fits_is_whole(total: int) -> None:
    """Nothing is said to be left out where nothing is."""
    lines: list[str] = []
    writer = OutputWriter(lines.append)
    writer.write_bytes(b"".join(b"%d\n" % number for number in range(total)))
    writer.finish()
    assert lines == [str(number) for number in range(total)]


def test_output_is_cut_into_lines_wherever_its_pieces_end() -> None:
    """Letters of several bytes, lines that are too long, progress bars and bytes that are no text."""
    lines: list[str] = []
    writer = OutputWriter(lines.append)
    text = "käse\r\n" + "x" * (LONGEST_LINE + 9) + "\n10 %\r100 %\n"
    for byte in text.encode() + b"\xff":
        writer.write_bytes(bytes([byte]))
    writer.finish()
    assert lines == ["käse", "x" * LONGEST_LINE + "…", "100 %", "\N{REPLACEMENT CHARACTER}"]


async def test_the_first_lines_are_seen_while_the_command_runs(
    shell: Shell, tmp_path: Path
) -> None:
    """A long command is not silent until its end, and everything else goes on meanwhile."""
    os.mkfifo(tmp_path / "gate")
    lines: list[str] = []
    command = shell.run_command("echo begun; cat gate", out=lines.append, seconds=10)
    task = asyncio.create_task(command)
    await until(lambda: lines == ["begun"])
    assert not task.done()
    (tmp_path / "gate").write_text("opened\n")
    assert (await task, lines) == (0, ["begun", "opened"])


async def test_a_command_that_takes_too_long_is_killed_with_its_children(
    shell: Shell, witness: Witness
) -> None:
    """What it wrote until then is there, and nothing of it runs on."""
    lines: list[str] = []
    with pytest.raises(TimeoutError):
        await shell.run_command(
            "trap '' TERM; sleep 60 > alive & echo waiting; wait", out=lines.append, seconds=0.3
        )
    assert lines == ["waiting"]
    await until(lambda: not witness.sees_writer())


async def test_a_play_that_is_stopped_leaves_nothing_running(
    shell: Shell, witness: Witness
) -> None:
    """A cancelled command is killed with its children."""
    task = asyncio.create_task(run(shell, "sleep 60 > alive | sleep 60"))
    await until(witness.sees_writer)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not witness.sees_writer())


async def test_what_runs_in_the_background_ends_with_the_play(
    shell: Shell, witness: Witness
) -> None:
    """It neither holds up its line, though it has its output, nor outlives the play."""
    command = "while sleep 0.01; do echo more; done 9> alive & echo begun"
    assert await run(shell, command) == (0, ["begun"])
    assert await run(shell, "echo next") == (0, ["next"])
    # The loop opens its end when it gets a turn, which may be after both commands.
    await until(witness.sees_writer)
    shell.close()
    await until(lambda: not witness.sees_writer())


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The command does not run somewhere else."""
    with pytest.raises(FileNotFoundError):
        await run(Shell(tmp_path / "gone", os.environ), "echo here")


async def test_sh_does_where_there_is_no_bash(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bash where it is, since that is what people type into."""
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    plain = Shell(tmp_path, {"PATH": os.defpath})
    assert await run(plain, 'echo "${BASH_VERSION:+bash}"; kill -15 $$') == (
        -signal.SIGTERM,
        [""],
    )
