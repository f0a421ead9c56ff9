"""Shell commands in a script, played for real."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.script import ScriptError, parse_script
from sandbox.script_player import ScriptPlayer
from sandbox.shell import Shell, build_shell_environment
from sandbox.workspace import Workspace

Play = Callable[..., ScriptPlayer]


@pytest.fixture
async def play(workspace: Workspace, tmp_path: Path) -> AsyncIterator[Play]:
    """Makes a player with a shell in a folder of its own."""
    environment = build_shell_environment(
        os.environ,
        kubeconfig=str(tmp_path / "kubeconfig"),
        istioctl=tmp_path / "istioctl",
        cache=tmp_path / "cache",
    )
    shell = Shell(tmp_path, environment)

    def make(out: list[str], timeout: float = 40.0) -> ScriptPlayer:
        return ScriptPlayer(workspace, out=out.append, timeout=timeout, settle=0.05, shell=shell)

    yield make
    shell.close()


async def test_a_command_stands_in_the_transcript_with_its_output(
    play: Play, tmp_path: Path
) -> None:
    """What the shell is told, and below it, indented, what it says on both streams."""
    said: list[str] = []
    script = '$ echo "$KUBECONFIG"\n$ echo oops >&2; exit 4 -> error\n$ true -> done'
    assert await play(said).play(parse_script(script))
    assert said == [
        '$ echo "$KUBECONFIG"',
        f"    {tmp_path / 'kubeconfig'}",
        "$ echo oops >&2; exit 4",
        "    oops",
        "$ true",
        "3 lines, all as expected",
    ]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("$ exit 3", "line 1 ($ exit 3): expected done, saw error: exit code 3"),
        ("$ true -> error", "line 1 ($ true): expected error, saw done: exit code 0"),
        (
            "$ sleep 60",
            "line 1 ($ sleep 60): expected done, saw no end within 0.3 s; it was killed",
        ),
        ("$ sleep 60 -> error", "expected error, saw no end within 0.3 s; it was killed"),
    ],
)
async def test_a_command_that_ends_otherwise_ends_the_play(
    play: Play, line: str, seen: str
) -> None:
    """The line is named with what was seen, and nothing after it runs."""
    said: list[str] = []
    assert not await play(said, 0.3).play(parse_script(f"{line}\n$ echo after"))
    assert seen in said[-1]
    assert "$ echo after" not in said


async def test_without_a_shell_a_script_with_commands_is_refused(workspace: Workspace) -> None:
    """Before anything of it is typed."""
    said: list[str] = []
    player = ScriptPlayer(workspace, out=said.append)
    with pytest.raises(ScriptError, match=r"line 2 \(\$ true\): there is no shell"):
        await player.play(parse_script("/mesh help\n$ true"))
    assert said == []


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
async def test_kubectl_reaches_the_cluster_of_the_play(play: Play, tmp_path: Path) -> None:
    """KUBECONFIG is that of the embedded cluster, and manifests are found beside the script."""
    cluster = EmbeddedCluster(Clock(100))
    await cluster.start()
    try:
        cluster.write_kubeconfig(tmp_path / "kubeconfig")
        (tmp_path / "ns.yaml").write_text(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n"
        )
        said: list[str] = []
        script = "$ kubectl apply -f ns.yaml\n$ kubectl get ns -o name | sort"
        assert await play(said).play(parse_script(script)), said
        assert {"    namespace/extra created", "    namespace/extra"} <= set(said)
    finally:
        await cluster.stop()
