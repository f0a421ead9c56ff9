"""istioctl as a running program: its lines, its exit, its end when nobody wants it any more."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from bot.errors import IstioError
from bot.istio import Istioctl
from bot.istio import program as program_module
from bot.istio.lines import LONGEST_LINE
from bot.istio.program import INHERITED
from bot.ports import Output
from tests.istio.conftest import Release


async def ran(mesh: Istioctl, *arguments: str) -> tuple[int, list[Output]]:
    """The exit code and every line."""
    async with asyncio.timeout(40), mesh.run(arguments) as program:
        lines = [output async for output in program.output()]
        return await program.wait(), lines


def alive(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped by somebody else."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(file: Path) -> bool:
    """Whether the processes whose ids a script wrote into a file end within two seconds."""
    pids = [int(line) for line in file.read_text().split()]
    assert pids
    deadline = time.monotonic() + 2
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(alive(pid) for pid in pids)


def there(name: str) -> bool:
    """Whether a directory is still there."""
    return Path(name).exists()


def complete(file: Path) -> bool:
    """Whether a script has written its line."""
    return file.exists() and file.read_text().endswith("\n")


async def written(file: Path) -> None:
    """Returns when a script has written something into the file."""
    async with asyncio.timeout(40):
        while not complete(file):  # noqa: ASYNC110 — nothing but the file says so
            await asyncio.sleep(0.01)


async def test_lines_come_with_their_stream(release: Release) -> None:
    """Both streams are read, an unfinished last line included, and noise is left out."""
    mesh = release(
        r"""echo one; echo two >&2; printf '  \\|\n\n' >&2; printf '\033[32mthree\033[0m'; exit 3"""
    )
    code, lines = await ran(mesh)
    assert code == 3
    assert sorted(lines) == [
        Output("stderr", "two"),
        Output("stdout", "one"),
        Output("stdout", "three"),
    ]


async def test_lines_come_while_it_runs(release: Release, tmp_path: Path) -> None:
    """A line is there as soon as it is printed, not when the program ends."""
    mesh = release(f"echo first; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done; echo last")
    async with asyncio.timeout(40), mesh.run([]) as program:
        output = aiter(program.output())
        assert await anext(output) == Output("stdout", "first")
        (tmp_path / "go").touch()
        assert await anext(output) == Output("stdout", "last")
        assert [left async for left in output] == []
        assert await program.wait() == 0


async def test_arguments_are_never_a_shells(release: Release, tmp_path: Path) -> None:
    """Arguments arrive as they are, whatever they hold, and the cluster's flags come after them."""
    wild = f"$(touch {tmp_path}/hurt) `id`; rm -rf / \"'\n*"
    _, lines = await ran(
        release("""for a in "$@"; do printf '%s\\0' "$a"; done | od -An -c | tr -d ' \\n'; echo"""),
        wild,
    )
    assert not (tmp_path / "hurt").exists()
    assert "--kubeconfig=/etc/kube/config" in lines[0].line
    assert lines[0].line.endswith("--context=class\\0")


async def test_inside_a_cluster_there_are_no_flags(release: Release, home: Path) -> None:
    """Without a kubeconfig and a context nothing is added."""
    release('echo "$#"')
    _, lines = await ran(Istioctl(home, None, None, None), "install", "-y")
    assert lines == [Output("stdout", "2")]


async def test_its_environment_is_clean(
    release: Release, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable of ours reaches it that could change what it does; the way out of the network
    does. Its home goes."""
    monkeypatch.setenv("ISTIOCTL_ISTIONAMESPACE", "elsewhere")
    monkeypatch.setenv("KUBECONFIG", "/somewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    release("env")
    _, lines = await ran(Istioctl(home, None, None, None, extra={"AWS_PROFILE": "class"}))
    seen = dict(output.line.split("=", 1) for output in lines)
    assert set(seen) - set(INHERITED) <= {
        "HOME",
        "TMPDIR",
        "LANG",
        "NO_COLOR",
        "ISTIOCONFIG",
        "PWD",
        "AWS_PROFILE",
        "SHLVL",
        "_",
    }
    assert seen["HTTPS_PROXY"] == "http://proxy.test:3128"
    assert seen["HOME"] != os.environ.get("HOME")
    assert not there(seen["HOME"])


async def test_it_cannot_ask(release: Release) -> None:
    """Standard input is empty: a question gets no answer, and the program does not hang on it."""
    code, lines = await ran(release("read answer || echo nobody; exit 1"))
    assert (code, lines) == (1, [Output("stdout", "nobody")])


@pytest.mark.long
@pytest.mark.parametrize(
    "script", ["head -c 5000000 /dev/zero | tr '\\0' x; echo", "yes | head -n 300000"]
)
async def test_much_output_is_bounded(release: Release, script: str) -> None:
    """A line without end and lines without end neither block the program nor fill the memory."""
    code, lines = await ran(release(script))
    assert code == 0
    assert 0 < len(lines) <= 300_000
    assert max(len(output.line) for output in lines) <= LONGEST_LINE


@pytest.mark.parametrize("stream", ["1", "2"])
async def test_output_without_end_is_ended(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    """Beyond its ceiling nothing more is read of either stream: the program is ended, and it is
    said."""
    monkeypatch.setattr(program_module, "MOST_OUTPUT", 1_000_000)
    mesh = release(f"echo $$ > {tmp_path}/pid; exec yes >&{stream}")
    async with asyncio.timeout(40), mesh.run(["install"]) as program:
        with pytest.raises(IstioError, match="istioctl printed more than 1 MB and was ended"):
            await program.wait()
    assert gone(tmp_path / "pid")


async def test_a_document_without_end_is_ended(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where standard output is one document; it is no refusal of the arguments."""
    monkeypatch.setattr(program_module, "MOST_OUTPUT", 1_000_000)
    async with asyncio.timeout(40):
        with pytest.raises(IstioError, match="printed more than 1 MB") as caught:
            await release("exec yes 'a: b'").render(["--set", "profile=demo"])
    assert caught.value.code == 0


@pytest.mark.long
async def test_nobody_has_to_read(release: Release) -> None:
    """A program whose output is not read ends all the same, and its last words are kept."""
    mesh = release("yes | head -n 200000; for n in $(seq 1 30); do echo line $n >&2; done; exit 4")
    async with asyncio.timeout(40), mesh.run([]) as program:
        assert await program.wait() == 4
        assert program.tail == tuple(f"line {n}" for n in range(11, 31))


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"])
async def test_a_cancelled_run_leaves_no_process(
    release: Release, tmp_path: Path, trap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelling the task ends the program and its children, asked first and then killed."""
    monkeypatch.setattr("bot.istio.program.TERM_SECONDS", 0.2)
    file = tmp_path / "pids"
    mesh = release(f"{trap} sleep 60 & echo $$ $! > {file}; wait; sleep 60")
    task = asyncio.create_task(ran(mesh, "install"))
    await written(file)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(file)


async def test_leaving_early_ends_it(release: Release, tmp_path: Path) -> None:
    """A context that is left before the program ends takes the program with it."""
    file = tmp_path / "pids"
    async with release(f"echo $$ > {file}; sleep 60").run([]):
        await written(file)
    assert gone(file)


async def test_a_child_that_stays_behind_is_ended(release: Release, tmp_path: Path) -> None:
    """A background child that keeps the streams open neither hangs the reader nor survives."""
    file = tmp_path / "pids"
    code, lines = await ran(release(f"sleep 60 & echo $! > {file}; echo done"))
    assert (code, lines) == (0, [Output("stdout", "done")])
    assert gone(file)


async def test_a_signal_is_a_negative_code(release: Release) -> None:
    """Killed by somebody else: the code says by which signal."""
    assert (await ran(release("kill -9 $$")))[0] == -9


async def test_a_missing_program_is_said(home: Path) -> None:
    """Running what is not there raises what to do about it, and leaves no task."""
    before = asyncio.all_tasks()
    with pytest.raises(IstioError, match="MESHBOT_ISTIO__HOME"):
        await ran(Istioctl(home, None, None, None))
    assert asyncio.all_tasks() == before


PARENT = """
import asyncio, sys
from pathlib import Path
from bot.istio import Istioctl

async def main() -> None:
    async with Istioctl(Path(sys.argv[1]), None, None, None).run([]) as program:
        await program.wait()

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux' setpriv is not here")
async def test_it_does_not_outlive_a_killed_bot(
    release: Release, home: Path, tmp_path: Path
) -> None:
    """kill -9 leaves nobody who could end it; the kernel does."""
    file = tmp_path / "pids"
    release(f"echo $$ > {file}; while :; do sleep 0.1; done")
    bot = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(home))
    await written(file)
    assert alive(int(file.read_text()))
    bot.kill()
    await bot.wait()
    assert gone(file)
